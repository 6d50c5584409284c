"""Amazon SES, API v2, and what it publishes through SNS.

Checked as documented: Signature Version 4 and its clock, required and unknown fields, 15 headers
of 126 and 995 printable characters, the alphabet of tags, 50 recipients. Suppressed recipients
are taken and bounce, as at SES.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.servers.base import SECRET, answer, iso, starlette
from sandbox.servers.messaging import Call, Desk, Event, Fate, Misbehaving, Said, Trouble

PROVIDER = "ses"
ACCESS_KEY, REGION = "AKIASTANDIN", "eu-west-3"
TOPIC = f"arn:aws:sns:{REGION}:123456789012:ses-events"
CERTIFICATE_URL = f"https://sns.{REGION}.amazonaws.com/SimpleNotificationService-5a4d.pem"
_SKEW = timedelta(minutes=15)
_JSON = {"content-type": "application/json"}


def _said(status: int, name: str, text: str) -> Said:
    body = json.dumps({"message": text}).encode()
    return Said(status, body, {**_JSON, "x-amzn-errortype": name})


_SAID = {
    Trouble.THROTTLED: _said(400, "ThrottlingException", "Maximum sending rate exceeded"),
    Trouble.DENIED: _said(400, "AccountSuspendedException", "Account is suspended"),
    Trouble.PERMANENT: _said(400, "MessageRejected", "Email content is not allowed"),
    Trouble.NO_ID: Said(200, b'{"MessageId":""}', _JSON),
}


def environment(url: str) -> dict[str, str]:
    return {
        "MARKETING_SES_ACCESS_KEY": ACCESS_KEY,
        "MARKETING_SES_SECRET_KEY": SECRET,
        "MARKETING_SES_REGION": REGION,
        "MARKETING_SES_URL": url,
    }


_Address = Annotated[str, Meta(min_length=3, pattern=r"^[\x20-\x7e]+@[\x20-\x7e]+$")]
_Tag = Annotated[str, Meta(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9_-]+$")]


class _Data(msgspec.Struct, forbid_unknown_fields=True):
    Data: str
    Charset: str | None = None


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    Html: _Data | None = None
    Text: _Data | None = None


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    Name: Annotated[str, Meta(min_length=1, max_length=126, pattern=r"^[!-9;-@A-~]+$")]
    Value: Annotated[str, Meta(min_length=1, max_length=995, pattern=r"^[ -~]*$")]


class _Simple(msgspec.Struct, forbid_unknown_fields=True):
    Subject: _Data
    Body: _Body
    Headers: Annotated[list[_Header], Meta(max_length=15)] = []


class _Content(msgspec.Struct, forbid_unknown_fields=True):
    Simple: _Simple


class _Destination(msgspec.Struct, forbid_unknown_fields=True):
    ToAddresses: Annotated[list[_Address], Meta(min_length=1, max_length=50)]


class _EmailTag(msgspec.Struct, forbid_unknown_fields=True):
    Name: _Tag
    Value: _Tag


class _Tracking(msgspec.Struct, forbid_unknown_fields=True):
    OpenTrackingEnabled: str | None = None
    ClickTrackingEnabled: str | None = None


class _Overrides(msgspec.Struct, forbid_unknown_fields=True):
    Tracking: _Tracking


class _Send(msgspec.Struct, forbid_unknown_fields=True):
    FromEmailAddress: _Address
    Destination: _Destination
    Content: _Content
    EmailTags: list[_EmailTag] = []
    ReplyToAddresses: list[_Address] = []
    ConfigurationSetName: str | None = None
    ConfigurationOverrides: _Overrides | None = None


_decode = msgspec.json.Decoder(_Send).decode


def app(desk: Desk) -> ASGIApp:
    """``desk`` sees what is taken; recipients whose fate is invalid are refused."""

    async def send(request: Request) -> Response:
        body = await request.body()
        problem = _unsigned(request, body)
        if problem:
            return _error(403, *problem)
        try:
            message = _decode(body)
        except msgspec.MsgspecError as error:
            return _error(400, "BadRequestException", str(error))
        names = [tag.Name for tag in message.EmailTags]
        if len(set(names)) < len(names):
            return _error(400, "BadRequestException", "Duplicate tag name")
        if not message.Content.Simple.Body.Html and not message.Content.Simple.Body.Text:
            return _error(400, "BadRequestException", "Missing body")
        to = message.Destination.ToAddresses[0]
        if desk.fate(to) is Fate.INVALID:
            return _error(400, "BadRequestException", "Domain contains dot-dot")
        ident = f"0100stand-in-{desk.next_id():08d}-000000"
        outbox_id = next((tag.Value for tag in message.EmailTags if tag.Name == "outbox_id"), "")
        overrides = message.ConfigurationOverrides
        opens = overrides is not None and overrides.Tracking.OpenTrackingEnabled == "ENABLED"
        desk.take(ident, outbox_id, to, body, opens)
        return answer({"MessageId": ident})

    routes = starlette(Route("/v2/email/outbound-emails", send, methods=["POST"]))
    return Misbehaving(routes, desk, _SAID)


def _error(status: int, name: str, text: str) -> Response:
    said = _said(status, name, text)
    return Response(said.body, said.status, dict(said.headers))


_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, "
    r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})"
)


def _unsigned(request: Request, body: bytes) -> tuple[str, str] | None:
    """What is wrong with a request's signature, by AWS's own description of it."""
    found = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    if found is None:
        return "MissingAuthenticationTokenException", "Missing Authentication Token"
    key, day, region, service, names, signature = found.groups()
    if key != ACCESS_KEY:
        return "UnrecognizedClientException", "The security token is invalid"
    at = request.headers.get("x-amz-date", "")
    if not at.startswith(day) or abs(_time(at) - datetime.now(UTC)) > _SKEW:
        return "InvalidSignatureException", "Signature expired"
    headers = "".join(
        f"{name}:{request.headers.get(name, '').strip()}\n" for name in names.split(";")
    )
    digest = hashlib.sha256(body).hexdigest()
    canonical = "\n".join((request.method, quote(request.url.path), "", headers, names, digest))
    scope = f"{day}/{region}/{service}/aws4_request"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = "\n".join(("AWS4-HMAC-SHA256", at, scope, hashed))
    secret = f"AWS4{SECRET}".encode()
    for part in (day, region, service, "aws4_request"):
        secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
    expected = hmac.new(secret, to_sign.encode(), hashlib.sha256).hexdigest()
    if "host" not in names.split(";") or (region, service) != (REGION, "ses"):
        return "SignatureDoesNotMatch", "Credential should be scoped to another region"
    if not hmac.compare_digest(signature, expected):
        return "SignatureDoesNotMatch", "The request signature we calculated does not match"
    return None


def _time(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@cache
def _certificate() -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(_key().public_key())
        .serial_number(1)
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=30))
        .sign(_key(), hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def fetch(url: str) -> bytes:
    """What the collector's verifier asks Amazon for. Raises ``OSError`` for another address."""
    if url != CERTIFICATE_URL:
        raise OSError(f"nothing at {url}")
    return _certificate()


