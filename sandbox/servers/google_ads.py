"""The Google Ads API: queries over campaigns and ads by day, and the token endpoint."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.servers import ads
from sandbox.servers.base import SECRET, Data, Denied, Person, answer, number, page_of, starlette

CLIENT_ID = "stand-in.apps.googleusercontent.com"
ACCESS_TOKEN = f"access-{SECRET}"
ENVIRONMENT = {
    "MARKETING_GOOGLE_ADS_CUSTOMERS": "111-222-3333,111-222-4444",
    "MARKETING_GOOGLE_ADS_CLIENT_ID": CLIENT_ID,
    "MARKETING_GOOGLE_ADS_CLIENT_SECRET": SECRET,
    "MARKETING_GOOGLE_ADS_REFRESH_TOKEN": SECRET,
    "MARKETING_GOOGLE_ADS_TOKEN_URL": "token",
}
CAMPAIGNS = [
    ("111-222-3333", "20019001", "med-search-stocks-bloc", "EUR"),
    ("111-222-3333", "20019002", "med-search-dispositifs-implantables", "EUR"),
    ("111-222-4444", "20029001", "pub-search-commande-publique", "EUR"),
]
#: What may be selected, by the resource of a query.
REPORT = {
    *("customer.id", "customer.currency_code", "campaign.id", "campaign.name", "segments.date"),
    *("metrics.cost_micros", "metrics.impressions", "metrics.clicks", "metrics.conversions"),
}
AD = {"ad_group.id", "ad_group.name", "ad_group_ad.ad.id", "ad_group_ad.ad.name"}
FIELDS = {"campaign": REPORT, "ad_group_ad": REPORT | AD}
QUERY = re.compile(
    r"SELECT (?P<fields>[a-z_., ]+) FROM (?P<resource>[a-z_]+) "
    r"WHERE segments\.date BETWEEN '(?P<first>[\d-]{10})' AND '(?P<last>[\d-]{10})'"
)


def make(
    people: Sequence[Person],
    end: datetime,
    seed: int = 7,
    campaigns: Sequence[ads.Campaign] | None = None,
) -> Data:
    """Three search campaigns of two accounts over 40 days, or the ``campaigns`` given, and their
    ads: result rows by customer id."""
    given = ads.campaigns_of("google_ads", CAMPAIGNS, end, seed) if campaigns is None else campaigns
    data: Data = {"campaign": {}, "ad_group_ad": {}}
    for account in ads.currencies(given):
        for rows in data.values():
            rows[_digits(account)] = []
    for campaign in given:
        customer = _digits(campaign["account_id"])
        data["campaign"][customer] += [_row(campaign, day) for day in ads.served_days(campaign)]
        for ad in ads.ads_of("google_ads", campaign, seed):
            data["ad_group_ad"][customer] += [_ad_row(ad, day) for day in ad.days]
    for rows in data.values():
        for found in rows.values():
            found.sort(key=lambda row: row["segments"]["date"])
    return data


def _digits(account: str) -> str:
    return account.replace("-", "")


def _row(campaign: ads.Campaign, day: Mapping[str, Any]) -> dict[str, Any]:
    customer = f"customers/{_digits(campaign['account_id'])}"
    return {
        "customer": {
            "resourceName": customer,
            "id": _digits(campaign["account_id"]),
            "currencyCode": campaign["currency"],
        },
        "campaign": {
            "resourceName": f"{customer}/campaigns/{campaign['campaign_id']}",
            "id": campaign["campaign_id"],
            "name": campaign["campaign_name"],
        },
        "metrics": {
            "clicks": str(day["clicks"]),
            "conversions": day["conversions"],
            "costMicros": str(int(Decimal(day["spend"]) * 1_000_000)),
            "impressions": str(day["impressions"]),
        },
        "segments": {"date": day["date"]},
    }


def _ad_row(ad: ads.Ad, day: Mapping[str, Any]) -> dict[str, Any]:
    row = _row(ad.campaign, day)
    customer = row["customer"]["resourceName"]
    return row | {
        "adGroup": {
            "resourceName": f"{customer}/adGroups/{ad.group_id}",
            "id": ad.group_id,
            "name": ad.group_name,
        },
        "adGroupAd": {
            "resourceName": f"{customer}/adGroupAds/{ad.group_id}~{ad.ad_id}",
            "ad": {
                "resourceName": f"{customer}/ads/{ad.ad_id}",
                "id": ad.ad_id,
                "name": ad.name,
            },
        },
    }


def counts(data: Data) -> dict[str, int]:
    return {
        "campaigns": sum(map(len, data["campaign"].values())),
        "ads": sum(map(len, data["ad_group_ad"].values())),
    }


def app(data: Data, page_size: int = 10_000) -> Starlette:
    async def token(request: Request) -> Response:
        form = {
            name: values[0] for name, values in parse_qs((await request.body()).decode()).items()
        }
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, SECRET):
            return answer({"error": "invalid_client"}, 401)
        if (form.get("grant_type"), form.get("refresh_token")) != ("refresh_token", SECRET):
            return answer({"error": "invalid_grant"}, 400)
        return answer({"access_token": ACCESS_TOKEN, "expires_in": 3599, "token_type": "Bearer"})

    async def search(request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {ACCESS_TOKEN}":
            raise Denied
        asked = await request.json()
        if "-" in request.headers.get("login-customer-id", ""):
            return _error(400, "INVALID_ARGUMENT")
        query = QUERY.fullmatch(asked.get("query", ""))
        known = FIELDS.get(query["resource"]) if query else None
        if query is None or known is None or not set(query["fields"].split(", ")) <= known:
            return _error(400, "INVALID_ARGUMENT")
        customer = request.path_params["customer"]
        if customer not in data["campaign"]:
            return _error(403, "PERMISSION_DENIED")
        rows = [
            row
            for row in data[query["resource"]][customer]
            if query["first"] <= row["segments"]["date"] <= query["last"]
        ]
        found, following = page_of(rows, number(asked.get("pageToken"), 0), page_size)
        page: dict[str, Any] = {"fieldMask": query["fields"].replace(" ", "")}
        if found:
            page["results"] = found
        if following is not None:
            page["nextPageToken"] = str(following)
        return answer(page)

    return starlette(
        Route("/token", token, methods=["POST"]),
        Route(r"/v25/customers/{customer}/googleAds:search", search, methods=["POST"]),
    )


def _error(status: int, name: str) -> Response:
    return answer({"error": {"code": status, "message": name.lower(), "status": name}}, status)
