"""Livestorm's API v1: sessions with their events, and the people of a session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
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
    number,
    page_of,
    starlette,
    stream,
)

ENVIRONMENT = {"MARKETING_LIVESTORM_TOKEN": SECRET}
TITLES = {
    "public": "Dématérialiser vos marchés publics",
    "medical": "Gérer les stocks du bloc opératoire",
}
JOBS = ["Acheteuse", "Directeur des systèmes d'information", "Pharmacien", "Secrétaire générale"]
#: One event in this many is a series of three sessions.
SERIES = 4
DAY = timedelta(days=1)


def make(
    people: Sequence[Person],
    end: datetime,
    seed: int = 7,
    webinars: Sequence[Mapping[str, Any]] | None = None,
) -> Data:
    """A webinar a month, each with a third of the people of its vertical; the last is to come.

    ``webinars`` are given ones instead: event_key, event_name, vertical, starts_on, and
    attendees with email, first_name, last_name, organisation, job_title and status. Who is only
    invited is unknown to Livestorm.
    """
    data: Data = {"events": [], "sessions": [], "people": {}}
    given = _made_up(people, end, seed) if webinars is None else webinars
    for i, webinar in enumerate(given):
        _add(data, i, webinar, end)
    return data


def _made_up(people: Sequence[Person], end: datetime, seed: int) -> list[dict[str, Any]]:
    rng = stream("livestorm", seed)
    found = []
    for i in range(8):
        vertical = ("public", "medical")[i % 2]
        start = (end - timedelta(days=30 * (7 - i) - 20)).date()
        coming = start > end.date()
        chosen = [p for p in people if p.vertical == vertical and rng.random() < 0.6]
        found.append(
            {
                "event_key": f"{vertical}-{start:%Y-%m}",
                "event_name": f"{TITLES[vertical]} ({start:%m/%Y})",
                "vertical": vertical,
                "starts_on": start.isoformat(),
                "sessions": 3 if i % SERIES == 1 else 1,
                "attendees": [
                    {
                        "email": p.email,
                        "first_name": p.first_name,
                        "last_name": p.last_name,
                        "organisation": p.organisation,
                        "job_title": rng.choice(JOBS),
                        "status": "registered"
                        if coming
                        else rng.choice(["attended", "attended", "no_show"]),
                    }
                    for p in chosen
                ],
            }
        )
    return found


def _add(data: Data, i: int, webinar: Mapping[str, Any], end: datetime) -> None:
    start = datetime.fromisoformat(str(webinar["starts_on"])[:10]) + timedelta(hours=9)
    event_id, count = f"E{i:04d}", webinar.get("sessions", 1)
    made = _unix(start - 45 * DAY)
    data["events"].append(
        {
            "id": event_id,
            "type": "events",
            "attributes": {
                "title": webinar["event_name"],
                "slug": webinar["event_key"],
                "status": "published",
                "language": "fr",
                "created_at": made,
                "updated_at": made,
                "sessions_count": count,
                "fields": [
                    {"id": name, "type": "text", "order": order, "required": order < 3}
                    for order, name in enumerate(_fields(webinar, {}))
                ],
            },
        }
    )
    listed = [a for a in webinar["attendees"] if a["status"] != "invited"]
    for n in range(count):
        session = _session(f"S{i:04d}{n}", event_id, start + n * 7 * DAY, made + n, end)
        members = [
            _registrant(f"P{i:04d}{n}{j:05d}", session, webinar, person)
            for j, person in enumerate(listed[n::count])
        ]
        session["attributes"]["registrants_count"] = len(members)
        data["sessions"].append(session)
        data["people"][session["id"]] = members


def _session(key: str, event_id: str, start: datetime, made: int, end: datetime) -> dict[str, Any]:
    begun = _unix(start) if start < end else 0
    ended = begun + 2_700 if begun else 0
    return {
        "id": key,
        "type": "sessions",
        "attributes": {
            "event_id": event_id,
            "status": "past" if begun else "upcoming",
            "timezone": "Europe/Paris",
            "room_link": f"https://app.livestorm.co/p/{key}",
            "duration": 2_700 if begun else None,
            "estimated_started_at": _unix(start),
            "started_at": begun,
            "ended_at": ended,
            "canceled_at": 0,
            "created_at": made,
            "updated_at": ended or made,
        },
        "relationships": {"event": {"data": {"type": "events", "id": event_id}}},
    }


def _registrant(
    key: str, session: Mapping[str, Any], webinar: Mapping[str, Any], person: Mapping[str, Any]
) -> dict[str, Any]:
    of = session["attributes"]
    signed = of["created_at"] + (int(key[-5:]) * 7_919) % (30 * 86_400)
    attended = person["status"] == "attended" and bool(of["ended_at"])
    return {
        "id": key,
        "type": "people",
        "attributes": {
            "role": "participant",
            "created_at": signed,
            "updated_at": signed,
            "timezone": "Europe/Paris",
            "first_name": person["first_name"],
            "last_name": person["last_name"],
            "email": person["email"],
            "avatar_link": None,
            "registrant_detail": {
                "event_id": of["event_id"],
                "session_id": session["id"],
                "created_at": signed,
                "updated_at": of["ended_at"] if attended else signed,
                "fields": [
                    {"id": name, "type": "text", "value": value, "required": False}
                    for name, value in _fields(webinar, person).items()
                ],
                "utm_source": "newsletter",
                "attended": attended,
                "attendance_duration": 2_400 if attended else 0,
                "is_guest_speaker": False,
            },
            "messages_count": 0,
            "questions_count": 0,
        },
    }


def _fields(webinar: Mapping[str, Any], person: Mapping[str, Any]) -> dict[str, Any]:
    """The registration form: Livestorm's own fields, then the three that were added to it."""
    return {
        "email": person.get("email"),
        "first_name": person.get("first_name"),
        "last_name": person.get("last_name"),
        "company": person.get("organisation"),
        "job_title": person.get("job_title"),
        "vertical": webinar["vertical"],
    }


