"""Brevo: contacts, whom not to write to, and what became of transactional e-mails.

Brevo keeps two lists of whom not to write to, and neither follows the other: `blockedContacts` for
transactional e-mails, with a reason, and two flags of a contact for campaigns and text messages.
The first pull of both and of the contacts takes all there are, whatever their age. Events are
asked for by day, at most 90 days at once, 300 requests an hour; days may be those of the account's
time zone, hence their look-back. An event has other fields and names here than in a webhook, so
it has an id of its own: who takes both finds it twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

from ingestion.sources import lines, rest
from ingestion.sources.alone import main
from ingestion.sources.model import Page, Pull, Record, Resource, Row, Rows, Source, Variable
from ingestion.sources.session import Session
from workspace.clock import iso, parse_time

CONTACTS_PAGE, BLOCKED_PAGE, EVENTS_PAGE = 1000, 100, 2500
#: Days of events to ask for at once.
SPAN = timedelta(days=30)
DAY = timedelta(days=1)
#: The events' own limit is 300 requests an hour.
EVENTS_PER_SECOND = 250 / 3600

REASONS = {
    "unsubscribedViaMA": "unsubscribed",
    "unsubscribedViaEmail": "unsubscribed",
    "unsubscribedViaApi": "unsubscribed",
    "adminBlocked": "blocked",
    "hardBounce": "hard_bounce",
    "contactFlaggedAsSpam": "complaint",
}
EVENT_TYPES = {
    "requests": "processed",
    "delivered": "delivered",
    "deferred": "deferred",
    "bounces": "bounced",
    "hardBounces": "bounced",
    "softBounces": "bounced",
    "blocked": "dropped",
    "invalid": "dropped",
    "error": "failed",
    "opened": "opened",
    "loadedByProxy": "opened",
    "clicks": "clicked",
    "spam": "complained",
    "unsubscribed": "unsubscribed",
}
BOUNCES = {"hardBounces": "permanent", "softBounces": "transient", "bounces": "undetermined"}
#: A contact's flags, and the channel that each closes.
FLAGS = {"emailBlacklisted": "email", "smsBlacklisted": "sms"}


def _contacts(pull: Pull) -> Iterator[Page]:
    start = pull.window.start.isoformat(timespec="milliseconds") + "Z"
    since = {"modifiedSince": start} if "until" in pull.state else {}
    yield from _steady(pull, "/v3/contacts", CONTACTS_PAGE, since)


def _blocked(pull: Pull) -> Iterator[Page]:
    window = pull.window
    days = _days(window.start.date(), window.end.date()) if "until" in pull.state else {}
    yield from _steady(pull, "/v3/smtp/blockedContacts", BLOCKED_PAGE, days)


def _steady(pull: Pull, path: str, size: int, filters: Mapping[str, str]) -> Iterator[Page]:
    def pages() -> Iterator[Page]:
        paginator, params = rest.offset(size, "count"), {"sort": "asc", **filters}
        return rest.ask(pull, path, paginator, params=params, records="contacts")

    return rest.steady(pages, rest.total_at("count"))


def _events(pull: Pull) -> Iterator[Page]:
    window, given = pull.window, pull.state.get("day")
    day = date.fromisoformat(given) if given else window.start.date()
    patience = pull.session.patience
    slow = patience.limiter.slower(EVENTS_PER_SECOND)
    with Session(patience.with_limiter(slow)) as session:
        while day <= window.end.date():
            end = min(day + SPAN - DAY, window.end.date())
            yield from _events_between(pull, session, day, end)
            day = end + DAY


def _events_between(pull: Pull, session: Session, day: date, end: date) -> Iterator[Page]:
    """The events of some days. The answer has no total: the last page is a short one."""
    offset, full = 0, True
    while full:
        params = {"sort": "asc", "limit": EVENTS_PAGE, "offset": offset, **_days(day, end)}
        answer = session.get(
            f"{pull.url}/v3/smtp/statistics/events", params=params, auth=pull.auth()
        )
        full = len(_listed(answer.content)) == EVENTS_PAGE
        state = None if full else pull.unfinished(day=(end + DAY).isoformat())
        request = f"GET /v3/smtp/statistics/events from {day} to {end}, offset {offset}"
        yield Page(answer.content, request, state=state)
        offset += EVENTS_PAGE


def _days(first: date, last: date) -> dict[str, str]:
    return {"startDate": first.isoformat(), "endDate": last.isoformat()}


def _listed(body: bytes) -> list[Any]:
    """The events of an answer, which is an empty object when there are none."""
    page = lines.decoded(body)
    return [] if page == {} else lines.records_at(page, "events")


def _closed(body: bytes) -> Iterator[Any]:
    """Each contact once for every channel that is closed to us."""
    for contact in lines.records_at(lines.decoded(body), "contacts"):
        if not isinstance(contact, dict):
            yield contact
            continue
        for flag, channel in FLAGS.items():
            if contact.get(flag):
                yield {**contact, "channel": channel}


def _contact_id(record: Record) -> str:
    if not isinstance(record["id"], int):
        raise TypeError("an id is a number")
    return f"brevo:{record['id']}"


def _phone(record: Record) -> str | None:
    """Brevo leaves the + of the country out."""
    number = record["attributes.SMS"]
    return "+" + number.removeprefix("+") if number else None


def _closed_phone(record: Record) -> str | None:
    return _phone(record) if record["channel"] == "sms" else None


def _closed_email(record: Record) -> str | None:
    return None if _closed_phone(record) else record["email"]


def _either(first: str, second: str) -> Callable[[Record], Any]:
    return lambda record: record[first] or record[second]


def _delivery(record: Record) -> Row:
    name = record["event"]
    row = {
        "provider": "brevo",
        "provider_event_id": _event_id(record),
        "event_type": EVENT_TYPES.get(name, name),
        "channel": "email",
        "provider_message_id": record["messageId"],
        "recipient": record["email"],
        "bounce_type": BOUNCES.get(name),
        "reason": record["reason"],
        "url": record["link"],
        "ip": record["ip"],
        "is_machine": True if name == "loadedByProxy" else None,
        "occurred_at": record["date"],
        "payload": lines.encoded(record.value).decode(),
    }
    return {column: value for column, value in row.items() if value not in (None, "")}


def _event_id(record: Record) -> str:
    """The same whenever it is asked for, whatever fields Brevo adds."""
    time = iso(parse_time(record["date"]))
    parts = [record["messageId"], record["event"], record["email"].lower(), time]
    parts += [record["link"], record["ip"]]
    return "api-" + sha256(json.dumps(parts).encode()).hexdigest()[:32]


SOURCE = Source(
    name="brevo",
    title="Brevo",
    module=__name__,
    url="https://api.brevo.com",
    variables=(Variable("MARKETING_BREVO_KEY", "API key"),),
    auth=rest.header("api-key", "MARKETING_BREVO_KEY"),
    per_second=5,
    every=timedelta(hours=3),
    resources=(
        Resource(
            name="contacts",
            kind="contacts",
            description="contacts",
            endpoint="GET /v3/contacts",
            pages=_contacts,
            look_back=timedelta(days=1),
            rows=Rows(
                records="contacts",
                fields={
                    "external_id": _contact_id,
                    "email": "email",
                    "phone": _phone,
                    # French accounts have French names for them.
                    "first_name": _either("attributes.FIRSTNAME", "attributes.PRENOM"),
                    "last_name": _either("attributes.LASTNAME", "attributes.NOM"),
                    "job_title": "attributes.JOB_TITLE",
                    "created_at": "createdAt",
                    "known_at": "modifiedAt",
                },
            ),
        ),
        Resource(
            name="blocked",
            kind="suppressions",
            description="who is closed to transactional e-mails, and why",
            endpoint="GET /v3/smtp/blockedContacts",
            pages=_blocked,
            look_back=timedelta(days=2),
            rows=Rows(
                records="contacts",
                constants={"channel": "email"},
                fields={
                    "email": "email",
                    "reason": lambda r: REASONS.get(r["reason.code"], r["reason.code"]),
                    "suppressed_at": "blockedAt",
                    "known_at": "blockedAt",
                },
            ),
        ),
        Resource(
            name="blocklisted",
            kind="suppressions",
            description="who is closed to campaigns or text messages",
            endpoint="GET /v3/contacts",
            pages=_contacts,
            look_back=timedelta(days=1),
            rows=Rows(
                records=_closed,
                constants={"reason": "blocklisted"},
                fields={
                    "email": _closed_email,
                    "phone": _closed_phone,
                    "channel": "channel",
                    "known_at": "modifiedAt",
                },
            ),
        ),
        Resource(
            name="events",
            kind="delivery_events",
            description="what became of transactional e-mails",
            endpoint="GET /v3/smtp/statistics/events",
            pages=_events,
            look_back=timedelta(days=1),
            # A pull that goes on where another broke must end, though no event is left.
            keeps_time=True,
            rows=Rows(records=_listed, whole=_delivery),
        ),
    ),
)

if __name__ == "__main__":
    main(SOURCE)
