"""The lake's part of an erasure: rows of erased people out of the files, what stays of them in.

A stream's files are searched once for everybody; a file with a row to change is written anew, and
one commit puts the new files in place (:meth:`workspace.lake.Lake.rewrite`). Killed at any moment,
a stream is in its old state or its new one, and the next search finds what is left to do.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from reverse_etl.privacy import written
from reverse_etl.privacy.counted import Counted
from reverse_etl.privacy.stand_ins import StandIns
from workspace import catalogue
from workspace.catalogue import Holding
from workspace.lake import Lake, fitted, parquet_options
from workspace.streams import LINEAGE, STREAMS

#: Web addresses of which the host stays, and whether an advertisement was clicked.
_ADDRESSES = ("page_url", "page_referrer")
_CLICK = re.compile(
    r"[?&](gclid|wbraid|gbraid|dclid|gclsrc|msclkid|yclid|fbclid|igshid|li_fat_id|ttclid|twclid"
    r"|ScCid|rdt_cid|epik|srsltid|irclickid)="
)
_MERGED_IDS = "hs_merged_object_ids"
_LINEAGE = frozenset(name for name, _ in LINEAGE)


NOTHING = Counted()


@dataclass(frozen=True)
class Lines:
    """Rows that are erased people's or name them, by where they landed: ``landing_file`` -> line
    numbers."""

    of: Mapping[str, frozenset[int]]


def streams() -> list[str]:
    """The lake streams that hold anything of people."""
    return list(dict.fromkeys(h.name for h in catalogue.HOLDINGS if h.store == "lake"))


def landed_lines(lake: Lake, stand_ins: StandIns) -> Lines:
    """The landed lines that gave rows of these people or naming them. To be asked before
    :func:`erase`."""
    found: dict[str, set[int]] = defaultdict(set)
    with _search(stand_ins) as connection:
        for stream in streams():
            if "landing_line" not in STREAMS[stream].schema.names or not lake.files(stream):
                continue
            query = (
                f"select distinct landing_file, landing_line from {_files(lake, stream)} "
                f"where {_touches(stream)} or {_owns(stream)}"
            )
            for file, line in connection.execute(query).fetchall():
                found[file].add(line)
            where = "landing_file, landing_line"
            for file, line in _said(connection, _files(lake, stream), stream, where, stand_ins):
                found[file].add(line)
    return Lines({file: frozenset(lines) for file, lines in found.items()})


def erase(
    lake: Lake,
    stand_ins: StandIns,
    residual: bool = True,
    counted: Counted = NOTHING,
    told: Callable[[str], object] | None = None,
) -> Counter[str]:
    """Take the people out of every stream; how many rows of each were theirs or named them.

    ``residual``: leave what the catalogue says that stays of a row; else nothing but refusals.
    ``counted``: what figures are counted by besides.
    """
    counts: Counter[str] = Counter()
    with _search(stand_ins) as connection:
        for stream in streams():
            if told:
                told(stream)
            rows = _erase(connection, lake, stream, stand_ins, residual, counted)
            if rows:
                counts[stream] = rows
    return counts


def remaining(lake: Lake, stand_ins: StandIns) -> Counter[str]:
    """How many rows of each stream still name these people where none should."""
    counts: Counter[str] = Counter()
    with _search(stand_ins) as connection:
        for stream in streams():
            if lake.files(stream):
                counts[stream] = sum(
                    len(rows) for rows in _find(connection, lake, stream, stand_ins).values()
                )
    return +counts


# ---- finding -------------------------------------------------------------------------------------


def _search(stand_ins: StandIns) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 2})
    connection.execute("set timezone = 'UTC'")
    connection.execute("create table erased_key (key varchar)")
    connection.execute("insert into erased_key select unnest(?)", [list(stand_ins.keys)])
    pairs = [(kind, v) for kind, known in stand_ins.values.items() for v in known]
    pairs += [("", text) for text in stand_ins.spellings]
    connection.execute("create table erased_value (kind varchar, value varchar)")
    connection.execute(
        "insert into erased_value select unnest($1), unnest($2)",
        [[kind for kind, _ in pairs], [value for _, value in pairs]],
    )
    # What RE2 finds is looked at afterwards: it knows neither escapes nor what stands beside.
    wanted = written.may_hold(stand_ins.spellings)
    test = f"regexp_matches(cast(t as varchar), '{_quoted(wanted)}')" if wanted else "false"
    if wanted and not wanted.isascii():
        test = "t is not null"
    connection.execute(f"create macro is_erased_text(t) as {test}")
    return connection


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _files(lake: Lake, stream: str, extra: str = "") -> str:
    listed = ", ".join(f"'{_quoted(str(path))}'" for path in lake.files(stream))
    return f"read_parquet([{listed}]{extra})"


def _owns(stream: str) -> str:
    """Whether a row is somebody's who is erased."""
    holdings = catalogue.of("lake", stream)
    return " or ".join(_condition(h, h.owners) for h in holdings if h.owners) or "false"


def _touches(stream: str) -> str:
    """Whether a row is somebody's who is erased, or names them, where it should not any more."""
    found = []
    for holding in catalogue.of("lake", stream):
        columns = {**holding.owners, **holding.mentions}
        if holding.stays == "keyed":  # its keys stay
            texts = " or ".join(f"{name} is not null" for name in holding.cleared)
            if texts:
                found.append(f"({_condition(holding, columns)} and ({texts}))")
        elif columns:
            found.append(_condition(holding, columns))
    return " or ".join(found) or "false"


def _spoken(stream: str) -> list[str]:
    """Columns that may hold an identifier in the midst of a text."""
    found = [name for holding in catalogue.of("lake", stream) for name in _texts(stream, holding)]
    return list(dict.fromkeys([*found, *_binaries(stream)]))


