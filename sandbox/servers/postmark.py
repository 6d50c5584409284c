"""Postmark's e-mail API: single messages and batches, the search of outbound messages, webhooks.

Checked as documented: the server token, at most 500 messages of 10 MB each and 50 MB together,
one address in To, a subject of at most 2,000 characters, a tag of at most 1,000, ten metadata
fields of 20 and 80 characters. A batch answers 200 with a result for each message, in order.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.servers.base import SECRET, Denied, answer, iso, number, starlette
from sandbox.servers.messaging import Call, Desk, Event, Fate, Misbehaving, Said, Taken, Trouble

PROVIDER = "postmark"
MESSAGES, MESSAGE_BYTES, BATCH_BYTES = 500, 10_000_000, 50_000_000

_JSON = {"content-type": "application/json"}
_SAID = {
    Trouble.THROTTLED: Said(429, b'{"ErrorCode":429,"Message":"Rate limit exceeded"}', _JSON),
    Trouble.DENIED: Said(401, b'{"ErrorCode":10,"Message":"Bad or missing API token."}', _JSON),
    Trouble.PERMANENT: Said(422, b'{"ErrorCode":402,"Message":"Invalid JSON"}', _JSON),
    Trouble.NO_ID: Said(200, b'[{"ErrorCode":0,"Message":"OK","MessageID":""}]', _JSON),
}


def environment(url: str) -> dict[str, str]:
    return {"MARKETING_POSTMARK_TOKEN": SECRET, "MARKETING_POSTMARK_URL": url}


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    Name: Annotated[str, Meta(min_length=1)]
    Value: str


class _Message(msgspec.Struct, forbid_unknown_fields=True):
    From: Annotated[str, Meta(min_length=3)]
    To: Annotated[str, Meta(min_length=3)]
    Subject: Annotated[str, Meta(max_length=2000)] = ""
    HtmlBody: Annotated[str, Meta(max_length=5_242_880)] | None = None
    TextBody: Annotated[str, Meta(max_length=5_242_880)] | None = None
    ReplyTo: str | None = None
    Headers: list[_Header] | None = None
    Metadata: (
        Annotated[
            dict[Annotated[str, Meta(max_length=20)], Annotated[str, Meta(max_length=80)]],
            Meta(max_length=10),
        ]
        | None
    ) = None
    Tag: Annotated[str, Meta(max_length=1000)] | None = None
    TrackOpens: bool | None = None
    TrackLinks: str | None = None
    MessageStream: str | None = None


_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode
_message = msgspec.json.Decoder(_Message).decode


def app(desk: Desk) -> ASGIApp:
    """``desk`` sees what is taken; recipients whose fate is suppressed or invalid are refused."""

    async def batch(request: Request) -> Response:
        body = await _body(request)
        try:
            items = _raws(body)
        except msgspec.MsgspecError:
            return _error(402, "Invalid JSON")
        if len(items) > MESSAGES:
            return _error(410, "Too many batch messages")
        if len(body) > BATCH_BYTES:
            return Response(b"", 413)
        results = b",".join([_take(desk, bytes(item)) for item in items])
        return Response(b"[" + results + b"]", 200, _JSON)

    async def single(request: Request) -> Response:
        result = _take(desk, await _body(request))
        refused = b'"ErrorCode":0' not in result
        return Response(result, 422 if refused else 200, _JSON)

    async def search(request: Request) -> Response:
        _token(request)
        wanted = request.query_params.get("metadata_outbox_id")
        count = number(request.query_params.get("count"), 0, 500)
        offset = number(request.query_params.get("offset"), 0)
        stream = request.query_params.get("messagestream")
        found = [
            one
            for one in desk.taken
            if wanted in (None, one.outbox_id) and stream in (None, _stream(one))
        ]
        page = [_found(one) for one in found[offset : offset + count]]
        return answer({"TotalCount": len(found), "Messages": page})

    routes = starlette(
        Route("/email/batch", batch, methods=["POST"]),
        Route("/email", single, methods=["POST"]),
        Route("/messages/outbound", search),
    )
    return Misbehaving(routes, desk, _SAID)


async def _body(request: Request) -> bytes:
    _token(request)
    return await request.body()


def _token(request: Request) -> None:
    if request.headers.get("x-postmark-server-token") != SECRET:
        raise Denied


def _take(desk: Desk, body: bytes) -> bytes:
    try:
        message = _message(body)
    except msgspec.ValidationError as error:
        return _result(300, f"Invalid request: {error}")
    except msgspec.MsgspecError:
        return _result(402, "Invalid JSON")
    to = message.To
    if len(body) > MESSAGE_BYTES:
        return _result(300, "Message too large")
    fate = desk.fate(to)
    if to.count("@") != 1 or fate is Fate.INVALID:
        return _result(300, "Invalid 'To' address")
    if not message.HtmlBody and not message.TextBody:
        return _result(300, "Provide either email TextBody or HtmlBody or both.")
    names = [header.Name.lower() for header in message.Headers or ()]
    if len(set(names)) < len(names):
        return _result(300, "Header given twice")
    if fate is Fate.SUPPRESSED:
        return _result(406, "You tried to send to a recipient that has been marked as inactive.")
    outbox_id = (message.Metadata or {}).get("outbox_id", "")
    ident = f"00000000-0000-4000-8000-{desk.next_id():012x}"
    desk.take(ident, outbox_id, to, body, bool(message.TrackOpens))
    return b'{"ErrorCode":0,"Message":"OK","MessageID":"%s","To":%s}' % (
        ident.encode(),
        msgspec.json.encode(to),
    )


def _result(code: int, text: str) -> bytes:
    return msgspec.json.encode({"ErrorCode": code, "Message": text})


def _error(code: int, text: str) -> Response:
    return Response(_result(code, text), 422, _JSON)


def _stream(one: Taken) -> str:
    return _message(one.body).MessageStream or "outbound"


def _found(one: Taken) -> dict[str, Any]:
    return {
        "MessageID": one.provider_message_id,
        "Status": "Sent",
        "Metadata": {"outbox_id": one.outbox_id},
        "ReceivedAt": iso(one.at),
    }


def secret() -> str:
    """The webhook's user and password."""
    return f"postmark:{SECRET}"


