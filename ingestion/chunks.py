"""A chunk: some rows of one landed file, read and judged one by one.

What belongs here: where rows come from (:class:`Origin`), what is wrong with some of them
(:class:`Rejects`), and the plain way from source rows to tables. Duplicates come later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa

from ingestion import quick, strict
from ingestion.contracts import TABLES, crm
from ingestion.contracts.model import KeyCache
from ingestion.errors import RowError
from workspace.streams import STREAMS

#: Rejected rows keep this much of their bytes; ``original_size`` tells the whole length.
MAX_ORIGINAL_BYTES = 1_000_000

#: Helper columns of chunk tables; they never reach the lake.
ORIGINAL = "_original"
HAS_TIMESTAMP = "_has_timestamp"


@dataclass(frozen=True)
class Origin:
    """Which landed file the rows are from."""

    kind: str
    landing_file: str
    file_name: str
    landed_at: datetime


@dataclass(frozen=True)
class SourceRow:
    """One row as it came: its line (1-based), its bytes, and its value or what is wrong."""

    line: int
    original: bytes
    value: dict[str, Any] | RowError


@dataclass
class Rejects:
    """Bad and quarantined rows of one file, as the stream ``rejected_rows`` wants them."""

    origin: Origin
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self,
        line: int,
        original: bytes,
        error: RowError,
        verdict: str = "bad",
        size: int | None = None,
    ) -> None:
        self.rows.append(
            {
                "kind": self.origin.kind,
                "verdict": verdict,
                "reason": error.reason,
                "field": error.field,
                "detail": error.detail or None,
                "original": original[:MAX_ORIGINAL_BYTES],
                "original_size": len(original) if size is None else size,
                "known_at": self.origin.landed_at,
                "landed_at": self.origin.landed_at,
                "landing_file": self.origin.landing_file,
                "landing_line": line,
            }
        )

    def table(self) -> pa.Table:
        return pa.Table.from_pylist(self.rows, STREAMS["rejected_rows"].schema)


@dataclass
class Chunk:
    """``tables`` hold the rows that fit, a stream's columns plus helper columns."""

    received: int
    tables: dict[str, pa.Table]
    rejected: pa.Table


def helper_columns(stream: str) -> list[pa.Field]:
    if stream == "events":
        return [pa.field(HAS_TIMESTAMP, pa.bool_())]
    return [pa.field(ORIGINAL, pa.binary())]


def chunk_schema(stream: str) -> pa.Schema:
    return pa.schema([*STREAMS[stream].schema, *helper_columns(stream)])


def ndjson_rows(data: bytes, first_line: int) -> Iterator[SourceRow]:
    """The rows of NDJSON bytes."""
    for line, original in numbered_lines(data, first_line):
        try:
            value: dict[str, Any] | RowError = quick.parse(original)
        except RowError as error:
            value = error
        yield SourceRow(line, original, value)


def numbered_lines(data: bytes, first_line: int) -> Iterator[tuple[int, bytes]]:
    """Lines that hold a row, with their numbers. A last line needs no line feed."""
    for line, original in enumerate(data.split(b"\n"), first_line):
        if not strict.is_blank(original):
            yield line, original


def read_table_rows(rows: Iterable[SourceRow], origin: Origin, keys: KeyCache) -> Chunk:
    """Rows of a flat kind through its contract."""
    contract = TABLES[origin.kind]
    builder = Builder(origin)
    for row in rows:
        builder.received += 1
        try:
            if isinstance(row.value, RowError):
                raise row.value
            columns = contract.row(row.value, origin.landed_at, keys)
        except RowError as error:
            builder.rejects.add(row.line, row.original, error)
            continue
        columns[ORIGINAL] = row.original
        builder.add(contract.stream, row.line, columns)
    return builder.chunk()


def read_crm_rows(rows: Iterable[SourceRow], origin: Origin, keys: KeyCache) -> Chunk:
    """CRM objects, one a line or in pages. Every object of a page is a row of the page's line."""
    builder = Builder(origin)
    for row in crm_objects(rows):
        builder.received += 1
        try:
            if isinstance(row.value, RowError):
                raise row.value
            contract = crm.contract_for(row.value, origin.file_name)
            columns = contract.row(row.value, origin.landed_at, keys)
        except RowError as error:
            builder.rejects.add(row.line, row.original, error)
            continue
        columns |= crm.json_texts(row.original)
        columns[ORIGINAL] = row.original
        builder.add(contract.stream, row.line, columns)
    return builder.chunk()


class _Page(msgspec.Struct):
    results: list[msgspec.Raw]


_page = msgspec.json.Decoder(_Page)


def crm_objects(rows: Iterable[SourceRow]) -> Iterator[SourceRow]:
    """Each object of the pages, and the rows that are no pages."""
    for row in rows:
        value = row.value
        if not isinstance(value, dict) or "results" not in value or "id" in value:
            yield row
        elif not isinstance(value["results"], list):
            yield SourceRow(
                row.line, row.original, RowError("wrong_type", "results", "expected a list")
            )
        else:
            texts = _page.decode(row.original).results
            for item, raw in zip(value["results"], texts, strict=True):
                if not isinstance(item, dict):
                    item = RowError("not_an_object", "results", "an item is one JSON object")
                elif "objectType" not in item and "objectType" in value:
                    item = {**item, "objectType": value["objectType"]}
                yield SourceRow(row.line, bytes(raw), item)


class Builder:
    """Collects rows by stream and makes the tables."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.received = 0
        self.rejects = Rejects(origin)
        self._rows: dict[str, list[dict[str, Any]]] = {}

    def add(self, stream: str, line: int, columns: dict[str, Any]) -> None:
        columns["landing_line"] = line
        self._rows.setdefault(stream, []).append(columns)

    def chunk(self) -> Chunk:
        tables = {stream: self._table(stream, rows) for stream, rows in self._rows.items()}
        return Chunk(self.received, tables, self.rejects.table())

    def _table(self, stream: str, rows: list[dict[str, Any]]) -> pa.Table:
        constants = {"landed_at": self.origin.landed_at, "landing_file": self.origin.landing_file}
        arrays = []
        schema = chunk_schema(stream)
        for column in schema:
            if column.name in constants:
                values = pa.repeat(pa.scalar(constants[column.name], column.type), len(rows))
            else:
                values = pa.array([row.get(column.name) for row in rows], column.type)
            arrays.append(values)
        return pa.Table.from_arrays(arrays, schema=schema)
