"""Intercom's API 2.11: the search for conversations."""

from __future__ import annotations

import json
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
    moments,
    number,
    page_of,
    starlette,
    stream,
)

ENVIRONMENT = {"MARKETING_INTERCOM_TOKEN": SECRET}
#: Subject, tag and topic.
QUESTIONS = [
    ("<p>Dépôt d'une offre &amp; signature</p>", "signature", "Dépôt"),
    ("<p>Connexion impossible</p>", "connexion", None),
    ("", None, "Facturation"),
    ("<p>Export des stocks du bloc</p>", None, None),
]
STATES = ["closed", "closed", "open", "snoozed", "closed"]
HOUR = 3_600


def make(people: Sequence[Person], end: datetime, seed: int = 7) -> Data:
    """Each person asked twice in the last 120 days; one conversation in eight the team began."""
    rng = stream("intercom", seed)
    found = []
    for n, time in enumerate(moments(rng, end - timedelta(days=4), 120, 2 * len(people))):
        person = people[n % len(people)]
        subject, tag, topic = QUESTIONS[n % len(QUESTIONS)]
        state, created = STATES[n % len(STATES)], _unix(time)
        replied = created + rng.randint(1, 20) * HOUR
        closed = replied + rng.randint(1, 50) * HOUR if state == "closed" else None
        author = {
            "type": "user",
            "id": person.crm_id,
            "name": f"{person.first_name} {person.last_name}",
            "email": person.email,
        }
        if n % 8 == 7:
            author = {"type": "admin", "id": "814860", "name": "Support", "email": "s@ed.example"}
        rated = closed is not None and n % 3 == 0
        found.append(
            {
                "type": "conversation",
                "id": str(191_000_000 + n),
                "created_at": created,
                "updated_at": closed or replied,
                "title": None,
                "state": state,
                "open": state == "open",
                "read": True,
                "waiting_since": None,
                "snoozed_until": replied + 48 * HOUR if state == "snoozed" else None,
                "priority": "priority" if n % 6 == 0 else "not_priority",
                "admin_assignee_id": 814_860 + n % 3 if n % 5 else None,
                "team_assignee_id": None,
                "source": {
                    "type": ["conversation", "email"][n % 2],
                    "id": str(403_000 + n),
                    "delivered_as": "customer_initiated",
                    "subject": subject,
                    "body": "<p>Bonjour,</p>",
                    "author": author,
                },
                "contacts": {
                    "type": "contact.list",
                    "contacts": [
                        {"type": "contact", "id": person.crm_id, "external_id": person.user_id}
                    ],
                },
                "tags": {
                    "type": "tag.list",
                    "tags": [{"type": "tag", "id": tag, "name": tag}] if tag else [],
                },
                "topics": {
                    "type": "topic.list",
                    "topics": [{"type": "topic", "id": 1, "name": topic}] if topic else [],
                },
                "conversation_rating": {"rating": 1 + n % 5, "remark": None} if rated else None,
                "statistics": {
                    "type": "conversation_statistics",
                    "first_admin_reply_at": replied,
                    "last_close_at": closed,
                },
                "custom_attributes": {},
            }
        )
    return {"conversations": found}


def counts(data: Data) -> dict[str, int]:
    return {"conversations": len(data["conversations"])}


def app(data: Data, page_size: int = 150) -> Starlette:
    async def search(request: Request) -> Response:
        bearer(request)
        asked = json.loads(await request.body())
        query, pagination = asked["query"], asked.get("pagination", {})
        if (query["field"], query["operator"]) != ("updated_at", ">"):
            return answer({"type": "error.list", "errors": [{"code": "parameter_invalid"}]}, 400)
        found = [c for c in data["conversations"] if c["updated_at"] > query["value"]]
        found.sort(key=lambda c: (c["updated_at"], c["id"]))
        if asked.get("sort", {}).get("order") != "ascending":
            found.reverse()
        size = min(pagination.get("per_page", 20), 150, page_size)
        offset = number(pagination.get("starting_after"), 0)
        records, following = page_of(found, offset, size)
        page = 1 + offset // size
        return answer(
            {
                "type": "conversation.list",
                "pages": {
                    "type": "pages",
                    "page": page,
                    "per_page": size,
                    "total_pages": -(-len(found) // size),
                    "next": _next(page, following),
                },
                "total_count": len(found),
                "conversations": records,
            }
        )

    return starlette(Route("/conversations/search", search, methods=["POST"]))


def _next(page: int, following: int | None) -> dict[str, Any] | None:
    return None if following is None else {"page": page + 1, "starting_after": str(following)}


def _unix(time: datetime) -> int:
    return int((time - datetime(1970, 1, 1)).total_seconds())
