"""The ledger into a file and back: SQLite by its online backup, Postgres by its own programs."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from reverse_etl.backups.store import BackupError
from workspace.ledger import Ledger, schema

SQLITE, POSTGRES = "ledger.db", "ledger.pgdump"


def dump(url: str, target: Path) -> str:
    """Write the ledger, as one transaction sees it, to a new file; returns the file's name in a
    backup. Writers go on meanwhile. Raises :class:`BackupError`."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if not parsed.database or not Path(parsed.database).exists():
            raise BackupError("there is no ledger yet; 'marketing run' makes it")
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with (
            closing(sqlite3.connect(f"file:{parsed.database}?mode=rw", uri=True)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.execute("pragma busy_timeout = 10000")
            source.backup(copy)
            copy.execute("pragma journal_mode = delete")
        return SQLITE
    _run("pg_dump", parsed, "--format=custom", "--no-owner", "--no-privileges", f"--file={target}")
    os.chmod(target, 0o600)
    return POSTGRES


def load(dumped: Path, url: str) -> None:
    """Put a dump of Postgres into an empty database. Raises :class:`BackupError`."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        raise BackupError(
            "this backup's ledger is Postgres's: set MARKETING_LEDGER_URL to an empty database"
        )
    engine = sa.create_engine(parsed, hide_parameters=True)
    try:
        if sa.inspect(engine).get_table_names():
            raise BackupError("the database of MARKETING_LEDGER_URL is not empty")
    finally:
        engine.dispose()
    _run(
        "pg_restore",
        parsed,
        *("--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"),
        str(dumped),
    )


def counts(ledger: Ledger) -> dict[str, int]:
    """Rows by table."""
    with ledger.reading() as connection:
        found = {}
        for table in schema.metadata.sorted_tables:
            query = sa.select(sa.func.count()).select_from(table)
            found[table.name] = connection.execute(query).scalar_one()
        return found


def _run(program: str, url: sa.URL, *arguments: str) -> None:
    found = shutil.which(program)
    if found is None:
        raise BackupError(
            f"a ledger on Postgres needs {program}, not older than its server, on the PATH "
            "(Debian: apt-get install postgresql-client)"
        )
    # Not on the command line, which every user of the machine can read.
    login = {
        "PGHOST": url.host,
        "PGPORT": str(url.port) if url.port else None,
        "PGUSER": url.username,
        "PGPASSWORD": url.password,
        "PGSSLMODE": str(url.query.get("sslmode", "")) or None,
    }
    given = {name: value for name, value in login.items() if value}
    done = subprocess.run(
        [found, "--no-password", f"--dbname={url.database}", *arguments],
        env={"PATH": os.defpath, **given},
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise BackupError(f"{program}: {done.stderr.strip().splitlines()[-1:] or done.returncode}")
