"""Who came and who left, run by run, against a plain replay of what every run was given."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from reverse_etl.segments import changes
from reverse_etl.segments.changes import APPLIED, CHANGES, EVALUATIONS, HELD
from workspace.definitions.segments import Segment, Segments
from workspace.lake import Lake

START = datetime(2026, 1, 1)
ANYONE = {"field": "contact.role", "is_known": True}


def definition(**more: object) -> Segment:
    return Segment.model_validate({"name": "any", "where": ANYONE, **more})


class House:
    """A lake and a warehouse in which each run's evaluation can be put."""

    def __init__(self, root: Path) -> None:
        self.lake = Lake(root / "lake")
        self.connection = duckdb.connect()
        self.connection.execute("create schema intermediate; create schema marts")
        self.same: dict[str, str] = {}
        self.runs = 0

    def run(
        self,
        members: dict[str, set[str]],
        segments: dict[str, Segment] | None = None,
        as_of: datetime | None = None,
        snapshot: str | None = None,
    ) -> changes.Difference:
        self.runs += 1
        given = segments if segments is not None else {key: definition() for key in members}
        rows = [
            {"segment": key, "member_type": given[key].unit, "member_id": one, "account_id": None}
            for key, ones in members.items()
            for one in ones
        ]
        kinds = [(n, pa.string()) for n in ("segment", "member_type", "member_id", "account_id")]
        self._put("intermediate.int_segment_members", rows, pa.schema(kinds))
        ids = [{"identifier_key": old, "contact_id": new} for old, new in self.same.items()]
        kinds = [("identifier_key", pa.string()), ("contact_id", pa.string())]
        self._put("marts.identity_map", ids, pa.schema(kinds))
        at = as_of or START + timedelta(days=self.runs)
        found = changes.compare(self.connection, Segments(segments=given), self.lake, at)
        changes.commit(found, self.lake, at, snapshot or f"s{self.runs}", {})
        return found

    def _put(self, name: str, rows: list[dict[str, object]], schema: pa.Schema) -> None:
        self.connection.register("given", pa.Table.from_pylist(rows, schema=schema))
        self.connection.execute(f"create or replace table {name} as from given")
        self.connection.unregister("given")

    def members(self, key: str, as_of: datetime = datetime(2030, 1, 1)) -> set[str]:
        query = changes.folded_sql(self.lake, as_of, "marts.identity_map")
        rows = self.connection.execute(f"select segment, member_id from ({query})").fetchall()
        return {one for segment, one in rows if segment == key}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    found = House(tmp_path)
    yield found
    found.connection.close()


@pytest.mark.parametrize("seed", range(8))
def test_the_fold_gives_every_run_back(house: House, seed: int) -> None:
    draw = random.Random(seed)
    people = [f"c{number}" for number in range(30)]
    told = []
    for _ in range(12):
        members = {key: set(draw.sample(people, draw.randrange(len(people)))) for key in ("a", "b")}
        house.run(members)
        told.append((START + timedelta(days=house.runs), members))
    for at, members in told:
        for key, wanted in members.items():
            assert house.members(key, at) == wanted
    rows = house.lake.read(CHANGES).to_pylist()
    for key in ("a", "b"):  # each change is one: nobody comes twice, or leaves before coming
        for one in people:
            mine = [r for r in rows if (r["segment"], r["member_id"]) == (key, one)]
            said = [r["change"] for r in sorted(mine, key=lambda r: r["sequence"])]
            assert said == ["entered", "left"] * (len(said) // 2) + ["entered"] * (len(said) % 2)


def test_the_same_run_again_adds_nothing(house: House) -> None:
    house.run({"a": {"x", "y"}}, as_of=START, snapshot="one")
    rows = house.lake.rows(CHANGES), house.lake.rows(EVALUATIONS)
    house.run({"a": {"x", "y"}}, as_of=START, snapshot="one")
    assert (house.lake.rows(CHANGES), house.lake.rows(EVALUATIONS)) == rows
    house.run({"a": {"x", "y"}}, as_of=START + timedelta(days=9), snapshot="one")
    assert house.lake.rows(CHANGES) == rows[0]  # another day evaluates again, and nobody moves
    assert house.lake.rows(EVALUATIONS) == rows[1] + 1


def test_a_run_killed_between_its_two_commits_is_finished_by_the_next(house: House) -> None:
    house.run({"a": {"x"}}, as_of=START, snapshot="one")
    second = {"a": {"y"}}
    house._put(
        "intermediate.int_segment_members",
        [{"segment": "a", "member_type": "contact", "member_id": "y", "account_id": None}],
        pa.schema(
            [(n, pa.string()) for n in ("segment", "member_type", "member_id", "account_id")]
        ),
    )
    segments = Segments(segments={"a": definition()})
    found = changes.compare(house.connection, segments, house.lake, START)
    batch = house.lake.entries(CHANGES)[0].batch.replace(":one:", ":two:")
    house.lake.commit(CHANGES, batch, found.changes)  # and killed
    house.run(second, as_of=START, snapshot="two")
    assert house.members("a") == {"y"}
    assert len(house.lake.read(EVALUATIONS)) == 2


def test_a_contact_that_became_another_has_not_left(house: House) -> None:
    house.run({"a": {"old", "z"}})
    house.same = {"old": "new"}
    found = house.run({"a": {"new", "z"}})
    assert found.changes.num_rows == 0
    assert house.members("a") == {"new", "z"}
    house.run({"a": {"z"}})
    assert house.members("a") == {"z"}


def test_members_of_a_retired_segment_leave(house: House) -> None:
    house.run({"a": {"x"}, "b": {"x"}})
    house.run({"b": {"x"}})
    assert house.members("a") == set() and house.members("b") == {"x"}


def test_a_large_change_is_held_until_it_is_accepted_once(house: House) -> None:
    many = {f"c{n}" for n in range(100)}
    few = {f"c{n}" for n in range(10)}
    segments = {"a": definition(max_change=0.5)}
    assert house.run({"a": many}, segments).evaluations[0].status == APPLIED  # the first is free
    held = house.run({"a": few}, segments)
    assert held.evaluations[0].status == HELD and held.changes.num_rows == 0
    assert house.members("a") == many
    changes.accept(house.lake, "a", segments["a"], START)
    assert house.run({"a": few}, segments).evaluations[0].status == APPLIED
    assert house.members("a") == few
    house.run({"a": few | {f"d{n}" for n in range(5)}}, segments)
    again = house.run({"a": many}, segments)
    assert again.evaluations[0].status == APPLIED  # fewer than changes.HELD_FROM may move freely
    assert house.run({"a": few}, segments).evaluations[0].status == HELD


def test_an_acceptance_is_of_one_definition(house: House) -> None:
    many = {f"c{n}" for n in range(100)}
    first, other = definition(), definition(vertical="medical")
    house.run({"a": many}, {"a": first})
    changes.accept(house.lake, "a", first, START)
    assert house.run({"a": set()}, {"a": other}).evaluations[0].status == HELD
