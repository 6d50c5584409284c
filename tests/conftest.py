"""Shared fixtures. Tests touch no network and no workspace but their own."""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
import sqlalchemy as sa

from workspace import settings
from workspace.paths import Paths

settings.quiet_third_parties()
# No test is about how long a machine takes that does other things, too.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")

#: What a folder is called and how it is filled -> the folder.
MadeOnce = Callable[[str, Callable[[Path], object]], Path]

ROOT = Path(__file__).resolve().parent.parent
PEPPER = "a pepper for tests only"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tests see their own settings, never the developer's."""
    for name in [name for name in os.environ if name.startswith("MARKETING_")]:
        if name not in ("MARKETING_TORTURE", "MARKETING_TEST_DATA", "MARKETING_TEST_SUPERSET"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MARKETING_PEPPER", PEPPER)
    monkeypatch.setenv("MARKETING_WITNESS", str(tmp_path / "witness"))


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """A fresh workspace, in a folder with a space in its name."""
    made = Paths(tmp_path / "a workspace")
    made.create()
    return made


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> MadeOnce:
    """Gives a folder by its name, filled by the first of pytest's processes that asks for it.

    It belongs to all of them: whoever wants to change something takes a copy.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    def folder(name: str, fill: Callable[[Path], object]) -> Path:
        made = shared / f"once-{name}"
        with open(shared / f"once-{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                making = Path(tempfile.mkdtemp(dir=shared))
                with settings.exported(MARKETING_PEPPER=PEPPER):
                    fill(making)
                making.rename(made)
        return made

    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data that users do not have; tests that need it skip without."""
    folder = Path(os.environ.get("MARKETING_TEST_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here (set MARKETING_TEST_DATA)")
    return folder


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Postgres in a temporary folder; skipped with a reason where there is none."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    if not found:
        pytest.skip("PostgreSQL is not installed")
    programs = Path(found[-1]).parent
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    # Short: a Unix socket's path has a limit, and the folder must be the server user's own.
    folder = tempfile.mkdtemp(prefix="pg")
    if as_user:
        shutil.chown(folder, "postgres")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def call(*command: str) -> None:
        subprocess.run([*as_user, *command], check=True, capture_output=True, cwd="/")

    call(f"{programs}/initdb", "-D", f"{folder}/db", "-A", "trust", "-U", "postgres", "-N")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    call(
        f"{programs}/pg_ctl",
        "-D",
        f"{folder}/db",
        "-o",
        options,
        "-w",
        "-l",
        f"{folder}/log",
        "start",
    )
    try:
        yield f"postgresql+psycopg://postgres@127.0.0.1:{port}"
    finally:
        call(f"{programs}/pg_ctl", "-D", f"{folder}/db", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A new database on the session's server."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    admin = sa.create_engine(f"{postgres_server}/postgres", isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"create database {name}"))
    yield f"{postgres_server}/{name}"
    with admin.connect() as connection:
        connection.execute(sa.text(f"drop database {name} with (force)"))
    admin.dispose()
