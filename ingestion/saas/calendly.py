"""Calendly: the meetings people booked, one row per invitee.

Calendly gives events and, below each, its invitees. An event is asked for again for a while,
since a cancellation or a missed meeting changes it later.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from ingestion.sources import rest
from ingestion.sources.alone import main
from ingestion.sources.model import Page, Pull, Record, Resource, Rows, Source, Variable
from workspace.clock import iso

PAGE_SIZE = 100
#: Meetings may be booked this far ahead.
AHEAD = timedelta(days=180)

_next = rest.cursor("pagination.next_page_token", "page_token")


def _invitees(pull: Pull) -> Iterator[Page]:
    window = pull.window
    params = {
        "organization": pull.values["MARKETING_CALENDLY_ORGANIZATION"],
        "min_start_time": iso(window.start),
        "max_start_time": iso(window.end + AHEAD),
        "sort": "start_time:asc",
        "count": PAGE_SIZE,
    }
    for event in rest.each(pull, "/scheduled_events", "collection", _next, params=params):
        yield from rest.ask(
            pull,
            f"/scheduled_events/{_uuid(event['uri'])}/invitees",
            _next,
            params={"count": PAGE_SIZE},
            records="collection",
            parent=event,
        )


def _uuid(uri: str) -> str:
    return uri.rsplit("/", 1)[-1]


def _status(record: Record) -> str | None:
    if record["no_show"] is not None:
        return "no_show"
    return {"active": "scheduled", "canceled": "canceled"}.get(record["status"], record["status"])


SOURCE = Source(
    name="calendly",
    title="Calendly",
    module=__name__,
    url="https://api.calendly.com",
    variables=(
        Variable("MARKETING_CALENDLY_TOKEN", "personal access token"),
        Variable("MARKETING_CALENDLY_ORGANIZATION", "the organisation's URI", scope=True),
    ),
    auth=rest.bearer("MARKETING_CALENDLY_TOKEN"),
    per_second=5,
    every=timedelta(minutes=15),
    resources=(
        Resource(
            name="invitees",
            kind="meetings",
            description="booked meetings, one row per invitee",
            endpoint="GET /scheduled_events, /scheduled_events/{uuid}/invitees",
            pages=_invitees,
            look_back=timedelta(days=30),
            rows=Rows(
                records="collection",
                constants={"source": "calendly"},
                fields={
                    "meeting_id": lambda r: _uuid(r["uri"]),
                    "name": "parent.name",
                    "status": _status,
                    "email": "email",
                    "starts_at": "parent.start_time",
                    "ends_at": "parent.end_time",
                    "created_at": "created_at",
                    "canceled_at": "cancellation.created_at",
                    "host_email": "parent.event_memberships.0.user_email",
                    "location": "parent.location.type",
                    "utm_source": "tracking.utm_source",
                    "utm_medium": "tracking.utm_medium",
                    "utm_campaign": "tracking.utm_campaign",
                    "known_at": lambda r: max(r["updated_at"], r["parent.updated_at"]),
                },
            ),
        ),
    ),
)

if __name__ == "__main__":
    main(SOURCE)
