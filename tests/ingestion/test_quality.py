"""Batch suites, run for real: they pass good batches, stop bad ones, and never hide an error."""

from __future__ import annotations

import pytest

from ingestion import quality
from ingestion.contracts import STREAMS_OF
from ingestion.loading import suite_results
from ingestion.quality import Expectation, SuiteError
from tests.ingestion.conftest import Desk, event
from tests.ingestion.test_crm import crm
from tests.ingestion.test_kinds import FILES


def test_every_stream_has_a_suite() -> None:
    loaded = {s for streams in STREAMS_OF.values() for s in streams}
    assert set(quality.SUITES) == loaded >= set(quality._MORE)


def test_good_batches_of_every_kind_pass(desk: Desk) -> None:
    for kind, (text, _) in FILES.items():
        result = desk.ingest(kind, text, name=f"{kind}.csv", guard=True)
        assert result.good == 1
        assert result.suite_failures == []
        (suite,) = result.suites
        assert suite["success"]
        assert suite["evaluated"] == len(quality.SUITES[suite["suite"]])
    for name in ("contacts", "companies", "deals"):
        row = crm("1", email="a@b.example", name="A", dealstage="x", amount="1")
        assert desk.ingest("crm", [row], name=f"{name}.ndjson", guard=True).good == 1
    sale = event("m1", properties={"revenue": 12.5, "currency": "EUR"})
    result = desk.ingest("events", [sale, event("m2")], guard=True)
    assert result.good == 2
    (shown,) = suite_results(desk.lake, "events")
    assert shown["landing_file"] == result.landing_file


def test_a_failed_suite_stops_the_batch(desk: Desk) -> None:
    refunds = [event(f"m{i}", properties={"revenue": -5}) for i in range(3)]
    rows = [*refunds, event("m3"), event("m3"), {"bad": 1}]
    result = desk.ingest("events", rows, guard=True)
    assert (result.received, result.good, result.bad) == (6, 0, 1)
    assert (result.duplicate, result.quarantined) == (1, 4)
    assert desk.lake.rows("events") == 0
    assert result.suite_failures == ["events: ExpectColumnValuesToBeBetween(revenue)"]
    assert [row["reason"] for row in desk.rejected_rows()] == [
        *["batch_suite"] * 4,
        "missing_field",
    ]
    first = desk.rejected_rows()[0]
    assert first["verdict"] == "quarantined"
    assert b'"messageId": "m0"' in first["original"]
    assert first["detail"] == "ExpectColumnValuesToBeBetween(revenue)"
    # It is not loaded, so the same bytes are judged again and not waved through as known.
    assert desk.ingest("events", rows, guard=True).quarantined == 4
    assert desk.ingest("events", rows, guard=False).good == 4


def test_an_empty_batch_needs_no_suite(desk: Desk) -> None:
    assert desk.ingest("events", b"", guard=True).suites == []


def test_an_expectation_that_cannot_run_is_our_error(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Expectation("ExpectColumnValuesToBeBetween", ("event",), (("min_value", 1),))
    monkeypatch.setitem(quality.SUITES, "events", (broken,))
    with pytest.raises(SuiteError, match="could not run"):
        desk.ingest("events", [event("m1")], guard=True)
    assert desk.lake.rows("events") == 0
    assert desk.lake.entries("events") == []
