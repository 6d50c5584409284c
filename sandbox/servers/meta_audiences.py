"""Meta's Graph API: users of a custom audience, added and removed by hashes."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.servers.audiences import Room, said
from sandbox.servers.base import SECRET, answer, starlette
from sandbox.servers.messaging import Misbehaving, Said

MOST = 10_000
_HASH = re.compile(r"[0-9a-f]{64}")
_KINDS = ("EMAIL_SHA256", "PHONE_SHA256")


def environment(url: str) -> dict[str, str]:
    return {"MARKETING_META_TOKEN": SECRET, "MARKETING_META_URL": url}


def app(room: Room) -> ASGIApp:
    async def users(request: Request) -> Response:
        form = parse_qs((await request.body()).decode())
        if form.get("access_token") != [SECRET]:
            return _error(400, 190, "OAuthException")
        payload = json.loads(form["payload"][0])
        list_id, schema = request.path_params["audience"], payload["schema"]
        if room.more.get("flagged"):
            return _error(400, 100, "GraphMethodException", 1_713_230)
        rows = payload["data"]
        if len(rows) > MOST or not set(schema) <= set(_KINDS) or payload.get("is_raw"):
            return _error(400, 100, "OAuthException")
        operation = "add" if request.method == "POST" else "remove"
        invalid = 0
        for row in rows:
            values = [value for value in row if value]
            if any(v in room.unfit or not _HASH.fullmatch(v) for v in values) or not values:
                invalid += 1
                continue
            for value in values:
                room.put(operation, list_id, value)
        told = {"audience_id": list_id, "session_id": str(room.next_id())}
        told |= {"num_received": len(rows), "num_invalid_entries": invalid}
        return answer({**told, "invalid_entry_samples": {}})

    routes = starlette(Route("/{version}/{audience}/users", users, methods=["POST", "DELETE"]))
    words = said(_said(400, 80_003), _said(400, 190), _said(400, 100))
    return Misbehaving(routes, room, words)


def _error(status: int, code: int, kind: str, subcode: int | None = None) -> Response:
    told = {"message": "refused", "type": kind, "code": code}
    return answer({"error": {**told, **({"error_subcode": subcode} if subcode else {})}}, status)


def _said(status: int, code: int) -> Said:
    body = json.dumps({"error": {"message": "refused", "code": code}}).encode()
    return Said(status, body, {"content-type": "application/json"})
