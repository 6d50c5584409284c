"""Calendly's API v2: scheduled events and their invitees."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.servers.base import (
    SECRET,
    Data,
    Person,
    answer,
    bearer,
    iso,
    moments,
    number,
    page_of,
    starlette,
    stream,
)

ORGANIZATION = "https://api.calendly.com/organizations/stand-in"
ENVIRONMENT = {
    "MARKETING_CALENDLY_TOKEN": SECRET,
    "MARKETING_CALENDLY_ORGANIZATION": ORGANIZATION,
}
MEETINGS = ["Démonstration", "Appel découverte", "Point d'étape"]
SOURCES = [(None, None, None), ("newsletter", "email", "demo"), ("google", "cpc", "brand")]


def make(people: Sequence[Person], end: datetime, seed: int = 7) -> Data:
    """Each person booked once in the last 90 days; one in six canceled, one in nine stayed away."""
    rng = stream("calendly", seed)
    events, invitees = [], {}
    for i, (person, start) in enumerate(
        zip(people, moments(rng, end, 90, len(people)), strict=True)
    ):
        uuid = f"E{i:05d}"
        canceled, missed = i % 6 == 5, i % 9 == 8
        created = start - timedelta(days=rng.randint(1, 12))
        updated = start if canceled or missed else created
        source, medium, campaign = SOURCES[i % 3]
        host = f"sales{i % 3}@{person.vertical}.example"
        events.append(
            {
                "uri": f"https://api.calendly.com/scheduled_events/{uuid}",
                "name": MEETINGS[i % 3],
                "status": "canceled" if canceled else "active",
                "start_time": iso(start),
                "end_time": iso(start + timedelta(minutes=30)),
                "location": {"type": "google_conference"},
                "event_memberships": [{"user_email": host}],
                "created_at": iso(created),
                "updated_at": iso(updated),
            }
        )
        invitees[uuid] = [
            {
                "uri": f"https://api.calendly.com/scheduled_events/{uuid}/invitees/I{i:05d}",
                "email": person.email,
                "name": f"{person.first_name} {person.last_name}",
                "status": "canceled" if canceled else "active",
                "timezone": "Europe/Paris",
                "created_at": iso(created),
                "updated_at": iso(updated),
                "no_show": {"created_at": iso(start)} if missed and not canceled else None,
                "cancellation": {"created_at": iso(updated), "reason": ""} if canceled else None,
                "tracking": {
                    "utm_source": source,
                    "utm_medium": medium,
                    "utm_campaign": campaign,
                },
            }
        ]
    return {"events": events, "invitees": invitees}


def counts(data: Data) -> dict[str, int]:
    return {"invitees": sum(map(len, data["invitees"].values()))}


def app(data: Data, page_size: int = 100) -> Starlette:
    async def events(request: Request) -> Response:
        bearer(request)
        query = request.query_params
        if query.get("organization") != ORGANIZATION:
            return answer({"title": "Invalid Argument"}, 400)
        low, high = _time(query["min_start_time"]), _time(query["max_start_time"])
        found = [e for e in data["events"] if low <= _time(e["start_time"]) <= high]
        return _page(request, sorted(found, key=lambda event: event["start_time"]))

    async def invitees(request: Request) -> Response:
        bearer(request)
        return _page(request, data["invitees"][request.path_params["uuid"]])

    def _page(request: Request, records: list[Any]) -> Response:
        query = request.query_params
        size = number(query.get("count"), 20, page_size)
        found, following = page_of(records, number(query.get("page_token"), 0), size)
        token = None if following is None else str(following)
        return answer(
            {
                "collection": found,
                "pagination": {"count": len(found), "next_page_token": token},
            }
        )

    return starlette(
        Route("/scheduled_events", events),
        Route("/scheduled_events/{uuid}/invitees", invitees),
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)
