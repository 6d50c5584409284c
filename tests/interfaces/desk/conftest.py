"""A workspace with definitions of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interfaces.desk.desks import definitions, workspace
from workspace.settings import Settings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = definitions(tmp_path / "marketing")
    monkeypatch.setenv("MARKETING_DEFINITIONS", str(made))
    return made


@pytest.fixture
def settings(tmp_path: Path, folder: Path) -> Settings:
    return workspace(tmp_path / "w")
