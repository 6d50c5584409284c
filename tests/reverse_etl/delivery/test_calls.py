"""Attempts name the request they were part of, and how long its answer took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from reverse_etl.delivery.protocol import Item, Kind, Outcome
from reverse_etl.delivery.providers.memory import Memory
from tests.reverse_etl.delivery import outboxes
from workspace.ledger import Ledger, open_ledger, schema


class Batches(Memory):
    """Takes ten messages a request, and breaks at some."""

    capabilities = replace(Memory.capabilities, batch=10, idempotent_for=None)

    def __init__(self, breaks_at: int | None = None) -> None:
        super().__init__()
        self.requests: list[list[str]] = []
        self.breaks_at = breaks_at

    async def send(self, items: Sequence[Item]) -> list[Outcome]:
        self.requests.append([item.message.message_id for item in items])
        if len(self.requests) == self.breaks_at:
            raise RuntimeError("a fault of ours")
        return await super().send(items)


def sent(tmp_path: Path, provider: Batches) -> tuple[Ledger, list[dict[str, object]]]:
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    outboxes.fill(ledger, 25)
    outboxes.send(ledger, tmp_path, [provider])
    return ledger, outboxes.rows(ledger, schema.message_attempts)


def test_attempts_of_one_request_share_its_call(tmp_path: Path) -> None:
    provider = Batches()
    ledger, attempts = sent(tmp_path, provider)
    ledger.close()
    by_call: dict[object, set[object]] = {}
    for attempt in attempts:
        by_call.setdefault(attempt["call"], set()).add(attempt["message_id"])
        assert isinstance(attempt["answer_ms"], int)
    assert Counter(map(frozenset, by_call.values())) == Counter(map(frozenset, provider.requests))
    assert len(by_call) == 3


def test_another_sender_makes_other_calls(tmp_path: Path) -> None:
    ledger, first = sent(tmp_path, Batches())
    outboxes.messages.enqueue(ledger, [outboxes.message(99)], outboxes.NOW)
    outboxes.send(ledger, tmp_path, [Batches()])
    attempts = outboxes.rows(ledger, schema.message_attempts)
    ledger.close()
    assert attempts[-1]["call"] not in {attempt["call"] for attempt in first}


def test_a_request_that_broke_has_a_call_too(tmp_path: Path) -> None:
    ledger, attempts = sent(tmp_path, Batches(breaks_at=1))
    ledger.close()
    broken = {a["call"] for a in attempts if a["result"] == Kind.AMBIGUOUS}
    assert len(broken) == 1 and None not in broken
