"""The door for tables: find them, look up what they need of one another, land and load.

Every file is accounted for: loaded, looked up by others, or left with the reason. Every record of
a loaded table is: rows, folded into the rows of its group, left out, or broken.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from ingestion.collector import segments
from ingestion.errors import IngestError, RowError
from ingestion.fivetran.catalogue import NAMES, columns_missing
from ingestion.fivetran.joins import OBJECTS, Joins
from ingestion.fivetran.model import Shape, Table
from ingestion.fivetran.pages import Count, Paging
from ingestion.fivetran.reading import TableFile, files_in, named
from ingestion.fivetran.source import NAME
from ingestion.landing import LandedFile, landed
from ingestion.loading import LoadResult, load
from ingestion.sources.lines import PAGE
from workspace import clock, durable
from workspace.clock import compact
from workspace.identifiers import Keyring
from workspace.lake import Lake

#: A landed file ends after this much.
FILE_BYTES = 16 << 20
#: So many refused rows of a landed file are shown.
EXAMPLES = 5


@dataclass
class TableReport:
    """What became of one file, for each kind that it fills.

    ``became`` says it in words; ``is_trouble`` marks what the user meant to load and was not;
    ``count`` is there for a file that was loaded.
    """

    path: Path
    table: str | None
    became: str
    is_trouble: bool = False
    count: Count | None = None
    kind: str | None = None
    level: str | None = None
    spend: dict[str, Decimal] = field(default_factory=dict)


@dataclass
class Imported:
    """``notes`` tell what a reader should know of the tables together."""

    tables: list[TableReport] = field(default_factory=list)
    loads: list[LoadResult] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class Desk:
    """Where to land and load. ``guard=False`` leaves the batch suites out."""

    landing: Path
    lake: Lake
    keyring: Keyring
    guard: bool = True


def import_tables(
    paths: Iterable[Path],
    desk: Desk | None,
    *,
    now: Callable[[], datetime] = clock.now,
    currency: str | None = None,
) -> Imported:
    """Land and load the tables in some files and folders; without a desk only look at them.

    ``currency`` is that of ad accounts whose history names none. Each landed file is received
    later than the one before. Raises :class:`IngestError` where a path is not there; a file that
    cannot be used is told in the result.
    """
    result = Imported()
    later = _Later(now)
    with TemporaryDirectory() as scratch:
        files = _open(files_in(paths), Path(scratch), result)
        joins = Joins(files, currency)
        for name, some in files.items():
            table = some[0].table
            trouble = _unready(table, some, joins)
            for file in some:
                if trouble:
                    report = TableReport(file.path, name, f"not loaded: {trouble}", True)
                    result.tables.append(_with_spend(report, file, joins))
                elif not table.shapes:
                    result.tables.append(_with_spend(_unloaded(file), file, joins))
                else:
                    _take(file, joins, desk, later, result)
        result.notes += _notes(joins)
    return result


def _open(paths: Iterable[Path], scratch: Path, result: Imported) -> dict[str, list[TableFile]]:
    """The files that are tables, by full name; the others are told."""
    files: dict[str, list[TableFile]] = {}

    def refuse(path: Path, table: str | None, why: str | None) -> None:
        result.tables.append(TableReport(path, table, f"not loaded: {why}", is_trouble=True))

    for path in paths:
        found = named(path, NAMES)
        if found.table is None:
            refuse(path, None, found.trouble)
            continue
        name = found.table.full_name
        try:
            file = TableFile.open(path, found.table, scratch)
        except IngestError as error:
            refuse(path, name, error.message)
            continue
        missing = columns_missing(found.table, file.names)
        if missing:
            refuse(path, name, f"the header has no column {', '.join(missing)}")
        else:
            files.setdefault(name, []).append(file)
    return files


def _unloaded(file: TableFile) -> TableReport:
    """A table without rows of its own. What cannot be read of one that others need is trouble."""
    table = file.table
    if not table.is_looked_up:
        return TableReport(file.path, table.full_name, f"not loaded: {table.about}")
    told = f"looked up: {table.about}"
    lines = [str(row.line) for row in file.rows() if isinstance(row.value, RowError)]
    if lines:
        shown = ", ".join(lines[:5]) + ("…" if len(lines) > 5 else "")
        told += f"; {len(lines):,} records cannot be read (line {shown})"
    return TableReport(file.path, table.full_name, told, is_trouble=bool(lines))


def _unready(table: Table, files: Sequence[TableFile], joins: Joins) -> str | None:
    """Why a table cannot be read with the others that are here."""
    for needed, instead in table.needs:
        has_own = all(set(instead) & set(file.names) for file in files)
        if not has_own and not joins.has(f"{table.connector}.{needed}"):
            return f"needs the table {table.connector}.{needed}, which is not here"
    return table.check(joins) if table.check else None


def _take(
    file: TableFile, joins: Joins, desk: Desk | None, later: _Later, result: Imported
) -> None:
    """Land and load one file, once for each kind that it fills."""
    table = file.table
    for shape in table.shapes:
        if shape.unless and joins.has(f"{table.connector}.{shape.unless}"):
            continue
        paging = Paging(file, shape, joins)
        report = TableReport(file.path, table.full_name, shape.kind, kind=shape.kind)
        report.count = paging.count
        result.tables.append(_with_spend(report, file, joins))
        try:
            for landed_file in _land(paging, table.resource(shape), desk, later):
                assert desk is not None
                done = load(shape.kind, landed_file, desk.lake, desk.keyring, guard=desk.guard)
                result.loads.append(_placed(done, desk.lake))
        except IngestError as error:
            report.became = f"not loaded to its end: {error.message}"
            report.is_trouble = True
        else:
            report.became = _told(paging.count, shape)


def _placed(result: LoadResult, lake: Lake) -> LoadResult:
    """The result with its examples at their place in the user's own file."""
    if not result.examples:
        return result
    columns = ["landing_file", "landing_line", "reason", "field", "detail", "original"]
    rows = [
        row
        for row in lake.read("rejected_rows", columns).to_pylist()
        if row["landing_file"] == result.landing_file
    ]
    rows.sort(key=lambda row: row["landing_line"])
    return replace(result, examples=[_example(row) for row in rows[:EXAMPLES]])


