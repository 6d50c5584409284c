"""Messages to an address of your own, signed by Standard Webhooks.

The receiver is told the message's id, as ``webhook-id`` and as ``Idempotency-Key``, and must take
each id once: after a broken connection or a 5xx the same bytes come again, for up to a day. The
address is somebody's input, so it is asked behind :mod:`workspace.http_guard`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from reverse_etl.delivery.protocol import Capabilities, Item, Kind, Outcome, Outgoing, Unsupported
from reverse_etl.delivery.transport import Transport, by_status
from workspace import standard_webhooks
from workspace.http_guard import ANSWER_BYTES, Forbidden, Guard

NAME = "webhook"
CAPABILITIES = Capabilities(
    channel="any",
    max_bytes=1_000_000,
    idempotent_for=timedelta(hours=24),
    headers=True,
    reply_to=True,
)
#: As ``whsec_`` and base64 of 24 to 64 bytes.
SECRETS = ("MARKETING_WEBHOOK_SECRET",)
#: An address in the environment is the operator's own: it may be in a private network, or here.
VARIABLES = ("MARKETING_WEBHOOK_URL",)
OPTIONS = ("url",)
#: To connect, and to answer.
CONNECT_SECONDS, SECONDS = 4.0, 6.0

_ENCODE = msgspec.json.Encoder(order="sorted").encode


class Webhook:
    name, capabilities = NAME, CAPABILITIES

    def __init__(self, url: str, secret: bytes, transport: Transport) -> None:
        self._url, self._secret, self._transport = url, secret, transport

    def item(self, message: Outgoing) -> bytes:
        self.capabilities.check(message)
        data = {
            "message_id": message.message_id,
            "channel": message.channel,
            "to": message.destination,
            "from": message.sender,
            "from_name": message.sender_name,
            "reply_to": message.reply_to,
            "content": message.content,
            "headers": dict(message.headers),
            "track_opens": False,
            "labels": message.labels,
            "is_test": message.is_test,
        }
        body = _ENCODE({"type": "message.send", "data": data})
        if len(body) > self.capabilities.max_bytes:
            raise Unsupported("larger than a webhook is sent")
        return body

    async def send(self, items: Sequence[Item]) -> list[Outcome]:
        return [await self._one(item) for item in items]

    async def _one(self, item: Item) -> Outcome:
        ident = item.message.message_id
        at = int(self._transport.clock().replace(tzinfo=UTC).timestamp())
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": ident,
            **standard_webhooks.headers(self._secret, ident, at, item.body),
        }
        answer = await self._transport.request("POST", self._url, headers, item.body)
        if isinstance(answer, Outcome):
            return answer
        if 200 <= answer.status < 300:
            # What the receiver knows it by.
            return Outcome(Kind.ACCEPTED, str(answer.status), ident)
        return by_status(answer, self._transport.wait(answer))

    async def look_up(self, message_id: str, since: datetime) -> Outcome | None:
        raise OSError("a webhook cannot be asked")

    async def close(self) -> None:
        await self._transport.close()


def make(
    environment: Mapping[str, str],
    options: Mapping[str, str | int | float | bool],
    transport: Transport,
) -> Webhook:
    """Raises ``ValueError`` for an address that must not be asked, and for what is no secret."""
    from reverse_etl.delivery.providers import NotConfigured

    own = environment.get("MARKETING_WEBHOOK_URL")
    url = own or str(options.get("url", ""))
    if not url:
        raise NotConfigured("webhook needs the option url, or MARKETING_WEBHOOK_URL")
    guard = Guard(ports=None, here=True, private=True) if own else Guard()
    try:
        guard.check(url)
    except Forbidden as error:
        raise NotConfigured(f"webhook: {error}") from None
    try:
        secret = standard_webhooks.secret(environment["MARKETING_WEBHOOK_SECRET"])
    except ValueError as error:
        raise NotConfigured(f"MARKETING_WEBHOOK_SECRET is {error}") from None
    own_transport = Transport(
        transport.clock,
        answer_seconds=min(SECONDS, transport.answer_seconds),
        connect_seconds=min(CONNECT_SECONDS, transport.connect_seconds),
        answer_bytes=ANSWER_BYTES,
        guard=guard,
    )
    return Webhook(url, secret, own_transport)
