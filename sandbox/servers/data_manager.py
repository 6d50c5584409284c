"""Google's Data Manager API: ingest and remove, taken whole or not at all, and their status."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs

from google.auth import jwt
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from sandbox.servers.audiences import Room, said
from sandbox.servers.base import SECRET, answer, bearer, starlette
from sandbox.servers.ga4 import AUDIENCE, PUBLIC
from sandbox.servers.ga4 import ENVIRONMENT as GA4
from sandbox.servers.messaging import Misbehaving, Said

ACCOUNT = "1234567890"
MOST, MOST_IDENTIFIERS = 10_000, 10
_HASH = re.compile(r"[0-9a-f]{64}")
#: A request is worked off when its status was asked for so often.
ASKED = 1


def environment(url: str) -> dict[str, str]:
    return {
        "MARKETING_GOOGLE_DATA_MANAGER_ACCOUNT": ACCOUNT,
        "MARKETING_GOOGLE_DATA_MANAGER_KEY": GA4["MARKETING_GA4_SERVICE_ACCOUNT"],
        "MARKETING_GOOGLE_DATA_MANAGER_URL": url,
    }


def app(room: Room) -> ASGIApp:
    requests: dict[str, dict[str, Any]] = room.more.setdefault("requests", {})

    async def write(request: Request) -> Response:
        bearer(request)
        verb = request.path_params["verb"]
        asked = await request.json()
        members = asked.get("audienceMembers")
        (destination,) = asked["destinations"]
        faults = _faults(asked, members, verb)
        values = [_value(one) for member in members or () for one in _identifiers(member)]
        if any(value in room.unfit for value in values):
            faults.append("INVALID_HEX_ENCODING")
        if faults:
            return _error(400, "INVALID_ARGUMENT", faults[0])
        name = f"request-{room.next_id()}"
        if not asked.get("validateOnly"):
            operation = {"ingest": "add", "remove": "remove"}[verb]
            for value in values:
                room.put(operation, destination["productDestinationId"], value)
            requests[name] = {"left": ASKED, "rows": len(members)}
        return answer({"requestId": name})

    async def status(request: Request) -> Response:
        bearer(request)
        found = requests.get(request.query_params.get("requestId", ""))
        if found is None:
            return _error(404, "NOT_FOUND", "REQUEST_NOT_FOUND")
        found["left"] -= 1
        ended = room.more.get("status", "SUCCESS")
        told = ended if found["left"] < 0 else "PROCESSING"
        return answer({"requestStatusPerDestination": [{"requestStatus": told}]})

    async def token(request: Request) -> Response:
        form = parse_qs((await request.body()).decode())
        try:
            jwt.decode(form["assertion"][0], {SECRET: PUBLIC}, audience=AUDIENCE)
        except (KeyError, ValueError):
            return answer({"error": "invalid_grant"}, 400)
        if room.more.get("denied"):
            return answer({"error": "invalid_grant"}, 400)
        return answer({"access_token": SECRET, "expires_in": 3599, "token_type": "Bearer"})

    routes = starlette(
        Route("/v1/audienceMembers:{verb}", write, methods=["POST"]),
        Route("/v1/requestStatus:retrieve", status),
    )
    words = said(
        _said(429, "RESOURCE_EXHAUSTED"),
        _said(401, "UNAUTHENTICATED"),
        _said(400, "INVALID_ARGUMENT"),
    )
    misbehaving = Misbehaving(routes, room, words)
    return starlette(Route("/token", token, methods=["POST"]), Mount("/", misbehaving))


def _faults(asked: dict[str, Any], members: Any, verb: str) -> list[str]:
    found = []
    if not members or len(members) > MOST:
        found.append("TOO_MANY_AUDIENCE_MEMBERS" if members else "REQUIRED_FIELD_MISSING")
        return found
    if asked.get("encoding") not in ("HEX", "BASE64"):
        found.append("REQUIRED_FIELD_MISSING")
    if verb == "ingest":
        consent = asked.get("consent") or {}
        if consent.get("adUserData") != "CONSENT_GRANTED":
            found.append("CONSENT_MISSING")
        if not asked.get("termsOfService"):
            found.append("TERMS_AND_CONDITIONS_NOT_SIGNED")
    for member in members:
        its = _identifiers(member)
        if not its or len(its) > MOST_IDENTIFIERS:
            found.append("INVALID_USER_IDENTIFIERS")
        elif not all(_HASH.fullmatch(_value(one)) for one in its):
            found.append("INVALID_HEX_ENCODING")
    return found


def _identifiers(member: dict[str, Any]) -> list[dict[str, str]]:
    return list((member.get("userData") or {}).get("userIdentifiers") or ())


def _value(identifier: dict[str, str]) -> str:
    ((_, value),) = identifier.items()
    return value


def _error(status: int, name: str, reason: str) -> Response:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}]
    return answer({"error": {"code": status, "status": name, "details": details}}, status)


def _said(status: int, name: str) -> Said:
    body = f'{{"error": {{"code": {status}, "status": "{name}"}}}}'.encode()
    return Said(status, body, {"content-type": "application/json"})
