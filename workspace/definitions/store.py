"""Definitions in the lake: a version is stored when it first runs.

That is how thresholds and names reach dbt (the view ``lake.parameters``), and how a past
``as_of`` sees the definitions of its day and not today's.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

import pyarrow as pa

from workspace.definitions.reading import Row
from workspace.lake import Entry, Lake
from workspace.streams import STREAMS

STREAM = "parameters"
SCHEMA = STREAMS[STREAM].schema


def content_hash(rows: list[Row]) -> str:
    text = "\n".join(f"{r.collection}\0{r.key}\0{r.position}\0{r.json}" for r in rows)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def store(rows: dict[str, list[Row]], lake: Lake, as_of: datetime) -> list[str]:
    """Commit each definition that is not the version in force at ``as_of``; returns their names.

    Repeating it with the same definitions and ``as_of`` adds nothing.
    """
    stored = []
    for name, its_rows in rows.items():
        digest = content_hash(its_rows)
        if _hash_in_force(lake, name, as_of) == digest:
            continue
        version = 1 + sum(entry.meta["definition"] == name for entry in lake.entries(STREAM))
        meta = {"definition": name, "hash": digest, "known_at": as_of.isoformat()}
        lake.commit(STREAM, f"{name}:{version}:{digest}", table({name: its_rows}, as_of), meta)
        stored.append(name)
    return stored


def in_force(rows: dict[str, list[Row]], lake: Lake, as_of: datetime) -> pa.Table:
    """The parameters in force at ``as_of``: the stored version of each definition, or, for a
    time from before anything was stored, the given rows."""
    parts = []
    everything: pa.Table | None = None
    for name, its_rows in rows.items():
        digest = _hash_in_force(lake, name, as_of)
        if digest is None:
            parts.append(table({name: its_rows}, as_of))
            continue
        if everything is None:
            everything = lake.read(STREAM)
        picked: dict[tuple[str, str], dict[str, object]] = {}
        for row in everything.to_pylist():
            if row["definition"] == name and row["definition_hash"] == digest:
                picked.setdefault((row["collection"], row["key"]), row)
        parts.append(pa.Table.from_pylist(list(picked.values()), schema=SCHEMA))
    return pa.concat_tables(parts) if parts else SCHEMA.empty_table()


def table(rows: dict[str, list[Row]], known_at: datetime) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "definition": name,
                "definition_hash": content_hash(its_rows),
                "collection": row.collection,
                "key": row.key,
                "position": row.position,
                "value": row.json,
                "known_at": known_at,
            }
            for name, its_rows in rows.items()
            for row in its_rows
        ],
        schema=SCHEMA,
    )


def _hash_in_force(lake: Lake, name: str, as_of: datetime) -> str | None:
    versions: list[Entry] = [
        entry
        for entry in lake.entries(STREAM)
        if entry.meta["definition"] == name
        and datetime.fromisoformat(entry.meta["known_at"]) <= as_of
    ]
    if not versions:
        return None
    latest = max(versions, key=lambda entry: datetime.fromisoformat(entry.meta["known_at"]))
    # Of versions stored at one as_of (a demo's fixed end) the last committed is in force.
    return [e for e in versions if e.meta["known_at"] == latest.meta["known_at"]][-1].meta["hash"]
