"""Meta Ads: cursors without the links that hold the token, error codes, conversions."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest

from sandbox.servers import meta_ads
from sandbox.servers.base import SECRET, Fault
from tests.ingestion.sources.conftest import END, PEOPLE, Vendor

New = Callable[..., Vendor]
ACCOUNT = "70010001"


def test_the_rows_in_full(new_vendor: New) -> None:
    day = {"date": "2026-09-30", "spend": "8.00", "impressions": 310, "clicks": 9, "conversions": 3}
    campaign = {
        "account_id": "act_70010001",
        "campaign_id": "120000000000000001",
        "campaign_name": "med-meta-bloc",
        "currency": "EUR",
        "days": [day, {**day, "date": "2026-09-29", "conversions": 0}],
    }
    vendor = new_vendor("meta_ads", meta_ads.make(PEOPLE, END, campaigns=[campaign]))
    assert vendor.run().errors == []
    quiet, row = sorted(vendor.rows("ad_spend"), key=lambda row: row["spend_on"])
    assert {k: v for k, v in row.items() if not k.startswith("land") and k != "known_at"} == {
        "platform": "meta_ads",
        "account_id": "act_70010001",
        "campaign_id": "120000000000000001",
        "campaign_name": "med-meta-bloc",
        "vertical": None,
        "spend_on": date(2026, 9, 30),
        "spend": Decimal("8.0000"),
        "currency": "EUR",
        "impressions": 310,
        "clicks": 9,
        "platform_conversions": 3.0,
    }
    assert quiet["platform_conversions"] == 0
    ads = vendor.rows("ad_spend_details")
    assert {row["ad_group_id"] for row in ads} == {"1200000000000000011", "1200000000000000012"}
    assert {row["ad_name"] for row in ads} == {"Gain de temps", "Démonstration gratuite"}
    assert json.loads(ads[0]["payload"])["date_stop"] == str(ads[0]["spend_on"])


def test_pages_go_on_by_cursor_and_no_link_lands(new_vendor: New) -> None:
    whole, paged = new_vendor("meta_ads"), new_vendor("meta_ads", page_size=7)
    whole.run()
    result = paged.run()
    assert result.errors == []
    assert paged.everything() == whole.everything()
    assert all(resource.pages > 30 for resource in result.resources)
    landed = b"".join(path.read_bytes() for path in paged.landing.rglob("*.segment"))
    assert b"cursors" in landed and b"access_token" not in landed
    assert not any("access_token" in path for _, path in paged.control.requests)


def test_a_further_page_without_a_cursor_is_an_error(new_vendor: New) -> None:
    vendor = new_vendor("meta_ads")
    body = b'{"data": [], "paging": {"next": "https://graph.facebook.com/x"}}'
    vendor.control.faults = [Fault(200, body=body)]
    assert "no cursor" in vendor.pull(only=("ads",)).errors[0]


@pytest.mark.parametrize("status", [400, 403])
@pytest.mark.parametrize("code", [4, 17, 32, 613, 80000, 80004])
def test_a_rate_limit_is_left_for_the_next_pull(new_vendor: New, status: int, code: int) -> None:
    vendor = new_vendor("meta_ads")
    vendor.control.faults = [Fault(status, body=b'{"error": {"code": %d}}' % code)]
    (error,) = vendor.pull(only=("campaigns",)).errors
    assert f"too many calls (error {code}); the next pull goes on" in error
    assert vendor.waits == []
    assert vendor.run().errors == []
    assert len(vendor.rows("ad_spend")) == vendor.expected["campaigns"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"error": {"code": 190, "message": "bad %s"}}', "were refused (error 190)"),
        (b'{"error": {"code": 100, "message": "bad %s"}}', "answered with error 100"),
        (b'{"error": {"code": "%s"}}', "answered (400)"),
        (b'{"error": "%s"}', "answered (400)"),
        (b"%s", "answered (400)"),
    ],
)
def test_an_error_is_told_by_its_code_only(new_vendor: New, body: bytes, told: str) -> None:
    vendor = new_vendor("meta_ads")
    vendor.control.faults = [Fault(400, body=body % SECRET.encode())]
    (error,) = vendor.pull(only=("campaigns",)).errors
    assert told in error and SECRET not in error


def test_a_first_pull_that_dies_goes_on_behind_its_last_range(new_vendor: New) -> None:
    vendor = new_vendor("meta_ads")
    vendor.control.skip, vendor.control.faults = 24, [Fault(500)] * 1000
    assert vendor.pull(only=("campaigns",)).errors
    vendor.load()
    assert 0 < len(vendor.rows("ad_spend")) < vendor.expected["campaigns"]
    vendor.control.faults, vendor.control.requests = [], []
    assert vendor.pull(END + timedelta(days=1), only=("campaigns",)).errors == []
    vendor.load()
    (request,) = vendor.control.requests
    assert asked_days(request[1]) == ("2026-09-20", "2026-09-30")
    assert len(vendor.rows("ad_spend")) == vendor.expected["campaigns"]


def asked_days(path: str) -> tuple[str, str]:
    days = json.loads(parse_qs(urlsplit(path).query)["time_range"][0])
    return days["since"], days["until"]


def test_a_restated_day_is_one_new_version(new_vendor: New) -> None:
    vendor = new_vendor("meta_ads")
    vendor.run()
    before = len(vendor.rows("ad_spend"))
    row = vendor.data["campaign"][ACCOUNT][-1]
    row["actions"] = [
        {"action_type": "lead", "value": "2"},
        {"action_type": "schedule_total", "value": "1.5"},
        {"action_type": "offsite_conversion.fb_pixel_lead", "value": "2"},
    ]
    vendor.control.requests = []
    vendor.run(END + timedelta(days=1))
    assert asked_days(vendor.control.requests[0][1]) == ("2026-09-03", "2026-10-01")
    after = vendor.rows("ad_spend")
    assert len(after) == before + 1
    (newest,) = [r for r in after if r["known_at"] == END + timedelta(days=1)]
    assert newest["campaign_id"] == row["campaign_id"]
    assert newest["platform_conversions"] == 3.5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("spend", ["8.50"]),
        ("actions", {"lead": "1"}),
        ("actions", [{"action_type": "lead", "value": ["1"]}]),
        ("account_id", 70010001),
        ("clicks", "many"),
    ],
)
def test_a_change_of_type_is_a_rejected_row(new_vendor: New, name: str, value: object) -> None:
    vendor = new_vendor("meta_ads")
    vendor.data["campaign"][ACCOUNT][3][name] = value
    assert vendor.run().errors == []
    loads = {load.kind: load for load in vendor.loads}
    assert (loads["ad_spend"].bad, loads["ad_spend"].good) == (1, vendor.expected["campaigns"] - 1)
