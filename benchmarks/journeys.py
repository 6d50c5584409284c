"""A tick over many enrolments: set-based, and contact by contact in plain Python.

    python -m benchmarks.journeys [--enrolments N] [--sample N]

`all due`: everybody passes a wait, a condition, a split, an action and comes to the next wait.
`few due`: 10,000 of them are due, the others wait. The interpreter of the tests does the same for a
sample of the contacts; steps must agree in number.
"""

from __future__ import annotations

import argparse
import time
from datetime import datetime, timedelta

import duckdb

from reverse_etl.journeys import standing
from reverse_etl.journeys.plan import Version, plan
from reverse_etl.journeys.tick import FACTS, step, tick
from tests.reverse_etl.journeys import interpreter
from workspace.definitions.journeys import Journey

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


def seconds(connection: duckdb.DuckDBPyConnection) -> tuple[float, int]:
    began = time.perf_counter()
    steps = tick(connection, plan([VERSION]), T)
    return time.perf_counter() - began, steps.num_rows


def from_state(connection: duckdb.DuckDBPyConnection) -> tuple[float, int]:
    """The part of a tick behind the fold of the log: who goes on, and where to."""
    planned = plan([VERSION])
    standing.fold(connection)
    began = time.perf_counter()
    standing.number(connection, planned)
    print("number", time.perf_counter() - began)
    began = time.perf_counter()
    steps = step(connection, planned, T)
    taken = time.perf_counter() - began
    return taken, steps.num_rows


def plain(connection: duckdb.DuckDBPyConnection, sample: int) -> tuple[float, int]:
    rows = connection.execute(f"select * from journey_log limit {sample}").to_arrow_table()
    log = rows.to_pylist()
    truths = dict(
        connection.execute(
            "select contact_id, is_true from journey_truths join journey_contacts using (cid)"
        ).fetchall()
    )
    numbers = interpreter.Numbers({("bench", 1, "ask"): 1})
    began = time.perf_counter()
    steps = 0
    for row in log:
        known = interpreter.Facts(truths={1: (truths[row["contact_id"]], "x")})
        contact = row["contact_id"]
        steps += len(interpreter.tick(contact, [VERSION], numbers, known, [row], T))
    return time.perf_counter() - began, steps


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--enrolments", type=int, default=1_000_000)
    parser.add_argument("--sample", type=int, default=20_000)
    given = parser.parse_args(arguments)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'; set threads = 2")
        fill(connection, given.enrolments, given.enrolments)
        taken, steps = seconds(connection)
        print(f"all due, {given.enrolments:,} enrolments  {taken:7.2f} s  {steps:,} steps")
        print(f"  steps a second             {steps / taken:12,.0f}")
        print("state on", from_state(connection))
        slow, found = plain(connection, given.sample)
        print(f"  contact by contact         {found / slow:12,.0f}  steps a second")
        print(f"  ratio                      {steps / taken / (found / slow):12.1f}")
        fill(connection, given.enrolments, 10_000)
        taken, steps = seconds(connection)
        print(f"10,000 due                   {taken:7.2f} s  {steps:,} steps, from the log on")
        taken, steps = from_state(connection)
        print(f"  from the state on          {taken * 1000:7.0f} ms")


if __name__ == "__main__":
    main()
