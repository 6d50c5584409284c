"""Edits of definitions, as runs notice them: files are changed by people, and by nobody's command.

What the audit chain last said of each definition is held against the versions that the lake keeps
(`marketing/` as runs stored it). Whatever differs is an edit, made by whoever ran.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from workspace import streams
from workspace.lake import Lake
from workspace.ledger import Ledger, audit, schema
from workspace.ledger.audit import Entry


class Kind(NamedTuple):
    """A kind of definition: what it is called, its stream, and the columns that name it and hash
    what it says."""

    name: str
    stream: str
    key: str
    hash: str


KINDS = (
    Kind("segment", "segment_definitions", "segment", "definition_hash"),
    Kind("journey", "journey_versions", "journey", "definition_hash"),
    Kind("campaign", "campaign_versions", "campaign", "definition_hash"),
    Kind("template", "template_versions", "template", "template_version"),
    Kind("parameters", "parameters", "definition", "definition_hash"),
)
STREAMS = tuple(kind.stream for kind in KINDS)
_RETIRED = "retired"
_VERB = "edit"


def note(ledger: Ledger, lake: Lake, at: datetime, actor: str) -> int:
    """Append an entry for each definition that is not as the chain last said; how many.

    ``before`` and ``after`` are digests of the definitions' hashes, none for one that is retired.
    Repeating it adds nothing.
    """
    stands = dict(_in_force(lake, at))
    with ledger.writing() as connection:
        said = _said(connection)
        entries = [
            Entry(at, actor, f"{kind}.{_VERB}", f"{kind}:{key}", before=before, after=after)
            for (kind, key), after in sorted(stands.items())
            if (before := said.get((kind, key))) != after
        ]
        if entries:
            audit.append_all(connection, entries)
    return len(entries)


def _in_force(lake: Lake, at: datetime) -> Iterator[tuple[tuple[str, str], str | None]]:
    """Each definition that was ever stored -> the digest of what is in force."""
    for kind in KINDS:
        rows = lake.read(kind.stream, _columns(kind)).to_pylist()
        known = [row for row in rows if row["known_at"] <= at]
        known.sort(key=lambda row: (row["known_at"], row.get("sequence", 0)))
        for key, row in {row[kind.key]: row for row in known}.items():
            is_gone = row.get("status") == _RETIRED
            yield (kind.name, key), None if is_gone else audit.digest(row[kind.hash])


def _columns(kind: Kind) -> list[str]:
    known = streams.STREAMS[kind.stream].schema.names
    wanted = (kind.key, kind.hash, "status", "sequence", "known_at")
    return [name for name in wanted if name in known]


def _said(connection: sa.Connection) -> dict[tuple[str, str], str | None]:
    """What the chain last said of each definition."""
    table = schema.audit_chain
    actions = [f"{kind.name}.{_VERB}" for kind in KINDS]
    last = (
        sa.select(sa.func.max(table.c.position))
        .where(table.c.action.in_(actions))
        .group_by(table.c.object)
    )
    query = sa.select(table.c.object, table.c.after_hash).where(table.c.position.in_(last))
    found = {}
    for named, after in connection.execute(query):
        kind, _, key = named.partition(":")
        found[kind, key] = after
    return found
