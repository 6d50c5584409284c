"""Two shares of people compared once, as was planned; whether assignment kept its shares; and the
correction for several comparisons."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats = NDArray[np.float64]

#: Below this, the shares of an experiment are held to be broken and nothing is read from it.
BROKEN = 0.001


def variance(rate_a: ArrayLike, rate_b: ArrayLike) -> Floats:
    """Of one person's difference: p_a (1 - p_a) + p_b (1 - p_b)."""
    a, b = np.asarray(rate_a, float), np.asarray(rate_b, float)
    return a * (1 - a) + b * (1 - b)


def harmonic(n_a: ArrayLike, n_b: ArrayLike) -> Floats:
    """The people per arm of equal arms that tell as much: the harmonic mean; 0 where one is."""
    a, b = np.asarray(n_a, float), np.asarray(n_b, float)
    return np.divide(2 * a * b, a + b, out=np.zeros(np.broadcast(a, b).shape), where=a + b > 0)


def z_score(rate_a: ArrayLike, n_a: ArrayLike, rate_b: ArrayLike, n_b: ArrayLike) -> Floats:
    """Of b against a, with each arm's own variance; 0 where there is none.

    5,000 a side at 10 % and 12 %: 3.198.
    """
    a, b = np.asarray(rate_a, float), np.asarray(rate_b, float)
    spread = a * (1 - a) / np.asarray(n_a, float) + b * (1 - b) / np.asarray(n_b, float)
    return np.divide(b - a, np.sqrt(spread), out=np.zeros(spread.shape), where=spread > 0)


def p_value(z: ArrayLike) -> Floats:
    """Two-sided. It holds for one look at a number of people fixed before."""
    return 2 * stats.norm.sf(np.abs(np.asarray(z, float)))


def needed_per_arm(
    base_rate: float, minimum_effect: float, alpha: float = 0.05, power: float = 0.8
) -> int:
    """People per arm that find a difference of ``minimum_effect`` (of rates) with ``power``.

    10 % to 12 % at alpha .05 and power .8: 3,839. Raises ``ValueError`` for rates outside (0, 1).
    """
    other = base_rate + minimum_effect
    if not (0 < base_rate < 1 and 0 < other < 1) or minimum_effect == 0:
        raise ValueError("both rates lie between 0 and 1, and differ")
    if not (0 < alpha < 1 and 0 < power < 1):
        raise ValueError("alpha and power lie between 0 and 1")
    reach = stats.norm.isf(alpha / 2) + stats.norm.ppf(power)
    return math.ceil(reach**2 * float(variance(base_rate, other)) / minimum_effect**2)


def shares_kept(
    counts: Sequence[tuple[Mapping[str, float], Mapping[str, int]]],
) -> tuple[float, float] | None:
    """Chi-square and p of the people assigned against the shares they were assigned with.

    A pair for each setting of the shares: variant -> share (any unit), and variant -> people. None
    where nothing can be asked. 5,200 and 4,800 of halves: 16.0 and 6.3e-5.
    """
    seen: dict[str, float] = {}
    expected: dict[str, float] = {}
    for shares, people in counts:
        total, whole = sum(people.values()), sum(shares.values())
        for name, share in shares.items():
            expected[name] = expected.get(name, 0.0) + total * share / whole
        for name, count in people.items():
            seen[name] = seen.get(name, 0.0) + count
    names = [name for name in sorted({*seen, *expected}) if expected.get(name) or seen.get(name)]
    if len(names) < 2 or not all(expected.get(name) for name in names):
        return None
    found = stats.chisquare(
        [seen.get(name, 0.0) for name in names], [expected[name] for name in names]
    )
    return float(found.statistic), float(found.pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values (1979), in the order given."""
    order = sorted(range(len(p_values)), key=lambda n: p_values[n])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for place, n in enumerate(order):
        highest = max(highest, min(1.0, p_values[n] * (len(p_values) - place)))
        adjusted[n] = highest
    return adjusted
