"""Evaluate 50 segments: all together as a run does, and a straightforward query for each.

    python -m benchmarks.segments [--contacts N] [--events N] [--no-postgres]

By default a million contacts and 20 million events in DuckDB, and 100,000 contacts and 2 million
events in DuckDB and in a PostgreSQL of its own with covering indexes, where Debian's is installed.
The segments have six leaves each, or five: fields, counts of events in windows, recency. `cold`
starts from the marts; `warm` from the features, which is what changes in a definition cost. Both
ways must find the same number of members.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from reverse_etl.segments.compiler import PARTS, compile_segments
from workspace.definitions.segment_fields import Fields
from workspace.definitions.segments import Segment, Segments

AS_OF = datetime(2026, 10, 1)
NAMES = [f"Event {number}" for number in range(40)]
ROLES = [f"role_{number}" for number in range(8)]
SEGMENTS = 50
POSTGRES = Path("/usr/lib/postgresql")


def definitions(seed: int = 7) -> Segments:
    """Fifty definitions with 290 leaves; windows and names recur, as they do among people."""
    draw = random.Random(seed)
    found = {}
    for number in range(SEGMENTS):
        leaves: list[dict[str, Any]] = [
            {"field": "contact.role", "in": draw.sample(ROLES, 3)},
            {"field": "contact.engagement_score", "at_least": draw.choice([20, 40, 60])},
        ]
        while len(leaves) < 6 - (number % 5 == 0):
            event = {"event": draw.choice(NAMES), "within_days": draw.choice([7, 30, 60, 90])}
            kind = draw.choice(["count", "count", "any", "never", "field"])
            if kind == "count":
                leaves.append({**event, "at_least": draw.choice([2, 3])})
            elif kind == "any":
                leaves.append(event)
            elif kind == "never":
                leaves.append({"not": event})
            else:
                leaves.append({"field": "account.population", "at_least": draw.choice([500, 5000])})
        where = {"all": [leaves[0], {"any": leaves[1:4]}, *leaves[4:]]}
        found[f"s{number:02}"] = Segment.model_validate({"name": "s", "where": where})
    return Segments(segments=found)


def plain_sql(segments: Segments) -> dict[str, str]:
    """One query a segment, as one would write it by hand: sets of contacts, put together."""

    def words(condition: Any) -> str:
        plain = condition.model_dump(by_alias=True, exclude_defaults=True)
        if "all" in plain or "any" in plain:
            parts = condition.all_ if "all" in plain else condition.any_
            return "(" + (" and " if "all" in plain else " or ").join(map(words, parts)) + ")"
        if "not" in plain:
            return f"not {words(condition.not_)}"
        if "event" in plain:
            since = AS_OF - timedelta(days=plain["within_days"])
            return (
                "contact_id in (select contact_id from fct_events "
                f"where event = '{plain['event']}' and occurred_at >= timestamp '{since}' "
                "and actor_class <> 'machine' and contact_id is not null "
                f"group by contact_id having count(*) >= {plain.get('at_least', 1)})"
            )
        column = plain["field"].replace("contact.", "").replace("account.", "")
        if "in" in plain:
            return f"{column} in ({', '.join(repr(value) for value in plain['in'])})"
        return f"coalesce({column} >= {plain['at_least']}, false)"

    return {
        key: "select count(*) from contact_features left join "
        "(select account_id, population from account_features) as accounts using (account_id) "
        f"where {words(segment.where)}"
        for key, segment in segments.segments.items()
    }


def fill(connection: duckdb.DuckDBPyConnection, contacts: int, events: int) -> None:
    """The marts that the compiled SQL reads; nobody's consents, lists and properties."""
    connection.execute("set threads = 2; set enable_progress_bar = false; create schema marts")
    roles = ", ".join(f"'{role}'" for role in ROLES)
    names = ", ".join(f"'{name}'" for name in NAMES)
    connection.execute(
        f"""
        create table marts.contact_features as
        select md5('c' || i) as contact_id, md5('a' || i // 10) as account_id,
            'medical' as vertical, [{roles}][1 + (hash(i, 'r') % 8)::int] as role,
            (hash(i, 's') % 10000) / 100.0::double as engagement_score
        from range({contacts}) as numbers(i);
        create table marts.account_features as
        select md5('a' || i) as account_id, 'medical' as vertical,
            (hash(i, 'p') % 20000)::bigint as population
        from range({contacts // 10}) as numbers(i);
        create table marts.fct_events as
        select i as message_id, 'track' as message_type,
            [{names}][1 + least(39, floor(40 * pow((hash(i, 'n') % 10000) / 10000.0, 2)))::int]
                as event,
            md5('c' || hash(i, 'c') % {contacts}) as contact_id,
            timestamp '{AS_OF}' - to_seconds((hash(i, 't') % (730 * 86400))::bigint + 1)
                as occurred_at,
            (timestamp '{AS_OF}' - to_seconds((hash(i, 't') % (730 * 86400))::bigint + 1))::date
                as occurred_on,
            null::decimal(18, 4) as revenue_base,
            case when hash(i, 'm') % 20 = 0 then 'machine' else 'human' end as actor_class
        from range({events}) as numbers(i) order by occurred_at;
        create table marts.fct_touchpoints as
        select '' as touch_type, '' as contact_id, timestamp '{AS_OF}' as occurred_at,
            date '{AS_OF:%Y-%m-%d}' as occurred_on, '' as actor_class where false;
        """
    )


