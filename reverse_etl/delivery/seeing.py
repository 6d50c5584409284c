"""Whether a click on a link of a message, or that it was opened, may still be kept.

Links are led past us, and messages have a pixel, only where the person agreed when the message was
queued; who took that back since, objected or was erased is not seen any more, in mails that left
before too.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from workspace.ledger import Ledger, consent, schema
from workspace.links import Link, Pixel

#: The purpose without which neither opens nor clicks are seen.
TRACKING = "email_tracking"

_REFUSED = ("withdrawn", "objection")
#: Of suppressions: what people told a provider, where others say that an address is no good.
_TOLD = ("unsubscribed", "complaint", "stop", "objection")


def may_be_seen(ledger: Ledger, what: Link | Pixel) -> bool:
    """By what was said last with each of the recipient's keys: a refusal counts until a grant for
    the same key that was given later, in whatever order the two were recorded. What an
    organisation of theirs refuses counts until it lifts that, whatever its people say."""
    with ledger.reading() as connection:
        keys = {what.recipient_key, *keys_of(connection, what.message_id)}
        refused = _told(connection, keys)
        for row in connection.execute(_said(keys)):
            at, _ = refused.get(row.identifier_key, (datetime.min, False))
            is_whole = row.identifier_type in consent.ORGANISATIONS
            ends = "lifted" if is_whole else "granted"
            if row.occurred_at >= at and row.state in (*_REFUSED, ends):
                refused[row.identifier_key] = row.occurred_at, row.state != ends
        return not any(one for _, one in refused.values()) and not is_erased(connection, keys)


def _said(keys: Collection[str]) -> sa.Select[Any]:
    """Statements about being seen, or about everything, as they were recorded."""
    events = schema.consent_events.c
    return (
        sa.select(events.identifier_type, events.identifier_key, events.state, events.occurred_at)
        .where(
            events.identifier_key.in_(keys),
            events.purpose.in_((TRACKING, consent.ALL)),
            events.channel.in_(("email", consent.ALL)),
        )
        .order_by(events.consent_event_id)
    )


def _told(connection: sa.Connection, keys: Collection[str]) -> dict[str, tuple[datetime, bool]]:
    """By key: when a provider was last told that its owner wants no mail, and that it was."""
    told = schema.suppressions.c
    query = (
        sa.select(told.identifier_key, sa.func.max(told.suppressed_at))
        .where(
            told.identifier_key.in_(keys),
            told.channel.in_(("email", consent.ALL)),
            told.reason.in_(_TOLD),
        )
        .group_by(told.identifier_key)
    )
    return {key: (at, True) for key, at in connection.execute(query)}


def keys_of(connection: sa.Connection, message_id: str) -> set[str]:
    """What a message's recipient is known by; nothing for a message that is not there."""
    messages = schema.messages
    names = ("contact_id", "destination_key", "aliases")
    query = sa.select(*(messages.c[name] for name in names)).where(
        messages.c.message_id == message_id
    )
    row = connection.execute(query).first()
    if row is None:
        return set()
    return {row.contact_id, row.destination_key, *(json.loads(row.aliases) if row.aliases else ())}


def is_erased(connection: sa.Connection, keys: Collection[str]) -> bool:
    """Whether one of these keys has a tombstone."""
    tombstones = schema.tombstones
    erased = sa.select(tombstones.c.identifier_key).where(tombstones.c.identifier_key.in_(keys))
    return connection.execute(erased.limit(1)).first() is not None
