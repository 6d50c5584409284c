"""What each candidate is worth to us, and which one is taken: the best, or one drawn to learn.

Arrays are (contacts, options). The first option is to do nothing, which is worth 0 and always
allowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workspace.buckets import bucket

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

#: Its place among the options.
NOTHING = 0
_FINE = 2**32


@dataclass(frozen=True)
class Choice:
    """Per contact: the option taken, the best one, whether it was drawn, and every option's
    probability of being taken (contacts, options), which adds up to 1 over the allowed ones."""

    taken: Ints
    best: Ints
    explored: Flags
    propensities: Floats

    @property
    def propensity(self) -> Floats:
        """Of the option taken: (contacts,)."""
        found: Floats = self.propensities[np.arange(len(self.taken)), self.taken]
        return found


def worth(
    p_response: ArrayLike, p_stop: ArrayLike, value: ArrayLike, cost: ArrayLike, stop_cost: float
) -> Floats:
    """Expected gain in the base currency: p_response x value - cost - stop_cost x p_stop."""
    response, stop = np.asarray(p_response, float), np.asarray(p_stop, float)
    gain: Floats = response * np.asarray(value, float) - np.asarray(cost, float) - stop_cost * stop
    return gain


def draws(seed: int, salt: str, contacts: Sequence[str]) -> tuple[Floats, Floats]:
    """Two numbers in [0, 1) of each contact: whether to explore, and where to.

    They follow from seed, salt and contact alone, so that a run can be repeated.
    """
    first, second = (
        np.array([bucket(f"{seed}:{salt}:{what}", ident, _FINE) for ident in contacts], float)
        for what in ("whether", "which")
    )
    return first / _FINE, second / _FINE


def choose(
    values: Floats, allowed: Flags, exploration: float, whether: Floats, which: Floats
) -> Choice:
    """The option of the highest positive value; with probability ``exploration`` any allowed one.

    ``values`` without the first option's 0 is not accepted: its column must be 0 and allowed.
    Of equal values the first option wins, so nothing is done for a value of 0. Raises
    ``ValueError`` for an ``exploration`` outside [0, 1) or another first column.
    """
    if not 0 <= exploration < 1:
        raise ValueError("exploration lies in [0, 1)")
    if len(values) and (np.any(values[:, NOTHING] != 0) or not allowed[:, NOTHING].all()):
        raise ValueError("the first option is to do nothing: 0, and always allowed")
    rows = np.arange(len(values))
    best = np.where(allowed, values, -np.inf).argmax(axis=1)
    options = allowed.sum(axis=1)
    place = np.minimum((which * options).astype(np.int64), options - 1)
    # The place-th allowed option: the first at which so many have been counted.
    drawn = (allowed.cumsum(axis=1) > place[:, None]).argmax(axis=1)
    explored = whether < exploration
    propensities = np.where(allowed, exploration / np.maximum(options, 1)[:, None], 0.0)
    propensities[rows, best] += 1 - exploration
    return Choice(np.where(explored, drawn, best), best, explored, propensities)
