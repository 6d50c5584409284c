"""The one fitted object: columns to numbers, estimator and calibration, persisted together."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

Floats = NDArray[np.float64]


class Fitted(BaseEstimator):
    """From a frame's rows to probabilities. Nothing is fitted again when scoring."""

    def margin(self, frame: pl.DataFrame) -> Floats:
        """What contributions add up to, per row: a logit before calibration."""
        raise NotImplementedError

    def probability(self, frame: pl.DataFrame) -> Floats:
        """The calibrated probability of the outcome, per row."""
        raise NotImplementedError
