"""`marketing serve` as users start it."""

from __future__ import annotations

import signal
from datetime import datetime
from pathlib import Path

import pytest
import requests
from typer.testing import CliRunner

from interfaces import http
from interfaces.cli import app
from tests.ingestion.collector.serving import as_process, counted, kill
from workspace import settings
from workspace.identifiers import Keyring
from workspace.ledger import consent, open_ledger
from workspace.ledger.consent import ConsentEvent
from workspace.links import Link, sign

AT = datetime(2026, 3, 3)


@pytest.mark.parametrize("workers", [1, 2])
def test_serving_until_told_to_stop(tmp_path: Path, workers: int) -> None:
    with as_process(tmp_path / "a workspace", workers) as (served, process):
        for i in range(10):
            body = {"messageId": f"m{i}", "userId": "u", "event": "E"}
            assert served.post("/v1/track", body).status_code == 200
        assert counted(served, "collector_messages_total", "server") == 10
        assert counted(served, "collector_requests_total", 'status="200"') >= 10
        assert requests.get(served.url + "/nothing", timeout=5).status_code == 404
        kill(process, signal.SIGTERM)
        assert process.returncode in (0, -signal.SIGTERM)
    # A clean end leaves nothing for others to seal.
    landing = tmp_path / "a workspace" / "landing"
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
