"""Distinct paths with how often each was walked, in arrays.

Source: ``intermediate.int_attribution_path_counts``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

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


def read(connection: duckdb.DuckDBPyConnection, replicates: int) -> Iterator[tuple[int, Paths]]:
    """The paths of each vertical and goal with the number of the first replicate they count.

    First come all paths counted once (replicate 0), then parts of the replicates: the same paths in
    the same order, with zeros where a replicate drew none.
    """
    rows = _fetch(connection, 0, 0)
    known: dict[Place, list[str]] = {}
    for vertical, goal, path in zip(rows["vertical"], rows["goal"], rows["path"], strict=True):
        known.setdefault((vertical, goal), []).append(path)
    known = {place: sorted(paths) for place, paths in sorted(known.items())}
    yield from _counted(rows, known, 0, 0)
    width = max(1, CELLS // max(1, len(rows["path"])))
    for first in range(1, replicates + 1 if known else 1, width):
        last = min(replicates, first + width - 1)
        yield from _counted(_fetch(connection, first, last), known, first, last)


Place = tuple[str, str]


def _fetch(connection: duckdb.DuckDBPyConnection, first: int, last: int) -> dict[str, Any]:
    return connection.execute(
        "select vertical, goal, path, replicate, conversions, nulls, revenue "
        f"from {RELATION} where replicate between ? and ?",
        [first, last],
    ).fetchnumpy()


def _counted(
    rows: dict[str, Any], known: dict[Place, list[str]], first: int, last: int
) -> Iterator[tuple[int, Paths]]:
    begins = dict(zip(known, np.cumsum([0, *map(len, known.values())]), strict=False))
    at_of = {
        (*place, path): begins[place] + n
        for place, paths in known.items()
        for n, path in enumerate(paths)
    }
    keys = zip(rows["vertical"], rows["goal"], rows["path"], strict=True)
    at = np.fromiter((at_of[key] for key in keys), np.int64, len(rows["path"]))
    column = rows["replicate"].astype(np.int64) - first
    counts = []
    for name in ("conversions", "nulls", "revenue"):
        values = np.zeros((len(at_of), last - first + 1))
        values[at, column] = np.ma.filled(rows[name], 0.0)
        counts.append(values)
    for (vertical, goal), paths in known.items():
        own = slice(begins[vertical, goal], begins[vertical, goal] + len(paths))
        parts = [values[own] for values in counts]
        yield first, from_rows(paths, *parts, vertical=vertical, goal=goal)
