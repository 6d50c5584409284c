"""The stand-ins for text messages, push and webhooks refuse what the vendors' documentation says
they refuse: a provider that passes here has kept to it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from types import ModuleType
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from sandbox.servers import fcm, onesignal, telnyx, twilio, webhook
from sandbox.servers.base import SECRET, serving
from sandbox.servers.messaging import Desk
from workspace.standard_webhooks import sign

AT = datetime(2026, 11, 22, 9, 30)
SECONDS = int(AT.replace(tzinfo=UTC).timestamp())
BASIC = base64.b64encode(f"{twilio.ACCOUNT}:{SECRET}".encode()).decode()
MESSAGES = f"/2010-04-01/Accounts/{twilio.ACCOUNT}/Messages.json"
FORM = {"To": "+33612340001", "From": "+33600000000", "Body": "Bonjour"}
TEXT = {"to": "+33612340001", "from": "+33600000000", "text": "Bonjour"}
PUSH = {
    "app_id": onesignal.APP,
    "contents": {"en": "Bonjour"},
    "include_aliases": {"external_id": ["device-0001"]},
    "target_channel": "push",
}
NOTE = {"token": "device-0001", "notification": {"title": "Bonjour"}}


def posted(
    standin: ModuleType, path: str, body: bytes, headers: Mapping[str, str]
) -> tuple[int, str, Desk]:
    desk = Desk(clock=lambda: AT)
    with serving(standin.app(desk)) as url, requests.Session() as session:
        session.trust_env = False
        given = dict(headers)
        if standin is fcm and "authorization" not in given:
            given["authorization"] = f"Bearer {access_token(url)}"
        answer = session.post(url + path, data=body, headers=given, timeout=10)
    return answer.status_code, answer.text, desk


def access_token(url: str) -> str:
    from google.oauth2.service_account import Credentials

    from reverse_etl.delivery.providers.fcm import SCOPE, _ask

    account = requests.get(f"{url}/service-account", timeout=10).json()
    account["token_uri"] = f"{url}/token"
    credentials = Credentials.from_service_account_info(account, scopes=[SCOPE])
    credentials.refresh(_ask)
    return str(credentials.token)


def form(**changes: str | None) -> bytes:
    fields = {name: value for name, value in {**FORM, **changes}.items() if value is not None}
    return urlencode(fields).encode()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (form(), 201, "queued"),
        (form(From=None, MessagingServiceSid="MG1"), 201, "queued"),
        (form(To=None), 400, "21604"),
        (form(From=None), 400, "21603"),
        (form(Body=None), 400, "21602"),
        (form(To="0612340001"), 400, "21211"),
        (form(Body="x" * 1601), 400, "21617"),
        (form(StatusCallback="hooks.example.com"), 400, "21609"),
        (form(To="+33612340008"), 400, "21610"),
        (form(Colour="red"), 400, "20001"),
        (form() + b"&To=%2B33612340002", 400, "20001"),
        (b"\xff", 400, "20001"),
    ],
)
def test_twilio(body: bytes, status: int, code: str) -> None:
    found, text, desk = posted(twilio, MESSAGES, body, {"authorization": f"Basic {BASIC}"})
    assert (found, code in text) == (status, True), text
    assert len(desk.taken) == (status == 201)


def test_twilio_lets_only_its_account_in() -> None:
    assert posted(twilio, MESSAGES, form(), {})[0] == 401
    other = MESSAGES.replace(twilio.ACCOUNT, "AC0")
    assert posted(twilio, other, form(), {"authorization": f"Basic {BASIC}"})[0] == 404


@pytest.mark.parametrize(
    ("changes", "headers", "status", "code"),
    [
        ({}, {}, 200, "queued"),
        ({"to": "0612340001"}, {}, 400, "40310"),
        ({"from": "MARQUE"}, {}, 400, "40305"),
        ({"from": "MARQUE", "messaging_profile_id": "p1"}, {}, 200, "queued"),
        ({"text": "x" * 1531}, {}, 422, "10015"),
        ({"webhook_url": "hooks"}, {}, 422, "10015"),
        ({"colour": "red"}, {}, 422, "10015"),
        ({}, {"idempotency-key": "a b"}, 400, "10015"),
        ({"to": "+33612340008"}, {}, 400, "40300"),
        ({}, {"authorization": "Bearer other"}, 401, "unauthorized"),
    ],
)
def test_telnyx(changes: dict[str, str], headers: dict[str, str], status: int, code: str) -> None:
    given = {"authorization": f"Bearer {SECRET}", **headers}
    body = json.dumps({**TEXT, **changes}).encode()
    found, text, desk = posted(telnyx, "/v2/messages", body, given)
    assert (found, code in text) == (status, True), text
    assert len(desk.taken) == (status == 200)


@pytest.mark.parametrize(
    ("changes", "headers", "status", "code"),
    [
        ({}, {}, 200, "projects/stand-in/messages/"),
        ({"data": {"n": 1}}, {}, 400, "message.data[0].value"),
        ({"data": {"from": "x"}}, {}, 400, "message.data"),
        ({"data": {"google.x": "x"}}, {}, 400, "message.data"),
        ({"data": {"n": "x" * 4096}}, {}, 400, "INVALID_ARGUMENT"),
        ({"colour": "red"}, {}, 400, "message.colour"),
        ({"token": "a-malformed"}, {}, 400, "FcmError"),
        ({"token": "a-other-sender"}, {}, 403, "SENDER_ID_MISMATCH"),
        ({"token": "device-0009"}, {}, 404, "UNREGISTERED"),
        ({}, {"authorization": "Bearer other"}, 401, "UNAUTHENTICATED"),
    ],
)
def test_fcm(changes: dict[str, Any], headers: dict[str, str], status: int, code: str) -> None:
    body = json.dumps({"message": {**NOTE, **changes}}).encode()
    found, text, desk = posted(fcm, "/v1/projects/stand-in/messages:send", body, headers)
    assert (found, code in text) == (status, True), text
    assert len(desk.taken) == (status == 200)


def test_fcm_knows_its_project_and_its_form() -> None:
    body = json.dumps({"message": NOTE}).encode()
    assert posted(fcm, "/v1/projects/other/messages:send", body, {})[0] == 404
    assert posted(fcm, "/v1/projects/stand-in/messages:send", b"{", {})[0] == 400
    assert posted(fcm, "/token", b"assertion=a.b.c", {"authorization": ""})[0] == 400


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({}, 200, '"id":"8b1a9953'),
        ({"app_id": "other"}, 400, "app_id not found"),
        ({"contents": {"fr": "Bonjour"}}, 400, "English"),
        ({"include_aliases": {"onesignal_id": ["x"]}}, 400, "include_aliases"),
        ({"include_aliases": {"external_id": []}}, 400, "length"),
        ({"target_channel": "email"}, 400, "target_channel"),
        ({"idempotency_key": "not a uuid"}, 400, "idempotency_key"),
        ({"idempotency_key": "5eb5a37e-b458-11e3-ac11-000c2940e62c"}, 400, "idempotency_key"),
        ({"data": {"x": "y" * 2048}}, 400, "2048"),
        ({"colour": "red"}, 400, "colour"),
        ({"include_aliases": {"external_id": ["a-0008"]}}, 200, "not subscribed"),
        ({"include_aliases": {"external_id": ["a-0009"]}}, 200, "invalid_aliases"),
    ],
)
def test_onesignal(changes: dict[str, Any], status: int, code: str) -> None:
    body = json.dumps({**PUSH, **changes}).encode()
    found, text, desk = posted(
        onesignal, "/notifications", body, {"authorization": f"Key {SECRET}"}
    )
    assert (found, code in text) == (status, True), text
    assert len(desk.taken) == ('"id":"8b' in text)


def test_onesignal_takes_some_of_many() -> None:
    people = {"external_id": ["device-0001", "a-0008", "a-0009"]}
    body = json.dumps({**PUSH, "include_aliases": people}).encode()
    _, text, desk = posted(onesignal, "/notifications", body, {"authorization": f"Key {SECRET}"})
    assert json.loads(text)["errors"] == {"invalid_aliases": {"external_id": ["a-0009"]}}
    assert [one.recipient for one in desk.taken] == ["device-0001"]
    assert posted(onesignal, "/notifications", body, {"authorization": SECRET})[0] == 403


BODY = json.dumps({"data": {"message_id": "m1", "to": "x", "track_opens": False}}).encode()
HOOK = base64.b64decode(webhook.KEY.removeprefix("whsec_"))


def signed(ident: str, at: int, key: bytes = HOOK, **changes: str) -> dict[str, str]:
    return {
        "idempotency-key": "m1",
        "webhook-id": ident,
        "webhook-timestamp": str(at),
        "webhook-signature": sign(key, ident, at, BODY),
        **changes,
    }


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (signed("m1", SECONDS), 200),
        (signed("m1", SECONDS - 299), 200),
        (signed("m1", SECONDS - 301), 401),
        (signed("m1", SECONDS + 301), 401),
        (signed("m1", SECONDS, b"x" * 32), 401),
        (signed("m2", SECONDS), 400),
        ({**signed("m1", SECONDS), "idempotency-key": "m2"}, 400),
        ({**signed("m1", SECONDS), "webhook-timestamp": "soon"}, 401),
        ({}, 401),
    ],
)
def test_webhook(headers: dict[str, str], status: int) -> None:
    found, _, desk = posted(webhook, "/messages", BODY, headers)
    assert found == status and len(desk.taken) == (status == 200)
