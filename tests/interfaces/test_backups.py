"""`marketing backup` and `marketing restore` at the door, and what a shut workspace refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from interfaces.cli import app
from workspace import restored, settings
from workspace.lake import Lake
from workspace.ledger import open_ledger


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    opened = settings.load(tmp_path / "w")
    Lake(opened.paths.lake).commit("costs", "none", None)
    open_ledger(opened.ledger_url).close()
    (opened.paths.landing / "costs").mkdir()
    (opened.paths.landing / "costs" / "costs.csv").write_text("vertical\n")
    return opened.paths.root


def marketing(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)])


def test_a_workspace_comes_back(workspace: Path, tmp_path: Path) -> None:
    made = marketing("backup", tmp_path / "b", "--workspace", workspace, "--check")
    assert made.exit_code == 0, made.output
    assert "nothing is sent there" in made.output
    done = marketing("restore", tmp_path / "b", "--into", tmp_path / "new")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "new" / "landing" / "costs" / "costs.csv").read_text() == "vertical\n"
    assert not restored.is_marked(tmp_path / "new")
    again = marketing("restore", tmp_path / "b", "--into", tmp_path / "new")
    assert again.exit_code == 2 and "is not empty" in again.output


def test_the_folder_may_be_a_setting(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = marketing("backup", "--workspace", workspace)
    assert refused.exit_code == 2 and "MARKETING_BACKUPS" in refused.output
    monkeypatch.setenv("MARKETING_BACKUPS", str(tmp_path / "b"))
    assert marketing("backup", "--workspace", workspace).exit_code == 0
    assert marketing("restore", "--into", tmp_path / "new").exit_code == 0
    monkeypatch.setenv("MARKETING_BACKUP_DAYS", "none")
    assert "MARKETING_BACKUP_DAYS" in marketing("backup", "--workspace", workspace).output


def test_no_pepper_is_made_for_it(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marketing("backup", tmp_path / "b", "--workspace", workspace)
    monkeypatch.delenv("MARKETING_PEPPER")
    refused = marketing("restore", tmp_path / "b", "--into", tmp_path / "new")
    assert refused.exit_code == 2 and "pepper" in refused.output
    assert not (tmp_path / "new").exists()


def test_a_shut_workspace_neither_runs_nor_sends_nor_serves(workspace: Path) -> None:
    restored.mark(workspace, {"backup": "x"})
    for command in (["run"], ["send"], ["serve"], ["audiences", "sync"], ["outbox", "reconcile"]):
        refused = marketing(*command, "--workspace", workspace)
        assert refused.exit_code == 2, (command, refused.output)
        assert "was restored from a backup" in refused.output, command
    backup = marketing("backup", workspace.parent / "b", "--workspace", workspace)
    assert backup.exit_code == 2 and "was restored" in backup.output


def test_it_opens_by_resuming(workspace: Path, tmp_path: Path) -> None:
    refused = marketing("restore", "--into", workspace, "--resume")
    assert refused.exit_code == 2
    restored.mark(workspace, {"backup": "x"})
    assert json.loads((workspace / restored.MARK).read_text()) == {"backup": "x"}
    done = marketing("restore", "--into", workspace, "--resume")
    assert done.exit_code == 0, done.output
    assert not restored.is_marked(workspace)
