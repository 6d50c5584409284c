"""Amazon SES, API v2: one message a request, signed with AWS's Signature Version 4.

SES says most of what goes wrong with status 400, so answers are told apart by the error's name
and, for throttling, by its text. Our id travels as the tag ``outbox_id``. Opens and
clicks are never tracked, over the account's and the configuration set's settings.
SES calls no webhook without a configuration set that publishes to an SNS topic.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from reverse_etl.delivery import mail
from reverse_etl.delivery.protocol import Capabilities, Item, Kind, Outcome, Outgoing, Unsupported
from reverse_etl.delivery.transport import Answer, Transport, by_status

NAME = "ses"
CAPABILITIES = Capabilities(
    channel="email",
    max_bytes=10_000_000,
    reports=True,
    headers=True,
    reply_to=True,
)
SECRETS = ("MARKETING_SES_ACCESS_KEY", "MARKETING_SES_SECRET_KEY", "MARKETING_SES_REGION")
VARIABLES = ("MARKETING_SES_SESSION_TOKEN", "MARKETING_SES_URL")
OPTIONS = ("configuration_set",)
PATH = "/v2/email/outbound-emails"

_ENCODE = msgspec.json.Encoder(order="sorted").encode
#: SES's own limits of what a message may carry.
_HEADERS, _NAME, _VALUE, _TAG = 15, 126, 995, 256
_NOT_IN_TAGS = re.compile(r"[^A-Za-z0-9_-]")
#: By the name of the error. What is not here is told by its status.
_KINDS = {
    "TooManyRequestsException": Kind.THROTTLED,
    "ThrottlingException": Kind.THROTTLED,
    "Throttling": Kind.THROTTLED,
    "LimitExceededException": Kind.EXHAUSTED,
    "AccountSuspendedException": Kind.DENIED,
    "SendingPausedException": Kind.DENIED,
    "MailFromDomainNotVerifiedException": Kind.SENDER,
    "NotFoundException": Kind.DENIED,  # the configuration set
    "MessageRejected": Kind.REJECTED,
    "BadRequestException": Kind.REJECTED,
    # Of the signature, should they come with another status than 403.
    "SignatureDoesNotMatch": Kind.DENIED,
    "InvalidClientTokenId": Kind.DENIED,
    "UnrecognizedClientException": Kind.DENIED,
    "ExpiredTokenException": Kind.DENIED,
    "RequestExpired": Kind.DENIED,
    "AccessDeniedException": Kind.DENIED,
}


class Ses:
    name, capabilities = NAME, CAPABILITIES

    def __init__(
        self,
        key: tuple[str, str, str | None],
        region: str,
        url: str,
        configuration_set: str | None,
        transport: Transport,
    ) -> None:
        # Costs 50 ms and is needed by this provider only.
        from botocore.auth import SigV4Auth
        from botocore.credentials import Credentials

        self._url, self._transport = f"{url.rstrip('/')}{PATH}", transport
        self._configuration_set = configuration_set
        self._signer = SigV4Auth(Credentials(*key), "ses", region)

    def item(self, message: Outgoing) -> bytes:
        self.capabilities.check(message)
        subject, html, text = mail.parts(message)
        body = {
            name: {"Data": value, "Charset": "UTF-8"}
            for name, value in (("Html", html), ("Text", text))
            if value is not None
        }
        simple: dict[str, Any] = {"Subject": {"Data": subject, "Charset": "UTF-8"}, "Body": body}
        if message.headers:
            simple["Headers"] = _headers(message)
        request: dict[str, Any] = {
            "FromEmailAddress": mail.mailbox(message.sender_name, message.sender),
            "Destination": {"ToAddresses": [mail.ascii_address(message.destination)]},
            "Content": {"Simple": simple},
            "EmailTags": [
                {"Name": _tag(name), "Value": _tag(value)}
                for name, value in sorted(
                    {**message.labels, "outbox_id": message.message_id}.items()
                )
                if name and value
            ],
            "ConfigurationOverrides": {
                "Tracking": {
                    "OpenTrackingEnabled": "DISABLED",
                    "ClickTrackingEnabled": "DISABLED",
                }
            },
        }
        if message.reply_to is not None:
            request["ReplyToAddresses"] = [mail.ascii_address(message.reply_to)]
        if self._configuration_set:
            request["ConfigurationSetName"] = self._configuration_set
        encoded = _ENCODE(request)
        if len(encoded) > self.capabilities.max_bytes:
            raise Unsupported("larger than SES takes")
        return encoded

    async def send(self, items: Sequence[Item]) -> list[Outcome]:
        return [await self._one(item) for item in items]

    async def _one(self, item: Item) -> Outcome:
        headers = self._signed(item.body)
        answer = await self._transport.request("POST", self._url, headers, item.body)
        if isinstance(answer, Outcome):
            return answer
        if answer.status == 200:
            ident = answer.object().get("MessageId")
            if not isinstance(ident, str) or not ident:
                return Outcome(Kind.AMBIGUOUS, "no id")
            return Outcome(Kind.ACCEPTED, "200", ident)
        return self._refused(answer)

    def _signed(self, body: bytes) -> dict[str, str]:
        from botocore.awsrequest import AWSRequest

        request = AWSRequest(
            "POST", self._url, headers={"Content-Type": "application/json"}, data=body
        )
        self._signer.add_auth(request)
        return dict(request.headers.items())

    def _refused(self, answer: Answer) -> Outcome:
        said = answer.object()
        given = answer.headers.get("x-amzn-errortype") or said.get("__type") or said.get("code")
        # "TooManyRequestsException:http://…" and "com.amazonaws.ses#MessageRejected" are known.
        name = str(given or "").partition(":")[0].rpartition("#")[2]
        text = str(said.get("message") or said.get("Message") or "")
        kind = _KINDS.get(name)
        if kind is None or answer.status >= 500:
            return by_status(answer, self._transport.wait(answer))
        if kind is Kind.THROTTLED and "quota exceeded" in text.lower():
            kind = Kind.EXHAUSTED
        if name == "MessageRejected" and "not verified" in text:
            # The sender's address or domain; in an account's sandbox also the recipient's.
            kind = Kind.SENDER
        wait = self._transport.wait(answer) if kind is Kind.THROTTLED else None
        return Outcome(kind, name, retry_after=wait)

    async def look_up(self, message_id: str, since: datetime) -> Outcome | None:
        """Not asked: SES finds messages by its own id only."""
        raise OSError("SES is not asked")

    async def close(self) -> None:
        """The transport is closed by its owner."""


def _headers(message: Outgoing) -> list[dict[str, str]]:
    if len(message.headers) > _HEADERS:
        raise Unsupported(f"more than {_HEADERS} headers")
    for name, value in message.headers:
        printable = all(" " <= character <= "~" for character in value)
        if len(name) > _NAME or not 0 < len(value) <= _VALUE or not printable:
            raise Unsupported(f"SES does not take the header {name}")
    return [{"Name": name, "Value": value} for name, value in message.headers]


def _tag(text: str) -> str:
    return _NOT_IN_TAGS.sub("_", text)[:_TAG]


def make(
    environment: Mapping[str, str],
    options: Mapping[str, str | int | float | bool],
    transport: Transport,
) -> Ses:
    region = environment["MARKETING_SES_REGION"]
    configuration_set = options.get("configuration_set")
    return Ses(
        (
            environment["MARKETING_SES_ACCESS_KEY"],
            environment["MARKETING_SES_SECRET_KEY"],
            environment.get("MARKETING_SES_SESSION_TOKEN") or None,
        ),
        region,
        environment.get("MARKETING_SES_URL") or f"https://email.{region}.amazonaws.com",
        str(configuration_set) if configuration_set else None,
        transport,
    )
