"""LinkedIn Ads: full answers in halves, names looked up, amounts with a binary tail."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest

from ingestion.ads import common
from ingestion.ads import linkedin_ads as source
from ingestion.sources import lines
from sandbox.servers import linkedin_ads
from tests.ingestion.sources.conftest import END, PEOPLE, Vendor

New = Callable[..., Vendor]
ACCOUNT = "508000001"


def test_the_rows_in_full(new_vendor: New) -> None:
    campaign = {
        "account_id": ACCOUNT,
        "campaign_id": "61",
        "campaign_name": "pub-linkedin-dgs",
        "currency": "USD",
        "days": [
            {"date": "2026-09-30", "spend": "100.01", "impressions": 4000, "clicks": 40}
            | {"conversions": 4}
        ],
    }
    vendor = new_vendor("linkedin_ads", linkedin_ads.make(PEOPLE, END, campaigns=[campaign]))
    vendor.values["MARKETING_LINKEDIN_ADS_ACCOUNTS"] = ACCOUNT
    assert vendor.run().errors == []
    (row,) = vendor.rows("ad_spend")
    assert {k: v for k, v in row.items() if not k.startswith("land") and k != "known_at"} == {
        "platform": "linkedin_ads",
        "account_id": ACCOUNT,
        "campaign_id": "61",
        "campaign_name": "pub-linkedin-dgs",
        "vertical": None,
        "spend_on": date(2026, 9, 30),
        "spend": Decimal("100.0100"),
        "currency": "USD",
        "impressions": 4000,
        "clicks": 40,
        "platform_conversions": 4.0,
    }
    ads = vendor.rows("ad_spend_details")
    assert {(r["campaign_id"], r["ad_group_id"], r["ad_group_name"]) for r in ads} == {
        ("61", "61", "pub-linkedin-dgs")
    }
    first = min(ads, key=lambda row: row["ad_id"])
    assert (first["ad_id"], first["ad_name"]) == ("6111", "pub-linkedin-dgs groupe 1 Gain de temps")
    assert json.loads(first["payload"])["pivotValues"] == ["urn:li:sponsoredCreative:6111"]


def test_look_ups_go_on_with_their_token(new_vendor: New) -> None:
    whole, paged = new_vendor("linkedin_ads"), new_vendor("linkedin_ads", page_size=1)
    whole.run()
    assert paged.run().errors == []
    assert paged.everything() == whole.everything()
    asked = [path for _, path in paged.control.requests if "creatives?" in path]
    assert len(asked) == sum(max(len(found), 1) for found in paged.data["creatives"].values())


def test_a_full_answer_is_asked_for_in_halves(
    new_vendor: New, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, cut = new_vendor("linkedin_ads"), new_vendor("linkedin_ads", most=15)
    whole.run()
    monkeypatch.setattr(source, "MOST", 15)
    assert cut.run().errors == []
    assert cut.everything() == whole.everything()


def test_a_full_answer_for_a_single_day_is_an_error(
    new_vendor: New, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor = new_vendor("linkedin_ads", most=2)
    monkeypatch.setattr(source, "MOST", 2)
    first, _ = vendor.pull().errors
    assert "2026-08-22 has 2 elements, the most" in first


def test_a_restated_day_is_one_new_version(new_vendor: New) -> None:
    vendor = new_vendor("linkedin_ads")
    vendor.run()
    before = vendor.everything()
    element = vendor.data["CREATIVE"][ACCOUNT][39]
    element["costInLocalCurrency"] = "99.99999999999996"
    vendor.run(END + timedelta(days=1))
    (newest,) = [
        row for row in vendor.rows("ad_spend_details") if row["known_at"] == END + timedelta(days=1)
    ]
    assert (newest["ad_id"], newest["spend"]) == (element["pivotValues"][0][-11:], 100)
    after = vendor.everything()
    assert len(after["ad_spend_details"]) == len(before["ad_spend_details"]) + 1
    assert after["ad_spend"] == before["ad_spend"]


def test_a_creative_nobody_knows_is_rejected_by_the_day(new_vendor: New) -> None:
    vendor = new_vendor("linkedin_ads")
    creative = vendor.data["creatives"][ACCOUNT].pop()["id"]
    days = sum(e["pivotValues"] == [creative] for e in vendor.data["CREATIVE"][ACCOUNT])
    assert vendor.run().errors == []
    loads = {load.kind: load for load in vendor.loads}
    assert (loads["ad_spend"].bad, loads["ad_spend_details"].bad) == (0, days)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pivotValues", "urn:li:sponsoredCampaign:1"),
        ("pivotValues", ["urn:li:sponsoredAccount:1"]),
        ("costInLocalCurrency", ["1.00"]),
        ("oneClickLeads", "few"),
    ],
)
def test_a_change_of_type_is_a_rejected_row(new_vendor: New, name: str, value: object) -> None:
    vendor = new_vendor("linkedin_ads")
    vendor.data["CAMPAIGN"][ACCOUNT][3][name] = value
    assert vendor.run().errors == []
    loads = {load.kind: load for load in vendor.loads}
    assert (loads["ad_spend"].bad, loads["ad_spend"].good) == (1, vendor.expected["campaigns"] - 1)


@pytest.mark.parametrize(
    "told", ["2026-09-01", None, {"start": {"year": "2026", "month": 9, "day": 1}}, {"start": {}}]
)
def test_a_day_of_another_shape_is_none(told: object) -> None:
    rows = source.SOURCE.resource("campaigns").rows
    body = json.dumps({"elements": [{"dateRange": told}]}).encode()
    (line,) = lines.page_lines(rows, body, {"account": {}, "campaigns": {}})
    assert json.loads(line)["spend_on"] == {}


def test_an_account_without_a_currency_is_an_error(new_vendor: New) -> None:
    vendor = new_vendor("linkedin_ads")
    vendor.data["accounts"][0].pop("currency")
    assert "without its currency" in vendor.pull().errors[0]
    vendor.data["adCampaigns"][ACCOUNT].append("x")
    vendor.data["accounts"][0]["currency"] = "USD"
    assert "another shape" in vendor.pull().errors[0]


@pytest.mark.parametrize(
    ("told", "amount"),
    [
        ("107.5300000000000335346", "107.5300"),
        ("99.99999999999996", "100.0000"),
        ("-2E-18", "0.0000"),
        ("19.91833", "19.9183"),
    ],
)
def test_amounts_lose_their_binary_tail(told: str, amount: str) -> None:
    assert str(common.money(told)) == amount
