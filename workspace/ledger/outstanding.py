"""What the outbox holds: the questions of senders and people, which change nothing.

`workspace.ledger.outbox` makes the changes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from workspace.ledger import Ledger, schema
from workspace.ledger.outbox import ATTEMPTS, MESSAGES, chunks

PAYLOADS = schema.message_payloads


@dataclass(frozen=True, slots=True)
class Due:
    """A message that may be claimed, with what its gates and its provider need."""

    message_id: str
    dedup_key: str
    contact_id: str
    destination_key: str
    source_kind: str
    source_key: str
    occurrence: str
    channel: str
    message_class: str
    purpose: str
    country: str | None
    time_zone: str | None
    aliases: str | None
    is_test: bool
    ramp_step: int | None
    consent_seen: int
    provider: str | None
    is_pinned: bool
    rung: int
    approval: str | None
    not_after: datetime | None
    attempts: int
    template: str | None
    destination: str | None
    payload: bytes | None


_DUE = [
    (PAYLOADS if name in ("destination", "payload") else MESSAGES).c[name] for name in Due.__slots__
]


def due(
    connection: sa.Connection,
    channel: str,
    at: datetime,
    limit: int,
    available: Collection[str],
    only: Collection[str] | None = None,
    skip: Collection[tuple[str, str]] = (),
    full: Collection[str] = (),
) -> list[Due]:
    """Pending messages of a channel whose time has come, the longest due first.

    Pinned ones only where their provider is ``available``, those of a provider only where it is not
    ``full``. ``only``: these ids. ``skip``: sources (kind and key) that are held back as a whole.
    """
    provider = MESSAGES.c.provider
    query = (
        sa.select(*_DUE)
        .select_from(MESSAGES.outerjoin(PAYLOADS, MESSAGES.c.message_id == PAYLOADS.c.message_id))
        .where(
            MESSAGES.c.state == "pending",
            MESSAGES.c.channel == channel,
            MESSAGES.c.due_at <= at,
            sa.or_(MESSAGES.c.is_pinned.is_(False), provider.in_(sorted(available))),
        )
        .order_by(MESSAGES.c.due_at)
        .limit(limit)
    )
    if full:
        query = query.where(sa.or_(provider.is_(None), provider.not_in(sorted(full))))
    if only is not None:
        query = query.where(MESSAGES.c.message_id.in_(sorted(only)))
    else:
        query = query.where(MESSAGES.c.is_test.is_(False))
    for kind, key in sorted(skip):
        query = query.where(
            sa.not_(sa.and_(MESSAGES.c.source_kind == kind, MESSAGES.c.source_key == key))
        )
    return [Due(*row) for row in connection.execute(query)]


def next_due(connection: sa.Connection, only: Collection[str] | None = None) -> datetime | None:
    """When the next pending message may be claimed."""
    query = sa.select(sa.func.min(MESSAGES.c.due_at)).where(MESSAGES.c.state == "pending")
    if only is not None:
        query = query.where(MESSAGES.c.message_id.in_(sorted(only)))
    else:
        query = query.where(MESSAGES.c.is_test.is_(False))
    return connection.execute(query).scalar()


def orphans(connection: sa.Connection, epoch: int) -> list[tuple[str, str, datetime]]:
    """Messages that a sender before this lease had begun to send: id, provider, and when the first
    attempt with that provider began."""
    first = (
        sa.select(sa.func.min(ATTEMPTS.c.started_at))
        .where(
            ATTEMPTS.c.message_id == MESSAGES.c.message_id,
            ATTEMPTS.c.provider == MESSAGES.c.provider,
        )
        .scalar_subquery()
    )
    query = sa.select(MESSAGES.c.message_id, MESSAGES.c.provider, first).where(
        MESSAGES.c.state == "sending", MESSAGES.c.lease_epoch < epoch
    )
    return [tuple(row) for row in connection.execute(query)]


class Unknown(NamedTuple):
    """``since``: when it left, or when it was parked."""

    message_id: str
    provider: str | None
    since: datetime


def unknown(connection: sa.Connection) -> list[Unknown]:
    """Messages of which nobody knows whether they were sent."""
    query = sa.select(
        MESSAGES.c.message_id,
        MESSAGES.c.provider,
        sa.func.coalesce(MESSAGES.c.sent_at, MESSAGES.c.updated_at),
    ).where(MESSAGES.c.state == "unknown")
    return [Unknown(*row) for row in connection.execute(query)]


class Attempted(NamedTuple):
    """The first attempt of a message with a provider."""

    request_hash: str
    first_at: datetime


def attempted(connection: sa.Connection, ids: Sequence[str]) -> dict[tuple[str, str], Attempted]:
    """(message, provider) -> its first attempt there."""
    columns = [ATTEMPTS.c[n] for n in ("message_id", "provider", "request_hash", "started_at")]
    found: dict[tuple[str, str], Attempted] = {}
    for some in chunks(ids):
        query = (
            sa.select(*columns)
            .where(ATTEMPTS.c.message_id.in_(some))
            .order_by(ATTEMPTS.c.attempt.desc())
        )
        for ident, provider, *first in connection.execute(query):
            found[ident, provider] = Attempted(*first)
    return found


def counts(ledger: Ledger) -> list[dict[str, Any]]:
    """Messages by channel, provider, state and reason."""
    columns = [MESSAGES.c[n] for n in ("channel", "provider", "state", "reason", "is_test")]
    query = (
        sa.select(*columns, sa.func.count().label("messages"), sa.func.min(MESSAGES.c.due_at))
        .group_by(*columns)
        .order_by(*columns)
    )
    with ledger.reading() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]
