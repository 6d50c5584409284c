"""Settings come from the environment, once, and say what is wrong."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from workspace import settings
from workspace.paths import PROJECT
from workspace.settings import SettingsError


def test_defaults(tmp_path: Path) -> None:
    loaded = settings.load(tmp_path / "w")
    assert loaded.environment == "dev"
    assert loaded.definitions == PROJECT / "marketing"
    assert loaded.ledger_url == f"sqlite:///{tmp_path / 'w' / 'ledger.db'}"
    assert (tmp_path / "w" / "landing").is_dir()
    assert "pepper" not in repr(loaded)


def test_the_environment_names_the_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARKETING_WORKSPACE", str(tmp_path / "from env"))
    assert settings.load().paths.root == tmp_path / "from env"
    assert settings.load(tmp_path / "given").paths.root == tmp_path / "given"


def test_an_unknown_environment_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKETING_ENV", "production")
    with pytest.raises(SettingsError, match="must be one of dev, staging, prod"):
        settings.load(tmp_path)


def test_the_pepper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKETING_PEPPER", "too short")
    with pytest.raises(SettingsError, match="at least 16"):
        settings.load(tmp_path)
    monkeypatch.delenv("MARKETING_PEPPER")
    first = settings.load(tmp_path).keyring
    assert settings.load(tmp_path).keyring == first
    mode = stat.S_IMODE((tmp_path / settings.PEPPER_FILE).stat().st_mode)
    assert mode == 0o600
    monkeypatch.setenv("MARKETING_ENV", "prod")
    with pytest.raises(SettingsError, match="must be set when MARKETING_ENV is prod"):
        settings.load(tmp_path / "other")
