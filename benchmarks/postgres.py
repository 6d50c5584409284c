"""Load a published version into Postgres: ours, DuckDB's CSV through COPY, and rows through COPY.

    python -m benchmarks.postgres [--rows ROWS]

A fact of two million rows and nine columns, beside fifty small marts, into a server of its own on
this machine. Both peers read the fact's files with DuckDB and end with `analyze`, too; they swap
nothing, and the CSV is a file in between. Ours is then asked for a version in which one small mart
changed. DuckDB's own extension for Postgres is no peer here: it would have to be downloaded.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.segments import postgres
from reverse_etl.publish import Catalogue, Relation, publish
from reverse_etl.publish.postgres import load
from workspace.paths import Paths

AT = datetime(2026, 10, 1)
_TYPES = (
    "fact_id text, contact_id text, occurred_at timestamp, occurred_on date, kind text, "
    "amount numeric(18, 4), score double precision, count bigint, is_human boolean"
)


def make(paths: Paths, rows: int, number: int) -> None:
    """A version; by ``number`` differs one of the small marts."""
    paths.warehouse.unlink(missing_ok=True)
    small = {f"small_{n}": 1_000 for n in range(50)}
    with duckdb.connect(str(paths.warehouse)) as connection:
        connection.execute("create schema marts")
        connection.execute(
            f"""
            create table marts.facts as
            select
                md5('f' || i) as fact_id,
                md5('c' || i // 7) as contact_id,
                timestamp '2026-01-01' + to_seconds((hash(i) % 20000000)::bigint) as occurred_at,
                occurred_at::date as occurred_on,
                ['page', 'click', 'open', 'form'][1 + i % 4] as kind,
                (i % 9999 / 7)::decimal(18, 4) as amount,
                case when i % 3 = 0 then sqrt(i) end as score,
                i as count,
                i % 5 > 0 as is_human
            from range({rows}) as numbers(i)
            """
        )
        for name, size in small.items():
            changed = number if name == "small_0" else 0
            connection.execute(
                f"create table marts.{name} as select range as n, {changed} as v from range({size})"
            )
    catalogue = Catalogue([Relation("marts", name, "One row.") for name in ("facts", *small)])
    publish(paths.warehouse, paths, catalogue, AT + timedelta(seconds=number), {})


def by_csv(server: Any, facts: str, folder: Path) -> None:
    file = folder / "facts.csv"
    server.execute(f"create table by_csv ({_TYPES})")
    with duckdb.connect() as connection:
        connection.execute(f"copy (select * from {facts}) to '{file}' (header false)")
    with open(file, "rb") as source, server.cursor().copy("copy by_csv from stdin csv") as copy:
        while chunk := source.read(1 << 20):
            copy.write(chunk)
    file.unlink()
    server.execute("analyze by_csv")


def by_rows(server: Any, facts: str) -> None:
    server.execute(f"create table by_rows ({_TYPES})")
    with duckdb.connect() as connection, server.cursor().copy("copy by_rows from stdin") as copy:
        found = connection.execute(f"select * from {facts}")
        while rows := found.fetchmany(10_000):
            for row in rows:
                copy.write_row(row)
    server.execute("analyze by_rows")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=2_000_000)
    rows = parser.parse_args(arguments).rows
    with tempfile.TemporaryDirectory() as given, postgres() as server:
        paths = Paths(Path(given) / "w")
        paths.create()
        make(paths, rows, 0)
        info = server.info
        url = f"postgresql:///{info.dbname}?host={info.host}&port={info.port}&user={info.user}"
        facts = f"read_parquet('{paths.published}/current/facts/*.parquet')"
        before = _peak(reset=True)
        ours = _timed(lambda: load(paths, url, AT))
        grown = _peak() - before
        csv = _timed(lambda: by_csv(server, facts, paths.root))
        single = _timed(lambda: by_rows(server, facts))
        for table in ("by_csv", "by_rows"):
            query = (
                f"select count(*) from (table {table} except all table marts.facts) as differing"
            )
            assert server.execute(query).fetchone() == (0,)
        total = rows + 50 * 1_000
        print(f"{total:,} rows, {rows:,} of them in one mart")
        print(f"ours, 51 marts and the swap {ours:7.2f} s   {total / ours:10,.0f} rows/s")
        print(f"  memory grew by            {grown / 1024:7.0f} MB")
        print(f"CSV, then COPY              {csv:7.2f} s   {_against(rows / csv, total / ours)}")
        print(
            f"rows, by COPY               {single:7.2f} s   {_against(rows / single, total / ours)}"
        )
        make(paths, rows, 1)
        print(f"ours, one mart changed      {_timed(lambda: load(paths, url, AT)):7.2f} s")


def _against(peer: float, ours: float) -> str:
    return f"{peer:10,.0f} rows/s, ours {ours / peer:.1f} times"


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _peak(reset: bool = False) -> int:
    """The most memory that this process has had, in kB."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
