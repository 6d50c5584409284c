"""`marketing serve` as users start it."""

from __future__ import annotations

import json
import signal
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest
import requests
from typer.testing import CliRunner

from interfaces import http
from interfaces.cli import app
from tests.ingestion.collector.serving import as_process, counted, kill
from tests.reverse_etl.delivery.outboxes import message
from workspace import settings, tokens
from workspace.identifiers import Keyring
from workspace.ledger import consent, messages, open_ledger
from workspace.ledger.consent import ConsentEvent
from workspace.links import Link, sign
from workspace.tokens import Token

AT = datetime(2026, 3, 3)


@pytest.mark.parametrize(("host", "answer"), [("127.0.0.1", 503), ("0.0.0.0", 401)])
def test_scores_are_given_for_a_known_key_on_this_machine_alone(
    tmp_path: Path, host: str, answer: int
) -> None:
    keyless = {"MARKETING_WRITE_KEYS": "", "MARKETING_SCORE_KEYS": ""}
    with as_process(tmp_path / "w", 2, host, keyless) as (served, _):
        assert served.post("/v1/track", {"userId": "u", "event": "E"}, "dev").status_code == 200
        url = served.url + "/v1/score/churn"
        found = requests.post(url, json={"features": {}}, auth=("dev", ""), timeout=20)
        assert found.status_code == answer
        pages = requests.get(served.url + "/control-room/", auth=("dev", ""), timeout=20)
        assert pages.status_code == (404 if answer == 503 else 401)  # no run made them yet


@pytest.mark.parametrize("workers", [1, 2])
def test_serving_until_told_to_stop(tmp_path: Path, workers: int) -> None:
    with as_process(tmp_path / "a workspace", workers) as (served, process):
        for i in range(10):
            body = {"messageId": f"m{i}", "userId": "u", "event": "E"}
            assert served.post("/v1/track", body).status_code == 200
        assert counted(served, "collector_messages_total", "server") == 10
        assert counted(served, "collector_requests_total", 'status="200"') >= 10
        assert requests.get(served.url + "/nothing", timeout=5).status_code == 404
        document = requests.get(served.url + "/v1/openapi.json", timeout=20).json()
        assert list(document["paths"]) == ["/v1/score/{model}"]
        url, body = served.url + "/v1/score/churn", {"features": {}}
        assert requests.post(url, json=body, timeout=20).status_code == 401
        known = requests.post(url, json=body, auth=("dev", ""), timeout=20)
        assert known.status_code == 401  # who set write keys must set these too
        refused = requests.post(url, json=body, auth=("score-key", ""), timeout=20)
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/no_model")
        assert requests.get(served.url + "/control-room/", timeout=5).status_code == 401
        kill(process, signal.SIGTERM)
        assert process.returncode in (0, -signal.SIGTERM)
    # A clean end leaves nothing for others to seal, and lands how long answers took.
    landing = tmp_path / "a workspace" / "landing"
    counted_times: Counter[str] = Counter()
    for file in (landing / "http_latencies").iterdir():
        for row in map(json.loads, file.read_text().splitlines()):
            assert row["family"] == "scores"
            counted_times[row["outcome"]] += row["requests"]
    assert counted_times == {"refused": 2, "failed": 1}
    assert not list((landing / ".collector").glob("*.segment"))
    assert {row["message_id"] for row in served.rows()} == {f"m{i}" for i in range(10)}


def test_settings_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKETING_WRITE_KEYS", "secret-alone")
    result = CliRunner().invoke(app, ["serve", "--workspace", str(tmp_path)])
    assert result.exit_code == 2
    assert "secret-alone" not in result.output
    monkeypatch.setenv("MARKETING_WRITE_KEYS", "web:key")
    monkeypatch.setenv("MARKETING_CORS_ORIGINS", "other:https://a.example")
    with pytest.raises(settings.SettingsError, match="'other', which has no write key"):
        http.check(settings.load(tmp_path))


def test_a_write_key_is_no_key_for_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKETING_WRITE_KEYS", "web:public")
    monkeypatch.setenv("MARKETING_SCORE_KEYS", "crm:public")
    with pytest.raises(settings.SettingsError, match="MARKETING_SCORE_KEYS has a write key"):
        http.check(settings.load(tmp_path))


