"""Distinct paths with how often each was walked, in arrays.

Source: ``intermediate.int_attribution_path_counts``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import csr_array

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SEPARATOR = ">"
RELATION = "intermediate.int_attribution_path_counts"
#: Rows that are weighted at once.
ROWS = 65_536


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
    parts = pc.split_pattern(pa.array(paths, pa.string()), SEPARATOR)
    encoded = parts.flatten().dictionary_encode()
    given = encoded.dictionary.to_pylist()
    names = sorted(given)
    places = np.array([names.index(name) for name in given], np.int64)
    steps = places[encoded.indices.to_numpy()]
    starts = parts.offsets.to_numpy().astype(np.int64)
    shape = (len(paths), -1)
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


@dataclass(frozen=True)
class Walks:
    """Who walked the paths of one vertical towards one goal: a row a unit and path.

    ``path`` is a row's place among ``paths``, whose own counts are of everybody once. ``unit`` is
    what the unit's weights are drawn from.
    """

    paths: Paths
    path: Ints
    unit: NDArray[np.uint64]
    conversions: Floats
    nulls: Floats
    revenue: Floats

    def weighted(self, weights: Callable[[NDArray[np.uint64]], Floats]) -> Paths:
        """The paths counted with weights: a function of units that gives (units, replicates).

        Replicates are the columns of what is counted. A block of rows is weighted at a time.
        """
        found: list[Floats] = [np.empty(0)] * 3
        counts = (self.conversions, self.nulls, self.revenue)
        for first in range(0, max(1, len(self.path)), ROWS):
            part = slice(first, first + ROWS)
            drawn = weights(self.unit[part])
            rows = np.arange(len(drawn))
            for n, count in enumerate(counts):
                shape = (len(self.paths.starts) - 1, len(drawn))
                summed = csr_array((count[part], (self.path[part], rows)), shape) @ drawn
                found[n] = found[n] + summed if first else summed
        return replace(self.paths, conversions=found[0], nulls=found[1], revenue=found[2])


def read(connection: duckdb.DuckDBPyConnection) -> list[Walks]:
    """All walks, by vertical and goal, whatever the order in which the warehouse has them."""
    rows = connection.execute(
        "select vertical, goal, path, unit_number, conversions, nulls, revenue "
        f"from {RELATION} order by vertical, goal, path, unit_number"
    ).to_arrow_table()
    places = coded(rows, "vertical", "goal")
    found = []
    for n, (vertical, goal) in enumerate(places.names):
        own = rows.filter(pa.array(places.codes == n))
        path = coded(own, "path")
        counts = [numbers(own, name) for name in ("conversions", "nulls", "revenue")]
        shape = len(path.names)
        once = [np.bincount(path.codes, count, shape) for count in counts]
        texts = [text for (text,) in path.names]
        paths = from_rows(texts, *once, vertical=vertical, goal=goal)
        unit = numbers(own, "unit_number").view(np.uint64)
        found.append(Walks(paths, path.codes, unit, *counts))
    return found


def numbers(table: pa.Table, column: str) -> NDArray[Any]:
    """A column without empty fields."""
    return table[column].combine_chunks().to_numpy()


@dataclass(frozen=True)
class Codes:
    """Values of columns, each once, in the order in which they come, and each row's place there."""

    names: list[tuple[Any, ...]]
    codes: Ints


def coded(table: pa.Table, *columns: str) -> Codes:
    """A number for each row's values of ``columns`` together."""
    together = np.zeros(table.num_rows, np.int64)
    values = []
    for column in columns:
        encoded = table[column].combine_chunks().dictionary_encode()
        values.append(encoded.dictionary.to_pylist())
        together = together * len(values[-1]) + encoded.indices.to_numpy().astype(np.int64)
    known, first, place = np.unique(together, return_index=True, return_inverse=True)
    order = np.argsort(first)
    names = []
    for code in known[order].tolist():
        parts: list[Any] = []
        for value in reversed(values):
            code, at = divmod(code, len(value))
            parts.append(value[at])
        names.append(tuple(reversed(parts)))
    return Codes(names, np.argsort(order)[place])
