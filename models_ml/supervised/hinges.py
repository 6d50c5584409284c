"""Numbers as broken lines, so that a linear model can bend where the data does."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

Floats = NDArray[np.float64]


class Hinges(TransformerMixin, BaseEstimator):
    """Each of the first ``numeric`` columns becomes a line and ramps between quantiles; the others
    stay as they are.

    A ramp rises from 0 to 1 between two neighbouring knots, so that its weight is the step between
    them, and a penalty on weights makes the broken line smooth. Beyond the outer knots all are
    constant: an outlier counts like the outermost knot. NaN is a column of its own, with the lines
    at the fitted median. ``knots`` is how many quantiles are taken, equal ones once.

    After :meth:`fit`, ``sources_`` has the column that each column given came from, and ``means_``
    its mean over the fitted rows.
    """

    def __init__(self, numeric: int = 0, knots: int = 5) -> None:
        self.numeric = numeric
        self.knots = knots

    def fit(self, X: Floats, y: Any = None) -> Hinges:
        shares = np.concatenate([[0.005], np.linspace(0, 1, self.knots)[1:-1], [0.995]])
        self.knots_: list[Floats] = []
        self.centres_, self.scales_ = np.zeros(self.numeric), np.ones(self.numeric)
        self.medians_ = np.zeros(self.numeric)
        sources: list[int] = []
        for column in range(self.numeric):
            known = X[:, column][~np.isnan(X[:, column])]
            at = np.unique(np.quantile(known, shares)) if len(known) else np.zeros(1)
            if len(at) < 2 and len(known) and known.min() < known.max():
                at = np.array([known.min(), known.max()])
            self.knots_.append(at)
            clipped = np.clip(known, at[0], at[-1])
            if len(known):
                self.medians_[column] = np.median(clipped)
                self.centres_[column] = clipped.mean()
                self.scales_[column] = clipped.std() or 1.0
            sources += [column] * (1 + len(at))
        sources += range(self.numeric, X.shape[1])
        self.sources_ = np.array(sources, dtype=np.int64)
        self.means_ = self.transform(X).mean(axis=0)
        return self

    def transform(self, X: Floats) -> Floats:
        """(rows, columns): of each number the line, its ramps and whether it is unknown."""
        found = np.empty((len(X), len(self.sources_)))
        at = 0
        for column in range(self.numeric):
            part = self.basis(column, X[:, column])
            found[:, at : at + part.shape[1]] = part
            at += part.shape[1]
        found[:, at:] = X[:, self.numeric :]
        return found

    def basis(self, column: int, values: Floats) -> Floats:
        """A number's columns: (rows, 1 + knots)."""
        knots = self.knots_[column]
        missing = np.isnan(values)
        clipped = np.clip(np.where(missing, self.medians_[column], values), knots[0], knots[-1])
        found = np.empty((len(values), 1 + len(knots)))
        found[:, 0] = (clipped - self.centres_[column]) / self.scales_[column]
        found[:, 0][missing] = 0.0
        for ramp, (low, high) in enumerate(pairwise(knots), 1):
            found[:, ramp] = np.clip((clipped - low) / (high - low), 0.0, 1.0)
        found[:, -1] = missing
        return found
