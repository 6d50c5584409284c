"""BG/NBD: how often a customer orders, and after which order it orders no more.

While alive a customer orders at a rate drawn from a gamma distribution (shape r, rate alpha); after
each order it leaves with a probability drawn from a beta distribution (a, b). Fader, Hardie and
Lee, "Counting Your Customers the Easy Way", Marketing Science 24 (2005).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, digamma, gammaln, hyp2f1

from models_ml.value.histories import Histories
from models_ml.value.optimise import Floats, maximise

#: At a = 1 the expectation is the limit of a quotient; nearer than this it is taken from beside it.
_NEAREST = 1e-6


@dataclass(frozen=True)
class BgNbd:
    """Parameters; alpha is in weeks."""

    r: float
    alpha: float
    a: float
    b: float

    def alive(self, of: Histories) -> Floats:
        """The probability (customers,) that each still orders. 1 without a repeat: nobody leaves
        but after one, in this model."""
        x = of.repeats
        repeated = x > 0
        odds = np.log(self.a) - np.log(self.b + np.where(repeated, x, 1) - 1)
        odds = odds + (self.r + x) * (np.log(self.alpha + of.age) - np.log(self.alpha + of.recency))
        return np.where(repeated, 1 / (1 + np.exp(np.minimum(odds, 700.0))), 1.0)

    def expected(self, of: Histories, weeks: float) -> Floats:
        """The orders (customers,) expected of each in the ``weeks`` after the end of its history.

        Equation 10 of the paper after Euler's transformation of its hypergeometric function, whose
        terms neither overflow nor cancel with many orders.
        """
        a = self.a if abs(self.a - 1) > _NEAREST else 1 + _NEAREST
        x, whole = of.repeats, self.alpha + of.age
        c = a + self.b + x - 1
        kept = np.exp((a - 1) * (np.log(whole) - np.log(whole + weeks)))
        grown = hyp2f1(a + self.b - 1 - self.r, a - 1, c, weeks / (whole + weeks))
        of_alive = c / (a - 1) * (1 - kept * grown)
        return np.maximum(of_alive, 0) * self.alive(of)


def likelihood(given: Floats, of: Histories) -> tuple[float, Floats]:
    """Mean logarithm of the likelihood of histories, and its gradient by r, alpha, a and b."""
    r, alpha, a, b = given
    x, weights = of.repeats, of.weights / of.weights.sum()
    repeated = x > 0
    until_end, until_last = np.log(alpha + of.age), np.log(alpha + of.recency)
    stays = -(r + x) * until_end
    left = np.where(
        repeated, np.log(a) - np.log(b + np.where(repeated, x, 1) - 1) - (r + x) * until_last,
        -np.inf,
    )  # fmt: skip
    both = np.logaddexp(stays, left)
    value = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    value += betaln(a, b + x) - betaln(a, b) + both
    w_stays, w_left = np.exp(stays - both), np.exp(left - both)
    by_sum = digamma(a + b) - digamma(a + b + x)
    gradient = [
        digamma(r + x) - digamma(r) + np.log(alpha) - w_stays * until_end - w_left * until_last,
        r / alpha - (r + x) * (w_stays / (alpha + of.age) + w_left / (alpha + of.recency)),
        by_sum + w_left / a,
        by_sum + digamma(b + x) - digamma(b) - w_left / (b + np.where(repeated, x, 1) - 1),
    ]
    return float(weights @ value), np.array([float(weights @ part) for part in gradient])


def fit(of: Histories) -> BgNbd:
    """The parameters of the largest likelihood. Raises :class:`~models_ml.value.optimise.NoMaximum`
    where there are none."""
    grouped = of.grouped()
    typical = float(np.average(grouped.age, weights=grouped.weights))
    start = np.array([0.5, max(typical / 4, 0.1), 0.5, 1.0])
    found, _ = maximise(lambda given: likelihood(given, grouped), start)
    return BgNbd(*(float(value) for value in found))
