"""The two ways to build: by compiled statements and by dbt itself, held to one contract."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

import dagster_project.compiled as compiled_module
from dagster_project.dbt import BuildResult, Dbt, DbtError
from dagster_project.statements import _Build, _order
from workspace import settings, warehouse

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
    "  - name: joined\n    columns:\n      - name: rate\n        data_tests: [not_null]\n"
    "unit_tests:\n"
    "  - name: of_joined\n    model: joined\n"
    "    given: [{input: ref('numbers'), rows: [{i: 1, code: EUR}]}, {input: ref('rates')}]\n"
    "    expect: {rows: [{i: 1}]}\n",
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
        return dbt.build(models, anew=bool(names))

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self.opened.paths.warehouse)) as connection:
            return connection.execute(query).fetchall()


LAKE = """
version: 2
sources:
  - name: lake
    schema: lake
    tables: [{name: events}]
"""


def states(result: BuildResult) -> dict[str, str]:
    found = {}
    for node in result.nodes:
        kind, _, name, *rest = node.unique_id.split(".")
        if kind != "operation":
            found[rest[0] if kind == "unit_test" else name] = node.status
    return found


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
    written = {path.name for path in project.opened.paths.root.rglob("*.json")}
    assert written.isdisjoint({"manifest.json", "run_results.json"}), "megabytes, a build"

    # What was a table becomes a view and the other way round; the seed's rows change.
    project.write("models/last.sql", "{{ config(materialized='view') }}select 1 as x")
    project.write("models/joined.sql", "select i, 2 as rate from {{ ref('numbers') }}")
    project.write("seeds/rates.csv", "code,rate\nEUR,7\n")
    assert not project.build().failed
    kinds = project.rows("select table_name, table_type from information_schema.tables")
    assert dict(kinds)["joined"] == "BASE TABLE" and dict(kinds)["last"] == "VIEW"
    assert project.rows("select * from staging.rates") == [("EUR", 7)]


def test_duckdb_is_set_up_as_the_profile_says(project: Project) -> None:
    profile = (project.folder / "profiles.yml").read_text("utf-8")
    assert "TimeZone: UTC" in profile and "checkpoint_threshold: 4GB" in profile
    profile = profile.replace("TimeZone: UTC", "TimeZone: Asia/Tokyo").replace("4GB", "3GiB")
    project.write("profiles.yml", profile)
    names = ("TimeZone", "preserve_insertion_order", "checkpoint_threshold")
    asked = ", ".join(f"current_setting('{name}') as {name}" for name in names)
    project.write("models/beside.sql", f"select {asked}")
    project.write("tests/few.sql", "select * from {{ ref('beside') }} where TimeZone is null")
    assert not project.build("beside").failed
    assert project.rows("select * from marts.beside") == [("Asia/Tokyo", False, "3.0 GiB")]


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
    assert _order(nodes, ["a", "c"], [])["c"] == {"a"}, "through b, which is not built"


# ---- only what changed -----------------------------------------------------------------------


@pytest.fixture
def changing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """events (a source) -> daily events -> per day by days -> a total; and something apart."""
    folder = tmp_path / "dbt"
    monkeypatch.setattr(compiled_module, "PROJECT_FOLDER", folder)
    project = Project(folder, tmp_path / "w", by_dbt=False)
    for name in ("joined", "last", "numbers"):
        (folder / "models" / f"{name}.sql").unlink()
    (folder / "models" / "all.yml").unlink()
    project.write("models/sources.yml", LAKE)
    project.write("models/facts.sql", "select day, n from {{ source('lake', 'events') }}")
    project.write(
        "models/days.sql",
        "{% set key = \"coalesce(day, '1900-01-01')\" %}"
        "{{ config(meta={'slices': {'key': [key], 'of': {'facts': [key]}}}) }}"
        "select facts.day, sum(facts.n) as n, random() as made from {{ ref('facts') }} as facts "
        "cross join {{ ref('beside') }} as beside group by facts.day",
    )
    project.write("models/big.sql", "select max(n) >= 10 as any_big from {{ ref('facts') }}")
    project.write("models/behind.sql", "select any_big from {{ ref('big') }}")
    project.write("tests/one_row.sql", "select 1 from {{ ref('behind') }} having count(*) != 1")
    project.write("tests/few.sql", "select * from {{ ref('beside') }} where one > 1")
    return project


def give(project: Project, *rows: tuple[str | None, int]) -> None:
    table = pa.table({"day": [r[0] for r in rows], "n": [r[1] for r in rows]})
    table = table.set_column(0, "day", table["day"].cast(pa.date32()))
    with duckdb.connect(str(project.opened.paths.warehouse)) as connection:
        connection.execute("create schema if not exists lake")
        warehouse.store(connection, "events", table)


DAYS = [(f"2026-01-{day:02}", 1) for day in range(1, 11)]
UNCHANGED = {
    name: "unchanged"
    for name in ("rates", "beside", "facts", "days", "big", "behind", "one_row", "few")
}


def test_what_did_not_change_is_left_as_it_stands(changing: Project) -> None:
    give(changing, *DAYS)
    assert "unchanged" not in states(changing.build()).values()
    assert states(changing.build()) == UNCHANGED
    give(changing, *reversed(DAYS))
    assert states(changing.build()) == UNCHANGED, "the same rows in another order"

    # Other rows, but nothing for the model behind the one that reads them.
    give(changing, *DAYS, ("2026-01-03", 5))
    assert states(changing.build()) == UNCHANGED | {
        "facts": "success",
        "days": "success",
        "big": "success",
    }
    give(changing, *DAYS, ("2026-01-03", 50))
    found = states(changing.build())
    assert found["behind"] == "success" and found["one_row"] == "pass"
    assert changing.rows("select any_big from marts.behind") == [(True,)]

    # Another text, and nothing else.
    changing.write("models/big.sql", "select max(n) >= 99 as any_big from {{ ref('facts') }}")
    found = states(changing.build())
    assert {name for name, state in found.items() if state != "unchanged"} == {
        "big",
        "behind",
        "one_row",
    }
    dbt = Dbt(changing.opened.paths, changing.opened.environment, changing.opened.paths.warehouse)
    names = [n for n in dbt.manifest["nodes"] if n.startswith(("model.", "seed."))]
    assert "unchanged" not in {node.status for node in dbt.build(names, anew=True).nodes}


def test_only_the_days_that_changed_are_made_again(changing: Project) -> None:
    give(changing, *DAYS)
    changing.build()
    before = dict(changing.rows("select day::varchar, made from marts.days"))

    def changed() -> set[str | None]:
        nonlocal before
        after = dict(changing.rows("select day::varchar, made from marts.days"))
        differ = {day for day in {*before, *after} if before.get(day) != after.get(day)}
        before = after
        return differ

    def told(result: BuildResult) -> str | None:
        return next(node.message for node in result.nodes if node.unique_id.endswith(".days"))

    late = [*DAYS, ("2026-01-02", 7), (None, 3)]
    give(changing, *late)
    assert told(changing.build()) == "3 rows"
    assert changed() == {"2026-01-02", None}
    query = "select n from marts.days where day = '2026-01-02' or day is null order by n"
    assert changing.rows(query) == [(3,), (8,)]
    # What was there is gone: erased, or known to be somebody else's.
    give(changing, *(row for row in late if row[0] != "2026-01-05"))
    changing.build()
    assert changed() == {"2026-01-05"} and len(before) == 10
    # Another parent that changed makes the whole.
    changing.write("models/beside.sql", "select 1 as one, 2 as two")
    assert told(changing.build()) is None
    assert len(changed()) == 10


def test_a_build_that_broke_off_leaves_nothing_to_trust(
    changing: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(changing, *DAYS)
    changing.build()
    with monkeypatch.context() as patch:
        patch.setattr("dagster_project.standing.put", lambda *_: None)  # as if killed before
        changing.build()
    assert "unchanged" not in states(changing.build()).values()
    # A failure does not cost what else stands, and what failed is asked again.
    changing.write("models/big.sql", "select nothing from {{ ref('facts') }}")
    found = states(changing.build())
    assert found["big"] == "error" and found["behind"] == "skipped"
    assert found["facts"] == "unchanged"
    assert states(changing.build())["big"] == "error"
    changing.write("tests/few.sql", "select * from {{ ref('beside') }}")
    assert states(changing.build())["few"] == "fail"
    assert states(changing.build())["few"] == "fail"


def test_what_finds_no_memory_beside_others_is_built_alone(
    changing: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(changing, *DAYS)
    build, running, tries = _Build._model, [], Counter()

    def crowded(self: _Build, cursor: object, node: dict[str, Any]) -> tuple[str, str | None]:
        name = node["name"]
        running.append(name)
        tries[name] += 1
        try:
            if name == "hopeless" or (name in ("facts", "beside") and tries[name] == 1):
                raise duckdb.OutOfMemoryException("no block is left")
            if name in ("facts", "beside"):
                assert running == [name]
            return build(self, cursor, node)
        finally:
            running.remove(name)

    changing.write("models/hopeless.sql", "select 1 as one")
    monkeypatch.setattr(_Build, "_model", crowded)
    result = changing.build()
    assert [node.unique_id.rpartition(".")[2] for node in result.failed] == ["hopeless"]
    assert "OutOfMemory" in (result.failed[0].message or "")
    assert tries["facts"] == tries["beside"] == tries["hopeless"] == 2
    assert states(result)["facts"] == states(result)["behind"] == "success"


def test_a_source_nobody_knows_the_version_of_counts_as_changed(changing: Project) -> None:
    give(changing, *DAYS)
    changing.build()
    changing.rows("delete from operations.lake_versions")
    found = states(changing.build())
    assert found["facts"] == "success"
    assert found["days"] == found["big"] == "unchanged", "its rows were the same"


@given(
    steps=st.lists(
        st.lists(
            st.tuples(st.sampled_from([None, *(day for day, _ in DAYS)]), st.integers(0, 12)),
            max_size=12,
        ),
        min_size=2,
        max_size=4,
    )
)
@settings_of_hypothesis(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_however_it_came_to_be_it_is_what_a_fresh_build_makes(
    changing: Project, steps: list[list[tuple[str | None, int]]]
) -> None:
    def tables() -> list[list[tuple[object, ...]]]:
        return [
            changing.rows(f"select * exclude (made) from marts.{name} order by all")
            if name == "days"
            else changing.rows(f"select * from marts.{name} order by all")
            for name in ("facts", "days", "big", "behind")
        ]

    for rows in steps:
        give(changing, *rows)
        assert not changing.build().failed
    grown = tables()
    changing.opened.paths.warehouse.unlink()
    give(changing, *steps[-1])
    assert not changing.build().failed
    assert tables() == grown
