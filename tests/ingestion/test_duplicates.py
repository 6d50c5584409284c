"""Duplicates, conflicts and restatements, inside one file and across files."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion import receipts, replaceable
from tests.ingestion.conftest import Desk, event


def counts(result: object) -> tuple[int, int, int, int, int]:
    return tuple(  # type: ignore[return-value]
        getattr(result, name) for name in ("received", "good", "bad", "duplicate", "quarantined")
    )


def test_the_same_file_again(desk: Desk) -> None:
    rows = [event("m1"), event("m2"), {"no": "message"}]
    first = desk.ingest("events", rows)
    again = desk.ingest("events", rows, name="renamed.ndjson")
    assert counts(first) == (3, 2, 1, 0, 0)
    assert counts(again) == (3, 0, 0, 3, 0)
    assert again.same_as == first.landing_file
    assert desk.lake.rows("events") == 2
    assert desk.lake.rows("rejected_rows") == 1
    table = receipts(desk.lake)
    assert table["received"].to_pylist() == [3, 3]
    assert table["landed_at"].to_pylist() == [first.landed_at, again.landed_at]


def test_the_same_message_again(desk: Desk) -> None:
    first = event("m1", properties={"a": 1.50, "b": {"c": [1, "x"]}})
    desk.ingest("events", [first])
    retry = json.dumps(
        {
            **first,
            "sentAt": "2026-05-02T00:00:00Z",
            "receivedAt": "2026-05-02T00:00:01Z",
            "originalTimestamp": "2026-05-02T00:00:01Z",
            "writeKey": "another",
            "properties": {"b": {"c": [1, "x"]}, "a": 1.5},
        },
        sort_keys=True,
    ).replace("1.5", "150e-2")
    result = desk.ingest("events", retry + "\n" + retry)
    assert counts(result) == (2, 0, 0, 2, 0)
    assert desk.column("events", "known_at") == [datetime(2026, 5, 1, 10, 0, 1)]


@pytest.mark.parametrize(
    "change",
    [
        {"event": "Other"},
        {"userId": "u2"},
        {"anonymousId": "a1"},
        {"timestamp": "2026-05-01T10:00:00.001Z"},
        {"properties": {"plan": "free"}},
        {"properties": {"plan": "pro", "x": None}},
        {"properties": {"plan": ["pro"]}},
        {"context": {"page": {"url": "https://x.example"}}},
        {"traits": {}},
    ],
)
def test_the_same_id_with_another_body(desk: Desk, change: dict) -> None:
    line = json.dumps(event("m1", **change)).encode()
    within = desk.ingest("events", json.dumps(event("m1")).encode() + b"\n" + line)
    across = desk.ingest("events", line + b"\n")
    assert counts(within) == (2, 1, 0, 0, 1)
    assert counts(across) == (1, 0, 0, 0, 1)
    for result, number in ((within, 2), (across, 1)):
        (row,) = desk.rejected_rows(result)
        assert (row["landing_line"], row["reason"]) == (number, "id_conflict")
        assert row["verdict"] == "quarantined"
        assert row["original"] == line
        assert row["detail"] == f"the first is {within.landing_file}:1"
    assert desk.lake.rows("events") == 1
    assert desk.column("events", "event") == ["Tried"]


def test_a_number_is_not_a_text(desk: Desk) -> None:
    first, second = event("m1", properties={"a": 1}), event("m1", properties={"a": "1"})
    assert counts(desk.ingest("events", [first, second])) == (2, 1, 0, 0, 1)


def test_a_message_timed_by_its_envelope(desk: Desk) -> None:
    """Without a timestamp the envelope times it, and a retry's envelope differs."""
    times = {"timestamp": None, "originalTimestamp": "2026-05-01T09:00:00Z"}
    first = event("m1", **times, sentAt="2026-05-01T09:00:10Z", receivedAt="2026-05-01T10:00:10Z")
    retry = event("m1", **times, sentAt="2026-05-01T09:05:00Z", receivedAt="2026-05-01T10:05:01Z")
    assert counts(desk.ingest("events", [first, retry])) == (2, 1, 0, 1, 0)
    assert counts(desk.ingest("events", [retry])) == (1, 0, 0, 1, 0)
    assert desk.column("events", "occurred_at") == [datetime(2026, 5, 1, 10)]


