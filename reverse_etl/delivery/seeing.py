"""Whether a click on a link of a message, or that it was opened, may still be kept.

Links are led past us, and messages have a pixel, only where the person agreed when the message was
queued; who took that back since, objected or was erased is not seen any more, in mails that left
before too.
"""

from __future__ import annotations

import json
from collections.abc import Collection

import sqlalchemy as sa

from workspace.ledger import Ledger, consent, schema
from workspace.links import Link, Pixel

#: The purpose without which neither opens nor clicks are seen.
TRACKING = "email_tracking"

_REFUSED = ("withdrawn", "objection")


def may_be_seen(ledger: Ledger, what: Link | Pixel) -> bool:
    """By what was said last with each of the recipient's keys: a refusal counts until a grant, and
    an organisation's until it is lifted."""
    events = schema.consent_events
    with ledger.reading() as connection:
        keys = {what.recipient_key, *keys_of(connection, what.message_id)}
        last = (
            sa.select(sa.func.max(events.c.consent_event_id))
            .where(
                events.c.identifier_key.in_(keys),
                events.c.purpose.in_((TRACKING, consent.ALL)),
                events.c.channel.in_(("email", consent.ALL)),
            )
            .group_by(events.c.identifier_key)
        )
        said = sa.select(events.c.state).where(events.c.consent_event_id.in_(last))
        if not set(connection.execute(said).scalars()).isdisjoint(_REFUSED):
            return False
        return not is_erased(connection, keys)


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
