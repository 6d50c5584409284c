"""Audiences and the CRM's actions in the marts: the last state counts, outcomes are found."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.dbt import worlds
from tests.dbt.lakehouse import Lakehouse

AS_OF = worlds.AS_OF


def member(contact: str, sequence: int, operation: str, state: str, **more: Any) -> dict[str, Any]:
    return {
        "destination": "meta",
        "audience": "spring",
        "contact_id": contact,
        "operation": operation,
        "state": state,
        "attempts": sequence,
        "updated_at": AS_OF - timedelta(days=9 - sequence),
        "sequence": sequence,
        **more,
    }


def run(key: str, **more: Any) -> dict[str, Any]:
    counters = {"queried": 5, "added": 1, "changed": 1, "removed": 1, "unchanged": 1, "invalid": 1}
    times = {"as_of": AS_OF, "started_at": AS_OF, "finished_at": AS_OF}
    return {
        "sync_id": key, "destination": "meta", "audience": "spring", "status": "done",
        **counters, "delivered": 2, "failed": 1, **times, "sequence": 1, **more,
    }  # fmt: skip


def test_each_member_stands_as_last_found(tmp_path: Path, target: Path) -> None:
    joined = AS_OF - timedelta(days=8)
    rows = [
        member("a", 1, "add", "due"),
        member("a", 2, "add", "confirmed", joined_at=joined),
        member("b", 1, "add", "failed", code="meta_100"),
        member("c", 1, "remove", "due", joined_at=joined),
        member("d", 1, "remove", "confirmed"),
        member("e", 1, "add", "due", joined_at=joined),
    ]
    house = Lakehouse(tmp_path, target).fill(as_of=AS_OF, audience_syncs=rows)
    house.build("+audience_syncs", tests="cautious")
    found = house.rows("select contact_id, standing, failure_code from marts.audience_syncs")
    assert sorted(found) == [
        ("a", "there", None),
        ("b", "coming", "meta_100"),
        ("c", "leaving", None),
        ("d", "gone", None),
        ("e", "changing", None),
    ]


def test_counters_that_do_not_add_up_are_found(tmp_path: Path, target: Path) -> None:
    house = Lakehouse(tmp_path, target).fill(as_of=AS_OF, audience_runs=[run("one")])
    house.build("+audience_runs", tests="cautious")
    assert house.one("select is_dry_run from marts.audience_runs") is False
    house.fill(as_of=AS_OF, audience_runs=[run("one", invalid=0)])
    with pytest.raises(AssertionError, match="audience_counters_add_up"):
        house.build("+audience_runs", tests="cautious")


def test_an_action_shows_how_it_ended(tmp_path: Path, target: Path) -> None:
    node = {
        "journey": "welcome", "version": 1, "node": "call", "position": 2, "kind": "action",
        "way": "create_task", "subject": "Call", "definition": "{}",
    }  # fmt: skip
    steps = [
        {
            "journey": "welcome", "version": 1, "enrolment_id": f"e{n}", "contact_id": f"c{n}",
            "occurrence": 1, "step_number": 1, "node": "start", "visit": 1, "kind": "trigger",
            "outcome": "entered", "next_node": "call", "arrived_at": AS_OF, "left_at": AS_OF,
            "sequence": 1, "known_at": AS_OF,
        }
        for n in range(3)
    ]  # fmt: skip
    house = Lakehouse(tmp_path, target)
    house.fill(as_of=AS_OF, journey_steps=steps, journey_nodes=[node])
    house.run("+journey_actions")
    ids = dict(house.rows("select contact_id, action_id from marts.journey_actions"))
    assert {s for (s,) in house.rows("select delivery_state from marts.journey_actions")} == {
        "not_sent"
    }
    states = [
        {"action_id": ids["c0"], "state": "unknown", "sequence": 1, "updated_at": AS_OF},
        {"action_id": ids["c0"], "state": "delivered", "sequence": 2, "updated_at": AS_OF,
         "remote_id": "77"},
        {"action_id": ids["c1"], "state": "failed", "sequence": 1, "updated_at": AS_OF,
         "code": "not_in_hubspot"},
    ]  # fmt: skip
    house.fill(as_of=AS_OF, journey_steps=steps, journey_nodes=[node], crm_action_states=states)
    house.run("+journey_actions")
    found = house.rows(
        "select contact_id, delivery_state, delivered_at, failure_code, remote_id "
        "from marts.journey_actions order by contact_id"
    )
    assert found == [
        ("c0", "delivered", AS_OF, None, "77"),
        ("c1", "failed", None, "not_in_hubspot", None),
        ("c2", "not_sent", None, None, None),
    ]
