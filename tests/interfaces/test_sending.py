"""`marketing send`, `outbox` and `campaigns test`: what they say, and how they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from interfaces.cli import app
from tests.reverse_etl.delivery.outboxes import NOW, message
from workspace import settings
from workspace.ledger import messages, open_ledger, outbox, providers
from workspace.ledger.lease import holding
from workspace.settings import Settings

LIVE = """\
providers:
  file: {live: true}
lanes:
  email: [{provider: file, weight: 1}]
"""


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A live workspace with messages to send, and a provider that writes files."""
    import shutil

    from workspace.paths import PROJECT

    folder = tmp_path / "marketing"
    shutil.copytree(PROJECT / "marketing", folder)
    (folder / "providers.yml").write_text(LIVE)
    monkeypatch.setenv("MARKETING_DEFINITIONS", str(folder))
    monkeypatch.setenv("MARKETING_WORKSPACE", str(tmp_path / "w"))
    monkeypatch.setenv("MARKETING_FILE_FOLDER", str(tmp_path / "mails"))
    found = settings.load()
    ledger = open_ledger(found.ledger_url)
    messages.enqueue(ledger, map(message, range(3)), NOW)
    ledger.close()
    return found


def marketing(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


def test_a_dry_run_sends_nothing_and_says_what_would_leave(
    opened: Settings, tmp_path: Path
) -> None:
    assert "3 would leave" in marketing("send", "--dry-run")
    assert not (tmp_path / "mails").exists()
    assert "email pending 3" in marketing("outbox", "status")


def test_what_is_due_is_sent_once(opened: Settings, tmp_path: Path) -> None:
    assert "1 left" in marketing("send", "--limit", "1")
    assert "2 left" in marketing("send")
    assert "nothing is due" in marketing("send")
    assert len(list((tmp_path / "mails").iterdir())) == 3
    assert "email file accepted 3" in marketing("outbox", "status")
    assert "0 still unknown" in marketing("outbox", "reconcile")


def test_a_provider_that_is_not_live_makes_it_a_dry_run(opened: Settings) -> None:
    path = opened.definitions / "providers.yml"
    path.write_text(LIVE.replace("true", "false"))
    told = marketing("send")
    assert "file is not asked: not live in providers.yml" in told
    assert "no provider can be asked, so this is what would leave" in told


def test_a_secret_that_is_missing_is_named(
    opened: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = opened.definitions / "providers.yml"
    path.write_text(LIVE.replace("file", "postmark"))
    assert "postmark is not asked: MARKETING_POSTMARK_TOKEN not set" in marketing("send")


def test_a_fault_in_providers_is_told_by_line(opened: Settings) -> None:
    path = opened.definitions / "providers.yml"
    path.write_text(LIVE.replace("provider: file", "provider: fil"))
    told = marketing("send", code=2)
    assert "providers.yml:4: lanes.email.0.provider: 'fil' is not listed" in told


def test_a_second_sender_is_told_of_the_first(opened: Settings) -> None:
    ledger = open_ledger(opened.ledger_url)
    with holding(ledger, opened.paths.root, settings.witness_root(), "the first", NOW):
        assert "another sender is at work here" in marketing("send", code=2)
    ledger.close()


def test_a_paused_provider_is_shown_and_resumed(opened: Settings) -> None:
    ledger = open_ledger(opened.ledger_url)
    with ledger.writing() as connection:
        providers.pause(connection, "file", "401", "another", NOW)
    ledger.close()
    assert "file is paused since" in marketing("outbox", "status")
    assert "asked again" in marketing("outbox", "resume", "file")
    assert "file is not paused" in marketing("outbox", "resume", "file", code=2)


def test_what_is_unknown_is_told(opened: Settings) -> None:
    ledger = open_ledger(opened.ledger_url)
    with ledger.writing() as connection:
        outbox.park(connection, {f"{0:064x}": "restored"}, NOW)
    ledger.close()
    assert "email unknown restored 1" in marketing("outbox", "status")


def test_verify_says_what_is_gone(opened: Settings) -> None:
    assert "no message" in marketing("outbox", "verify", "nothing", code=2)
    assert "cannot be rendered again" in marketing("outbox", "verify", f"{0:064x}", code=1)


def test_a_campaign_is_tried_on_a_list(opened: Settings, tmp_path: Path) -> None:
    told = marketing("campaigns", "test", "medical_webinar_october", "--to", "me@example.com")
    assert "1 left" in told
    (mail,) = (tmp_path / "mails").iterdir()
    assert b"me@example.com" in mail.read_bytes()
    assert "email file accepted (test) 1" in marketing("outbox", "status")
    told = marketing("campaigns", "test", "medical_webinar_october", "--to", "me", code=2)
    assert "'me' is no e-mail address and no number" in told
    told = marketing("campaigns", "test", "medical_webinar", "--to", "a@b.example", code=2)
    assert "no campaign 'medical_webinar'" in told
    (opened.definitions / "providers.yml").write_text(LIVE.replace("true", "false"))
    told = marketing(
        *("campaigns", "test", "medical_webinar_october", "--to", "a@b.example"), code=2
    )
    assert "no provider can be asked (file: not live" in told
