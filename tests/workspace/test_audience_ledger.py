"""What the ledger keeps of audiences, on each database."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from workspace.lake import Lake
from workspace.ledger import CHUNK_ROWS, Ledger, audiences, crm_actions, schema
from workspace.ledger.audiences import ADD, REMOVE, Marked, Outcome, Place
from workspace.ledger.crm_actions import Action

AT = datetime(2026, 9, 1)
PLACE = Place("meta", "spring")
TABLE = schema.audience_syncs


def marked(key: str, value: str = "h") -> Marked:
    return Marked(key, f"hash-{value}", json.dumps({"email": [value]}), "meta-1")


def settle(ledger: Ledger, operation: str, state: str, *keys: str) -> None:
    outcomes = {key: Outcome(state, code="x" * 99, message="y" * 999) for key in keys}
    audiences.settle(ledger, PLACE, operation, outcomes, AT)


def row(ledger: Ledger, key: str) -> dict[str, object]:
    with ledger.reading() as connection:
        query = sa.select(TABLE).where(TABLE.c.contact_id == key)
        return dict(connection.execute(query).mappings().one())


def test_what_a_member_had_is_kept_until_it_is_taken_back(ledger: Ledger) -> None:
    audiences.mark(ledger, PLACE, ADD, [marked("a", "one")], AT)
    settle(ledger, ADD, "confirmed", "a")
    audiences.mark(ledger, PLACE, ADD, [marked("a", "two")], AT)
    audiences.mark(ledger, PLACE, ADD, [marked("a", "three")], AT)
    (held,) = audiences.held(ledger, PLACE, ["a", "b"]).values()
    assert held.identifiers == {"email": ["three"]} and held.former == {"email": ["one", "two"]}
    assert held.everything == {"email": ["three", "one", "two"]}
    audiences.mark(ledger, PLACE, ADD, [marked("a", "one")], AT)
    (held,) = audiences.held(ledger, PLACE, ["a"]).values()
    assert held.former == {"email": ["two", "three"]}, "what it has again is not taken back"
    audiences.forget_former(ledger, PLACE, ["a"], AT)
    (held,) = audiences.held(ledger, PLACE, ["a"]).values()
    assert held.former == {}


def test_what_was_removed_for_good_has_no_payload(ledger: Ledger) -> None:
    audiences.mark(ledger, PLACE, ADD, [marked("a")], AT)
    settle(ledger, ADD, "confirmed", "a")
    audiences.mark(ledger, PLACE, REMOVE, [Marked("a"), Marked("never there")], AT)
    assert json.loads(str(row(ledger, "a")["identifiers"])) == {"email": ["h"]}
    settle(ledger, REMOVE, "failed", "a")
    assert audiences.standing(ledger, PLACE).num_rows == 1
    settle(ledger, REMOVE, "confirmed", "a")
    found = row(ledger, "a")
    assert (found["identifiers"], found["former"], found["joined_at"]) == (None, None, None)
    assert audiences.standing(ledger, PLACE).num_rows == 0


@pytest.mark.parametrize(
    ("operation", "state", "expected"),
    [
        (ADD, "due", (False, False, False)),
        (ADD, "failed", (False, False, False)),
        (ADD, "sent", (True, True, False)),
        (ADD, "confirmed", (True, True, False)),
        (REMOVE, "failed", (False, False, True)),
        (REMOVE, "sent", None),
        (REMOVE, "confirmed", None),
    ],
)
def test_how_a_member_stands(
    ledger: Ledger, operation: str, state: str, expected: tuple[bool, ...] | None
) -> None:
    audiences.mark(ledger, PLACE, ADD, [marked("a")], AT)
    if operation == REMOVE:
        audiences.mark(ledger, PLACE, REMOVE, [Marked("a")], AT)
    settle(ledger, operation, state, "a")
    rows = audiences.standing(ledger, PLACE).to_pylist()
    names = ("is_current", "has_joined", "remove_due")
    assert [tuple(one[name] for name in names) for one in rows] == ([expected] if expected else [])


def test_an_answer_to_another_operation_settles_nothing(ledger: Ledger) -> None:
    audiences.mark(ledger, PLACE, ADD, [marked("a")], AT)
    audiences.mark(ledger, PLACE, REMOVE, [Marked("a")], AT)
    settle(ledger, ADD, "confirmed", "a")
    assert (row(ledger, "a")["operation"], row(ledger, "a")["state"]) == ("remove", "due")


def test_audiences_do_not_mix(ledger: Ledger) -> None:
    other = Place("meta", "autumn")
    for place in (PLACE, other):
        audiences.mark(ledger, place, ADD, [marked("a")], AT)
    settle(ledger, ADD, "confirmed", "a")
    assert audiences.standing(ledger, PLACE)["is_current"].to_pylist() == [True]
    assert audiences.standing(ledger, other)["is_current"].to_pylist() == [False]


def test_where_members_stand(ledger: Ledger) -> None:
    autumn = Place("meta", "autumn")
    for place, list_id in ((PLACE, "71"), (autumn, "71"), (Place("linkedin", "spring"), "71")):
        rows = [replace(marked(key, key), list_id=list_id) for key in ("a", "b")]
        audiences.mark(ledger, place, ADD, rows, AT)
    assert audiences.places(ledger, "meta") == {"autumn": 2, "spring": 2}
    assert audiences.kept_by_others(ledger, PLACE, "71", ["a", "c"]) == {"a"}
    assert audiences.kept_by_others(ledger, PLACE, "99", ["a"]) == set()
    audiences.mark(ledger, PLACE, REMOVE, [Marked("a"), Marked("b")], AT)
    assert audiences.held(ledger, PLACE, ["a"])["a"].list_id == "71"
    assert audiences.kept_by_others(ledger, autumn, "71", ["a", "b"]) == set()
    settle(ledger, REMOVE, "sent", "a")
    settle(ledger, REMOVE, "confirmed", "b")
    assert audiences.places(ledger, "meta") == {"autumn": 2, "spring": 0}
    assert audiences.held(ledger, PLACE, ["a"])["a"].is_leaving
    settle(ledger, REMOVE, "confirmed", "a")
    assert audiences.places(ledger, "meta") == {"autumn": 2}
    assert audiences.held(ledger, PLACE, ["a"])["a"].list_id is None


def test_who_is_in_another_list_is_not_current(ledger: Ledger) -> None:
    audiences.mark(ledger, PLACE, ADD, [replace(marked("a"), list_id="71")], AT)
    settle(ledger, ADD, "confirmed", "a")
    for list_id, is_current in (("71", True), ("99", False), (None, False)):
        found = audiences.standing(ledger, PLACE, list_id)
        assert found["is_current"].to_pylist() == [is_current]


def test_more_rows_than_one_transaction_takes(ledger: Ledger) -> None:
    keys = [f"c{n}" for n in range(CHUNK_ROWS + 3)]
    audiences.mark(ledger, PLACE, ADD, [marked(key) for key in keys], AT)
    audiences.settle(ledger, PLACE, ADD, dict.fromkeys(keys, Outcome("sent", batch_id="b")), AT)
    assert audiences.outstanding(ledger, PLACE) == [("b", ADD)]
    assert len(audiences.members_of_batch(ledger, PLACE, "b", ADD)) == len(keys)
    assert len(audiences.held(ledger, PLACE, keys)) == len(keys)


def test_the_lake_gets_each_state_once_and_no_identifier(tmp_path: Path, ledger: Ledger) -> None:
    lake = Lake(tmp_path / "lake")
    audiences.mark(ledger, PLACE, ADD, [marked("a", "secret")], AT)
    assert audiences.export(ledger, lake) == 1
    assert audiences.export(ledger, lake) == 0
    settle(ledger, ADD, "confirmed", "a")
    sync = {"sync_id": "s", "destination": "meta", "audience": "spring", "status": "done"}
    counts = dict.fromkeys((*schema.AUDIENCE_COUNTERS, "delivered", "failed"), 0)
    times = {"as_of": AT - timedelta(days=9), "started_at": AT, "finished_at": AT}
    audiences.record_run(ledger, {**sync, **counts, **times, "reason": None})
    assert audiences.export(ledger, lake) == 2
    rows = lake.read(audiences.STREAM).to_pylist()
    assert [one["state"] for one in rows] == ["due", "confirmed"]
    assert "secret" not in str(rows)
    (run,) = lake.read(audiences.RUNS).to_pylist()
    assert run["known_at"] == AT - timedelta(days=9), "a sync is known from where it looked"


def test_an_action_is_planned_once_and_ends(tmp_path: Path, ledger: Ledger) -> None:
    lake = Lake(tmp_path / "lake")
    action = Action("a", "task", "route", "inside_sales", "c", AT)
    assert crm_actions.plan(ledger, [action, action], AT) == 1
    assert crm_actions.plan(ledger, [action], AT) == 0
    crm_actions.begin(ledger, ["a"], AT)
    (open_,) = crm_actions.open_actions(ledger)
    assert (open_.state, open_.attempts, open_.tried_at) == ("sending", 1, AT)
    assert crm_actions.export(ledger, lake) == 1
    later = AT + timedelta(minutes=1)
    crm_actions.settle(ledger, "a", "delivered", later, "77")
    assert crm_actions.open_actions(ledger) == []
    assert crm_actions.asked_since(ledger, "route", AT) == {("c", "inside_sales")}
    assert crm_actions.asked_since(ledger, "route", later) == set()
    assert crm_actions.export(ledger, lake) == 1
    assert lake.read(crm_actions.STREAM)["state"].to_pylist() == ["sending", "delivered"]