def test_clocks(desk: Desk) -> None:
    rows = [
        event("1", timestamp=None, receivedAt=None),
        event("2", timestamp=None),
        event("3", timestamp=None, originalTimestamp="2026-04-01T00:00:00Z"),
        event("4", receivedAt=None, sentAt="2026-05-01T10:00:02Z"),
    ]
    result = desk.ingest("events", rows)
    assert desk.column("events", "occurred_at") == [
        result.landed_at,
        datetime(2026, 5, 1, 10, 0, 1),
        datetime(2026, 4, 1),
        datetime(2026, 5, 1, 10),
    ]
    received = datetime(2026, 5, 1, 10, 0, 1)
    assert desk.column("events", "known_at") == [
        result.landed_at,
        received,
        received,
        result.landed_at,
    ]


AD = {"platform": "google", "account_id": "a", "campaign_id": "c", "currency": "EUR"}


def ad(spend: object, on: str = "2026-05-01", **more: object) -> dict:
    return {**AD, "spend_on": on, "spend": spend, **more}


def test_restatements(desk: Desk) -> None:
    assert counts(desk.ingest("ad_spend", [ad(1), ad(2, "2026-05-02")])) == (2, 2, 0, 0, 0)
    # The same report again, with one day restated and one added.
    again = desk.ingest("ad_spend", [ad("1.00"), ad(3, "2026-05-02"), ad(4, "2026-05-03")])
    assert counts(again) == (3, 2, 0, 1, 0)
    # Back to the first value: what counts is the version in force, not any earlier one.
    assert counts(desk.ingest("ad_spend", [ad(2, "2026-05-02")])) == (1, 1, 0, 0, 0)
    assert desk.column("ad_spend", "spend") == [Decimal(n) for n in (1, 2, 3, 4, 2)]


def test_two_statements_at_one_time_contradict(desk: Desk) -> None:
    result = desk.ingest("ad_spend", [ad(1), ad(1), ad(2)])
    assert counts(result) == (3, 1, 0, 1, 1)
    assert desk.rejected(result) == [(3, "key_conflict", None)]
    known = {"known_at": "2026-05-03T00:00:00Z"}
    assert counts(desk.ingest("ad_spend", [ad(5, **known)])) == (1, 1, 0, 0, 0)
    across = desk.ingest("ad_spend", [ad(6, **known), ad(5, **known)])
    assert counts(across) == (2, 0, 0, 1, 1)
    assert desk.rejected(across) == [(1, "key_conflict", None)]


def test_versions_in_one_file_in_any_order(desk: Desk) -> None:
    rows = [
        ad(2, known_at="2026-05-03T00:00:00Z"),
        ad(1, known_at="2026-05-02T00:00:00Z"),
        ad(1, known_at="2026-05-02T12:00:00Z"),
    ]
    assert counts(desk.ingest("ad_spend", rows)) == (3, 2, 0, 1, 0)
    assert desk.column("ad_spend", "spend") == [2, 1]


def test_an_empty_part_of_a_key(desk: Desk) -> None:
    rows = [{k: v for k, v in ad(1).items() if k != "account_id"}]
    assert desk.ingest("ad_spend", rows).good == 1
    assert desk.ingest("ad_spend", [*rows, ad(1)]).duplicate == 1


def test_ids_of_versioned_things(desk: Desk) -> None:
    desk.ingest("content", [{"content_id": "1", "title": "A"}])
    result = desk.ingest(
        "content",
        [
            {"content_id": "1", "title": "A"},
            {"content_id": "2", "title": "B"},
            {"content_id": "2", "title": "C"},
        ],
    )
    assert counts(result) == (3, 1, 0, 1, 1)
    assert desk.rejected(result) == [(3, "id_conflict", None)]
    assert counts(desk.ingest("content", [{"content_id": "1", "title": "Z"}])) == (1, 1, 0, 0, 0)


