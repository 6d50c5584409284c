"""Contracts of single events."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ingestion import event_contracts, load_pending, replay
from tests.ingestion.conftest import KEYRING, Desk, event


def order(message_id: str, **properties: object) -> dict[str, object]:
    return event(message_id, event="Order Completed", properties=properties)


def test_a_violation_is_quarantined_with_its_path_and_stops_no_neighbour(desk: Desk) -> None:
    rows = [
        order("m1", order_id="o1", revenue=12.5, currency="EUR"),
        order("m2", revenue=1),
        order("m3", order_id="o3", products=[{"price": 1}, {"price": {"amount": 1}}]),
        order("m4", order_id="o4", products="secret text"),
        event("m5", event="Anything Else", properties={"order_id": []}),
        {**order("m6", order_id="o6"), "odd": "\\u00e9"},
        b"not json",
    ]
    lines = b"\n".join(row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows)
    result = desk.ingest("events", lines)
    assert (result.received, result.good, result.bad, result.quarantined) == (7, 3, 1, 3)
    assert desk.rejected() == [
        (2, "event_contract", "properties.order_id"),
        (3, "event_contract", "properties.products.1.price"),
        (4, "event_contract", "properties.products"),
        (7, "invalid_json", None),
    ]
    assert [row["verdict"] for row in desk.rejected_rows()] == [*["quarantined"] * 3, "bad"]
    assert b'"m2"' in desk.rejected_rows()[0]["original"]
    assert "secret" not in desk.rejected_rows()[2]["detail"]


def test_replay_takes_in_what_a_mended_schema_lets_pass(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.ingest("events", [order("m1", order_id="o1"), order("m2")])
    monkeypatch.setattr(event_contracts, "FOLDER", tmp_path)
    event_contracts.validators.cache_clear()
    (result,) = replay("events", desk.landing, desk.lake, KEYRING, guard=False)
    event_contracts.validators.cache_clear()
    assert (result.good, result.quarantined) == (2, 0)
    assert desk.rejected() == []
    assert load_pending("events", desk.landing, desk.lake, KEYRING) == []


@pytest.mark.parametrize("text", ["{", '{"type": "object"}', '{"title": "A", "type": 7}'])
def test_a_file_that_is_no_schema_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (tmp_path / "odd.json").write_text(text)
    monkeypatch.setattr(event_contracts, "FOLDER", tmp_path)
    event_contracts.validators.cache_clear()
    with pytest.raises(ValueError, match=r"odd\.json"):
        event_contracts.validators()
    event_contracts.validators.cache_clear()


def test_the_shipped_schemas_are_read() -> None:
    assert "Order Completed" in event_contracts.validators()
