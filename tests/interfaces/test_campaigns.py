"""`marketing campaigns` answers with what there is, or says what is missing."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from interfaces.cli import app
from reverse_etl.campaigns import versions
from workspace import definitions
from workspace.lake import Lake
from workspace.ledger import approvals, open_ledger, pauses
from workspace.paths import PROJECT
from workspace.settings import load

ON_ITS_OWN = "public_salon_invitation"


@pytest.fixture
def marketing_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = shutil.copytree(PROJECT / "marketing", tmp_path / "marketing")
    monkeypatch.setenv("MARKETING_DEFINITIONS", str(folder))
    return folder


def marketing(workspace: Path, *arguments: object, group: str = "campaigns") -> Result:
    words = [str(word) for word in arguments]
    return CliRunner().invoke(app, [group, words[0], "--workspace", str(workspace), *words[1:]])


@pytest.mark.parametrize("arguments", [("list",), ("plan", ON_ITS_OWN), ("run",)])
def test_before_anything_ran(tmp_path: Path, arguments: tuple) -> None:
    result = marketing(tmp_path / "w", *arguments)
    assert result.exit_code == 2 and "marketing run" in result.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("plan", "public_salon_invitatio"), f"did you mean '{ON_ITS_OWN}'?"),
        (("approve", "nothing"), "no campaign 'nothing'"),
        (("approve", "medical_welcome"), "marketing journeys approve medical_welcome"),
        (("approve", ON_ITS_OWN, "--occurrence", "once"), "approved as a whole"),
        (("pause", "nothing"), "no campaign 'nothing'"),
        (("new", "spring", "--vertical", "medicine"), "did you mean 'medical'?"),
        (("new", "spring", "--vertical", "medic[/b]al"), "no vertical 'medic[/b]al'"),
        (("approve", ON_ITS_OWN, "--reject", "--withdraw"), "not both"),
    ],
)
def test_what_there_is_not(tmp_path: Path, arguments: tuple, told: str) -> None:
    result = marketing(tmp_path / "w", *arguments)
    assert result.exit_code == 2 and told in " ".join(result.output.split())


def test_plan_before_anything_ran(tmp_path: Path) -> None:
    result = marketing(tmp_path / "w", "plan")
    assert result.exit_code == 0 and "medical_webinar_october" in result.output


def test_begun_and_valid(tmp_path: Path, marketing_folder: Path) -> None:
    result = marketing(tmp_path / "w", "new", "spring", "--vertical", "public")
    assert result.exit_code == 0, result.output
    assert (marketing_folder / "campaigns" / "spring.yml").exists()
    result = marketing(tmp_path / "w", "validate")
    assert result.exit_code == 0 and "campaigns are valid" in result.output
    (marketing_folder / "campaigns" / "spring.yml").write_text("name: x\n")
    result = marketing(tmp_path / "w", "validate")
    assert result.exit_code == 2 and "spring.yml:1: objective" in result.output


def test_approved_rejected_withdrawn(tmp_path: Path) -> None:
    def say(*words: str) -> str:
        result = marketing(tmp_path / "w", "approve", ON_ITS_OWN, "--by", "anne", *words)
        assert result.exit_code == 0, result.output
        return result.output.strip()

    assert say() == f"{ON_ITS_OWN} is approved"
    assert say() == f"{ON_ITS_OWN} is approved already"
    assert say("--reject") == f"{ON_ITS_OWN} is rejected"
    assert say("--withdraw") == f"{ON_ITS_OWN} is withdrawn"
    ledger = open_ledger(load(tmp_path / "w").ledger_url)
    assert set(approvals.standing(ledger).values()) == {"withdrawn"}
    ledger.close()


def test_held_back_and_ended(tmp_path: Path) -> None:
    def held() -> list[tuple[str, str, str]]:
        ledger = open_ledger(load(tmp_path / "w").ledger_url)
        found = [(one.scope, one.source_key, one.event) for one in pauses.held(ledger)]
        ledger.close()
        return found

    assert marketing(tmp_path / "w", "pause", ON_ITS_OWN).exit_code == 0
    assert marketing(tmp_path / "w", "pause", "medical_welcome").exit_code == 0
    # A campaign that is a journey is held back by its journey's messages.
    both = [("campaign", ON_ITS_OWN, "pause"), ("journey", "medical_welcome", "pause")]
    assert held() == both
    assert marketing(tmp_path / "w", "resume", "medical_welcome").exit_code == 0
    result = marketing(tmp_path / "w", "stop", ON_ITS_OWN)
    assert result.exit_code == 0 and "stopped for good" in result.output
    assert held() == [("campaign", ON_ITS_OWN, "stop")]
    result = marketing(tmp_path / "w", "resume", ON_ITS_OWN)
    assert result.exit_code == 2 and "was stopped" in result.output


def test_what_ran_is_held_back_whatever_the_files_say(
    tmp_path: Path, marketing_folder: Path
) -> None:
    opened = load(tmp_path / "w")
    found = definitions.load(marketing_folder)
    versions.store(found.campaigns, Lake(opened.paths.lake), datetime(2026, 1, 1))
    (marketing_folder / "campaigns" / f"{ON_ITS_OWN}.yml").unlink()
    (marketing_folder / "campaigns" / "broken.yml").write_text("name: x\n")
    for event in ("pause", "resume", "stop"):
        assert marketing(tmp_path / "w", event, ON_ITS_OWN).exit_code == 0
    result = marketing(tmp_path / "w", "pause", "broken")
    assert result.exit_code == 2 and "broken.yml:1: objective" in result.output


def test_a_journey_is_approved_where_it_asks(tmp_path: Path, marketing_folder: Path) -> None:
    result = marketing(tmp_path / "w", "approve", "medical_welcome", group="journeys")
    assert result.exit_code == 2 and "needs no approval" in result.output
    path = marketing_folder / "journeys" / "medical_welcome.yml"
    path.write_text(path.read_text().replace("version: 1", "version: 2\nneeds_approval: true"))
    result = marketing(tmp_path / "w", "approve", "medical_welcome", group="journeys")
    assert result.exit_code == 0 and "is approved" in result.output
