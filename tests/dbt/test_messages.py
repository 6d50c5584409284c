"""What became of each intended message: queue, why not, waterfall and caps add up."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.dbt import worlds
from tests.dbt.lakehouse import Lakehouse
from workspace import definitions
from workspace.definitions.caps import GATES
from workspace.definitions.store import table
from workspace.ledger.schema import MESSAGE_STATES
from workspace.paths import PROJECT

AS_OF = worlds.AS_OF
MARTS = ("message_queue", "why_not_sent", "message_waterfall", "frequency_caps", "message_proofs")
#: As the sender writes them; odd is none of a gate.
REASONS = {
    "blocked": [
        *("erased", "bounced", "consent", "unsubscribed", "suppressed"),
        *("not_after", "quiet_hours", "cap", "odd"),
    ],
    "failed": [
        *("invalid_recipient: 550", "rejected: 406", "suppressed: hard_bounce"),
        *("unsupported", "queued_without_address"),
    ],
    "unknown": ["sender_died", "restored", "bytes_changed", "ambiguous: read timed out"],
    "failed_unknown": ["never_heard_of"],
}
DECIDED = [gate for gate in GATES if gate.kind != "later"]


def lake(draw: random.Random) -> dict[str, list[dict[str, Any]]]:
    """Intents of three sources at every point of their way."""
    intents, decisions, states = [], [], []
    for n in range(300):
        intent_id = f"i{n}"
        intents.append(
            {
                "intent_id": intent_id,
                "source_kind": draw.choice(["campaign", "journey"]),
                "source_key": draw.choice(["spring", "autumn"]),
                "contact_id": f"c{n % 40}",
                "channel": "email",
                "message_class": draw.choice(["marketing", "newsletter"]),
                "purpose": "marketing",
                "expected_value": draw.choice([None, 2.0]),
                "scheduled_at": AS_OF - timedelta(days=draw.choice([1, 20])),
            }
        )
        if draw.random() < 0.2:
            intents.append({**intents[-1]})  # said twice
        for sequence in range(draw.choice([0, 1, 1, 2])):
            gate = draw.choice(DECIDED) if draw.random() < 0.5 else None
            decision = (
                "queued" if gate is None else "deferred" if gate.kind == "hold" else "blocked"
            )
            if gate is not None and gate.kind == "hold" and draw.random() < 0.3:
                decision = "blocked"
            decisions.append(
                {
                    "intent_id": intent_id,
                    "decision": decision,
                    "gate": gate and gate.gate,
                    "detail": "marketing_mails" if gate and gate.gate == "cap" else None,
                    "value_lost": intents[-1]["expected_value"]
                    if gate and gate.gate == "cap"
                    else None,
                    "scheduled_at": intents[-1]["scheduled_at"] if gate is None else None,
                    "sequence": sequence,
                }
            )
        if decisions and decisions[-1]["intent_id"] == intent_id:
            for sequence in range(draw.choice([0, 1, 2]) if decision == "queued" else 0):
                state = draw.choice([s for s in MESSAGE_STATES if s != "planned"])
                reason = draw.choice(REASONS.get(state, [None]))
                states.append(
                    {
                        "message_id": intent_id,
                        "state": state,
                        "reason": reason,
                        "scheduled_at": intents[-1]["scheduled_at"],
                        "updated_at": AS_OF + timedelta(seconds=sequence),
                        "sequence": sequence,
                    }
                )
    parameters = table({"caps": definitions.load(PROJECT / "marketing").rows()["caps"]}, AS_OF)
    return {
        "message_intents": intents,
        "message_decisions": decisions,
        "message_states": states,
        "parameters": parameters.to_pylist(),
    }


def outcomes(made: dict[str, list[dict[str, Any]]]) -> dict[str, tuple[str, str | None]]:
    """Intent -> outcome and gate, one at a time."""
    names = {gate.gate for gate in GATES}
    found = {}
    for intent in made["message_intents"]:
        key = intent["intent_id"]
        mine = [d for d in made["message_decisions"] if d["intent_id"] == key]
        queued = [s for s in made["message_states"] if s["message_id"] == key]
        if queued:
            last = max(queued, key=lambda row: (row["state"] == "accepted", row["sequence"]))
            if last["state"] == "accepted":
                found[key] = ("sent", None)
            elif last["state"] == "unknown":
                found[key] = ("unknown", None)
            elif last["reason"] == "queued_without_address":
                found[key] = ("not_sent", "no_address")
            elif last["state"] in ("failed", "failed_unknown"):
                found[key] = ("not_sent", "provider")
            elif last["state"] == "blocked":
                reason = last["reason"]
                found[key] = ("not_sent", reason if reason in names else "provider")
            else:
                found[key] = ("underway", None)
        elif mine:
            last = max(mine, key=lambda row: row["sequence"])
            is_queued = last["decision"] == "queued"
            found[key] = ("underway" if is_queued else "not_sent", last["gate"])
        else:
            found[key] = ("underway", None)
    return found


@pytest.mark.parametrize("seed", [1])
def test_every_message_ends_somewhere(tmp_path: Path, target: Path, seed: int) -> None:
    made = lake(random.Random(seed))
    house = Lakehouse(tmp_path, target).fill(as_of=AS_OF, **made)
    house.build(*(f"+{mart}" for mart in MARTS[1:]), tests=None)
    house.build(*MARTS)
    expected = outcomes(made)
    rows = house.rows("select intent_id, outcome, gate from marts.message_queue")
    assert {key: (outcome, gate) for key, outcome, gate in rows} == expected
    assert len(rows) == len(expected)

    why = dict(house.rows("select intent_id, gate from marts.why_not_sent"))
    assert why == {key: gate for key, (outcome, gate) in expected.items() if outcome == "not_sent"}

    sources = {i["intent_id"]: (i["source_kind"], i["source_key"]) for i in made["message_intents"]}
    counted = Counter((*sources[key], gate or outcome) for key, (outcome, gate) in expected.items())
    falls = house.rows(
        "select source_kind, source_key, stage, messages, intended, remaining "
        "from marts.message_waterfall order by source_kind, source_key, position"
    )
    assert {row[:3]: row[3] for row in falls if row[3]} == counted
    for source in set(sources.values()):
        left = intended = sum(1 for other in sources.values() if other == source)
        mine = [row for row in falls if row[:2] == source]
        assert len(mine) == len(GATES) + 3
        for *_, stage_messages, its_intended, remaining in mine:
            left -= stage_messages
            assert (its_intended, remaining) == (intended, left)
        assert left == 0

    unreachable = house.rows(
        "select distinct detail from marts.why_not_sent where gate = 'provider' and is_unreachable"
    )
    assert {row[0].partition(":")[0] for row in unreachable} == {"invalid_recipient", "suppressed"}

    caps = house.rows("select cap, deferred, blocked from marts.frequency_caps order by position")
    capped = Counter(
        status
        for (status,) in house.rows(
            "select status from marts.message_queue where detail = 'marketing_mails'"
        )
    )
    assert caps[0] == ("marketing_mails", capped["deferred"], capped["blocked"])
    assert {row[1:] for row in caps[1:]} == {(0, 0)}


def test_the_marts_build_without_anything(empty: Lakehouse) -> None:
    for mart in MARTS:
        assert empty.rows(f"select count(*) from marts.{mart}") == [(0,)]
