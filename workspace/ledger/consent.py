"""Consent events: what somebody decided, asked for or objected to, and how that is proven.

:func:`append` is the only way in; the table refuses updates and deletes. What follows from the
events is not stored here: the fold is dbt's (``docs/adr/008-consent-evidence.md``), which reads
the lake stream that :func:`export` feeds.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from workspace.identifiers import KEY_LENGTH, normalise_email
from workspace.lake import Lake
from workspace.ledger import CHUNK_ROWS, Ledger, schema
from workspace.streams import STREAMS

STREAM = "consent_events"
#: Every purpose, or every channel.
ALL = "all"
#: Identifiers of organisations.
ORGANISATIONS = ("crm_company", "domain")
#: Whose messages ask for the confirmation of a request, where others are a campaign's or journey's.
SOURCE_KIND = "consent"

_TABLE = schema.consent_events
_KEY = re.compile(f"[0-9a-f]{{{KEY_LENGTH}}}")
_CODE = re.compile(r"[a-z][a-z0-9_]*")
_ADDRESS = re.compile(r"[\w.+%-]+(?:@|%(?:25)*40)[\w-]+(?:\.[\w-]+)+", re.IGNORECASE)
_LENGTHS = {
    column.name: column.type.length
    for column in _TABLE.columns
    if isinstance(column.type, sa.String) and column.type.length
}
_CLOCKS = ("known_at", "recorded_at")


@dataclass(frozen=True)
class ConsentEvent:
    """One statement about one purpose and channel of whoever owns an identifier.

    ``identifier_key`` is a keyed hash (`workspace.identifiers`), never the identifier; of a
    ``domain`` it is its `domain_key`. What is refused for an organisation (``crm_company``,
    ``domain``) is refused for everybody who belongs to it. ``purpose``
    may be ``all`` where something is refused: every marketing purpose, or all that an objection
    ends. ``channel`` may be ``all``; a grant is then for a purpose that has no channels.
    ``occurred_at`` is when it was decided, ``known_at`` when its source knew, both naive UTC.
    ``evidence`` points to the proof: a message id, ``landing file:line``, a provider's event id.
    An address within ``source``, ``actor`` or ``evidence`` becomes ``[address]``.
    Raises ``ValueError`` for what does not fit.
    """

    identifier_type: str
    identifier_key: str
    purpose: str
    channel: str
    state: str
    source_class: str
    source: str
    occurred_at: datetime
    known_at: datetime
    brand: str = ""
    mechanism: str | None = None
    legal_basis: str | None = None
    text_version: str | None = None
    text_hash: str | None = None
    language: str | None = None
    actor: str | None = None
    evidence: str | None = None

    def __post_init__(self) -> None:
        for name, known in (
            ("identifier_type", schema.CONSENT_IDENTIFIERS),
            ("state", schema.CONSENT_STATES),
            ("source_class", schema.CONSENT_SOURCE_CLASSES),
        ):
            if getattr(self, name) not in known:
                raise ValueError(f"{name}: {getattr(self, name)!r} is none of {', '.join(known)}")
        if not _KEY.fullmatch(self.identifier_key):
            raise ValueError("identifier_key: a keyed hash is wanted, not the identifier")
        for name in ("purpose", "channel"):
            if not _CODE.fullmatch(getattr(self, name)):
                raise ValueError(f"{name}: {getattr(self, name)!r} is not a code")
        if self.state in ("granted", "pending") and self.purpose == ALL:
            raise ValueError("purpose: nobody agrees to everything at once")
        if self.state in ("granted", "pending") and self.identifier_type in ORGANISATIONS:
            raise ValueError("identifier_type: nobody agrees for everybody in an organisation")
        if self.state == "lifted" and self.identifier_type not in ORGANISATIONS:
            raise ValueError("state: only an organisation's refusal is lifted; people grant anew")
        for name in ("source", "actor"):
            if normalise_email(getattr(self, name)) is not None:
                raise ValueError(f"{name}: an address does not belong here")
        for name in ("source", "actor", "evidence"):
            # No erasure can change an event: an address in the midst of a text stays out of it.
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, _ADDRESS.sub("[address]", value))
        for name, length in _LENGTHS.items():
            value = getattr(self, name, None)
            if value is not None and len(value) > length:
                raise ValueError(f"{name}: longer than {length} characters")
        for name in ("occurred_at", "known_at"):
            if getattr(self, name).tzinfo is not None:
                raise ValueError(f"{name}: naive UTC is wanted")

    @property
    def event_id(self) -> str:
        """The same for the same statement, however often and whenever it reaches us."""
        content = {k: v for k, v in vars(self).items() if k not in _CLOCKS}
        text = json.dumps(content, default=datetime.isoformat, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def append(ledger: Ledger, events: Iterable[ConsentEvent], recorded_at: datetime) -> int:
    """Record what is not yet recorded, at most :data:`CHUNK_ROWS` rows a transaction.

    Returns how many events were new. Of an event that comes again the first record stands.
    """
    rows = {event.event_id: event for event in events}
    listed = [
        {"event_id": event_id, **vars(event), "recorded_at": recorded_at}
        for event_id, event in rows.items()
    ]
    chunks = range(0, len(listed), CHUNK_ROWS)
    return sum(_append(ledger, listed[start : start + CHUNK_ROWS]) for start in chunks)


def _append(ledger: Ledger, rows: list[dict[str, Any]]) -> int:
    with ledger.writing() as connection:
        if connection.dialect.name == "postgresql":
            # One writer at a time, as on SQLite: numbers become visible in their order, which
            # is what the export goes by.
            connection.execute(sa.text(f"lock table {_TABLE.name} in share row exclusive mode"))
        ids = [row["event_id"] for row in rows]
        known = set(
            connection.execute(
                sa.select(_TABLE.c.event_id).where(_TABLE.c.event_id.in_(ids))
            ).scalars()
        )
        new = [row for row in rows if row["event_id"] not in known]
        if new:
            connection.execute(_TABLE.insert(), new)
    return len(new)


def latest(ledger: Ledger) -> int:
    """The number of the last event; 0 where there is none. Numbers only grow."""
    with ledger.reading() as connection:
        return connection.execute(sa.select(sa.func.max(_TABLE.c.consent_event_id))).scalar() or 0


def export(ledger: Ledger, lake: Lake) -> int:
    """Commit the events that the lake does not hold yet; returns how many.

    A batch's meta names its last event. A ledger that does not hold that event under that number
    was restored or replaced, and is then compared event by event.
    """
    entries = lake.entries(STREAM)
    meta: Mapping[str, Any] = entries[-1].meta if entries else {}
    last = 0
    known: set[str] = set()
    with ledger.reading() as connection:
        if meta:
            found = connection.execute(
                sa.select(_TABLE.c.event_id).where(_TABLE.c.consent_event_id == meta["last"])
            ).scalar()
            if found == meta["event_id"]:
                last = meta["last"]
            else:
                known = set(lake.read(STREAM, ["event_id"])["event_id"].to_pylist())
        query = (
            sa.select(_TABLE)
            .where(_TABLE.c.consent_event_id > last)
            .order_by(_TABLE.c.consent_event_id)
        )
        rows = [dict(row) for row in connection.execute(query).mappings()]
    rows = [row for row in rows if row["event_id"] not in known]
    if not rows:
        return 0
    end = rows[-1]
    table = pa.Table.from_pylist(
        [{name: row[name] for name in STREAMS[STREAM].schema.names} for row in rows],
        schema=STREAMS[STREAM].schema,
    )
    lake.commit(
        STREAM,
        end["event_id"],
        table,
        {"last": end["consent_event_id"], "event_id": end["event_id"]},
    )
    return len(rows)
