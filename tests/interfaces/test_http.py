"""`marketing serve` as users start it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import requests
from typer.testing import CliRunner

from interfaces import http
from interfaces.cli import app
from tests.ingestion.collector.serving import as_process, counted, kill
from workspace import settings


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
