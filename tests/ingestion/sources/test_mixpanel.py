"""What is special of Mixpanel: days of events, who did them, identities that merge later."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from sandbox.servers.base import Fault
from tests.ingestion.sources.conftest import END, Vendor

New = Callable[..., Vendor]
TIME = 1_790_000_000  # 2026-09-21T14:13:20Z


def event(name: str = "Alerte créée", **changes: Any) -> dict[str, Any]:
    properties = {
        "time": TIME,
        "distinct_id": "usr_7",
        "$insert_id": "abc",
        "$user_id": "usr_7",
        "$device_id": "d-7",
        "mp_processing_time_ms": TIME * 1000 + 1234,
    }
    given = {key: value for key, value in {**properties, **changes}.items() if value is not None}
    return {"event": name, "properties": given}


def asked(vendor: Vendor) -> list[str]:
    return [path.partition("from_date=")[2][:10] for _, path in vendor.control.requests]


def test_one_event_in_full(new_vendor: New) -> None:
    sent = event(
        **{
            "$current_url": "https://app.medical.example/alertes",
            "$referrer": "https://www.google.fr/",
            "current_page_title": "Alertes",
            "utm_source": "brevo",
            "utm_medium": "email",
            "utm_campaign": "infolettre",
            "utm_term": "imagerie",
            "utm_content": "bouton",
            "order_id": "F-1",
            "revenue": 490.1,
            "currency": "EUR",
        }
    )
    vendor = new_vendor("mixpanel", {"events": [sent]})
    vendor.run()
    (row,) = vendor.rows("events")
    kept = {key: value for key, value in sent["properties"].items() if key != "distinct_id"}
    assert json.loads(row["properties"]) == kept
    filled = {
        "message_id": "mixpanel-abc",
        "type": "track",
        "event": "Alerte créée",
        "user_id": "usr_7",
        "anonymous_id": "d-7",
        "occurred_at": datetime(2026, 9, 21, 14, 13, 20),
        "known_at": datetime(2026, 9, 21, 14, 13, 21, 234000),
        "page_url": "https://app.medical.example/alertes",
        "page_host": "app.medical.example",
        "page_referrer": "https://www.google.fr/",
        "page_title": "Alertes",
        "utm_source": "brevo",
        "utm_medium": "email",
        "utm_campaign": "infolettre",
        "utm_term": "imagerie",
        "utm_content": "bouton",
        "order_id": "F-1",
        "currency": "EUR",
    }
    assert {name: row[name] for name in filled} == filled
    assert str(row["revenue"]) == "490.1000"


@pytest.mark.parametrize(
    ("sent", "user", "device"),
    [
        ({"$user_id": None}, None, "d-7"),
        ({"$user_id": None, "$device_id": "$device:d-7"}, None, "d-7"),
        ({"$device_id": None}, "usr_7", None),
        ({"$user_id": None, "$device_id": None}, "usr_7", None),
        ({"$user_id": None, "$device_id": None, "distinct_id": "$device:d-9"}, None, "d-9"),
        (
            {
                "$user_id": None,
                "$device_id": None,
                "distinct_id": "usr_7",
                "$distinct_id_before_identity": "$device:d-9",
            },
            None,
            "d-9",
        ),
    ],
)
def test_who_did_it(new_vendor: New, sent: dict[str, Any], user: Any, device: Any) -> None:
    vendor = new_vendor("mixpanel", {"events": [event(**sent)]})
    vendor.run()
    (row,) = vendor.rows("events")
    assert (row["user_id"], row["anonymous_id"]) == (user, device)


def test_a_merge_of_identities_changes_no_event(new_vendor: New) -> None:
    late = int(END.timestamp()) - 40 * 3600
    anonymous = event(**{"time": late, "mp_processing_time_ms": None, "$user_id": None})
    anonymous["properties"]["distinct_id"] = "$device:d-7"
    vendor = new_vendor("mixpanel", {"events": [anonymous]})
    vendor.run()
    anonymous["properties"] |= {
        "distinct_id": "usr_7",
        "$distinct_id_before_identity": "$device:d-7",
    }
    vendor.run(END + timedelta(days=1))
    assert [(load.received, load.duplicate, load.bad) for load in vendor.loads] == [(1, 1, 0)]


def test_days_are_asked_for_in_spans(new_vendor: New) -> None:
    vendor = new_vendor("mixpanel")
    vendor.values["MARKETING_MIXPANEL_DAYS"] = "300"
    vendor.run()
    assert asked(vendor) == ["2024-09-30", "2025-07-27", "2026-05-23"]
    vendor.values["MARKETING_MIXPANEL_DAYS"] = "1"
    vendor.control.requests.clear()
    vendor.run(END + timedelta(days=1))
    assert asked(vendor) == [
        *("2026-09-26", "2026-09-27", "2026-09-28", "2026-09-29", "2026-09-30"),
        *("2026-10-01", "2026-10-02"),
    ]


def test_a_late_event_comes_with_the_next_pull(new_vendor: New) -> None:
    vendor = new_vendor("mixpanel")
    vendor.run()
    late = int((END - timedelta(days=4)).timestamp())
    vendor.data["events"].append(event(time=late, **{"$insert_id": "late"}))
    vendor.run(END + timedelta(hours=12))
    assert "mixpanel-late" in [row["message_id"] for row in vendor.rows("events")]


def test_it_goes_on_at_the_day_where_it_broke(new_vendor: New) -> None:
    vendor = new_vendor("mixpanel")
    vendor.control.skip, vendor.control.faults = 22, [Fault(500)] * 6
    assert vendor.run().errors
    broken = asked(vendor)[-1]
    assert len(vendor.rows("events")) > 0
    vendor.control.requests.clear()
    vendor.run(END + timedelta(hours=1))
    assert asked(vendor)[0] == broken
    assert len(vendor.rows("events")) == vendor.expected["events"]


def test_it_goes_on_though_nothing_is_left(new_vendor: New) -> None:
    early = int((END - timedelta(days=600)).timestamp())
    vendor = new_vendor("mixpanel", {"events": [event(time=early, mp_processing_time_ms=None)]})
    vendor.control.skip, vendor.control.faults = 10, [Fault(500)] * 6
    assert vendor.run().errors
    vendor.run(END + timedelta(hours=1))
    vendor.control.requests.clear()
    vendor.run(END + timedelta(hours=2))
    assert asked(vendor) == ["2026-09-26"]


@pytest.mark.parametrize(
    "changes",
    [
        {"time": "2026-09-21"},
        {"time": True},
        {"time": 1 << 62},
        {"$insert_id": 5},
        {"$insert_id": None},
        {"$device_id": ["d"]},
        {"mp_processing_time_ms": "soon"},
    ],
)
def test_a_changed_type_is_one_rejected_row(new_vendor: New, changes: dict[str, Any]) -> None:
    good = [event(**{"$insert_id": f"good{i}"}) for i in range(2)]
    vendor = new_vendor("mixpanel", {"events": good})
    body = "\n".join(map(json.dumps, [good[0], event(**changes), good[1]])) + "\n"
    vendor.control.faults = [Fault(200, body=body.encode())]
    assert vendor.run().errors == []
    assert len(vendor.rows("rejected_rows")) == 1
    assert len(vendor.rows("events")) == 2


@pytest.mark.parametrize("end", ["terminated early\n", '{"event": "Al', '{"error": "overload"}\n'])
def test_an_export_that_broke_off_does_not_land(new_vendor: New, end: str) -> None:
    vendor = new_vendor("mixpanel")
    body = json.dumps(event()) + "\n" + end
    vendor.control.faults = [Fault(200, body=body.encode())]
    (error,) = vendor.run().errors
    assert error.startswith("mixpanel events: GET /api/2.0/export from 2024-09-30")
    assert vendor.loads == []


@pytest.mark.parametrize("days", ["0", "many", "-1", "367", "1.5"])
def test_a_span_that_is_none(new_vendor: New, days: str) -> None:
    vendor = new_vendor("mixpanel")
    vendor.values["MARKETING_MIXPANEL_DAYS"] = days
    assert vendor.pull().errors == [
        "mixpanel events: MARKETING_MIXPANEL_DAYS is a number of days, 1 to 366"
    ]
