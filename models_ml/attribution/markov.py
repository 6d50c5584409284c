"""Markov attribution, exactly: removal effects of channels by absorbing chains of order 1 to 3.

A chain of order k remembers a path's last k channels. Removing a channel sends whoever would reach
it to the null state, so what leads on from it counts for nothing (Anderl et al., 2016).
"""

from __future__ import annotations

import numpy as np

from models_ml.attribution.paths import Floats, Ints, Paths

#: Up to so many states all replicates are solved at once, as dense matrices.
DENSE_STATES = 64
#: Codes below this are counted by code.
COUNTED = 1_000_000


def removal_effects(paths: Paths, order: int = 1) -> tuple[Floats, Floats]:
    """Removal effect by channel and replicate, and the probability of conversion by replicate.

    Shapes: (channels, replicates) and (replicates,). Where nothing converts the effects are NaN.
    Raises ValueError for an order other than 1 to 3.
    """
    if order not in (1, 2, 3):
        raise ValueError(f"a chain is of order 1, 2 or 3, not {order}")
    chain = _Chain(paths, order)
    whole = chain.probabilities(None)
    with np.errstate(divide="ignore", invalid="ignore"):
        effects = np.stack(
            [1 - chain.probabilities(n) / whole for n in range(len(paths.channels))]
            or [np.empty((0, whole.size))]
        )
    effects[:, whole <= 0] = np.nan
    return np.clip(effects, 0, 1, out=effects), whole


class _Chain:
    """State 0 is the start; the others are the last channels of a path, the latest first."""

    def __init__(self, paths: Paths, order: int) -> None:
        codes = _states(paths, order)
        known, to = _ranked(codes)
        self.size = len(known) + 1
        self.last_channel = np.concatenate([[-1], known % (len(paths.channels) + 1) - 1])
        to += 1
        begins = np.zeros(len(to), bool)
        begins[paths.starts[:-1]] = True
        came = np.where(begins, 0, np.roll(to, 1))
        edges, edge_of_step = _ranked(came * self.size + to)
        self.came, self.to = edges // self.size, edges % self.size
        path_of_step = paths.path_of_step
        walked = paths.conversions + paths.nulls
        self.width = walked.shape[1]
        ends = to[paths.starts[1:] - 1]
        moved = np.empty((len(edges), self.width))
        self.won = np.empty((self.size, self.width))
        left = np.empty((self.size, self.width))
        for n in range(self.width):
            moved[:, n] = np.bincount(edge_of_step, walked[path_of_step, n], len(edges))
            self.won[:, n] = np.bincount(ends, paths.conversions[:, n], self.size)
            left[:, n] = np.bincount(ends, walked[:, n], self.size)
            left[:, n] += np.bincount(self.came, moved[:, n], self.size)
        with np.errstate(divide="ignore", invalid="ignore"):
            self.moves = np.where(left[self.came] > 0, moved / left[self.came], 0.0)
            self.won = np.where(left > 0, self.won / left, 0.0)

    def probabilities(self, removed: int | None) -> Floats:
        """The probability to convert from the start, by replicate."""
        stays = self.last_channel != removed if removed is not None else np.ones(self.size, bool)
        place = np.cumsum(stays) - 1
        kept = stays[self.came] & stays[self.to]
        came, to = place[self.came[kept]], place[self.to[kept]]
        moves, won = self.moves[kept], self.won[stays]
        if len(won) > DENSE_STATES:
            return _solve_sparse(came, to, moves, won)
        matrices = np.zeros((self.width, len(won), len(won)))
        matrices[:, came, to] = -moves.T
        matrices += np.eye(len(won))
        return np.linalg.solve(matrices, won.T[:, :, None])[:, 0, 0]


def _ranked(codes: Ints) -> tuple[Ints, Ints]:
    """Each code once, in order, and its place there; counted instead of sorted where few can be."""
    if not len(codes) or codes.max() >= COUNTED:
        known, place = np.unique(codes, return_inverse=True)
        return known, place.astype(np.int64)
    there = np.bincount(codes) > 0
    return np.flatnonzero(there), (np.cumsum(there) - 1)[codes]


def _solve_sparse(came: Ints, to: Ints, moves: Floats, won: Floats) -> Floats:
    from scipy.sparse import csc_array, eye_array
    from scipy.sparse.linalg import spsolve

    size = len(won)
    found = np.empty(won.shape[1])
    for n in range(won.shape[1]):
        matrix = eye_array(size, format="csc") - csc_array((moves[:, n], (came, to)), (size, size))
        found[n] = spsolve(matrix, won[:, n])[0]
    return found


def _states(paths: Paths, order: int) -> Ints:
    """A number for each step's state: the last ``order`` channels, 0 where there was none yet."""
    base = len(paths.channels) + 1
    place = np.arange(len(paths.steps)) - np.repeat(paths.starts[:-1], np.diff(paths.starts))
    codes = np.zeros(len(paths.steps), np.int64)
    for back in range(order):
        before = np.where(place >= back, np.roll(paths.steps, back) + 1, 0)
        codes += before * base**back
    return codes
