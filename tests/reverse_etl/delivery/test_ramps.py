"""A launch in steps stops itself before everybody has the message."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from reverse_etl.delivery.providers.memory import Memory
from tests.reverse_etl.delivery.outboxes import NOW, message, rows, send, states
from workspace.definitions.campaigns import Ramp
from workspace.ledger import Ledger, messages, open_ledger, pauses, schema

RAMP = Ramp.model_validate({"steps": [0.1, 0.5], "wait": {"hours": 2}, "max_bounces": 0.05})
COUNT = 400


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    (tmp_path / "w").mkdir()
    opened = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    made = [message(n, ramp_step=RAMP.step_of(f"{n:064x}")) for n in range(COUNT)]
    messages.enqueue(opened, made, NOW)
    yield opened
    opened.close()


def step(ledger: Ledger, folder: Path, at: datetime) -> int:
    """How many left."""
    memory = Memory()
    send(ledger, folder / "w", [memory], clock=lambda: at, ramps={"spring": RAMP})
    return len(memory.sent)


def shares() -> Counter[int]:
    return Counter(RAMP.step_of(f"{n:064x}") for n in range(COUNT))


def test_the_steps_are_shares() -> None:
    many = Counter(RAMP.step_of(f"{n:064x}") for n in range(20_000))
    assert abs(many[1] / 20_000 - 0.1) < 0.01 and abs(many[2] / 20_000 - 0.4) < 0.015
    with pytest.raises(ValueError, match="larger share"):
        Ramp.model_validate({"steps": [0.5, 0.1]})


def test_each_step_waits_for_the_one_before(ledger: Ledger, tmp_path: Path) -> None:
    wanted = shares()
    assert step(ledger, tmp_path, NOW) == wanted[1]
    assert step(ledger, tmp_path, NOW + timedelta(minutes=90)) == 0
    assert step(ledger, tmp_path, NOW + timedelta(hours=2, minutes=2)) == wanted[2]
    assert step(ledger, tmp_path, NOW + timedelta(hours=5)) == wanted[3]
    assert states(ledger) == {"accepted": COUNT}


@pytest.mark.parametrize(
    ("reason", "bad", "is_stopped"),
    [("hard_bounce", 4, True), ("hard_bounce", 1, False), ("complaint", 1, True)],
)
def test_too_many_bounces_or_complaints_pause_the_campaign(
    ledger: Ledger, tmp_path: Path, reason: str, bad: int, is_stopped: bool
) -> None:
    first = step(ledger, tmp_path, NOW)
    sent = [row for row in rows(ledger) if row["state"] == "accepted"]
    ledger.append(
        schema.suppressions,
        [
            {
                "identifier_key": row["destination_key"],
                "channel": "email",
                "reason": reason,
                "source": "webhook:memory",
                "suppressed_at": NOW + timedelta(minutes=5),
            }
            for row in sent[:bad]
        ],
    )
    assert (bad / first > 0.05) == (reason == "hard_bounce" and is_stopped)
    left = step(ledger, tmp_path, NOW + timedelta(hours=3))
    held = pauses.held(ledger)
    if is_stopped:
        assert left == 0 and [(h.source_key, h.actor) for h in held] == [("spring", "ramp")]
        # Whoever resumes it has seen that.
        pauses.record(ledger, "campaign", "spring", "resume", "me", NOW + timedelta(hours=4))
        assert step(ledger, tmp_path, NOW + timedelta(hours=5)) == shares()[2]
    else:
        assert left == shares()[2] and not held
