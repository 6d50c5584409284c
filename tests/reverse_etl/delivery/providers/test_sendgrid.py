"""SendGrid: the request as its SDK makes it, its errors, and what is switched off."""

from __future__ import annotations

import json
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from reverse_etl.delivery import providers
from reverse_etl.delivery.protocol import Kind, Unsupported
from reverse_etl.delivery.transport import Transport
from tests.reverse_etl.delivery.conftest import HARNESSES
from tests.reverse_etl.delivery.harness import (
    LIST_UNSUBSCRIBE,
    NOW,
    Scripted,
    agree,
    shape,
)

SENDGRID = HARNESSES["sendgrid"]
GOLDEN = {
    "categories": ["str"],
    "content": [{"type": "str", "value": "str"}],
    "custom_args": {"outbox_id": "str"},
    "from": {"email": "str", "name": "str"},
    "headers": {"List-Unsubscribe": "str", "List-Unsubscribe-Post": "str"},
    "personalizations": [{"to": [{"email": "str"}]}],
    "reply_to": {"email": "str"},
    "subject": "str",
    "tracking_settings": {
        "click_tracking": {"enable": "bool", "enable_text": "bool"},
        "ganalytics": {"enable": "bool"},
        "open_tracking": {"enable": "bool"},
        "subscription_tracking": {"enable": "bool"},
    },
}


def sent(scripted: Scripted, **changes: Any) -> dict[str, Any]:
    scripted.outcome(SENDGRID, 202, b"", {"x-message-id": "m1"}, **changes)
    found: dict[str, Any] = json.loads(scripted.requests[-1][3])
    return found


def test_requests_look_like_the_sdk_s(scripted: Scripted) -> None:
    body = sent(scripted, headers=LIST_UNSUBSCRIBE, reply_to="answers@example.org")
    assert shape(body) == GOLDEN
    method, path, headers, _ = scripted.requests[-1]
    assert (method, path) == ("POST", "/v3/mail/send")
    assert headers["authorization"].startswith("Bearer ")
    assert headers["content-type"] == "application/json"


def test_requests_agree_with_a_capture_of_the_sdk(scripted: Scripted, shared_data: Path) -> None:
    (captured,) = json.loads((shared_data / "wire" / "sendgrid.json").read_text())
    theirs = shape(json.loads(captured["body"]))
    assert isinstance(theirs, dict)
    agree(GOLDEN, theirs)
    assert set(theirs) <= set(GOLDEN)
    sent(scripted)
    assert scripted.requests[-1][:2] == (captured["method"], captured["path"])


def test_nothing_is_tracked_or_added(scripted: Scripted) -> None:
    body = sent(scripted)
    settings = {name: one["enable"] for name, one in body["tracking_settings"].items()}
    assert settings == {
        "click_tracking": False,
        "ganalytics": False,
        "open_tracking": False,
        "subscription_tracking": False,
    }
    assert "mail_settings" not in body and "asm" not in body
    assert "@" not in json.dumps(body["custom_args"])


def test_text_stands_before_html(scripted: Scripted) -> None:
    body = sent(scripted)
    assert [part["type"] for part in body["content"]] == ["text/plain", "text/html"]


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"errors": [{"field": "personalizations.0.to.0.email"}]}, Kind.INVALID),
        (400, {"errors": [{"field": "from.email", "message": "a@b"}]}, Kind.SENDER),
        (403, {"errors": [{"field": "from", "message": "not verified"}]}, Kind.SENDER),
        (400, {"errors": ["what"]}, Kind.REJECTED),
        (400, [], Kind.REJECTED),
        (401, {"errors": [{"message": "Maximum credits exceeded"}]}, Kind.EXHAUSTED),
        (401, {"errors": [{"message": "authorization required"}]}, Kind.DENIED),
        (403, {"errors": None}, Kind.DENIED),
        (413, b"", Kind.REJECTED),
        (429, b"", Kind.THROTTLED),
        (500, b"", Kind.AMBIGUOUS),
        (503, b"", Kind.AMBIGUOUS),
        (202, b"", Kind.AMBIGUOUS),  # without its id
    ],
)
def test_answers(scripted: Scripted, status: int, body: object, kind: Kind) -> None:
    assert scripted.outcome(SENDGRID, status, body).kind is kind


def test_it_waits_until_the_limit_is_reset(scripted: Scripted) -> None:
    reset = str(int(NOW.replace(tzinfo=UTC).timestamp()) + 41)
    for headers, wait in (
        ({"x-ratelimit-reset": reset}, 41),
        ({"x-ratelimit-reset": reset, "retry-after": "5"}, 5),
        ({"x-ratelimit-reset": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "1e9"}, None),
        ({}, None),
    ):
        assert scripted.outcome(SENDGRID, 429, b"", headers).retry_after == wait


def test_reserved_headers_are_refused(scripted: Scripted) -> None:
    lane = scripted.lane(SENDGRID)
    for name in ("X-SMTPAPI", "x-sg-id", "Subject", "Content-Type", "Reply-To", "Bcc", "a b", ""):
        with pytest.raises(Unsupported):
            lane.item(SENDGRID.message(1, headers=((name, "1"),)))


def test_the_eu_has_a_host_of_its_own() -> None:
    transport = Transport(lambda: NOW)
    given = {"MARKETING_SENDGRID_KEY": "k"}
    provider: Any = providers.make("sendgrid", given, {"region": "eu"}, transport)
    assert provider._url == "https://api.eu.sendgrid.com/v3/mail/send"
    with pytest.raises(ValueError, match="mars"):
        providers.make("sendgrid", given, {"region": "mars"}, transport)
