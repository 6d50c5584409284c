"""Google Ads: queries page by page, micros, the token exchange, restated days."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest

from ingestion.ads import common
from sandbox.servers import google_ads
from sandbox.servers.base import Fault
from tests.ingestion.sources.conftest import END, PEOPLE, Vendor

New = Callable[..., Vendor]
ACCOUNT = "1112223333"
CAMPAIGN = {
    "account_id": "111-222-3333",
    "campaign_id": "7",
    "campaign_name": "pub-search-place",
    "currency": "EUR",
    "days": [
        {"date": "2026-09-29", "spend": "12.34", "impressions": 900, "clicks": 21}
        | {"conversions": 1.5},
    ],
}


def given() -> dict:
    return google_ads.make(PEOPLE, END, campaigns=[CAMPAIGN])


def test_the_rows_in_full(new_vendor: New) -> None:
    vendor = new_vendor("google_ads", given())
    vendor.values["MARKETING_GOOGLE_ADS_CUSTOMERS"] = "111-222-3333"
    assert vendor.run().errors == []
    (row,) = vendor.rows("ad_spend")
    assert {k: v for k, v in row.items() if k not in ("known_at", "landing_file")} == {
        "platform": "google_ads",
        "account_id": "111-222-3333",
        "campaign_id": "7",
        "campaign_name": "pub-search-place",
        "vertical": None,
        "spend_on": date(2026, 9, 29),
        "spend": Decimal("12.3400"),
        "currency": "EUR",
        "impressions": 900,
        "clicks": 21,
        "platform_conversions": 1.5,
        "landed_at": END,
        "landing_line": 1,
    }
    ad = min(vendor.rows("ad_spend_details"), key=lambda row: row["ad_id"])
    assert (ad["ad_group_id"], ad["ad_group_name"]) == ("71", "pub-search-place groupe 1")
    assert (ad["ad_id"], ad["ad_name"]) == ("711", "Gain de temps")
    assert json.loads(ad["payload"])["segments"] == {"date": "2026-09-29"}


def test_pages_go_on_with_their_token(new_vendor: New) -> None:
    whole, paged = new_vendor("google_ads"), new_vendor("google_ads", page_size=7)
    whole.run()
    result = paged.run()
    assert result.errors == []
    assert paged.everything() == whole.everything()
    assert all(resource.pages > 50 for resource in result.resources)


def test_a_restated_day_is_one_new_version(new_vendor: New) -> None:
    vendor = new_vendor("google_ads")
    vendor.run()
    before = vendor.rows("ad_spend")
    row = vendor.data["campaign"][ACCOUNT][-30]
    row["metrics"]["costMicros"] = "1000000"
    vendor.run(END + timedelta(days=1))
    after = vendor.rows("ad_spend")
    assert len(after) == len(before) + 1
    key = (row["campaign"]["id"], date.fromisoformat(row["segments"]["date"]))
    versions = [r for r in after if (r["campaign_id"], r["spend_on"]) == key]
    newest = max(versions, key=lambda r: r["known_at"])
    assert newest["spend"] == 1 and newest["known_at"] == END + timedelta(days=1)


def test_the_present_day_is_left_out_until_it_is_over(new_vendor: New) -> None:
    day = {**CAMPAIGN["days"][0], "date": "2026-10-01"}
    vendor = new_vendor(
        "google_ads", google_ads.make(PEOPLE, END, campaigns=[{**CAMPAIGN, "days": [day]}])
    )
    vendor.values["MARKETING_GOOGLE_ADS_CUSTOMERS"] = "111-222-3333"
    vendor.run(END + timedelta(hours=23))
    assert vendor.rows("ad_spend") == []
    vendor.run(END + timedelta(days=1))
    assert [row["spend_on"] for row in vendor.rows("ad_spend")] == [date(2026, 10, 1)]


def test_a_change_of_type_is_a_rejected_row(new_vendor: New) -> None:
    vendor = new_vendor("google_ads")
    vendor.data["campaign"][ACCOUNT][3]["metrics"]["costMicros"] = {"value": "1000000"}
    assert vendor.run().errors == []
    loads = {load.kind: load for load in vendor.loads}
    assert (loads["ad_spend"].bad, loads["ad_spend"].good) == (1, vendor.expected["campaigns"] - 1)
    assert "spend" in loads["ad_spend"].examples[0]


def test_ads_leave_some_spend_of_some_days_out(new_vendor: New) -> None:
    vendor = new_vendor("google_ads")
    vendor.run()
    ads: dict = {}
    for row in vendor.rows("ad_spend_details"):
        key = (row["campaign_id"], row["spend_on"])
        ads[key] = ads.get(key, 0) + row["spend"]
    parts = [
        ads[row["campaign_id"], row["spend_on"]] / row["spend"] for row in vendor.rows("ad_spend")
    ]
    short = [part for part in parts if part != 1]
    assert 10 < len(short) < 60
    assert all(Decimal("0.89") < part < Decimal("0.96") for part in short)


def test_a_manager_account_and_a_developer_token(new_vendor: New) -> None:
    vendor = new_vendor("google_ads")
    vendor.values["MARKETING_GOOGLE_ADS_LOGIN_CUSTOMER"] = "999-888-7777"
    vendor.values["MARKETING_GOOGLE_ADS_DEVELOPER_TOKEN"] = "abc"
    assert vendor.run().errors == []


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault(400, body=b'{"error": "invalid_grant"}'), "refused (invalid_grant)"),
        (Fault(401, body=b'{"error": "invalid_client"}'), "refused (invalid_client)"),
        (Fault(400, body=b'{"error": "stand-in-secret"}'), "POST 127.0.0.1/token: answered (400)"),
        (Fault(403, body=b"<html>"), "the credentials were refused (403)"),
    ],
)
def test_a_refusal_says_why_and_no_more(new_vendor: New, fault: Fault, told: str) -> None:
    vendor = new_vendor("google_ads")
    vendor.control.faults = [fault]
    (error,) = vendor.pull(only=("campaigns",)).errors
    assert told in error and "stand-in-secret" not in error


def test_an_account_out_of_reach_is_an_error(new_vendor: New) -> None:
    vendor = new_vendor("google_ads")
    vendor.values["MARKETING_GOOGLE_ADS_CUSTOMERS"] = "111-222-3333,555-555-5555"
    assert "refused (403)" in vendor.pull().errors[0]
    vendor.values["MARKETING_GOOGLE_ADS_CUSTOMERS"] = "my account"
    assert "no account id" in vendor.pull().errors[0]


def test_days_that_google_no_longer_keeps_are_not_asked_for(new_vendor: New) -> None:
    vendor = new_vendor("google_ads")
    vendor.pull(END + timedelta(days=1500), only=("campaigns",))
    asked = [path for _, path in vendor.control.requests if path.endswith("googleAds:search")]
    assert len(asked) == 2 * -(-common.KEPT.days // common.RANGE)


@pytest.mark.parametrize(
    ("micros", "amount"),
    [("12340000", "12.3400"), (1, "0.0000"), ("150", "0.0002"), ("-5000000", "-5.0000")],
)
def test_micros_become_money_without_a_float(micros: str | int, amount: str) -> None:
    assert str(common.money(micros, 6)) == amount


@pytest.mark.parametrize("value", [True, None, 1.5, [], "", "NaN", "Infinity", "1 000", "9" * 40])
def test_what_is_no_amount(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        common.money(value)


def test_an_account_has_one_currency() -> None:
    with pytest.raises(ValueError, match="EUR and USD"):
        google_ads.make(PEOPLE, END, campaigns=[CAMPAIGN, {**CAMPAIGN, "currency": "USD"}])
