"""Experiments from assignments to results: counted like one contact after the other, and judged."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from models_ml.experiments import looking
from tests.dbt.lakehouse import Lakehouse
from workspace import definitions
from workspace.definitions.experiments import Experiments
from workspace.definitions.store import table
from workspace.paths import PROJECT
from workspace.streams import STREAMS

AS_OF = datetime(2026, 10, 1)
START = datetime(2026, 8, 1)
MODELS = (
    "stg_system__run_context",
    "event_names",
    "stg_marketing__experiments",
    "stg_marketing__experiment_variants",
    "stg_marketing__experiment_defaults",
    "stg_experiments__assignments",
    "stg_experiments__looks",
    "stg_journeys__versions",
    "stg_journeys__nodes",
    "stg_campaigns__versions",
    "int_experiment_goals",
    "int_experiments",
    "int_experiment_conversions",
    "int_experiment_outcomes",
    "int_experiment_counts",
    "experiment_assignments",
    "experiment_results",
)
Rows = list[dict[str, Any]]
BY_EVENT = {
    "name": "By an event",
    "journey": "welcome",
    "starts_on": START.date(),
    "variants": {"mail": {"share": 50}, "holdout": {"share": 50}},
    "metric": {"event": "demo_booked", "within_days": 14, "value": "revenue"},
}
BY_TOUCH = {
    **BY_EVENT,
    "name": "By a touch",
    "journey": "other",
    "control": "a",
    "variants": {"a": {"share": 50}, "b": {"share": 30}, "c": {"share": 20}},
    "metric": {"touch": "email_click", "within_days": 7},
}
EMPTY = {**BY_EVENT, "name": "Nobody", "journey": "third"}


def parameters(**given: Any) -> Rows:
    found = Experiments.model_validate({"experiments": given})
    return table({"experiments": list(found.rows())}, datetime(2000, 1, 1)).to_pylist()


class World:
    """Literal rows of what the experiments' models read."""

    def __init__(self) -> None:
        self.assignments: Rows = []
        self.events: Rows = []
        self.touches: Rows = []
        self.queue: Rows = []
        self.stops: Rows = []
        self.identities: Rows = []
        self.versions: Rows = []
        self.nodes: Rows = []

    def assign(
        self, experiment: str, contact: str, variant: str, at: datetime, **more: Any
    ) -> None:
        row = {"experiment": experiment, "salt": experiment, "contact_id": contact}
        self.assignments.append({**row, "variant": variant, "assigned_at": at, **more})

    def event(self, contact: str, at: datetime, name: str = "Demo Booked", **more: Any) -> None:
        row = {"message_id": f"e{len(self.events)}", "message_type": "track", "event": name}
        known = {"contact_id": contact, "occurred_at": at, "known_at": at, "actor_class": "human"}
        self.events.append({**row, **known, **more})

    def built(self, empty: Lakehouse, folder: Path, **experiments: Any) -> Lakehouse:
        house = empty.copied(folder)
        house.fill(
            as_of=AS_OF,
            parameters=parameters(**experiments),
            experiment_assignments=self.assignments,
            journey_versions=self.versions,
            journey_nodes=self.nodes,
        )
        people = {row["contact_id"] for row in self.assignments}
        same = [{"identifier_key": key, "contact_id": key} for key in sorted(people)]
        merged = {row["identifier_key"] for row in self.identities}
        same = [row for row in same if row["identifier_key"] not in merged]
        house.put("marts.identity_map", same + self.identities)
        house.put("marts.fct_events", self.events)
        house.put("marts.fct_touchpoints", self.touches)
        house.put("marts.message_queue", self.queue)
        house.put("marts.unsubscribes", self.stops)
        return house.build(*MODELS, tests="cautious")


def looked(house: Lakehouse, at: datetime = AS_OF) -> list[dict[str, Any]]:
    """One look, put where the run would store it, and the results made anew."""
    with duckdb.connect(str(house.path)) as connection:
        (sequence,) = connection.execute(
            "select count(distinct sequence) + 1 from lake.experiment_looks"
        ).fetchone() or (1,)
        rows = looking.look(connection, "from lake.experiment_looks", at, "snapshot", int(sequence))
        assert rows.schema == STREAMS[looking.STREAM].schema
        connection.register("rows", rows)
        connection.execute("insert into lake.experiment_looks by name select * from rows")
    house.build("stg_experiments__looks", "experiment_results", tests="cautious")
    return rows.to_pylist()


