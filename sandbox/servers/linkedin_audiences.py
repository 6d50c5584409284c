"""LinkedIn's DMP segments: users added and removed, one result an element."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.servers.audiences import Room, said
from sandbox.servers.base import SECRET, answer, bearer, starlette
from sandbox.servers.messaging import Misbehaving, Said

MOST = 5_000
_HASH = re.compile(r"[0-9a-f]{64}")
_OPERATIONS = {"ADD": "add", "REMOVE": "remove"}


def environment(url: str) -> dict[str, str]:
    return {"MARKETING_LINKEDIN_TOKEN": SECRET, "MARKETING_LINKEDIN_URL": url}


def app(room: Room) -> ASGIApp:
    async def users(request: Request) -> Response:
        bearer(request)
        if not re.fullmatch(r"20\d{4}", request.headers.get("linkedin-version", "")):
            return answer({"code": "VERSION_MISSING"}, 400)
        elements = (await request.json())["elements"]
        if len(elements) > MOST:
            return answer({"code": "ILLEGAL_ARGUMENT"}, 400)
        return answer({"elements": [_judge(room, request, one) for one in elements]})

    routes = starlette(Route("/rest/dmpSegments/{segment}/users", users, methods=["POST"]))
    words = said(_said(429), _said(401), _said(400))
    return Misbehaving(routes, room, words)


def _judge(room: Room, request: Request, element: dict[str, Any]) -> dict[str, Any]:
    operation = _OPERATIONS.get(element.get("action", ""))
    values = [one.get("idValue", "") for one in element.get("userIds", ())]
    fits = operation is not None and values and all(map(_HASH.fullmatch, values))
    if not fits or any(value in room.unfit for value in values):
        return {"status": 400, "error": {"status": 400, "code": "ILLEGAL_ARGUMENT"}}
    for value in values:
        room.put(str(operation), request.path_params["segment"], value)
    return {"status": 201}


def _said(status: int) -> Said:
    return Said(status, b'{"status": %d}' % status, {"content-type": "application/json"})
