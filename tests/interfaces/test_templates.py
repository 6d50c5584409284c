"""`marketing templates`: exit codes, and what is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from interfaces.cli import app
from tests.reverse_etl.content.folders import folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    definitions = tmp_path / "definitions"
    definitions.mkdir()
    monkeypatch.setenv("MARKETING_DEFINITIONS", str(definitions))
    monkeypatch.setenv("MARKETING_WORKSPACE", str(tmp_path / "a workspace"))
    monkeypatch.delenv("MARKETING_ANTHROPIC_KEY", raising=False)
    return folder(definitions)


def marketing(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["templates", *map(str, arguments)])


def test_list_and_lint(home: Path) -> None:
    listed = marketing("list")
    assert listed.exit_code == 0 and "t " in listed.output and "medical" in listed.output
    assert marketing("lint").exit_code == 0
    (home / "templates" / "t" / "fr" / "preheader.txt").unlink()
    warned = marketing("lint", "t")
    assert warned.exit_code == 0 and "1 warnings" in warned.output
    mail = home / "templates" / "t" / "fr" / "email.mjml"
    mail.write_text(mail.read_text().replace("{{ postal_address }}", ""))
    refused = marketing("lint", "t")
    assert refused.exit_code == 1
    assert "fr/email.mjml:1: error: no postal address [postal_address]" in refused.output


def test_a_fault_is_told_with_its_place(home: Path) -> None:
    (home / "templates" / "t" / "fr" / "subject.txt").write_text("{{ frist_name }}")
    refused = marketing("list")
    assert refused.exit_code == 2
    assert "fr/subject.txt:1: no field 'frist_name'" in refused.output


def test_preview(home: Path, tmp_path: Path) -> None:
    shown = marketing("preview", "t", "--language", "fr-CA")
    assert shown.exit_code == 0 and "subject: Bonjour Camille" in shown.output
    page = tmp_path / "page.html"
    assert marketing("preview", "t", "--out", page).exit_code == 0
    assert "Bonjour Camille" in page.read_text() and page.stat().st_mode & 0o077 == 0
    assert marketing("preview", "tt").exit_code == 2
    assert "did you mean 't'" in marketing("preview", "tt").output
    assert marketing("preview", "t", "--channel", "sms").exit_code == 1
    nobody = marketing("preview", "t", "--contact", "c1")
    assert nobody.exit_code == 2 and "nothing is published" in nobody.output


def test_drafts(home: Path) -> None:
    brief = ("--brief", "Une suite", "--vertical", "medical")
    assert marketing("draft", "second", *brief).exit_code == 0
    assert "draft" in marketing("list").output
    assert marketing("draft", "second", *brief).exit_code == 2
    assert marketing("draft", "third", *brief, "--model").exit_code == 2
    assert marketing("preview", "second").exit_code == 0
    told = marketing("analyze", "t")
    assert told.exit_code == 0 and "fr, " in told.output
