"""`marketing experiments` answers with what there is, or says what is missing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from interfaces.cli import app
from workspace.paths import PROJECT


def marketing(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["experiments", *(str(word) for word in arguments)])


@pytest.mark.parametrize("arguments", [("list",), ("results",), ("results", "x")])
def test_before_anything_is_published(tmp_path: Path, arguments: tuple) -> None:
    result = marketing(*arguments, "--workspace", tmp_path / "w")
    assert result.exit_code == 2 and "marketing run" in result.output


def test_files_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "marketing"
    shutil.copytree(PROJECT / "marketing", folder)
    monkeypatch.setenv("MARKETING_DEFINITIONS", str(folder))
    result = marketing("validate", "--workspace", tmp_path / "w")
    assert result.exit_code == 0 and "2 experiments are valid" in result.output
    file = folder / "experiments" / "medical_welcome_effect.yml"
    file.write_text(file.read_text().replace("node: welcome", "node: welcom"))
    result = marketing("validate", "--workspace", tmp_path / "w")
    told = "medical_welcome_effect.yml:5: node: medical_welcome sends nothing at 'welcom'"
    assert result.exit_code == 2 and told in result.output.replace("\n", " ").replace("  ", " ")


def test_how_many_people_one_needs() -> None:
    result = marketing("power", "--base", ".1", "--effect", ".02")
    assert result.exit_code == 0 and result.output.startswith("3,839 people in each variant")
    result = marketing("power", "--base", ".1", "--effect", ".95")
    assert result.exit_code == 2 and "between 0 and 1" in result.output
