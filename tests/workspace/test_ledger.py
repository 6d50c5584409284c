"""The ledger on SQLite and, where it is installed, on a real Postgres."""

from __future__ import annotations

import multiprocessing
import stat
import threading
import time
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from workspace.ledger import CHUNK_ROWS, Ledger, open_ledger, schema

NOW = datetime(2026, 1, 1)


def suppression(number: int) -> dict[str, object]:
    return {
        "identifier_key": f"{number:032x}",
        "channel": "email",
        "reason": "unsubscribed",
        "source": "test",
        "suppressed_at": NOW,
    }


def test_the_migrations_make_the_schema(ledger: Ledger) -> None:
    with ledger.reading() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, schema.metadata) == []


def test_opening_again_changes_nothing(url: str, ledger: Ledger) -> None:
    ledger.start_run("r", NOW, "dev", NOW)
    again = open_ledger(url)
    again.start_run("r", NOW, "dev", NOW)
    with again.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(schema.runs)).scalar() == 1
    again.close()


def test_the_run_log(ledger: Ledger) -> None:
    assert ledger.run_log().num_rows == 0
    ledger.start_run("one", NOW, "dev", NOW)
    ledger.record_step("one", "load", "succeeded", NOW, datetime(2026, 1, 1, 0, 0, 2), rows=3)
    ledger.record_step("one", "publish", "failed", NOW, NOW, detail="OSError")
    rows = ledger.run_log().to_pylist()
    assert [(r["step"], r["status"], r["duration_ms"], r["rows"]) for r in rows] == [
        ("load", "succeeded", 2000, 3),
        ("publish", "failed", 0, None),
    ]
    assert ledger.run_log(datetime(2025, 1, 1)).num_rows == 0


def test_rules_are_the_database_s(ledger: Ledger) -> None:
    ledger.append(schema.suppressions, [suppression(1)])
    with pytest.raises(sa.exc.IntegrityError):
        ledger.append(schema.suppressions, [suppression(1)])
    with pytest.raises(sa.exc.IntegrityError):
        ledger.record_step("no such run", "x", "succeeded", NOW, NOW)
    ledger.start_run("r", NOW, "dev", NOW)
    with pytest.raises(sa.exc.IntegrityError):
        ledger.record_step("r", "x", "sideways", NOW, NOW)


def test_a_short_write_does_not_wait_for_a_long_one(ledger: Ledger) -> None:
    """While 60,000 rows are appended, a single row gets through within a second."""
    done = threading.Event()

    def enqueue() -> None:
        ledger.append(schema.suppressions, [suppression(n) for n in range(12 * CHUNK_ROWS)])
        done.set()

    worker = threading.Thread(target=enqueue)
    worker.start()
    waits = []
    number = 10**9
    while not done.is_set():
        started = time.perf_counter()
        ledger.append(schema.suppressions, [suppression(number)])
        waits.append(time.perf_counter() - started)
        number += 1
        time.sleep(0.01)
    worker.join()
    assert len(waits) > 1 and max(waits) < 5  # far below the 10 s after which it would fail
    with ledger.reading() as connection:
        count = connection.execute(
            sa.select(sa.func.count()).select_from(schema.suppressions)
        ).scalar()
    assert count == 12 * CHUNK_ROWS + len(waits)


def _open(url: str) -> None:
    open_ledger(url).close()


def test_many_processes_open_a_new_ledger_at_once(url: str) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_open, args=(url,)) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert [worker.exitcode for worker in workers] == [0] * 6
    _open(url)


def test_the_file_is_its_owner_s(tmp_path: Path) -> None:
    open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}").close()
    assert stat.S_IMODE((tmp_path / "ledger.db").stat().st_mode) == 0o600


def test_an_error_s_text_holds_no_parameters(ledger: Ledger) -> None:
    ledger.append(schema.suppressions, [suppression(1)])
    with pytest.raises(sa.exc.IntegrityError) as caught:
        ledger.append(schema.suppressions, [suppression(1) | {"source": "zoe@example.com"}])
    assert "zoe@example.com" not in str(caught.value)
