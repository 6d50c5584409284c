"""Settings come from the environment, once, and say what is wrong."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from workspace import settings
from workspace.paths import PROJECT
from workspace.settings import Environment, SettingsError


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


def test_write_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.write_keys(Environment.DEV) == {"dev": "dev"}
    with pytest.raises(SettingsError, match="MARKETING_WRITE_KEYS must be set"):
        settings.write_keys(Environment.PROD)
    monkeypatch.setenv("MARKETING_WRITE_KEYS", " web:a:b , server:c,")
    assert settings.write_keys(Environment.PROD) == {"web": "a:b", "server": "c"}
    for wrong in ("secret-alone", ":secret", "web:", "web:same,server:same"):
        monkeypatch.setenv("MARKETING_WRITE_KEYS", wrong)
        with pytest.raises(SettingsError) as caught:
            settings.write_keys(Environment.DEV)
        assert "secret" not in str(caught.value)


def plain(keys: tuple[settings.ReadKey, ...]) -> dict[str, str]:
    return {one.name: one.key for one in keys}


@pytest.mark.parametrize(
    ("variable", "keys_of"),
    [
        ("MARKETING_SCORE_KEYS", settings.score_keys),
        ("MARKETING_READ_KEYS", lambda chosen: plain(settings.read_keys(chosen))),
    ],
)
def test_a_known_key_is_for_this_machine_alone(
    monkeypatch: pytest.MonkeyPatch, variable: str, keys_of: Callable[[Environment], dict[str, str]]
) -> None:
    assert keys_of(Environment.DEV) == {}
    for host in ("127.0.0.1", "::1", "localhost"):
        with settings.exported(MARKETING_SERVE_HOST=host):
            assert keys_of(Environment.DEV) == {"dev": "dev"}
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.com", ""):
        with settings.exported(MARKETING_SERVE_HOST=host):
            assert keys_of(Environment.DEV) == {}
    monkeypatch.setenv("MARKETING_WRITE_KEYS", "web:a")
    with settings.exported(MARKETING_SERVE_HOST="127.0.0.1"):
        assert keys_of(Environment.DEV) == {}
        assert keys_of(Environment.PROD) == {}
        monkeypatch.setenv(variable, "crm:b")
        assert keys_of(Environment.DEV) == {"crm": "b"}
        monkeypatch.setenv(variable, f"crm:{'b' * 16}")
        assert keys_of(Environment.PROD) == {"crm": "b" * 16}
        for environment in (Environment.PROD, Environment.STAGING):
            monkeypatch.setenv(variable, f"ok:{'c' * 16},crm:{'b' * 15}")
            with pytest.raises(SettingsError, match="key of crm has less than 16") as caught:
                keys_of(environment)
            assert "bb" not in str(caught.value)
    monkeypatch.setenv(variable, "crm:a")
    with pytest.raises(SettingsError, match="has a write key"):
        keys_of(Environment.DEV)


def test_roles_of_read_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    with settings.exported(MARKETING_SERVE_HOST="127.0.0.1"):
        assert [one.role for one in settings.read_keys(Environment.DEV)] == ["dpo"]
    monkeypatch.setenv("MARKETING_WRITE_KEYS", "web:a")
    monkeypatch.setenv("MARKETING_READ_KEYS", "wall:k1, analyst/ana:k2, dpo/dee/x:k:3")
    found = settings.read_keys(Environment.DEV)
    assert [(one.name, one.role, one.key) for one in found] == [
        ("wall", "viewer", "k1"),
        ("ana", "analyst", "k2"),
        ("dee/x", "dpo", "k:3"),
    ]
    assert "k2" not in repr(found)
    for wrong in (
        "root/ana:secret",
        "analyst/:secret",
        "a:secret,analyst/b:secret",
        "DPO/a:secret",
    ):
        monkeypatch.setenv("MARKETING_READ_KEYS", wrong)
        with pytest.raises(SettingsError, match="MARKETING_READ_KEYS") as caught:
            settings.read_keys(Environment.DEV)
        assert "secret" not in str(caught.value)


def test_origins_by_source(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.cors_origins() == {}
    given = "web:https://a.example,web:https://b.example:8443,app:https://c.example"
    monkeypatch.setenv("MARKETING_CORS_ORIGINS", given)
    assert settings.cors_origins() == {
        "web": ["https://a.example", "https://b.example:8443"],
        "app": ["https://c.example"],
    }