def busy(draw: random.Random) -> World:
    made = World()
    hours = int((AS_OF - START) / timedelta(hours=1))

    def moment() -> datetime:
        return START + timedelta(hours=draw.randrange(hours))

    for n in range(300):
        person = f"c{n}"
        for key, variants in (("by_event", ["mail", "holdout"]), ("by_touch", ["a", "b", "c"])):
            if draw.random() < 0.8:
                made.assign(key, person, draw.choice(variants), moment(), shares="{}")
        for _ in range(draw.randrange(4)):
            made.event(
                person,
                moment(),
                draw.choice(["Demo Booked", "demo_booked", "Démo Booked", "Demo Requested"]),
                revenue_base=draw.choice([None, 10.0, 25.5]),
                actor_class=draw.choice(["human", "human", "unsure", "machine"]),
            )
            made.touches.append(
                {
                    "touch_id": f"t{len(made.touches)}",
                    "touch_type": draw.choice(["email_click", "email_open"]),
                    "contact_id": person,
                    "occurred_at": moment(),
                    "actor_class": draw.choice(["human", "machine"]),
                }
            )
        for _ in range(draw.randrange(3)):
            made.queue.append(
                {
                    "intent_id": f"m{len(made.queue)}",
                    "experiment": draw.choice(["by_event", "by_touch", None]),
                    "source_kind": "journey",
                    "source_key": "welcome",
                    "contact_id": person,
                    "status": (status := draw.choice(["accepted", "pending", "blocked"])),
                    "outcome": {"accepted": "sent", "pending": "underway"}.get(status, "not_sent"),
                }
            )
        if draw.random() < 0.3:
            made.stops.append(
                {
                    "evidence_id": f"s{n}",
                    "subject_id": person,
                    "contact_id": person,
                    "reason": draw.choice(["one_click", "complaint"]),
                    "unsubscribed_at": moment(),
                }
            )
    return made


