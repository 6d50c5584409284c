"""Telnyx's text messages: one a request, recognised for 24 hours by its ``Idempotency-Key``.

Telnyx replays its answer to the same key and the same bytes; the same key with other bytes is a
422. Only what succeeded is kept, so a refused message may be sent again. Our id travels as a tag.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from reverse_etl.delivery import numbers
from reverse_etl.delivery.protocol import Capabilities, Item, Kind, Outcome, Outgoing, Unsupported
from reverse_etl.delivery.transport import Answer, Transport, by_status

NAME = "telnyx"
CAPABILITIES = Capabilities(
    channel="sms",
    max_bytes=64_000,
    idempotent_for=timedelta(hours=24),
    per_second=50.0,
    reports=True,
)
SECRETS = ("MARKETING_TELNYX_KEY",)
#: Without ``MARKETING_PUBLIC_URL`` the messaging profile's own webhook is called.
VARIABLES = ("MARKETING_TELNYX_URL", "MARKETING_PUBLIC_URL")
#: A sender that is a name needs the profile.
OPTIONS = ("messaging_profile_id",)
URL = "https://api.telnyx.com"

_ENCODE = msgspec.json.Encoder(order="sorted").encode
_SEGMENTS = 10
_STOP = "40300"
_INVALID = frozenset(
    {
        *("10002", "10016", "40310"),  # no number
        "40001",  # a landline, or nobody's
    }
)
#: With the seconds to wait where Telnyx names none: a carrier's filter, a carrier that says no,
#: a carrier that is down.
_THROTTLED = {"10011": None, "40011": None, "40002": 60.0, "40004": 300.0, "40006": 60.0}
_OWN = frozenset({"40004", "40006"})  # the recipient's carrier: others are reached
_EXHAUSTED = frozenset({"40333"})  # the profile's spending of a day
#: Not one of ours, not of the profile, not set up or not verified (yet), or in bad repute.
_SENDER = frozenset({"40013", "40100", "40305", "40306", "40315", "40320", "40329"})
_DENIED = frozenset(
    {
        *("10009", "10010"),  # the key
        *("40312", "40314"),  # the profile or the account is switched off
    }
)
_FAILED = frozenset({"sending_failed", "delivery_failed", "expired"})


class Telnyx:
    name, capabilities = NAME, CAPABILITIES

    def __init__(
        self, key: str, url: str, callback: str, profile: str, transport: Transport
    ) -> None:
        self._url, self._transport = f"{url.rstrip('/')}/v2/messages", transport
        self._callback, self._profile = callback, profile
        self._headers = {
            "Authorization": f"Bearer {key}",
            "Accept": "application/json",
            "Content-Type": "application/json",
        }

    def item(self, message: Outgoing) -> bytes:
        self.capabilities.check(message)
        body: dict[str, Any] = {
            "from": message.sender,
            "to": message.destination,
            "text": numbers.text(message, _SEGMENTS),
            "tags": [f"outbox_id:{message.message_id}"],
        }
        if self._profile:
            body["messaging_profile_id"] = self._profile
        elif not numbers.NUMBER.fullmatch(message.sender):
            raise Unsupported("a sender that is no number needs messaging_profile_id")
        if self._callback:
            body["webhook_url"] = self._callback
        return _ENCODE(body)

    async def send(self, items: Sequence[Item]) -> list[Outcome]:
        return [await self._one(item) for item in items]

    async def _one(self, item: Item) -> Outcome:
        headers = {**self._headers, "Idempotency-Key": item.message.message_id}
        answer = await self._transport.request("POST", self._url, headers, item.body)
        if isinstance(answer, Outcome):
            return answer
        found = answer.object()
        if answer.status in (200, 201, 202):
            return _taken(found)
        return _refused(answer, found, self._transport.wait(answer))

    async def look_up(self, message_id: str, since: datetime) -> Outcome | None:
        raise OSError("Telnyx cannot be asked by our id")

    async def close(self) -> None:
        """The transport is closed by its owner."""


def _taken(found: Mapping[str, Any]) -> Outcome:
    data = found.get("data")
    ident = data.get("id") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(ident, str) or not ident:
        return Outcome(Kind.AMBIGUOUS, "no id")
    to = data.get("to")
    status = to[0].get("status") if isinstance(to, list) and to and isinstance(to[0], dict) else ""
    code = str(_error(data).get("code") or "")
    if status in _FAILED and code:
        return _by_code(code, None)._replace(provider_message_id=ident)
    return Outcome(Kind.ACCEPTED, str(status or ""), ident)


def _refused(answer: Answer, found: Mapping[str, Any], wait: float | None) -> Outcome:
    error = _error(found)
    code = str(error.get("code") or "")
    about = f"{error.get('title')} {error.get('detail')}".lower()
    if answer.status == 409 or (answer.status == 422 and (not code or "idempoten" in about)):
        # The key is in use, or was used for other bytes: that message may have been taken.
        return Outcome(Kind.AMBIGUOUS, code or str(answer.status), retry_after=wait)
    if answer.status >= 500 or not code:
        return by_status(answer, wait)
    outcome = _by_code(code, wait)
    if outcome.kind is Kind.REJECTED:
        # No code of ours, perhaps none of a message: 10005 is nothing at this address.
        return by_status(answer, wait)._replace(code=code)
    return outcome


def _error(found: Mapping[str, Any]) -> Mapping[str, Any]:
    errors = found.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    return first if isinstance(first, dict) else {}


def _by_code(code: str, wait: float | None) -> Outcome:
    if code == _STOP:
        return Outcome(Kind.SUPPRESSED, code, reason="stop")
    if code in _THROTTLED:
        wait = _THROTTLED[code] if wait is None else wait
        return Outcome(Kind.THROTTLED, code, retry_after=wait, is_own=code in _OWN)
    if code in _EXHAUSTED:
        return Outcome(Kind.EXHAUSTED, code, retry_after=wait)
    if code in _INVALID:
        return Outcome(Kind.INVALID, code)
    if code in _SENDER:
        return Outcome(Kind.SENDER, code)
    if code in _DENIED:
        return Outcome(Kind.DENIED, code)
    return Outcome(Kind.REJECTED, code)


def make(
    environment: Mapping[str, str],
    options: Mapping[str, str | int | float | bool],
    transport: Transport,
) -> Telnyx:
    public = environment.get("MARKETING_PUBLIC_URL", "").rstrip("/")
    return Telnyx(
        environment["MARKETING_TELNYX_KEY"],
        environment.get("MARKETING_TELNYX_URL") or URL,
        f"{public}/webhooks/telnyx" if public else "",
        str(options.get("messaging_profile_id", "")),
        transport,
    )
