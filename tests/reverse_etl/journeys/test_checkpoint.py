"""A tick that goes on from a checkpoint finds what one that folds the whole log finds."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from reverse_etl.journeys import checkpoint, running, standing
from reverse_etl.journeys.plan import plan
from reverse_etl.journeys.tick import STEPS, step, tick
from tests.reverse_etl.journeys.worlds import facts, in_use, load, world
from workspace.lake import Lake

TICKS = [1, 30, 60, 110, 130, 200]


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'; set threads = 1")
        connection.execute("create schema marts")
        connection.execute(
            "create table marts.identity_map (identifier_key varchar, contact_id varchar)"
        )
        yield connection


def rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple]:
    return sorted(connection.execute(query).fetchall(), key=repr)


def state(connection: duckdb.DuckDBPyConnection) -> list[list[tuple]]:
    columns = ", ".join(column.split()[0] for column in standing.STATE.split(", "))
    watches = "journey, contact_id, is_true, step_number"
    return [
        rows(connection, f"select {columns} from journey_state"),
        rows(connection, f"select {watches} from journey_watches"),
    ]


def folded(connection: duckdb.DuckDBPyConnection, lake: Lake, at: datetime) -> list[list[tuple]]:
    running.load_log(connection, lake, at)
    standing.fold(connection)
    return state(connection)


def harm(lake: Lake, draw: random.Random) -> str:
    """Something that may happen to a checkpoint, or to the log under it."""
    folder = lake.root / checkpoint.FOLDER
    files = sorted(folder.glob("*.parquet")) if folder.exists() else []
    what = draw.choice(
        ["nothing"] * 4 + ["gone", "manifest", "cut", "flipped", "compacted", "file"]
    )
    if what == "compacted":
        lake.compact(STEPS)
    if not files:
        return what
    one = draw.choice(files)
    if what == "gone":
        (folder / checkpoint.MANIFEST).unlink(missing_ok=True)
    elif what == "manifest":
        text = draw.choice(["", "{}", "[]", '{"entries": 1}', '{"entries": []}', "\0"])
        (folder / checkpoint.MANIFEST).write_text(text)
    elif what == "cut":
        one.write_bytes(one.read_bytes()[:-9])
    elif what == "flipped":
        body = bytearray(one.read_bytes())
        body[draw.randrange(len(body))] ^= 1
        one.write_bytes(body)
    elif what == "file":
        one.unlink()
    return what


@pytest.mark.parametrize("seed", range(8))
def test_whatever_becomes_of_it(
    seed: int,
    connection: duckdb.DuckDBPyConnection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw = random.Random(seed)
    monkeypatch.setattr(checkpoint, "FEWEST", draw.choice([1, 1, 20, 1000]))
    monkeypatch.setattr(checkpoint, "PART", draw.choice([0, 0.2]))
    made, lake = world(seed, contacts=12), Lake(tmp_path)
    log: list[dict[str, Any]] = []
    for hours in TICKS:
        at = made.start + timedelta(hours=hours)
        planned = plan(in_use(made, at))
        load(connection, facts(made, planned, at, log), planned)
        harm(lake, draw)
        expected = folded(connection, lake, at)
        checkpoint.load(connection, lake, at, may_write=True)
        assert state(connection) == expected, (seed, at)
        standing.number(connection, planned)
        steps = step(connection, planned, at)
        whole = tick(connection, planned, at)
        key = lambda row: (row["enrolment_id"], row["step_number"])  # noqa: E731
        assert sorted(steps.to_pylist(), key=key) == sorted(whole.to_pylist(), key=key)
        running.store(running.numbered(steps, lake), lake, at, "snapshot")
        log += steps.to_pylist()
        if draw.random() < 0.2:
            one, other = draw.sample([one for one in made.contacts if one not in made.gone], 2)
            made.gone[one] = at
            connection.execute(
                "update marts.identity_map set contact_id = $2 where contact_id = $1", [one, other]
            )
            connection.execute("insert into marts.identity_map values (?, ?)", [one, other])
    past = made.start + timedelta(hours=TICKS[3])
    # A look back reads it only where it is no later, and leaves it as it is.
    kept = {path: path.read_bytes() for path in (tmp_path / checkpoint.FOLDER).glob("*")}
    checkpoint.load(connection, lake, past, may_write=True)
    assert state(connection) == folded(connection, lake, past)
    after = {path: path.read_bytes() for path in (tmp_path / checkpoint.FOLDER).glob("*")}
    assert after == kept


def test_it_is_read(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "FEWEST", 1)
    made, lake = world(3, contacts=12), Lake(tmp_path)
    log: list[dict[str, Any]] = []
    for hours in (1, 30, 60):
        at = made.start + timedelta(hours=hours)
        planned = plan(in_use(made, at))
        load(connection, facts(made, planned, at, log), planned)
        running.load_log(connection, lake, at)
        checkpoint.load(connection, lake, at, may_write=True)
        standing.number(connection, planned)
        steps = step(connection, planned, at)
        running.store(running.numbered(steps, lake), lake, at, "snapshot")
        log += steps.to_pylist()
    found = checkpoint._find(lake, lake.entries(STEPS), at)
    assert found is not None and 0 < found.covered < 3 and found.rows > 0
    before = state(connection)
    for path in lake.files(STEPS)[: found.covered]:
        path.unlink()
    checkpoint.load(connection, lake, at - timedelta(hours=1), may_write=False)
    assert state(connection) == before
