"""Variants are drawn by a hash, kept, and stored before the messages that carry them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reverse_etl.experiments.assigning import STREAM, automatic, expose
from tests.reverse_etl.experiments.worlds import (
    AS_OF,
    CAPS,
    NOBODY,
    experiments,
    fill,
    is_held_out,
    remembered,
    told,
    variant_of,
)
from workspace.definitions.experiments import Experiments
from workspace.lake import Lake

PEOPLE = [{"contact_id": f"c{n}"} for n in range(3_000)]
ONE = experiments(one={})


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def run(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    given: Experiments = ONE,
    caps=NOBODY,
    days: int = 0,
) -> int:
    as_of = AS_OF + timedelta(days=days)
    return expose(connection, lake, given, caps, "messages", as_of, "identities", "reachable")


def test_who_may_not_be_written_to_is_not_drawn(
    connection: duckdb.DuckDBPyConnection, lake: Lake
) -> None:
    fill(connection, PEOPLE)
    connection.execute("delete from reachable where contact_id != 'c1'")
    run(connection, lake)
    stored = {row["contact_id"] for row in lake.read(STREAM).to_pylist()}
    assert stored == {"c1"}
    connection.execute("update messages set message_class = 'owed', experiment = null")
    owed = CAPS.model_validate(
        {"classes": {"owed": {"name": "x", "skips": ["consent"]}}, "holdout": {"share": 0.0}}
    )
    run(connection, lake, caps=owed)
    assert len(lake.read(STREAM)) == len(PEOPLE)


def test_everybody_gets_what_the_hash_says(
    connection: duckdb.DuckDBPyConnection, lake: Lake
) -> None:
    fill(connection, PEOPLE)
    assert run(connection, lake) == len(PEOPLE)
    found = remembered(lake, "one")
    assert found == {row["contact_id"]: variant_of(ONE, "one", row["contact_id"]) for row in PEOPLE}
    assert 500 < Counter(found.values())["holdout"] < 700
    assert told(connection) == {
        f"i{n}": ("one", found[row["contact_id"]], "own") for n, row in enumerate(PEOPLE)
    }
    assert run(connection, lake) == 0


def test_the_order_of_rows_and_runs_changes_nothing(tmp_path: Path) -> None:
    draw = random.Random(1)
    seen = []
    for number, parts in enumerate((1, 2, 7)):
        people = draw.sample(PEOPLE, len(PEOPLE))
        lake = Lake(tmp_path / str(number))
        for part in range(parts):
            with duckdb.connect() as connection:
                fill(connection, people[part::parts])
                run(connection, lake, days=part)
        seen.append(remembered(lake, "one"))
    assert seen[0] == seen[1] == seen[2] and len(seen[0]) == len(PEOPLE)


def test_a_change_of_shares_moves_nobody(connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    fill(connection, PEOPLE[:2000])
    run(connection, lake)
    before = remembered(lake, "one")
    other = experiments(one={"variants": {"mail": {"share": 50}, "holdout": {"share": 50}}})
    fill(connection, PEOPLE)
    assert run(connection, lake, other, days=1) == 1000
    after = remembered(lake, "one")
    assert {key: after[key] for key in before} == before
    late = {key: name for key, name in after.items() if key not in before}
    assert late == {key: variant_of(other, "one", key) for key in late}
    shares = {row["shares"] for row in lake.read(STREAM).to_pylist()}
    assert shares == {'{"holdout": 20.0, "mail": 80.0}', '{"holdout": 50.0, "mail": 50.0}'}
    # Another salt draws anew.
    fill(connection, PEOPLE)
    anew = experiments(one={"salt": "another"})
    assert run(connection, lake, anew, days=2) == len(PEOPLE)
    assert Counter(t[1] for t in told(connection).values())["holdout"] < 700


def test_a_variant_brings_its_template(connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    variants = {"a": {"share": 50}, "b": {"share": 50, "template": "other"}}
    fill(connection, [*PEOPLE[:100], {"contact_id": "c1", "step": "another"}])
    run(connection, lake, experiments(one={"variants": variants, "control": "a"}))
    found = told(connection)
    assert found.pop("i100") == (None, None, "own")
    assert {t[1:] for t in found.values()} == {("a", "own"), ("b", "other")}


def test_of_contacts_that_became_one_the_first_assignment_counts(
    connection: duckdb.DuckDBPyConnection, lake: Lake
) -> None:
    held = next(row for row in PEOPLE if variant_of(ONE, "one", row["contact_id"]) == "holdout")
    mailed = next(row for row in PEOPLE if variant_of(ONE, "one", row["contact_id"]) == "mail")
    fill(connection, [held])
    run(connection, lake)
    fill(connection, [mailed])
    run(connection, lake, days=1)
    one = {held["contact_id"]: mailed["contact_id"]}
    fill(connection, [mailed, held], one)
    assert run(connection, lake, days=2) == 0
    assert {t[:2] for t in told(connection).values()} == {("one", "holdout")}
    # At one moment, that of the contact which is left.
    other = Lake(lake.root.parent / "other")
    fill(connection, [held, mailed])
    run(connection, other)
    fill(connection, [mailed], one)
    assert run(connection, other, days=1) == 0
    assert told(connection)["i0"][1] == "mail"


def test_nobody_is_assigned_before_or_after(
    connection: duckdb.DuckDBPyConnection, lake: Lake
) -> None:
    fill(connection, PEOPLE[:50])
    day = AS_OF.date()
    later = experiments(one={"starts_on": day + timedelta(days=1)})
    over = experiments(one={"starts_on": date(2026, 1, 1), "ends_on": day - timedelta(days=1)})
    last = experiments(one={"starts_on": date(2026, 1, 1), "ends_on": day})
    assert run(connection, lake, later) == run(connection, lake, over) == 0
    assert set(told(connection).values()) == {(None, None, "own")}
    assert run(connection, lake, last) == 50


def test_after_the_end_people_keep_their_variant_while_they_are_measured(
    connection: duckdb.DuckDBPyConnection, lake: Lake
) -> None:
    """Seven days after the assignment, whatever day of the experiment that was."""
    variants = {"mail": {"share": 50, "template": "other"}, "holdout": {"share": 50}}
    ends = {"ends_on": AS_OF.date() + timedelta(days=2), "variants": variants}
    given = experiments(one=ends)
    fill(connection, PEOPLE[:20])
    run(connection, lake, given)
    fill(connection, PEOPLE[20:40])
    run(connection, lake, given, days=2)
    first = remembered(lake, "one")
    assert set(first.values()) == {"mail", "holdout"} and len(first) == 40

    def later(days: int, given: Experiments) -> dict[str, tuple]:
        fill(connection, PEOPLE[:60])
        assert run(connection, lake, given, days=days) == len(
            [1 for row in PEOPLE[:60] if row["contact_id"] in fresh]
        )
        return {f"c{key[1:]}": value for key, value in told(connection).items()}

    def kept(start: int, end: int) -> dict[str, tuple]:
        return {
            f"c{n}": ("one", first[f"c{n}"], "other" if first[f"c{n}"] == "mail" else "own")
            for n in range(start, end)
        }

    def free(start: int, end: int) -> dict[str, tuple]:
        return {f"c{n}": (None, None, "own") for n in range(start, end)}

    fresh: set[str] = set()
    assert later(6, given) == kept(0, 40) | free(40, 60)
    assert later(7, given) == free(0, 20) | kept(20, 40) | free(40, 60)
    # The next one about the same message waits for whom the last one measures.
    following = {"starts_on": AS_OF.date() + timedelta(days=3), "salt": "next"}
    both = experiments(one=ends, two=following)
    fresh = {f"c{n}" for n in range(60)} - {f"c{n}" for n in range(20, 40)}
    found = later(8, both)
    assert {key: found[key] for key in kept(20, 40)} == kept(20, 40)
    assert {found[key][0] for key in fresh} == {"two"}
    fresh = {f"c{n}" for n in range(20, 40)}
    assert {value[0] for value in later(9, both).values()} == {"two"}


def test_the_universal_hold_out_is_in_no_other_experiment(
    connection: duckdb.DuckDBPyConnection, lake: Lake
) -> None:
    digests = [{"contact_id": f"d{n}", "message_class": "digest"} for n in range(200)]
    fill(connection, [*PEOPLE, *digests])
    run(connection, lake, caps=CAPS)
    universal = remembered(lake, "universal")
    assert universal == {
        row["contact_id"]: "holdout" if is_held_out(CAPS, row["contact_id"]) else "treated"
        for row in PEOPLE
    }
    treated = {key for key, name in universal.items() if name == "treated"}
    assert set(remembered(lake, "one")) == treated | {row["contact_id"] for row in digests}
    assert {t for k, t in told(connection).items() if is_held_out(CAPS, f"c{k[1:]}")} & {
        (None, None, "own")
    }


def test_a_campaigns_own_control_stays_and_is_remembered(
    connection: duckdb.DuckDBPyConnection, lake: Lake
) -> None:
    own = {"source_kind": "campaign", "source_key": "spring", "experiment": "campaign:spring"}
    rows = [
        {**own, "contact_id": f"c{n}", "variant": "holdout" if n < 10 else "treated", "step": None}
        for n in range(100)
    ]
    fill(connection, rows)
    about = {"journey": None, "node": None, "campaign": "spring", "control": "a"}
    variants = {"a": {"share": 50}, "b": {"share": 50, "template": "other"}}
    run(connection, lake, experiments(one={**about, "variants": variants}))
    assert Counter(remembered(lake, "campaign:spring").values()) == {"holdout": 10, "treated": 90}
    found = told(connection)
    assert {found[f"i{n}"] for n in range(10)} == {("campaign:spring", "holdout", "own")}
    assert {found[f"i{n}"] for n in range(10, 100)} == {("one", "a", "own"), ("one", "b", "other")}
    assert set(remembered(lake, "one")) == {f"c{n}" for n in range(10, 100)}


def test_assignments_of_others_are_stored_once(
    connection: duckdb.DuckDBPyConnection, lake: Lake
) -> None:
    fill(connection, [], {"old": "new"})
    connection.execute(
        "create table made as select 'campaign:x' as experiment, unnest(['old', 'new', 'c']) as "
        "contact_id, unnest(['a', 'b', 'b']) as variant"
    )
    assert automatic(connection, lake, "made", AS_OF, "identities") == 2
    assert automatic(connection, lake, "made", AS_OF + timedelta(days=1), "identities") == 0
    assert remembered(lake, "campaign:x") == {"new": "a", "c": "b"}


@settings(deadline=None, max_examples=20, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 99)), min_size=1, max_size=6))
def test_nobody_ever_changes(tmp_path_factory: pytest.TempPathFactory, steps: list) -> None:
    """Whatever the shares of a run, and whoever it writes to."""
    lake = Lake(tmp_path_factory.mktemp("lake"))
    first: dict[str, str] = {}
    for day, (offset, share) in enumerate(steps):
        shares = {"mail": {"share": share}, "holdout": {"share": 100 - share}}
        changed = experiments(one={"variants": shares})
        with duckdb.connect() as connection:
            fill(connection, PEOPLE[offset : offset + 8])
            run(connection, lake, changed, days=day)
            for message, (_, variant, _) in told(connection).items():
                contact = f"c{offset + int(message[1:])}"
                assert first.setdefault(contact, variant) == variant
    assert remembered(lake, "one") == first
