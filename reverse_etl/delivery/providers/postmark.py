"""Postmark's e-mail API: full messages, up to 500 a call, each with a result of its own.

Batch answers are 200 even where items fail, in the order of the request. Codes are those of
Postmark's documentation of API errors. Our id travels as metadata, by which messages of the last
45 days can be searched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import msgspec

from reverse_etl.delivery import mail
from reverse_etl.delivery.protocol import Capabilities, Item, Kind, Outcome, Outgoing, Unsupported
from reverse_etl.delivery.transport import Answer, Transport, by_status

NAME = "postmark"
CAPABILITIES = Capabilities(
    channel="email",
    batch=500,
    max_bytes=10_000_000,
    looks_up=True,
    reports=True,
    headers=True,
    reply_to=True,
)
SECRETS = ("MARKETING_POSTMARK_TOKEN",)
VARIABLES = ("MARKETING_POSTMARK_URL",)
OPTIONS = ("message_stream",)
URL = "https://api.postmarkapp.com"
#: A request as a whole.
BATCH_BYTES = 50_000_000

_ENCODE = msgspec.json.Encoder(order="sorted").encode
_SUBJECT, _BODY, _TAG = 2000, 5_000_000, 1000
_INACTIVE, _INVALID = 406, 300
_LATER = frozenset({100, 429})  # maintenance, too many requests
_SENDER = frozenset({400, 401})  # no signature of the sender's, or none that is confirmed
#: Token, credits, an account that may not send (yet); and a message stream that is not there or
#: that nothing is sent on.
_ACCOUNT = frozenset({10, 405, 412, 413, 1221, 1222, 1226, 1235, 1236})


class Postmark:
    name, capabilities = NAME, CAPABILITIES

    def __init__(self, token: str, url: str, stream: str, transport: Transport) -> None:
        self._url, self._stream, self._transport = url.rstrip("/"), stream, transport
        self._headers = {
            "X-Postmark-Server-Token": token,
            "Accept": "application/json",
            "Content-Type": "application/json",
        }

    def item(self, message: Outgoing) -> bytes:
        self.capabilities.check(message)
        subject, html, text = mail.parts(message)
        if len(subject) > _SUBJECT or any(
            len((part or "").encode()) > _BODY for part in (html, text)
        ):
            raise Unsupported("larger than Postmark takes")
        reply_to = message.reply_to
        body = _ENCODE(
            {
                "From": _address(message.sender_name, mail.ascii_address(message.sender)),
                "To": mail.ascii_address(message.destination),
                "ReplyTo": mail.ascii_address(reply_to) if reply_to is not None else None,
                "Subject": subject,
                "HtmlBody": html,
                "TextBody": text,
                "Headers": [{"Name": name, "Value": value} for name, value in message.headers],
                "Metadata": {"outbox_id": message.message_id},
                "Tag": message.labels.get("template", "")[:_TAG] or None,
                "TrackOpens": False,
                "TrackLinks": "None",
                "MessageStream": self._stream,
            }
        )
        if len(body) > self.capabilities.max_bytes:
            raise Unsupported("larger than Postmark takes")
        return body

    async def send(self, items: Sequence[Item]) -> list[Outcome]:
        found: list[Outcome] = []
        for some in _by_size(items):
            found += await self._some(some)
        return found

    async def _some(self, items: Sequence[Item]) -> list[Outcome]:
        body = b"[" + b",".join(item.body for item in items) + b"]"
        answer = await self._transport.request(
            "POST", f"{self._url}/email/batch", self._headers, body
        )
        if isinstance(answer, Outcome):
            return [answer] * len(items)
        found = answer.json()
        if answer.status != 200 or not isinstance(found, list) or len(found) != len(items):
            return [self._whole(answer)] * len(items)
        return [_one(one) for one in found]

    def _whole(self, answer: Answer) -> Outcome:
        code = answer.object().get("ErrorCode")
        if not isinstance(code, int):
            code = None
        if code in _LATER:
            return Outcome(Kind.THROTTLED, str(code), retry_after=self._transport.wait(answer))
        if code in _SENDER:
            return Outcome(Kind.SENDER, str(code))
        if code in _ACCOUNT:
            return Outcome(Kind.DENIED, str(code))
        return by_status(answer, self._transport.wait(answer))

    async def look_up(self, message_id: str, since: datetime) -> Outcome | None:
        asked = {"metadata_outbox_id": message_id, "messagestream": self._stream}
        query = urlencode({"count": 1, "offset": 0, **asked})
        answer = await self._transport.request(
            "GET", f"{self._url}/messages/outbound?{query}", self._headers
        )
        messages = None if isinstance(answer, Outcome) else answer.object().get("Messages")
        if not isinstance(messages, list):
            raise OSError("Postmark cannot be asked")
        if not messages:
            return None
        ident = messages[0].get("MessageID") if isinstance(messages[0], dict) else None
        return Outcome(Kind.ACCEPTED, "", ident)

    async def close(self) -> None:
        """The transport is closed by its owner."""


def _one(found: Any) -> Outcome:
    if not isinstance(found, dict) or not isinstance(found.get("ErrorCode"), int):
        return Outcome(Kind.AMBIGUOUS, "unreadable")
    code = found["ErrorCode"]
    if code == 0:
        ident = found.get("MessageID")
        if not ident:
            return Outcome(Kind.AMBIGUOUS, "no id")
        return Outcome(Kind.ACCEPTED, "0", str(ident))
    if code == _INACTIVE:
        # Or a complaint, or by hand: Postmark has one code for the three.
        return Outcome(Kind.SUPPRESSED, str(code), reason="hard_bounce")
    if code == _INVALID:
        return Outcome(_invalid(str(found.get("Message"))), str(code))
    if code in _LATER:
        return Outcome(Kind.THROTTLED, str(code))
    if code in _SENDER:
        return Outcome(Kind.SENDER, str(code))
    if code in _ACCOUNT:
        return Outcome(Kind.DENIED, str(code))
    return Outcome(Kind.REJECTED, str(code))


def _invalid(text: str) -> Kind:
    """An invalid message: the text says whether it is the recipient that is, or the sender."""
    if "'To'" in text:
        return Kind.INVALID
    return Kind.SENDER if "'From'" in text else Kind.REJECTED


def _by_size(items: Sequence[Item]) -> Iterator[list[Item]]:
    """In requests that Postmark takes: 500 large messages may be more."""
    some: list[Item] = []
    size = 2
    for item in items:
        if some and size + len(item.body) + 1 > BATCH_BYTES:
            yield some
            some, size = [], 2
        some.append(item)
        size += len(item.body) + 1
    if some:
        yield some


def _address(name: str, address: str) -> str:
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{address}>' if name else address


def make(
    environment: Mapping[str, str],
    options: Mapping[str, str | int | float | bool],
    transport: Transport,
) -> Postmark:
    return Postmark(
        environment["MARKETING_POSTMARK_TOKEN"],
        environment.get("MARKETING_POSTMARK_URL") or URL,
        str(options.get("message_stream", "broadcast")),
        transport,
    )
