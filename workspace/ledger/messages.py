"""The outbox: messages that passed the gates, each once, and their way into the lake.

A message is the same when a campaign or journey means to say the same at the same step and
occurrence over the same channel to the same person, whatever the version of its definition and
whichever of the person's addresses it would go to.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from workspace.identifiers import KEY_LENGTH
from workspace.lake import Lake
from workspace.ledger import CHUNK_ROWS, Ledger, schema
from workspace.ledger.exporting import export_changes

STREAM = "message_states"

_TABLE = schema.messages
_KEY = re.compile(f"[0-9a-f]{{{KEY_LENGTH}}}")
_KEYS_A_QUERY = 10_000  # SQLite takes 32,766 parameters
_ENQUEUEING = 7_201_985  # Postgres advisory lock: any fixed number
_PAYLOADS = schema.message_payloads
#: Fields of a message that are not columns of its row.
_PAYLOAD_COLUMNS = ("message_id", "destination", "payload", "inputs")
_APART = ("aliases", "destination", "payload", "inputs")
_LENGTHS = {
    column.name: column.type.length
    for column in _TABLE.columns
    if isinstance(column.type, sa.String) and column.type.length
}


@dataclass(frozen=True)
class Message:
    """One message to be queued. ``message_id`` is its intent's id.

    ``destination`` is the address, number or device it goes to, ``destination_key`` the keyed hash
    of its normal form; ``aliases`` are all keys by which the person is or was known
    (`identity_map`), contact ids and addresses, and the keys of the organisations they belong to.
    ``payload`` holds the exact bytes that will be sent, ``inputs`` what they were rendered from.
    ``time_zone`` (IANA) and ``country`` are the person's; ``ramp_step`` is its place in a ramp,
    from 1; ``consent_seen`` the last consent event of the ledger that the decision to queue it had
    seen, ``consent_…`` the consent it rests on: the evidence, when that was decided, on which legal
    basis and by which text, and the policy's version then. ``is_test``: a test send, which counts
    nowhere. Times are naive UTC. Raises ``ValueError`` for what does not fit.
    """

    message_id: str
    contact_id: str
    destination_key: str
    source_kind: str
    source_key: str
    step: str
    occurrence: str
    channel: str
    message_class: str
    purpose: str
    scheduled_at: datetime
    priority: int = 0
    not_after: datetime | None = None
    destination: str = ""
    payload: bytes | None = None
    inputs: bytes | None = None
    country: str | None = None
    time_zone: str | None = None
    is_test: bool = False
    ramp_step: int | None = None
    consent_seen: int = 0
    template: str | None = None
    template_version: str | None = None
    consent_evidence_id: str | None = None
    consent_decided_at: datetime | None = None
    consent_legal_basis: str | None = None
    consent_text_hash: str | None = None
    consent_policy_version: str | None = None
    approval: str | None = None
    aliases: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(self.destination_key):
            raise ValueError("destination_key: a keyed hash is wanted, not the address")
        for name in (given.name for given in fields(self)):
            value, length = getattr(self, name), _LENGTHS.get(name)
            if length is not None and value is not None and len(value) > length:
                raise ValueError(f"{name}: longer than {length} characters")
        for name in ("scheduled_at", "not_after"):
            value = getattr(self, name)
            if value is not None and value.tzinfo is not None:
                raise ValueError(f"{name}: naive UTC is wanted")

    @property
    def place(self) -> tuple[str, str, str, str, str]:
        """What it says, but for whom: source, step, occurrence and channel."""
        return (self.source_kind, self.source_key, self.step, self.occurrence, self.channel)

    def dedup_key(self, tenant: str = "") -> str:
        text = "\0".join([tenant, *self.place, self.destination_key])
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Enqueued:
    """Ids of messages: ``new`` ones are pending now, ``already`` ones had been queued before,
    under the same id or for the same person."""

    new: list[str]
    already: list[str]


def enqueue(
    ledger: Ledger, messages: Iterable[Message], at: datetime, tenant: str = ""
) -> Enqueued:
    """Queue what is not yet queued, at most :data:`CHUNK_ROWS` rows a transaction.

    Repeating it, after a kill as well, adds nothing. Of several messages that are the same the
    first is queued.
    """
    found = Enqueued([], [])
    for chunk in _chunks(messages):
        for message, is_new in zip(chunk, _enqueue(ledger, chunk, at, tenant), strict=True):
            (found.new if is_new else found.already).append(message.message_id)
    return found


def _chunks(messages: Iterable[Message]) -> Iterator[list[Message]]:
    chunk: list[Message] = []
    for message in messages:
        chunk.append(message)
        if len(chunk) == CHUNK_ROWS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _enqueue(ledger: Ledger, chunk: Sequence[Message], at: datetime, tenant: str) -> list[bool]:
    """Whether each message is new."""
    rows: list[dict[str, Any]] = []
    payloads: list[dict[str, Any]] = []
    answers = []
    with ledger.writing() as connection:
        if connection.dialect.name == "postgresql":
            # One at a time, as on SQLite: two could not see one another's aliases. Whoever sends
            # or records consent meanwhile does not wait.
            connection.execute(sa.text(f"select pg_advisory_xact_lock({_ENQUEUEING})"))
        taken = _known(connection, chunk)
        ids = [message.message_id for message in chunk]
        known_ids = {row[0] for row in _in(connection, _TABLE.c.message_id, ids, ())}
        for message in chunk:
            people = {message.contact_id, message.destination_key, *message.aliases}
            is_new = message.message_id not in known_ids and not any(
                (message.place, person) in taken for person in people
            )
            answers.append(is_new)
            if is_new:
                known_ids.add(message.message_id)
                # Not the aliases: somebody else may share one.
                taken.add((message.place, message.contact_id))
                taken.add((message.place, message.destination_key))
                rows.append(_row(message, message.dedup_key(tenant), at))
                if message.payload is not None:
                    payloads.append({name: getattr(message, name) for name in _PAYLOAD_COLUMNS})
        if rows:
            connection.execute(_TABLE.insert(), rows)
        if payloads:
            connection.execute(_PAYLOADS.insert(), payloads)
    return answers


def _known(connection: sa.Connection, chunk: Sequence[Message]) -> set[tuple[tuple[str, ...], str]]:
    """What the people of a chunk were sent before: place, and contact id or destination."""
    keys = sorted({key for m in chunk for key in (m.contact_id, m.destination_key, *m.aliases)})
    place = [
        _TABLE.c[name] for name in ("source_kind", "source_key", "step", "occurrence", "channel")
    ]
    found: set[tuple[tuple[str, ...], str]] = set()
    for column in (_TABLE.c.contact_id, _TABLE.c.destination_key):
        for key, *where in _in(connection, column, keys, place):
            found.add((tuple(where), key))
    return found


def _in(
    connection: sa.Connection,
    column: sa.ColumnElement[Any],
    values: Sequence[str],
    others: Sequence[sa.ColumnElement[Any]],
) -> Iterator[tuple[Any, ...]]:
    """Rows that hold one of the values: that column and the others."""
    for start in range(0, len(values), _KEYS_A_QUERY):
        some = values[start : start + _KEYS_A_QUERY]
        for row in connection.execute(sa.select(column, *others).where(column.in_(some))):
            yield tuple(row)


def _row(message: Message, dedup_key: str, at: datetime) -> dict[str, Any]:
    row = {name: value for name, value in vars(message).items() if name not in _APART}
    payload = message.payload
    return {
        **row,
        "aliases": json.dumps(sorted(message.aliases)) if message.aliases else None,
        "dedup_key": dedup_key,
        "state": "pending",
        "due_at": message.scheduled_at,
        "payload_hash": None if payload is None else hashlib.sha256(payload).hexdigest(),
        "planned_at": at,
        "updated_at": at,
    }


def export(ledger: Ledger, lake: Lake) -> int:
    """Commit messages that are new or in another state than the lake knows; returns how many.

    What is sent stays in the ledger: the stream holds no payload. A ledger that went back in time
    (a restored backup) exports what it says now; the lake keeps what it said before.
    """
    return export_changes(
        ledger,
        lake,
        STREAM,
        _TABLE,
        ("message_id",),
        "updated_at",
        where=[_TABLE.c.is_test.is_(False)],
    )
