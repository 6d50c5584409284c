"""Shapley attribution of the conversion rate, per set of channels.

The worth of a set of channels is the rate at which paths of exactly these channels convert, shrunk
towards the rate of all paths. A path's game is played by its own channels alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial

import numpy as np

from models_ml.attribution.paths import Floats, Ints, Paths

#: Numbers held at once.
CELLS = 20_000_000


@dataclass(frozen=True)
class Shares:
    """How a path's credit is shared: a row of ``shares`` (sets, channels, replicates) sums to 1.

    ``sets`` holds the channels as bits. ``clipped`` is the share of absolute value that was below 0
    and cut off, by replicate, over all sets. Where nothing is above 0 the channels share alike.
    """

    sets: Ints
    shares: Floats
    clipped: Floats


def shares(
    paths: Paths,
    prior: float = 5.0,
    exact_channels: int = 12,
    permutations: int = 2000,
    seed: int = 7,
) -> Shares:
    """Shares of each set of channels with a conversion in any replicate."""
    sets = paths.sets
    known, place = np.unique(sets, return_inverse=True)
    width = paths.conversions.shape[1]
    won, walked = np.zeros((len(known), width)), np.zeros((len(known), width))
    np.add.at(won, place, paths.conversions)
    np.add.at(walked, place, paths.conversions + paths.nulls)
    total = walked.sum(axis=0)
    mean = np.divide(won.sum(axis=0), total, out=np.zeros(width), where=total > 0)
    # The last rows: a set that nobody walked, and no channel at all.
    worth = np.concatenate(
        [(won + prior * mean) / (walked + prior), mean[None, :], np.zeros((1, width))]
    )
    wanted = known[won.sum(axis=1) > 0]
    values = np.zeros((len(wanted), len(paths.channels), width))
    players = [np.flatnonzero((mask >> np.arange(len(paths.channels))) & 1) for mask in wanted]
    for size in sorted({len(own) for own in players}):
        rows = np.array([n for n, own in enumerate(players) if len(own) == size])
        games = np.stack([players[n] for n in rows])
        for part in _slices(len(rows), max(1, CELLS // (2 ** min(size, 14) * width))):
            found = (
                _exact(games[part], known, worth)
                if size <= exact_channels
                else _drawn(games[part], known, worth, permutations, seed)
            )
            values[rows[part][:, None], games[part]] = found
    return _normalised(wanted, values)


def _normalised(sets: Ints, values: Floats) -> Shares:
    above = np.clip(values, 0, None)
    absolute = np.abs(values).sum(axis=(0, 1))
    clipped = (above - values).sum(axis=(0, 1))
    totals = above.sum(axis=1, keepdims=True)
    members = (sets[:, None] >> np.arange(values.shape[1]) & 1).astype(float)[:, :, None]
    alike = np.broadcast_to(members / members.sum(axis=1, keepdims=True), values.shape)
    shared = np.divide(above, totals, out=alike.copy(), where=totals > 0)
    share = np.divide(clipped, absolute, out=np.zeros_like(clipped), where=absolute > 0)
    return Shares(sets, shared, share)


def _worth(masks: Ints, known: Ints, worth: Floats) -> Floats:
    """The worth of sets: of those nobody walked the mean rate, of the empty one nothing."""
    at = np.searchsorted(known, masks)
    at[at == len(known)] = 0
    at = np.where(known[at] == masks, at, len(known))
    return worth[np.where(masks == 0, len(known) + 1, at)]


def _exact(games: Ints, known: Ints, worth: Floats) -> Floats:
    """Values by the definition; ``games`` (games, size) holds the channels of each."""
    size = games.shape[1]
    masks = np.zeros((len(games), 1), np.int64)
    for n in range(size):
        masks = np.concatenate([masks, masks | (np.int64(1) << games[:, n : n + 1])], axis=1)
    subsets = np.arange(2**size)
    inside = (subsets[None, :] >> np.arange(size)[:, None] & 1).astype(bool)
    counts = inside.sum(axis=0)
    joins = [
        factorial(k) * factorial(size - k - 1) / factorial(size) if k < size else 0.0
        for k in range(size + 1)
    ]
    weight = np.array(joins)
    factors = np.where(inside, weight[counts - 1], -weight[counts])
    return np.einsum("cs,gsr->gcr", factors, _worth(masks, known, worth), optimize=True)


def _drawn(games: Ints, known: Ints, worth: Floats, permutations: int, seed: int) -> Floats:
    """Values over seeded random orders in which the channels join."""
    count, size = games.shape
    random = np.random.default_rng(seed)
    orders = random.permuted(np.tile(np.arange(size), (permutations, 1)), axis=1)
    found = np.zeros((count, size, worth.shape[1]))
    for n, own in enumerate(games):
        joined = np.bitwise_or.accumulate(np.int64(1) << own[orders], axis=1)
        before = np.concatenate([np.zeros((permutations, 1), np.int64), joined[:, :-1]], axis=1)
        gain = _worth(joined, known, worth) - _worth(before, known, worth)
        np.add.at(found[n], orders.ravel(), gain.reshape(-1, worth.shape[1]))
    return found / permutations


def _slices(count: int, width: int) -> list[slice]:
    return [slice(first, first + width) for first in range(0, count, width)]
