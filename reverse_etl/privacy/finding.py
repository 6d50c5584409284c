"""Which rows of the lake are erased people's or name them, file by file.

Columns of keys and of identifiers are looked up; texts are searched as bytes, a whole column of a
row group at once, and only where one may hold somebody it is read (:meth:`StandIns.near`). A row
group is what is in memory of a file, one for each thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from reverse_etl.privacy.arrow_texts import rows_near
from reverse_etl.privacy.stand_ins import StandIns
from workspace import catalogue
from workspace.catalogue import Holding
from workspace.lake import Lake
from workspace.streams import LINEAGE, STREAMS

#: Files that are read or written side by side.
THREADS = 2
_LINEAGE = frozenset(name for name, _ in LINEAGE)
_LANDED = ["landing_file", "landing_line"]

#: Of the values of a column: which of them are wanted.
_Test = Callable[[pa.Array], np.ndarray]


@dataclass(frozen=True)
class Found:
    """Rows of one file by their number in it, in order: ``touched`` are somebody's or name them
    where nothing should; ``kept`` are somebody's and stay as they are."""

    touched: np.ndarray
    kept: np.ndarray

    def __bool__(self) -> bool:
        return len(self.touched) > 0 or len(self.kept) > 0


#: What was found before, by file: files never change.
Known = MutableMapping[Path, Found]


def rows(
    lake: Lake, stream: str, stand_ins: StandIns, known: Known | None = None
) -> dict[Path, Found]:
    """The files of a stream in which anybody is. Those in ``known`` are not read again, and what
    is found in others is put there."""
    known = {} if known is None else known
    files = lake.files(stream)
    search = _Search(stream, stand_ins)
    new = [path for path in files if path not in known]
    with ThreadPoolExecutor(THREADS) as pool:
        known.update(zip(new, pool.map(search.file, new), strict=True))
    return {path: known[path] for path in files if known[path]}


def landed(path: Path, numbers: np.ndarray) -> Iterator[tuple[str, int]]:
    """The landed file and line of rows of a lake file, in order of the rows."""
    file = pq.ParquetFile(path, read_dictionary=_LANDED[:1])
    for group, inside in by_group(file, numbers):
        if len(inside):
            table = file.read_row_group(group, columns=_LANDED, use_threads=False)
            taken = table.take(pa.array(inside))
            yield from zip(*(taken[name].to_pylist() for name in _LANDED), strict=True)


