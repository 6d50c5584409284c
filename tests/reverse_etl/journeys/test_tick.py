"""The set-based tick against the interpreter, and what must hold of any log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest

from reverse_etl.journeys.plan import plan
from reverse_etl.journeys.tick import tick
from tests.reverse_etl.journeys.worlds import both, facts, in_use, load, load_log, world


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'; set threads = 1")
        yield connection


def _plain(rows: list[dict[str, Any]]) -> list[tuple]:
    return sorted(
        tuple((name, str(value)) for name, value in sorted(row.items()))
        for row in rows
        if row["kind"] != "watch"
    )


def _ticks(start: datetime, seed: int) -> list[datetime]:
    hours = [(1, 30, 60, 61, 130, 200), (24, 48, 72, 96, 120), (2, 50, 51, 190)][seed % 3]
    return [start + timedelta(hours=number) for number in hours]


def run(connection: duckdb.DuckDBPyConnection, seed: int) -> list[dict[str, Any]]:
    made = world(seed)
    log: list[dict[str, Any]] = []
    for at in _ticks(made.start, seed):
        versions = in_use(made, at)
        planned = plan(versions)
        rows = facts(made, planned, at, log)
        fast, slow = both(connection, versions, rows, log, planned, at)
        assert _plain(fast) == _plain(slow), (seed, at)
        log += fast
        load(connection, rows, planned)
        load_log(connection, log)
        again = tick(connection, planned, at).to_pylist()
        assert again == [], (seed, at)
    return log


def agree(connection: duckdb.DuckDBPyConnection, seeds: range) -> None:
    seen: Counter[str] = Counter()
    for seed in seeds:
        log = run(connection, seed)
        conserved(log)
        seen.update(row["outcome"] for row in log)
    assert len(seen) > 8, seen


@pytest.mark.parametrize("block", range(4))
def test_the_set_based_tick_is_the_interpreter(
    connection: duckdb.DuckDBPyConnection, block: int
) -> None:
    agree(connection, range(block, 40, 4))


@pytest.mark.torture
@pytest.mark.parametrize("block", range(20))
def test_it_is_on_a_thousand_worlds(connection: duckdb.DuckDBPyConnection, block: int) -> None:
    agree(connection, range(block, 1000, 20))


def conserved(log: list[dict[str, Any]]) -> None:
    """Each enrolment is a chain: it arrives where the step before led, and each visit is one."""
    runs: dict[str, list[dict[str, Any]]] = {}
    for row in log:
        if row["kind"] != "watch":
            runs.setdefault(row["enrolment_id"], []).append(row)
    for rows in runs.values():
        rows.sort(key=lambda row: row["step_number"])
        assert [row["step_number"] for row in rows] == list(range(1, len(rows) + 1))
        assert [row["node"] for row in rows[1:]] == [row["next_node"] for row in rows[:-1]]
        assert [row["arrived_at"] for row in rows[1:]] == [row["left_at"] for row in rows[:-1]]
        assert len({(row["node"], row["visit"]) for row in rows}) == len(rows)
