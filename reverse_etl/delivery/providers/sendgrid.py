"""SendGrid's v3 Mail Send: one message a request.

Our id travels in ``custom_args``, which come back with every event; nothing personal may be put
there, since SendGrid cannot delete it. Its own lists are never bypassed, its tracking and its own
unsubscribe headers are off whatever the account's settings say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from reverse_etl.delivery import mail
from reverse_etl.delivery.protocol import Capabilities, Item, Kind, Outcome, Outgoing, Unsupported
from reverse_etl.delivery.transport import Answer, Transport, by_status

NAME = "sendgrid"
CAPABILITIES = Capabilities(
    channel="email",
    max_bytes=30_000_000,
    reports=True,
    headers=True,
    reply_to=True,
)
SECRETS = ("MARKETING_SENDGRID_KEY",)
VARIABLES = ("MARKETING_SENDGRID_URL",)
#: ``region``: ``global`` (the default) or ``eu``, for subusers that are kept in the EU.
OPTIONS = ("region",)
URLS = {"global": "https://api.sendgrid.com", "eu": "https://api.eu.sendgrid.com"}

_ENCODE = msgspec.json.Encoder(order="sorted").encode
#: Header names that SendGrid keeps for itself, beyond those no message may give.
_RESERVED = frozenset({"x-sg-id", "x-sg-eid", "x-smtpapi"})
_CATEGORY = 255


class SendGrid:
    name, capabilities = NAME, CAPABILITIES

    def __init__(self, key: str, url: str, transport: Transport) -> None:
        self._url, self._transport = f"{url.rstrip('/')}/v3/mail/send", transport
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def item(self, message: Outgoing) -> bytes:
        self.capabilities.check(message)
        subject, html, text = mail.parts(message)
        if any(name.lower() in _RESERVED for name, _ in message.headers):
            raise Unsupported("a header that SendGrid keeps for itself")
        sender = {"email": mail.ascii_address(message.sender)}
        if message.sender_name:
            sender["name"] = message.sender_name
        body: dict[str, Any] = {
            "personalizations": [{"to": [{"email": mail.ascii_address(message.destination)}]}],
            "from": sender,
            "subject": subject,
            # Plain text goes first, or SendGrid refuses the message.
            "content": [
                {"type": kind, "value": value}
                for kind, value in (("text/plain", text), ("text/html", html))
                if value is not None
            ],
            "custom_args": {"outbox_id": message.message_id},
            "tracking_settings": {
                "click_tracking": {"enable": False, "enable_text": False},
                "open_tracking": {"enable": False},
                "subscription_tracking": {"enable": False},
                "ganalytics": {"enable": False},
            },
        }
        if message.reply_to is not None:
            body["reply_to"] = {"email": mail.ascii_address(message.reply_to)}
        if message.headers:
            body["headers"] = dict(message.headers)
        template = message.labels.get("template")
        if template:
            body["categories"] = [template[:_CATEGORY]]
        encoded = _ENCODE(body)
        if len(encoded) > self.capabilities.max_bytes:
            raise Unsupported("larger than SendGrid takes")
        return encoded

    async def send(self, items: Sequence[Item]) -> list[Outcome]:
        return [await self._one(item) for item in items]

    async def _one(self, item: Item) -> Outcome:
        answer = await self._transport.request("POST", self._url, self._headers, item.body)
        if isinstance(answer, Outcome):
            return answer
        if answer.status == 202:
            ident = answer.headers.get("x-message-id")
            if not ident:
                return Outcome(Kind.AMBIGUOUS, "no id")
            return Outcome(Kind.ACCEPTED, "202", ident)
        return self._refused(answer)

    def _refused(self, answer: Answer) -> Outcome:
        errors = answer.object().get("errors")
        first = errors[0] if isinstance(errors, list) and errors else {}
        first = first if isinstance(first, dict) else {}
        if answer.status == 401 and "credits exceeded" in str(first.get("message")):
            return Outcome(Kind.EXHAUSTED, "credits")
        if answer.status in (400, 403) and str(first.get("field")).partition(".")[0] == "from":
            return Outcome(Kind.SENDER, f"{answer.status} from")  # no verified sender identity
        if answer.status == 400 and str(first.get("field")).startswith("personalizations.0.to"):
            return Outcome(Kind.INVALID, "400 to")
        return by_status(answer, self._wait(answer))

    def _wait(self, answer: Answer) -> float | None:
        """By Retry-After, or until X-RateLimit-Reset, in seconds since 1970."""
        asked = self._transport.wait(answer)
        reset = answer.headers.get("x-ratelimit-reset", "")
        if asked is not None or not reset.isdigit():
            return asked
        present: datetime = self._transport.clock()
        return max(0.0, int(reset) - present.replace(tzinfo=UTC).timestamp())

    async def look_up(self, message_id: str, since: datetime) -> Outcome | None:
        """Not asked: its message search is sold apart and lags behind."""
        raise OSError("SendGrid is not asked")

    async def close(self) -> None:
        """The transport is closed by its owner."""


def make(
    environment: Mapping[str, str],
    options: Mapping[str, str | int | float | bool],
    transport: Transport,
) -> SendGrid:
    region = str(options.get("region", "global"))
    if region not in URLS:
        raise ValueError(f"sendgrid has no region {region}")
    return SendGrid(
        environment["MARKETING_SENDGRID_KEY"],
        environment.get("MARKETING_SENDGRID_URL") or URLS[region],
        transport,
    )
