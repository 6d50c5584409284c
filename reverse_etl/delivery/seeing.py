"""Whether a click on a link of a message, or that it was opened, may still be kept.

Links are led past us, and messages have a pixel, only where the person agreed when the message was
queued; who took that back since, objected or was erased is not seen any more, in mails that left
before too.
"""

from __future__ import annotations

import json

import sqlalchemy as sa

from workspace.ledger import Ledger, consent, schema
from workspace.links import Link, Pixel

#: The purpose without which neither opens nor clicks are seen.
TRACKING = "email_tracking"

_REFUSED = ("withdrawn", "objection")


def may_be_seen(ledger: Ledger, link: Link | Pixel) -> bool:
    """By what was said last with any of the recipient's keys: a refusal counts until a grant."""
    messages, events = schema.messages, schema.consent_events
    tombstones = schema.tombstones
    names = ("contact_id", "destination_key", "aliases")
    query = sa.select(*(messages.c[name] for name in names)).where(
        messages.c.message_id == link.message_id
    )
    with ledger.reading() as connection:
        row = connection.execute(query).first()
        keys = {link.recipient_key}
        if row is not None:
            aliases = json.loads(row.aliases) if row.aliases else ()
            keys |= {row.contact_id, row.destination_key, *aliases}
        said = (
            sa.select(events.c.state)
            .where(
                events.c.identifier_key.in_(keys),
                events.c.purpose.in_((TRACKING, consent.ALL)),
                events.c.channel.in_(("email", consent.ALL)),
            )
            .order_by(events.c.consent_event_id.desc())
            .limit(1)
        )
        if connection.execute(said).scalar() in _REFUSED:
            return False
        erased = sa.select(tombstones.c.identifier_key).where(tombstones.c.identifier_key.in_(keys))
        return connection.execute(erased.limit(1)).first() is None
