"""Livestorm: webinars, one calendar row per session and one row per registrant.

Pages are numbered from 0 and hold at most 50; 5 calls a second and 10,000 in 30 days are allowed,
so sessions are asked for every six hours. A session is asked for again for 30 days, since
attendance settles after it. An event may have several sessions: the first one goes by the event's
slug, each other one by slug and id, so that no later session changes a key.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ingestion.saas.values import at, from_unix, key_of, named, to_unix
from ingestion.sources import lines, rest
from ingestion.sources.alone import main
from ingestion.sources.model import Page, Pull, Record, Resource, Rows, Source, Variable

PAGE_SIZE = 50
#: Webinars may be announced this far ahead.
AHEAD = timedelta(days=180)
LOOK_BACK = timedelta(days=30)

_next = rest.cursor("meta.next_page", "page[number]")


def _sessions(pull: Pull) -> Iterator[Page]:
    """Pages of sessions; their events, and the first session of each, are the parent."""
    window = pull.window
    params = {
        "filter[date_from]": to_unix(window.start),
        "filter[date_to]": to_unix(window.end + AHEAD),
        "include": "event",
        "page[size]": PAGE_SIZE,
    }
    first: dict[str, str] = {}
    for page in rest.ask(pull, "/sessions", _next, params=params, records="data"):
        answer = lines.decoded(page.body)
        sessions = lines.records_at(answer, "data")
        included = lines.records_at(answer, "included") if at(answer, "included") else []
        events = {key_of(event): event for event in included}
        for session in sessions:
            event_id = _event_id(session)
            if event_id in events and event_id not in first:
                first[event_id] = _first_session(pull, events[event_id], session)
        parent = {"events": events, "first": {key: first[key] for key in events if key in first}}
        yield Page(page.body, page.request, lines.encoded(parent))


def _event_id(session: Any) -> str:
    return key_of(session, "attributes.event_id")


def _first_session(pull: Pull, event: Any, session: Any) -> str:
    """The id of the event's oldest session."""
    if at(event, "attributes.sessions_count") == 1:
        return key_of(session)
    path = f"/events/{key_of(event)}/sessions"
    found = rest.each(pull, path, "data", _next, params={"page[size]": PAGE_SIZE})
    return min((str(at(one, "attributes.created_at")), key_of(one)) for one in [session, *found])[1]


def _people(pull: Pull) -> Iterator[Page]:
    for page in _sessions(pull):
        parent = lines.decoded(page.parent or b"{}")
        for session in lines.records_at(lines.decoded(page.body), "data"):
            event_id = _event_id(session)
            yield from rest.ask(
                pull,
                f"/sessions/{key_of(session)}/people",
                _next,
                params={"filter[role]": "participant", "page[size]": PAGE_SIZE},
                records="data",
                parent={
                    "session": session,
                    "event": parent["events"].get(event_id),
                    "first": parent["first"].get(event_id),
                },
            )


def _key(session: Record, event: Record, first: str | None) -> str:
    slug = event["attributes.slug"]
    if not slug:
        return session["id"]
    return slug if session["id"] == first else f"{slug}:{session['id']}"


def _day(session: Record) -> str | None:
    """The day of a session where it takes place."""
    start = from_unix(session["attributes.estimated_started_at"])
    if start is None:
        return None
    try:
        zone: Any = ZoneInfo(session["attributes.timezone"] or "UTC")
    except KeyError:  # a zone by a name of its own
        zone = UTC
    return datetime.fromisoformat(start).astimezone(zone).date().isoformat()


def _known_at(*times: int | None) -> str | None:
    """The latest of the times at which a part of the row changed; Livestorm's 0 is none."""
    return from_unix(max(time or 0 for time in times) or None)


def _event_of(record: Record) -> Record:
    return Record(record.parent["events"].get(record["attributes.event_id"]))


def _session_key(record: Record) -> str:
    first = record.parent["first"].get(record["attributes.event_id"])
    return _key(record, _event_of(record), first)


def _registrant_key(record: Record) -> str:
    session, event = Record(record["parent.session"]), Record(record["parent.event"])
    return _key(session, event, record["parent.first"])


def _status(record: Record) -> str:
    """Who did not come is a no-show once the session is over."""
    attended = record["attributes.registrant_detail.attended"]
    if attended not in (True, False, None):
        raise TypeError("expected true or false")
    if attended:
        return "attended"
    return "no_show" if record["parent.session.attributes.status"] == "past" else "registered"


def _email(record: Record) -> str:
    """Without an address the row would pass for the calendar's."""
    found = record["attributes.email"]
    if not found:
        raise ValueError("a registrant without an address")
    return found


def _custom(name: str) -> Any:
    """A field of the registration form."""

    def read(record: Record) -> Any:
        fields = record["attributes.registrant_detail.fields"] or []
        return named((field["id"], field["value"]) for field in fields).get(name)

    return read


SOURCE = Source(
    name="livestorm",
    title="Livestorm",
    module=__name__,
    url="https://api.livestorm.co/v1",
    variables=(Variable("MARKETING_LIVESTORM_TOKEN", "API token with the scope events:read"),),
    auth=rest.header("Authorization", "MARKETING_LIVESTORM_TOKEN"),
    headers={"Accept": "application/vnd.api+json"},
    per_second=2,
    burst=2,
    every=timedelta(hours=6),
    resources=(
        Resource(
            name="sessions",
            kind="attendees",
            description="the calendar of webinars, one row per session",
            endpoint="GET /sessions",
            pages=_sessions,
            look_back=LOOK_BACK,
            rows=Rows(
                records="data",
                constants={"event_type": "webinar"},
                fields={
                    "event_key": _session_key,
                    "event_name": lambda r: _event_of(r)["attributes.title"],
                    "starts_on": _day,
                    "known_at": lambda r: _known_at(
                        r["attributes.updated_at"], _event_of(r)["attributes.updated_at"]
                    ),
                },
            ),
        ),
        Resource(
            name="registrants",
            kind="attendees",
            description="who registered for a webinar, came or stayed away",
            endpoint="GET /sessions, /sessions/{id}/people",
            pages=_people,
            look_back=LOOK_BACK,
            rows=Rows(
                records="data",
                constants={"event_type": "webinar"},
                fields={
                    "event_key": _registrant_key,
                    "event_name": "parent.event.attributes.title",
                    "vertical": _custom("vertical"),
                    "starts_on": lambda r: _day(Record(r["parent.session"])),
                    "email": _email,
                    "first_name": "attributes.first_name",
                    "last_name": "attributes.last_name",
                    "organisation": _custom("organisation"),
                    "job_title": _custom("job_title"),
                    "status": _status,
                    # The status also turns with the session, the name and day with the event.
                    "known_at": lambda r: _known_at(
                        r["attributes.updated_at"],
                        r["attributes.registrant_detail.updated_at"],
                        r["parent.session.attributes.ended_at"],
                        r["parent.session.attributes.updated_at"],
                        r["parent.event.attributes.updated_at"],
                    ),
                },
            ),
        ),
    ),
)

if __name__ == "__main__":
    main(SOURCE)
