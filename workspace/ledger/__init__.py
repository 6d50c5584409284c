"""The ledger: SQLite (WAL, synchronous FULL) in the workspace, or Postgres by URL.

Writes are short: ``BEGIN IMMEDIATE`` on SQLite, at most :data:`CHUNK_ROWS` rows a transaction,
so that an unsubscribe never waits behind an enqueue of a million.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from workspace.ledger import schema

CHUNK_ROWS = 5_000
BUSY_TIMEOUT_MS = 10_000
MIGRATIONS = Path(__file__).parent / "migrations"
_MIGRATION_LOCK = 7_201_984  # Postgres advisory lock: any fixed number


class Ledger:
    """Open with :func:`open_ledger`, which brings the schema up to date."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    def reading(self) -> AbstractContextManager[sa.Connection]:
        """A connection in a read transaction."""
        return self.engine.begin()

    def writing(self) -> AbstractContextManager[sa.Connection]:
        """A connection in a write transaction; waits at most 10 s for another writer."""
        return self.engine.execution_options(ledger_write=True).begin()

    def append(self, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows in transactions of at most :data:`CHUNK_ROWS`."""
        for start in range(0, len(rows), CHUNK_ROWS):
            with self.writing() as connection:
                connection.execute(table.insert(), list(rows[start : start + CHUNK_ROWS]))

    def close(self) -> None:
        self.engine.dispose()

    # ---- the record of runs --------------------------------------------------------------

    def start_run(self, run_id: str, as_of: datetime, environment: str, at: datetime) -> None:
        """Record a run; recording it again does nothing."""
        with self.writing() as connection:
            known = connection.execute(
                sa.select(schema.runs.c.run_id).where(schema.runs.c.run_id == run_id)
            ).first()
            if known is None:
                connection.execute(
                    schema.runs.insert().values(
                        run_id=run_id, as_of=as_of, environment=environment, started_at=at
                    )
                )

    def record_step(
        self,
        run_id: str,
        step: str,
        status: str,
        started_at: datetime,
        finished_at: datetime,
        rows: int | None = None,
        detail: str | None = None,
    ) -> None:
        duration = finished_at - started_at
        row = {
            "run_id": run_id,
            "step": step,
            "status": status,
            "started_at": started_at,
            "finished_at": finished_at,
            "duration_ms": int(duration.total_seconds() * 1000),
            "rows": rows,
            "detail": detail,
        }
        self.append(schema.run_steps, [row])

    def last_success(self, step: str) -> datetime | None:
        """The ``as_of`` of the latest run in which a step succeeded."""
        return self.last_step(step, "succeeded")

    def last_step(self, step: str, status: str | None = None) -> datetime | None:
        """The ``as_of`` of the latest run with a step, of any status or of one."""
        runs, steps = schema.runs, schema.run_steps
        query = (
            sa.select(sa.func.max(runs.c.as_of))
            .join(steps, steps.c.run_id == runs.c.run_id)
            .where(steps.c.step == step)
        )
        if status is not None:
            query = query.where(steps.c.status == status)
        with self.reading() as connection:
            return connection.execute(query).scalar()

    def run_log(self, as_of: datetime | None = None) -> pa.Table:
        """One row per run and step, oldest first: the table ``lake.run_log``."""
        runs, steps = schema.runs, schema.run_steps
        query = (
            sa.select(
                runs.c.run_id,
                runs.c.as_of,
                runs.c.environment,
                steps.c.step_id,
                steps.c.step,
                steps.c.status,
                steps.c.started_at,
                steps.c.finished_at,
                steps.c.duration_ms,
                steps.c.rows,
                steps.c.detail,
            )
            .join(steps, steps.c.run_id == runs.c.run_id)
            .order_by(steps.c.step_id)
        )
        if as_of is not None:
            query = query.where(runs.c.as_of <= as_of)
        with self.reading() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        return pa.Table.from_pylist(rows, schema=RUN_LOG)


RUN_LOG = pa.schema(
    [
        ("run_id", pa.string()),
        ("as_of", pa.timestamp("us")),
        ("environment", pa.string()),
        ("step_id", pa.int64()),
        ("step", pa.string()),
        ("status", pa.string()),
        ("started_at", pa.timestamp("us")),
        ("finished_at", pa.timestamp("us")),
        ("duration_ms", pa.int64()),
        ("rows", pa.int64()),
        ("detail", pa.string()),
    ]
)


def open_ledger(url: str) -> Ledger:
    """Open the ledger at a SQLAlchemy URL (``sqlite:///PATH`` or ``postgresql+psycopg://…``)."""
    engine = _engine(url)
    ledger = Ledger(engine)
    if not _is_current(engine):
        with _migrating(engine):
            _upgrade(engine)
    return ledger


def _engine(url: str) -> sa.Engine:
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(parsed, pool_pre_ping=True, hide_parameters=True)
    if parsed.database and not os.path.exists(parsed.database):
        os.close(os.open(parsed.database, os.O_CREAT | os.O_RDWR, 0o600))
    # Parameters are addresses: an error's text goes to logs.
    engine = sa.create_engine(
        parsed, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000}, hide_parameters=True
    )

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        connection.execute(f"pragma busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        connection.execute("pragma foreign_keys = on")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        write = connection.get_execution_options().get("ledger_write", False)
        connection.exec_driver_sql("begin immediate" if write else "begin")

    return engine


def _head() -> str:
    from alembic.script import ScriptDirectory

    head = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    assert head is not None
    return head


def _is_current(engine: sa.Engine) -> bool:
    with engine.begin() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return False
        version = connection.execute(sa.text("select version_num from alembic_version")).scalar()
    return version == _head()


def _upgrade(engine: sa.Engine) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with engine.execution_options(ledger_write=True).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def _migrating(engine: sa.Engine) -> Iterator[None]:
    """One migration at a time, however many processes open a new ledger at once."""
    if engine.dialect.name == "sqlite" and engine.url.database in (None, "", ":memory:"):
        yield  # nobody else can open it
    elif engine.dialect.name == "sqlite":
        with open(f"{engine.url.database}.migrating", "w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
    else:
        with engine.begin() as connection:
            connection.execute(sa.text(f"select pg_advisory_xact_lock({_MIGRATION_LOCK})"))
            yield