def counts(data: Data) -> dict[str, int]:
    return {
        "sessions": len(data["sessions"]),
        "registrants": sum(map(len, data["people"].values())),
    }


def app(data: Data, page_size: int = 50) -> Starlette:
    async def sessions(request: Request) -> Response:
        _let_in(request)
        low = number(request.query_params.get("filter[date_from]"), 0)
        high = number(request.query_params.get("filter[date_to]"), 1 << 40)
        found = [
            s for s in data["sessions"] if low <= s["attributes"]["estimated_started_at"] <= high
        ]
        return _page(request, found, with_events=request.query_params.get("include") == "event")

    async def event_sessions(request: Request) -> Response:
        _let_in(request)
        key = request.path_params["id"]
        return _page(request, [s for s in data["sessions"] if s["attributes"]["event_id"] == key])

    async def people(request: Request) -> Response:
        _let_in(request)
        role = request.query_params.get("filter[role]")
        members = data["people"][request.path_params["id"]]
        return _page(request, [p for p in members if role in (None, p["attributes"]["role"])])

    def _page(request: Request, records: list[Any], with_events: bool = False) -> Response:
        query = request.query_params
        size = number(query.get("page[size]"), 20, min(50, page_size))
        current, pages = number(query.get("page[number]"), 0), -(-len(records) // size)
        if current and current >= pages:
            return answer({"errors": [{"title": "Bad Request"}]}, 400)
        found, following = page_of(records, current * size, size)
        body: dict[str, Any] = {"data": found}
        if with_events:
            wanted = {record["attributes"]["event_id"] for record in found}
            body["included"] = [event for event in data["events"] if event["id"] in wanted]
        body["meta"] = {
            "current_page": current,
            "previous_page": current - 1 if current else None,
            "next_page": None if following is None else current + 1,
            "record_count": len(records),
            "page_count": pages,
            "items_per_page": size,
        }
        return answer(body)

    return starlette(
        Route("/sessions", sessions),
        Route("/events/{id}/sessions", event_sessions),
        Route("/sessions/{id}/people", people),
    )


def _let_in(request: Request) -> None:
    """The token alone, without a scheme."""
    if request.headers.get("authorization") != SECRET:
        raise Denied


def _unix(time: datetime) -> int:
    return int((time - datetime(1970, 1, 1)).total_seconds())
