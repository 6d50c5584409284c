"""`POST /v1/consents`, over HTTP: what a site's own form records, and what it may not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ingestion.consent.requests import Desk
from tests.ingestion.collector.serving import KEYRING, Served, in_thread
from tests.ingestion.consent.offices import POLICY
from workspace.ledger import Ledger, open_ledger, schema

AT = datetime(2026, 3, 3, 9)
ADDRESS = "Zoe.Martin@Example.com"
BODY = {
    "email": ADDRESS,
    "purpose": "newsletter",
    "channel": "email",
    "textVersion": "newsletter-1",
    "language": "fr",
    "page": "https://www.example.com/lettre?email=zoe%40example.com#form",
}
REMINDERS = {
    "phone": "06 12 34 56 78",
    "purpose": "sms_reminders",
    "channel": "sms",
    "textVersion": "sms-reminders-1",
    "language": "en",
    "messageId": "m1",
}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield opened
    opened.close()


@pytest.fixture
def served(tmp_path: Path, ledger: Ledger) -> Iterator[Served]:
    desk = Desk(POLICY, KEYRING, lambda: ledger)
    with in_thread(tmp_path / "w", now=lambda: AT, consents=desk) as opened:
        yield opened


def events(ledger: Ledger) -> list[dict[str, Any]]:
    with ledger.reading() as connection:
        found = connection.execute(sa.select(schema.consent_events)).mappings()
        return [dict(row) for row in found]


def test_a_ticked_box_is_recorded(tmp_path: Path, served: Served, ledger: Ledger) -> None:
    answer = served.post("/v1/consents", BODY)
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    (event,) = events(ledger)
    assert event["identifier_key"] == KEYRING.key("email", "zoe.martin@example.com")
    assert (event["state"], event["mechanism"]) == ("granted", "ticked_box")
    assert (event["source_class"], event["source"]) == ("form", "collector:server")
    assert (event["purpose"], event["channel"]) == ("newsletter", "email")
    assert (event["legal_basis"], event["language"]) == ("consent", "fr")
    wording = POLICY.purposes["newsletter"].texts[0].fr
    assert event["text_hash"] == hashlib.sha256(wording.encode()).hexdigest()
    # No address in the ledger, not even in that of the page.
    assert event["evidence"].endswith("page:https://www.example.com/lettre")
    for file in tmp_path.glob("ledger.db*"):
        assert b"zoe" not in file.read_bytes().lower()


def test_a_purpose_to_be_confirmed_is_pending(served: Served, ledger: Ledger) -> None:
    for _ in range(3):  # its sender repeats it
        assert served.post("/v1/consents", REMINDERS).status_code == 200
    (event,) = events(ledger)
    assert event["state"] == "pending" and event["language"] == "en"
    assert event["identifier_key"] == KEYRING.key("phone", "+33612345678")


def test_the_run_learns_the_address(tmp_path: Path, ledger: Ledger) -> None:
    desk = Desk(POLICY, KEYRING, lambda: ledger)
    with in_thread(tmp_path / "w", now=lambda: AT, consents=desk) as served:
        served.post("/v1/consents", BODY)
        served.post("/v1/consents", {**REMINDERS, "userId": "u1"})
    by_email, by_user = sorted(served.rows(), key=lambda row: row["user_id"] or "")
    assert by_email["type"] == by_user["type"] == "identify"
    assert json.loads(by_email["traits"]) == {"email": ADDRESS}
    assert by_email["email_key"] == KEYRING.key("email", "zoe.martin@example.com")
    assert by_email["anonymous_id"].startswith("consent-") and by_email["user_id"] is None
    assert by_user["user_id"] == "u1" and by_user["message_id"].startswith("consent-")
    assert json.loads(by_user["traits"]) == {"phone": REMINDERS["phone"]}


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"purpose": "unknown"}, 422, "purpose"),
        ({"purpose": None}, 422, "purpose"),
        ({"channel": "sms"}, 422, "channel"),
        ({"channel": "all"}, 422, "channel"),
        ({"textVersion": "newsletter-2"}, 422, "textVersion"),
        ({"textVersion": "marketing-email-1"}, 422, "textVersion"),
        ({"language": "de"}, 422, "language"),
        ({"email": "zoe"}, 422, "email"),
        ({"email": None}, 422, "email"),
        ({"phone": "12"}, 422, "phone"),
        ({"granted": False}, 422, "granted"),
        ({"granted": "no"}, 422, "granted"),
        ({"page": "javascript:alert(1)//x@y"}, 200, ""),
        ({"page": "ftp://example.com/x"}, 422, "page"),
        ({"page": "https://example.com/zoe@example.com"}, 422, "page"),
        ({"page": "https://example.com/zoe%40example.com"}, 422, "page"),
        ({"page": "https://example.com/zoe%2540example.com"}, 422, "page"),
        ({"page": "https://example.com/a\0b"}, 422, "page"),
        ({"page": "https://exa\0mple.com/"}, 422, "page"),
        ({"email": "zo\0e@example.com"}, 422, "email"),
        ({"userId": "zo\0e"}, 422, "userId"),
        ({"page": "x" * 501}, 422, "page"),
        ({"page": 1}, 422, "page"),
        ({"state": "granted"}, 400, "field"),
        ({"<script>": "x"}, 400, "field"),
    ],
)
def test_what_is_refused(
    served: Served, ledger: Ledger, change: dict[str, Any], status: int, field: str
) -> None:
    answer = served.post("/v1/consents", {**BODY, **change})
    assert answer.status_code == status, answer.text
    if status != 200:
        assert field in answer.json()["error"] and "<" not in answer.text
        assert events(ledger) == [] and served.rows() == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b"{", 400),
        (b'{"purpose":"newsletter","purpose":"marketing"}', 400),
        (b'{"email":"\\ud800@example.com"}', 400),
        (b"[" * 10_000, 400),
        (b'{"email":"' + b"x" * 20_000 + b'"}', 413),
    ],
)
def test_bodies_that_are_none(served: Served, ledger: Ledger, body: bytes, status: int) -> None:
    assert served.post("/v1/consents", body).status_code == status
    assert events(ledger) == []


def test_only_with_a_write_key(served: Served, ledger: Ledger) -> None:
    assert served.post("/v1/consents", BODY, key="wrong").status_code == 401
    assert served.post("/v1/consents", BODY, key=None).status_code == 401
    there = {**BODY, "writeKey": "web-key"}
    foreign = {"origin": "https://evil.example"}
    assert served.post("/v1/consents", there, key=None, headers=foreign).status_code == 403
    assert events(ledger) == []
    own = {"origin": "https://www.example.com"}
    answer = served.post("/v1/consents", there, key=None, headers=own)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://www.example.com"
    assert [e["source"] for e in events(ledger)] == ["collector:web"]


def test_a_ledger_that_refuses_is_no_success(served: Served, ledger: Ledger) -> None:
    with ledger.writing() as connection:
        connection.execute(sa.text("drop table consent_events"))
    assert served.post("/v1/consents", BODY).status_code == 503
