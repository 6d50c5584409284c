"""Sessionise events: our model's SQL, and the straightforward SQL over text keys.

    python -m benchmarks.sessions [--events ROWS] [--only ours|peer]

``events`` events, by default 20 million, of visitors with keys of 32 characters, in no order: eight
a session and five sessions a visitor. Ours is the compiled text of the model
``int_event_sessions`` as the project ships it; the peer partitions by the text key, orders by the
timestamp and numbers the sessions of each visitor. Both are aggregated to sessions and their
events, so that neither writes a table. Each runs in a process of its own for its peak of memory.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import duckdb

from benchmarks._models import build, statement
from workspace import definitions
from workspace.definitions.store import table
from workspace.paths import PROJECT

EVENTS = 20_000_000
A_SESSION, A_VISITOR = 8, 40
SETTINGS = ["stg_system__reporting", "stg_marketing__session_settings", "int_session_cuts"]

PEER = """
with pauses as (
    select
        visitor_key, occurred_at,
        occurred_at - lag(occurred_at) over (
            partition by visitor_key order by occurred_at
        ) as pause
    from intermediate.int_interactions
)
select
    visitor_key,
    sum(case when pause is null or pause >= interval '30' minute then 1 else 0 end) over (
        partition by visitor_key order by occurred_at rows unbounded preceding
    ) as session_id
from pauses
"""


def fill(path: Path, events: int) -> None:
    """A warehouse with what the model reads: interactions, settings and a run's context."""
    rows = table(definitions.load(PROJECT / "marketing").rows(), datetime(2026, 1, 1))
    with duckdb.connect(str(path), config={"threads": 2}) as connection:
        connection.execute("create schema lake; create schema staging; create schema intermediate")
        connection.register("rows_to_load", rows)
        connection.execute("create table lake.parameters as from rows_to_load")
        connection.execute(
            "create table lake.run_context as select 'r' as run_id, 's' as snapshot_id, "
            "timestamp '2026-10-01' as as_of, 'Europe/Paris' as time_zone, 'EUR' as base_currency"
        )
        # The order of the hash is no order of visitors or of time.
        connection.execute(
            f"""
            set enable_progress_bar = false;
            create table intermediate.int_interactions as
            select
                md5('m' || i) as message_id, md5('v' || visitor) as visitor_key,
                hash(md5('v' || visitor)) as visitor_number,
                timestamp '2026-01-01'
                + to_seconds(86400 * (hash(visitor, session) % 180)
                + 30 * (i % {A_SESSION}) + hash(i) % 25) as occurred_at,
                null::varchar as source, null::varchar as medium, null::varchar as campaign,
                null::varchar as click_id_name
            from (
                select
                    i, i // {A_VISITOR} as visitor, (i % {A_VISITOR}) // {A_SESSION} as session
                from range({events}) as numbers(i)
            )
            order by hash(i, 'order')
            """
        )


def prepared(path: Path) -> str:
    """The model's SQL, with its settings built in the warehouse."""
    build(path, *SETTINGS)
    return statement(path, "int_event_sessions")


def measure(path: str, query: str, session: str) -> tuple[float, float, int, int, int]:
    """Best seconds of three by the clock and of the processor, sessions and events found, and the
    peak of memory in MB."""
    taken, used = [], []
    with duckdb.connect(path, read_only=True, config={"threads": 2}) as connection:
        connection.execute("set preserve_insertion_order = false; set memory_limit = '5GB'")
        connection.execute("set enable_progress_bar = false")
        for _ in range(3):
            started, before = time.perf_counter(), time.process_time()
            found = connection.execute(
                f"select count(*), sum(events) from (select {session}, count(*) as events "
                f"from ({query}) group by all)"
            ).fetchone()
            taken.append(time.perf_counter() - started)
            used.append(time.process_time() - before)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return min(taken), min(used), int(found[0]), int(found[1]), peak


def alone(work: Callable[..., Any], *arguments: Any) -> Any:
    """A function's answer from a new process: its memory, and its hold on the file, end with it."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--only", choices=("ours", "peer"))
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "warehouse.duckdb"
        alone(fill, path, options.events)
        ours = alone(prepared, path)
        results = {}
        for name, query, session in (
            ("ours", ours, "visitor_number, session_start_us"),
            ("peer", PEER, "visitor_key, session_id"),
        ):
            if options.only not in (None, name):
                continue
            results[name] = alone(measure, str(path), query, session)
    counts = {tuple(result[2:4]) for result in results.values()}
    assert len(counts) == 1, f"they differ: {results}"
    ((sessions, events),) = counts
    print(f"{events:,} events, {sessions:,} sessions")
    for name, (seconds, used, _, _, peak) in results.items():
        ratio = used / results.get("ours", [0, used])[1]
        print(
            f"{name:6} {seconds:6.2f} s   {used:6.2f} s of the processor ({ratio:.1f} times ours)"
            f"   {peak:6,} MB"
        )


if __name__ == "__main__":
    main()
