"""Gamma-gamma: what a customer's orders are worth on average, from those it made.

An order's value varies around its customer's mean as a gamma distribution with shape p; the
customers' rates are gamma distributed (shape q, rate v). It supposes that values do not depend on
how often somebody orders. Fader and Hardie, "The Gamma-Gamma Model of Monetary Value" (2013).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, gammaln

from models_ml.value.optimise import Floats, maximise


@dataclass(frozen=True)
class GammaGamma:
    """Parameters; v is in money."""

    p: float
    q: float
    v: float

    @property
    def mean(self) -> float | None:
        """The expected value of an order of somebody unknown; None where it has none (q <= 1)."""
        return self.p * self.v / (self.q - 1) if self.q > 1 else None

    def expected(self, orders: Floats, mean_value: Floats) -> Floats:
        """The expected value (customers,) of an order of each, from how many it made and their
        mean value: between its own mean and that of somebody unknown, which is what one without
        orders gets. Only where ``mean`` is not None."""
        own = np.where(orders > 0, orders * mean_value, 0.0)
        return self.p * (self.v + own) / (self.p * orders + self.q - 1)


def likelihood(given: Floats, orders: Floats, mean_value: Floats) -> tuple[float, Floats]:
    """Mean logarithm of the likelihood of mean values (all above 0), and its gradient by p, q
    and v."""
    p, q, v = given
    x, m = orders, mean_value
    shape, total = p * x, v + m * x
    value = gammaln(shape + q) - gammaln(shape) - gammaln(q) + q * np.log(v)
    value += (shape - 1) * np.log(m) + shape * np.log(x) - (shape + q) * np.log(total)
    gradient = [
        x * (digamma(shape + q) - digamma(shape) + np.log(m * x) - np.log(total)),
        digamma(shape + q) - digamma(q) + np.log(v) - np.log(total),
        q / v - (shape + q) / total,
    ]
    return float(value.mean()), np.array([float(part.mean()) for part in gradient])


def fit(orders: Floats, mean_value: Floats) -> GammaGamma:
    """The parameters of the largest likelihood, of those with an order and a mean value above 0.

    Raises :class:`~models_ml.value.optimise.NoMaximum` where there are none.
    """
    known = (orders > 0) & (mean_value > 0)
    x, m = orders[known], mean_value[known]
    scale = float(np.median(m))
    start = np.array([3.0, 3.0, 2.0])
    found, _ = maximise(lambda given: likelihood(given, x, m / scale), start)
    return GammaGamma(float(found[0]), float(found[1]), float(found[2]) * scale)
