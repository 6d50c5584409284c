"""A tick over many enrolments: set-based, and contact by contact in plain Python.

    python -m benchmarks.journeys [--enrolments N] [--sample N] [--due N]

`all due`: everybody passes a wait, a condition, a split, an action and comes to the next wait.
`few due`: some of them are due, the others wait. Both start from the state of everybody in memory
(`numbers` makes joins of it), and end with the rows of the log as an Arrow table; what it takes to
read the checkpoint of a lake before it and to commit the steps after it is told apart.

The interpreter of the tests does the same for a sample of the contacts: `in memory`, with each
contact's facts at hand and its steps thrown away; and `with its state`, where it reads a contact's
state from SQLite and commits its steps and new state there before it turns to the next one, which
is what the whole of a set-based tick is compared with. Steps must agree in number.
"""

from __future__ import annotations

import argparse
import sqlite3
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from reverse_etl.journeys import checkpoint, running, standing
from reverse_etl.journeys.plan import Version, plan
from reverse_etl.journeys.tick import FACTS, STEPS, step
from tests.reverse_etl.journeys import interpreter
from workspace.definitions.journeys import Journey
from workspace.lake import Lake
from workspace.streams import STREAMS

T = datetime(2026, 6, 1)
JOURNEY = Journey.model_validate(
    {
        "name": "Bench",
        "version": 1,
        "trigger": {"manual": True},
        "nodes": {
            "first": {"wait": {"days": 1}, "next": "ask"},
            "ask": {"condition": {"segment": "x"}, "then": "parts", "else": "tag"},
            "parts": {
                "split": {"a": {"share": 50, "next": "tag"}, "b": {"share": 50, "next": "other"}}
            },
            "tag": {"action": "add_tag", "tag": "x", "next": "second"},
            "other": {"action": "add_tag", "tag": "y", "next": "second"},
            "second": {"wait": {"days": 7}, "next": "done"},
            "done": {"exit": "completed"},
        },
    }
)
VERSION = Version("bench", JOURNEY, T - timedelta(days=30))


def fill(connection: duckdb.DuckDBPyConnection, enrolments: int, due: int) -> None:
    """Enrolments stand at the first wait; ``due`` of them came more than a day ago."""
    for name, columns in FACTS.items():
        connection.execute(f"create or replace temp table {name} ({columns})")
    people = f"select md5(n::varchar) as contact_id, n from range({enrolments}) as r(n)"
    connection.execute(f"insert into journey_contacts select n, contact_id, 'UTC' from ({people})")
    connection.execute(f"insert into journey_truths select 1, n, n % 2 = 0, 'x' from ({people})")
    connection.execute("create schema if not exists marts")
    connection.execute(
        "create or replace table marts.identity_map as "
        "select contact_id as identifier_key, contact_id from journey_contacts"
    )
    connection.execute(
        f"""
        create or replace temp table journey_log as
        select 'bench' as journey, 1::bigint as version, md5('bench|' || contact_id || '|1')
                as enrolment_id, contact_id, 1::bigint as occurrence, 1::bigint as step_number,
            'trigger' as node, 1::bigint as visit, 'trigger' as kind, 'entered' as outcome,
            'first' as next_node, entered as arrived_at, entered as left_at,
            null::varchar as evidence, 1::bigint as sequence, entered as known_at
        from (
            select *, case when n < {due} then timestamp '{T - timedelta(days=2)}'
                else timestamp '{T - timedelta(hours=2)}' end as entered
            from ({people})
        )
        """
    )


class Clock:
    """Wall and CPU seconds (of all threads) of parts, by name."""

    def __init__(self) -> None:
        self.parts: dict[str, tuple[float, float]] = {}

    def __call__(self, name: str, work: Callable[[], Any]) -> Any:
        began, cpu = time.perf_counter(), time.process_time()
        done = work()
        self.parts[name] = (time.perf_counter() - began, time.process_time() - cpu)
        return done

    def wall(self, *names: str) -> float:
        return sum(self.parts[name][0] for name in names)


