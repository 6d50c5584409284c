"""Other caps over the messages of the last weeks: by hand, and against a plain replay."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from reverse_etl.gates import intents
from reverse_etl.gates.deciding import DECISIONS
from reverse_etl.planning import caps as planning
from reverse_etl.planning import replay
from reverse_etl.planning.caps import CapsPlan
from tests.reverse_etl.gates.marts import add_people, intend, key
from tests.reverse_etl.gates.oracle import Oracle
from tests.reverse_etl.gates.worlds import AS_OF, ZONE, contact, granted, intent, shipped, world
from workspace.definitions.caps import SETTINGS, Caps
from workspace.lake import Lake
from workspace.ledger import Ledger

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
PLAIN = shipped().model_dump(mode="json", by_alias=True)


def with_caps(share: float = 0.0, **limits: int | None) -> Caps:
    """The shipped file with other limits; nobody held out unless ``share`` says so."""
    listed = [{**cap, "limit": limits.get(cap["id"], cap["limit"])} for cap in PLAIN["caps"]]
    holdout = {**PLAIN["holdout"], "share": share}
    return Caps.model_validate({**PLAIN, "caps": listed, "holdout": holdout})


def plan(
    connection: duckdb.DuckDBPyConnection, lake: Lake, ledger: Ledger, before: Caps, after: Caps
) -> CapsPlan:
    return planning.plan(connection, ledger, lake, before, after, AS_OF, ZONE)


def mail(number: int, who: str, at: datetime, **more: Any) -> dict[str, Any]:
    return intent(number, key(who), scheduled_at=at, known_at=at, **more)


def tell(lake: Lake, *decisions: dict[str, Any]) -> None:
    intents.record(lake, pa.Table.from_pylist(list(decisions), schema=DECISIONS), AS_OF - 20 * DAY)


def test_a_tighter_cap_by_hand(
    connection: duckdb.DuckDBPyConnection, lake: Lake, ledger: Ledger
) -> None:
    add_people(connection, "ann", "bob")
    add_people(connection, "cid", consent="withdrawn")
    intend(
        lake,
        # Two in a week to ann: with a cap of one the second waits for longer than it may.
        mail(1, "ann", AS_OF - 10 * DAY, expected_value=1.0),
        mail(2, "ann", AS_OF - 8 * DAY, expected_value=2.0, source_key="autumn"),
        mail(3, "bob", AS_OF - 8 * DAY, expected_value=4.0),
        mail(4, "cid", AS_OF - 8 * DAY, expected_value=8.0),
        mail(5, "ann", AS_OF - 40 * DAY),
    )
    tell(lake, {"intent_id": "i5", "decision": "queued"})  # and that is long ago
    found = plan(connection, lake, ledger, with_caps(), with_caps(marketing_mails=1))
    assert found.messages == 4
    by_gate = {row.name: (row.blocked_before, row.blocked_after) for row in found.gates}
    assert by_gate == {"cap": (0, 1)}
    assert found.total is not None
    assert (found.total.queued_before, found.total.queued_after) == (3, 2)
    assert (found.total.blocked_before, found.total.blocked_after) == (1, 2)
    assert (found.value_lost, found.value_gained) == (2.0, 0.0)
    assert (found.people_losing, found.people_gaining) == (1, 0)
    assert [(one.contact_id, one.value_lost) for one in found.losers] == [(key("ann"), 2.0)]
    (cap,) = [cap for cap in found.caps if cap.differs]
    assert (cap.cap, cap.limit_before, cap.limit_after) == ("marketing_mails", 3, 1)
    assert (cap.stopped_before, cap.stopped_after) == (0, 1)
    assert (cap.blocked_after, cap.value_lost_after) == (1, 2.0)
    sources = {row.name: (row.queued_before, row.queued_after) for row in found.sources}
    assert sources == {"campaign spring": (2, 2), "campaign autumn": (1, 0)}


def test_who_is_held_out_and_bands(
    connection: duckdb.DuckDBPyConnection, lake: Lake, ledger: Ledger
) -> None:
    names = [f"p{n}" for n in range(200)]
    add_people(connection, *names)
    intend(lake, *(mail(n, name, AS_OF - DAY) for n, name in enumerate(names)))
    found = plan(connection, lake, ledger, with_caps(), with_caps(share=0.25))
    assert found.contacts == 200 and found.held_out_before == 0
    assert found.held_out_after == found.held_out_entering > 20 and not found.held_out_leaving
    by_gate = {row.name: (row.blocked_before, row.blocked_after) for row in found.gates}
    assert by_gate == {"holdout": (0, found.held_out_after)}
    assert found.people_losing == found.held_out_after
    classes = {**PLAIN["classes"], "lifecycle": {"name": "Only the cold", "bands": ["cold"]}}
    cold = Caps.model_validate({**PLAIN, "classes": classes, "holdout": {"share": 0}})
    found = plan(connection, lake, ledger, with_caps(), cold)
    assert [(row.name, row.blocked_after) for row in found.gates] == [("lead_band", 200)]


def test_nothing_differs_and_nothing_is_written(
    connection: duckdb.DuckDBPyConnection, lake: Lake, ledger: Ledger
) -> None:
    add_people(connection, "ann")
    intend(lake, *(mail(n, "ann", AS_OF - n * DAY) for n in range(5)))
    snapshot = lake.snapshot_id(["message_decisions", "message_intents", "message_states"])
    found = plan(connection, lake, ledger, with_caps(), with_caps())
    assert found.gates == found.losers == [] and not any(cap.differs for cap in found.caps)
    assert found.delayed == 0
    assert lake.snapshot_id(["message_decisions", "message_intents", "message_states"]) == snapshot


def test_no_message_at_all(
    connection: duckdb.DuckDBPyConnection, lake: Lake, ledger: Ledger
) -> None:
    found = plan(connection, lake, ledger, with_caps(), with_caps(marketing_mails=0))
    assert found.messages == 0 and found.total is None


def test_the_file_of_the_last_run(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        "create schema lake; create table lake.parameters (collection text, value text)"
    )
    with pytest.raises(planning.NotRecorded, match="marketing run"):
        planning.in_force(connection)
    (row,) = [row for row in shipped().rows() if row.collection == SETTINGS]
    connection.execute("insert into lake.parameters values ($1, $2)", [SETTINGS, row.json])
    assert planning.in_force(connection) == shipped()
    other = json.dumps({**json.loads(row.json), "of_another_version": 1})
    connection.execute("update lake.parameters set value = $1", [other])
    with pytest.raises(planning.NotRecorded, match="another version"):
        planning.in_force(connection)


@pytest.mark.parametrize("seed", range(6))
def test_replayed_as_one_message_after_the_other(
    connection: duckdb.DuckDBPyConnection, lake: Lake, ledger: Ledger, seed: int
) -> None:
    draw = random.Random(seed)
    names = [f"p{n}" for n in range(12)]
    add_people(connection, *names)
    runs = sorted(AS_OF - draw.randrange(1, 27 * 24) * HOUR for _ in range(9))
    rows = []
    for number in range(90):
        known_at = draw.choice(runs)
        at = known_at + draw.choice([-2, 0, 0, 5, 30, 100]) * HOUR
        rows.append(
            intent(
                number,
                key(draw.choice(names)),
                scheduled_at=at,
                known_at=known_at,
                priority=draw.choice([0, 0, 3]),
                expected_value=draw.choice([None, 1.0, 2.5]),
                not_after=draw.choice([None, at + 100 * HOUR, at + 300 * HOUR]),
                on_capped=draw.choice(["wait", "wait", "skip"]),
                source_key=draw.choice(["spring", "autumn"]),
            )
        )
    intend(lake, *rows)
    caps = with_caps(marketing_mails=draw.choice([1, 2, 3, None]), one_day=draw.choice([1, 2]))
    assert replay.prepare(connection, lake, AS_OF) == len(rows)
    replay.replay(connection, ledger, lake, caps, AS_OF, ZONE, "answer")
    found = {
        ident: (decision, gate, at)
        for ident, decision, gate, at in connection.execute(
            "select intent_id, decision, gate, scheduled_at from answer"
        ).fetchall()
    }
    assert found == plainly(rows, caps, [key(name) for name in names])
    assert {"queued", "blocked"} <= {decision for decision, _, _ in found.values()}


def plainly(
    rows: list[dict[str, Any]], caps: Caps, people: list[str]
) -> dict[str, tuple[str, str | None, datetime | None]]:
    """The same, with the gates asked of one message after the other at each run."""
    left = {row["intent_id"]: dict(row) for row in rows}
    sent: list[dict[str, Any]] = []
    found: dict[str, tuple[str, str | None, datetime | None]] = dict.fromkeys(
        left, ("deferred", "scheduled", None)
    )
    for run_at in sorted({row["known_at"] for row in rows} | {AS_OF}):
        horizon = run_at + caps.queue_ahead_hours * HOUR
        asked = [
            row
            for row in left.values()
            if row["known_at"] <= run_at
            and row["scheduled_at"] <= horizon
            and (row["deferred_until"] is None or row["deferred_until"] <= horizon)
        ]
        made = world(
            intents=asked,
            contacts=[contact(one) for one in people],
            consents=[granted(one) for one in people],
            sent=list(sent),
        )
        for ident, told in Oracle(made, caps, run_at, ZONE).decide().items():
            found[ident] = (told["decision"], told.get("gate"), told.get("scheduled_at"))
            if told["decision"] == "deferred":
                left[ident]["deferred_until"] = told["deferred_until"]
                continue
            row = left.pop(ident)
            if told["decision"] == "queued":
                sent.append({**row, "message_id": ident, "sent_at": told["scheduled_at"]})
    return found


def test_what_ended_for_another_reason_stays_so(
    connection: duckdb.DuckDBPyConnection, lake: Lake, ledger: Ledger
) -> None:
    """A template without a field is not asked again; a duplicate is no message of its own; what
    waits for an approval gets it, and what was rejected stays away."""
    add_people(connection, "ann")
    intend(lake, *(mail(n, "ann", AS_OF - DAY, approval="hash") for n in range(1, 5)))
    tell(
        lake,
        {"intent_id": "i1", "decision": "blocked", "gate": "template", "detail": "contact.x"},
        {"intent_id": "i2", "decision": "blocked", "gate": "duplicate"},
        {"intent_id": "i3", "decision": "blocked", "gate": "approval", "detail": "rejected"},
        {"intent_id": "i4", "decision": "deferred", "gate": "approval", "detail": "not_asked"},
    )
    assert replay.prepare(connection, lake, AS_OF) == 2
    replay.replay(connection, ledger, lake, with_caps(), AS_OF, ZONE, "answer")
    rows = connection.execute("select intent_id, gate, detail from answer order by 1").fetchall()
    assert rows == [("i1", "template", "contact.x"), ("i4", None, None)]
