"""`marketing audiences` says what is missing, wrong or named badly."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from interfaces.cli import app
from workspace.paths import PROJECT


def marketing(workspace: Path, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(
        app, ["audiences", words[0], "--workspace", str(workspace), *words[1:]]
    )
    return result.exit_code, " ".join(result.output.split())


@pytest.mark.parametrize("command", ["plan", "sync"])
def test_before_anything_ran(tmp_path: Path, command: str) -> None:
    code, told = marketing(tmp_path / "w", command)
    assert code == 2 and "marketing run" in told


def test_a_destination_that_there_is_not(tmp_path: Path) -> None:
    code, told = marketing(tmp_path / "w", "plan", "--destination", "meto")
    assert code == 2 and "did you mean 'meta'?" in told


def test_what_a_destination_cannot_do_is_told_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(PROJECT / "marketing", tmp_path / "marketing")
    monkeypatch.setenv("MARKETING_DEFINITIONS", str(folder))
    path = folder / "audiences.yml"
    text = path.read_text()
    place = text.index("destination: linkedin")
    line = text[:place].count("\n") + 4
    path.write_text(text[:place] + text[place:].replace("[email]", "[phone]", 1))
    code, told = marketing(tmp_path / "w", "plan")
    assert code == 2
    assert f"audiences.yml:{line}: audiences.finance_directors_linkedin" in told
    assert "takes no phone" in told
