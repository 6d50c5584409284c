"""Brevo's transactional e-mail, API v3, and its webhook. What it is asked for as a source is in
``brevo.py``.

Checked as documented: the key, required fields, headers as one object, the idempotency key as a
UUID that counts for 15 minutes. ``X-Mailin-custom`` comes back with each event.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.servers.base import SECRET, Denied, answer, starlette
from sandbox.servers.messaging import Call, Desk, Event, Fate, Misbehaving, Said, Trouble

PROVIDER = "brevo"
REMEMBERED = timedelta(minutes=15)
_JSON = {"content-type": "application/json"}
_SAID = {
    Trouble.THROTTLED: Said(429, b'{"code":"too_many_requests","message":"slow down"}', _JSON),
    Trouble.DENIED: Said(401, b'{"code":"unauthorized","message":"Key not found"}', _JSON),
    Trouble.PERMANENT: Said(400, b'{"code":"invalid_parameter","message":"bad"}', _JSON),
    Trouble.NO_ID: Said(201, b'{"messageId":""}', _JSON),
}


def environment(url: str) -> dict[str, str]:
    return {"MARKETING_BREVO_KEY": SECRET, "MARKETING_BREVO_URL": url}


class _Address(msgspec.Struct, forbid_unknown_fields=True):
    email: Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+$")]
    name: Annotated[str, Meta(min_length=1)] | None = None


class _Email(msgspec.Struct, forbid_unknown_fields=True):
    sender: _Address
    to: Annotated[list[_Address], Meta(min_length=1, max_length=99)]
    subject: Annotated[str, Meta(min_length=1)]
    htmlContent: Annotated[str, Meta(min_length=1)]
    textContent: str | None = None
    replyTo: _Address | None = None
    headers: dict[str, str] = {}
    tags: list[str] = []


_decode = msgspec.json.Decoder(_Email).decode


def app(desk: Desk) -> ASGIApp:
    """``desk`` sees what is taken; recipients whose fate is invalid are refused. Blocked ones are
    taken, as at Brevo."""
    known: dict[str, datetime] = {}

    async def send(request: Request) -> Response:
        if request.headers.get("api-key") != SECRET:
            raise Denied
        body = await request.body()
        try:
            email = _decode(body)
        except msgspec.MsgspecError as error:
            return _error("invalid_parameter", str(error))
        to = email.to[0].email
        if desk.fate(to) is Fate.INVALID:
            return _error("invalid_parameter", "email is not valid in to")
        key = email.headers.get("idempotencyKey")
        if key is not None:
            try:
                UUID(key)
            except ValueError:
                return _error("invalid_parameter", "idempotencyKey is not valid")
            if key in known and desk.clock() - known[key] < REMEMBERED:
                return _error("duplicate_parameter", "idempotencyKey is used already")
            known[key] = desk.clock()
        ident = f"<stand-in.{desk.next_id():08d}@smtp-relay.mailin.fr>"
        desk.take(ident, email.headers.get("X-Mailin-custom", ""), to, body)
        return answer({"messageId": ident}, 201)

    return Misbehaving(starlette(Route("/v3/smtp/email", send, methods=["POST"])), desk, _SAID)


def _error(code: str, message: str) -> Response:
    return answer({"code": code, "message": message}, 400)


def secret() -> str:
    """The token that Brevo is told to send."""
    return SECRET


_NAMES = {
    "sent": "request",
    "clicked": "click",
    "bounced": "hard_bounce",
    "complained": "spam",
}


def calls(events: Iterable[Event], url: str) -> Iterator[Call]:
    """Each event by itself, with the token."""
    for event in events:
        headers = {**_JSON, "authorization": f"Bearer {SECRET}"}
        yield Call(msgspec.json.encode(_event(event)), headers)


def _event(event: Event) -> dict[str, Any]:
    taken, name = event.taken, _NAMES.get(event.name, event.name)
    at = int(event.at.replace(tzinfo=UTC).timestamp())
    made: dict[str, Any] = {
        "event": name,
        "email": taken.recipient,
        "id": 1,
        "message-id": taken.provider_message_id,
        "ts": at,
        "ts_event": at,
        "ts_epoch": at * 1000,
        "X-Mailin-custom": taken.outbox_id,
    }
    if name == "hard_bounce":
        made["reason"] = "550 5.1.1 user unknown"
    if name == "click":
        made["link"] = "https://www.example.org/"
    return made
