"""Brevo's API v3: contacts, blocked contacts, transactional events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.servers.base import (
    SECRET,
    Data,
    Denied,
    Person,
    answer,
    iso,
    moments,
    number,
    page_of,
    starlette,
    stream,
)

ENVIRONMENT = {"MARKETING_BREVO_KEY": SECRET}
LIMITS = {"contacts": 1000, "blocked": 100, "events": 5000}
#: The longest range of days that events are given for.
LONGEST = timedelta(days=90)
REASONS = [
    ("unsubscribedViaEmail", "Unsubscribed via email"),
    ("hardBounce", "Hard bounced"),
    ("contactFlaggedAsSpam", "Flagged as spam"),
    ("adminBlocked", "Admin blocked"),
]
SUBJECTS = ["Votre alerte marchés", "Vos appels d'offres hospitaliers", "Bienvenue"]
#: What becomes of an e-mail, in turn.
FATES = [
    ("requests", "delivered", "opened", "clicks"),
    ("requests", "delivered", "loadedByProxy"),
    ("requests", "deferred", "softBounces"),
    ("requests", "delivered", "unsubscribed"),
    ("requests", "hardBounces"),
    ("requests", "delivered", "spam"),
    ("requests", "blocked"),
]


def make(people: Sequence[Person], end: datetime, seed: int = 7) -> Data:
    """Everybody is a contact and got three e-mails; one in six wants none, one in ten no texts."""
    rng = stream("brevo", seed)
    contacts = [_contact(i, person, end, rng) for i, person in enumerate(people)]
    blocked = [
        {
            "email": person.email,
            "senderEmail": f"alertes@{person.vertical}.example",
            "reason": dict(zip(("code", "message"), REASONS[i % len(REASONS)], strict=True)),
            "blockedAt": iso(at),
        }
        for i, (person, at) in enumerate(
            zip(people[::4], moments(rng, end, 400, len(people[::4])), strict=True)
        )
    ]
    events = [
        event
        for i, person in enumerate(people)
        for mail, at in enumerate(moments(rng, end, 120, 3))
        for event in _fate(person, i, mail, at)
    ]
    return {
        "contacts": contacts,
        "blocked": blocked,
        "events": sorted(events, key=lambda event: event["date"]),
    }


def _contact(i: int, person: Person, end: datetime, rng: Random) -> dict[str, Any]:
    created = end - timedelta(days=rng.randint(30, 900), seconds=rng.randint(0, 80_000))
    modified = created + timedelta(days=rng.randint(0, 29), minutes=7)
    attributes = {"FIRSTNAME": person.first_name, "LASTNAME": person.last_name}
    if i % 2:
        attributes["SMS"] = f"336{12_000_000 + i}"
    return {
        "id": 500 + i,
        "email": person.email,
        "emailBlacklisted": i % 6 == 5,
        "smsBlacklisted": i % 10 == 3,
        "createdAt": iso(created),
        "modifiedAt": iso(modified),
        "listIds": [2 + i % 3],
        "attributes": attributes,
    }


def _fate(person: Person, i: int, mail: int, at: datetime) -> list[dict[str, Any]]:
    found = []
    for step, name in enumerate(FATES[(i + mail) % len(FATES)]):
        event = {
            "email": person.email,
            "date": iso(at + timedelta(minutes=step * 9)),
            "subject": SUBJECTS[mail % len(SUBJECTS)],
            "messageId": f"<2026{i:04d}{mail}.{1000 + i}@smtp-relay.mailin.fr>",
            "event": name,
            "tag": "alerte",
            "from": f"alertes@{person.vertical}.example",
            "templateId": 12 + mail,
        }
        if name.endswith("Bounces"):
            event["reason"] = "550 5.1.1 adresse inconnue"
        if name in ("opened", "clicks"):
            event["ip"] = f"192.0.2.{i % 250}"
        if name == "clicks":
            event["link"] = f"https://{person.vertical}.example/alerte/{mail}"
        found.append(event)
    return found


def counts(data: Data) -> dict[str, int]:
    return {
        "contacts": len(data["contacts"]),
        "blocked": len(data["blocked"]),
        "blocklisted": sum(c["emailBlacklisted"] + c["smsBlacklisted"] for c in data["contacts"]),
        "events": len(data["events"]),
    }


def app(data: Data, page_size: int = 5000) -> Starlette:
    """A limit beyond ``page_size``, or Brevo's own, is refused."""

    async def contacts(request: Request) -> Response:
        _key(request)
        since = request.query_params.get("modifiedSince")
        found = [
            contact
            for contact in data["contacts"]
            if not since or _time(contact["modifiedAt"]) >= _time(since)
        ]
        return _page(request, "contacts", _sorted(request, found, "createdAt"))

    async def blocked(request: Request) -> Response:
        _key(request)
        low, high = _range(request.query_params)
        found = [entry for entry in data["blocked"] if low <= _time(entry["blockedAt"]) < high]
        return _page(request, "blocked", _sorted(request, found, "blockedAt"))

    async def events(request: Request) -> Response:
        _key(request)
        low, high = _range(request.query_params)
        if high - low > LONGEST:
            return answer({"code": "invalid_parameter", "message": "90 days at most"}, 400)
        found = [event for event in data["events"] if low <= _time(event["date"]) < high]
        return _page(request, "events", _sorted(request, found, "date"))

    def _page(request: Request, name: str, records: list[Any]) -> Response:
        query = request.query_params
        most = min(LIMITS[name], page_size)
        size = number(query.get("limit"), 50)
        if size > most:
            return answer({"code": "out_of_range", "message": "limit exceeds max value"}, 400)
        found, _ = page_of(records, number(query.get("offset"), 0), size)
        if name == "events":
            return answer({"events": found} if found else {})
        return answer({"contacts": found, "count": len(records)})

    return starlette(
        Route("/v3/contacts", contacts),
        Route("/v3/smtp/blockedContacts", blocked),
        Route("/v3/smtp/statistics/events", events),
    )


def _key(request: Request) -> None:
    if request.headers.get("api-key") != SECRET:
        raise Denied


def _range(query: Mapping[str, str]) -> tuple[datetime, datetime]:
    """From the first day's beginning to the last day's end; all times without days."""
    if "startDate" not in query:
        return datetime.min, datetime.max
    low, high = (date.fromisoformat(query[name]) for name in ("startDate", "endDate"))
    midnight = datetime.min.time()
    return datetime.combine(low, midnight), datetime.combine(high + timedelta(days=1), midnight)


def _sorted(request: Request, records: list[Any], name: str) -> list[Any]:
    newest_first = request.query_params.get("sort", "desc") == "desc"
    return sorted(records, key=lambda record: str(record[name]), reverse=newest_first)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)
