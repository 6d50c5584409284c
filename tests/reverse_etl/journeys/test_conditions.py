"""Conditions of a few people over narrowed marts are those of everybody over whole ones."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import duckdb
import pytest

from reverse_etl.journeys import conditions, facts, standing
from reverse_etl.journeys.conditions import Conditions
from reverse_etl.journeys.plan import Plan, Version, plan
from tests.reverse_etl.segments.definitions import random_segments
from tests.reverse_etl.segments.worlds import T, World, random_world
from tests.workspace.test_unprofiled import CONSENT
from workspace.definitions.consent import Consent
from workspace.definitions.journeys import Journey
from workspace.definitions.segments import Segments


def planned(segments: Segments) -> Plan:
    """A journey that asks every condition of contacts, one after the other."""
    asked = [one for one in segments.segments.values() if one.unit == "contact"]
    nodes: dict[str, Any] = {"done": {"exit": "completed"}}
    for number, segment in enumerate(asked):
        after = f"n{number - 1}" if number else "done"
        where = segment.model_dump(mode="json", by_alias=True, exclude_defaults=True)["where"]
        nodes[f"n{number}"] = {"condition": where, "then": after, "else": "done"}
    given = {"name": "x", "version": 1, "trigger": {"manual": True}, "nodes": nodes}
    return plan([Version("asks", Journey.model_validate(given), T)])


def opened(world: World) -> duckdb.DuckDBPyConnection:
    connection = world.database()
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("alter table marts.fct_events add column known_at timestamp")
    connection.execute("update marts.fct_events set known_at = occurred_at")
    connection.execute(
        "create table marts.dim_contacts as "
        "select contact_id, cast(null as varchar) as country from marts.contact_features"
    )
    return connection


def of(people: str, given: Plan) -> list[str]:
    """All conditions of these people."""
    return [f"select unnest({list(given.conditions)}), cid from ({people})"]


def truths(connection: duckdb.DuckDBPyConnection) -> set[tuple]:
    return set(connection.execute("from journey_truths").fetchall())


@pytest.mark.parametrize("seed", range(6))
def test_of_a_few_they_are_those_of_everybody(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(seed)
    world, segments = random_world(seed), random_segments(seed, 25)
    given = planned(segments)
    sources = facts.Sources(world.fields, segments, world.names, "UTC", {})
    with opened(world) as connection:
        facts.contacts(connection, sources)
        standing.load(connection, given)
        row = connection.execute("select max(cid) from journey_contacts").fetchone()
        assert row is not None
        chosen = draw.sample(range(row[0] + 1), 7)
        few = f"select unnest({chosen}) as cid"
        rehearsed = Conditions(given, sources)
        rehearsed.keep(connection, T)
        for at in (T - timedelta(days=9), T):
            monkeypatch.setattr(conditions, "MOST", 0)
            Conditions(given, sources).decide(
                connection, at, of("select cid from journey_contacts", given)
            )
            everybody = truths(connection)
            expected = {row for row in everybody if row[1] in chosen}
            assert len(expected) == 7 * len(given.conditions) > 0
            Conditions(given, sources).decide(connection, at, of(few, given))
            assert truths(connection) == expected
            monkeypatch.setattr(conditions, "MOST", 2)
            Conditions(given, sources).decide(connection, at, of(few, given))
            assert truths(connection) == expected
            rehearsed.decide(connection, at, of(few, given))
            assert truths(connection) == expected


def test_the_absence_of_a_score_finds_no_objector() -> None:
    world, segments = random_world(1), Segments(segments={})
    idle = {"not": {"score": "engagement", "at_least": 60}}
    nodes = {
        "ask": {"condition": idle, "then": "done", "else": "done"},
        "done": {"exit": "completed"},
    }
    journey = {"name": "x", "version": 1, "trigger": {"manual": True}, "nodes": nodes}
    given = plan([Version("asks", Journey.model_validate(journey), T)])
    found = {}
    with opened(world) as connection:
        connection.execute("update marts.contact_features set engagement_score = null")
        connection.execute(
            "insert into marts.consent_states (contact_id, purpose, channel, state) "
            "select min(contact_id), 'profiling', 'all', 'objection' from marts.dim_contacts"
        )
        for policy in (Consent(), CONSENT):
            sources = facts.Sources(world.fields, segments, world.names, "UTC", {}, consent=policy)
            facts.contacts(connection, sources)
            standing.load(connection, given)
            asked = of("select cid from journey_contacts", given)
            Conditions(given, sources).decide(connection, T, asked)
            found[policy is CONSENT] = connection.execute(
                "select min(contact_id), count(*) from journey_truths join journey_contacts "
                "using (cid) where is_true"
            ).fetchone()
    assert found[False] is not None and found[True] is not None
    assert found[True][1] == found[False][1] - 1 and found[True][0] > found[False][0]


def test_a_rehearsal_asks_what_was_known(monkeypatch: pytest.MonkeyPatch) -> None:
    world = random_world(1)
    asked = {"all": [{"event": name} for name in ("pricing_viewed",)]}
    segments = Segments(segments={})
    nodes = {
        "ask": {"condition": asked, "then": "done", "else": "done"},
        "done": {"exit": "completed"},
    }
    journey = Journey.model_validate(
        {"name": "x", "version": 1, "trigger": {"manual": True}, "nodes": nodes}
    )
    given = plan([Version("asks", journey, T)])
    sources = facts.Sources(world.fields, segments, world.names, "UTC", {})
    with opened(world) as connection:
        connection.execute(f"update marts.fct_events set known_at = timestamp '{T}'")
        facts.contacts(connection, sources)
        standing.load(connection, given)
        rehearsed = Conditions(given, sources)
        rehearsed.keep(connection, T)
        counts = []
        for at in (T - timedelta(seconds=1), T):
            rehearsed.decide(connection, at, of("select cid from journey_contacts", given))
            counts.append(sum(row[2] for row in truths(connection)))
        assert counts[0] == 0 < counts[1]
