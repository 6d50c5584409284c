"""How well a model tells who responds, on contacts that it has not seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, rankdata

from models_ml.actions.choosing import Flags, Floats, Ints
from models_ml.actions.responses import Enough, fit
from workspace.buckets import bucket

FOLDS = 3


@dataclass(frozen=True)
class Auc:
    """Area under the ROC curve with its interval; NaN where one class is missing."""

    value: float
    low: float
    high: float


def folds_of(contacts: Iterable[str], of: int = FOLDS) -> Ints:
    """The fold of each row: all rows of a contact are in the same one."""
    return np.array([bucket("folds", ident, of) for ident in contacts], np.int64)


def unseen(
    encoded: Floats, responded: Flags, folds: Ints, enough: Enough, assumed: float
) -> Floats:
    """The probability of each row by a model fitted without its fold: (rows,)."""
    found = np.zeros(len(encoded))
    for fold in np.unique(folds):
        own = folds == fold
        model = fit(encoded[~own], responded[~own], enough, assumed)
        found[own] = model.probability(encoded[own])
    return found


def auc(scores: Floats, positive: Flags, level: float = 0.95) -> Auc:
    """With DeLong's variance (1988); of 0.9, 0.8, 0.3 against 0.5, 0.2: 0.8333."""
    ups, downs = scores[positive], scores[~positive]
    m, n = len(ups), len(downs)
    if not m or not n:
        nan = float("nan")
        return Auc(nan, nan, nan)
    ranks = rankdata(np.concatenate([ups, downs]))
    above = (ranks[:m] - rankdata(ups)) / n
    below = 1 - (ranks[m:] - rankdata(downs)) / m
    value = float(above.mean())
    if m < 2 or n < 2:
        return Auc(value, float("nan"), float("nan"))
    spread = np.sqrt(above.var(ddof=1) / m + below.var(ddof=1) / n)
    reach = float(norm.isf((1 - level) / 2) * spread)
    return Auc(value, max(0.0, value - reach), min(1.0, value + reach))
