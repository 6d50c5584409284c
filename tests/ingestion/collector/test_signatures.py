"""Each provider's proof: the published vectors, keys made here, and any change of a byte."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from ingestion.collector import signatures
from ingestion.collector.envelope import Refused
from ingestion.collector.signatures import Request, Verifier
from ingestion.collector.webhooks import verifiers

NOW = 1_790_000_000.0
URL = "https://hooks.example.com/webhooks/x"

SENDGRID_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEDr2LjtURuePQzplybdC+u4CwrqDqBaWjcMMsTbhdbcw"
    "HBcepxo7yAQGhHPTnlvFYPAZFceEu/1FwCM/QmGUhA=="
)
SENDGRID_SIGNATURE = (
    "MEUCIQCtIHJeH93Y+qpYeWrySphQgpNGNr/U+UyUlBkU6n7RAwIgJTz2C+8a8xonZGi6BpSzoQsbVRam"
    "r2nlxFDWYNH2j/0="
)
SENDGRID_BODY = b'{"category":"example_payload","event":"test_event","message_id":"message_id"}'
SENDGRID_AT = 1588788367


def request(body: bytes, now: float = NOW, url: str = URL, **headers: str) -> Request:
    given = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return Request("POST", url, given, body, now)


def holds(verify: Verifier, given: Request) -> bool:
    try:
        verify(given)
    except Refused as refused:
        assert refused.status == 401
        return False
    return True


def changed(given: Request, **changes: Any) -> Request:
    return Request(**{**given.__dict__, **changes})


def check_every_byte(verify: Verifier, given: Request) -> None:
    """The request holds; with any one byte of its body changed it does not."""
    assert holds(verify, given)
    for at in range(len(given.body)):
        body = bytearray(given.body)
        body[at] ^= 1
        assert not holds(verify, changed(given, body=bytes(body))), at
    for body in (given.body[:-1], given.body + b"\n", b"", b" " + given.body):
        assert not holds(verify, changed(given, body=body))
    assert not holds(verify, changed(given, headers={}))


# ---- SendGrid --------------------------------------------------------------------------------


def sendgrid(at: str = str(SENDGRID_AT), signature: str = SENDGRID_SIGNATURE) -> Request:
    return request(
        SENDGRID_BODY,
        SENDGRID_AT + 10,
        x_twilio_email_event_webhook_timestamp=at,
        x_twilio_email_event_webhook_signature=signature,
    )


def test_sendgrids_published_vector() -> None:
    verify = signatures.sendgrid(SENDGRID_KEY)
    check_every_byte(verify, sendgrid())
    assert not holds(verify, sendgrid(at=str(SENDGRID_AT + 1)))
    assert not holds(
        verify, changed(sendgrid(), body=json.dumps(json.loads(SENDGRID_BODY)).encode())
    )
    assert not holds(verify, changed(sendgrid(), body=SENDGRID_BODY + b"\r\n"))
    for wrong in ("", "not base64", "AAAA", SENDGRID_SIGNATURE[:-4]):
        assert not holds(verify, sendgrid(signature=wrong))


def test_sendgrid_comes_back_for_a_day_and_no_longer() -> None:
    verify = signatures.sendgrid(SENDGRID_KEY)
    assert holds(verify, changed(sendgrid(), now=SENDGRID_AT + 24 * 3600.0))
    assert not holds(verify, changed(sendgrid(), now=SENDGRID_AT + 26 * 3600.0))
    assert not holds(verify, changed(sendgrid(), now=SENDGRID_AT - 301.0))


def test_sendgrid_takes_no_other_kind_of_key() -> None:
    other = ec.generate_private_key(ec.SECP384R1()).public_key()
    der = other.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for wrong in (base64.b64encode(der).decode(), "AAAA", "!"):
        with pytest.raises(ValueError, match="sendgrid"):
            verifiers({"sendgrid": wrong}, {})


# ---- Amazon SNS ------------------------------------------------------------------------------

TOPIC = "arn:aws:sns:eu-west-3:123456789012:ses-events"
CERTIFICATE_URL = "https://sns.eu-west-3.amazonaws.com/SimpleNotificationService-abc.pem"


class Amazon:
    """A stand-in that signs as SNS does, with a certificate of its own."""

    def __init__(self, days: int = 30) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        now = datetime.fromtimestamp(NOW, UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=60))
            .not_valid_after(now + timedelta(days=days))
            .sign(self.key, hashes.SHA256())
        )
        self.pem = certificate.public_bytes(serialization.Encoding.PEM)
        self.fetched: list[str] = []

    def fetch(self, url: str) -> bytes:
        self.fetched.append(url)
        return self.pem

    def message(self, version: str = "2", **fields: Any) -> dict[str, Any]:
        at = datetime.fromtimestamp(NOW - 5, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        message = {
            "Type": "Notification",
            "MessageId": "m-1",
            "TopicArn": TOPIC,
            "Message": '{"eventType":"Send"}',
            "Timestamp": at,
            "SignatureVersion": version,
            "SigningCertURL": CERTIFICATE_URL,
            **fields,
        }
        confirms = message["Type"] != "Notification"
        names = sorted(
            {"Message", "MessageId", "Timestamp", "TopicArn", "Type"}
            | ({"SubscribeURL", "Token"} if confirms else {"Subject"})
        )
        text = "".join(f"{name}\n{message[name]}\n" for name in names if name in message)
        digest = hashes.SHA1() if version == "1" else hashes.SHA256()
        signature = self.key.sign(text.encode(), padding.PKCS1v15(), digest)
        return message | {"Signature": base64.b64encode(signature).decode()}

    def request(self, version: str = "2", **fields: Any) -> Request:
        return request(json.dumps(self.message(version, **fields)).encode())


CONFIRMATION = {
    "Type": "SubscriptionConfirmation",
    "Token": "t",
    "SubscribeURL": "https://sns.eu-west-3.amazonaws.com/?Action=ConfirmSubscription&Token=t",
}


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("fields", [{}, {"Subject": "S"}, CONFIRMATION])
def test_sns_both_versions(version: str, fields: dict[str, str]) -> None:
    amazon = Amazon()
    verify = signatures.sns(frozenset([TOPIC]), amazon.fetch)
    assert holds(verify, amazon.request(version, **fields))
    assert holds(verify, amazon.request(version, **fields))
    assert amazon.fetched == [CERTIFICATE_URL]
    message = amazon.message(version, **fields)
    for name in ("Message", "MessageId", "Timestamp", "Token", "SubscribeURL", "Subject"):
        if name in message:
            other = message | {name: message[name] + "x"}
            assert not holds(verify, request(json.dumps(other).encode())), name
    if "Subject" not in message and message["Type"] == "Notification":
        assert not holds(verify, request(json.dumps(message | {"Subject": "added"}).encode()))
    swapped = message | {"SignatureVersion": "2" if version == "1" else "1"}
    assert not holds(verify, request(json.dumps(swapped).encode()))


@pytest.mark.parametrize(
    "fields",
    [
        {"TopicArn": TOPIC + "x"},
        {"SigningCertURL": "https://evil.com/SimpleNotificationService-abc.pem"},
        {"SigningCertURL": "https://sns.evil-amazonaws.com/x.pem"},
        {"SigningCertURL": "https://sns.eu-west-3.amazonaws.com.evil.com/x.pem"},
        {"SigningCertURL": "http://sns.eu-west-3.amazonaws.com/x.pem"},
        {"SigningCertURL": "https://sns.eu-west-3.amazonaws.com@evil.com/x.pem"},
        {"SigningCertURL": "https://evil.com\\@sns.eu-west-3.amazonaws.com/x.pem"},
        {"SigningCertURL": "https://sns.eu-west-3.amazonaws.com:8443/x.pem"},
        {"SigningCertURL": "https://sns.eu-west-3.amazonaws.com/x.txt"},
        {"SigningCertURL": "https://sns.eu-west-3.amazonaws.com/x.txt?a=.pem"},
        {"SigningCertURL": 5},
        {"SigningCertURL": None},
        {"SignatureVersion": "3"},
        {"Type": "Other"},
    ],
)
def test_sns_from_elsewhere_causes_no_request(fields: dict[str, Any]) -> None:
    amazon = Amazon()
    verify = signatures.sns(frozenset([TOPIC]), amazon.fetch)
    assert not holds(verify, request(json.dumps({**amazon.message(), **fields}).encode()))
    assert amazon.fetched == []


def test_sns_clock_and_certificate() -> None:
    amazon = Amazon()
    verify = signatures.sns(frozenset([TOPIC]), amazon.fetch)
    given = amazon.request()
    assert not holds(verify, changed(given, now=NOW - 3600))
    assert not holds(verify, changed(given, now=NOW + 26 * 3600))
    expired = Amazon(days=-1)
    assert not holds(signatures.sns(frozenset([TOPIC]), expired.fetch), expired.request())
    other = Amazon()
    assert not holds(signatures.sns(frozenset([TOPIC]), other.fetch), given)

    def down(url: str) -> bytes:
        raise OSError

    with pytest.raises(Refused) as caught:
        signatures.sns(frozenset([TOPIC]), down)(given)
    assert caught.value.status == 503, "Amazon does not come back after a 401"


@pytest.mark.parametrize(
    "path",
    [
        "anything/SimpleNotificationService-abc.pem",
        "SimpleNotificationService-abc.pem?Action=GetTopicAttributes",
        "SimpleNotificationService-abc.pem#x",
        "other.pem",
    ],
)
def test_sns_certificates_come_from_one_place(path: str) -> None:
    amazon = Amazon()
    verify = signatures.sns(frozenset([TOPIC]), amazon.fetch)
    for host in ("sns.eu-west-3.amazonaws.com", "sns.made-up.amazonaws.com"):
        url = f"https://{host}/{path}"
        assert not holds(verify, amazon.request(SigningCertURL=url))
    made_up = "https://sns.made-up.amazonaws.com/SimpleNotificationService-abc.pem"
    assert not holds(verify, amazon.request(SigningCertURL=made_up))
    assert amazon.fetched == []


@pytest.mark.parametrize("topic", [[], {}, 5, None])
def test_sns_topics_of_other_types(topic: Any) -> None:
    verify = signatures.sns(frozenset([TOPIC]), Amazon().fetch)
    assert not holds(verify, request(json.dumps({"TopicArn": topic}).encode()))


def test_sns_texts_that_are_no_text() -> None:
    amazon = Amazon()
    verify = signatures.sns(frozenset([TOPIC]), amazon.fetch)
    message = amazon.message() | {"Message": "\ud800"}
    assert not holds(verify, request(json.dumps(message).encode()))


def test_only_a_verified_confirmation_names_an_address() -> None:
    def found(**fields: Any) -> str | None:
        return signatures.subscribe_url(json.dumps({**CONFIRMATION, **fields}).encode())

    assert found() == CONFIRMATION["SubscribeURL"]
    assert found(Type="Notification") is None
    for wrong in ("https://evil.com/", "http://sns.eu-west-3.amazonaws.com/", "file:///etc", None):
        assert found(SubscribeURL=wrong) is None


# ---- providers that do not sign --------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "secret", "header", "value"),
    [
        (
            *("postmark", "user:pass word", "authorization"),
            "Basic " + base64.b64encode(b"user:pass word").decode(),
        ),
        ("brevo", "token", "authorization", "Bearer token"),
        ("onesignal", "secret", "x-webhook-secret", "secret"),
    ],
)
def test_secrets_in_headers(provider: str, secret: str, header: str, value: str) -> None:
    verify = verifiers({provider: secret}, {})[provider]
    assert holds(verify, request(b"{}", **{header: value}))
    for wrong in ("", value[:-1], value + "x", value.swapcase()):
        assert not holds(verify, request(b"{}", **{header: wrong}))
    assert not holds(verify, request(b"{}"))


def test_without_its_secret_a_provider_is_told_to_come_back() -> None:
    for verify in verifiers({}, {}).values():
        with pytest.raises(Refused) as caught:
            verify(request(b"{}"))
        assert caught.value.status == 503


# ---- Twilio ----------------------------------------------------------------------------------

TWILIO_URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
TWILIO_FORM = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+14158675309",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
}
FORM_TYPE = "application/x-www-form-urlencoded"


def twilio(signature: str, url: str = TWILIO_URL, **headers: str) -> Request:
    body = urlencode(TWILIO_FORM).encode()
    return request(body, url=url, content_type=FORM_TYPE, x_twilio_signature=signature, **headers)


def test_twilios_published_vector() -> None:
    verify = signatures.twilio("12345")
    given = twilio("RSOYDt4T1cUTdK1PDd93/VVr8B8=")
    assert holds(verify, given)
    assert holds(verify, changed(given, url=TWILIO_URL.replace(".com/", ".com:443/")))
    assert not holds(verify, changed(given, url=TWILIO_URL.replace("mycompany", "evil")))
    assert not holds(verify, changed(given, url=TWILIO_URL + "&x=1"))
    assert not holds(verify, changed(given, body=given.body + b"&X=1"))
    assert not holds(verify, twilio("RSOYDt4T1cUTdK1PDd93/VVr8B9="))
    assert not holds(signatures.twilio("12346"), given)
    for at, byte in enumerate(given.body):
        # "+" and "%20" are two spellings of one form, which is what is signed.
        other = given.body[:at] + bytes([byte ^ 1]) + given.body[at + 1 :]
        assert not holds(verify, changed(given, body=other)), at


def test_twilio_json_needs_its_digest() -> None:
    body = b'{"MessageStatus":"sent"}'
    digest = hashlib.sha256(body).hexdigest()
    url = f"{URL}?bodySHA256={digest}"

    def signed(address: str, data: bytes = body) -> Request:
        key = base64.b64encode(hmac.new(b"12345", address.encode(), hashlib.sha1).digest()).decode()
        return request(data, url=address, content_type="application/json", x_twilio_signature=key)

    verify = signatures.twilio("12345")
    check_every_byte(verify, signed(url))
    assert not holds(verify, signed(URL)), "no digest, no proof of the body"


def test_twilio_pins_its_algorithm() -> None:
    text = TWILIO_URL + "".join(k + v for k, v in sorted(TWILIO_FORM.items()))

    def sign(secret: bytes, algorithm: Callable[..., Any]) -> str:
        return base64.b64encode(hmac.new(secret, text.encode(), algorithm).digest()).decode()

    new, old = sign(b"shared", hashlib.sha256), sign(b"12345", hashlib.sha1)
    pinned = signatures.twilio("12345", {"k1": "shared"})

    def given(signature: str, settings: str) -> Request:
        return twilio(signature, x_twilio_webhooks_signature_settings=settings)

    assert holds(pinned, given(new, "key=k1,algorithm=HMAC_SHA256"))
    assert holds(pinned, given(new, "algorithm=HMAC_SHA256, key=k1"))
    assert not holds(pinned, given(old, "key=k1,algorithm=HMAC_SHA1"))
    assert not holds(pinned, given(sign(b"shared", hashlib.sha1), "key=k1,algorithm=HMAC_SHA1"))
    assert not holds(pinned, given(new, "key=k2,algorithm=HMAC_SHA256"))
    assert not holds(pinned, twilio(old)), "no header is no way round"
    assert not holds(signatures.twilio("12345"), given(old, "key=k1,algorithm=HMAC_SHA256"))


# ---- Telnyx ----------------------------------------------------------------------------------


def test_telnyx() -> None:
    key = Ed25519PrivateKey.generate()
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    verify = verifiers({"telnyx": public}, {})["telnyx"]
    body = b'{"data":{"id":"1"}}'

    def signed(at: int) -> Request:
        signature = base64.b64encode(key.sign(f"{at}|".encode() + body)).decode()
        return request(body, telnyx_timestamp=str(at), telnyx_signature_ed25519=signature)

    now = int(NOW)
    check_every_byte(verify, signed(now))
    for off, expected in ((-300, True), (300, True), (-301, False), (301, False)):
        assert holds(verify, signed(now + off)) is expected
    moved = signed(now)
    headers = {**moved.headers, b"telnyx-timestamp": str(now + 1).encode()}
    assert not holds(verify, changed(moved, headers=headers))
    with pytest.raises(ValueError, match="telnyx"):
        verifiers({"telnyx": "AAAA"}, {})


# ---- HubSpot ---------------------------------------------------------------------------------


def test_hubspot() -> None:
    verify = signatures.hubspot("secret")
    body = b'[{"eventId":1}]'

    def signed(at: int, url: str = URL, signed_url: str | None = None) -> Request:
        text = b"POST" + (signed_url or url).encode() + body + str(at).encode()
        signature = base64.b64encode(hmac.new(b"secret", text, hashlib.sha256).digest()).decode()
        return request(
            body,
            url=url,
            x_hubspot_request_timestamp=str(at),
            x_hubspot_signature_v3=signature,
        )

    now = int(NOW * 1000)
    check_every_byte(verify, signed(now))
    for off, expected in ((-299_000, True), (-301_000, False), (86_400_000, False)):
        assert holds(verify, signed(now + off)) is expected
    assert holds(verify, signed(now, URL + "?a=b%3Ac%2F", URL + "?a=b:c/"))
    assert not holds(verify, changed(signed(now), url=URL.replace("hooks", "evil")))
    old = hashlib.sha256(b"secret" + body).hexdigest()
    assert not holds(verify, request(body, x_hubspot_signature=old))
