"""Where everybody stood, kept beside the log, so that a tick need not read all of it.

The log is the only truth. A checkpoint is the fold of the log's first commits; it counts while they
are still as they were (compaction and erasure change them), its files have the digest that it
names, and nothing in it is later than ``as_of``. Whatever is wrong with it, the log is folded anew.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from reverse_etl.journeys import standing
from reverse_etl.journeys.tick import STEPS
from workspace import durable
from workspace.lake import Entry, Lake, clocks, read_files
from workspace.streams import STREAMS

FOLDER = ".journeys"
MANIFEST = "checkpoint.json"
TABLES = ("enrolments", "watches")
#: Steps since the last checkpoint that call for a new one: so many, and this part of its rows.
FEWEST, PART = 50_000, 0.2


@dataclass(frozen=True)
class Checkpoint:
    """``covered`` commits of the log, and where their fold is."""

    covered: int
    rows: int
    files: dict[str, Path]


def load(
    connection: duckdb.DuckDBPyConnection, lake: Lake, as_of: datetime, may_write: bool
) -> None:
    """``journey_state`` and ``journey_watches`` at ``as_of``, by the contacts of today.

    A new checkpoint is written where it pays and where ``as_of`` cuts nothing off.
    """
    entries = lake.entries(STEPS)
    found = _find(lake, entries, as_of)
    covered = found.covered if found else 0
    folder = lake.root / STREAMS[STEPS].path
    newer = [folder / entry.file for entry in entries[covered:] if entry.file]
    rows = read_files(STREAMS[STEPS], newer) + (clocks(STREAMS[STEPS], as_of) if newer else "")
    standing.fold(connection, f"(select * from {rows})")
    if found is not None:
        _put_together(connection, found)
    since = sum(entry.rows for entry in entries[covered:])
    least = max(FEWEST, PART * found.rows) if found else 1
    if may_write and since >= least and not _is_later(lake, as_of):
        save(connection, lake, entries)
    _by_contacts_of_today(connection)


def save(connection: duckdb.DuckDBPyConnection, lake: Lake, entries: Sequence[Entry]) -> None:
    """Keep ``journey_state`` and ``journey_watches``, the fold of these commits, as the log has
    them: with the contacts of their ticks."""
    folder = durable.make_folder(lake.root / FOLDER, mode=0o700)
    before = {path for path in folder.glob("*.parquet")}
    body: dict[str, Any] = {"entries": [_mark(entry) for entry in entries]}
    for name, table in zip(TABLES, ("journey_state", "journey_watches"), strict=True):
        staged = lake.staging() / f"{uuid.uuid4().hex}.parquet"
        connection.execute(f"copy {table} to '{_quoted(staged)}' (format parquet)")
        target = folder / staged.name
        durable.replace(staged, target)
        body[name] = {"file": target.name, "digest": _digest(target)}
    row = connection.execute("select count(*) from journey_state").fetchone()
    latest = lake.latest(STEPS, "known_at")
    assert row is not None
    body |= {"rows": row[0], "known_at": latest and latest.isoformat()}
    durable.write(folder / MANIFEST, json.dumps(body).encode())
    for path in before:
        path.unlink(missing_ok=True)


def _find(lake: Lake, entries: Sequence[Entry], as_of: datetime) -> Checkpoint | None:
    """The checkpoint, if it is one of this log and whole."""
    folder = lake.root / FOLDER
    try:
        body = json.loads((folder / MANIFEST).read_bytes())
        covered = len(body["entries"])
        if body["entries"] != [_mark(entry) for entry in entries[:covered]]:
            return None
        if body["known_at"] and datetime.fromisoformat(body["known_at"]) > as_of:
            return None
        files = {name: folder / body[name]["file"] for name in TABLES}
        if any(_digest(path) != body[name]["digest"] for name, path in files.items()):
            return None
        return Checkpoint(covered, body["rows"], files)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _mark(entry: Entry) -> list[Any]:
    return [entry.batch, entry.file, entry.rows]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _is_later(lake: Lake, as_of: datetime) -> bool:
    latest = lake.latest(STEPS, "known_at")
    return latest is not None and latest > as_of


def _put_together(connection: duckdb.DuckDBPyConnection, found: Checkpoint) -> None:
    """What was folded from newer commits on top of the checkpoint."""
    kept = {name: f"read_parquet('{_quoted(path)}')" for name, path in found.files.items()}
    connection.execute(
        f"""
        create or replace temp table journey_state as
        select k.* from {kept["enrolments"]} as k anti join journey_state using (enrolment_id)
        union all by name
        select n.* replace (
            coalesce(k.entered_at, n.entered_at) as entered_at,
            greatest(k.joined_at, n.joined_at) as joined_at,
            n.was_moved or coalesce(k.was_moved, false) as was_moved
        )
        from journey_state as n left join {kept["enrolments"]} as k using (enrolment_id)
        """
    )
    connection.execute(
        f"""
        create or replace temp table journey_watches as
        select journey, contact_id, {standing.LAST_SEEN}
        from (from journey_watches union all by name from {kept["watches"]})
        group by all
        """
    )


def _by_contacts_of_today(connection: duckdb.DuckDBPyConnection) -> None:
    """Contacts that have become others since are those others."""
    identities = "(from marts.identity_map where contact_id is not null)"
    connection.execute(
        f"""
        create or replace temp table journey_state as
        select s.* replace (coalesce(i.contact_id, s.contact_id) as contact_id)
        from journey_state as s left join {identities} as i on s.contact_id = i.identifier_key
        """
    )
    connection.execute(
        f"""
        create or replace temp table journey_watches as
        select s.journey, coalesce(i.contact_id, s.contact_id) as contact_id, {standing.LAST_SEEN}
        from journey_watches as s left join {identities} as i on s.contact_id = i.identifier_key
        group by all
        """
    )
