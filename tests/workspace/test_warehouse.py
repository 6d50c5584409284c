"""What the warehouse remembers against publishing."""

from __future__ import annotations

from pathlib import Path

from workspace import warehouse


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
