"""`marketing plan` over a workspace that ran: what changed files would do, and nothing written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from interfaces.cli import app
from tests.end_to_end.runner import Finished
from workspace.paths import PROJECT


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of `marketing/` that may be edited."""
    folder = tmp_path / "marketing"
    shutil.copytree(PROJECT / "marketing", folder)
    monkeypatch.setenv("MARKETING_DEFINITIONS", str(folder))
    return folder


def edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))


def planned(workspace: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["plan", "--workspace", str(workspace), *arguments])


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        # Opening the ledger makes its log anew; the lock names its last holder.
        if path.is_file() and path.name != "run.lock" and not path.name.startswith("ledger.db-")
    }


def test_a_plan_of_scores_and_caps(finished: Finished, tmp_path: Path, files: Path) -> None:
    workspace = tmp_path / "w"
    finished.copied(workspace)
    stands = content(workspace)
    result = planned(workspace)
    assert (result.exit_code, result.output) == (0, "the files say what is in force\n")
    edit(files / "scoring.yml", "{band: cool, from: 20,", "{band: cool, from: 1,")
    edit(files / "scoring.yml", "engaged_from: 20", "engaged_from: 30")
    edit(files / "caps.yml", "share: 0.03", "share: 0.5")
    result = planned(workspace)
    assert result.exit_code == 0
    for told in ("lead_bands.cool.from", "lead_bands.cool.lowest", "holdout.share", "lead_scores:"):
        assert (told in result.output) == (told != "lead_bands.cool.from"), result.output
    found = json.loads(planned(workspace, "--json").output)
    assert [moved["score"] for moved in found["scores"]] == ["lead_scores", "engagement_scores"]
    assert {"path": "holdout.share", "before": 0.03, "after": 0.5} in found["caps"]
    assert found["segments"] == found["journeys"] == []
    assert found["messages"]["contacts"] == found["scores"][0]["contacts"] > 0
    assert content(workspace) == stands


def test_a_plan_of_segments_and_journeys(finished: Finished, tmp_path: Path, files: Path) -> None:
    workspace = tmp_path / "w"
    finished.copied(workspace)
    for folder in ("journeys", "campaigns", "experiments"):  # what names the journey goes with it
        for path in (files / folder).glob("medical_welcome*.yml"):
            path.unlink()
    (files / "actions.yml").unlink()
    key = sorted((files / "segments").glob("*.yml"))[0].stem
    edit(files / "segments" / f"{key}.yml", "name: ", "name: Other ")
    found = json.loads(planned(workspace, "--json").output)
    assert [(row["journey"], row["kind"]) for row in found["journeys"]] == [
        ("medical_welcome", "retired")
    ]
    assert [(row["segment"], row["kind"]) for row in found["segments"]] == [(key, "renamed")]
    assert found["scoring"] == found["caps"] == [] and found["messages"] is None


@pytest.mark.parametrize(
    ("file", "before", "after", "told"),
    [
        ("scoring.yml", "recency: 0.25", "recency: 0.35", "scoring.yml:5: engagement.weights"),
        ("caps.yml", "limit: 3, days: 7", "limit: -3, days: 7", "caps.yml:34: caps.0.limit"),
        (
            "journeys/medical_welcome.yml",
            "{days: 7}",
            "{days: 8}",
            "medical_welcome.yml:4: version: version 1 ran with another content",
        ),
    ],
)
def test_a_fault_is_told_with_its_line(
    finished: Finished, tmp_path: Path, files: Path, file: str, before: str, after: str, told: str
) -> None:
    finished.copied(tmp_path / "w")
    edit(files / file, before, after)
    result = planned(tmp_path / "w")
    assert result.exit_code == 2 and told in " ".join(result.output.split()), result.output


def test_before_anything_ran(tmp_path: Path) -> None:
    result = planned(tmp_path / "w")
    assert result.exit_code == 2 and "marketing run" in result.output
