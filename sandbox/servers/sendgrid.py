"""SendGrid's Mail Send and its event webhook.

Checked as documented: the key, 30 MB, one sender, a subject, plain text before HTML, no empty
content, an address once in a request, at most 10 categories of 255 characters, custom arguments
of 10,000 bytes, headers that are its own. Bypassing its lists is refused here: nobody may.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterable, Iterator
from datetime import UTC
from functools import cache
from typing import Annotated, Any

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.servers.base import SECRET, answer, bearer, starlette
from sandbox.servers.messaging import Call, Desk, Event, Fate, Misbehaving, Said, Trouble

PROVIDER = "sendgrid"
REQUEST_BYTES, ARGUMENT_BYTES = 30_000_000, 10_000
#: Events that one webhook tells of.
BATCH = 50
_OWN = frozenset(
    {
        *("x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "to", "from"),
        *("content-transfer-encoding", "subject", "reply-to", "cc", "bcc"),
    }
)
_JSON = {"content-type": "application/json"}
_SAID = {
    Trouble.THROTTLED: Said(429, b'{"errors":[{"message":"too many requests"}]}', _JSON),
    Trouble.DENIED: Said(403, b'{"errors":[{"message":"access forbidden"}]}', _JSON),
    Trouble.PERMANENT: Said(400, b'{"errors":[{"message":"bad","field":"content"}]}', _JSON),
    Trouble.NO_ID: Said(202, b"", {}),
}


def environment(url: str) -> dict[str, str]:
    return {"MARKETING_SENDGRID_KEY": SECRET, "MARKETING_SENDGRID_URL": url}


class _Address(msgspec.Struct, forbid_unknown_fields=True):
    email: Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+$", max_length=320)]
    name: Annotated[str, Meta(min_length=1)] | None = None


class _Content(msgspec.Struct, forbid_unknown_fields=True):
    type: Annotated[str, Meta(min_length=1)]
    value: Annotated[str, Meta(min_length=1)]


class _Personalization(msgspec.Struct, forbid_unknown_fields=True):
    to: Annotated[list[_Address], Meta(min_length=1, max_length=1000)]
    custom_args: dict[str, str] = {}
    headers: dict[str, str] = {}


class _Mail(msgspec.Struct, forbid_unknown_fields=True, rename={"from_": "from"}):
    personalizations: Annotated[list[_Personalization], Meta(min_length=1, max_length=1000)]
    from_: _Address
    subject: Annotated[str, Meta(min_length=1)]
    content: Annotated[list[_Content], Meta(min_length=1)]
    reply_to: _Address | None = None
    headers: dict[str, str] = {}
    categories: Annotated[list[Annotated[str, Meta(max_length=255)]], Meta(max_length=10)] = []
    custom_args: dict[str, str] = {}
    tracking_settings: dict[str, dict[str, Any]] = {}


_decode = msgspec.json.Decoder(_Mail).decode


def app(desk: Desk) -> ASGIApp:
    """``desk`` sees what is taken; recipients whose fate is invalid are refused. Those of its own
    lists are taken, as at SendGrid, and dropped."""

    async def send(request: Request) -> Response:
        bearer(request)
        body = await request.body()
        if len(body) > REQUEST_BYTES:
            return _error("request body too large", None, 413)
        try:
            mail = _decode(body)
        except msgspec.MsgspecError as error:
            return _error(str(error), None)
        problem = _problem(mail)
        if problem:
            return _error(*problem)
        ident = f"stand-in-{desk.next_id():08d}"
        opens = bool(mail.tracking_settings.get("open_tracking", {}).get("enable"))
        for place, person in enumerate(mail.personalizations):
            for one in person.to:
                if desk.fate(one.email) is Fate.INVALID:
                    field = f"personalizations.{place}.to.0.email"
                    return _error("Does not contain a valid address.", field)
                outbox_id = {**mail.custom_args, **person.custom_args}.get("outbox_id", "")
                desk.take(ident, outbox_id, one.email, body, opens)
        return Response(b"", 202, {"X-Message-Id": ident})

    return Misbehaving(starlette(Route("/v3/mail/send", send, methods=["POST"])), desk, _SAID)


def _problem(mail: _Mail) -> tuple[str, str] | None:
    addresses = [one.email.lower() for person in mail.personalizations for one in person.to]
    if len(set(addresses)) < len(addresses):
        return "Each email address should be unique", "personalizations"
    kinds = [content.type for content in mail.content]
    if kinds != sorted(kinds, key=lambda kind: kind != "text/plain"):
        return "text/plain must be first", "content"
    if any(name.lower() in _OWN for name in mail.headers):
        return "reserved header", "headers"
    for person in mail.personalizations:
        arguments = {**mail.custom_args, **person.custom_args}
        if len(msgspec.json.encode(arguments)) > ARGUMENT_BYTES:
            return "custom_args too large", "custom_args"
        if "@" in "".join(arguments.values()):
            return "an address among custom_args", "custom_args"  # ours to refuse, not SendGrid's
    return None


def _error(message: str, field: str | None, status: int = 400) -> Response:
    return answer({"errors": [{"message": message, "field": field, "help": None}]}, status)


@cache
def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def secret() -> str:
    """The webhook's public key, as SendGrid shows it."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    der = _key().public_key().public_bytes(serialization.Encoding.DER, form)
    return base64.b64encode(der).decode()


def calls(events: Iterable[Event], url: str) -> Iterator[Call]:
    """Events in lists, each signed with its time."""
    waiting = [_event(event) for event in events]
    for start in range(0, len(waiting), BATCH):
        body = msgspec.json.encode(waiting[start : start + BATCH])
        at = str(int(time.time()))
        signature = _key().sign(at.encode() + body, ec.ECDSA(hashes.SHA256()))
        yield Call(
            body,
            {
                **_JSON,
                "x-twilio-email-event-webhook-timestamp": at,
                "x-twilio-email-event-webhook-signature": base64.b64encode(signature).decode(),
            },
        )


_NAMES = {
    "sent": "processed",
    "opened": "open",
    "clicked": "click",
    "bounced": "bounce",
    "unsubscribed": "unsubscribe",
    "complained": "spamreport",
}


def _event(event: Event) -> dict[str, Any]:
    taken, name = event.taken, _NAMES.get(event.name, event.name)
    made: dict[str, Any] = {
        "email": taken.recipient,
        "timestamp": int(event.at.replace(tzinfo=UTC).timestamp()),
        "event": name,
        "sg_event_id": f"{taken.provider_message_id}-{name}",
        "sg_message_id": f"{taken.provider_message_id}.filter0001.1.0",
        "outbox_id": taken.outbox_id,
    }
    if name == "bounce":
        made |= {"type": "bounce", "reason": "550 5.1.1 user unknown", "status": "5.1.1"}
    if name == "click":
        made["url"] = "https://www.example.org/"
    return made