def counted(made: World, key: str, plain: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Variant -> numbers, one contact after the other."""
    found: dict[str, list[Any]] = {name: [0] * 6 + [0.0] for name in plain["variants"]}
    span = timedelta(days=plain["metric"]["within_days"])
    names = ("Demo Booked", "demo_booked", "Démo Booked")
    for row in made.assignments:
        if row["experiment"] != key:
            continue
        person, start = row["contact_id"], row["assigned_at"]
        numbers = found[row["variant"]]
        numbers[0] += 1
        numbers[1] += any(
            m["experiment"] == key and m["contact_id"] == person and m["outcome"] != "not_sent"
            for m in made.queue
        )
        if start + span > AS_OF:
            continue

        def within(rows: Rows, clock: str, who: str = person, begin: datetime = start) -> Rows:
            return [r for r in rows if r["contact_id"] == who and begin <= r[clock] < begin + span]

        if key == "by_event":
            did = [e for e in within(made.events, "occurred_at") if e["event"] in names]
        else:
            touches = within(made.touches, "occurred_at")
            did = [t for t in touches if t["touch_type"] == "email_click"]
        did = [d for d in did if d["actor_class"] != "machine"]
        stops = {s["reason"] for s in within(made.stops, "unsubscribed_at")}
        numbers[2] += 1
        numbers[3] += bool(did)
        numbers[4] += "one_click" in stops
        numbers[5] += "complaint" in stops
        numbers[6] += sum(d.get("revenue_base") or 0 for d in did)
    return {name: tuple(numbers) for name, numbers in found.items()}


@pytest.mark.parametrize("seed", [1, 2])
def test_counts_are_those_of_one_contact_after_the_other(
    empty: Lakehouse, tmp_path: Path, seed: int
) -> None:
    made = busy(random.Random(seed))
    plain = {"by_event": BY_EVENT, "by_touch": BY_TOUCH}
    house = made.built(empty, tmp_path, **plain)
    for key, definition in plain.items():
        rows = house.rows(
            "select variant, assigned, exposed, measured, converted, unsubscribed, complained, "
            f"coalesce(revenue, 0)::double from marts.experiment_results where experiment = '{key}'"
        )
        expected = counted(made, key, definition)
        if key == "by_touch":
            expected = {name: (*numbers[:6], 0.0) for name, numbers in expected.items()}
        assert {row[0]: row[1:] for row in rows} == expected
        assert sum(numbers[3] for numbers in expected.values()) > 5


def test_every_declared_experiment_has_rows(empty: Lakehouse, tmp_path: Path) -> None:
    house = World().built(empty, tmp_path, nobody=EMPTY)
    query = (
        "select variant, assigned, decision, is_winner, looks from marts.experiment_results "
        "order by variant"
    )
    expected = [("holdout", 0, "control", False), ("mail", 0, "no_decision", False)]
    assert [row[:4] for row in house.rows(query)] == expected
    looked(house)
    assert [row[:4] for row in house.rows(query)] == expected
    told = house.one("select reasons from marts.experiment_results where variant = 'mail'")
    assert told.startswith("too few: 0 of 500 people in mail; too few: 0 of 500 people in holdout")


def test_the_shipped_experiments_have_rows(empty: Lakehouse, tmp_path: Path) -> None:
    shipped = definitions.load(PROJECT / "marketing").experiments.experiments
    given = {key: value.model_dump(by_alias=True) for key, value in shipped.items()}
    house = World().built(empty, tmp_path, **given)
    looked(house)
    found = house.rows("select experiment, count(*) from marts.experiment_results group by all")
    assert dict(found) == {key: len(one.variants) for key, one in shipped.items()}


def planted(effect: float, people: int = 4_000, seed: int = 7) -> World:
    """A base rate of 10 %, and what the mail brings more; halves."""
    draw, made = random.Random(seed), World()
    shares = json.dumps({"holdout": 50.0, "mail": 50.0})
    for n in range(people):
        person, variant = f"c{n}", ("mail", "holdout")[n % 2]
        at = START + timedelta(minutes=n)
        made.assign("by_event", person, variant, at, shares=shares)
        if variant == "mail":
            made.queue.append(
                {
                    "intent_id": f"m{n}",
                    "experiment": "by_event",
                    "contact_id": person,
                    "status": "accepted",
                    "outcome": "sent",
                }
            )
        if draw.random() < 0.1 + (effect if variant == "mail" else 0):
            made.event(person, at + timedelta(days=2), revenue_base=50.0)
    return made


def test_a_planted_effect_is_found_and_none_is_not(empty: Lakehouse, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    house = planted(0.06).built(empty, tmp_path / "a", by_event=BY_EVENT)
    looked(house)
    (row,) = house.rows(
        "select decision, is_winner, effect_low, effect_high, p_srm, incremental_revenue_low, "
        "incremental_revenue, incremental_revenue_high, assigned, exposed "
        "from marts.experiment_results where variant = 'mail'"
    )
    assert row[:2] == ("better", True) and row[2] < 0.06 < row[3] and row[4] == 1
    truth = 0.06 * 50 * 2000
    assert row[5] < row[6] < row[7] and row[5] < truth < row[7]
    assert row[8:] == (2000, 2000)

    house = planted(0.0).built(empty, tmp_path / "b", by_event=BY_EVENT)
    (found,) = [row for row in looked(house) if row["variant"] == "mail"]
    assert found["decision"] == "no_decision" and "not significant" in found["reasons"]
    assert found["effect_low"] < 0 < found["effect_high"]


def test_the_smallest_p_stays_and_another_metric_begins_anew(
    empty: Lakehouse, tmp_path: Path
) -> None:
    house = planted(0.06).built(empty, tmp_path, by_event=BY_EVENT)
    (first,) = [row for row in looked(house) if row["variant"] == "mail"]
    assert first["decision"] == "better"
    house.put("marts.fct_events", [])
    house.build(*MODELS, tests="cautious")
    (second,) = [row for row in looked(house) if row["variant"] == "mail"]
    assert second["p_always_valid"] == first["p_always_valid"] and second["effect"] == 0
    assert house.one("select max(looks) from marts.experiment_results") == 2
    other = {**BY_EVENT, "metric": {"event": "other", "within_days": 14}}
    with duckdb.connect(str(house.path)) as connection:
        connection.execute("delete from lake.parameters")
        for row in parameters(by_event=other):
            connection.execute(
                "insert into lake.parameters values ($1, $2, $3, $4, $5, $6, $7)",
                [row[name] for name in STREAMS["parameters"].schema.names],
            )
    house.build(*MODELS, tests="cautious")
    (third,) = [row for row in looked(house) if row["variant"] == "mail"]
    assert third["p_always_valid"] == 1


def test_what_a_fixed_horizon_said_stays(empty: Lakehouse, tmp_path: Path) -> None:
    once = {**BY_EVENT, "method": "fixed_horizon", "plan": {"per_arm": 1500}}
    house = planted(0.06).built(empty, tmp_path, by_event=once)
    (first,) = [row for row in looked(house) if row["variant"] == "mail"]
    assert first["decision"] == "better" and first["incremental_revenue"] > 0
    with duckdb.connect(str(house.path)) as connection:
        connection.execute(
            "delete from marts.fct_events where contact_id in (select contact_id "
            "from marts.experiment_assignments where variant = 'mail')"
        )
    house.build(*MODELS, tests="cautious")
    (second,) = [row for row in looked(house) if row["variant"] == "mail"]
    assert second["converted"] == 0 and second["p_value"] < first["p_value"]
    kept = ("decision", "is_winner", "reasons", "p_adjusted", "effect", "effect_low", "effect_high")
    for name in kept:
        assert second[name] == first[name]
    assert second["incremental_revenue"] == pytest.approx(first["incremental_revenue"])


def test_what_has_no_file_is_measured_too(empty: Lakehouse, tmp_path: Path) -> None:
    made = World()
    for n in range(20):
        salt = {"salt": "old"} if n < 5 else {"salt": "new"}
        at = START + timedelta(days=n)
        made.assign("universal", f"c{n}", "holdout" if n == 9 else "treated", at, **salt)
        made.assign("campaign:spring", f"c{n}", "treated", at, salt="")
        made.assign("journey:welcome:versions", f"c{n}", str(9 + n % 2), at, salt="")
    made.versions = [
        {
            "journey": "welcome",
            "version": 10,
            "sequence": 1,
            "status": "active",
            "definition": json.dumps({"name": "W", "vertical": "medical", "goal": {"event": "x"}}),
        }
    ]
    made.queue = [
        {"source_kind": "campaign", "source_key": "spring", "contact_id": "c7", "outcome": "sent"}
    ]
    house = made.built(empty, tmp_path)
    looked(house)
    found = house.rows(
        "select experiment, variant, is_control, assigned, exposed, metric, within_days "
        "from marts.experiment_results order by all"
    )
    assert found == [
        ("campaign:spring", "holdout", True, 0, 0, "conversion", 30),
        ("campaign:spring", "treated", False, 20, 1, "conversion", 30),
        ("journey:welcome:versions", "10", False, 10, 10, "x", 30),
        ("journey:welcome:versions", "9", True, 10, 10, "x", 30),
        ("universal", "holdout", True, 1, 0, "conversion", 90),
        ("universal", "treated", False, 14, 1, "conversion", 90),
    ]


@pytest.mark.parametrize("turned", [False, True])
def test_the_control_is_one_of_the_salt_that_is_measured(
    empty: Lakehouse, tmp_path: Path, turned: bool
) -> None:
    made = World()
    # Of two that drew at one moment, the last by name.
    days = {"1:old": 0, "2:new": 3}
    for salt, variants in (("1:old", "56"), ("2:new", "78")):
        for n, variant in enumerate(variants):
            at = START + timedelta(days=0 if turned else days[salt])
            made.assign("journey:w:versions", f"{salt}{n}", variant, at, salt=salt)
    if turned:
        made.assignments.reverse()
    house = made.built(empty, tmp_path)
    found = house.rows(
        "select variant, is_control, assigned, starts_on from marts.experiment_results order by 1"
    )
    begun = (START if turned else START + timedelta(days=3)).date()
    assert found == [("7", True, 1, begun), ("8", False, 1, begun)]


def test_what_had_a_file_is_no_split(empty: Lakehouse, tmp_path: Path) -> None:
    made = World()
    for n in range(4):
        for key in ("by_event", "removed", "of_a_split"):
            made.assign(key, f"c{n}", ("mail", "other")[n % 2], START)
    split = {"split": {"mail": {}, "other": {}}, "experiment": "of_a_split"}
    made.nodes = [
        {
            "journey": "welcome",
            "version": version,
            "node": "parts",
            "kind": "split",
            "definition": json.dumps(split),
        }
        for version in (1, 2)
    ]
    house = made.built(empty, tmp_path, by_event=BY_EVENT)
    for mart in ("experiment_results", "experiment_assignments"):
        found = house.rows(f"select distinct experiment from marts.{mart} order by 1")
        assert found == [("by_event",), ("of_a_split",)]
    found = house.rows(
        "select variant, is_control, assigned from marts.experiment_results "
        "where experiment = 'of_a_split' order by 1"
    )
    assert found == [("mail", True, 2), ("other", False, 2)]


def test_contacts_that_became_one_are_one(empty: Lakehouse, tmp_path: Path) -> None:
    made = World()
    made.assign("by_event", "old", "holdout", START)
    made.assign("by_event", "new", "mail", START + timedelta(days=1))
    made.identities = [{"identifier_key": "old", "contact_id": "new"}]
    made.event("new", START + timedelta(days=3))
    house = made.built(empty, tmp_path, by_event=BY_EVENT)
    rows = house.rows("select contact_id, variant from marts.experiment_assignments")
    assert rows == [("new", "holdout")]
    rows = house.rows(
        "select variant, assigned, converted from marts.experiment_results order by 1"
    )
    assert rows == [("holdout", 1, 1), ("mail", 0, 0)]


def test_the_models_build_without_anything(empty: Lakehouse) -> None:
    for mart in ("experiment_results", "experiment_assignments"):
        assert empty.rows(f"select count(*) from marts.{mart}") == [(0,)]