def _condition(holding: Holding, columns: Mapping[str, str]) -> str:
    tests = []
    for name, kind in columns.items():
        if kind == "key":
            tests.append(f"{name} in (select key from erased_key)")
        else:
            tests.append(
                f"{name} in (select value from erased_value where kind = '{kind}') or "
                f"lower({name}) in (select value from erased_value where kind = '')"
            )
    condition = f"({' or '.join(tests)})"
    for name, values in holding.when.items():
        listed = ", ".join(f"'{value}'" for value in values)
        condition = f"({condition} and {name} in ({listed}))"
    return condition


def _texts(stream: str, holding: Holding) -> list[str]:
    """Columns that may hold an identifier in the midst of a text."""
    schema = STREAMS[stream].schema
    named = {**holding.owners, **holding.mentions}
    found = []
    for column in schema:
        if column.name in _LINEAGE or named.get(column.name) in ("key", "keys"):
            continue
        if pa.types.is_binary(column.type):
            continue
        if column.name in (*holding.cleared, *holding.kept, *holding.texts):
            found.append(column.name)
    return found


def _binaries(stream: str) -> list[str]:
    return [column.name for column in STREAMS[stream].schema if pa.types.is_binary(column.type)]


def _find(
    connection: duckdb.DuckDBPyConnection, lake: Lake, stream: str, stand_ins: StandIns
) -> dict[str, set[int]]:
    """By file: the numbers of the rows that are theirs or name them."""
    source = _files(lake, stream, ", filename = true, file_row_number = true")
    where = "filename, file_row_number"
    named = f"select {where} from {source} where {_touches(stream)}"
    found: dict[str, set[int]] = defaultdict(set)
    rows = connection.execute(named).fetchall()
    for file, number in (*rows, *_said(connection, source, stream, where, stand_ins)):
        found[Path(file).name].add(number)
    return found


def _said(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    stream: str,
    where: str,
    stand_ins: StandIns,
) -> Iterator[tuple[str, int]]:
    """``where`` of the rows in whose texts somebody stands."""
    spoken = _spoken(stream)
    if not spoken:
        return
    tests = " or ".join(f"is_erased_text({name})" for name in spoken)
    query = f"select {where}, {', '.join(spoken)} from {source} where {tests}"
    cursor = connection.execute(query)
    while rows := cursor.fetchmany(10_000):
        for file, number, *texts in rows:
            for text in texts:
                said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
                if said and stand_ins.stands_in(said):
                    yield file, number
                    break


# ---- changing ------------------------------------------------------------------------------------


def _erase(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    stream: str,
    stand_ins: StandIns,
    residual: bool,
    counted: Counted,
) -> int:
    paths = {path.name: path for path in lake.files(stream)}
    if not paths:
        return 0
    found = _find(connection, lake, stream, stand_ins)
    if not found:
        return 0
    merged = lake.merged(stream)
    change = _Change(stream, stand_ins, residual, counted)
    new: dict[str, tuple[Path | None, pa.Table | None]] = {}
    for name, numbers in found.items():
        target = lake.staging() / f"{uuid4().hex}.parquet"
        apart = _rewritten(paths[name], target, sorted(numbers), change, name not in merged)
        has_rows = pq.read_metadata(target).num_rows > 0
        new[name] = (target if has_rows else None, apart)
    lake.rewrite(stream, new)
    return sum(len(numbers) for numbers in found.values())


def _rewritten(
    source: Path, target: Path, numbers: Sequence[int], change: _Change, sets_apart: bool
) -> pa.Table:
    """Write the rows that stay; those that were theirs come back, where they are set apart."""
    schema = change.schema
    wanted = np.array(numbers)
    apart: list[dict[str, Any]] = []
    file = pq.ParquetFile(source)
    with pq.ParquetWriter(target, schema, **parquet_options(schema)) as writer:
        start = 0
        for group in range(file.num_row_groups):
            table = fitted(file.read_row_group(group), schema)
            end = start + table.num_rows
            inside = wanted[(wanted >= start) & (wanted < end)] - start
            if len(inside):
                table, own = _changed(table, inside, change, sets_apart)
                apart += own
            if table.num_rows:
                writer.write_table(table, row_group_size=max(table.num_rows, 1))
            start = end
    return pa.Table.from_pylist(apart, schema=schema)


def _changed(
    table: pa.Table, inside: np.ndarray, change: _Change, sets_apart: bool
) -> tuple[pa.Table, list[dict[str, Any]]]:
    mended: list[dict[str, Any]] = []
    apart: list[dict[str, Any]] = []
    places = np.arange(table.num_rows)
    keep = np.ones(table.num_rows, dtype=bool)
    for place, row in zip(inside, table.take(pa.array(inside)).to_pylist(), strict=True):
        own, left = change.row(row)
        if left is None or (own and sets_apart):
            keep[place] = False
            if left is not None:
                apart.append(left)
        else:
            places[place] = table.num_rows + len(mended)
            mended.append(left)
    both = pa.concat_tables([table, pa.Table.from_pylist(mended, schema=table.schema)])
    return both.take(pa.array(places[keep])), apart


class _Change:
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
            more = self._counted.properties if is_contact else ()
            row[name] = self._allowed(row[name], (*allowed, *more))

    def _allowed(self, text: str | None, allowed: Sequence[str]) -> str | None:
        """A JSON object's allowed properties; None where none is left."""
        value = json.loads(text) if text else None
        if not isinstance(value, dict):
            return None
        left = {
            name: value[name] for name in value if any(fnmatchcase(name, one) for one in allowed)
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
