"""The small world behind its first run, made once for all tests."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from tests.conftest import MadeOnce
from tests.end_to_end.demos import Demo
from tests.end_to_end.runner import Finished, run, small
from workspace.paths import PROJECT


@pytest.fixture(scope="session")
def finished(made_once: MadeOnce) -> Finished:
    def fill(folder: Path) -> None:
        opened = small(folder / "w", folder / "files")
        began = time.monotonic()
        run(opened)
        (folder / "seconds").write_text(str(time.monotonic() - began))

    return Finished(made_once("small", fill))


@pytest.fixture(scope="session")
def demo(made_once: MadeOnce) -> Demo:
    return Demo(made_once("demo", Demo.make))


@pytest.fixture
def marketing_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Our definitions without segments, and without what names any."""
    folder = tmp_path / "marketing"
    others = shutil.ignore_patterns(
        *("segments", "journeys", "templates", "campaigns", "experiments"),
        *("audiences.yml", "actions.yml"),
    )
    shutil.copytree(PROJECT / "marketing", folder, ignore=others)
    (folder / "segments").mkdir()
    consent = folder / "consent.yml"
    lines = consent.read_text().splitlines(keepends=True)
    consent.write_text("".join(line for line in lines if "_confirm_subscription" not in line))
    monkeypatch.setenv("MARKETING_DEFINITIONS", str(folder))
    return folder
