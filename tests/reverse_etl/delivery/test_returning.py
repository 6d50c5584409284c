"""What comes back proves that a message was sent, whoever tells it first."""

from __future__ import annotations

import itertools

import pyarrow as pa
import pytest
import sqlalchemy as sa

from reverse_etl.delivery import returning
from tests.reverse_etl.delivery.outboxes import NOW, fill, rows, states
from workspace.lake import Lake
from workspace.ledger import Ledger, schema
from workspace.streams import STREAMS


def underway(ledger: Ledger) -> str:
    """A message that may have been sent, by an attempt without an answer."""
    (ident,) = fill(ledger, 1)
    with ledger.writing() as connection:
        connection.execute(
            sa.update(schema.messages).values(state="unknown", attempts=1, provider="ses")
        )
    row = {"message_id": ident, "attempt": 1, "provider": "ses", "lease_epoch": 1}
    ledger.append(
        schema.message_attempts, [{**row, "request_hash": "h", "started_at": NOW, "result": None}]
    )
    return ident


def told(lake: Lake, events: list[tuple[str, str | None, str]]) -> None:
    given = [
        {
            "provider": provider,
            "provider_event_id": str(number),
            "event_type": "clicked",
            "channel": "email",
            "provider_message_id": provider_message_id,
            "outbox_id": ident,
            "occurred_at": NOW,
            "known_at": NOW,
        }
        for number, (provider, provider_message_id, ident) in enumerate(events)
    ]
    schema_of_stream = STREAMS[returning.STREAM].schema
    lake.commit(returning.STREAM, "1", pa.Table.from_pylist(given, schema=schema_of_stream))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_click_proves_it_and_takes_no_providers_id_away(
    ledger: Ledger, lake: Lake, order: tuple[int, ...]
) -> None:
    ident = underway(ledger)
    events = [("links", None, ident), ("ses", "p1", ident), ("links", None, ident)]
    told(lake, [events[n] for n in order])
    assert returning.take(ledger, lake, NOW).proven == 1
    assert states(ledger) == {"accepted": 1}
    (attempt,) = rows(ledger, schema.message_attempts)
    assert (attempt["result"], attempt["provider_message_id"]) == ("accepted", "p1")


def test_a_click_alone_proves_it(ledger: Ledger, lake: Lake) -> None:
    ident = underway(ledger)
    told(lake, [("links", None, ident), ("links", None, "ff" * 32)])
    assert returning.take(ledger, lake, NOW).proven == 1
    assert states(ledger) == {"accepted": 1}
    assert returning.take(ledger, lake, NOW).proven == 0
