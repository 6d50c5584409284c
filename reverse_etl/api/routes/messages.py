"""Messages: what was intended, what the gates said, what became of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field, NaiveDatetime
from starlette.responses import Response

from reverse_etl.api.access import Right, needs
from reverse_etl.api.answering import Alone, Asking, Listing, One, Page, Paging, first
from reverse_etl.api.fields import Key, Row, Time, columns, told
from reverse_etl.api.routes.contacts import KNOWN


class Message(Row):
    """An intended message: what the gates decided, and what became of it."""

    intent_id: str = told("Key of the intended message; the id of the message in the outbox, too")
    source_kind: str | None = told("campaign, journey, or consent for a request to be confirmed")
    source_key: str | None = told("Key of the campaign or journey; confirm_subscription")
    source_version: str | None = told("Version of its definition")
    step: str | None = told("Step within it; empty where it has none")
    occurrence: str | None = told(
        "Which time it is: the enrolment, the day of a recurring campaign"
    )
    contact_id: str | None = told("The contact, by the identity of this run")
    account_id: str | None = told("The contact's account when it was intended")
    vertical: str | None = told("Key of the vertical")
    channel: str | None = told("email, sms or push")
    message_class: str | None = told(
        "Class of caps.yml, which says what gates and caps hold for it"
    )
    purpose: str | None = told("Purpose of consent.yml that it needs consent for")
    template: str | None = told("Name of its template")
    template_version: str | None = told(
        "Version of the template that was rendered; empty before that"
    )
    priority: int | None = told("The higher comes first where a cap has no room for all")
    expected_value: float | None = told(
        "What it is expected to be worth; empty where nobody said (its source says in what unit)"
    )
    status: str = told(
        "planned (not decided), deferred, blocked, queued (decided, not in the outbox yet), "
        "or its state in the outbox: pending, sending, accepted, failed, unknown, "
        "failed_unknown, blocked"
    )
    gate: str | None = told(
        "The first gate that stops it, or holds it back for now; empty where none does"
    )
    detail: str | None = told(
        "Why: a state of consent, a cap, a missing field, a reason of the provider"
    )
    deferred_until_at: Time | None = told(
        "When it is asked again (UTC); empty where somebody has to do something first"
    )
    winner_intent_id: str | None = told(
        "Of one that a cap stopped: the message that took the last place"
    )
    value_lost: float | None = told("Of one that a cap stopped: what it was expected to be worth")
    consent_evidence_id: str | None = told(
        "The piece of evidence that proves the consent (consent_records); empty where its "
        "class needs none"
    )
    consent_decided_at: Time | None = told(
        "When that consent was given, as the gates saw it (UTC); this and what follows is "
        "empty for messages queued before it was recorded"
    )
    consent_legal_basis: str | None = told("Legal basis of that consent")
    consent_policy_version: str | None = told(
        "Hash of the consent.yml by which the gates took it as granted"
    )
    hour_choice: str | None = told(
        "How its hour was chosen: best (the contact's own), default, random, or planned where "
        "neither of the first two was allowed; empty where hours are not chosen"
    )
    hour_propensity: float | None = told(
        "Probability with which it got the time that it got (0 to 1), for estimates that "
        "weigh by it"
    )
    provider: str | None = told("Provider it went to")
    provider_message_id: str | None = told(
        "The provider's id of it, once accepted (fct_emails.source_id)"
    )
    attempts: int | None = told("Attempts to send it (count)")
    planned_for_at: Time | None = told("When its campaign or journey meant to send it (UTC)")
    scheduled_at: Time | None = told(
        "When it goes out, after quiet hours and the choice of the hour (UTC)"
    )
    not_after_at: Time | None = told(
        "When it is too late for it (UTC); empty where its class says how late"
    )
    intended_at: Time | None = told("as_of of the run that intended it (UTC)")
    decided_at: Time | None = told("as_of of the run whose decision is in force (UTC)")
    queued_at: Time | None = told("When it came into the outbox (UTC)")
    sent_at: Time | None = told(
        "When a provider accepted it; of one underway or unknown when it left (UTC)"
    )
    state_since_at: Time | None = told(
        "Since when the outbox has it in this state (UTC); empty before it is there"
    )
    delivered_at: Time | None = told("When it was first told delivered (delivery_logs; UTC)")
    bounced_at: Time | None = told("When it was first told bounced or dropped (delivery_logs; UTC)")
    complained_at: Time | None = told(
        "When its recipient was first told to have complained (delivery_logs; UTC)"
    )
    outcome: str | None = told(
        "sent, underway (not decided, or queued), unknown (a provider may have it, which is "
        "being found out) or not_sent (why_not_sent)"
    )
    gate_text: str | None = told("What the gate says; empty for what was sent")
    is_final: bool | None = told("Whether it will not be sent; else it is asked again")
    is_unreachable: bool | None = told(
        "Whether the person cannot be reached at all on that channel and for that purpose"
    )


class MessageQuery(Paging):
    channel: Key | None = Field(None, description="email, sms or push")
    status: Key | None = Field(None, description="As in the field status")


_MESSAGES = Listing(
    Message,
    "messages",
    {"intended_at": NaiveDatetime, "intent_id": str},
    {
        "contact_id": "contact_id = $contact_id",
        "channel": "channel = $channel",
        "status": "status = $status",
    },
    ("messages",),
    is_descending=True,
)
_MESSAGE = (
    f"select {columns(Message)} from messages "
    "where intent_hash = hash($intent_id) and intent_id = $intent_id"
)

router = APIRouter(tags=["Messages"], dependencies=[Depends(needs(Right.MESSAGES))])


@router.get("/contacts/{contact_id}/messages", response_model=Page[Message])
def of_contact(
    asked: Asking,
    contact_id: Annotated[Key, Path(description="Pseudonymous id of the contact")],
    query: Annotated[MessageQuery, Query()],
) -> Response:
    """Messages meant for a contact, the latest first; of those not sent, why not."""
    version = asked.version
    version.hold("contacts")
    first(version.rows(KNOWN, {"contact_id": contact_id}), "contact")
    filters = query.filters()
    return asked.page(_MESSAGES, query, contact_id=contact_id, **filters)


@router.get("/messages/{intent_id}", response_model=One[Message])
def message(
    asked: Asking, intent_id: Annotated[Key, Path(description="Key of the message")], _: Alone
) -> Response:
    """A message, and what became of it, as of the published version."""
    version = asked.version
    if unchanged := asked.unchanged(version):
        return unchanged
    version.hold("messages")
    found = first(version.rows(_MESSAGE, {"intent_id": intent_id}), "message")
    return asked.answer(version, One[Message], {"item": found})
