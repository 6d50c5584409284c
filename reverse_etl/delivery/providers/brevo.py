"""Brevo's transactional e-mail, API v3: one message a request.

Brevo takes up to 1,000 versions of a message in a request, but headers are the same for all of
them, and each message here has its own List-Unsubscribe; so there is no batch.

From its documentation: an ``idempotencyKey`` among the body's ``headers`` is a UUID; a second
request with it answers ``duplicate_parameter`` and sends nothing, for 30 minutes by the guide and
15 by the change log, of which the shorter is taken here. ``X-Mailin-custom`` comes back with every
event.

Not to be had from its documentation, so look at one message of your own before you send many:
whether a List-Unsubscribe that is given replaces the one that Brevo adds by itself. Opens and
clicks are tracked by the account's settings only: switch both off there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec

from reverse_etl.delivery import mail
from reverse_etl.delivery.protocol import Capabilities, Item, Kind, Outcome, Outgoing, Unsupported
from reverse_etl.delivery.transport import Answer, Transport, by_status

NAME = "brevo"
CAPABILITIES = Capabilities(
    channel="email",
    max_bytes=10_000_000,
    idempotent_for=timedelta(minutes=15),
    reports=True,
    headers=True,
    reply_to=True,
)
SECRETS = ("MARKETING_BREVO_KEY",)
VARIABLES = ("MARKETING_BREVO_URL",)
OPTIONS: tuple[str, ...] = ()
URL = "https://api.brevo.com"

_ENCODE = msgspec.json.Encoder(order="sorted").encode
_OURS = frozenset({"x-mailin-custom", "idempotencykey", "idempotency-key", "sender.ip"})
_KINDS = {
    "not_enough_credits": Kind.EXHAUSTED,
    "unauthorized": Kind.DENIED,
    "permission_denied": Kind.DENIED,
    "account_under_validation": Kind.DENIED,
}


class Brevo:
    name, capabilities = NAME, CAPABILITIES

    def __init__(self, key: str, url: str, transport: Transport) -> None:
        self._url, self._transport = f"{url.rstrip('/')}/v3/smtp/email", transport
        self._headers = {
            "api-key": key,
            "Accept": "application/json",
            "Content-Type": "application/json",
        }

    def item(self, message: Outgoing) -> bytes:
        self.capabilities.check(message)
        subject, html, text = mail.parts(message)
        if html is None:
            raise Unsupported("Brevo wants html")
        if any(mark in part for part in (subject, html, text or "") for mark in ("{{", "{%")):
            raise Unsupported("{{ and {% are Brevo's own template language")
        if any(name.lower() in _OURS for name, _ in message.headers):
            raise Unsupported("a header that Brevo reads itself")
        sender = {"email": mail.ascii_address(message.sender)}
        if message.sender_name:
            sender["name"] = message.sender_name
        body: dict[str, Any] = {
            "sender": sender,
            "to": [{"email": mail.ascii_address(message.destination)}],
            "subject": subject,
            "htmlContent": html,
            "headers": {
                **dict(message.headers),
                "X-Mailin-custom": message.message_id,
                "idempotencyKey": _key(message.message_id),
            },
        }
        if text is not None:
            body["textContent"] = text
        if message.reply_to is not None:
            body["replyTo"] = {"email": mail.ascii_address(message.reply_to)}
        if message.labels.get("template"):
            body["tags"] = [message.labels["template"]]
        encoded = _ENCODE(body)
        if len(encoded) > self.capabilities.max_bytes:
            raise Unsupported("larger than Brevo takes")
        return encoded

    async def send(self, items: Sequence[Item]) -> list[Outcome]:
        return [await self._one(item) for item in items]

    async def _one(self, item: Item) -> Outcome:
        answer = await self._transport.request("POST", self._url, self._headers, item.body)
        if isinstance(answer, Outcome):
            return answer
        if answer.status in (200, 201, 202):
            ident = answer.object().get("messageId")
            if not isinstance(ident, str) or not ident:
                return Outcome(Kind.AMBIGUOUS, "no id")
            return Outcome(Kind.ACCEPTED, str(answer.status), ident)
        said = answer.object()
        code = str(said.get("code"))
        if code == "duplicate_parameter":
            return Outcome(Kind.ACCEPTED, code, replayed=True)
        if code == "invalid_parameter" and "sender" in str(said.get("message")).lower():
            return Outcome(Kind.SENDER, code)  # "the sender you used … is not valid"
        if code in _KINDS:
            return Outcome(_KINDS[code], code)
        return by_status(answer, self._wait(answer))

    def _wait(self, answer: Answer) -> float | None:
        """By Retry-After, or the seconds that Brevo names in a header of its own."""
        asked = self._transport.wait(answer)
        reset = answer.headers.get("x-sib-ratelimit-reset", "")
        return float(reset) if asked is None and reset.isdigit() else asked

    async def look_up(self, message_id: str, since: datetime) -> Outcome | None:
        """Not asked: Brevo finds messages by its own id, by address or by tag only."""
        raise OSError("Brevo is not asked")

    async def close(self) -> None:
        """The transport is closed by its owner."""


def _key(message_id: str) -> str:
    return str(UUID(bytes=sha256(message_id.encode()).digest()[:16], version=4))


def make(
    environment: Mapping[str, str],
    options: Mapping[str, str | int | float | bool],
    transport: Transport,
) -> Brevo:
    return Brevo(
        environment["MARKETING_BREVO_KEY"],
        environment.get("MARKETING_BREVO_URL") or URL,
        transport,
    )
