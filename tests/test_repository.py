"""What the repository itself must hold."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def tracked() -> list[Path]:
    """Files git tracks, or would once added; every file outside a checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name]


@pytest.mark.parametrize("lock", ["requirements.lock", "tests/end_to_end/superset.lock"])
def test_the_lock_holds_names_versions_and_hashes_only(lock: str) -> None:
    lines = (ROOT / lock).read_text().splitlines()
    pinned = [line for line in lines if re.match(r"^[a-z0-9]", line)]
    assert len(pinned) > 100
    for line in pinned:
        assert re.match(r"^[a-z0-9._-]+==[^ ]+( ; .+)? \\$", line), line
    for line in lines:
        assert "://" not in line and "--index" not in line and "--find-links" not in line, line
    assert sum("--hash=sha256:" in line for line in lines) >= len(pinned)


def test_the_lock_has_what_the_project_asks_for() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    asked = [*project["dependencies"], *(item for extra in extras for item in extra)]
    names = {re.split(r"[\[<>=~! ;]", item)[0].lower().replace("_", "-") for item in asked}
    locked = (ROOT / "requirements.lock").read_text()
    missing = [name for name in names if not re.search(rf"^{re.escape(name)}==", locked, re.M)]
    assert missing == []


def test_no_other_lock_and_no_registry_address() -> None:
    hosts = re.compile(rb"(pypi|pythonhosted|npmjs|registry\.)[a-z.]*\.(org|com)")
    for path in tracked():
        if not path.is_file():
            continue
        assert path.name not in ("uv.lock", "poetry.lock", "package-lock.json", "yarn.lock"), path
        found = None if path == Path(__file__) else hosts.search(path.read_bytes())
        assert found is None, f"{path}: {found and found.group()!r}"


def test_no_large_file_and_no_state() -> None:
    for path in tracked():
        if path.is_file():
            assert path.stat().st_size < 1 << 20, path
            assert path.suffix not in (".duckdb", ".db", ".pkl", ".parquet"), path


def test_the_environment_is_read_in_one_place() -> None:
    readers = {
        str(path.relative_to(ROOT))
        for package in (
            "workspace",
            "ingestion",
            "models_ml",
            "reverse_etl",
            "dagster_project",
            "interfaces",
        )
        for path in (ROOT / package).rglob("*.py")
        if re.search(r"os\.environ|os\.getenv", path.read_text("utf-8"))
    }
    assert readers == {"workspace/settings.py"}


def test_no_library_asks_for_the_present() -> None:
    """`workspace.clock.now` is for the doors and the record of runs."""
    calls = re.compile(r"datetime\.(utcnow|today)\(|(?<!def )\bdatetime\.now\(|date\.today\(")
    for package in ("workspace", "ingestion", "models_ml", "reverse_etl"):
        for path in (ROOT / package).rglob("*.py"):
            if path.name != "clock.py":
                assert not calls.search(path.read_text("utf-8")), path
    for path in (ROOT / "dbt").rglob("*.sql"):
        text = path.read_text("utf-8").lower()
        assert not re.search(r"\b(now|current_timestamp|current_date|getdate)\b\s*\(?", text), path


def test_make_help_names_every_target() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in ("demo", "test", "bench", "torture", "lint", "dev", "view", "audit"):
        assert re.search(rf"^  {target}\b", done.stdout, re.M), target