def by_group(file: pq.ParquetFile, numbers: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Each row group, and which of the rows (in order) are in it, by their place there."""
    start = 0
    for group in range(file.num_row_groups):
        end = start + file.metadata.row_group(group).num_rows
        first, last = np.searchsorted(numbers, (start, end))
        yield group, numbers[first:last] - start
        start = end


class _Search:
    """What is asked of every row of a stream."""

    def __init__(self, stream: str, stand_ins: StandIns) -> None:
        self._schema = STREAMS[stream].schema
        self._holdings = list(catalogue.of("lake", stream))
        self._texts = set(_texts(self._schema, self._holdings))
        self._stand_ins = stand_ins
        self._keys = _one_of(stand_ins.keys)
        self._values = {kind: _one_of(known) for kind, known in stand_ins.values.items()}
        self._spellings = _one_of(stand_ins.spellings)
        self._columns = self._texts.union(*map(_asked, self._holdings))
        stand_ins.near(b"")  # made ready once, before the threads ask

    def file(self, path: Path) -> Found:
        metadata = pq.read_metadata(path)
        there = set(metadata.schema.to_arrow_schema().names)
        columns = [name for name in self._schema.names if name in self._columns & there]
        # What repeats is looked at once, as long as enough of a column does.
        repeating = [name for name in columns if _is_text(self._schema.field(name))]
        touched, kept, start = [], [], 0
        for group in range(metadata.num_row_groups):
            file = pq.ParquetFile(path, metadata=metadata, read_dictionary=repeating)
            table = file.read_row_group(group, columns=columns, use_threads=False)
            first, second = self._group(table)
            touched.append(np.flatnonzero(first) + start)
            kept.append(np.flatnonzero(second) + start)
            repeating = [name for name in repeating if _repeats(table[name])]
            start += table.num_rows
        none = np.empty(0, dtype=np.int64)
        return Found(np.concatenate([none, *touched]), np.concatenate([none, *kept]))

    def _group(self, table: pa.Table) -> tuple[np.ndarray, np.ndarray]:
        """Of every row: whether it is touched, and whether it is kept."""
        touched = np.zeros(table.num_rows, dtype=bool)
        kept = np.zeros(table.num_rows, dtype=bool)
        for holding in self._holdings:
            if holding.stays == "keyed":  # its keys stay
                own = self._named(table, holding, holding.owners)
                said = self._named(table, holding, {**holding.owners, **holding.mentions})
                touched |= said & _any_value(table, holding.cleared)
                kept |= own
            else:
                touched |= self._named(table, holding, {**holding.owners, **holding.mentions})
        for name in self._texts & set(table.column_names):
            touched |= _where(table[name], self._speaks)
        return touched, kept & ~touched

    def _named(self, table: pa.Table, holding: Holding, columns: Mapping[str, str]) -> np.ndarray:
        found = np.zeros(table.num_rows, dtype=bool)
        there = set(table.column_names)
        for name, kind in columns.items():
            if name in there:
                found |= _where(table[name], self._keys if kind == "key" else self._is(kind))
        for name, values in holding.when.items():
            found &= _where(table[name], _one_of(values)) if name in there else False
        return found

    def _is(self, kind: str) -> _Test:
        """Whether a value is an identifier of a kind, or written as any."""
        known = self._values.get(kind)
        return lambda values: (
            self._spellings(pc.utf8_lower(values)) | (known(values) if known else False)
        )

    def _speaks(self, values: pa.Array) -> np.ndarray:
        """Which texts or bytes have somebody in their midst."""
        found = np.zeros(len(values), dtype=bool)
        judged: dict[str | bytes, bool] = {}
        for row in rows_near(values, self._stand_ins.near):
            said = values[row].as_py()
            if said is not None and said not in judged:
                text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
                judged[said] = self._stand_ins.stands_in(text)
            found[row] = said is not None and judged[said]
        return found


def _one_of(wanted: Iterable[str]) -> _Test:
    values = pa.array(list(wanted), pa.string())
    return lambda given: pc.is_in(given, value_set=values).to_numpy(zero_copy_only=False)


def _where(column: pa.ChunkedArray, test: _Test) -> np.ndarray:
    """Which rows have a value that passes a test; each value of a dictionary is tested once."""
    found = [np.empty(0, dtype=bool)]
    for chunk in column.chunks:
        if not pa.types.is_dictionary(chunk.type):
            found.append(test(chunk))
            continue
        passed = np.append(test(chunk.dictionary), False)
        indices = chunk.indices.fill_null(len(chunk.dictionary))
        found.append(passed[indices.to_numpy()])
    return np.concatenate(found)


def _any_value(table: pa.Table, names: Iterable[str]) -> np.ndarray:
    found = np.zeros(table.num_rows, dtype=bool)
    for name in set(names) & set(table.column_names):
        found |= table[name].is_valid().to_numpy()
    return found


def _is_text(column: pa.Field) -> bool:
    return pa.types.is_string(column.type) or pa.types.is_binary(column.type)


def _repeats(column: pa.ChunkedArray) -> bool:
    values = sum(len(chunk.dictionary) for chunk in column.chunks)
    return values * 2 <= len(column)


def _asked(holding: Holding) -> Iterator[str]:
    """Columns whose values are looked up, or are to be none."""
    yield from (*holding.owners, *holding.mentions, *holding.when)
    if holding.stays == "keyed":
        yield from holding.cleared


def _texts(schema: pa.Schema, holdings: Iterable[Holding]) -> Iterator[str]:
    """Columns that may hold an identifier in the midst of a text."""
    for column in schema:
        if pa.types.is_binary(column.type):
            yield column.name
        elif pa.types.is_string(column.type) and column.name not in _LINEAGE:
            for holding in holdings:
                is_key = {**holding.owners, **holding.mentions}.get(column.name) in ("key", "keys")
                spoken = (*holding.cleared, *holding.kept, *holding.texts)
                if column.name in spoken and not is_key:
                    yield column.name
