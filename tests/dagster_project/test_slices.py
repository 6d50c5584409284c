"""Tables made again in slices are what they would be, made whole; and no more is made than that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from dagster_project.compiled import Compiled, compiled
from dagster_project.relations import Relations
from dagster_project.slices import Spec
from dagster_project.statements import NodeResult, run_statements
from workspace import warehouse
from workspace.paths import Paths
from workspace.settings import Environment

MODELS: dict[str, tuple[str, dict[str, Any] | None]] = {
    "facts": ("select id, person, day, n from {lake.acts}", None),
    "people": ("select person, team from {lake.people}", None),
    # A row's own table, joined with what may change for any row.
    "joined": (
        "select f.id, f.person, f.day, f.n, p.team from {facts} as f "
        "left join {people} as p on f.person = p.person",
        {
            "key": ["id"],
            "of": {
                "facts": ["id"],
                "people": {
                    "told": ["person", "team"],
                    "find": "select id from {this} where person in (select person from {changed})",
                },
            },
            "within": "day",
        },
    ),
    "large": ("view: select * from {joined} where n > 2", None),
    "sums": (
        "select coalesce(person, '') as person, day, sum(n) as n from {large} group by all",
        {"key": ["person", "day"], "of": {"joined": ["coalesce(person, '')", "day"]}},
    ),
    # Each row counts for two keys; a key that is NULL has no row.
    "counted": (
        "select who, count(*) as rows_seen from (select person as who from {joined} "
        "union all select team from {joined}) as named where who is not null group by who",
        {"key": ["who"], "of": {"joined": [["person"], ["team"]]}},
    ),
    "folded": (
        "select person, count(*) as acts, min(n) as least, max(n) as most from {facts} group by 1",
        {"folds": {"acts": "sum", "least": "min", "most": "max"}, "of": {"facts": ["id"]}},
    ),
    "persons": ("select distinct person from {facts}", {"folds": {}, "of": {"facts": ["id"]}}),
    # Made whole whenever other teams are named, and for nothing else.
    "teams": (
        "select team, count(*) over () as teams from (select distinct team from {people}) as t",
        {"of": {"people": {"told": ["team"]}}},
    ),
}
KEYS = {"facts": "id", "people": "person", "joined": "id"}


class Small:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "warehouse.duckdb"
        nodes: dict[str, Any] = {}
        sources = {
            f"source.p.lake.{name}": {
                "resource_type": "source",
                "schema": "lake",
                "name": name,
                "identifier": name,
            }
            for name in ("acts", "people")
        }
        statements = {}
        for name, (text, slices) in MODELS.items():
            read = [n for n in [*MODELS, "lake.acts", "lake.people"] if "{" + n + "}" in text]
            is_view = text.startswith("view: ")
            sql = text.removeprefix("view: ")
            for parent in read:
                schema, _, alias = f"marts.{parent}".removeprefix("marts.lake.").rpartition(".")
                schema = "lake" if parent.startswith("lake.") else schema
                sql = sql.replace("{" + parent + "}", f'"warehouse"."{schema}"."{alias}"')
            nodes[f"model.p.{name}"] = {
                "unique_id": f"model.p.{name}",
                "name": name,
                "alias": name,
                "schema": "marts",
                "resource_type": "model",
                "config": {
                    "materialized": "view" if is_view else "table",
                    "meta": {"slices": slices} if slices else {},
                },
                "depends_on": {
                    "nodes": [
                        f"source.p.{n}" if n.startswith("lake.") else f"model.p.{n}" for n in read
                    ]
                },
            }
            statements[f"model.p.{name}"] = sql
        for model, key in KEYS.items():
            name = f"test.p.{model}"
            nodes[name] = {
                "unique_id": name,
                "name": name,
                "resource_type": "test",
                "test_metadata": {"name": "unique_key", "kwargs": {"columns": [key]}},
                "attached_node": f"model.p.{model}",
                "config": {"severity": "ERROR"},
                "depends_on": {"nodes": [f"model.p.{model}"]},
            }
            statements[name] = (
                f'select {key} from "warehouse"."marts"."{model}" group by 1 having count(*) > 1'
            )
        (folder / "manifest.json").write_text(json.dumps({"nodes": nodes, "sources": sources}))
        self.compiled = Compiled(folder, statements, frozenset(), {"TimeZone": "UTC"})
        self.models = [name for name in nodes if name.startswith("model.")]
        self.tests = [name for name in nodes if name.startswith("test.")]

    def build(
        self, acts: list[tuple[Any, ...]], people: dict[str, str | None]
    ) -> dict[str, NodeResult]:
        columns = list(zip(*acts, strict=True)) if acts else [[], [], [], []]
        types = [pa.int64(), pa.string(), pa.string(), pa.int64()]
        arrays = [pa.array(list(c), t) for c, t in zip(columns, types, strict=True)]
        table = pa.table(dict(zip(("id", "person", "day", "n"), arrays, strict=True)))
        known = {"person": list(people), "team": list(people.values())}
        texts = pa.schema([("person", pa.string()), ("team", pa.string())])
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("create schema if not exists lake")
            days = table.set_column(2, "day", table["day"].cast(pa.date32()))
            warehouse.store(connection, "acts", days)
            warehouse.store(connection, "people", pa.table(known, schema=texts))
        results, _ = run_statements(self.compiled, self.path, self.models, self.tests)
        failed = [result for result in results if result.failed]
        assert not failed, failed
        return {
            result.unique_id.rpartition(".")[2]: result
            for result in results
            if result.unique_id.startswith("model.")
        }

    def rows(self, name: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.path)) as connection:
            return connection.execute(f"select * from marts.{name} order by all").fetchall()


PERSONS = ["ann", "bob", "cy", None]
acts = st.lists(
    st.tuples(
        st.integers(0, 30),
        st.sampled_from(PERSONS),
        st.sampled_from(["2026-01-01", "2026-01-02", "2026-03-01", None]),
        st.integers(0, 6),
    ),
    max_size=25,
    unique_by=lambda act: act[0],
)
teams = st.dictionaries(st.sampled_from(PERSONS[:3]), st.sampled_from(["red", "blue", None]))


@given(steps=st.lists(st.tuples(acts, teams), min_size=2, max_size=4))
@settings_of_hypothesis(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_slices_end_as_a_fresh_build_does(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[list[Any], dict[str, Any]]]
) -> None:
    folder = tmp_path_factory.mktemp("slices")
    grown, fresh = Small(folder / "grown"), Small(folder / "fresh")
    for step in steps:
        grown.build(*step)
    fresh.build(*steps[-1])
    for name in MODELS:
        assert grown.rows(name) == fresh.rows(name), name


FIRST = [(n, PERSONS[n % 3], f"2026-01-{1 + n % 9:02}", n % 7) for n in range(60)]
TEAMS: dict[str, str | None] = {"ann": "red", "bob": "blue", "cy": None} | {
    f"one of {n}": "blue" for n in range(9)
}


def test_only_what_a_change_touches_is_made(tmp_path: Path) -> None:
    small = Small(tmp_path)
    small.build(FIRST, TEAMS)
    told = small.build([*FIRST, (100, "ann", "2026-01-04", 6)], TEAMS)
    assert told["joined"].message == "1 rows"
    assert told["sums"].message == "2 rows", "one row gave way to another"
    assert told["counted"].message == "4 rows", "a person's and a team's"
    assert told["folded"].message == "2 rows" and told["persons"].message == "0 rows"
    assert told["teams"].status == told["people"].status == "unchanged"

    # A person of another team: that person's rows, and no sum that teams are no part of.
    moved = TEAMS | {"cy": "blue"}
    told = small.build([*FIRST, (100, "ann", "2026-01-04", 6)], moved)
    assert told["joined"].message == "40 rows" and told["sums"].message == "0 rows"
    assert told["facts"].status == told["folded"].status == "unchanged"
    assert told["teams"].message is None, "nobody is without a team any more"

    # What is gone cannot be taken out of a sum: that one is made whole.
    told = small.build(FIRST, moved)
    assert told["folded"].message is None
    assert dict((row[0], row[1]) for row in small.rows("folded"))["ann"] == 20


def test_a_test_asks_about_the_rows_that_came(tmp_path: Path) -> None:
    small = Small(tmp_path)
    small.build(FIRST, TEAMS)
    doubled = [*FIRST, (7, "ann", "2026-01-05", 6)]
    with pytest.raises(AssertionError, match=r"test\.p\.facts"):
        small.build(doubled, TEAMS)
    with pytest.raises(AssertionError, match=r"test\.p\.facts"):
        small.build(doubled, TEAMS)
    assert small.build(FIRST, TEAMS)["joined"].ok


def test_the_project_reads_what_its_slices_name() -> None:
    """A name that is not read would be found out by nothing: its changes would be passed by."""
    project = compiled(Paths(Path("unused")), Environment.DEV)
    relations = Relations(project.manifest, project.statements)
    sliced = 0
    for unique_id, node in relations.nodes.items():
        spec = Spec.of_node(node, relations)
        if spec is not None:
            sliced += 1
            assert spec.parents <= relations.text(unique_id).reads, unique_id
            if spec.folds is None:
                for ways in spec.of.values():
                    assert all(len(way) == len(spec.key) for way in ways), unique_id
    assert sliced > 50
