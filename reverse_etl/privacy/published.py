"""Erased people out of what is published, without waiting for marts to be made anew.

Wherever a text of a mart is one of their keys or identifiers, or has one in its midst, its stand-in
takes its place: rows and sums stay as they are. Rows of the closed schema, which hold people's own
identifiers, go. The next run makes the same of what is left in the lake.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from reverse_etl.privacy.arrow_texts import rows_near
from reverse_etl.privacy.stand_ins import StandIns
from reverse_etl.publish.catalogue import CLOSED
from reverse_etl.publish.mending import Changed
from reverse_etl.publish.publisher import NothingPublished, current_version
from reverse_etl.publish.reader import held
from workspace.identifiers import KEY_LENGTH
from workspace.needles import Needles, literally
from workspace.paths import Paths

#: By relation: what a run leaves empty in rows of an erased person.
CLEARED: Mapping[str, tuple[str, ...]] = {
    "crm_property_changes": ("value",),
    "delivery_logs": ("reason",),
    "fct_form_submissions": ("page_path",),
}
#: Ids that are made of keys and times, so that whoever has the keys could make them again: the
#: relation they come from, the id, and the columns that say whose a row is.
DERIVED = (
    ("fct_sessions", "session_id", ("contact_id", "visitor_key")),
    ("fct_touchpoints", "touch_id", ("contact_id", "visitor_key")),
    ("consent_records", "evidence_id", ("subject_id", "identifier_key")),
)
_KEY = re.compile(rf"(?<![0-9a-f])[0-9a-f]{{{KEY_LENGTH}}}(?![0-9a-f])")


class Change:
    """What :func:`reverse_etl.publish.mending.mend` asks of each part."""

    def __init__(self, stand_ins: StandIns, derived: Mapping[str, str]) -> None:
        self._stand_ins = stand_ins
        self._instead = {**derived, **stand_ins.keys}
        self._keys = Needles(literally(key.encode()) for key in self._instead)
        self._keys.find(b"")
        stand_ins.near(b"")  # made ready once, before threads ask

    def __call__(self, schema: str, relation: str, source: Path, target: Path) -> Changed:
        changed = rows = 0
        kept = _kept_in_dictionaries(source)
        texts = [name for name, kind in kept.items() if kind == "BYTE_ARRAY"]
        options = {"read_dictionary": texts, "arrow_extensions_enabled": False}
        with pq.ParquetFile(source, **options) as file:
            writer: pq.ParquetWriter | None = None
            for number in range(file.num_row_groups):
                table = file.read_row_group(number, use_threads=False)
                table, others = self._changed(schema, relation, table)
                changed += others
                rows += table.num_rows
                if not changed:
                    continue
                if writer is None:
                    writer = pq.ParquetWriter(
                        target,
                        table.schema,
                        compression="zstd",
                        use_dictionary=list(kept),
                        store_schema=False,
                    )
                    for before in range(number):
                        writer.write_table(file.read_row_group(before, use_threads=False))
                writer.write_table(table)
            if writer is not None:
                writer.close()
        return Changed(changed, rows)

    def _changed(self, schema: str, relation: str, table: pa.Table) -> tuple[pa.Table, int]:
        """The rows as they are to be, and how many are others or gone."""
        new = {
            place: others
            for place in range(table.num_columns)
            if (others := self._others(table.column(place)))
        }
        touched = sorted({row for others in new.values() for row in others})
        if not touched:
            return table, 0
        if schema == CLOSED:
            keep = np.ones(table.num_rows, dtype=bool)
            keep[touched] = False
            return _encoded_anew(table.filter(pa.array(keep))), len(touched)
        for name in set(CLEARED.get(relation, ())) & set(table.column_names):
            place = table.column_names.index(name)
            own = {row for other, others in new.items() if other != place for row in others}
            new[place] = {**new.get(place, {}), **dict.fromkeys(own)}
        for place, others in new.items():
            column = _with(table.column(place), others)
            table = table.set_column(place, table.column_names[place], column)
        return table, len(touched)

    def _others(self, column: pa.ChunkedArray) -> dict[int, Any]:
        """By row: the values that are to be others."""
        found: dict[int, Any] = {}
        start = 0
        for chunk in column.chunks:
            for row in rows_near(chunk, self._near):
                old = chunk[row].as_py()
                new = self._other(old)
                if new != old:
                    found[start + row] = new
            start += len(chunk)
        return found

    def _near(self, data: memoryview) -> list[int]:
        return sorted([*self._stand_ins.near(data), *(end for _, end in self._keys.find(data))])

    def _other(self, value: Any) -> Any:
        if isinstance(value, str):
            keyless = _KEY.sub(lambda found: self._instead.get(found[0], found[0]), value)
            return self._stand_ins.in_text(keyless)
        if isinstance(value, bytes):
            text = value.decode("utf-8", "surrogateescape")
            return self._other(text).encode("utf-8", "surrogateescape")
        if isinstance(value, list | tuple):  # a map is a list of pairs
            return type(value)(self._other(item) for item in value)
        if isinstance(value, dict):
            return {name: self._other(item) for name, item in value.items()}
        return value


def derived_ids(paths: Paths, keys: Iterable[str]) -> dict[str, str]:
    """Ids of the current version that are made of ``keys`` (:data:`DERIVED`), and others for
    them."""
    try:
        connection = held(paths, current_version(paths))
    except NothingPublished:
        return {}
    found: set[str] = set()
    with connection:
        views = connection.execute("select view_name from duckdb_views()").fetchall()
        for view, column, owners in DERIVED:
            if (view,) in views:
                named = " or ".join(f"{owner} in (select unnest($1))" for owner in owners)
                query = f"select distinct {column} from marts.{view} where {named}"
                found.update(
                    ident for (ident,) in connection.execute(query, [list(keys)]).fetchall()
                )
    return {ident: secrets.token_hex(len(ident) // 2) for ident in sorted(found)}


def _encoded_anew(table: pa.Table) -> pa.Table:
    """Without the values of dictionaries that no row has any more: they would be written, too."""
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(place, field.name, _with(table.column(place), {}))
    return table


def _with(column: pa.ChunkedArray, others: Mapping[int, Any]) -> pa.ChunkedArray:
    """A column with other values in some rows."""
    if pa.types.is_dictionary(column.type):
        plain = _with(column.cast(column.type.value_type), others)
        return plain.dictionary_encode().cast(column.type)
    rows = sorted(others)
    mask = np.zeros(len(column), dtype=bool)
    mask[rows] = True
    values = pa.array([others[row] for row in rows], column.type)
    if not pa.types.is_nested(column.type):
        return pc.replace_with_mask(column, pa.array(mask), values)
    places = np.arange(len(column))
    places[rows] = len(column) + np.arange(len(rows))
    return pa.chunked_array([*column.chunks, values]).take(pa.array(places))


def _kept_in_dictionaries(path: Path) -> dict[str, str]:
    """The columns of which each row group has a dictionary, and their physical types."""
    data = pq.read_metadata(path)
    found = {}
    for place in range(data.num_columns):
        chunks = [data.row_group(group).column(place) for group in range(data.num_row_groups)]
        if chunks and all(chunk.has_dictionary_page for chunk in chunks):
            found[chunks[0].path_in_schema] = chunks[0].physical_type
    return found
