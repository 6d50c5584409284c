"""What people decide through commands is on record; `marketing audit` tells and verifies it."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import Result
from typer.testing import CliRunner

from interfaces.cli import app
from tests.interfaces.test_sending import message, opened  # noqa: F401 - a fixture
from tests.workspace.test_audit import TABLE, rows, unlock
from workspace.identifiers import Keyring
from workspace.ledger import Ledger, audit, open_ledger, providers
from workspace.settings import Settings, load

CAMPAIGN = "public_salon_invitation"
NOW = datetime(2026, 3, 1)


def marketing(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in arguments])


@pytest.fixture
def settings(opened: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:  # noqa: F811
    monkeypatch.setenv("MARKETING_ACTOR", "ana")
    return opened


@pytest.fixture
def ledger(settings: Settings) -> Ledger:
    return open_ledger(settings.ledger_url)


def last(ledger: Ledger) -> audit.Link:
    return rows(ledger)[-1]


@pytest.mark.parametrize(
    ("arguments", "action", "object_"),
    [
        (("stop-all",), "all.pause", "all"),
        (("campaigns", "approve", CAMPAIGN), "campaign.approve", f"campaign:{CAMPAIGN}"),
        (("campaigns", "approve", CAMPAIGN, "--reject"), "campaign.reject", f"campaign:{CAMPAIGN}"),
        (("campaigns", "pause", CAMPAIGN), "campaign.pause", f"campaign:{CAMPAIGN}"),
        (("campaigns", "stop", CAMPAIGN), "campaign.stop", f"campaign:{CAMPAIGN}"),
        (("journeys", "pause", "medical_nps"), "journey.pause", "journey:medical_nps"),
        (("send", "--take-lease"), "lease.take", "lease:outbox"),
        (("outbox", "reconcile"), "outbox.reconcile", "outbox"),
        (("outbox", "resume", "file"), "provider.resume", "provider:file"),
    ],
)
def test_a_decision_is_on_record_with_who_and_why(
    settings: Settings, ledger: Ledger, arguments: tuple[str, ...], action: str, object_: str
) -> None:
    if "resume" in arguments:
        with ledger.writing() as connection:
            providers.pause(connection, "file", "401", "another", NOW)
    result = marketing(*arguments, "--reason", "as asked")
    assert result.exit_code == 0, result.output
    found = last(ledger)
    assert (found.actor, found.action, found.object) == ("ana", action, object_)
    assert found.reason == "as asked"
    assert found.before_hash != found.after_hash
    assert "the audit chain holds" in marketing("audit", "--verify").output


def test_by_says_who_and_what_changes_nothing_is_not_recorded(
    settings: Settings, ledger: Ledger
) -> None:
    assert marketing("stop-all", "--by", "bob").exit_code == 0
    assert marketing("stop-all", "--by", "eve").exit_code == 0
    assert [link.actor for link in rows(ledger)] == ["bob"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("stop-all", "--reason", "ann@example.com asked"),
        ("stop-all", "--by", "ann@example.com"),
        ("campaigns", "approve", CAMPAIGN, "--note", "ann@example.com asked"),
        ("campaigns", "test", CAMPAIGN, "--to", "a@b.example", "--reason", "for a@b.example"),
        ("outbox", "reconcile", "--reason", "a@b.example"),
    ],
)
def test_an_address_is_refused_before_anything_is_done(
    settings: Settings, ledger: Ledger, arguments: tuple[str, ...]
) -> None:
    result = marketing(*arguments)
    assert result.exit_code == 2 and "an address does not belong here" in result.output
    assert rows(ledger) == []
    assert marketing("outbox", "status").output.count("pending") == 1


def test_an_actor_s_address_is_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKETING_ACTOR", "ana@example.com")
    result = marketing("stop-all")
    assert result.exit_code == 2 and "MARKETING_ACTOR" in result.output


def test_a_test_send_names_whom_it_went_to_by_key(settings: Settings, ledger: Ledger) -> None:
    done = marketing("campaigns", "test", "medical_webinar_october", "--to", "me@example.com")
    assert done.exit_code == 0, done.output
    key = settings.keyring.key("email", "me@example.com")
    [found] = [link for link in rows(ledger) if link.action == "campaign.test"]
    assert found.subject_key == key
    told = marketing("audit", "me@example.com")
    assert told.exit_code == 0 and "campaign.test: " in told.output
    assert "accepted (test)" in " ".join(told.output.split())
    assert last(ledger)[2:6] == ("ana", "subject.read", "audit", key)


def test_everything_of_a_person_as_json(settings: Settings, ledger: Ledger) -> None:
    key = message(0).contact_id
    done = marketing("audit", message(0).destination_key, "--json", "--since", "2020-01-01")
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert found["contact_id"] is None and found["published_version"] is None
    assert found["entries"][0]["what"].startswith("queued")
    assert key not in found["keys"]  # nothing published ties the two
    assert marketing("audit", message(0).destination_key, "--since", "2100-01-01").exit_code == 0


def test_whom_nothing_names(settings: Settings) -> None:
    told = marketing("audit", "nobody@example.com")
    assert told.exit_code == 2 and "nothing on record" in told.output
    assert "nobody@example.com" not in told.output
    assert "whom?" in marketing("audit").output


def test_a_broken_chain_is_told_and_only_a_restored_one_accepted(
    settings: Settings, ledger: Ledger
) -> None:
    for event in ((), ("--resume",), ()):
        assert marketing("stop-all", *event).exit_code == 0
    unlock(ledger)
    with ledger.writing() as connection:
        connection.execute(sa.delete(TABLE).where(TABLE.c.position > 1))
    broken = marketing("audit", "--verify")
    assert broken.exit_code == 1 and "position 2: missing" in " ".join(broken.output.split())
    told = json.loads(marketing("audit", "--verify", "--json").output)
    assert told["broken"]["position"] == 2
    assert "--reason" in marketing("audit", "--accept-restored").output
    accepted = marketing("audit", "--accept-restored", "--reason", "the disk failed")
    assert accepted.exit_code == 0 and "recorded at position 2" in accepted.output
    assert marketing("audit", "--verify").exit_code == 0
    with ledger.writing() as connection:
        connection.execute(sa.update(TABLE).where(TABLE.c.position == 1).values(actor="eve"))
    assert marketing("audit", "--verify").exit_code == 1
    refused = marketing("audit", "--accept-restored", "--reason", "never mind")
    assert refused.exit_code == 2 and "broken in itself" in refused.output


def test_a_decision_leaves_an_anchor_outside_the_workspace(
    settings: Settings, tmp_path: Path
) -> None:
    assert marketing("stop-all").exit_code == 0
    [kept] = (tmp_path / "witness").glob("*/audit.json")
    assert json.loads(kept.read_text())[0]["position"] == 1
    assert kept.stat().st_mode & 0o077 == 0
    assert marketing("send", "--take-lease").exit_code == 0
    assert json.loads(kept.read_text())[0]["position"] == 2


def test_who_says_it_where_nobody_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os
    import pwd

    from workspace.settings import actor

    monkeypatch.delenv("MARKETING_ACTOR", raising=False)
    assert actor() == pwd.getpwuid(os.getuid()).pw_name
    assert isinstance(load(tmp_path / "w").keyring, Keyring)
