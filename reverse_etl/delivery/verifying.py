"""Proof of what a message said: rendered again from what was kept, compared byte for byte."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa

from reverse_etl.content.library import Library, Rendered
from reverse_etl.content.versions import stored_entry
from reverse_etl.delivery import envelope
from workspace.identifiers import Keyring
from workspace.lake import Lake
from workspace.ledger import Ledger, schema

SAME, DIFFERENT, GONE = "identical", "different", "cannot be rendered again"


@dataclass(frozen=True)
class Verified:
    verdict: str
    detail: str

    @property
    def is_same(self) -> bool:
        return self.verdict == SAME


def verify(ledger: Ledger, lake: Lake, keyring: Keyring, message_id: str) -> Verified:
    """Render a message again from the version of its template and the values that were kept.

    Where that is impossible it says which of them is gone. Raises ``KeyError`` for no message.
    """
    messages, payloads = schema.messages, schema.message_payloads
    query = (
        sa.select(
            *(messages.c[n] for n in ("channel", "template", "template_version", "payload_hash")),
            *(payloads.c[n] for n in ("payload", "inputs")),
        )
        .select_from(messages.outerjoin(payloads, payloads.c.message_id == messages.c.message_id))
        .where(messages.c.message_id == message_id)
    )
    with ledger.reading() as connection:
        row = connection.execute(query).mappings().first()
    if row is None:
        raise KeyError(message_id)
    if row["payload"] is None or row["inputs"] is None:
        return Verified(GONE, "its values and its text were erased")
    if hashlib.sha256(row["payload"]).hexdigest() != row["payload_hash"]:
        return Verified(DIFFERENT, "what is kept is not what was queued: its hash is another")
    template, version = row["template"], row["template_version"]
    entry = stored_entry(lake, template, version)
    if entry is None:
        return Verified(GONE, f"version {version} of the template {template} is not in the lake")
    with Library([entry]) as library:
        request = envelope.request_of(template, row["channel"], row["inputs"])
        (answer,) = library.render([request], drafts=True)
    if not isinstance(answer, Rendered):
        return Verified(DIFFERENT, f"{answer.reason}: {answer.detail}")
    clicks = envelope.clicks_of(row["inputs"])
    leading = partial(clicks.lead, keyring) if clicks else None
    if envelope.resealed(row["payload"], answer, leading) != row["payload"]:
        return Verified(DIFFERENT, f"version {version} of the template {template} says other bytes")
    size = len(row["payload"])
    return Verified(SAME, f"{size:,} bytes from version {version} of the template {template}")
