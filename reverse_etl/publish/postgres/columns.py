"""Columns of a mart as Postgres has them: the type, and the expression that DuckDB gives for it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from reverse_etl.publish.views import quoted

#: Of Postgres: longer names are cut off silently.
LONGEST_NAME = 63
#: Goes into everything that is remembered of a loaded table: another number loads all anew.
FORMAT = 1

_SAME = {
    "BOOLEAN": "boolean",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "FLOAT": "real",
    "DOUBLE": "double precision",
    "VARCHAR": "text",
    "JSON": "text",
    "BLOB": "bytea",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "INTERVAL": "interval",
}
#: DuckDB's type -> what DuckDB casts it to, and Postgres' type. HUGEINT is not among them: in
#: Parquet it is a DOUBLE already.
_CAST = {
    "TINYINT": ("smallint", "smallint"),
    "UTINYINT": ("smallint", "smallint"),
    "USMALLINT": ("integer", "integer"),
    "UINTEGER": ("bigint", "bigint"),
    "UBIGINT": ("decimal(20, 0)", "numeric(20, 0)"),
    "TIMESTAMP_S": ("timestamp", "timestamp"),
    "TIMESTAMP_MS": ("timestamp", "timestamp"),
    "TIMESTAMP_NS": ("timestamp", "timestamp"),
}
_NESTED = re.compile(r"\]$|^(STRUCT|MAP|UNION)\(")

#: 24 November 4714 BC, the first day of Postgres, since 1970.
_FIRST_DAY = -2_440_588
_FIRST_MICROSECOND = _FIRST_DAY * 86_400_000_000
_LAST_DAY, _LAST_MICROSECOND = 2**31 - 2, 2**63 - 2
_NUL, _INSTEAD = "\0", "\ufffd"


class NotStorable(ValueError):
    """A name or value that Postgres cannot hold; the message says where it is, and no value."""


@dataclass(frozen=True)
class Column:
    """``kind`` is Postgres' type, ``expression`` DuckDB's for a value of it."""

    name: str
    kind: str
    expression: str


def columns_of(connection: duckdb.DuckDBPyConnection, table: str, source: str) -> list[Column]:
    """The columns of ``source`` (a table function). Raises :class:`NotStorable`."""
    described = connection.execute(f"describe select * from {source}").fetchall()
    found = [_column(name, kind) for name, kind, *_ in described]
    for name in (table, *(column.name for column in found)):
        if len(name.encode()) > LONGEST_NAME:
            raise NotStorable(f"{name!r} is longer than the {LONGEST_NAME} bytes of a name")
        if _NUL in name:
            raise NotStorable(f"{name!r} has a NUL, which no name can hold")
    return found


def _column(name: str, kind: str) -> Column:
    expression = quoted(name)
    if kind in _SAME:
        return Column(name, _SAME[kind], expression)
    if kind in _CAST:
        cast, stored = _CAST[kind]
        return Column(name, stored, f"{expression}::{cast}")
    if kind.startswith("DECIMAL("):
        return Column(name, kind.replace("DECIMAL", "numeric"), expression)
    if _NESTED.search(kind):
        # Without it a missing list would become the text null.
        text = f"case when {expression} is not null then to_json({expression})::varchar end"
        return Column(name, "text", text)
    return Column(name, "text", f"{expression}::varchar")


def storable(
    table: str, batches: pa.RecordBatchReader, nuls: Counter[str], faults: list[NotStorable]
) -> pa.RecordBatchReader:
    """The same batches as Postgres can store them, read as they are asked for.

    A NUL in a text, which Postgres has no place for, becomes U+FFFD and counts in ``nuls`` by
    ``table.column``. Raises :class:`NotStorable` for a time that Postgres cannot store, and keeps
    it in ``faults``: a driver that reads the batches may say something else.
    """

    def each() -> Iterator[pa.RecordBatch]:
        for batch in batches:
            try:
                arrays = [
                    _storable(f"{table}.{field.name}", array, nuls)
                    for field, array in zip(batch.schema, batch.columns, strict=True)
                ]
            except NotStorable as error:
                faults.append(error)
                raise
            yield pa.record_batch(arrays, schema=batch.schema)

    return pa.RecordBatchReader.from_batches(batches.schema, each())


def _storable(place: str, array: pa.Array, nuls: Counter[str]) -> pa.Array:
    if pa.types.is_string(array.type):
        holding = pc.sum(pc.match_substring(array, _NUL)).as_py()
        if holding:
            nuls[place] += holding
            return pc.replace_substring(array, _NUL, _INSTEAD)
    elif pa.types.is_date32(array.type):
        _check(place, array.cast(pa.int32()), _FIRST_DAY, _LAST_DAY)
    elif pa.types.is_timestamp(array.type):
        _check(place, array.cast(pa.int64()), _FIRST_MICROSECOND, _LAST_MICROSECOND)
    return array


def _check(place: str, numbers: pa.Array, first: int, last: int) -> None:
    found = pc.min_max(numbers).as_py()
    if found["min"] is not None and not first <= found["min"] <= found["max"] <= last:
        raise NotStorable(f"{place} holds a time before 4714 BC, or an endless one")
