"""Meta's Graph API: an ad account's insights by day."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.servers import ads
from sandbox.servers.base import SECRET, Data, Person, answer, number, page_of, starlette

ENVIRONMENT = {
    "MARKETING_META_ADS_TOKEN": SECRET,
    "MARKETING_META_ADS_ACCOUNTS": "act_70010001",
}
CAMPAIGNS = [
    ("act_70010001", "120019001", "med-meta-webinaire-bloc", "EUR"),
    ("act_70010001", "120019002", "pub-meta-guide-acheteur", "EUR"),
    ("act_70010001", "120019003", "pub-meta-retargeting", "EUR"),
]


def make(
    people: Sequence[Person],
    end: datetime,
    seed: int = 7,
    campaigns: Sequence[ads.Campaign] | None = None,
) -> Data:
    """Three campaigns of an account over 40 days, or the ``campaigns`` given, and their ads:
    insights by account id."""
    given = ads.campaigns_of("meta_ads", CAMPAIGNS, end, seed) if campaigns is None else campaigns
    data: Data = {"campaign": {}, "ad": {}}
    for account in ads.currencies(given):
        for rows in data.values():
            rows[account.removeprefix("act_")] = []
    for campaign in given:
        account = campaign["account_id"].removeprefix("act_")
        data["campaign"][account] += [_row(campaign, day) for day in ads.served_days(campaign)]
        for ad in ads.ads_of("meta_ads", campaign, seed):
            data["ad"][account] += [_ad_row(ad, day) for day in ad.days]
    return data


def _row(campaign: ads.Campaign, day: Mapping[str, Any]) -> dict[str, Any]:
    row = {
        "account_id": campaign["account_id"].removeprefix("act_"),
        "account_currency": campaign["currency"],
        "campaign_id": campaign["campaign_id"],
        "campaign_name": campaign["campaign_name"],
        "spend": day["spend"].removesuffix(".00"),
        "impressions": str(day["impressions"]),
        "clicks": str(day["clicks"]),
        "date_start": day["date"],
        "date_stop": day["date"],
    }
    # What did not happen is left out; a lead is told once more by where it happened.
    happened = {
        "link_click": day["clicks"],
        "lead": day["conversions"],
        "offsite_conversion.fb_pixel_lead": day["conversions"],
    }
    actions = [{"action_type": k, "value": str(v)} for k, v in happened.items() if v]
    return row | ({"actions": actions} if actions else {})


def _ad_row(ad: ads.Ad, day: Mapping[str, Any]) -> dict[str, Any]:
    return _row(ad.campaign, day) | {
        "adset_id": ad.group_id,
        "adset_name": ad.group_name,
        "ad_id": ad.ad_id,
        "ad_name": ad.name,
    }


def counts(data: Data) -> dict[str, int]:
    return {
        "campaigns": sum(map(len, data["campaign"].values())),
        "ads": sum(map(len, data["ad"].values())),
    }


def app(data: Data, page_size: int = 500) -> Starlette:
    async def insights(request: Request) -> Response:
        query = request.query_params
        given = request.headers.get("authorization", "")
        if given != f"Bearer {SECRET}":
            return _error(400, 190, f"Malformed access token {given.removeprefix('Bearer ')}")
        account = request.path_params["account"]
        if account not in data["campaign"]:
            return _error(403, 200, "The ad account owner has not granted ads_read")
        if query.get("level") not in data or query.get("time_increment") != "1":
            return _error(400, 100, "Invalid parameter")
        days = json.loads(query["time_range"])
        rows = [
            row
            for row in data[query["level"]][account]
            if days["since"] <= row["date_start"] <= days["until"]
        ]
        size = number(query.get("limit"), 25, page_size)
        offset = number(query.get("after"), 0)
        found, following = page_of(rows, offset, size)
        if not found:
            return answer({"data": []})
        paging: dict[str, Any] = {
            "cursors": {"before": str(offset), "after": str(offset + len(found))}
        }
        link = request.url.include_query_params(access_token=SECRET)
        if following is not None:
            paging["next"] = str(link.include_query_params(after=following))
        if offset:
            paging["previous"] = str(link.remove_query_params("after"))
        return answer({"data": found, "paging": paging})

    return starlette(Route(r"/v25.0/act_{account}/insights", insights))


def _error(status: int, code: int, message: str) -> Response:
    error = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "A1"}
    return answer({"error": error}, status)
