"""The atomic commit: old state or new state, whatever kills it."""

from __future__ import annotations

import os
import random
import signal
import time
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workspace.lake import Lake
from workspace.streams import STREAMS

SCHEMA = STREAMS["fx_rates"].schema


def rates(*days: int, known: datetime = datetime(2026, 1, 1)) -> pa.Table:
    rows = [
        {
            "base_currency": "EUR",
            "currency": "USD",
            "rate_on": datetime(2026, 1, day).date(),
            "rate": "0.9",
            "known_at": known,
            "landed_at": known,
            "landing_file": "f",
            "landing_line": day,
        }
        for day in days
    ]
    from decimal import Decimal

    return pa.Table.from_pylist([{**r, "rate": Decimal(r["rate"])} for r in rows], schema=SCHEMA)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "a lake's folder")


def test_an_empty_stream_has_its_types(lake: Lake) -> None:
    assert lake.read("fx_rates").schema == SCHEMA
    with duckdb.connect() as connection:
        for name, stream in STREAMS.items():
            described = connection.execute(f"describe {lake.relation_sql(name)}").fetchall()
            assert [row[0] for row in described] == stream.schema.names
            assert connection.execute(lake.relation_sql(name)).fetchall() == []


def test_empty_and_filled_relations_have_the_same_types(lake: Lake) -> None:
    with duckdb.connect() as connection:
        for name, stream in STREAMS.items():
            empty = connection.execute(f"describe {lake.relation_sql(name)}").fetchall()
            row = pa.Table.from_pylist([dict.fromkeys(stream.schema.names)], schema=stream.schema)
            lake.commit(name, "b", row)
            filled = connection.execute(f"describe {lake.relation_sql(name)}").fetchall()
            assert [r[:2] for r in empty] == [r[:2] for r in filled]


def test_a_batch_is_committed_once(lake: Lake) -> None:
    assert lake.commit("fx_rates", "one", rates(1, 2), {"note": "x"})
    assert not lake.commit("fx_rates", "one", rates(3))
    assert lake.commit("fx_rates", "two", None)
    assert lake.rows("fx_rates") == 2
    assert [(e.batch, e.rows, e.meta) for e in lake.entries("fx_rates")] == [
        ("one", 2, {"note": "x"}),
        ("two", 0, {}),
    ]
    assert lake.commit("fx_rates", "one", rates(3), replace=True)
    assert lake.read("fx_rates")["landing_line"].to_pylist() == [3]


def test_a_finished_file_is_moved_in(lake: Lake) -> None:
    staged = lake.staging() / "part.parquet"
    pq.write_table(rates(1), staged)
    lake.commit("fx_rates", "one", [staged])
    assert not staged.exists() and lake.rows("fx_rates") == 1


def test_other_columns_are_refused(lake: Lake) -> None:
    with pytest.raises(ValueError, match="missing \\['rate'\\]"):
        lake.commit("fx_rates", "one", rates(1).drop_columns(["rate"]))
    assert lake.entries("fx_rates") == []


def test_both_clocks_cut(lake: Lake) -> None:
    table = pa.Table.from_pylist(
        [
            {"response_id": "a", "occurred_at": datetime(2026, 1, 1), "known_at": known}
            for known in (datetime(2026, 1, 2), datetime(2026, 1, 3))
        ]
        + [{"response_id": "b", "occurred_at": datetime(2026, 1, 2), "known_at": None}],
        schema=STREAMS["surveys"].schema,
    )
    lake.commit("surveys", "one", table)
    sql = lake.relation_sql("surveys", datetime(2026, 1, 2), "count(*)")
    with duckdb.connect() as connection:
        assert connection.execute(sql).fetchone() == (1,)


def test_compaction_keeps_rows_batches_and_snapshot(lake: Lake) -> None:
    for day in range(1, 6):
        lake.commit("fx_rates", f"day {day}", rates(day), {"day": day})
    before, snapshot = lake.read("fx_rates"), lake.snapshot_id()
    assert lake.compact("fx_rates") == 4
    assert lake.read("fx_rates") == before
    assert lake.snapshot_id() == snapshot
    assert len(lake.files("fx_rates")) == 1
    assert [entry.meta["day"] for entry in lake.entries("fx_rates")] == [1, 2, 3, 4, 5]
    assert not lake.commit("fx_rates", "day 2", rates(9))
    assert lake.compact("fx_rates") == 0


