"""What another policy would have brought, from decisions whose propensities were logged.

Everything is per decision, in arrays of the same length: ``reward`` what followed (base currency),
``propensity`` the probability with which the logged option was taken, ``target`` the probability
with which the policy in question would have taken it. Sources: Horvitz and Thompson 1952;
Swaminathan and Joachims 2015 (self-normalised); Dudik, Langford and Li 2011 (doubly robust).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from models_ml.actions.choosing import Floats

NAN = float("nan")


@dataclass(frozen=True)
class Estimate:
    """Mean reward of a decision under a policy, with its interval; NaN where it cannot be told,
    as the interval where all decisions brought the same.

    ``effective`` is how many equally weighted decisions would tell as much.
    """

    value: float
    low: float
    high: float
    decisions: int
    effective: float


def inverse_propensity(
    reward: Floats, propensity: Floats, target: Floats, level: float = 0.95
) -> Estimate:
    """Unbiased; wide where the policies differ. Raises ``ValueError`` for a propensity <= 0."""
    weights = _weights(propensity, target)
    return _mean(weights * reward, weights, level)


def self_normalised(
    reward: Floats, propensity: Floats, target: Floats, level: float = 0.95
) -> Estimate:
    """Divided by the weights' own sum: a little biased, much steadier, and blind to an offset of
    all rewards. NaN where the policy would never have done what was logged."""
    weights = _weights(propensity, target)
    total = weights.sum()
    if not total > 0:
        return Estimate(NAN, NAN, NAN, len(reward), 0.0)
    value = float((weights * reward).sum() / total)
    # The delta method: how each decision moves the ratio.
    moved = weights * (reward - value) / (total / len(reward))
    return _mean(value + moved, weights, level)


def difference(
    reward: Floats, propensity: Floats, target: Floats, other: Floats, level: float = 0.95
) -> Estimate:
    """By how much ``target`` would have brought more than the policy ``other``, unbiased.

    ``effective`` counts the logged decisions in which the two differ.
    """
    weights = _weights(propensity, target - other)
    values = weights * reward
    differ = int(np.count_nonzero(weights))
    value = float(values.mean()) if len(values) else NAN
    if differ < 2 or values.std() == 0:
        return Estimate(value, NAN, NAN, len(values), differ)
    spread = float(values.std(ddof=1)) / np.sqrt(len(values))
    reach = float(stdtrit(differ - 1, (1 + level) / 2)) * spread
    return Estimate(value, value - reach, value + reach, len(values), differ)


def doubly_robust(
    reward: Floats,
    propensity: Floats,
    target: Floats,
    expected_logged: Floats,
    expected_target: Floats,
    level: float = 0.95,
) -> Estimate:
    """A model's expectation, corrected by what really followed.

    ``expected_logged`` is the model's reward of the logged option, ``expected_target`` its mean
    over the policy's options. Unbiased where the propensities are right, whatever the model says;
    narrower where the model is good.
    """
    weights = _weights(propensity, target)
    return _mean(expected_target + weights * (reward - expected_logged), weights, level)


def _weights(propensity: Floats, target: Floats) -> Floats:
    if np.any(~(propensity > 0)):
        raise ValueError("a logged option has a propensity above 0")
    weights: Floats = target / propensity
    return weights


def _mean(values: Floats, weights: Floats, level: float) -> Estimate:
    count = len(values)
    squares = float((weights**2).sum())
    effective = float(weights.sum() ** 2 / squares) if squares > 0 else 0.0
    if count < 2:
        return Estimate(float(values.mean()) if count else NAN, NAN, NAN, count, effective)
    value = float(values.mean())
    spread = float(values.std(ddof=1)) / np.sqrt(count)
    # Nothing logged speaks for it, or nothing ever followed: an interval would pretend.
    if effective < 2 or spread == 0:
        return Estimate(value, NAN, NAN, count, effective)
    reach = float(stdtrit(max(1.0, effective - 1), (1 + level) / 2)) * spread
    return Estimate(value, value - reach, value + reach, count, effective)
