"""`marketing journeys` answers with what there is, or says what is missing."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import Result
from typer.testing import CliRunner

from interfaces.cli import app
from workspace.lake import Lake


def marketing(workspace: Path, *arguments: object) -> Result:
    words = [str(word) for word in arguments]
    return CliRunner().invoke(
        app, ["journeys", words[0], "--workspace", str(workspace), *words[1:]]
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("list",),
        ("plan",),
        ("backtest", "medical_welcome", "--from", "2026-01-01", "--to", "2026-02-01"),
        ("simulate", "medical_welcome", "--contact", "x"),
    ],
)
def test_before_anything_is_published(tmp_path: Path, arguments: tuple) -> None:
    result = marketing(tmp_path / "w", *arguments)
    assert result.exit_code == 2 and "marketing run" in result.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("draw", "medical_welcom"), "did you mean 'medical_welcome'?"),
        (("versions", "nothing"), "no journey 'nothing' ever ran"),
        (("rollback", "medical_welcome", "--to", "1"), "ever ran"),
        (
            ("backtest", "x", "--from", "2026-01-01", "--to", "2026-02-01", "--responses", "all"),
            "recorded or none",
        ),
    ],
)
def test_what_there_is_not(tmp_path: Path, arguments: tuple, told: str) -> None:
    result = marketing(tmp_path / "w", *arguments)
    assert result.exit_code == 2 and told in " ".join(result.output.split())


def test_valid_and_drawn_before_it_ran(tmp_path: Path) -> None:
    result = marketing(tmp_path / "w", "validate")
    assert result.exit_code == 0 and "journeys are valid" in result.output
    target = tmp_path / "a picture.svg"
    assert marketing(tmp_path / "w", "draw", "medical_welcome", "--out", target).exit_code == 0
    ElementTree.parse(target)


def test_enrolled_by_hand(tmp_path: Path) -> None:
    workspace, file = tmp_path / "w", tmp_path / "people.csv"
    contacts = ["0" * 32, "1" * 32, "0" * 32]
    file.write_text("\n".join(["contact_id,note", *(f"{one},x" for one in contacts)]) + "\n")
    result = marketing(workspace, "enroll", "medical_welcome", file)
    assert result.exit_code == 0 and "2 contacts" in result.output
    marketing(workspace, "enroll", "medical_welcome", file)
    assert Lake(workspace / "lake").rows("journey_enrolments") == 2
    for text, told in (
        ("name\nx\n", "no column contact_id"),
        ("contact_id\n=cmd()\n", ":2: '=cmd()' is no contact id"),
    ):
        file.write_text(text)
        result = marketing(workspace, "enroll", "medical_welcome", file)
        assert result.exit_code == 2 and told in " ".join(result.output.split())


def test_paused_and_resumed(tmp_path: Path) -> None:
    for command, told in (
        ("pause", "messages of medical_welcome are held back"),
        ("pause", "held back already"),
        ("resume", "medical_welcome sends again"),
    ):
        result = marketing(tmp_path / "w", command, "medical_welcome", "--by", "anne")
        assert result.exit_code == 0 and told in result.output
    assert marketing(tmp_path / "w", "pause", "medical_welcom").exit_code == 2