def test_a_survey_answer_is_given_once(desk: Desk) -> None:
    answer = {
        "response_id": "r",
        "question_type": "csat",
        "score": 4,
        "answered_at": "2026-05-01T00:00:00Z",
    }
    desk.ingest("surveys", [answer])
    later = {"known_at": "2026-05-05T00:00:00Z"}
    result = desk.ingest("surveys", [{**answer, **later}, {**answer, **later, "score": 5}])
    assert counts(result) == (2, 0, 0, 1, 1)


def test_addresses_are_one_in_any_spelling(desk: Desk) -> None:
    rows = [
        {"email": "Jane@X.example", "channel": "email"},
        {"email": "jane@x.EXAMPLE ", "channel": "email"},
    ]
    assert counts(desk.ingest("suppressions", rows)) == (2, 1, 0, 1, 0)


# ---- properties --------------------------------------------------------------------------------

quick_settings = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@quick_settings
@given(st.lists(st.one_of(st.binary(max_size=60), st.integers(0, 5)), max_size=25))
def test_every_row_ends_in_one_way(new_desk: Callable[[], Desk], parts: list) -> None:
    """received = good + bad + duplicate + quarantined, over byte soup and repeated messages."""
    desk = new_desk()
    lines = [
        part if isinstance(part, bytes) else json.dumps(event(f"m{part}", name=str(i % 2))).encode()
        for i, part in enumerate(parts)
    ]
    data = b"\n".join(lines)
    result = desk.ingest("events", data, name="soup.ndjson")
    assert result.received == sum(1 for line in data.split(b"\n") if line.strip(b" \t\r"))
    assert result.balanced
    assert desk.lake.rows("events") == result.good
    assert desk.lake.rows("rejected_rows") == result.bad + result.quarantined
    assert result.good == len({part for part in parts if isinstance(part, int)})


@quick_settings
@given(st.data())
def test_splitting_and_shuffling_change_nothing(
    new_desk: Callable[[], Desk], data: st.DataObject
) -> None:
    """Rows without conflicts end the same, in one file or many, in any order, sent twice or not."""
    count = data.draw(st.integers(1, 12))
    rows = [event(f"m{i}", properties={"n": i}) for i in range(count)]
    sent = rows + data.draw(st.lists(st.sampled_from(rows), max_size=8))
    random.Random(data.draw(st.integers(0, 99))).shuffle(sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=3)))
    one, many = new_desk(), new_desk()
    one.ingest("events", rows)
    results = [
        many.ingest("events", sent[a:b], name=f"f{a}.ndjson")
        for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True)
    ]
    assert sum(r.received for r in results) == len(sent)
    assert sum(r.good for r in results) == len(rows)
    assert content(one) == content(many)


def content(desk: Desk) -> list[str]:
    where = ("landed_at", "landing_file", "landing_line")
    rows = [{k: v for k, v in row.items() if k not in where} for row in desk.rows("events")]
    return sorted(repr(row) for row in rows)


def test_a_restatement_with_the_bytes_of_an_older_file(desk: Desk) -> None:
    head = "vertical,cost_month,line,cost_class,amount,currency\n"
    first, second = (head + f"medical,2026-01,tools,marketing,{n},EUR\n" for n in (100, 120))
    for content in (first, second, first):
        assert desk.ingest("costs", content, name="costs.csv").good == 1
    assert [float(amount) for amount in desk.column("costs", "amount")] == [100, 120, 100]
    again = desk.ingest("costs", first, name="costs.csv")
    assert (again.good, again.duplicate) == (0, 1)


def test_a_broken_off_load_is_known(desk: Desk) -> None:
    contact = {"id": "1", "updatedAt": "2026-05-01T00:00:00Z", "properties": {}}
    done = desk.ingest("crm", [contact], name="contacts.ndjson")
    rows = desk.lake.read("crm_contacts")
    desk.lake.commit("crm_contacts", "broken off", rows)
    desk.lake.commit("rejected_rows", "crm/broken off", None)
    assert replaceable(desk.lake, "crm_contacts") == {"broken off"}
    assert replaceable(desk.lake, "rejected_rows") == {"crm/broken off"}
    assert replaceable(desk.lake, "parameters") == set()
    assert done.good == 1
