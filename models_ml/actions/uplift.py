"""What an action changes: who responds with it who would not without, where people were held out.

Two models, of who got it and of who was held out (the T-learner, Kunzel et al. 2019), judged by the
Qini curve (Radcliffe 2007) on people that neither model has seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models_ml.actions.choosing import Flags, Floats, Ints
from models_ml.actions.responses import Enough, Response, fit

FOLDS = 5


@dataclass(frozen=True)
class Uplift:
    """The two models."""

    treated: Response
    control: Response

    def effect(self, encoded: Floats) -> Floats:
        """By how much the probability of a response is higher with the action: (rows,)."""
        return self.treated.probability(encoded) - self.control.probability(encoded)

    def contributions(self, encoded: Floats, sources: Sequence[str]) -> dict[str, Floats]:
        """Feature -> by how much more it moves the log odds with the action than without."""
        found = self.treated.contributions(encoded, sources)
        without = self.control.contributions(encoded, sources)
        none = np.zeros(len(encoded))
        return {
            name: found.get(name, none) - without.get(name, none) for name in {**found, **without}
        }


@dataclass(frozen=True)
class Qini:
    """Responses gained per person by asking the best first, over asking at random.

    0: the order tells nothing. NaN where one arm is empty.
    """

    value: float
    low: float
    high: float
    people: int


def fit_two(
    encoded: Floats,
    responded: Flags,
    treated: Flags,
    enough: Enough,
    assumed: float,
    known: Flags | None = None,
) -> Uplift:
    """Of people assigned at random to the action (``treated``) or to nothing.

    Who is not ``known`` has no features and counts for the rates alone, where no arm has a model.
    """
    seen = np.ones(len(responded), bool) if known is None else known
    arms = [
        fit(encoded[arm], responded[arm], enough, assumed, seen[arm]) for arm in (treated, ~treated)
    ]
    if any(arm.model for arm in arms) and not seen.all():
        # A rate of all beside a model of some would compare people who differ.
        return fit_two(encoded[seen], responded[seen], treated[seen], enough, assumed)
    return Uplift(arms[0], arms[1])


def unseen_effect(
    encoded: Floats,
    responded: Flags,
    treated: Flags,
    folds: Ints,
    enough: Enough,
    assumed: float,
) -> Floats:
    """The effect on each person by models fitted without the person's fold: (rows,)."""
    found = np.zeros(len(encoded))
    for fold in np.unique(folds):
        own = folds == fold
        model = fit_two(encoded[~own], responded[~own], treated[~own], enough, assumed)
        found[own] = model.effect(encoded[own])
    return found


def qini(
    effect: Floats,
    responded: Flags,
    treated: Flags,
    replicates: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> Qini:
    """The area between the Qini curve and the straight line, per person, with its interval from
    people drawn again."""
    count = len(effect)
    if count == 0 or treated.all() or not treated.any():
        return Qini(float("nan"), float("nan"), float("nan"), count)
    order = np.argsort(-effect, kind="stable")
    hit, got = responded[order].astype(float), treated[order].astype(float)
    random = np.random.default_rng([seed, count])
    value = float(_area(hit, got, np.ones((1, count)))[0])
    # One at a time: all replicates of many people do not fit into memory.
    again = [_area(hit, got, random.poisson(1.0, (1, count)))[0] for _ in range(replicates)]
    low, high = np.nanquantile(again, [(1 - level) / 2, (1 + level) / 2])
    return Qini(value, float(low), float(high), count)


def _area(hit: Floats, got: Floats, weights: Floats) -> Floats:
    """Of people in order (people,), drawn so often (replicates, people)."""
    treated, control = weights * got, weights * (1 - got)
    n_treated, n_control = treated.cumsum(axis=1), control.cumsum(axis=1)
    y_treated, y_control = (treated * hit).cumsum(axis=1), (control * hit).cumsum(axis=1)
    ratio = np.divide(n_treated, n_control, out=np.zeros_like(n_treated), where=n_control > 0)
    curve = y_treated - y_control * ratio
    total = n_treated[:, -1:]
    share = n_treated / np.where(total > 0, total, np.nan)
    line = curve[:, -1:] * share
    step = np.diff(share, axis=1, prepend=0.0)
    area: Floats = ((curve - line) * step).sum(axis=1) / total[:, 0]
    return area
