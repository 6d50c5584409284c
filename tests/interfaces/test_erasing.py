"""`marketing erase` and `marketing retain` at the door."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from interfaces.cli import app
from tests.reverse_etl.privacy import small_world as world
from workspace import settings
from workspace.ledger import open_ledger, schema


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MARKETING_PEPPER", world.RING.pepper.decode())
    monkeypatch.setenv("MARKETING_ACTOR", "dpo")
    opened = settings.load(tmp_path / "w")
    opened.paths.default_as_of.write_text("2026-10-01T08:00:00Z")
    world.ingest(opened.paths, tmp_path / "files")
    world.publish_identities(opened.paths)
    return opened.paths.root


def ask(workspace: Path, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, [words[0], "--workspace", str(workspace), *words[1:]])
    return done.exit_code, done.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("erase",), "name a person"),
        (("erase", "nobody@nowhere.example", "--yes"), "subject 1 is not known"),
        (("erase", world.SHARED, "--yes"), "nobody's alone"),
        (("erase", "--verify", "no-such-file.json"), "no certificate"),
    ],
)
def test_bad_arguments_exit_2_and_say_what_to_do(
    workspace: Path, words: tuple[str, ...], told: str
) -> None:
    code, said = ask(workspace, *words)
    assert code == 2 and told in " ".join(said.split())
    assert "nowhere.example" not in said and world.SHARED not in said


def test_a_dry_run_says_what_would_go_and_changes_nothing(workspace: Path, tmp_path: Path) -> None:
    listed = tmp_path / "people.csv"
    listed.write_text(f"{world.ANNE}\n9001001\n")
    before = sorted(str(path) for path in (workspace / "lake").rglob("*.parquet"))
    code, said = ask(workspace, "erase", "--file", str(listed), "--dry-run")
    assert code == 0 and "1 people" in said and "lake/events" in said
    assert sorted(str(path) for path in (workspace / "lake").rglob("*.parquet")) == before
    assert not (workspace / "privacy").exists()


def test_without_a_yes_nobody_is_buried(workspace: Path) -> None:
    code, _ = ask(workspace, "erase", world.ANNE)
    assert code == 1
    ledger = open_ledger(f"sqlite:///{workspace / 'ledger.db'}")
    with ledger.reading() as connection:
        assert connection.execute(schema.tombstones.select()).all() == []
    ledger.close()
