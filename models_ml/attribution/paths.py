"""Distinct paths with how often each was walked, in arrays.

Source: ``intermediate.int_attribution_path_counts``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SEPARATOR = ">"
RELATION = "intermediate.int_attribution_path_counts"
#: Replicates are read so many numbers at a time, so that memory does not grow with them.
CELLS = 10_000_000


@dataclass(frozen=True)
class Paths:
    """The distinct paths of one vertical towards one goal.

    ``steps`` holds all paths' channels (places in ``channels``) one after another and ``starts``
    where each path begins, with the total at its end. ``conversions`` and ``nulls`` count how often
    each path was walked, one column a replicate; ``revenue`` is what its conversions were worth.
    """

    vertical: str
    goal: str
    channels: tuple[str, ...]
    steps: Ints
    starts: Ints
    conversions: Floats
    nulls: Floats
    revenue: Floats

    @property
    def path_of_step(self) -> Ints:
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    @property
    def sets(self) -> Ints:
        """Each path's distinct channels as bits."""
        found = np.zeros(len(self.starts) - 1, np.int64)
        np.bitwise_or.at(found, self.path_of_step, np.int64(1) << self.steps)
        return found


def from_rows(
    paths: Sequence[str],
    conversions: Floats,
    nulls: Floats,
    revenue: Floats | None = None,
    vertical: str = "",
    goal: str = "",
) -> Paths:
    """Paths of texts such as ``email>direct``; counts: a row a path, a column a replicate."""
    parts = [path.split(SEPARATOR) for path in paths]
    names = sorted({channel for part in parts for channel in part})
    place = {name: n for n, name in enumerate(names)}
    lengths = [len(part) for part in parts]
    steps = np.fromiter((place[c] for part in parts for c in part), np.int64, sum(lengths))
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    shape = (len(parts), -1)
    counted = np.asarray(conversions, float).reshape(shape)
    return Paths(
        vertical,
        goal,
        tuple(names),
        steps,
        starts,
        counted,
        np.asarray(nulls, float).reshape(shape),
        np.zeros_like(counted) if revenue is None else np.asarray(revenue, float).reshape(shape),
    )


def read(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[Paths, Iterable[Paths]]]:
    """Each vertical and goal: all its paths counted once, and parts of its replicates.

    The parts have the same paths in the same order.
    """
    places = connection.execute(
        f"select vertical, goal, max(replicate) from {RELATION} group by 1, 2 order by 1, 2"
    ).fetchall()
    for vertical, goal, replicates in places:
        once = _read(connection, vertical, goal, 0, 0)
        yield once, _parts(connection, once, replicates)


def _parts(connection: duckdb.DuckDBPyConnection, once: Paths, replicates: int) -> Iterator[Paths]:
    width = max(1, CELLS // max(1, len(once.starts)))
    for first in range(1, replicates + 1, width):
        last = min(replicates, first + width - 1)
        yield _read(connection, once.vertical, once.goal, first, last)


def _read(
    connection: duckdb.DuckDBPyConnection, vertical: str, goal: str, first: int, last: int
) -> Paths:
    """Paths that no replicate drew are there all the same, with zeros."""
    names = connection.execute(
        f"select path from {RELATION} where vertical = ? and goal = ? and replicate = 0 order by 1",
        [vertical, goal],
    ).fetchnumpy()["path"]
    place = {path: n for n, path in enumerate(names)}
    rows = connection.execute(
        f"select path, replicate, conversions, nulls, revenue from {RELATION} "
        "where vertical = ? and goal = ? and replicate between ? and ?",
        [vertical, goal, first, last],
    ).fetchnumpy()
    at = np.fromiter((place[path] for path in rows["path"]), np.int64, len(rows["path"]))
    column = rows["replicate"].astype(np.int64) - first
    counts = []
    for name in ("conversions", "nulls", "revenue"):
        values = np.zeros((len(names), last - first + 1))
        values[at, column] = np.ma.filled(rows[name], 0.0)
        counts.append(values)
    return from_rows(list(names), *counts, vertical=vertical, goal=goal)
