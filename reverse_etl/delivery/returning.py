"""What comes back from providers, taken into the ledger: proofs that a message was sent, and
people who do not want or cannot take more.

Webhooks reach the stream `delivery_events` by `ingestion`; the warehouse models them for reports,
here they count at once. Reading them again changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from reverse_etl.delivery.suppressing import Suppression, record
from workspace.lake import Entry, Lake
from workspace.ledger import CHUNK_ROWS, Ledger, outbox, schema
from workspace.streams import STREAMS

STREAM = "delivery_events"
CURSOR = "delivery_events"
_COLUMNS = [
    *("provider", "event_type", "channel", "provider_message_id", "outbox_id"),
    *("email_key", "phone_key", "bounce_type", "reason", "payload", "known_at"),
]
_OUTBOX_ID = re.compile("[0-9a-f]{64}")
#: Words that end text messages, as carriers and providers take them.
_STOP_WORDS = frozenset(
    ("stop", "stopall", "unsubscribe", "cancel", "end", "quit", "arret", "arrêt", "stop sms")
)
#: SendGrid's reasons of mails it dropped by its own lists.
_DROPPED = {
    "bounced address": "hard_bounce",
    "unsubscribed address": "unsubscribed",
    "spam reporting address": "complaint",
    "invalid": "invalid_address",
}


@dataclass(frozen=True)
class Returned:
    """``proven``: messages that were unknown; ``suppressed``: new suppressions."""

    events: int
    proven: int
    suppressed: int


def take(ledger: Ledger, lake: Lake, at: datetime) -> Returned:
    """Take in what the stream holds since the last time."""
    entries = lake.entries(STREAM)
    with ledger.reading() as connection:
        new = _unread(entries, _cursor(connection))
        waiting = _waiting(connection)
    table = _read(lake, new)
    events = table.to_pylist()
    proofs: dict[str, str | None] = {}
    for event in events:
        ident = event["outbox_id"]
        if ident in waiting and _OUTBOX_ID.fullmatch(ident):
            # A click on a link of ours proves it, too, and does not know the provider's id.
            proofs[ident] = event["provider_message_id"] or proofs.get(ident)
    found = [one for event in events if (one := _suppression(event)) is not None]
    proven = suppressed = 0
    for ids in _chunks(sorted(proofs)):
        with ledger.writing() as connection:
            proven += outbox.prove(connection, {i: proofs[i] for i in ids}, outbox.WEBHOOK, at)
    for some in _chunks(found):
        with ledger.writing() as connection:
            suppressed += record(connection, some, at)
    if new:
        with ledger.writing() as connection:
            _move(connection, _place(entries))
    return Returned(len(events), proven, suppressed)


def _unread(entries: list[Entry], cursor: str | None) -> list[Entry]:
    """The batches behind the cursor; all of them where those before it are others by now (a
    replay, a restored ledger). However late a file lands, it is read."""
    count = int((cursor or "0").partition(":")[0])
    return entries[count:] if cursor == _place(entries[:count]) else entries


def _place(entries: list[Entry]) -> str:
    digest = hashlib.sha256("\n".join(entry.batch for entry in entries).encode())
    return f"{len(entries)}:{digest.hexdigest()[:32]}"


def _read(lake: Lake, entries: list[Entry]) -> pa.Table:
    """The rows of some batches; of all where one was merged into another's file."""
    is_merged = any(entry.rows and not entry.file for entry in entries)
    files = lake.files(STREAM)
    if not is_merged:
        names = {entry.file for entry in entries}
        files = [path for path in files if path.name in names]
    wanted = STREAMS[STREAM].schema
    empty = pa.schema([wanted.field(name) for name in _COLUMNS]).empty_table()
    tables = [pq.read_table(path, columns=_COLUMNS) for path in files]
    return pa.concat_tables([empty, *(table.cast(empty.schema) for table in tables)])


def _waiting(connection: sa.Connection) -> set[str]:
    """Messages that an event can prove: those that may have been sent."""
    table = schema.messages
    query = sa.select(table.c.message_id).where(
        sa.or_(
            table.c.state.in_(("unknown", "sending", "failed_unknown")),
            sa.and_(table.c.state == "pending", table.c.is_pinned.is_(True)),
        )
    )
    return set(connection.execute(query).scalars())


def _suppression(event: dict[str, Any]) -> Suppression | None:
    reason, channel = _reason(event), event["channel"]
    key = event["phone_key"] if channel == "sms" else event["email_key"]
    if reason is None or key is None:
        return None
    return Suppression(key, channel, reason, f"webhook:{event['provider']}")


def _reason(event: dict[str, Any]) -> str | None:
    kind = event["event_type"]
    if kind == "bounced":
        return "hard_bounce" if event["bounce_type"] == "permanent" else None
    if kind == "complained":
        return "complaint"
    if kind == "unsubscribed":
        return "unsubscribed"
    if kind == "dropped":
        return _DROPPED.get((event["reason"] or "").strip().lower())
    if kind == "received" and event["channel"] == "sms":
        return "stop" if _text(event["payload"]) in _STOP_WORDS else None
    return None


def _text(payload: str | None) -> str:
    """What somebody answered to a text message, in lower case."""
    try:
        found = json.loads(payload or "{}")
        if "Body" in found:  # Twilio
            return str(found["Body"]).strip().lower()
        return str(found["data"]["payload"]["text"]).strip().lower()  # Telnyx
    except (ValueError, LookupError, TypeError):
        return ""


def _cursor(connection: sa.Connection) -> str | None:
    table = schema.cursors
    query = sa.select(table.c.value).where(table.c.name == CURSOR)
    return connection.execute(query).scalar()


def _move(connection: sa.Connection, to: str) -> None:
    table = schema.cursors
    changed = connection.execute(
        sa.update(table).where(table.c.name == CURSOR).values(value=to)
    ).rowcount
    if not changed:
        connection.execute(table.insert().values(name=CURSOR, value=to))


def _chunks(values: list[Any]) -> list[list[Any]]:
    return [values[n : n + CHUNK_ROWS] for n in range(0, len(values), CHUNK_ROWS)]
