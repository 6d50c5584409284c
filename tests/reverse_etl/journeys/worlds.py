"""Random journeys and histories, and a tick of both engines over them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from reverse_etl.journeys.plan import Plan, Version, plan
from reverse_etl.journeys.tick import FACTS, STEPS, tick
from tests.reverse_etl.journeys import interpreter
from workspace.definitions.journey_nodes import Ask, UntilEvent, Wait, stops_time
from workspace.definitions.journey_triggers import ConditionTrigger
from workspace.definitions.journeys import Journey
from workspace.streams import STREAMS

ZONES = ["UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]
EVENTS = ["opened", "clicked", "bought"]
SEGMENTS = ["engaged", "customers"]
#: Where clocks change, and a leap day.
STARTS = [
    datetime(2026, 3, 27),
    datetime(2026, 10, 23),
    datetime(2028, 2, 27),
    datetime(2026, 6, 1),
]
SPANS: list[dict[str, float]] = [{"hours": 1}, {"hours": 24}, {"days": 3}, {"minutes": 90}]


def journey(draw: random.Random, version: int = 1, earlier: int = 0) -> Journey:
    """A valid journey of up to nine nodes; edges go anywhere, circles included."""
    while True:
        names = [f"n{number}" for number in range(draw.randint(2, 9))]
        nodes: dict[str, Any] = {name: _node(draw, names) for name in names[:-1]}
        nodes[names[-1]] = {"exit": draw.choice(["completed", "criteria"])}
        given: dict[str, Any] = {
            "name": "A journey",
            "version": version,
            "trigger": draw.choice(
                [{"manual": True}, {"event": "Started"}, {"becomes": {"segment": "engaged"}}]
            ),
            "reentry": draw.choice(["never", "after_exit", {"after_days": 2}]),
            "on_edit": draw.choice(["stay", "exit", {"move_to": draw.choice(names)}]),
            "nodes": nodes,
        }
        if draw.random() < 0.3:
            given["goal"] = {"event": draw.choice(EVENTS)}
        if draw.random() < 0.2:
            given["where"] = {"segment": draw.choice(SEGMENTS)}
        if draw.random() < 0.2:
            given["exit_when"] = {"segment": draw.choice(SEGMENTS)}
        if draw.random() < 0.2:
            given["expires_after"] = {"days": draw.randint(1, 5)}
        if earlier and draw.random() < 0.3:
            given["beside"] = {"version": earlier, "share": draw.choice([10, 50])}
        found = Journey.model_validate(given)
        if not list(found.faults()):
            return found


def _node(draw: random.Random, names: list[str]) -> dict[str, Any]:
    to = lambda: draw.choice(names)  # noqa: E731
    kind = draw.choice(["for", "until", "event", "condition", "split", "pass", "hold", "for"])
    if kind == "for":
        return {"wait": draw.choice(SPANS), "next": to()}
    if kind == "until":
        clock = {"until": draw.choice(["09:00", "02:30", "00:00", "23:59"])}
        if draw.random() < 0.4:
            clock["weekdays"] = draw.sample(["monday", "tuesday", "friday", "sunday"], 2)
        return {"wait": clock, "next": to()}
    if kind == "event":
        wait = {"event": draw.choice(EVENTS), "timeout": draw.choice(SPANS)}
        return {"wait": wait, "next": to(), **({"on_timeout": to()} if draw.random() < 0.7 else {})}
    if kind == "condition":
        return {"condition": {"segment": draw.choice(SEGMENTS)}, "then": to(), "else": to()}
    if kind == "split":
        shares = draw.choice([[50, 50], [10, 20, 70], [0.5, 99.5]])
        return {"split": {f"b{n}": {"share": s, "next": to()} for n, s in enumerate(shares)}}
    if kind == "pass":
        return {"action": "add_tag", "tag": "x", "next": to()}
    send = {"action": "send", "channel": "email", "template": "x"}
    return {**send, "next": to(), "on_failure": to()}


@dataclass
class World:
    """Contacts, what they did and when, and the versions in force at each tick."""

    draw: random.Random
    contacts: list[str]
    start: datetime
    versions: dict[str, list[Journey]]
    zones: dict[str, str]
    events: list[tuple[str, str, datetime, datetime, str]] = field(default_factory=list)
    triggers: list[tuple[str, str, datetime, datetime, str]] = field(default_factory=list)
    gone: dict[str, datetime] = field(default_factory=dict)
    stops: dict[str, datetime] = field(default_factory=dict)


def world(seed: int, contacts: int = 6, journeys: int = 2) -> World:
    draw = random.Random(seed)
    start = draw.choice(STARTS) + timedelta(minutes=draw.randint(0, 600))
    people = [f"c{number}" for number in range(contacts)]
    versions = {}
    for key in [f"j{number}" for number in range(journeys)]:
        first = journey(draw)
        versions[key] = [first]
        if draw.random() < 0.6:
            versions[key].append(journey(draw, 2, 1))
    made = World(draw, people, start, versions, {one: draw.choice(ZONES) for one in people})
    for number in range(draw.randint(0, 12 * contacts)):
        at = start + timedelta(hours=draw.randint(-30, 200), minutes=draw.choice([0, 0, 17]))
        known = at + timedelta(hours=draw.choice([0, 0, 0, 30]))
        who = draw.choice(people)
        made.events.append((draw.choice(EVENTS), who, at, known, f"e{number}"))
    for number in range(draw.randint(0, 4 * contacts)):
        at = start + timedelta(hours=draw.randint(-40, 200))
        known = at + timedelta(hours=draw.choice([0, 0, 0, 30, 300]))
        who = draw.choice(people)
        made.triggers.append((draw.choice(sorted(versions)), who, at, known, f"t{number}"))
    for one in people:
        if draw.random() < 0.1:
            made.gone[one] = start + timedelta(hours=draw.randint(0, 200))
        if draw.random() < 0.1:
            made.stops[one] = start + timedelta(hours=draw.randint(0, 200))
    return made


def in_use(made: World, at: datetime) -> list[Version]:
    """Both versions are planned once the second is in force, two days after the start."""
    found = []
    for key, (first, *later) in made.versions.items():
        changed = made.start + timedelta(days=2)
        if not later or at < changed:
            found.append(Version(key, first, made.start))
            continue
        (second,) = later
        is_beside = second.beside is not None
        found.append(Version(key, first, made.start, is_open=is_beside, in_force=second))
        found.append(Version(key, second, made.start, in_force=second))
    return found


def facts(made: World, planned: Plan, at: datetime, log: list[dict[str, Any]]) -> dict[str, list]:
    """The rows of each table of facts at a tick; what is true and how actions end is drawn."""
    draw = random.Random(f"{made.start}{at}")
    rows: dict[str, list] = {name: [] for name in FACTS}
    there = [one for one in made.contacts if one not in made.gone or made.gone[one] > at]
    rows["journey_contacts"] = [(one, made.zones[one]) for one in there]
    rows["journey_triggers"] = [
        (key, who, t, why) for key, who, t, known, why in made.triggers if known <= at and t < at
    ]
    for number, happening in planned.happenings.items():
        moments: dict[tuple[str, datetime], str] = {}
        for name, who, t, known, why in made.events:
            if name == happening.name and known <= at and t < at:
                moments[who, t] = min(why, moments.get((who, t), why))
        rows["journey_events"] += [(number, who, t, why) for (who, t), why in moments.items()]
    for number, condition in planned.conditions.items():
        chance = random.Random(f"{condition}{made.start}").random()
        rows["journey_truths"] += [
            (number, one, draw.random() < chance, f"asked of {one}")
            for one in made.contacts
            if draw.random() < 0.9
        ]
    rows["journey_stops"] = [
        (one, "marketing", "said so") for one, since in made.stops.items() if since <= at
    ]
    last: dict[str, dict[str, Any]] = {}
    for row in sorted(log, key=lambda row: (row["enrolment_id"], row["step_number"])):
        last[row["enrolment_id"]] = row
    for enrolment, row in last.items():
        if row["next_node"] is not None and draw.random() < 0.5:
            ended = row["left_at"] + (at - row["left_at"]) / 2
            outcome = (enrolment, row["next_node"], ended, draw.random() < 0.5, "by hand")
            rows["journey_outcomes"].append(outcome)
    return rows


SCHEMAS = {
    "varchar": pa.string(),
    "timestamp": pa.timestamp("us"),
    "integer": pa.int32(),
    "boolean": pa.bool_(),
}


def load(connection: duckdb.DuckDBPyConnection, rows: dict[str, list], planned: Plan) -> None:
    """The tables of facts; whoever is no contact has no number, and no facts."""
    numbers = {one: place for place, (one, _) in enumerate(rows["journey_contacts"])}
    numbered = {
        "journey_contacts": [(numbers[one], one, zone) for one, zone in rows["journey_contacts"]],
        "journey_triggers": [
            (planned.journeys[key], numbers[one], *rest)
            for key, one, *rest in rows["journey_triggers"]
            if one in numbers and key in planned.journeys
        ],
        "journey_stops": [
            (numbers[one], *rest) for one, *rest in rows["journey_stops"] if one in numbers
        ],
        "journey_outcomes": rows["journey_outcomes"],
    }
    for name in ("journey_events", "journey_truths"):
        numbered[name] = [
            (number, numbers[one], *rest) for number, one, *rest in rows[name] if one in numbers
        ]
    for name, columns in FACTS.items():
        named = [column.split() for column in columns.split(", ")]
        schema = pa.schema([(column, SCHEMAS[kind]) for column, kind in named])
        table = pa.Table.from_pylist(
            [dict(zip(schema.names, row, strict=True)) for row in numbered[name]], schema=schema
        )
        connection.register("given", table)
        connection.execute(f"create or replace temp table {name} as from given")
        connection.unregister("given")


def load_log(connection: duckdb.DuckDBPyConnection, log: list[dict[str, Any]]) -> None:
    schema = STREAMS[STEPS].schema
    connection.register("given", pa.Table.from_pylist(log, schema=schema))
    connection.execute("create or replace temp table journey_log as from given")
    connection.unregister("given")


def both(
    connection: duckdb.DuckDBPyConnection,
    versions: list[Version],
    rows: dict[str, list],
    log: list[dict[str, Any]],
    planned: Plan,
    at: datetime,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """New rows by the set-based tick and by the interpreter, watches apart from neither."""
    load(connection, rows, planned)
    load_log(connection, log)
    fast = tick(connection, planned, at).to_pylist()
    slow: list[dict[str, Any]] = []
    numbers = _numbers(versions, planned)
    contacts = {row["contact_id"] for row in log} | {one for one, _ in rows["journey_contacts"]}
    zones = dict(rows["journey_contacts"])
    for one in sorted(contacts - {""}):
        known = interpreter.Facts(exists=one in zones, zone=zones.get(one, "UTC"))
        known.triggers = [
            (key, t, why) for key, who, t, why in rows["journey_triggers"] if who == one
        ]
        for number, who, t, why in rows["journey_events"]:
            if who == one:
                known.events.setdefault(number, []).append((t, why))
        known.truths = {
            n: (is_true, why) for n, who, is_true, why in rows["journey_truths"] if who == one
        }
        known.stops = {purpose: why for who, purpose, why in rows["journey_stops"] if who == one}
        for enrolment, node, t, is_done, why in rows["journey_outcomes"]:
            known.outcomes.setdefault((enrolment, node), []).append((t, is_done, why))
        mine = [
            row
            for row in log
            if row["contact_id"] == one or (row["kind"] == "watch" and row["contact_id"] == "")
        ]
        slow += interpreter.tick(one, versions, numbers, known, mine, at)
    return fast, slow


def _numbers(versions: list[Version], planned: Plan) -> interpreter.Numbers:
    found: dict[tuple[str, int, str], int | None] = {}
    conditions = {c.model_dump_json(by_alias=True): n for n, c in planned.conditions.items()}
    happenings = {(h.event, h.touch): n for n, h in planned.happenings.items()}
    for version in versions:
        for one in {
            version.journey.version: version.journey,
            **({version.in_force.version: version.in_force} if version.in_force else {}),
        }.values():
            at = (version.key, one.version)
            for name in ("where", "exit_when"):
                given = getattr(one, name)
                if given is not None:
                    found[*at, name] = conditions.get(given.model_dump_json(by_alias=True))
            if one.goal is not None:
                found[*at, "goal"] = happenings.get((one.goal.event, one.goal.touch))
            if isinstance(one.trigger, ConditionTrigger):
                text = one.trigger.becomes.model_dump_json(by_alias=True)
                found[*at, "becomes"] = conditions.get(text)
            for key, node in one.nodes.items():
                if isinstance(node, Ask):
                    text = node.condition.model_dump_json(by_alias=True)
                    found[*at, key] = conditions.get(text)
                elif isinstance(node, Wait) and isinstance(node.wait, UntilEvent):
                    found[*at, key] = happenings.get((node.wait.event, node.wait.touch))
    return interpreter.Numbers(found)


__all__ = ["both", "facts", "in_use", "plan", "stops_time", "world"]
