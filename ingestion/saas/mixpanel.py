"""Mixpanel: raw events, as Segment messages.

The export takes whole days and answers one event a line, 60 queries an hour. Telephones that were
offline bring events up to five days late, so that much is asked for again. Days and times are UTC
in projects made since 2023; older ones have them in the project's time zone, and their times are
not right here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from ingestion.saas.values import MILLISECOND, unix_time
from ingestion.sources import lines, rest
from ingestion.sources.alone import main
from ingestion.sources.model import (
    Page,
    Pull,
    PullError,
    Record,
    Resource,
    Row,
    Rows,
    Source,
    Variable,
)
from ingestion.sources.session import TooLarge
from workspace.clock import iso

DAY = timedelta(days=1)
DEVICE = "$device:"
#: What merging two identities changes in events of long ago: the same event must stay the same.
UNSTEADY = ("distinct_id", "$distinct_id_before_identity")
#: context.page and context.campaign: the message's keys and the properties they come from.
PAGE = {"url": "$current_url", "referrer": "$referrer", "title": "current_page_title"}
CAMPAIGN = {
    "source": "utm_source",
    "medium": "utm_medium",
    "name": "utm_campaign",
    "term": "utm_term",
    "content": "utm_content",
}


def _exports(pull: Pull) -> Iterator[Page]:
    window, span = pull.window, _span(pull)
    given = pull.state.get("day")
    day = date.fromisoformat(given) if given else window.start.date()
    last = window.end.date()
    while day <= last:
        end = min(day + span - DAY, last)
        days = {"from_date": day.isoformat(), "to_date": end.isoformat()}
        try:
            answer = pull.session.get(
                f"{pull.url}/api/2.0/export",
                params={"project_id": pull.values["MARKETING_MIXPANEL_PROJECT"], **days},
                auth=pull.auth(),
            )
        except TooLarge:
            if end == day:
                raise
            span = max((end - day + DAY) // DAY // 2, 1) * DAY
            continue
        request = f"GET /api/2.0/export from {day} to {end}"
        day = end + DAY
        state = pull.unfinished(day=day.isoformat()) if day <= last else None
        yield Page(answer.content, request, state=state)


def _span(pull: Pull) -> timedelta:
    days = pull.values["MARKETING_MIXPANEL_DAYS"]
    if not days.isdecimal() or not 1 <= int(days) <= 366:
        raise PullError("MARKETING_MIXPANEL_DAYS is a number of days, 1 to 366")
    return timedelta(days=int(days))


def _events(body: bytes) -> list[Any]:
    """The events of an export; one that broke off ends in a line that is none."""
    try:
        events = [lines.decoded(line) for line in body.split(b"\n") if line.strip()]
    except PullError:
        raise ValueError("the export broke off") from None
    if not all({"event", "properties"} <= event.keys() for event in events):
        raise ValueError("no event")
    return events


def _message(record: Record) -> Row:
    given = record["properties"]
    user, device = _people(given)
    message = {
        "messageId": "mixpanel-" + given["$insert_id"],
        "type": "track",
        "event": record["event"],
        "userId": user,
        "anonymousId": device,
        "timestamp": iso(unix_time(given["time"])),
        "properties": {name: value for name, value in given.items() if name not in UNSTEADY},
        "context": {
            "page": _found(given, PAGE),
            "campaign": _found(given, CAMPAIGN),
        },
    }
    received = given.get("mp_processing_time_ms")
    if received is not None:
        message["receivedAt"] = iso(unix_time(received, MILLISECOND))
    return message


def _people(given: Row) -> tuple[Any, str | None]:
    """The identified user and the device. An event with neither has them in one id as sent."""
    user, device = given.get("$user_id"), given.get("$device_id")
    if user is None and device is None:
        sent = given.get("$distinct_id_before_identity") or given["distinct_id"]
        user, device = (None, sent) if sent.startswith(DEVICE) else (sent, None)
    return user, None if device is None else device.removeprefix(DEVICE)


def _found(given: Row, names: dict[str, str]) -> Row:
    return {ours: given[theirs] for ours, theirs in names.items() if given.get(theirs) is not None}


SOURCE = Source(
    name="mixpanel",
    title="Mixpanel",
    module=__name__,
    url="https://data-eu.mixpanel.com",
    variables=(
        Variable("MARKETING_MIXPANEL_USER", "service account's user name"),
        Variable("MARKETING_MIXPANEL_SECRET", "service account's secret"),
        Variable("MARKETING_MIXPANEL_PROJECT", "project id", scope=True),
        Variable(
            "MARKETING_MIXPANEL_DAYS",
            "days in one export; fewer where there are many events",
            required=False,
            default="7",
        ),
    ),
    auth=rest.basic("MARKETING_MIXPANEL_USER", "MARKETING_MIXPANEL_SECRET"),
    per_second=45 / 3600,
    burst=10,
    every=timedelta(days=1),
    resources=(
        Resource(
            name="events",
            kind="events",
            description="product events",
            endpoint="GET /api/2.0/export",
            pages=_exports,
            look_back=timedelta(days=5),
            # A pull that goes on where another broke must end, though no event is left.
            keeps_time=True,
            rows=Rows(records=_events, whole=_message),
        ),
    ),
)

if __name__ == "__main__":
    main(SOURCE)
