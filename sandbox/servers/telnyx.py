"""Telnyx's text messages, with its idempotency keys, and the webhooks it signs.

Checked as documented: the key, numbers with their country code, a profile where the sender is a
name, ten parts, the alphabet of the idempotency key. For 24 hours the same key and bytes get the
same answer, byte for byte; the same key with other bytes gets 422. Only successes are kept.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import cache
from typing import Annotated, Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.servers.base import SECRET, Denied, answer, iso, starlette
from sandbox.servers.messaging import Call, Desk, Event, Fate, Misbehaving, Said, Trouble

PROVIDER = "telnyx"
KEPT = timedelta(hours=24)
#: Ten parts of the plain alphabet.
CHARACTERS = 1530

_JSON = {"content-type": "application/json"}
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_KEY = re.compile(r"[A-Za-z0-9_:-]{1,255}")


def _errors(code: str, title: str) -> bytes:
    return msgspec.json.encode({"errors": [{"code": code, "title": title, "detail": title}]})


_SAID = {
    Trouble.THROTTLED: Said(429, _errors("10011", "Too many requests"), _JSON),
    Trouble.DENIED: Said(401, _errors("10009", "Authentication failed"), _JSON),
    Trouble.PERMANENT: Said(400, _errors("40009", "Invalid message body"), _JSON),
    Trouble.NO_ID: Said(200, b'{"data":{"id":"","record_type":"message","to":[]}}', _JSON),
}


def environment(url: str) -> dict[str, str]:
    return {"MARKETING_TELNYX_KEY": SECRET, "MARKETING_TELNYX_URL": url}


class _Message(msgspec.Struct, forbid_unknown_fields=True, rename={"from_": "from"}):
    to: str
    text: Annotated[str, Meta(min_length=1, max_length=CHARACTERS)]
    from_: Annotated[str, Meta(min_length=1)]
    messaging_profile_id: str | None = None
    tags: Annotated[list[str], Meta(max_length=20)] = []
    webhook_url: Annotated[str, Meta(pattern="^https?://", max_length=2000)] | None = None


_decode = msgspec.json.Decoder(_Message).decode


def app(desk: Desk) -> ASGIApp:
    """``desk`` sees what is taken; recipients whose fate is suppressed have sent STOP."""
    kept: dict[str, tuple[bytes, bytes, datetime]] = {}

    async def create(request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {SECRET}":
            raise Denied
        body, key = await request.body(), request.headers.get("idempotency-key")
        if key is not None:
            if not _KEY.fullmatch(key):
                return _error(400, "10015", "Invalid Idempotency-Key")
            before = kept.get(key)
            if before and desk.clock() - before[2] < KEPT:
                if before[0] != body:
                    return _error(422, "10015", "Idempotency-Key was used for another request")
                return Response(before[1], 200, _JSON)
        try:
            message = _decode(body)
        except msgspec.MsgspecError as error:
            return _error(422, "10015", str(error))
        refused = _problem(message) or _fate(desk.fate(message.to))
        if refused:
            return _error(*refused)
        said = _take(desk, message, body)
        if key is not None:
            kept[key] = (body, said, desk.clock())
        return Response(said, 200, _JSON)

    return Misbehaving(starlette(Route("/v2/messages", create, methods=["POST"])), desk, _SAID)


def _problem(message: _Message) -> tuple[int, str, str] | None:
    if not _NUMBER.fullmatch(message.to):
        return 400, "40310", "Invalid 'to' address"
    if not _NUMBER.fullmatch(message.from_) and message.messaging_profile_id is None:
        return 400, "40305", "Invalid 'from' address"
    return None


def _fate(fate: Fate) -> tuple[int, str, str] | None:
    if fate is Fate.INVALID:
        return 400, "40310", "Invalid 'to' address"
    if fate is Fate.SUPPRESSED:
        return 400, "40300", "Blocked due to STOP message"
    return None


def _take(desk: Desk, message: _Message, body: bytes) -> bytes:
    ident = f"40385f64-5717-4562-b3fc-{desk.next_id():012x}"
    ours = [tag.partition(":")[2] for tag in message.tags if tag.startswith("outbox_id:")]
    desk.take(ident, ours[0] if ours else "", message.to, body)
    to = {"phone_number": message.to, "status": "queued"}
    data = {"id": ident, "record_type": "message", "to": [to], "errors": [], "tags": message.tags}
    return msgspec.json.encode({"data": data})


def _error(status: int, code: str, title: str) -> Response:
    return Response(_errors(code, title), status, _JSON)


@cache
def _key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def secret() -> str:
    """The public key, as Telnyx shows it."""
    return base64.b64encode(_key().public_key().public_bytes_raw()).decode()


#: What a webhook can tell, in our collector's words.
EVENTS = ("sent", "delivered", "failed")
_FINALS = {
    "delivered": "delivered",
    **dict.fromkeys(("bounced", "failed"), "delivery_failed"),
}


def calls(events: Iterable[Event], url: str) -> Iterator[Call]:
    """An event each, signed with its time; a STOP comes as a message."""
    for event in events:
        if event.name in ("sent", "deferred", "unsubscribed", *_FINALS):
            body = answer({"data": _event(event), "meta": {"attempt": 1, "delivered_to": url}}).body
            at = str(int(time.time())).encode()
            signature = base64.b64encode(_key().sign(at + b"|" + bytes(body))).decode()
            headers = {"telnyx-timestamp": at.decode(), "telnyx-signature-ed25519": signature}
            yield Call(bytes(body), {**_JSON, **headers})


def _event(event: Event) -> dict[str, Any]:
    taken, sent = event.taken, msgspec.json.decode(event.taken.body)
    payload = {"id": taken.provider_message_id, "tags": sent.get("tags", [])}
    if event.name == "unsubscribed":
        name = "message.received"
        payload = {"id": f"in-{taken.provider_message_id}", "text": "STOP", "tags": []}
        payload |= {"from": {"phone_number": taken.recipient}, "to": [{"phone_number": ""}]}
    else:
        name = "message.finalized" if event.name in _FINALS else "message.sent"
        status = _FINALS.get(event.name, "sent")
        payload |= {"to": [{"phone_number": taken.recipient, "status": status}]}
        payload |= {"from": {"phone_number": sent["from"]}}
        payload["errors"] = [{"code": "40008"}] if status == "delivery_failed" else []
    ident = f"{taken.provider_message_id}-{event.name}"
    return {"id": ident, "event_type": name, "occurred_at": iso(event.at), "payload": payload}
