"""A process that ticks a world into a lake, to be killed: ``python killed.py LAKE SEED``."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import duckdb

from reverse_etl.journeys import running
from reverse_etl.journeys.plan import plan
from reverse_etl.journeys.tick import STEPS, tick
from tests.reverse_etl.journeys.worlds import facts, in_use, load, load_log, world
from workspace.lake import Lake

TICKS = 8


def main(folder: Path, seed: int) -> None:
    made = world(seed, contacts=12)
    lake = Lake(folder)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for number in range(TICKS):
            at = made.start + timedelta(hours=25 * number)
            log = lake.read(STEPS).to_pylist()
            before = [row for row in log if row["known_at"] < at]
            planned = plan(in_use(made, at))
            load(connection, facts(made, planned, at, before), planned)
            load_log(connection, log)
            steps = running.numbered(tick(connection, planned, at), lake)
            running.store(steps, lake, at, "snapshot")
    print("done", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