def _example(row: Mapping[str, Any]) -> str:
    try:
        value = json.loads(row["original"])
        if isinstance(value, list):  # a record that could not be read
            shown, line, reason, _ = value
            return f"{shown['file']}:{line} {reason}"
        place = f"{value['_source']['file']}:{value['_source']['lines'][0]}"
    except (ValueError, LookupError, TypeError):  # cut off, or not even a row
        place = f"{row['landing_file']}:{row['landing_line']}"
    why = f": {row['detail']}" if row["detail"] else ""
    return " ".join(filter(None, (place, row["field"], row["reason"]))) + why


def _told(count: Count, shape: Shape) -> str:
    parts = [f"{shape.kind}: {count.rows:,} rows"]
    if count.folded:
        parts.append(f"{count.folded:,} records folded into them")
    if count.left_out:
        parts.append(f"{count.left_out:,} left out ({shape.left_out})")
    if count.broken:
        parts.append(f"{count.broken:,} broken")
    return ", ".join(parts)


def _with_spend(report: TableReport, file: TableFile, joins: Joins) -> TableReport:
    table = file.table
    if table.spend is not None:
        records = (row.value for row in file.rows() if isinstance(row.value, dict))
        report.level, report.spend = table.level, dict(table.spend(records, joins))
    return report


def _land(paging: Paging, resource: str, desk: Desk | None, later: _Later) -> Iterable[LandedFile]:
    """Landed files of a table's pages, each durable before it is handed on."""
    frames: list[bytes] = []
    size = 0
    received_at = later()
    for page in paging.pages():
        if desk is None:
            continue
        headers = [(b"request", resource.encode()), (b"parent", page.parent)]
        path = f"{PAGE}{NAME}/{resource}"
        frames.append(segments.frame(segments.Record(received_at, NAME, path, headers, page.body)))
        size += len(page.body) + len(page.parent)
        if size >= FILE_BYTES:
            yield _write(desk.landing, paging.shape.kind, resource, frames, received_at)
            frames, size, received_at = [], 0, later()
    if frames and desk is not None:
        yield _write(desk.landing, paging.shape.kind, resource, frames, received_at)


def _write(
    landing: Path, kind: str, resource: str, frames: Sequence[bytes], received_at: datetime
) -> LandedFile:
    data = segments.MAGIC + b"".join(frames)
    digest = hashlib.sha256(data).hexdigest()[:12]
    name = f"{compact(received_at)}__{digest}__{NAME}.{resource}{segments.SUFFIX}"
    target = durable.make_folder(landing / kind) / name
    staging = durable.make_folder(landing / ".staging") / uuid4().hex
    try:
        staging.touch(mode=0o600)
        staging.write_bytes(data)
        durable.replace(staging, target)
    finally:
        staging.unlink(missing_ok=True)
    return landed(kind, target, landing)


class _Later:
    """A clock that never stands still."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._last: datetime | None = None

    def __call__(self) -> datetime:
        time = self._now()
        if self._last is not None:
            time = max(time, self._last + timedelta(microseconds=1))
        self._last = time
        return time


def _notes(joins: Joins) -> list[str]:
    found = []
    for object_type, (table, _) in OBJECTS.items():
        if not joins.has(f"hubspot.{table}"):
            continue
        merges = joins.merges(object_type)
        if merges.into:
            found.append(f"{object_type}: {len(merges.into):,} merged away")
        for circle in merges.circles:
            ids = ", ".join(circle[:5])
            found.append(f"{object_type} merged into one another: {ids}; {circle[0]} was kept")
    return found
