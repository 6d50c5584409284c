"""What a row's score is made of: contributions of features that add up to its margin."""

from __future__ import annotations

import polars as pl

from models_ml.supervised.fitted import Fitted, Floats


def contributions(fitted: Fitted, frame: pl.DataFrame) -> tuple[float, Floats]:
    """The margin of the average training row, and what each feature adds to it: (rows, features),
    in the order of :attr:`Fitted.features`. A row's sum and the average are its margin."""
    raise NotImplementedError


def top(fitted: Fitted, frame: pl.DataFrame, count: int = 3) -> pl.Series:
    """The features that move each row's score most, as JSON texts: a list of ``feature``,
    ``value`` (as text, null when unknown) and ``contribution`` (logit), the largest first."""
    raise NotImplementedError
