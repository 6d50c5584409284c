"""Somebody's own endpoint for messages: it checks signatures with the `standardwebhooks` library,
refuses what was signed more than five minutes ago, and takes each id once."""

from __future__ import annotations

import base64
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.servers.base import answer, starlette
from sandbox.servers.messaging import Desk, Misbehaving, Said, Trouble

PROVIDER = "webhook"
KEY = "whsec_" + base64.b64encode(b"stand-in-secret-of-32-bytes-long").decode()
SKEW = timedelta(minutes=5)

_SAID = {
    Trouble.THROTTLED: Said(429, b"{}"),
    Trouble.DENIED: Said(401, b"{}"),
    Trouble.PERMANENT: Said(422, b"{}"),
    Trouble.NO_ID: Said(200, b"{}"),
}


def environment(url: str) -> dict[str, str]:
    return {"MARKETING_WEBHOOK_URL": f"{url}/messages", "MARKETING_WEBHOOK_SECRET": KEY}


def app(desk: Desk) -> ASGIApp:
    """``desk`` sees what is taken."""
    known: set[str] = set()

    async def take(request: Request) -> Response:
        body, ident = await request.body(), request.headers.get("webhook-id", "")
        if not _is_signed(request.headers, body, desk.clock()):
            return answer({"error": "signature"}, 401)
        data = msgspec.json.decode(body)["data"]
        if ident != data["message_id"] or request.headers.get("idempotency-key") != ident:
            return answer({"error": "id"}, 400)
        if ident not in known:
            known.add(ident)
            desk.take(ident, ident, data["to"], body, data["track_opens"])
        return answer({"taken": ident})

    return Misbehaving(starlette(Route("/messages", take, methods=["POST"])), desk, _SAID)


def _is_signed(headers: Any, body: bytes, now: datetime) -> bool:
    """The library's own `verify` asks the machine what time it is."""
    from standardwebhooks.webhooks import Webhook

    at = headers.get("webhook-timestamp", "")
    if not at.isascii() or not at.isdigit():
        return False
    time = datetime.fromtimestamp(int(at), UTC).replace(tzinfo=None)
    expected = Webhook(KEY).sign(headers.get("webhook-id", ""), time, body.decode())
    given = headers.get("webhook-signature", "").split(" ")
    right = any(hmac.compare_digest(expected.encode(), one.encode()) for one in given)
    return right and abs(now - time) <= SKEW
