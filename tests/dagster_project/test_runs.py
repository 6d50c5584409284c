"""What a run that failed says of itself."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dagster_project import runs
from workspace import settings
from workspace.paths import PROJECT


def test_files_that_cannot_be_read_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(PROJECT / "marketing", tmp_path / "marketing"))
    (folder / "accounts.yml").write_text("hierachy: {}\n")
    monkeypatch.setenv("MARKETING_DEFINITIONS", str(folder))
    outcome = runs.run(settings.load(tmp_path / "w"))
    assert not outcome.succeeded
    assert len(outcome.faults) == 1 and "accounts.yml:1" in outcome.faults[0]
