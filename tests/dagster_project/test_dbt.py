"""The two ways to build: by compiled statements and by dbt itself, held to one contract."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

import dagster_project.compiled as compiled_module
from dagster_project.dbt import BuildResult, Dbt, DbtError
from dagster_project.statements import _order
from workspace import settings

FILES = {
    "dbt_project.yml": "name: small\nversion: '1.0.0'\nconfig-version: 2\n"
    "profile: marketing_warehouse\nflags: {require_generic_test_arguments_property: true}\n"
    "models: {small: {+schema: marts, +materialized: table}}\n"
    "seeds: {small: {+schema: staging}}\n",
    "seeds/rates.csv": "code,rate\nEUR,1.5\nUSD,\n",
    "models/numbers.sql": "select i, 'EUR' as code from range(3) as r(i)",
    "models/joined.sql": "{{ config(materialized='view') }}\nselect n.i, r.rate "
    "from {{ ref('numbers') }} as n left join {{ ref('rates') }} as r on n.code = r.code",
    "models/last.sql": "select count(*) as rows_seen, sum(rate) as total from {{ ref('joined') }}",
    "models/beside.sql": "select 1 as one",
    "models/all.yml": "models:\n"
    "  - name: numbers\n    columns:\n      - name: i\n        data_tests: [unique]\n"
    "  - name: joined\n    columns:\n      - name: rate\n        data_tests: [not_null]\n",
    "tests/few.sql": "{{ config(severity='warn') }}\nselect * from {{ ref('beside') }}",
}


class Project:
    def __init__(self, folder: Path, workspace: Path, by_dbt: bool) -> None:
        self.folder = folder
        self.by_dbt = by_dbt
        self.opened = settings.load(workspace)
        for name, text in FILES.items():
            self.write(name, text)
        for name in ("profiles.yml", "macros/generate_schema_name.sql"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(compiled_module.PROJECT / "dbt" / name, folder / name)
        if by_dbt:
            self.write("macros/hook.sql", "{% macro hook() %}select 1{% endmacro %}")
            hooked = FILES["dbt_project.yml"] + "on-run-start: ['{{ hook() }}']\n"
            self.write("dbt_project.yml", hooked)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(text)

    def build(self, *names: str) -> BuildResult:
        dbt = Dbt(self.opened.paths, self.opened.environment, self.opened.paths.warehouse)
        nodes = dbt.manifest["nodes"]
        models = [
            unique_id
            for unique_id, node in nodes.items()
            if node["resource_type"] in ("model", "seed") and (not names or node["name"] in names)
        ]
        assert bool(dbt.project.needs_dbt) == self.by_dbt
        return dbt.build(models)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self.opened.paths.warehouse)) as connection:
            return connection.execute(query).fetchall()


def states(result: BuildResult) -> dict[str, str]:
    return {
        node.unique_id.split(".")[2]: node.status
        for node in result.nodes
        if not node.unique_id.startswith("operation.")
    }


@pytest.fixture(params=[False, True], ids=["statements", "dbt"])
def project(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Project:
    folder = tmp_path / "dbt"
    monkeypatch.setattr(compiled_module, "PROJECT_FOLDER", folder)
    return Project(folder, tmp_path / "a workspace", request.param)


def test_tables_views_seeds_and_verdicts(project: Project) -> None:
    result = project.build()
    assert states(result) == {
        "numbers": "success",
        "joined": "success",
        "last": "success",
        "beside": "success",
        "rates": "success",
        "unique_numbers_i": "pass",
        "not_null_joined_rate": "pass",
        "few": "warn",
    }
    assert not result.failed
    few = next(node for node in result.nodes if node.unique_id.endswith("few"))
    assert few.failures == 1 and not few.ok
    assert project.rows("select * from marts.last") == [(3, pytest.approx(4.5))]
    kinds = project.rows(
        "select table_name, table_type from information_schema.tables "
        "where table_schema in ('marts', 'staging') order by 1"
    )
    assert dict(kinds)["joined"] == "VIEW" and dict(kinds)["last"] == "BASE TABLE"
    assert result.sql_seconds <= result.seconds

    # What was a table becomes a view and the other way round; the seed's rows change.
    project.write("models/last.sql", "{{ config(materialized='view') }}select 1 as x")
    project.write("models/joined.sql", "select i, 2 as rate from {{ ref('numbers') }}")
    project.write("seeds/rates.csv", "code,rate\nEUR,7\n")
    assert not project.build().failed
    kinds = project.rows("select table_name, table_type from information_schema.tables")
    assert dict(kinds)["joined"] == "BASE TABLE" and dict(kinds)["last"] == "VIEW"
    assert project.rows("select * from staging.rates") == [("EUR", 7)]


def test_what_stands_behind_a_failure_is_skipped(project: Project) -> None:
    project.write("models/numbers.sql", "select 1 as i, 'x' as code from range(2)")
    result = project.build()
    found = states(result)
    assert found["unique_numbers_i"] == "fail"
    assert {found[name] for name in ("joined", "last", "not_null_joined_rate")} == {"skipped"}
    assert found["beside"] == "success" and found["few"] == "warn"
    (failed,) = result.failed
    assert failed.failures == 1 and "1 result" in (failed.message or "")

    project.write("models/numbers.sql", "select i, nothing as code from range(3) as r(i)")
    result = project.build()
    found = states(result)
    assert found["numbers"] == "error"
    assert found["unique_numbers_i"] == found["last"] == "skipped"
    assert "nothing" in (result.failed[0].message or "")


def test_a_selection_builds_itself_and_asks_its_own_tests(project: Project) -> None:
    project.build()
    assert states(project.build("joined")) == {
        "joined": "success",
        "not_null_joined_rate": "pass",
    }


@pytest.mark.parametrize(
    "text",
    [
        "{{ config(materialized='incremental') }}select 1 as one",
        "{{ config(post_hook='select 1') }}select 1 as one",
        "select '{{ run_started_at }}' as one",
        "select {{ run_query('select 1').rows[0][0] if execute else 0 }} as one",
        "select {{ asking() }} as one",
    ],
)
def test_more_than_fixed_text_is_left_to_dbt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(compiled_module, "PROJECT_FOLDER", tmp_path / "dbt")
    project = Project(tmp_path / "dbt", tmp_path / "w", by_dbt=False)
    project.write(
        "macros/asking.sql",
        "{% macro asking() %}{{ 1 if adapter.get_relation('a', 'b', 'c') else 0 }}{% endmacro %}",
    )
    project.write("models/beside.sql", text)
    project.by_dbt = True
    assert not project.build("beside").failed
    assert not project.build("beside").failed
    dbt = Dbt(project.opened.paths, project.opened.environment, project.opened.paths.warehouse)
    assert dbt.project.needs_dbt == {"model.small.beside"}


def test_a_state_of_the_project_is_compiled_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled_module, "PROJECT_FOLDER", tmp_path / "dbt")
    project = Project(tmp_path / "dbt", tmp_path / "w", by_dbt=False)
    compiled: Callable[[], compiled_module.Compiled] = lambda: compiled_module.compiled(  # noqa: E731
        project.opened.paths, project.opened.environment
    )
    first = compiled()
    monkeypatch.setattr(compiled_module, "invoke", None)  # nothing asks dbt again
    assert compiled() is first
    project.write("models/beside.sql", "select 2 as one")
    with pytest.raises(TypeError):
        compiled()


def test_a_model_that_does_not_compile_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled_module, "PROJECT_FOLDER", tmp_path / "dbt")
    project = Project(tmp_path / "dbt", tmp_path / "w", by_dbt=False)
    project.write("models/beside.sql", "select {{ nothing_of_the_kind() }}")
    with pytest.raises(DbtError, match="nothing_of_the_kind"):
        project.build()
    assert not list((tmp_path / "dbt" / "target").glob("compil*"))


def test_a_model_waits_for_the_tests_of_all_it_stands_on() -> None:
    def node(*parents: str) -> dict[str, object]:
        return {"depends_on": {"nodes": list(parents)}}

    nodes = {
        "a": node(),
        "b": node("a"),
        "c": node("b"),
        "d": node("a"),
        "of_a": node("a"),
        "of_b_and_d": node("b", "d"),
        "e": node("c", "d"),
    }
    order = _order(nodes, ["a", "b", "c", "d", "e"], ["of_a", "of_b_and_d"])
    assert order["b"] == {"a", "of_a"} and order["d"] == {"a", "of_a"}
    assert order["c"] == {"b"}, "it does not stand on d"
    assert order["e"] == {"c", "d", "of_b_and_d"}
