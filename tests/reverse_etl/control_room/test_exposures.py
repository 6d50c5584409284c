"""What dbt is told of the pages is what they read."""

from __future__ import annotations

import json
from typing import Any

import duckdb
import pytest
import yaml

from reverse_etl.control_room import definitions, exposures
from reverse_etl.control_room.exposures import FILE, NoMartError, marts
from workspace.paths import PROJECT

DBT = PROJECT / "dbt"


def test_the_file_is_what_the_pages_say() -> None:
    """`python -m reverse_etl.control_room.exposures` makes it anew."""
    assert FILE.read_text(encoding="utf-8") == exposures.text()


def test_every_page_reads_marts_that_there_are() -> None:
    there = {path.stem for path in (DBT / "models" / "marts").rglob("*.sql")} | {"kpi_metrics"}
    told = {one["name"]: one for one in yaml.safe_load(FILE.read_text())["exposures"]}
    assert list(told) == [f"control_room_{key}" for key in definitions.pages()]
    for name, one in told.items():
        named = {reference[len("ref('") : -len("')")] for reference in one["depends_on"]}
        assert named - there == set(), name


def tables(node: Any) -> set[str]:
    """Every table of DuckDB's own parse tree that has a schema."""
    if isinstance(node, list):
        return set().union(*map(tables, node))
    if not isinstance(node, dict):
        return set()
    below = tables(list(node.values()))
    is_table = node.get("type") == "BASE_TABLE" and node["schema_name"]
    return below | {f"{node['schema_name']}.{node['table_name']}"} if is_table else below


def test_duckdb_reads_the_same_from_each_statement() -> None:
    with duckdb.connect() as connection:
        for key, figure in definitions.figures():
            sql = definitions.sql(key, figure.key)
            (tree,) = connection.execute("select json_serialize_sql($1)", [sql]).fetchone() or ()
            assert {f"marts.{name}" for name in marts(sql)} == tables(json.loads(tree)), figure.key


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("with t as (select * from marts.a) select * from t, marts.b", {"a", "b"}),
        ("with a as (select 1 as x) select x from a where x in (select y from marts.c)", {"c"}),
        ("select unnest(range(3)) as n", set()),
    ],
)
def test_marts_of_a_statement(sql: str, named: set[str]) -> None:
    assert marts(sql) == named


@pytest.mark.parametrize("sql", ["from pii.contacts", "select 1 from other.marts.a"])
def test_what_is_no_mart(sql: str) -> None:
    with pytest.raises(NoMartError):
        marts(sql)
