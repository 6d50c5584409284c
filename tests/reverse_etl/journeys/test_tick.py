"""The set-based tick against the interpreter, and what must hold of any log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest

from reverse_etl.journeys import standing
from reverse_etl.journeys.plan import Version, plan
from reverse_etl.journeys.tick import step, tick
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


def test_a_tick_goes_on_from_the_one_before() -> None:
    """As in a rehearsal: people numbered once, and of events only what was not there before."""
    seen: Counter[str] = Counter()
    for seed in range(24):
        made = world(seed)
        made.gone.clear()
        versions = [Version(key, first, made.start) for key, (first, *_) in made.versions.items()]
        planned = plan(versions)
        log: list[dict[str, Any]] = []
        before: list[tuple] = []
        with duckdb.connect() as carried, duckdb.connect() as folded:
            for one in (carried, folded):
                one.execute("set TimeZone = 'UTC'; set threads = 1")
                load_log(one, log)
            made_ticks = _ticks(made.start, seed)
            for at in made_ticks:
                rows = facts(made, planned, at, log)
                load(folded, rows, planned)
                load_log(folded, log)
                expected = tick(folded, planned, at).to_pylist()
                load(carried, rows, planned)
                if at == made_ticks[0]:
                    standing.fold(carried)
                    standing.number(carried, planned)
                known = set(before)
                carried.execute("create or replace temp table news as from journey_events limit 0")
                news = [row for row in rows["journey_events"] if row not in known]
                for number, one, moment, evidence in news:
                    cid = made.contacts.index(one)
                    carried.execute(
                        "insert into news values (?, ?, ?, ?)", [number, cid, moment, evidence]
                    )
                steps = step(carried, planned, at, "news").to_pylist()
                assert sorted(steps, key=repr) == sorted(expected, key=repr), (seed, at)
                standing.go_on(carried, planned)
                before = rows["journey_events"]
                log += expected
        seen.update(row["outcome"] for row in log)
    assert {"goal", "event", "timed_out", "done", "true"} <= set(seen), seen
