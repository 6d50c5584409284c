"""The mixture sequential probability ratio test: as many looks as one likes.

The difference of two rates is drawn, under the alternative, from a normal distribution around 0
with standard deviation tau. Johari, Koomen, Pekelis and Walsh, "Always valid inference" (2022).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from models_ml.experiments.proportions import Floats


def likelihood_ratio(
    difference: ArrayLike, variance: ArrayLike, n: ArrayLike, tau: float
) -> Floats:
    """How much likelier the difference is if there is one, from ``n`` people per arm.

    ``variance`` is that of one person's difference. 1, which says nothing, where it is 0. 10 % and
    12 % of 5,000 at tau .02: 31.44.
    """
    d, v, n = (np.asarray(given, float) for given in (difference, variance, n))
    d, v, n = np.broadcast_arrays(d, v, n)
    known = (v > 0) & (n > 0)
    v = np.where(known, v, 1.0)
    whole = v + n * tau**2
    log = 0.5 * np.log(v / whole) + n**2 * tau**2 * d**2 / (2 * v * whole)
    return np.where(known, np.exp(np.minimum(log, 700.0)), 1.0)


def p_always_valid(ratios: ArrayLike) -> Floats:
    """At each look the smallest min(1, 1 / ratio) so far; looks are the last axis."""
    ratios = np.asarray(ratios, float)
    return np.minimum.accumulate(np.minimum(1.0, 1.0 / ratios), axis=-1)


def half_width(variance: float, n: float, tau: float, alpha: float) -> float:
    """Half of the interval that, over all looks together, misses the true difference with
    probability alpha at most; infinite where nothing is known."""
    if variance <= 0 or n <= 0:
        return float("inf")
    whole = variance + n * tau**2
    reach = np.log(np.sqrt(whole / variance) / alpha)
    return float(np.sqrt(2 * variance * whole * reach) / (n * tau))
