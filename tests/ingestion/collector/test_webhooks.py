"""Webhooks over real HTTP: proven, kept, answered; or refused, and nothing kept."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ingestion.collector.webhooks import verifiers
from tests.ingestion.collector import samples
from tests.ingestion.collector.serving import Served, in_thread
from tests.ingestion.collector.test_signatures import CONFIRMATION, NOW, TOPIC, Amazon

PUBLIC = "https://hooks.example.com"
TELNYX = Ed25519PrivateKey.generate()
SECRETS = {
    "ses": TOPIC,
    "postmark": "user:password",
    "twilio": "12345",
    "telnyx": base64.b64encode(TELNYX.public_key().public_bytes_raw()).decode(),
    "hubspot": "client-secret",
}


class World:
    def __init__(self, served: Served, amazon: Amazon, visited: list[str]) -> None:
        self.served, self.amazon, self.visited = served, amazon, visited

    def post(self, path: str, body: bytes, **headers: str) -> requests.Response:
        return requests.post(
            self.served.url + path,
            data=body,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            timeout=10,
        )

    def count(self) -> int:
        return len(self.served.rows("delivery_events"))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    amazon, visited = Amazon(days=36500), []

    def confirm(url: str) -> None:
        visited.append(url)
        if "refused" in url:
            raise OSError

    found = verifiers(SECRETS, {}, amazon.fetch)
    options = {"webhooks": found, "public_url": PUBLIC, "confirm": confirm}
    with in_thread(tmp_path, **options) as served:
        yield World(served, amazon, visited)


def hubspot(body: bytes, url: str = PUBLIC + "/webhooks/hubspot") -> dict[str, str]:
    at = str(int(time.time() * 1000))
    signed = b"POST" + url.encode() + body + at.encode()
    key = base64.b64encode(hmac.new(b"client-secret", signed, hashlib.sha256).digest()).decode()
    return {"x_hubspot_request_timestamp": at, "x_hubspot_signature_v3": key}


def test_each_proven_webhook_is_kept_once(world: World) -> None:
    postmark = json.dumps(samples.postmark("Open", "ReceivedAt", Recipient="a@x.example")).encode()
    login = "Basic " + base64.b64encode(b"user:password").decode()
    telnyx = json.dumps(samples.telnyx("message.finalized")).encode()
    at = str(int(time.time()))
    proof = base64.b64encode(TELNYX.sign(at.encode() + b"|" + telnyx)).decode()
    crm = json.dumps([samples.hubspot("contact.creation")]).encode()
    form = samples.twilio("delivered")
    address = PUBLIC + "/webhooks/twilio?outbox_id=ob1"
    text = address + "MessageSidSM1MessageStatusdeliveredTo+33612345678"
    sms = base64.b64encode(hmac.new(b"12345", text.encode(), hashlib.sha1).digest()).decode()
    for _ in range(3):
        answers = [
            world.post("/webhooks/postmark", postmark, authorization=login),
            world.post(
                "/webhooks/telnyx", telnyx, telnyx_timestamp=at, telnyx_signature_ed25519=proof
            ),
            world.post("/webhooks/hubspot", crm, **hubspot(crm)),
            world.post(
                "/webhooks/twilio?outbox_id=ob1",
                form,
                content_type="application/x-www-form-urlencoded",
                x_twilio_signature=sms,
                x_forwarded_host="evil.example",
            ),
        ]
        assert [answer.status_code for answer in answers] == [200] * 4
        assert all(answer.elapsed.total_seconds() < 2 for answer in answers)
    found = world.served.rows("delivery_events")
    assert sorted((row["provider"], row["event_type"]) for row in found) == [
        ("hubspot", "crm_created"),
        ("postmark", "opened"),
        ("telnyx", "delivered"),
        ("twilio", "delivered"),
    ]
    assert {row["outbox_id"] for row in found} == {"ob1", None}


def test_what_is_not_proven_leaves_nothing(world: World) -> None:
    body = json.dumps([samples.hubspot("contact.creation")]).encode()
    for at in range(0, len(body), 7):
        changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        assert world.post("/webhooks/hubspot", changed, **hubspot(body)).status_code == 401
    elsewhere = hubspot(body, world.served.url + "/webhooks/hubspot")
    assert world.post("/webhooks/hubspot", body, **elsewhere).status_code == 401
    assert world.post("/webhooks/postmark", b"{}").status_code == 401
    assert world.post("/webhooks/sendgrid", b"[]").status_code == 503
    assert world.post("/webhooks/other", b"[]").status_code == 404
    assert world.post("/webhooks/hubspot/", b"[]").status_code == 404
    assert requests.get(world.served.url + "/webhooks/hubspot", timeout=5).status_code == 405
    assert world.count() == 0
    assert not list((world.served.folder / "landing").rglob("*.segment"))


def test_sns_is_confirmed_after_it_is_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW)
    confirmation = world.amazon.request(**CONFIRMATION).body
    assert world.post("/webhooks/ses", confirmation).status_code == 200
    assert world.visited == [CONFIRMATION["SubscribeURL"]]
    assert world.amazon.fetched == [json.loads(confirmation)["SigningCertURL"]]
    elsewhere = world.amazon.request(**CONFIRMATION | {"SubscribeURL": "https://evil.com/"}).body
    assert world.post("/webhooks/ses", elsewhere).status_code == 200
    assert len(world.visited) == 1, "signed or not, only Amazon's address is visited"
    refused = CONFIRMATION["SubscribeURL"] + "&refused"
    again = world.amazon.request(**CONFIRMATION | {"SubscribeURL": refused}).body
    assert world.post("/webhooks/ses", again).status_code == 503
    message = json.loads(samples.body_of(samples.ses("Delivery", {"recipients": ["a@x.example"]})))
    notice = world.amazon.request(Message=message["Message"]).body
    assert world.post("/webhooks/ses", notice).status_code == 200
    assert [row["event_type"] for row in world.served.rows("delivery_events")] == ["delivered"]


def test_no_secret_is_kept(world: World) -> None:
    body = json.dumps(samples.postmark("Open", "ReceivedAt", Recipient="a@x.example")).encode()
    login = "Basic " + base64.b64encode(b"user:password").decode()
    headers = {"authorization": login, "x_webhook_secret": "a-secret"}
    assert world.post("/webhooks/postmark", body, **headers).status_code == 200
    (segment,) = (world.served.folder / "landing").rglob("*.segment")
    for secret in (login.split()[1], "a-secret"):
        assert secret.encode() not in segment.read_bytes()
