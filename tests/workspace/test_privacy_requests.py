"""Requests about personal data: their month, their states and the steps of a batch."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from workspace.ledger import Ledger, privacy_requests

NOW = datetime(2026, 1, 31, 12)


@pytest.mark.parametrize(
    ("asked", "due"),
    [
        (datetime(2026, 1, 31, 12), datetime(2026, 2, 28, 12)),
        (datetime(2028, 1, 31), datetime(2028, 2, 29)),
        (datetime(2026, 12, 15), datetime(2027, 1, 15)),
        (datetime(2026, 11, 30), datetime(2026, 12, 30)),
    ],
)
def test_a_request_is_due_a_calendar_month_later(asked: datetime, due: datetime) -> None:
    assert privacy_requests.due(asked) == due


def test_a_request_goes_from_open_to_done_with_its_proof(ledger: Ledger) -> None:
    asked = NOW - timedelta(days=3)
    with ledger.writing() as connection:
        ident = privacy_requests.add(
            connection, "export", "a" * 32, NOW, "dpo", "by letter", requested_at=asked
        )
        privacy_requests.add(connection, "erase", "b" * 32, NOW, "dpo", batch_id="batch")
    with ledger.writing() as connection:
        privacy_requests.set_state(connection, [ident], "done", NOW, proof_hash="f" * 64)
    with ledger.reading() as connection:
        (done,) = privacy_requests.find(connection, subject_key="a" * 32)
        (working,) = privacy_requests.find(connection, kind="erase", states=["working"])
    assert (done.state, done.proof_hash, done.finished_at) == ("done", "f" * 64, NOW)
    assert done.due_at == privacy_requests.due(asked)
    assert (working.batch_id, working.finished_at) == ("batch", None)


def test_a_step_is_noted_once(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        privacy_requests.note_step(connection, "batch", "lake", {"rows": 3}, NOW)
        privacy_requests.note_step(connection, "batch", "lake", {"rows": 0}, NOW)
        privacy_requests.note_step(connection, "batch", "scan", {"hits": 0}, NOW)
    with ledger.reading() as connection:
        found = privacy_requests.steps(connection, "batch")
    assert found == {"lake": {"rows": 3}, "scan": {"hits": 0}}
