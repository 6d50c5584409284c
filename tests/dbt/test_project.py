"""The project itself: its unit tests, its warnings and its house rules."""

from __future__ import annotations

import re

from tests.dbt.lakehouse import PROJECT, Lakehouse

MODELS = sorted(PROJECT.glob("models/**/*.sql"))


def test_it_parses_without_a_warning(empty: Lakehouse) -> None:
    manifest = empty.dbt("parse", "--warn-error", "--no-partial-parse").result
    described = {
        node.name: node.description
        for node in manifest.nodes.values()
        if node.resource_type == "model" and node.schema in ("marts", "pii")
    }
    assert described
    for name, description in described.items():
        assert description.startswith("One row per "), name
    keys = {
        source.name: source.meta["dagster"]["asset_key"] for source in manifest.sources.values()
    }
    # lake.run_log, before the asset of that name has written this run into it.
    assert keys.pop("earlier_runs") == ["lake", "run_context"]
    assert all(key == ["lake", name] for name, key in keys.items())


def test_unit_tests_pass(empty: Lakehouse) -> None:
    """Behind the test above, whose parsing dbt finds again in its target folder."""
    results = empty.dbt("test", "--select", "test_type:unit").result.results
    assert len(results) >= 11
    assert {str(result.status) for result in results} == {"pass"}


def test_what_tests_tell_of_their_rows_can_be_asked(golden: Lakehouse) -> None:
    """`meta.tells`, which alerts show of the rows that a test finds."""
    nodes = golden.project.manifest["nodes"]
    tells = {
        unique_id: node["config"]["meta"]["tells"]
        for unique_id, node in nodes.items()
        if node["resource_type"] == "test" and "tells" in node["config"].get("meta", {})
    }
    assert len(tells) >= 5
    for unique_id, expression in tells.items():
        statement = golden.project.statements[unique_id]
        golden.rows(f"select {expression} from ({statement}) as failing")


def test_every_column_of_a_mart_is_described(golden: Lakehouse) -> None:
    """In its yml, which is where the published views take their comments from."""
    manifest = golden.project.manifest
    described = {
        (node["schema"], node["alias"], name)
        for node in manifest["nodes"].values()
        if node["resource_type"] in ("model", "seed")
        for name, column in node["columns"].items()
        if column["description"]
    }
    there = golden.rows(
        "select schema_name, table_name, column_name from duckdb_columns() "
        "where schema_name in ('marts', 'pii')"
    )
    assert set(there) - described == set()


def test_no_clock_and_no_engine_in_the_models() -> None:
    forbidden = re.compile(
        r"\bnow\s*\(|current_(date|timestamp)|->>|\bstrftime\b|\bepoch\b|\barg_max\b"
        r"|quantile_cont|at time zone|\bexclude\b|array_agg|\blist_\w+\s*\(|//\s*\d",
        re.IGNORECASE,
    )
    for path in MODELS:
        found = forbidden.search(path.read_text(encoding="utf-8"))
        assert found is None, (path.name, found)


def test_models_stay_small() -> None:
    for path in MODELS:
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= 150, (path.name, lines)
