"""Exact contributions of a linear model over broken lines: a function a feature.

The model is additive, so a feature's Shapley value is its function's value less the function's mean
over the training rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from models_ml.supervised.hinges import Hinges

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """A number's function: ``heights`` at ``knots``, straight between and constant beyond them."""

    knots: Floats
    heights: Floats
    missing: float

    def at(self, values: Floats) -> Floats:
        if len(self.knots) == 1:
            found = np.full(len(values), self.heights[0])
        else:
            found = np.interp(values, self.knots, self.heights)
        found[np.isnan(values)] = self.missing
        return found


@dataclass(frozen=True)
class Lines:
    """A linear model's functions and the weights of its columns of texts, each feature's mean over
    the training rows (``means``), and the margin of the average training row."""

    average: float
    lines: tuple[Line, ...]
    weights: Floats
    owners: NDArray[np.int64]
    means: Floats

    def contributions(self, matrix: Floats) -> Floats:
        """Of rows (rows, columns before `Hinges`): (rows, features)."""
        found = np.zeros((len(matrix), len(self.means)))
        for number, line in enumerate(self.lines):
            found[:, number] = line.at(matrix[:, number])
        first = len(self.lines)
        for column, weight in enumerate(self.weights, first):
            found[:, self.owners[column]] += weight * matrix[:, column]
        return found - self.means

    def margin(self, matrix: Floats) -> Floats:
        """The model's decision, per row."""
        return self.average + self.contributions(matrix).sum(axis=1)


def lines(model: LogisticRegression, hinges: Hinges, owners: NDArray[np.int64]) -> Lines:
    """Of a fitted binary model; ``owners`` is the number of the feature each column before `Hinges`
    belongs to, ``hinges.means_`` the mean of each column after it."""
    weights = model.coef_.ravel()
    found = []
    for number in range(hinges.numeric):
        own = weights[hinges.sources_ == number]
        knots = hinges.knots_[number]
        heights = hinges.basis(number, knots) @ own
        missing = hinges.basis(number, np.array([np.nan])) @ own
        found.append(Line(knots, heights, float(missing[0])))
    features = owners[hinges.sources_]
    means = np.bincount(features, weights * hinges.means_, int(owners.max(initial=-1)) + 1)
    texts = weights[hinges.sources_ >= hinges.numeric]
    average = float(model.intercept_.ravel()[0] + means.sum())
    return Lines(average, tuple(found), texts, owners, means)
