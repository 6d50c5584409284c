"""Who else has to forget an erased person: the CRM, audiences and providers (GDPR 17(2) and 19).

One row of ``erasure_forwards`` for each place a person was at. The CRM is asked by its own API,
audiences are emptied by their next sync, which removes whoever is buried; where no API does it, a
row asks a human, and where nothing of people is kept, it says so. Rows hold no identifier.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from hubspot.crm.contacts import PublicGdprDeleteInput

from reverse_etl.audiences.hubspot_client import Hub
from reverse_etl.audiences.model import Fault
from reverse_etl.privacy import records
from reverse_etl.privacy.open_work import Work
from workspace.ledger import Ledger, schema

_TABLE = schema.erasure_forwards
CRM, GDPR_DELETE, REMOVE, ASK = "hubspot", "gdpr_delete", "remove_member", "delete_contact"
#: What stands between an erasure and its certificate.
OPEN = ("due", "sent", "failed")

#: Providers that keep contacts of their own where somebody made some there, and how they go.
_BY_HAND = {
    "brevo": "In Brevo, delete the contact of this request's address (Contacts, or DELETE "
    "/v3/contacts/ADDRESS), unless it has to stay on the list of unsubscribed ones.",
    "sendgrid": "In SendGrid, delete the contact of this request's address from Marketing > "
    "Contacts, if there is one; keep it on the suppression lists.",
    "onesignal": "In OneSignal, delete the user of this request's external id (Audience > Users).",
    "postmark": "Postmark forgets messages after 45 days by itself; ask its support to be faster.",
    "webhook": "The receiver of our webhook has to delete what it keeps of this request's person.",
    "file": "Delete this request's person from the files that were written.",
}
_NOT_HELD = {
    "ses": "keeps no contacts; its suppression list is one of refusals",
    "smtp": "keeps no contacts; logs expire there",
    "twilio": "keeps no contacts; logs of messages expire there",
    "telnyx": "keeps no contacts; logs of messages expire there",
    "fcm": "knows devices alone, by tokens that expire",
    "console": "keeps nothing",
    "memory": "keeps nothing",
}


@dataclass(frozen=True)
class Row:
    """One place that has to forget the person of a request."""

    request_id: str
    destination: str
    action: str
    state: str
    instructions: str | None = None


def plan(ledger: Ledger, work: Work, at: datetime) -> int:
    """Record where the people of a batch are; how many rows are new. To be asked while the
    ledger's rows still name them."""
    rows = [row for request in work.people for row in _places(ledger, work, request)]
    with ledger.writing() as connection:
        known = {
            (request, destination, action)
            for request, destination, action in connection.execute(
                sa.select(_TABLE.c.request_id, _TABLE.c.destination, _TABLE.c.action).where(
                    _TABLE.c.request_id.in_(list(work.people))
                )
            )
        }
        new = [r for r in rows if (r.request_id, r.destination, r.action) not in known]
        for row in new:
            connection.execute(
                _TABLE.insert().values(
                    forward_id=uuid.uuid4().hex, **vars(row), created_at=at, updated_at=at
                )
            )
    return len(new)


def _places(ledger: Ledger, work: Work, request: str) -> Iterator[Row]:
    subject = work.people[request]
    if subject.values.get("crm_contact"):
        yield Row(request, CRM, GDPR_DELETE, "due")
    held = {row["destination"] for row in records.members(ledger, subject.keys)}
    for destination in sorted(held):
        yield Row(request, destination, REMOVE, "due")
    for provider in sorted(_providers(ledger, subject.keys)):
        if provider in _BY_HAND:
            yield Row(request, provider, ASK, "task", _BY_HAND[provider])
        else:
            said = _NOT_HELD.get(provider, "is asked by nobody")
            yield Row(request, provider, ASK, "not_held", said)


def _providers(ledger: Ledger, keys: frozenset[str]) -> set[str]:
    """The providers that were given a message to somebody with one of these keys."""
    messages, attempts = schema.messages, schema.message_attempts
    query = (
        sa.select(attempts.c.provider)
        .join(messages, messages.c.message_id == attempts.c.message_id)
        .where(
            sa.or_(
                messages.c.contact_id.in_(sorted(keys)),
                messages.c.destination_key.in_(sorted(keys)),
            )
        )
    )
    with ledger.reading() as connection:
        return set(connection.execute(query.distinct()).scalars())


def forward(ledger: Ledger, work: Work, hub: Hub | None, at: datetime) -> dict[str, int]:
    """Ask those that can be asked; rows by state. Without ``hub``, the CRM is a human's task."""
    for row in of_batch(ledger, work):
        if row["state"] not in OPEN:
            continue
        if row["action"] == GDPR_DELETE:
            state, code = _purge(hub, work, row["request_id"])
        else:
            state, code = _removed(ledger, work, row["request_id"], row["destination"])
        with ledger.writing() as connection:
            connection.execute(
                sa.update(_TABLE)
                .where(_TABLE.c.forward_id == row["forward_id"])
                .values(
                    state=state,
                    code=code,
                    attempts=_TABLE.c.attempts + 1,
                    updated_at=at,
                    instructions=_CRM_BY_HAND if state == "task" else row["instructions"],
                )
            )
    counts: dict[str, int] = {}
    for row in of_batch(ledger, work):
        counts[row["state"]] = counts.get(row["state"], 0) + 1
    return counts


_CRM_BY_HAND = (
    "HubSpot is not connected (MARKETING_HUBSPOT_TOKEN): delete the contact there for good "
    "(Contacts > Actions > Delete > Permanently delete)."
)


def _purge(hub: Hub | None, work: Work, request: str) -> tuple[str, str | None]:
    """HubSpot's permanent deletion, of every id of the person; one that is gone is gone."""
    if hub is None:
        return "task", None
    try:
        for ident in sorted(work.people[request].values.get("crm_contact", ())):
            hub.find(
                hub.client.crm.contacts.basic_api.purge, PublicGdprDeleteInput(object_id=ident)
            )
    except Fault as fault:
        return "failed", fault.code[:64]
    return "confirmed", None


def _removed(ledger: Ledger, work: Work, request: str, destination: str) -> tuple[str, str | None]:
    """Whether a destination has confirmed that the person is in none of its lists any more."""
    keys = work.people[request].keys
    records.forget_members(ledger, keys)
    left = [row for row in records.members(ledger, keys) if row["destination"] == destination]
    return ("sent", "waits for 'marketing audiences sync'") if left else ("confirmed", None)


def of_batch(ledger: Ledger, work: Work) -> list[dict[str, str]]:
    """The rows of a batch, oldest first."""
    with ledger.reading() as connection:
        return [
            dict(row)
            for row in connection.execute(
                sa.select(_TABLE)
                .where(_TABLE.c.request_id.in_(list(work.people)))
                .order_by(_TABLE.c.created_at, _TABLE.c.forward_id)
            ).mappings()
        ]


def told(rows: list[dict[str, str]], request: str) -> list[dict[str, str]]:
    """What a certificate says of a request's forwards."""
    return [
        {name: row[name] for name in ("destination", "action", "state")}
        for row in rows
        if row["request_id"] == request
    ]
