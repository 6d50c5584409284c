"""The one fitted object: columns to numbers, estimator and calibration, persisted together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from models_ml.supervised.columns import Columns
from models_ml.supervised.lines import Lines, lines
from models_ml.supervised.trees import Tables, tables

Floats = NDArray[np.float64]
#: Rows that are scored at once.
ROWS = 65_536


class Fitted(BaseEstimator):
    """From a frame's rows to probabilities. Nothing is fitted again when scoring.

    ``pipeline`` is `Columns`, for a linear model `Hinges`, and the estimator. Its decision times
    ``scale`` plus ``shift`` (Platt) is the **margin**; ``isotonic`` maps it to the probability,
    where it is None the logistic function does.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        scale: float = 1.0,
        shift: float = 0.0,
        isotonic: IsotonicRegression | None = None,
    ) -> None:
        self.pipeline = pipeline
        self.scale = scale
        self.shift = shift
        self.isotonic = isotonic

    @property
    def columns(self) -> Columns:
        return self.pipeline[0]

    @property
    def features(self) -> tuple[str, ...]:
        """In the order of contributions: numbers, then texts."""
        return (*self.columns.numeric, *self.columns.categorical)

    @property
    def additive(self) -> Lines | Tables:
        """The estimator as a sum over features: what scores and explains, and is not stored."""
        if "_additive" not in self.__dict__:
            owners = self.columns.owners_
            if isinstance(self.pipeline[-1], LogisticRegression):
                self._additive: Lines | Tables = lines(self.pipeline[-1], self.pipeline[1], owners)
            else:
                self._additive = tables(self.pipeline[-1], owners)
        return self._additive

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_additive"}

    @property
    def average(self) -> float:
        """The margin of the average training row."""
        return self.additive.average * self.scale + self.shift

    def margin(self, frame: pl.DataFrame) -> Floats:
        """What contributions add up to, per row: the logit of Platt's probability."""
        found = np.empty(frame.height)
        for first, part in parts(frame):
            decision = self.additive.margin(self.columns.transform(part))
            found[first : first + part.height] = decision * self.scale + self.shift
        return found

    def contributions(self, frame: pl.DataFrame) -> Floats:
        """What each feature adds to the average margin: (rows, features)."""
        found = np.zeros((frame.height, len(self.features)))
        for first, part in parts(frame):
            own = self.additive.contributions(self.columns.transform(part))
            # Last texts that have no column, as all their values are rare, add nothing.
            found[first : first + part.height, : own.shape[1]] = own * self.scale
        return found

    def probability(self, frame: pl.DataFrame) -> Floats:
        """The calibrated probability of the outcome, per row."""
        return self.calibrated(self.margin(frame))

    def calibrated(self, margin: Floats) -> Floats:
        """The probabilities of margins."""
        if self.isotonic is None:
            return expit(margin)
        if not len(margin):  # which scikit-learn refuses
            return margin
        return self.isotonic.predict(margin)


def parts(frame: pl.DataFrame) -> Iterator[tuple[int, pl.DataFrame]]:
    """A frame's rows, so many at once, each part with the place of its first."""
    for first in range(0, frame.height, ROWS):
        yield first, frame.slice(first, ROWS)
