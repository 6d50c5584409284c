"""What people did, as HubSpot kept it: forms they sent, and what became of mails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingestion.fivetran.beside import field_names, flat, set_hash
from ingestion.fivetran.joins import OBJECTS, Joins
from ingestion.fivetran.model import Parent, Row, Shape, cell
from ingestion.fivetran.values import SYNCED, Values, first, identifier, is_true, latest, time_text

_FORMS = {
    "submission_id": cell("conversion_id"),
    "form_id": cell("form_id"),
    "page_url": cell("page_url"),
    "occurred_at": cell("timestamp", read=time_text),
}


def form_submissions() -> Shape:
    def look_up(page: Sequence[Values], joins: Joins) -> Parent:
        ids = OBJECTS["contacts"][1]
        contacts = joins.texts("hubspot.contact", ids, "property_email", "email")
        forms = joins.newest("hubspot.form", ("guid", "id"), ("updated_at",))
        found: dict[str, Any] = {"emails": {}, "forms": {}}
        for values in page:
            one, form = identifier(values, "contact_id"), first(values, "form_id")
            if one in contacts:
                found["emails"][one] = contacts[one]
            if form in forms:
                found["forms"][form] = first(forms[form], "name")
        return found

    def more(values: Values, parent: Parent) -> Row:
        parts = [first(values, name) for name in ("contact_id", "form_id", "timestamp")]
        return {
            "submission_id": first(values, "conversion_id") or set_hash(parts),
            "form_name": parent["forms"].get(first(values, "form_id")),
            "email": parent["emails"].get(identifier(values, "contact_id")),
            "known_at": latest(values.get(SYNCED)),
        }

    rows = flat("form_submissions", _FORMS, more, source="hubspot")
    return Shape("form_submissions", rows, look_up=look_up, fields=field_names(_FORMS))


_EVENT_TYPES = {
    "PROCESSED": "processed",
    "SENT": "sent",
    "DEFERRED": "deferred",
    "DELIVERED": "delivered",
    "BOUNCE": "bounced",
    "DROPPED": "dropped",
    "OPEN": "opened",
    "CLICK": "clicked",
    "SPAMREPORT": "complained",
}
_SUBSCRIPTIONS = {"UNSUBSCRIBED": "unsubscribed", "SUBSCRIBED": "resubscribed"}
_BOUNCES = {
    "UNKNOWN_USER": "permanent",
    **dict.fromkeys(
        ("MAILBOX_FULL", "GREYLISTING", "THROTTLED", "TIMEOUT", "DNS_FAILURE"), "transient"
    ),
    **dict.fromkeys(("SPAM", "POLICY", "CONTENT", "DMARC"), "block"),
    **dict.fromkeys(("IP_REPUTATION", "DOMAIN_REPUTATION", "SENDER_REPUTATION"), "block"),
}
_DETAILED = (
    *("bounce", "click", "deferred", "delivered", "dropped", "forward", "open", "print", "sent"),
    *("spam_report", "status_change"),
)
#: Tables with what one type of event has besides.
EVENT_DETAILS = tuple(f"email_event_{name}" for name in _DETAILED)
_MAIL = {
    "provider_event_id": cell("id"),
    "provider_message_id": cell("sent_by_id"),
    "recipient": cell("recipient"),
    "occurred_at": cell("created", read=time_text),
}


def mail_events() -> Shape:
    def look_up(page: Sequence[Values], joins: Joins) -> Parent:
        ids = {first(values, "id") for values in page}
        found: dict[str, Values] = {}
        for table in EVENT_DETAILS:
            known = joins.newest(f"hubspot.{table}", ("id",), ())
            found |= {one: known[one] for one in ids if one in known}
        return {"details": found}

    def keep(values: Values, joins: Joins) -> bool:
        event_type = (values.get("type") or "").upper()
        if event_type != "STATUSCHANGE":
            return event_type in _EVENT_TYPES
        known = joins.newest("hubspot.email_event_status_change", ("id",), ())
        return _subscription(known.get(values.get("id", ""), {})) is not None

    def more(values: Values, parent: Parent) -> Row:
        details = parent["details"].get(first(values, "id"), {})
        event_type = _EVENT_TYPES.get(values["type"].upper()) or _subscription(details)
        category = first(details, "category")
        bounce = _BOUNCES.get((category or "").upper(), "undetermined")
        return {
            "event_type": event_type,
            "bounce_type": bounce if event_type == "bounced" else None,
            "reason": first(details, "drop_reason", "category", "response"),
            "url": first(details, "url"),
            "user_agent": first(details, "user_agent"),
            "ip": first(details, "ip_address"),
            "is_machine": True if is_true(values.get("filtered_event")) else None,
            "known_at": latest(values.get(SYNCED)),
        }

    rows = flat("delivery_events", _MAIL, more, provider="hubspot", channel="email")
    return Shape(
        "delivery_events",
        rows,
        look_up=look_up,
        keep=keep,
        left_out="of types that delivery_events does not know",
        fields=field_names(_MAIL),
    )


def _subscription(details: Values) -> str | None:
    return _SUBSCRIPTIONS.get((details.get("portal_subscription_status") or "").upper())
