"""Decisions of the lake become marts: the last set, by the identities and consents of today."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.dbt.lakehouse import Lakehouse
from workspace.definitions.actions import Actions
from workspace.definitions.store import table

AS_OF = datetime(2026, 10, 1)
CALL = {
    **{"name": "Call", "kind": "task", "vertical": "medical", "purpose": "events"},
    **{"response": {"touches": ["demo_booked"]}, "value": 100, "cost": 5},
}
NEWS = {**CALL, "name": "News", "kind": "message", "campaign": "news", "purpose": "newsletter"}
ACTIONS = {"round_days": 7, "stop_cost": 20, "actions": {"news": NEWS, "call": CALL}}
STAGED = (
    *("stg_system__run_context", "stg_marketing__actions", "stg_marketing__action_settings"),
    *(f"stg_models__{name}" for name in ("action_decisions", "action_models", "action_policies")),
    "stg_models__lookalikes",
)
GIVEN = ("dim_contacts", "identity_map", "reachable_contacts", "segment_memberships")
MARTS = (
    *("next_best_actions", "action_models", "action_policies", "campaign_suggestions"),
    *("lookalikes", "list_members"),
)


def option(contact: str, action: str, **given: Any) -> dict[str, Any]:
    """A row of the stream; what it is expected to gain follows from the probabilities."""
    p_response, p_stop = given.pop("p", 0.0), given.pop("stop", 0.0)
    cost = 0.0 if action == "nothing" else 5.0
    parts = {"response_part": p_response * 100, "cost_part": cost, "stop_part": 20 * p_stop}
    gain = parts["response_part"] - parts["cost_part"] - parts["stop_part"]
    row = {
        **{"contact_id": contact, "action": action, "vertical": "medical", "propensity": 0.5},
        **{"sequence": 1, "decided_at": AS_OF, "round_on": AS_OF.date(), "known_at": AS_OF},
        **{"is_taken": False, "is_best": False, "is_exploration": False, "is_automated": False},
        **{"p_response": p_response, "p_stop": p_stop, "expected_gain": gain, "basis": "model"},
        **parts,
    }
    return {**row, **given}


def both(contact: str, taken: str, **given: Any) -> list[dict[str, Any]]:
    """News gains 5 with everybody, the call loses 4; nothing is nothing."""
    chances = {"nothing": {}, "news": {"p": 0.12, "stop": 0.1}, "call": {"p": 0.01}}
    return [
        option(contact, action, is_taken=action == taken, is_best=action == "news", **own, **given)
        for action, own in chances.items()
    ]


DECISIONS = [
    *(
        row | {"decided_at": AS_OF - timedelta(days=7), "sequence": 0}
        for row in both("gone", "news")
    ),
    *both("kept", "news"),
    *both("left", "news"),
    *both("called", "call", is_exploration=True),
    *both("idle", "nothing"),
    *both("objector", "news"),
    *both("old-1", "news"),
    *both("old-2", "nothing"),
]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, target: Path) -> Lakehouse:
    found = Lakehouse(tmp_path_factory.mktemp("actions"), target)
    found.fill(
        as_of=AS_OF,
        action_decisions=DECISIONS,
        action_models=[
            {"sequence": n, "decided_at": AS_OF, "action": "news", "basis": basis}
            for n, basis in enumerate(["assumed", "model"])
        ],
        lookalikes=[
            {"segment": "s", "contact_id": one, "similarity_rank": n, "distance": 1.0}
            for n, one in enumerate(("kept", "nobody"), 1)
        ],
        action_policies=[
            {"policy": "best", "estimator": "doubly_robust", "decisions": 0},
            {
                **{"policy": "logged", "estimator": "doubly_robust", "decisions": 9},
                **{"estimate": 1.0, "low": 0.5, "high": 1.5},
            },
        ],
        parameters=parameters(False),
    )
    return fill(found)


def parameters(enabled: bool, **changed: Any) -> list[dict[str, Any]]:
    actions = Actions.model_validate({**ACTIONS, "enabled": enabled, **changed})
    return table({"actions": list(actions.rows())}, datetime(2000, 1, 1)).to_pylist()


def fill(house: Lakehouse) -> Lakehouse:
    """Contacts, consents and segments, in place of what their own models would make."""
    house.run(*(f"+{name}" for name in GIVEN if name != "segment_memberships"))
    lists = ("+stg_crm__lists", "+stg_crm__list_members", "+int_crm_objects")
    house.run("+int_profiling_objections", "+segment_memberships", *lists, *STAGED)
    people = [*("kept", "left", "called", "idle", "objector", "one")]
    house.put(
        "marts.dim_contacts",
        [{"contact_id": p, "account_id": "a", "vertical": "medical"} for p in people],
    )
    house.put(
        "marts.identity_map",
        [{"identifier_key": old, "contact_id": "one"} for old in ("old-1", "old-2")],
    )
    house.put(
        "marts.reachable_contacts",
        [
            {"contact_id": p, "purpose": purpose, "channel": "email"}
            for p in people
            for purpose in ("newsletter", "events")
            if (p, purpose) != ("left", "newsletter")
        ],
    )
    house.put("intermediate.int_profiling_objections", [{"contact_id": "objector"}])
    house.put(
        "marts.segment_memberships",
        [{"segment": "s", "contact_id": p} for p in ("kept", "left", "called", "objector", "x")],
    )
    house.run("stg_models__action_decisions", "int_action_options")
    return house.build(*MARTS, tests="cautious")


def test_the_last_set_stands_where_it_may_still_be_done(house: Lakehouse) -> None:
    rows = house.rows(
        "select contact_id, action, reason, best_action, candidate_actions "
        "from marts.next_best_actions order by 1"
    )
    assert rows == [
        ("called", "call", "explored", "news", 2),
        ("idle", "nothing", "nothing_is_worth_it", "news", 2),
        ("kept", "news", "highest_expected_gain", "news", 2),
        # Two became one, and the decision of the first is its.
        ("one", "news", "highest_expected_gain", "news", 2),
    ]
    parts = house.rows(
        "select response_part, cost_part, stop_part, expected_gain, decided_until "
        "from marts.next_best_actions where contact_id = 'kept'"
    )
    assert parts[0][:4] == pytest.approx((12.0, 5.0, 2.0, 5.0))
    assert parts[0][4] == datetime(2026, 10, 8)


def test_amounts_of_a_decision_are_those_of_then(house: Lakehouse, tmp_path: Path) -> None:
    """Whatever actions.yml says by now: an edit must not stop a run that shows the past."""
    asked = "select * from marts.next_best_actions order by contact_id"
    other = house.copied(tmp_path)
    dearer = {"news": {**NEWS, "value": 300, "cost": 1}, "call": CALL}
    other.put("lake.parameters", parameters(False, stop_cost=50, actions=dearer))
    other.run("stg_marketing__actions", "stg_marketing__action_settings", "int_action_options")
    other.build("next_best_actions", "campaign_suggestions", tests="cautious")
    assert other.rows(asked) == house.rows(asked)


def test_suggestions_sum_whom_they_gain_with(house: Lakehouse) -> None:
    rows = house.rows(
        "select action, suggestion_rank, members, candidates, contacts, expected_gain, "
        "gain_of_all, expected_responses from marts.campaign_suggestions order by 2"
    )
    # Who left the newsletter may still be called.
    assert rows[0] == (
        "news",
        1,
        5,
        2,
        2,
        pytest.approx(10),
        pytest.approx(10),
        pytest.approx(0.24),
    )
    assert rows[1] == ("call", 2, 5, 3, 0, 0, pytest.approx(-12), 0)


def test_models_policies_and_lookalikes_are_shown(house: Lakehouse) -> None:
    assert house.rows("select action, basis from marts.action_models") == [("news", "model")]
    assert house.rows("select policy, status from marts.action_policies order by 1") == [
        ("best", "no_decision_to_judge"),
        ("logged", "estimated"),
    ]
    assert house.rows("select contact_id, account_id from marts.lookalikes") == [("kept", "a")]


def test_lists_of_actions_are_there_only_when_enabled(house: Lakehouse, tmp_path: Path) -> None:
    asked = "select list_id, contact_id from marts.list_members order by all"
    assert house.rows(asked) == []
    other = house.copied(tmp_path)
    other.put("lake.parameters", parameters(True))
    other.run("stg_marketing__action_settings", "next_best_actions", "list_members")
    assert other.rows(asked) == [
        ("next_best_action:call", "called"),
        ("next_best_action:news", "kept"),
        ("next_best_action:news", "one"),
    ]


def test_what_was_decided_long_ago_says_nothing(house: Lakehouse, tmp_path: Path) -> None:
    other = house.copied(tmp_path)
    rows = [row | {"decided_at": AS_OF - timedelta(days=14)} for row in DECISIONS]
    schema = [row | {"round_on": date(2026, 9, 17)} for row in rows]
    other.put("lake.action_decisions", schema)
    other.run("stg_models__action_decisions", "int_action_options", "next_best_actions")
    assert other.rows("select * from marts.next_best_actions") == []