def calls(events: Iterable[Event], url: str) -> Iterator[Call]:
    """Each event by itself, with the user and password of the webhook's address."""
    authorization = "Basic " + base64.b64encode(secret().encode()).decode()
    for event in events:
        headers = {**_JSON, "authorization": authorization, "user-agent": "Postmark"}
        yield Call(msgspec.json.encode(_event(event)), headers)


def _event(event: Event) -> dict[str, Any]:
    taken, at = event.taken, iso(event.at)
    common = {
        "MessageID": taken.provider_message_id,
        "MessageStream": "broadcast",
        "Metadata": {"outbox_id": taken.outbox_id},
        "ServerID": 1,
    }
    recipient = {"Recipient": taken.recipient}
    bounce = {"Email": taken.recipient, "BouncedAt": at, "ID": _number(event), "Inactive": True}
    mine: dict[str, dict[str, Any]] = {
        "delivered": {"RecordType": "Delivery", "DeliveredAt": at, **recipient},
        "opened": {"RecordType": "Open", "ReceivedAt": at, "FirstOpen": True, **recipient},
        "clicked": {
            **{"RecordType": "Click", "ReceivedAt": at, **recipient},
            "OriginalLink": "https://www.example.org/",
        },
        "bounced": {"RecordType": "Bounce", "Type": "HardBounce", "TypeCode": 1, **bounce},
        "deferred": {"RecordType": "Bounce", "Type": "Transient", "TypeCode": 2, **bounce}
        | {"Inactive": False},
        "complained": {"RecordType": "SpamComplaint", "Type": "SpamComplaint", **bounce},
        "unsubscribed": {
            **{"RecordType": "SubscriptionChange", "ChangedAt": at, **recipient},
            **{"SuppressSending": True, "SuppressionReason": "ManualSuppression"},
        },
    }
    return {**common, **mine[event.name]}


def _number(event: Event) -> int:
    """Of a bounce or a complaint; the same whenever it is told."""
    number = int(event.taken.provider_message_id[-12:], 16)
    return number * 16 + len(event.name)
