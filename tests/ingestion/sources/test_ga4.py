"""What is special of Google Analytics: its token, its report by offset, days that change."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion.saas import ga4
from sandbox.servers.base import Fault
from tests.ingestion.sources.conftest import END, Vendor

New = Callable[..., Vendor]
KEY = "MARKETING_GA4_SERVICE_ACCOUNT"


def reports(vendor: Vendor) -> int:
    return sum(path.endswith(":runReport") for _, path in vendor.control.requests)


def test_one_row_in_full(new_vendor: New) -> None:
    vendor = new_vendor("ga4")
    vendor.data["rows"] = [
        {
            "dimensionValues": [
                {"value": value}
                for value in ("20260929", "Paid Search", "google", "cpc", "marches-publics")
            ],
            "metricValues": [{"value": value} for value in ("40", "31", "28", "9", "2.5")],
        }
    ]
    vendor.run()
    (row,) = vendor.rows("web_analytics")
    assert {name: row[name] for name in row if not name.startswith("land")} == {
        "source": "ga4",
        "property_id": "312345678",
        "report_on": date(2026, 9, 29),
        "channel_group": "Paid Search",
        "traffic_source": "google",
        "traffic_medium": "cpc",
        "campaign": "marches-publics",
        "sessions": 40,
        "engaged_sessions": 31,
        "users": 28,
        "new_users": 9,
        "key_events": 2.5,
        "payload": row["payload"],
        "known_at": END,
    }
    assert '"value":"2.5"' in row["payload"]


def test_pages_by_offset(new_vendor: New, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ga4, "PAGE_SIZE", 50)
    vendor = new_vendor("ga4")
    result = vendor.run()
    assert (result.errors, result.records) == ([], 225)
    assert reports(vendor) == result.resources[0].pages == 5
    assert len(vendor.rows("web_analytics")) == 225


def test_a_day_that_was_not_yet_processed(new_vendor: New) -> None:
    vendor = new_vendor("ga4")
    vendor.run()
    changed = vendor.data["rows"][-3]
    changed["metricValues"][0]["value"] = "9000"
    vendor.data["rows"][0]["metricValues"][0]["value"] = "9000"  # weeks ago: not asked for
    vendor.run(END + timedelta(hours=6))
    rows = [row for row in vendor.rows("web_analytics") if row["sessions"] == 9000]
    assert [row["report_on"] for row in rows] == [date(2026, 9, 30)]
    assert len(vendor.rows("web_analytics")) == 226


def test_a_report_without_rows(new_vendor: New) -> None:
    vendor = new_vendor("ga4", {"rows": []})
    result = vendor.run()
    assert (result.errors, result.records) == ([], 0)


@pytest.mark.parametrize("value", [{"n": 1}, ["3"], True, "viele"])
def test_a_changed_type_is_one_rejected_row(new_vendor: New, value: Any) -> None:
    vendor = new_vendor("ga4")
    vendor.data["rows"][7]["metricValues"][0]["value"] = value
    assert vendor.run().errors == []
    (rejected,) = vendor.rows("rejected_rows")
    assert rejected["field"] == "sessions"
    assert len(vendor.rows("web_analytics")) == 224


@pytest.mark.parametrize("value", ["20260931", "heute"])
def test_a_day_that_is_none(new_vendor: New, value: str) -> None:
    vendor = new_vendor("ga4")
    row = {"dimensionValues": [{"value": value}], "metricValues": [{"value": "1"}]}
    report = {"kind": "analyticsData#runReport", "rowCount": 1, "rows": [row]}
    vendor.control.skip = 1
    vendor.control.faults = [Fault(200, body=json.dumps(report).encode())]
    vendor.run()
    (rejected,) = vendor.rows("rejected_rows")
    assert rejected["field"] == "report_on"


def test_the_key_may_be_a_file(new_vendor: New, tmp_path: Path) -> None:
    vendor = new_vendor("ga4")
    path = tmp_path / "key.json"
    path.write_text(vendor.values[KEY])
    vendor.values[KEY] = str(path)
    assert vendor.run().errors == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("/no/such/key.json", "cannot be read (No such file or directory)"),
        ("{ no json", "is no JSON object"),
        ("{}", "is no service account's key"),
        ('{"token_uri": 5}', "is no service account's key"),
        (
            '{"token_uri": "/token", "client_email": "a@b.example", "private_key": "abc"}',
            "is no service account's key",
        ),
    ],
)
def test_a_key_that_is_none(new_vendor: New, given: str, said: str) -> None:
    vendor = new_vendor("ga4")
    vendor.values[KEY] = given
    assert vendor.pull().errors == [f"ga4 sessions: {KEY} {said}"]
    assert vendor.control.requests == []


def test_a_property_that_is_not_ours(new_vendor: New) -> None:
    vendor = new_vendor("ga4")
    vendor.values["MARKETING_GA4_PROPERTIES"] = "312345678, 4"
    result = vendor.pull()
    assert "properties/4:runReport: the credentials were refused (403)" in result.errors[0]