def set_based(connection: duckdb.DuckDBPyConnection, folder: Path) -> tuple[Clock, int]:
    """A tick from the checkpoint of a lake to the commit in it."""
    clock, planned = Clock(), plan([VERSION])
    lake = Lake(folder)
    schema = STREAMS[STEPS].schema
    log = connection.execute(f"select {', '.join(schema.names)} from journey_log").to_arrow_table()
    lake.commit(STEPS, "before", log.cast(schema))
    clock("fold of the log", lambda: checkpoint.load(connection, lake, T, may_write=False))
    standing.fold(connection)
    checkpoint.save(connection, lake, lake.entries(STEPS))
    clock("checkpoint", lambda: checkpoint.load(connection, lake, T, may_write=False))
    clock("numbers", lambda: standing.number(connection, planned))
    steps = clock("steps", lambda: step(connection, planned, T))
    clock(
        "commit",
        lambda: running.store(running.numbered(steps, lake), lake, T, "snapshot"),
    )
    return clock, steps.num_rows


def one_by_one(
    connection: duckdb.DuckDBPyConnection, sample: int, database: Path | None
) -> tuple[float, int]:
    """Seconds and steps of the interpreter over a sample."""
    rows = connection.execute(f"select * from journey_log limit {sample}").to_arrow_table()
    log = {row["contact_id"]: row for row in rows.to_pylist()}
    truths = dict(
        connection.execute(
            "select contact_id, is_true from journey_truths join journey_contacts using (cid)"
        ).fetchall()
    )
    numbers = interpreter.Numbers({("bench", 1, "ask"): 1})
    names = [*next(iter(log.values()))]
    stored = sqlite3.connect(database or ":memory:", isolation_level=None)
    stored.execute("pragma journal_mode = wal")
    stored.execute(
        f"create table state (contact_id primary key, {', '.join(f's_{n}' for n in names)})"
    )
    stored.execute(f"create table steps ({', '.join(names)})")
    marks = ", ".join("?" * len(names))
    stored.execute("begin")
    for contact, row in log.items():
        stored.execute(
            f"insert into state values (?, {marks})", [contact, *map(_plain, row.values())]
        )
    stored.execute("commit")
    began = time.perf_counter()
    steps = 0
    for contact, row in log.items():
        if database is not None:
            found = stored.execute("select * from state where contact_id = ?", [contact]).fetchone()
            row = {n: _read(n, value) for n, value in zip(names, found[1:], strict=True)}
        known = interpreter.Facts(truths={1: (truths[contact], "x")})
        new = interpreter.tick(contact, [VERSION], numbers, known, [row], T)
        steps += len(new)
        if database is not None:
            told = [[_plain(made.get(name)) for name in names] for made in new]
            stored.execute("begin")
            stored.executemany(f"insert into steps values ({marks})", told)
            stored.execute(
                f"insert or replace into state values (?, {marks})", [contact, *told[-1]]
            )
            stored.execute("commit")
    taken = time.perf_counter() - began
    stored.close()
    return taken, steps


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _read(name: str, value: Any) -> Any:
    return datetime.fromisoformat(value) if name.endswith("_at") and value else value


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--enrolments", type=int, default=1_000_000)
    parser.add_argument("--sample", type=int, default=20_000)
    parser.add_argument("--due", type=int, default=10_000)
    given = parser.parse_args(arguments)
    with duckdb.connect() as connection, TemporaryDirectory() as folder:
        connection.execute("set TimeZone = 'UTC'; set threads = 2")
        for due in (given.enrolments, given.due):
            fill(connection, given.enrolments, due)
            clock, steps = set_based(connection, Path(folder) / str(due))
            print(f"{due:,} due of {given.enrolments:,} enrolments, {steps:,} steps")
            for name, (wall, cpu) in clock.parts.items():
                print(f"  {name:16} {wall * 1000:8,.0f} ms  ({cpu * 1000:,.0f} ms CPU)")
            if due != given.enrolments:
                continue
            tick = steps / clock.wall("numbers", "steps")
            whole = steps / clock.wall("checkpoint", "numbers", "steps", "commit")
            print(f"  steps a second   {tick:10,.0f}  numbers and steps")
            print(f"                   {whole:10,.0f}  from the checkpoint to the commit")
            for name, database, fast in (
                ("in memory", None, steps / clock.wall("steps")),
                ("with its state", Path(folder) / "state.db", whole),
            ):
                slow, found = one_by_one(connection, given.sample, database)
                assert found * given.enrolments == steps * given.sample or given.sample < 10_000
                print(f"  contact by contact, {name}: {found / slow:,.0f} a second,", end=" ")
                print(f"ratio {fast / (found / slow):,.1f}")


if __name__ == "__main__":
    main()