def secret() -> str:
    """The topics that the collector believes."""
    return TOPIC


def calls(events: Iterable[Event], url: str) -> Iterator[Call]:
    """Each event in an SNS notification of signature version 2."""
    for number, event in enumerate(events, 1):
        message = {
            "Type": "Notification",
            "MessageId": f"{event.taken.provider_message_id}-{event.name}-{number}",
            "TopicArn": TOPIC,
            "Subject": "Amazon SES Email Event Notification",
            "Message": json.dumps(_event(event)),
            "Timestamp": iso(datetime.now(UTC).replace(tzinfo=None)),
        }
        pairs = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
        signed = "".join(f"{name}\n{message[name]}\n" for name in pairs).encode()
        signature = _key().sign(signed, padding.PKCS1v15(), hashes.SHA256())
        envelope = {
            **message,
            "SignatureVersion": "2",
            "Signature": base64.b64encode(signature).decode(),
            "SigningCertURL": CERTIFICATE_URL,
            "UnsubscribeURL": f"https://sns.{REGION}.amazonaws.com/?Action=Unsubscribe",
        }
        headers = {
            "content-type": "text/plain; charset=UTF-8",
            "x-amz-sns-message-type": "Notification",
        }
        yield Call(json.dumps(envelope).encode(), headers)


def _event(event: Event) -> dict[str, Any]:
    taken, at = event.taken, iso(event.at)
    to = [{"emailAddress": taken.recipient}]
    kinds: dict[str, tuple[str, str, dict[str, Any]]] = {
        "sent": ("Send", "send", {}),
        "delivered": ("Delivery", "delivery", {"recipients": [taken.recipient]}),
        "deferred": ("DeliveryDelay", "deliveryDelay", {"delayedRecipients": to}),
        "opened": ("Open", "open", {"ipAddress": "192.0.2.1", "userAgent": "Mail"}),
        "clicked": ("Click", "click", {"link": "https://www.example.org/"}),
        "bounced": ("Bounce", "bounce", {"bounceType": "Permanent", "bouncedRecipients": to}),
        "complained": ("Complaint", "complaint", {"complainedRecipients": to}),
        "unsubscribed": ("Subscription", "subscription", {"source": "UnsubscribeHeader"}),
    }
    kind, part, fields = kinds[event.name]
    mail = {
        "messageId": taken.provider_message_id,
        "timestamp": iso(taken.at),
        "destination": [taken.recipient],
        "tags": {"outbox_id": [taken.outbox_id], "ses:operation": ["SendEmail"]},
    }
    return {"eventType": kind, "mail": mail, part: {"timestamp": at, **fields}}
