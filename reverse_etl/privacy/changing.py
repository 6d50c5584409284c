"""What becomes of the rows of erased people, and of a lake file that holds some.

Rows that nothing changes are neither looked at nor copied: their parts of a row group are written
as they were read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from reverse_etl.privacy.counted import NOTHING, Counted
from reverse_etl.privacy.finding import by_group
from reverse_etl.privacy.stand_ins import StandIns
from workspace import catalogue, durable
from workspace.catalogue import Holding
from workspace.lake import fitted, parquet_options
from workspace.streams import LINEAGE, STREAMS

#: Web addresses of which the host stays, and whether an advertisement was clicked.
_ADDRESSES = ("page_url", "page_referrer")
_CLICK = re.compile(
    r"[?&](gclid|wbraid|gbraid|dclid|gclsrc|msclkid|yclid|fbclid|igshid|li_fat_id|ttclid|twclid"
    r"|ScCid|rdt_cid|epik|srsltid|irclickid)="
)
_MERGED_IDS = "hs_merged_object_ids"
_LINEAGE = frozenset(name for name, _ in LINEAGE)


def rewrite(
    source: Path, target: Path, numbers: np.ndarray, change: Change, sets_apart: bool
) -> pa.Table:
    """Write the rows of a lake file that stay; those that were theirs come back, where they are
    set apart. ``numbers``: the rows to change, in order."""
    schema = change.schema
    apart: list[dict[str, Any]] = []
    file = pq.ParquetFile(source)
    with pq.ParquetWriter(target, schema, **parquet_options(schema)) as writer:
        for group, inside in by_group(file, numbers):
            table = fitted(file.read_row_group(group, use_threads=False), schema)
            if len(inside):
                table, own = _changed(table, inside, change, sets_apart)
                apart += own
            if table.num_rows:
                writer.write_table(table, row_group_size=table.num_rows)
    durable.fsync_file(target)
    return pa.Table.from_pylist(apart, schema=schema)


def _changed(
    table: pa.Table, inside: np.ndarray, change: Change, sets_apart: bool
) -> tuple[pa.Table, list[dict[str, Any]]]:
    """The rows that stay, in their order, and what is set apart of the others."""
    parts: list[pa.Table] = []
    apart: list[dict[str, Any]] = []
    start = 0
    for place, row in zip(inside, table.take(pa.array(inside)).to_pylist(), strict=True):
        parts.append(table.slice(start, place - start))
        start = place + 1
        own, left = change.row(row)
        if left is None:
            continue
        if own and sets_apart:
            apart.append(left)
        else:
            parts.append(pa.Table.from_pylist([left], schema=table.schema))
    parts.append(table.slice(start))
    return pa.concat_tables(parts), apart


class Change:
    """What becomes of one row of a stream."""

    def __init__(self, stream: str, stand_ins: StandIns, residual: bool, counted: Counted) -> None:
        self.schema = STREAMS[stream].schema
        self._key = STREAMS[stream].key
        self._holdings = catalogue.of("lake", stream)
        self._stand_ins = stand_ins
        self._residual = residual
        self._counted = counted
        self._is_judged_by_text = all(
            not (h.owners or h.mentions or h.texts) for h in self._holdings
        )

    def row(self, row: dict[str, Any]) -> tuple[bool, dict[str, Any] | None]:
        """Whether it was theirs, and what is left of it: None for nothing."""
        row = dict(row)
        if self._is_judged_by_text:
            return True, None
        own = False
        for holding in self._holdings:
            if any(row[name] not in values for name, values in holding.when.items()):
                continue
            is_own = self._names(row, holding.owners)
            if is_own and (holding.stays == "none" or self._is_dropped(holding)):
                return True, None
            if is_own:
                self._clear(row, holding)
            if not (is_own and holding.stays == "keyed"):
                for name, kind in {**holding.owners, **holding.mentions}.items():
                    row[name] = self._stand_ins.of(kind, row[name])
            own = own or is_own
        for column in self.schema:
            value = row[column.name]
            if isinstance(value, str) and column.name not in _LINEAGE:
                row[column.name] = self._in_text(column.name, value)
        return own, row

    def _is_dropped(self, holding: Holding) -> bool:
        return not self._residual and holding.stays != "keyed"

    def _names(self, row: Mapping[str, Any], columns: Mapping[str, str]) -> bool:
        return any(
            row[name] is not None and self._stand_ins.of(kind, row[name]) != row[name]
            for name, kind in columns.items()
        )

    def _clear(self, row: dict[str, Any], holding: Holding) -> None:
        for name in holding.cleared:
            # What tells rows apart goes on doing so.
            is_key = name in self._key and row[name] is not None
            if name in _ADDRESSES:
                row[name] = _origin(row[name])
            elif not self._counted.is_machine(name, row[name]):
                row[name] = self._stand_ins.token(row[name]) if is_key else None
        for name, allowed in holding.kept.items():
            is_contact = holding.name == "crm_contacts"
            counted = self._counted if is_contact else NOTHING
            row[name] = self._allowed(row[name], (*allowed, *counted.properties), counted)

    def _allowed(self, text: str | None, allowed: Sequence[str], counted: Counted) -> str | None:
        """A JSON object's allowed properties; None where none is left."""
        value = json.loads(text) if text else None
        if not isinstance(value, dict):
            return None
        left = {
            name: value[name]
            for name in value
            if any(fnmatchcase(name, one) for one in allowed) or counted.is_known(name, value[name])
        }
        if isinstance(left.get(_MERGED_IDS), str):
            ids = left[_MERGED_IDS].split(";")
            left[_MERGED_IDS] = ";".join(self._stand_ins.of("crm_contact", i) for i in ids)
        return json.dumps(left, ensure_ascii=False) if left else None

    def _in_text(self, name: str, value: str) -> str:
        if name == "associations":
            value = _in_associations(value, self._stand_ins)
        if not self._stand_ins.stands_in(value):
            return value
        try:
            return json.dumps(self._stand_ins.in_json(json.loads(value)), ensure_ascii=False)
        except ValueError:
            return self._stand_ins.in_text(value)


def _origin(url: str | None) -> str | None:
    parts = urlsplit(url) if url else None
    if url is None or parts is None or not parts.hostname:
        return None
    clicked = _CLICK.search(url)
    return f"{parts.scheme}://{parts.hostname}/" + (f"?{clicked[1]}=1" if clicked else "")


def _in_associations(text: str, stand_ins: StandIns) -> str:
    """HubSpot's associations with stand-ins for the ids of contacts."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    changed = False
    for item in _contacts_of(value):
        ident = str(item.get("id"))
        stand_in = stand_ins.of("crm_contact", ident)
        if stand_in != ident:
            item["id"], changed = stand_in, True
    return json.dumps(value, ensure_ascii=False) if changed else text


def _contacts_of(associations: Any) -> Iterator[dict[str, Any]]:
    contacts = associations.get("contacts") if isinstance(associations, dict) else None
    results = contacts.get("results") if isinstance(contacts, dict) else None
    yield from (item for item in results or () if isinstance(item, dict))
