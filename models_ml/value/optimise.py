"""Maximum likelihood over positive parameters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Floats = NDArray[np.float64]
#: Logarithms of parameters beyond which the likelihood has no maximum to speak of.
FURTHEST = 9.0
_STARTS = (0.0, -1.0, 1.0)


class NoMaximum(ValueError):
    """The likelihood rises toward the edge: the customers do not differ as the model supposes."""


def maximise(
    likelihood: Callable[[Floats], tuple[float, Floats]], start: Floats
) -> tuple[Floats, float]:
    """The parameters (all above 0) of the largest likelihood, and it.

    ``likelihood`` takes parameters and returns its value, best as a mean, and the gradient. Some
    multiples of ``start`` are begun from. Raises :class:`NoMaximum`.
    """

    def turned(logs: Floats) -> tuple[float, Floats]:
        given = np.exp(logs)
        value, gradient = likelihood(given)
        return -value, -gradient * given

    bounds = [(-FURTHEST, FURTHEST)] * len(start)
    options = {"ftol": 1e-13, "gtol": 1e-8, "maxiter": 1000}
    found = [
        minimize(turned, np.log(start) + by, jac=True, method="L-BFGS-B", bounds=bounds,
                 options=options)
        for by in _STARTS
    ]  # fmt: skip
    best = min(found, key=lambda one: one.fun if np.isfinite(one.fun) else np.inf)
    if not np.isfinite(best.fun) or np.abs(best.x).max() > FURTHEST - 0.01:
        raise NoMaximum("the likelihood has no maximum")
    return np.exp(best.x), -float(best.fun)