def test_sweep_removes_only_what_no_manifest_lists(lake: Lake) -> None:
    lake.commit("fx_rates", "one", rates(1))
    leftover = lake.files("fx_rates")[0].with_name("leftover.parquet")
    leftover.write_bytes(b"half a file")
    (lake.staging() / "half.parquet").write_bytes(b"")
    assert len(lake.sweep()) == 2
    assert lake.rows("fx_rates") == 1 and lake.files("fx_rates")[0].exists()


def test_kill_9_leaves_the_old_state_or_the_new_one(lake: Lake) -> None:
    """A child commits batch after batch and is killed; every listed file is whole."""
    rng = random.Random(7)
    for round_number in range(30):
        child = os.fork()
        if child == 0:
            for number in range(1_000):
                lake.commit("fx_rates", f"{round_number}-{number}", rates(*range(1, 29)))
            os._exit(0)
        time.sleep(rng.uniform(0.002, 0.04))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        entries = lake.entries("fx_rates")
        assert lake.read("fx_rates").num_rows == 28 * len(entries)
    lake.sweep()
    assert lake.read("fx_rates").num_rows == 28 * len(lake.entries("fx_rates"))
    assert lake.commit("fx_rates", "after", rates(1))


def test_a_batch_may_stand_in_several_files(lake: Lake) -> None:
    staged = []
    for number in (1, 2):
        staged.append(lake.staging() / f"{number}.parquet")
        pq.write_table(rates(number), staged[-1])
    lake.commit("fx_rates", "one", staged, {"note": "x"})
    lake.commit("fx_rates", "two", rates(3))
    assert [entry.meta for entry in lake.entries("fx_rates")] == [{"note": "x"}, {}, {}]
    assert lake.read("fx_rates")["landing_line"].to_pylist() == [1, 2, 3]
    assert [path.name for path in lake.files("fx_rates", without="one")] == [
        lake.entries("fx_rates")[2].file
    ]
    lake.commit("fx_rates", "one", rates(4), replace=True)
    assert sorted(lake.read("fx_rates")["landing_line"].to_pylist()) == [3, 4]


def test_a_merged_batch_is_not_replaced(lake: Lake) -> None:
    for batch, number in (("a", 1), ("b", 2), ("c", 3)):
        lake.commit("fx_rates", batch, rates(number))
    lake.compact("fx_rates", leave={"c"})
    for batch in ("a", "b"):
        with pytest.raises(ValueError, match="merged"):
            lake.commit("fx_rates", batch, rates(9), replace=True)
    lake.commit("fx_rates", "c", rates(4), replace=True)
    assert lake.read("fx_rates")["landing_line"].to_pylist() == [1, 2, 4]


def test_a_column_that_came_later_is_empty_in_older_files(lake: Lake) -> None:
    older = rates(1, 2).drop_columns(["rate", "landing_line"])
    path = lake.staging() / "older.parquet"
    lake.commit("fx_rates", "a", rates(1, 2))
    (file,) = lake.files("fx_rates")
    pq.write_table(older, path)
    path.rename(file.with_name("older.parquet"))
    manifest = file.parent / "manifest.json"
    manifest.write_text(manifest.read_text().replace(file.name, "older.parquet"))
    query = "select rate, landing_line, count(*) from ({}) group by all order by all"
    with duckdb.connect() as connection:
        found = connection.execute(query.format(lake.relation_sql("fx_rates"))).fetchall()
        assert found == [(None, None, 2)]
        lake.commit("fx_rates", "b", rates(3))
        described = connection.execute(f"describe {lake.relation_sql('fx_rates')}").fetchall()
        assert [row[0] for row in described] == SCHEMA.names
        found = connection.execute(query.format(lake.relation_sql("fx_rates"))).fetchall()
    assert [row[1:] for row in found] == [(3, 1), (None, 2)]
    assert lake.read("fx_rates", ["landing_line"])["landing_line"].to_pylist() == [None, None, 3]
    lake.compact("fx_rates")
    assert lake.read("fx_rates").num_rows == 3
