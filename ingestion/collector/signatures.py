"""Who sent a webhook: each provider's proof, checked on the raw bytes before anything is parsed.

Every verifier raises :class:`Refused` (401) unless the proof holds. One whose secret is not set
refuses with 503, so that the provider comes back when it is. Times are seconds since 1970.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ingestion.collector.envelope import Refused

#: How far a provider's clock may be from ours.
SKEW_SECONDS = 300.0
#: SendGrid and SNS come back for up to a day with what they signed at first.
RETRY_SECONDS = 25 * 3600.0

_SNS_HOST = re.compile(r"sns\.[a-z0-9-]{3,}\.amazonaws\.com(\.cn)?")
_SNS_CERTIFICATE = re.compile(r"/SimpleNotificationService-[0-9a-f]{1,64}\.pem")
_MAX_CERTIFICATES = 20
_SNS_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_SNS_CONFIRMATION = (
    *("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
)


@dataclass(frozen=True)
class Request:
    """A webhook as it came. ``url`` is the public one, from our settings and never from `Host`."""

    method: str
    url: str
    headers: Mapping[bytes, bytes]
    body: bytes
    now: float

    def header(self, name: str) -> str:
        return self.headers.get(name.encode(), b"").decode("latin-1")


Verifier = Callable[[Request], None]


def refuse(message: str = "the signature does not hold") -> Refused:
    return Refused(401, "signature", message)


def not_configured(request: Request) -> None:
    """For a provider without its secret."""
    raise Refused(503, "not_configured", "this webhook is not set up")


not_configured.needs_no_body = True  # type: ignore[attr-defined]


def sendgrid(public_key: str) -> Verifier:
    """ECDSA P-256 over timestamp and body; ``public_key`` is base64 of SubjectPublicKeyInfo."""
    key = serialization.load_der_public_key(base64.b64decode(public_key, validate=True))
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise ValueError("not a P-256 key")

    def verify(request: Request) -> None:
        timestamp = request.header("x-twilio-email-event-webhook-timestamp")
        signature = _base64(request.header("x-twilio-email-event-webhook-signature"))
        _check_clock(timestamp, request.now, RETRY_SECONDS)
        try:
            signed = timestamp.encode("latin-1") + request.body
            key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            raise refuse() from None

    return verify


def sns(topics: frozenset[str], fetch: Callable[[str], bytes]) -> Verifier:
    """Amazon SNS, signature versions 1 and 2, from known topics only.

    ``fetch`` gets a certificate from an address that was checked to be Amazon's.
    """
    certificates: dict[str, x509.Certificate] = {}

    def verify(request: Request) -> None:
        message = _object(request.body)
        topic = message.get("TopicArn")
        if not isinstance(topic, str) or topic not in topics:
            raise refuse("unknown topic")
        kind = message.get("Type")
        confirms = kind in ("SubscriptionConfirmation", "UnsubscribeConfirmation")
        if not confirms and kind != "Notification":
            raise refuse("unknown type")
        version = message.get("SignatureVersion")
        digest = {"1": hashes.SHA1(), "2": hashes.SHA256()}.get(str(version))
        url = message.get("SigningCertURL")
        if digest is None or not _is_certificate_url(url, topic):
            raise refuse()
        _check_clock(_iso_seconds(message.get("Timestamp")), request.now, RETRY_SECONDS)
        if url not in certificates:
            try:
                certificates[url] = x509.load_pem_x509_certificate(fetch(url))
            except OSError:  # ours to repair, and Amazon does not come back after a 401
                raise Refused(503, "certificate", "the certificate cannot be fetched") from None
            except ValueError:
                raise refuse("no certificate") from None
            if len(certificates) > _MAX_CERTIFICATES:
                certificates.clear()
                raise refuse("no certificate")
        certificate = certificates[url]
        moment = datetime.fromtimestamp(request.now, UTC)
        if not certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc:
            certificates.pop(url)
            raise refuse("the certificate is out of date")
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise refuse()
        names = _SNS_CONFIRMATION if confirms else _SNS_NOTIFICATION
        pairs = [(name, message[name]) for name in names if message.get(name) is not None]
        if not all(isinstance(value, str) for _, value in pairs):
            raise refuse()
        try:
            signed = "".join(f"{name}\n{value}\n" for name, value in pairs).encode()
            key.verify(_base64(message.get("Signature")), signed, padding.PKCS1v15(), digest)
        except (InvalidSignature, UnicodeEncodeError):
            raise refuse() from None

    return verify


def _is_certificate_url(url: Any, topic: str) -> bool:
    """Whether an address is where SNS keeps certificates for the topic's region."""
    if not is_sns_url(url):
        return False
    parts, region = urlsplit(url), topic.split(":")[3:4]
    return (
        _SNS_CERTIFICATE.fullmatch(parts.path) is not None
        and not parts.query
        and not parts.fragment
        and (parts.hostname or "").split(".")[1:2] == region
    )


def is_sns_url(url: Any) -> bool:
    """Whether an address is Amazon SNS's own: https, its host and port, no user."""
    if not isinstance(url, str) or not url.isascii() or any(c in url for c in "\\\r\n\t @"):
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    return parts.scheme == "https" and port in (None, 443) and _SNS_HOST.fullmatch(host) is not None


