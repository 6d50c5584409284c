"""Units drawn again: their weights in each replicate, and intervals from what replicates gave.

A weight is a function of the unit's number, the replicate and nothing else, so that neither the
order of rows nor the number of replicates asked for changes one.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import expit, stdtrit

from models_ml.attribution.paths import Floats

Numbers = NDArray[np.uint64]

#: Units whose weights are made at once: what is made stays in the processor's cache.
UNITS = 4096
#: Poisson(1) is at most n where a uniform number is below the n-th of these. More than six are
#: drawn 8 times in 100,000.
TOPS = (0.36787944, 0.73575888, 0.91969860, 0.98101184, 0.99634015, 0.99940582)
#: On the logit scale 30 is as near to 0 or 1 as a double is to 1.
FARTHEST = 30.0


def weights(numbers: Numbers, first: int, last: int) -> Floats:
    """How often each unit is drawn into replicates ``first`` to ``last``: (units, replicates).

    Poisson(1) by the inverse of its distribution, of SplitMix64's output for the unit's number and
    the replicate's place in the sequence.
    """
    found = np.empty((len(numbers), last - first + 1))
    steps = np.arange(first, last + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    tops = [np.uint64(round(top * 2.0**64)) for top in TOPS]
    for begin in range(0, len(numbers), UNITS):
        part = found[begin : begin + UNITS]
        mixed = numbers[begin : begin + UNITS, None] + steps[None, :]
        mixed ^= mixed >> np.uint64(30)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(27)
        mixed *= np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
        part[:] = 0
        for top in tops:
            part += mixed >= top
    return found


def blocks(replicates: int, width: int) -> Iterator[tuple[int, int]]:
    """Replicates 1 to ``replicates`` in parts of at most ``width``: the first and last of each."""
    for first in range(1, replicates + 1, width):
        yield first, min(replicates, first + width - 1)


def freedom(credit: csr_array) -> Floats:
    """Degrees of freedom of each row's share, by Satterthwaite: (rows,).

    ``credit`` (rows, units) is all credit of a scope. A unit moves a share by what it gives it less
    its part of the whole. Where few units make most of the variance, that is known as badly as if
    there were only so many units.
    """
    credit.sum_duplicates()
    totals = np.asarray(credit.sum(axis=0)).ravel()
    whole = totals.sum()
    rows = credit.shape[0]
    if whole <= 0:
        return np.full(rows, np.nan)
    shares = np.asarray(credit.sum(axis=1)).ravel() / whole
    row = np.repeat(np.arange(rows), np.diff(credit.indptr))
    expected = shares[row] * totals[credit.indices]
    moved = credit.data - expected

    def power(n: int) -> Floats:
        there = np.bincount(row, moved**n - expected**n, rows)
        return there + shares**n * (totals**n).sum()

    return np.divide(2 * power(2) ** 2, power(4), out=np.full(rows, np.nan), where=power(4) > 0)


def interval(shares: Floats, drawn: Floats, degrees: Floats, level: float) -> tuple[Floats, Floats]:
    """Lower and upper bounds of ``shares`` (rows,), of which ``drawn`` (rows, replicates) tells.

    Student's t on the logit scale, with the replicates' spread; ``degrees`` is each row's
    :func:`freedom`, to which the number of replicates adds its own uncertainty. Replicates that
    credited nothing are NaN. A share of 0 or 1, or one that never moves, is its own interval.
    """
    count = np.isfinite(drawn).sum(axis=1)
    spread = np.full(len(shares), np.nan)
    told = count > 1
    spread[told] = np.nanstd(drawn[told], axis=1, ddof=1)
    moves = told & (shares > 0) & (shares < 1) & (spread > 0) & (degrees > 0)
    share, degree = shares[moves], degrees[moves]
    degree = np.maximum(1, 1 / (1 / degree + 1 / (count[moves] - 1)))
    middle = np.log(share / (1 - share))
    reach = stdtrit(degree, (1 + level) / 2) * spread[moves] / (share * (1 - share))
    low, high = shares.copy(), shares.copy()
    low[moves] = expit(np.maximum(middle - reach, np.minimum(middle, -FARTHEST)))
    high[moves] = expit(np.minimum(middle + reach, np.maximum(middle, FARTHEST)))
    return low, high
