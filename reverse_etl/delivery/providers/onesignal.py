"""OneSignal's push: one person a request, recognised by the ``idempotency_key`` in its body.

A 200 with an empty id created nothing; ``errors`` is then a list of sentences or an object of what
was invalid. The person is targeted by our own id of theirs (``external_id``), on all of their
devices. The vendor's documentation gives 30 days for the key; we ask for no more than one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec

from reverse_etl.delivery.protocol import Capabilities, Item, Kind, Outcome, Outgoing, Unsupported
from reverse_etl.delivery.pushes import PAYLOAD_BYTES, parts
from reverse_etl.delivery.transport import Answer, Transport, by_status

NAME = "onesignal"
CAPABILITIES = Capabilities(
    channel="push",
    max_bytes=8_192,
    idempotent_for=timedelta(days=1),
    per_second=150.0,
    reports=True,
)
SECRETS = ("MARKETING_ONESIGNAL_APP_ID", "MARKETING_ONESIGNAL_KEY")
VARIABLES = ("MARKETING_ONESIGNAL_URL",)
OPTIONS: tuple[str, ...] = ()
URL = "https://api.onesignal.com"

_ENCODE = msgspec.json.Encoder(order="sorted").encode
_DATA_BYTES = 2048
_UNKNOWN = ("invalid_aliases", "invalid_external_user_ids", "invalid_player_ids")


class OneSignal:
    name, capabilities = NAME, CAPABILITIES

    def __init__(self, app_id: str, key: str, url: str, transport: Transport) -> None:
        self._app_id, self._transport = app_id, transport
        self._url = f"{url.rstrip('/')}/notifications"
        self._headers = {
            "Authorization": f"Key {key}",
            "Accept": "application/json",
            "Content-Type": "application/json",
        }

    def item(self, message: Outgoing) -> bytes:
        self.capabilities.check(message)
        title, text, link = parts(message)
        data = {"outbox_id": message.message_id}
        payload: dict[str, Any] = {
            # English is who has no other language; every message has one text only.
            "contents": {"en": text or title},
            "data": data,
        }
        if text and title:
            payload["headings"] = {"en": title}
        if link:
            payload["url"] = link
        if len(_ENCODE(payload)) > PAYLOAD_BYTES or len(_ENCODE(data)) > _DATA_BYTES:
            raise Unsupported(f"larger than {PAYLOAD_BYTES:,} bytes")
        return _ENCODE(
            {
                "app_id": self._app_id,
                "include_aliases": {"external_id": [message.destination]},
                "target_channel": "push",
                "idempotency_key": idempotency_key(message.message_id),
                **payload,
            }
        )

    async def send(self, items: Sequence[Item]) -> list[Outcome]:
        return [await self._one(item) for item in items]

    async def _one(self, item: Item) -> Outcome:
        answer = await self._transport.request("POST", self._url, self._headers, item.body)
        if isinstance(answer, Outcome):
            return answer
        wait = self._transport.wait(answer)
        return taken(answer) if answer.status in (200, 202) else _refused(answer, wait)

    async def look_up(self, message_id: str, since: datetime) -> Outcome | None:
        raise OSError("OneSignal cannot be asked by our id")

    async def close(self) -> None:
        """The transport is closed by its owner."""


def idempotency_key(message_id: str) -> str:
    """A UUID of the form that OneSignal takes (version 4), the same for the same message."""
    return str(UUID(bytes=sha256(message_id.encode()).digest()[:16], version=4))


def taken(answer: Answer) -> Outcome:
    """What a 200 means. Raises nothing."""
    found = answer.object()
    ident, errors = found.get("id"), found.get("errors")
    replayed = answer.headers.get("idempotent-replayed", "").lower() == "true"
    if isinstance(errors, dict) and any(errors.get(name) for name in _UNKNOWN):
        # The only person of the request, so nobody is left even where there is an id.
        return Outcome(Kind.INVALID, "invalid_aliases", ident or None, replayed=replayed)
    if isinstance(ident, str) and ident:
        return Outcome(Kind.ACCEPTED, str(answer.status), ident, replayed=replayed)
    if ident is None and not errors:
        return Outcome(Kind.AMBIGUOUS, "no id")
    if _says(errors, "not subscribed"):
        return Outcome(Kind.SUPPRESSED, "not_subscribed", reason="unsubscribed")
    return Outcome(Kind.REJECTED, "empty_id")


def _refused(answer: Answer, wait: float | None) -> Outcome:
    errors = answer.object().get("errors")
    if answer.status == 400:
        if isinstance(errors, dict) and any(errors.get(name) for name in _UNKNOWN):
            return Outcome(Kind.INVALID, "invalid_aliases")
        if _says(errors, "not subscribed"):
            return Outcome(Kind.SUPPRESSED, "not_subscribed", reason="unsubscribed")
        if _says(errors, "app_id"):
            return Outcome(Kind.DENIED, "app_id")
    return by_status(answer, wait)


def _says(errors: Any, words: str) -> bool:
    """Whether a list of sentences has one with these words."""
    return isinstance(errors, list) and any(words in str(one).lower() for one in errors)


def make(
    environment: Mapping[str, str],
    options: Mapping[str, str | int | float | bool],
    transport: Transport,
) -> OneSignal:
    return OneSignal(
        environment["MARKETING_ONESIGNAL_APP_ID"],
        environment["MARKETING_ONESIGNAL_KEY"],
        environment.get("MARKETING_ONESIGNAL_URL") or URL,
        transport,
    )