def subscribe_url(body: bytes) -> str | None:
    """Where a verified SNS message asks us to confirm a subscription, if it does."""
    message = _object(body)
    url = message.get("SubscribeURL")
    wanted = message.get("Type") == "SubscriptionConfirmation" and is_sns_url(url)
    return url if wanted else None


def basic(user_and_password: str) -> Verifier:
    """HTTP Basic, for a provider that does not sign (Postmark)."""
    expected = b"Basic " + base64.b64encode(user_and_password.encode())
    return _static("authorization", expected)


def bearer(token: str) -> Verifier:
    """A bearer token, for a provider that does not sign (Brevo)."""
    return _static("authorization", b"Bearer " + token.encode())


def static_header(secret: str, name: str = "x-webhook-secret") -> Verifier:
    """A secret in a header of our choice, for a provider that does not sign (OneSignal)."""
    return _static(name, secret.encode())


def twilio(token: str, shared_keys: Mapping[str, str] | None = None) -> Verifier:
    """Twilio's HMAC over the address and the form.

    With ``shared_keys`` (name to secret) HMAC-SHA256 is pinned, else HMAC-SHA1 with the
    account's ``token``; the request never chooses.
    """

    def verify(request: Request) -> None:
        settings = request.header("x-twilio-webhooks-signature-settings")
        secret, algorithm = token, hashlib.sha1
        if shared_keys:
            given = dict(part.strip().partition("=")[::2] for part in settings.split(","))
            if given.get("algorithm") != "HMAC_SHA256" or given.get("key") not in shared_keys:
                raise refuse()
            secret, algorithm = shared_keys[given["key"]], hashlib.sha256
        elif settings:
            raise refuse()
        signed = ""
        if request.header("content-type").startswith("application/x-www-form-urlencoded"):
            try:
                form = parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True)
            except ValueError:
                raise refuse() from None
            signed = "".join(name + value for name, value in sorted(set(form)))
        else:
            given_digest = dict(parse_qsl(urlsplit(request.url).query)).get("bodySHA256", "")
            digest = hashlib.sha256(request.body).hexdigest()
            if not hmac.compare_digest(given_digest.lower().encode(), digest.encode()):
                raise refuse()
        signature = request.header("x-twilio-signature").encode("latin-1")
        expected = [
            base64.b64encode(hmac.new(secret.encode(), (url + signed).encode(), algorithm).digest())
            for url in _with_and_without_port(request.url)
        ]
        if not any([hmac.compare_digest(signature, one) for one in expected]):
            raise refuse()

    return verify


def telnyx(public_key: str) -> Verifier:
    """Ed25519 over timestamp, a bar and the body; ``public_key`` is base64 of 32 bytes."""
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))

    def verify(request: Request) -> None:
        timestamp = request.header("telnyx-timestamp")
        _check_clock(timestamp, request.now, SKEW_SECONDS)
        signature = _base64(request.header("telnyx-signature-ed25519"))
        try:
            key.verify(signature, timestamp.encode("latin-1") + b"|" + request.body)
        except InvalidSignature:
            raise refuse() from None

    return verify


#: What HubSpot decodes in an address before it signs it.
_HUBSPOT_DECODED = {
    **{"%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'"},
    **{"%28": "(", "%29": ")", "%2A": "*", "%2C": ",", "%3B": ";"},
}


def hubspot(client_secret: str) -> Verifier:
    """HubSpot's signature v3; the older ones are refused."""

    def verify(request: Request) -> None:
        timestamp = request.header("x-hubspot-request-timestamp")
        _check_clock(timestamp, request.now, SKEW_SECONDS, unit=1000)
        url = re.sub(
            "%[0-9A-Fa-f]{2}",
            lambda found: _HUBSPOT_DECODED.get(found[0].upper(), found[0]),
            request.url,
        )
        signed = (request.method + url).encode() + request.body + timestamp.encode("latin-1")
        expected = base64.b64encode(
            hmac.new(client_secret.encode(), signed, hashlib.sha256).digest()
        )
        given = request.header("x-hubspot-signature-v3").encode("latin-1")
        if not hmac.compare_digest(given, expected):
            raise refuse()

    return verify


def _static(name: str, expected: bytes) -> Verifier:
    def verify(request: Request) -> None:
        given = request.headers.get(name.encode(), b"")
        if not hmac.compare_digest(given, expected):
            raise refuse()

    verify.needs_no_body = True  # type: ignore[attr-defined]
    return verify


def _with_and_without_port(url: str) -> list[str]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    bare = parts._replace(netloc=host).geturl()
    return [bare, parts._replace(netloc=f"{host}:{parts.port or usual}").geturl()]


def _check_clock(text: str | float | None, now: float, back: float, unit: float = 1) -> None:
    try:
        if isinstance(text, str) and not re.fullmatch(r"[0-9]{1,16}", text):
            raise ValueError
        time = float(text) / unit  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise refuse("no timestamp") from None
    if not now - back <= time <= now + SKEW_SECONDS:
        raise refuse("too old, or from the future")


def _iso_seconds(text: Any) -> float | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    except (TypeError, ValueError):
        return None


def _base64(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise refuse() from None


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise refuse("not JSON") from None
    if not isinstance(value, dict):
        raise refuse("not JSON")
    return value
