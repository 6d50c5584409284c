"""Everything on record about one person, in the order of time.

It is put together from what is published and from the ledger, which knows what happened since; no
raw identifier is read. Of somebody who was erased it tells what may remain: keyed hashes of
refusals and the record of what was done. `docs/audit.md` lists what is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from reverse_etl.identity.questions import candidates
from reverse_etl.privacy import trail_ledger, trail_published
from reverse_etl.privacy.trail_event import Event
from reverse_etl.publish import NothingPublished, is_published, reader
from workspace.identifiers import Keyring, normalise_email, normalise_phone
from workspace.ledger import Ledger, schema
from workspace.paths import Paths


class NotOnePerson(ValueError):
    """An identifier of several contacts, or of none alone. The message never repeats it."""


@dataclass(frozen=True)
class Whom:
    """``keys`` are the contact id and the keyed hashes of all identifiers, former contact ids too;
    ``contact_id`` is None of somebody whom nothing published knows. ``erased_at`` of somebody who
    was erased."""

    contact_id: str | None
    keys: tuple[str, ...]
    erased_at: datetime | None = None

    @property
    def subject_key(self) -> str:
        """Names the person in the audit chain."""
        return self.contact_id or self.keys[0]


@dataclass(frozen=True)
class Trail:
    """``version`` is the published version that was looked at; None where there is none."""

    whom: Whom
    events: list[Event] = field(default_factory=list)
    version: str | None = None


def trail(
    paths: Paths,
    ledger: Ledger,
    keyring: Keyring,
    subject: str,
    since: datetime | None = None,
) -> Trail | None:
    """What is on record about a subject: a contact id, an identifier's key, an address, a phone, a
    user id, an old tool's id or a CRM id. None where nothing names it.

    ``since``: only what happened from then on. Raises :class:`NotOnePerson`,
    :class:`~reverse_etl.publish.TookTooLong`.
    """
    asked = _candidates(keyring, subject)
    version, published = None, trail_published.Found()
    contact_id, keys = None, asked
    try:
        with reader(paths) as connection:
            version = trail_published.version_of(paths)
            if is_published(connection, "identity_map"):
                contact_id, keys = _resolve(connection, asked)
            if contact_id is not None:
                published = trail_published.events(connection, contact_id, keys)
    except NothingPublished:
        pass
    with ledger.reading() as connection:
        keys, erased_at = _with_tombstones(connection, keys)
        late = trail_ledger.events(connection, keys, published)
    found = [*published.events, *late]
    if not found and contact_id is None and erased_at is None:
        return None
    recent = [one for one in found if since is None or one.at >= since]
    known = sorted(recent, key=lambda one: one.order)
    return Trail(Whom(contact_id, tuple(keys), erased_at), known, version)


def _candidates(keyring: Keyring, subject: str) -> list[str]:
    """The keys that a subject may stand for, the likeliest first: few user ids are addresses."""
    email = keyring.key("email", normalise_email(subject))
    phone = keyring.key("phone", normalise_phone(subject))
    found = candidates(keyring, subject)
    return sorted(found, key=lambda key: (key != email, key != phone))


def _resolve(connection: Any, asked: list[str]) -> tuple[str | None, list[str]]:
    """The contact and all its keys; the keys that were asked for where nobody is known by them."""
    rows = connection.execute(
        "select contact_id, verdict from marts.identity_map where "
        f"identifier_key in ({trail_published.listed(asked)})"
    ).fetchall()
    contacts = sorted({contact for contact, _ in rows if contact is not None})
    if len(contacts) > 1:
        raise NotOnePerson(
            f"{len(contacts)} contacts have an identifier like that; give a contact id: "
            f"{', '.join(contacts[:5])}"
        )
    if rows and not contacts:
        raise NotOnePerson(
            f"that identifier is nobody's alone ({rows[0][1]}); `marketing identity explain` says "
            "why, and a contact id is answered"
        )
    if not contacts:
        return None, asked
    own = connection.execute(
        "select identifier_key from marts.identity_map where contact_id = ?", contacts
    ).fetchall()
    return contacts[0], list(dict.fromkeys([contacts[0], *sorted(key for (key,) in own)]))


def _with_tombstones(
    connection: sa.Connection, keys: Iterable[str]
) -> tuple[list[str], datetime | None]:
    """The keys, and those that were erased by the same requests; and when."""
    table = schema.tombstones
    query = sa.select(table.c.request_id, table.c.erased_at).where(
        table.c.identifier_key.in_(list(keys))
    )
    buried = connection.execute(query).all()
    requests = {request for request, _ in buried} - {trail_ledger.FROM_WITNESS}
    own = connection.execute(
        sa.select(table.c.identifier_key).where(table.c.request_id.in_(requests))
    ).scalars()
    erased_at = min((at for _, at in buried), default=None)
    return list(dict.fromkeys([*keys, *sorted(own)])), erased_at
