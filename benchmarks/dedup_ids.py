"""New message ids against the lake's: ours by numeric hash, and DuckDB's join of the ids.

    python -m benchmarks.dedup_ids [--stored ROWS] [--new ROWS]

The lake holds ``stored`` events, by default 20 million; ``new`` ones arrive, by default a million,
of which 1 in 1,000 is there already. Ours includes opening the lake, finding the repeated rows,
reading them and comparing their bodies; the join only finds the ids.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from ingestion.chunks import chunk_schema
from ingestion.duplicates import judge
from workspace.lake import Lake

FILE_ROWS = 1_000_000
ONE_IN = 1000


def table(first: int, rows: int) -> pa.Table:
    """Events with random ids, and with random hashes as MD5 would give."""
    random = np.random.default_rng(first)
    ids = duckdb.sql(
        f"select md5(range::varchar) from range({first}, {first + rows})"
    ).to_arrow_table()
    numbers = np.arange(first, first + rows)
    filled = {
        "message_id": ids.column(0).combine_chunks(),
        "message_hash": pa.array(random.integers(-(2**63), 2**63, rows)),
        "type": pa.repeat("page", rows),
        "user_id": pa.repeat("u", rows),
        "occurred_at": pa.repeat(pa.scalar(datetime(2026, 1, 1), pa.timestamp("us")), rows),
        "landing_line": pa.array(numbers),
        "landing_file": pa.repeat(f"events/{first}", rows),
    }
    schema = chunk_schema("events")
    columns = [filled.get(field.name, pa.nulls(rows, field.type)) for field in schema]
    return pa.Table.from_arrays(
        [column.cast(field.type) for column, field in zip(columns, schema, strict=True)],
        schema=schema,
    )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stored", type=int, default=20_000_000)
    parser.add_argument("--new", type=int, default=1_000_000)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder))
        fresh = table(options.stored, options.new)
        old = []
        for first in range(0, options.stored, FILE_ROWS):
            rows = table(first, min(FILE_ROWS, options.stored - first))
            old.append(rows.slice(0, options.new // ONE_IN * FILE_ROWS // options.stored))
            lake.commit("events", str(first), rows.drop_columns(["_has_timestamp"]))
        fresh = pa.concat_tables([fresh.slice(sum(map(len, old))), *old])
        repeats = sum(map(len, old))

        def ours() -> int:
            return int((~judge("events", [fresh], lake, "new").keep).sum())

        def join() -> int:
            with duckdb.connect(config={"threads": 2}) as connection:
                connection.register("fresh", fresh.select(["message_id"]))
                found = connection.execute(
                    f"select count(*) from ({lake.relation_sql('events')}) as stored "
                    "semi join fresh using (message_id)"
                ).fetchone()
            return found[0]

        seconds = {}
        for name, work in (("ours", ours), ("DuckDB's join of the ids", join)):
            taken = []
            for _ in range(3):
                started = time.perf_counter()
                assert work() == repeats
                taken.append(time.perf_counter() - started)
            seconds[name] = min(taken)
    print(f"{options.new:,} ids against {options.stored:,}, {repeats:,} of them there")
    for name, value in seconds.items():
        print(f"{name:26} {value:6.2f} s   {value / seconds['ours']:5.1f} times ours")


if __name__ == "__main__":
    main()
