"""Attempts to send on their way into the lake: each result once, and when it was known."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.reverse_etl.delivery import outboxes
from workspace.lake import Lake
from workspace.ledger import Ledger, attempts, messages, outbox, outstanding
from workspace.ledger.outbox import Claim, Settled

NOW = outboxes.NOW


def begin(ledger: Ledger, ident: str, attempt: int = 1, at: datetime = NOW) -> None:
    with ledger.writing() as connection:
        outbox.start(connection, [Claim(ident, attempt, "smtp", "hash")], 1, at)


def end(ledger: Ledger, ident: str, state: str, result: str, at: datetime, **more: Any) -> None:
    ended = Settled(ident, 1, state, result, "read timed out", "smtp", at, **more)
    with ledger.writing() as connection:
        outbox.settle(connection, [ended])


def prove(ledger: Ledger, ident: str, at: datetime) -> None:
    with ledger.writing() as connection:
        assert outbox.prove(connection, {ident: "p-1"}, outbox.WEBHOOK, at) == 1


def test_every_result_of_an_attempt_is_exported_once(ledger: Ledger, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    assert attempts.export(ledger, lake) == 0
    one, two = outboxes.fill(ledger, 2)
    begin(ledger, one)
    assert attempts.export(ledger, lake) == 1
    assert attempts.export(ledger, lake) == 0
    second = NOW + timedelta(seconds=1)
    end(ledger, one, "unknown", "ambiguous", second, call="1-1", answer_ms=1000)
    begin(ledger, two, at=second)
    assert attempts.export(ledger, lake) == 2
    assert attempts.export(ledger, lake) == 0
    found = lake.read(attempts.STREAM).to_pylist()
    assert [(r["message_id"], r["result"], r["sequence"], r["known_at"]) for r in found] == [
        (one, None, 1, NOW),
        (one, "ambiguous", 2, second),
        (two, None, 2, second),
    ]
    assert found[1]["destination_key"] == outboxes.key(0)
    assert (found[1]["call"], found[1]["answer_ms"]) == ("1-1", 1000)


def test_a_late_proof_is_exported_and_was_not_known_before(ledger: Ledger, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    one, two = outboxes.fill(ledger, 2)
    begin(ledger, one)
    second, later = NOW + timedelta(seconds=1), NOW + timedelta(days=1)
    end(ledger, one, "unknown", "ambiguous", second)
    begin(ledger, two, at=later - timedelta(hours=2))
    assert attempts.export(ledger, lake) == 2
    prove(ledger, one, later)
    assert attempts.export(ledger, lake) == 1
    assert attempts.export(ledger, lake) == 0
    last = lake.read(attempts.STREAM).to_pylist()[-1]
    assert (last["result"], last["provider_code"]) == ("accepted", "webhook")
    # It ended when its connection did, and is known to have been taken since the webhook.
    assert (last["finished_at"], last["known_at"]) == (second, later)


def test_a_webhook_before_the_answer_hides_nothing(ledger: Ledger, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    (one,) = outboxes.fill(ledger, 1)
    begin(ledger, one)
    second = NOW + timedelta(seconds=1)
    prove(ledger, one, second)
    assert attempts.export(ledger, lake) == 1
    end(ledger, one, "accepted", "accepted", second, call="1-1", answer_ms=900)
    assert attempts.export(ledger, lake) == 1
    last = lake.read(attempts.STREAM).to_pylist()[-1]
    assert (last["provider_code"], last["answer_ms"]) == ("read timed out", 900)


def test_ids_that_count_anew_after_a_restore_hide_nothing(ledger: Ledger, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    (one,) = outboxes.fill(ledger, 1)
    begin(ledger, one)
    assert attempts.export(ledger, lake) == 1
    with ledger.writing() as connection:  # as a ledger of before does not know it
        connection.execute(outbox.ATTEMPTS.delete())
        connection.execute(outstanding.PAYLOADS.delete())
        connection.execute(outbox.MESSAGES.delete())
    other = outboxes.message(7)
    messages.enqueue(ledger, [other], NOW)
    begin(ledger, other.message_id)
    assert attempts.export(ledger, lake) == 1
