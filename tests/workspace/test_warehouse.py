"""What the warehouse remembers against publishing."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pyarrow as pa

from workspace import warehouse
from workspace.lake import Lake
from workspace.streams import STREAMS


def test_a_failed_check_stands_until_it_passes(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    assert warehouse.doubts(path) == {}
    warehouse.begin_build(path, "all")
    warehouse.end_build(path, "all", ["model.a"], {"test.a": "3 rows", "test.b": "1 row"})
    assert warehouse.doubts(path) == {"test.a": "3 rows", "test.b": "1 row"}
    warehouse.begin_build(path, "all (a)")
    warehouse.end_build(path, "all (a)", ["test.a"], {"test.b": "2 rows"})
    assert warehouse.doubts(path) == {"test.b": "2 rows"}


def test_an_unfinished_build_stands_until_all_of_it_is_built(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    warehouse.begin_build(path, "all")
    warehouse.begin_build(path, "all (a)")
    warehouse.end_build(path, "all (a)", ["model.a"], {})
    assert list(warehouse.doubts(path)) == ["all"]
    warehouse.begin_build(path, "all (b)")
    warehouse.end_build(path, "all", [], {})
    assert warehouse.doubts(path) == {}


def test_what_came_since_a_version(tmp_path: Path) -> None:
    lake, path = Lake(tmp_path / "lake"), tmp_path / "warehouse.duckdb"
    january, february = datetime(2026, 1, 1), datetime(2026, 2, 1)

    def add(batch: str, *days: tuple[int, int]) -> None:
        """Rates by day, known on a day of January."""
        schema = STREAMS["fx_rates"].schema
        empty = {name: None for name in schema.names}
        rows = [
            {**empty, "rate_on": date(2026, 1, day), "known_at": datetime(2026, 1, known)}
            for day, known in days
        ]
        lake.commit("fx_rates", batch, pa.Table.from_pylist(rows, schema=schema))

    def shown(as_of: datetime) -> str:
        warehouse.prepare(path, lake, as_of, {})
        return lake.version("fx_rates", as_of)

    def came(version: str) -> list[int] | None:
        with warehouse.connect(path) as connection:
            query = warehouse.came_since(connection, "fx_rates", version)
            if query is None:
                return None
            found = connection.execute(f"select day(rate_on) from ({query}) order by 1")
            return [day for (day,) in found.fetchall()]

    add("a", (1, 1), (2, 2), (3, 20))
    first = shown(datetime(2026, 1, 10))
    assert came(first) == []
    # What lay ahead is there now, and a file more; the version between need not have been seen.
    second = shown(february)
    assert came(first) == [3]
    add("b", (4, 4))
    third = shown(february)
    assert came(first) == [3, 4] and came(second) == [4] and came(third) == []
    assert came("nobody's") is None
    # Looking from an earlier moment, or without a file that was there, rows have gone.
    shown(january)
    assert came(second) is None
    lake.compact("fx_rates")
    shown(february)
    assert came(third) is None
