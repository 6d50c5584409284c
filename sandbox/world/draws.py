"""Random draws and exact allocations shared by the subjects of the world.

Every subject draws from its own generator (:func:`stream`), so that adding a draw in one place
does not move the others. Nothing here knows about marketing.
"""

from __future__ import annotations

import zlib

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def stream(seed: int, subject: str, part: int = 0) -> np.random.Generator:
    """The generator of one subject and part (usually a month) of the world of this seed."""
    return np.random.default_rng([seed, zlib.crc32(subject.encode()), part])


def allocate(total: int, weights: ArrayLike) -> Ints:
    """Split a whole number by weights: largest remainders, ties to the first; the sum is exact."""
    w = np.asarray(weights, dtype=np.float64)
    if w.size == 0 or total == 0:
        return np.zeros(w.size, dtype=np.int64)
    if w.sum() <= 0:
        w = np.ones_like(w)
    share = total * w / w.sum()
    whole = np.floor(share + 1e-9).astype(np.int64)
    short = total - int(whole.sum())
    order = np.argsort(-(share - whole), kind="stable")
    whole[order[:short]] += 1
    return whole


def choose(rng: np.random.Generator, weights: ArrayLike, size: int) -> Ints:
    """Indices drawn with replacement in proportion to weights."""
    edges = np.cumsum(np.asarray(weights, dtype=np.float64))
    return np.searchsorted(edges / edges[-1], rng.random(size), side="right").clip(
        0, len(edges) - 1
    )


def choose_by_row(rng: np.random.Generator, weights: Floats, rows: Ints) -> Ints:
    """One index per element of `rows`, drawn by that row of the matrix `weights`."""
    edges = np.cumsum(weights, axis=1)
    edges = edges / edges[:, -1:]
    flat = (edges + np.arange(len(edges))[:, None]).ravel()
    picked = np.searchsorted(flat, rows + rng.random(len(rows)), side="right")
    return (picked - rows * weights.shape[1]).clip(0, weights.shape[1] - 1)


def gumbel_order(rng: np.random.Generator, log_weights: Floats) -> Ints:
    """All indices in the order of weighted sampling without replacement."""
    return np.argsort(-(log_weights + rng.gumbel(size=len(log_weights))), kind="stable")


def systematic(hazards: Floats, carry: float) -> tuple[NDArray[np.bool_], float]:
    """Which rows an event hits, each with its own probability, and the carry for the next call.

    Systematic sampling: the number of hits over all calls stays within one of the sum of the
    hazards, while each row's marginal probability is exactly its hazard.
    """
    edges = carry + np.cumsum(hazards)
    whole = np.floor(edges)
    hit = np.diff(whole, prepend=np.floor(carry)) > 0
    return hit, float(edges[-1]) % 1.0 if len(edges) else carry


def hexes(rng: np.random.Generator, size: int, digits: int) -> pl.Series:
    """`size` random lower-case hexadecimal texts of `digits` (even) digits."""
    text = rng.bytes(size * digits // 2).hex().encode()
    offsets = np.arange(0, (size + 1) * digits, digits, dtype=np.int64)
    array = pa.LargeStringArray.from_buffers(size, pa.py_buffer(offsets), pa.py_buffer(text))
    return pl.from_arrow(array)


def ragged(counts: Ints) -> tuple[Ints, Ints]:
    """Row numbers and positions within the row when row i is repeated counts[i] times."""
    rows = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    starts = np.cumsum(counts) - counts
    return rows, np.arange(len(rows), dtype=np.int64) - starts[rows]


def rank_in_group(groups: Ints, score: Floats) -> Ints:
    """0 for the highest score in each group, 1 for the next, and so on."""
    order = np.lexsort((-score, groups))
    sorted_groups = groups[order]
    start = np.r_[True, sorted_groups[1:] != sorted_groups[:-1]]
    first = np.maximum.accumulate(np.where(start, np.arange(len(groups)), 0))
    ranks = np.empty(len(groups), dtype=np.int64)
    ranks[order] = np.arange(len(groups)) - first
    return ranks