@pytest.mark.parametrize("workers", [1, 2])
def test_links_of_messages(tmp_path: Path, workers: int) -> None:
    """Signed by the workspace's own key, asked of its ledger, landed by any worker."""
    folder = tmp_path / "w"
    opened = settings.load(folder)
    keyring = opened.keyring
    link = Link("ab" * 32, "cd" * 16, "https://www.example.com/x")
    refused = Link("ef" * 32, "01" * 16, "https://www.example.com/y")
    ledger = open_ledger(opened.ledger_url)
    consent.append(
        ledger,
        [
            ConsentEvent(
                *("email", refused.recipient_key, "email_tracking", "email", "withdrawn"),
                *("preference_page", "page", AT, AT),
            )
        ],
        AT,
    )
    ledger.close()
    with as_process(folder, workers) as (served, process):
        for given in [link] * 6 + [refused]:
            answer = requests.get(
                f"{served.url}/c/{sign(keyring, given)}", allow_redirects=False, timeout=20
            )
            assert (answer.status_code, answer.headers["location"]) == (302, given.url)
        foreign = sign(Keyring(b"another pepper"), link)
        assert requests.get(f"{served.url}/c/{foreign}", timeout=20).status_code == 404
        assert counted(served, "collector_clicks_total", "kept") == 6
        assert counted(served, "collector_clicks_total", "not_seen") == 1
        kill(process, signal.SIGTERM)
    rows = served.rows("delivery_events")
    assert [(row["provider"], row["outbox_id"]) for row in rows] == [("links", "ab" * 32)] * 6


def test_messages_in_the_browser(tmp_path: Path) -> None:
    """Shown from the workspace's ledger, to who has a link that its own key signed."""
    folder = tmp_path / "w"
    opened = settings.load(folder)
    ledger = open_ledger(opened.ledger_url)
    payload = json.dumps({"content": {"subject": "S", "html": "<p>Bonjour</p>"}}).encode()
    assert messages.enqueue(ledger, [message(1, payload=payload)], AT).new
    ledger.close()

    def link(number: int, keyring: Keyring) -> str:
        whose = Token("view", f"{number:064x}", "email", "cd" * 16, "email", AT, language="fr")
        return f"/v/{tokens.sign(keyring, whose)}"

    with as_process(folder, 1) as (served, _):
        shown = requests.get(served.url + link(1, opened.keyring), timeout=20)
        assert (shown.status_code, shown.text) == (200, "<p>Bonjour</p>")
        assert "sandbox" in shown.headers["content-security-policy"]
        gone = requests.get(served.url + link(2, opened.keyring), timeout=20)
        assert gone.status_code == 410 and "n'est plus conservé" in gone.text
        foreign = link(1, Keyring(b"another pepper"))
        assert requests.get(served.url + foreign, timeout=20).status_code == 404


def test_the_desk_over_http(tmp_path: Path) -> None:
    """Any worker knows a session that another one began; the desk is loaded when it is asked."""
    keys = {"MARKETING_READ_KEYS": "approver/max:key-of-max,wall:view-key"}
    with as_process(tmp_path / "w", 2, changed=keys) as (served, _), requests.Session() as asking:
        url = served.url + "/control-room/desk"
        found = asking.post(f"{url}/sign-in", data={"key": "key-of-max"}, timeout=60)
        assert found.status_code == 200 and "max, approver" in found.text
        for _ in range(6):
            assert "Sign out" in asking.get(f"{url}/pauses", timeout=60).text
        wall = requests.post(f"{url}/sign-in", data={"key": "view-key"}, timeout=60)
        assert wall.status_code == 403 and "a key of role viewer" in wall.text.lower()
        slow = served.raw(
            b"POST /control-room/desk/pauses HTTP/1.1\r\nhost: x\r\ncontent-length: 9999999\r\n"
            b"content-type: application/x-www-form-urlencoded\r\n\r\n"
        )
        assert b" 413 " in slow.split(b"\r\n")[0]


def test_the_desk_without_a_key_that_may_do_anything(tmp_path: Path) -> None:
    with as_process(tmp_path / "w", changed={"MARKETING_WRITE_KEYS": ""}) as (served, _):
        found = requests.get(f"{served.url}/control-room/desk/", timeout=60)
        assert found.status_code == 503 and "MARKETING_READ_KEYS=marketer" in found.text
