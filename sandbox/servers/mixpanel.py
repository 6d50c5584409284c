"""Mixpanel's raw export: days of events, one a line."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
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
    moments,
    starlette,
    stream,
)

USER = "warehouse.1a2b3c.mp-service-account"
PROJECT = "2718281"
ENVIRONMENT = {
    "MARKETING_MIXPANEL_USER": USER,
    "MARKETING_MIXPANEL_SECRET": SECRET,
    "MARKETING_MIXPANEL_PROJECT": PROJECT,
    "MARKETING_MIXPANEL_DAYS": "31",
}
VISITS = 6
#: What is done, and with what, in the order of a person's visits.
ACTS: list[tuple[str, dict[str, Any]]] = [
    ("$mp_web_page_view", {"current_page_title": "Accueil"}),
    ("Consultation vue", {"famille": "équipement médical", "lots": 3}),
    ("Alerte créée", {"departement": "69", "plan": "essai"}),
    ("Démonstration demandée", {"budget": 12500.5}),
    ("Document téléchargé", {"document": "DCE", "pages": 48}),
    ("Facture payée", {"order_id": "F-2026", "revenue": 490, "currency": "EUR"}),
]


def make(people: Sequence[Person], end: datetime, seed: int = 7) -> Data:
    """Six visits of each person in the last 80 days; who is logged in from the third on."""
    rng = stream("mixpanel", seed)
    events = [
        _event(person, i, visit, time, rng)
        for i, person in enumerate(people)
        for visit, time in enumerate(moments(rng, end, 80, VISITS))
    ]
    return {"events": sorted(events, key=lambda event: event["properties"]["time"])}


def _event(person: Person, i: int, visit: int, time: datetime, rng: Random) -> dict[str, Any]:
    name, properties = ACTS[visit]
    seconds = int(time.replace(tzinfo=UTC).timestamp())
    device, known = f"device-{i:04d}", visit >= 2
    found: dict[str, Any] = {
        "time": seconds,
        "distinct_id": person.user_id if known else f"$device:{device}",
        "$device_id": device,
        "$insert_id": f"{i:04d}{visit}{rng.getrandbits(44):011x}",
        "$current_url": f"https://app.{person.vertical}.example/page/{visit}?q=été",
        "$browser": "Firefox",
        "mp_country_code": "FR",
        "mp_lib": "web",
        "mp_processing_time_ms": seconds * 1000 + rng.randint(500, 9_000),
        **properties,
    }
    if known:
        found["$user_id"] = person.user_id
    if visit == 0:
        found |= {"utm_source": "brevo", "utm_medium": "email", "utm_campaign": "infolettre"}
        found["$referrer"] = "https://www.google.fr/"
    return {"event": name, "properties": found}


def counts(data: Data) -> dict[str, int]:
    return {"events": len(data["events"])}


def app(data: Data, page_size: int = 0) -> Starlette:
    """The export has no pages: ``page_size`` is not used."""

    async def export(request: Request) -> Response:
        _basic(request)
        query = request.query_params
        if query.get("project_id") != PROJECT:
            return answer({"error": "project_id is required"}, 400)
        low, high = (date.fromisoformat(query[name]) for name in ("from_date", "to_date"))
        rows = [event for event in data["events"] if low <= _day(event) <= high]
        body = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        return Response(body.encode(), 200, media_type="text/plain")

    return starlette(Route("/api/2.0/export", export))


def _basic(request: Request) -> None:
    right = base64.b64encode(f"{USER}:{SECRET}".encode()).decode()
    if request.headers.get("authorization") != f"Basic {right}":
        raise Denied


def _day(event: dict[str, Any]) -> date:
    return (datetime(1970, 1, 1) + timedelta(seconds=event["properties"]["time"])).date()
