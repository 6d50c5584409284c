"""OneSignal's create call for push, with its idempotency keys, and a webhook by our template.

Checked as documented: the key's own scheme, the app, English contents, one way of targeting, the
form of the idempotency key, 2,048 bytes of data. A message to nobody is a 200 without an id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.servers.base import SECRET, answer, starlette
from sandbox.servers.messaging import Call, Desk, Event, Fate, Misbehaving, Said, Trouble

PROVIDER = "onesignal"
APP = "5eb5a37e-b458-11e3-ac11-000c2940e62c"
DATA_BYTES, ALIASES = 2048, 20_000

_EPOCH = datetime(1970, 1, 1)
_JSON = {"content-type": "application/json"}
_UUID = "^[0-9a-f]{8}-[0-9a-f]{4}-[34][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
_SAID = {
    Trouble.THROTTLED: Said(429, b'{"errors":["API rate limit exceeded"]}', _JSON),
    Trouble.DENIED: Said(403, b'{"errors":["Access denied."]}', _JSON),
    Trouble.PERMANENT: Said(400, b'{"errors":["Message Notifications must have content"]}', _JSON),
    Trouble.NO_ID: Said(200, b'{"external_id":null}', _JSON),
}


def environment(url: str) -> dict[str, str]:
    return {
        "MARKETING_ONESIGNAL_APP_ID": APP,
        "MARKETING_ONESIGNAL_KEY": SECRET,
        "MARKETING_ONESIGNAL_URL": url,
    }


class _Message(msgspec.Struct, forbid_unknown_fields=True):
    app_id: str
    contents: dict[str, str]
    include_aliases: dict[str, Annotated[list[str], Meta(min_length=1, max_length=ALIASES)]]
    target_channel: str
    headings: dict[str, str] = {}
    url: str | None = None
    data: dict[str, Any] = {}
    idempotency_key: Annotated[str, Meta(pattern=_UUID)] | None = None


_decode = msgspec.json.Decoder(_Message).decode


def app(desk: Desk) -> ASGIApp:
    """``desk`` sees what is taken; recipients whose fate is suppressed have no subscription, those
    whose fate is invalid are unknown."""
    kept: dict[str, bytes] = {}

    async def create(request: Request) -> Response:
        if request.headers.get("authorization") != f"Key {SECRET}":
            return answer({"errors": ["Access denied.  Please include an 'Authorization'"]}, 403)
        body = await request.body()
        try:
            message = _decode(body)
        except msgspec.MsgspecError as error:
            return answer({"errors": [str(error)]}, 400)
        problem = _problem(message)
        if problem:
            return answer({"errors": [problem]}, 400)
        key = message.idempotency_key
        if key in kept:
            return Response(kept[key], 200, {**_JSON, "Idempotent-Replayed": "true"})
        said = _take(desk, message, body)
        if key is not None and b'"id":""' not in said:
            kept[key] = said
        return Response(said, 200, _JSON)

    return Misbehaving(starlette(Route("/notifications", create, methods=["POST"])), desk, _SAID)


def _problem(message: _Message) -> str | None:
    if message.app_id != APP:
        return "app_id not found"
    if not message.contents.get("en"):
        return "Message Notifications must have English language content"
    if set(message.include_aliases) != {"external_id"} or message.target_channel != "push":
        return "include_aliases and target_channel do not fit"
    if len(msgspec.json.encode(message.data)) > DATA_BYTES:
        return "Data must be no more than 2048 bytes long"
    return None


def _take(desk: Desk, message: _Message, body: bytes) -> bytes:
    people = message.include_aliases["external_id"]
    fates = {person: desk.fate(person) for person in people}
    unknown = [person for person in people if fates[person] is Fate.INVALID]
    invalid = {"invalid_aliases": {"external_id": unknown}}
    if len(unknown) == len(people):
        return msgspec.json.encode({"id": "", "errors": invalid})
    if all(fate in (Fate.INVALID, Fate.SUPPRESSED) for fate in fates.values()):
        errors = ["All included players are not subscribed"]
        return msgspec.json.encode({"id": "", "errors": errors})
    ident = f"8b1a9953-c461-4296-827a-{desk.next_id():012x}"
    for person in people:
        if fates[person] not in (Fate.INVALID, Fate.SUPPRESSED):
            desk.take(ident, str(message.data.get("outbox_id", "")), person, body)
    found = {"id": ident, "external_id": None}
    return msgspec.json.encode(found | ({"errors": invalid} if unknown else {}))


def secret() -> str:
    """What the webhook's header is set to."""
    return SECRET


#: What a webhook can tell, in our collector's words.
EVENTS = ("sent", "delivered", "clicked", "failed", "unsubscribed")
_KINDS = {
    **{"sent": "sent", "delivered": "received", "clicked": "clicked"},
    **{"bounced": "failed", "failed": "failed", "unsubscribed": "unsubscribed"},
}


def calls(events: Iterable[Event], url: str) -> Iterator[Call]:
    """An event each, as docs/collector.md says to write the template."""
    for event in events:
        if event.name in _KINDS:
            taken = event.taken
            body = {
                "id": f"{taken.provider_message_id}-{event.name}",
                "kind": f"message.push.{_KINDS[event.name]}",
                "message_id": taken.provider_message_id,
                "outbox_id": taken.outbox_id,
                "subscription_id": taken.recipient,
                "timestamp": int((event.at - _EPOCH).total_seconds()),
            }
            headers = {**_JSON, "x-webhook-secret": secret()}
            yield Call(msgspec.json.encode(body), headers)