def ours(connection: duckdb.DuckDBPyConnection, segments: Segments) -> tuple[float, float, int]:
    """Seconds from the marts and from the features, and all memberships."""
    names = {("track", name) for name in NAMES}
    connection.execute("create schema if not exists built")
    started = time.perf_counter()
    compiled = compile_segments(segments, Fields(), names, AS_OF)
    queries = compiled.queries("built.")
    for part in PARTS:
        connection.execute(f"create or replace table built.{part} as {queries[part]}")
    members = f"create or replace table built.members as {queries['segment_members']}"
    connection.execute(members)
    cold = time.perf_counter() - started
    warm = best(lambda: connection.execute(members))
    row = connection.execute("select count(*) from built.members").fetchone()
    assert row is not None
    return cold, warm, row[0]


def each(execute: Callable[[str], Any], segments: Segments) -> tuple[float, int]:
    queries = plain_sql(segments)
    started = time.perf_counter()
    found = sum(execute(query) for query in queries.values())
    return time.perf_counter() - started, found


def best(work: Callable[[], Any], times: int = 3) -> float:
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


def in_duckdb(connection: duckdb.DuckDBPyConnection) -> Callable[[str], int]:
    connection.execute("use marts")
    return lambda query: connection.execute(query).fetchone()[0]


@contextmanager
def postgres() -> Iterator[Any]:
    """A PostgreSQL of its own, gone afterwards; it refuses to run as root."""
    import psycopg

    programs = sorted(POSTGRES.glob("*/bin"))[-1]
    folder = Path(tempfile.mkdtemp(prefix="segments-pg-"))
    shutil.chown(folder, "postgres")
    data, port = folder / "data", 54329

    def run(*command: str) -> None:
        subprocess.run(
            ["runuser", "-u", "postgres", "--", *command], check=True, stdout=subprocess.DEVNULL
        )

    options = (
        f"-p {port} -k {folder} -c listen_addresses='' -c shared_buffers=1GB -c work_mem=256MB"
    )
    run(f"{programs}/initdb", "-D", str(data))
    run(f"{programs}/pg_ctl", "-D", str(data), "-w", "-l", f"{folder}/log", "-o", options, "start")
    try:
        with psycopg.connect(
            f"host={folder} port={port} user=postgres dbname=postgres", autocommit=True
        ) as found:
            yield found
    finally:
        run(f"{programs}/pg_ctl", "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def copy_to(postgres_connection: Any, connection: duckdb.DuckDBPyConnection) -> None:
    columns = {
        "contact_features": (
            "contact_id text, account_id text, role text, engagement_score float8"
        ),
        "account_features": "account_id text, population int8",
        "fct_events": "contact_id text, event text, occurred_at timestamp, actor_class text",
    }
    for table, typed in columns.items():
        names = ", ".join(column.split()[0] for column in typed.split(", "))
        postgres_connection.execute(f"create table {table} ({typed})")
        with tempfile.NamedTemporaryFile(suffix=".csv") as file:
            connection.execute(
                f"copy (select {names} from marts.{table}) to '{file.name}' (header 0)"
            )
            with postgres_connection.cursor().copy(f"copy {table} from stdin (format csv)") as copy:
                copy.write(Path(file.name).read_bytes())
    postgres_connection.execute(
        "create index on fct_events (event, occurred_at) include (contact_id, actor_class)"
    )
    postgres_connection.execute("create index on contact_features (contact_id)")
    postgres_connection.execute(
        "create index on account_features (account_id) include (population)"
    )
    postgres_connection.execute("vacuum analyze")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--no-postgres", action="store_true")
    options = parser.parse_args(arguments)
    segments = definitions()
    leaves = sum(len(list(segment.leaves())) for segment in segments.segments.values())
    for contacts, events, peer in (
        (options.contacts, options.events, False),
        (options.contacts // 10, options.events // 10, not options.no_postgres),
    ):
        with duckdb.connect() as connection:
            fill(connection, contacts, events)
            cold, warm, members = ours(connection, segments)
            single, found = each(in_duckdb(connection), segments)
            print(
                f"{SEGMENTS} segments, {leaves} leaves, {contacts:,} contacts x {events:,} events: "
                f"{members:,} memberships"
            )
            assert found == members, f"the plain queries find {found:,}"
            print(f"  together, cold            {cold:7.2f} s   (limit: a third of one by one)")
            print(f"  together, from features   {warm:7.2f} s   (limit: a fifteenth)")
            print(
                f"  one query each            {single:7.2f} s   {single / cold:5.1f} x cold, "
                f"{single / warm:5.1f} x warm"
            )
            if peer and any(POSTGRES.glob("*/bin/initdb")):
                with postgres() as server:
                    copy_to(server, connection)
                    slow, found = each(lambda q: server.execute(q).fetchone()[0], segments)
                assert found == members, f"PostgreSQL finds {found:,}"
                print(
                    f"  PostgreSQL, one each      {slow:7.2f} s   {slow / cold:5.1f} x cold, "
                    f"{slow / warm:5.1f} x warm   (limit 4)"
                )


if __name__ == "__main__":
    main()
