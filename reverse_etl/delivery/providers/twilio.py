"""Twilio's text messages: one a request, nothing that recognises a message sent twice.

A message has no field for our id, so it stands in the query of the status callback, which Twilio
signs as part of the address. Codes are those of Twilio's error dictionary.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from reverse_etl.delivery import numbers
from reverse_etl.delivery.protocol import Capabilities, Item, Kind, Outcome, Outgoing
from reverse_etl.delivery.transport import Answer, Transport, by_status

NAME = "twilio"
CAPABILITIES = Capabilities(channel="sms", max_bytes=64_000, reports=True)
SECRETS = ("MARKETING_TWILIO_ACCOUNT_SID", "MARKETING_TWILIO_AUTH_TOKEN")
#: With a key, the token proves webhooks only. Without ``MARKETING_PUBLIC_URL`` Twilio does not
#: call back.
VARIABLES = (
    "MARKETING_TWILIO_API_KEY",
    "MARKETING_TWILIO_API_SECRET",
    "MARKETING_TWILIO_URL",
    "MARKETING_PUBLIC_URL",
)
#: A service picks the number: the sender of a message is then not used.
OPTIONS = ("messaging_service_sid",)
URL = "https://api.twilio.com"

_CHARACTERS, _SEGMENTS = 1600, 40
#: Without this Twilio tells of a message once and forgets it. It is not part of what is signed.
_CALLS_AGAIN = "rc=5&rp=all"
_THROTTLED = frozenset(
    {
        *(20429, 14107),  # too many requests
        *(21611, 30001),  # the sender's queue is full
        21730,  # maintenance
    }
)
_EXHAUSTED = frozenset({63038})  # the account's messages of a day
_INVALID = frozenset(
    {
        21211,  # no number
        21217,
        21614,  # no mobile number
        30005,  # unknown handset
        30006,  # a landline
    }
)
_STOP = 21610
#: Not a number or name of ours, or none that sends (there).
_SENDER = frozenset({21212, 21601, 21603, 21606, 21659, 21660})
#: The account, its key, or the service that picks the number: every other message fares the same.
_DENIED = frozenset(
    {
        *(20003, 20005, 20008, 10001, 30002),
        *(21701, 21703, 21704, 21705),  # the messaging service
    }
)
_FAILED = frozenset({"failed", "undelivered", "canceled"})


class Twilio:
    name, capabilities = NAME, CAPABILITIES

    def __init__(
        self,
        account: str,
        login: tuple[str, str],
        url: str,
        callback: str,
        service: str,
        transport: Transport,
    ) -> None:
        path = f"/2010-04-01/Accounts/{quote(account, safe='')}/Messages.json"
        self._url, self._transport = url.rstrip("/") + path, transport
        self._callback, self._service = callback, service
        secret = base64.b64encode(":".join(login).encode()).decode()
        self._headers = {
            "Authorization": f"Basic {secret}",
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
        }

    def item(self, message: Outgoing) -> bytes:
        self.capabilities.check(message)
        text = numbers.text(message, _SEGMENTS, _CHARACTERS)
        form = [("To", message.destination)]
        if self._callback:
            query = urlencode({"outbox_id": message.message_id})
            form.append(("StatusCallback", f"{self._callback}?{query}#{_CALLS_AGAIN}"))
        sender = ("MessagingServiceSid", self._service) if self._service else None
        form.append(sender or ("From", message.sender))
        form.append(("Body", text))
        return urlencode(form).encode()

    async def send(self, items: Sequence[Item]) -> list[Outcome]:
        return [await self._one(item) for item in items]

    async def _one(self, item: Item) -> Outcome:
        answer = await self._transport.request("POST", self._url, self._headers, item.body)
        if isinstance(answer, Outcome):
            return answer
        found = answer.object()
        if answer.status == 201:
            return _taken(found)
        return _refused(answer, found, self._transport.wait(answer))

    async def look_up(self, message_id: str, since: datetime) -> Outcome | None:
        raise OSError("Twilio cannot be asked by our id")

    async def close(self) -> None:
        """The transport is closed by its owner."""


def _taken(found: Mapping[str, Any]) -> Outcome:
    ident, code = found.get("sid"), found.get("error_code")
    if not isinstance(ident, str) or not ident:
        return Outcome(Kind.AMBIGUOUS, "no id")
    if found.get("status") in _FAILED and isinstance(code, int):
        return _by_code(code, None)._replace(provider_message_id=ident)
    return Outcome(Kind.ACCEPTED, str(found.get("status") or ""), ident)


def _refused(answer: Answer, found: Mapping[str, Any], wait: float | None) -> Outcome:
    code = found.get("code")
    if answer.status >= 500 or not isinstance(code, int) or isinstance(code, bool):
        return by_status(answer, wait)
    if answer.status == 429:
        kind = Kind.EXHAUSTED if code in _EXHAUSTED else Kind.THROTTLED
        return Outcome(kind, str(code), retry_after=wait)
    outcome = _by_code(code, wait)
    if outcome.kind is Kind.REJECTED:  # no code of ours, perhaps none of a message: 20404
        return by_status(answer, wait)._replace(code=str(code))
    return outcome


def _by_code(code: int, wait: float | None) -> Outcome:
    text = str(code)
    if code == _STOP:
        return Outcome(Kind.SUPPRESSED, text, reason="stop")
    if code in _THROTTLED:
        return Outcome(Kind.THROTTLED, text, retry_after=wait)
    if code in _EXHAUSTED:
        return Outcome(Kind.EXHAUSTED, text, retry_after=wait)
    if code in _INVALID:
        return Outcome(Kind.INVALID, text)
    if code in _SENDER:
        return Outcome(Kind.SENDER, text)
    if code in _DENIED:
        return Outcome(Kind.DENIED, text)
    # 21612 and 21408 are about a pair of sender and country, 21608 about a trial account, 30007
    # about the text: the number may be fine.
    return Outcome(Kind.REJECTED, text)


def make(
    environment: Mapping[str, str],
    options: Mapping[str, str | int | float | bool],
    transport: Transport,
) -> Twilio:
    account = environment["MARKETING_TWILIO_ACCOUNT_SID"]
    login = (account, environment["MARKETING_TWILIO_AUTH_TOKEN"])
    key = environment.get("MARKETING_TWILIO_API_KEY")
    if key:
        login = (key, environment.get("MARKETING_TWILIO_API_SECRET", ""))
    public = environment.get("MARKETING_PUBLIC_URL", "").rstrip("/")
    return Twilio(
        account,
        login,
        environment.get("MARKETING_TWILIO_URL") or URL,
        f"{public}/webhooks/twilio" if public else "",
        str(options.get("messaging_service_sid", "")),
        transport,
    )
