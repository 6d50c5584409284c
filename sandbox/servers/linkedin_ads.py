"""LinkedIn's Marketing API: ad analytics by day, and the account, campaigns and creatives that
its ids stand for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.servers import ads
from sandbox.servers.base import SECRET, Data, Person, answer, bearer, number, page_of, starlette

ENVIRONMENT = {
    "MARKETING_LINKEDIN_ADS_TOKEN": SECRET,
    "MARKETING_LINKEDIN_ADS_ACCOUNTS": "508000001,508000002,508000003",
}
CAMPAIGNS = [
    ("508000001", "610019001", "med-linkedin-pharmaciens-hospitaliers", "USD"),
    ("508000001", "610019002", "med-linkedin-cadres-de-bloc", "USD"),
    ("508000002", "610029001", "pub-linkedin-acheteurs-publics", "GBP"),
]
DATE_RANGE = re.compile(
    r"dateRange=\(start:\(year:(\d+),month:(\d+),day:(\d+)\),"
    r"end:\(year:(\d+),month:(\d+),day:(\d+)\)\)"
)
ACCOUNT = re.compile(r"accounts=List\(urn%3Ali%3AsponsoredAccount%3A(\d+)\)")


def make(
    people: Sequence[Person],
    end: datetime,
    seed: int = 7,
    campaigns: Sequence[ads.Campaign] | None = None,
) -> Data:
    """Three campaigns of two accounts over 40 days, or the ``campaigns`` given, and their
    creatives; analytics by account id."""
    if campaigns is None:
        campaigns = ads.campaigns_of("linkedin_ads", CAMPAIGNS, end, seed)
    # An account may have no campaign.
    accounts = ENVIRONMENT["MARKETING_LINKEDIN_ADS_ACCOUNTS"].split(",")
    found = dict.fromkeys(accounts, "EUR") | ads.currencies(campaigns)
    data: Data = {
        "accounts": [
            {"id": int(account), "name": f"Compte {account}", "currency": currency}
            for account, currency in found.items()
        ],
        **{
            name: {account: [] for account in found}
            for name in ("adCampaigns", "creatives", "CAMPAIGN", "CREATIVE")
        },
    }
    for campaign in campaigns:
        _add(data, campaign, seed)
    return data


def _add(data: Data, campaign: ads.Campaign, seed: int) -> None:
    account = campaign["account_id"]
    urn = f"urn:li:sponsoredCampaign:{campaign['campaign_id']}"
    data["adCampaigns"][account].append(
        {
            "id": int(campaign["campaign_id"]),
            "name": campaign["campaign_name"],
            "account": f"urn:li:sponsoredAccount:{account}",
            "status": "ACTIVE",
        }
    )
    data["CAMPAIGN"][account] += [_element(urn, day) for day in ads.served_days(campaign)]
    for ad in ads.ads_of("linkedin_ads", campaign, seed):
        creative = f"urn:li:sponsoredCreative:{ad.ad_id}"
        data["creatives"][account].append(
            {
                "id": creative,
                "campaign": urn,
                "name": f"{ad.group_name} {ad.name}",
                "intendedStatus": "ACTIVE",
            }
        )
        data["CREATIVE"][account] += [_element(creative, day) for day in ad.days]


def _element(urn: str, day: Mapping[str, Any]) -> dict[str, Any]:
    on = date.fromisoformat(day["date"])
    told = {"year": on.year, "month": on.month, "day": on.day}
    leads = int(day["conversions"]) // 3
    return {
        "pivotValues": [urn],
        "dateRange": {"start": told, "end": told},
        # LinkedIn's amounts carry the tail of a binary fraction.
        "costInLocalCurrency": f"{Decimal(day['spend']):.2f}000000000335346",
        "impressions": day["impressions"],
        "clicks": day["clicks"],
        "externalWebsiteConversions": day["conversions"] - leads,
        "oneClickLeads": leads,
    }


def counts(data: Data) -> dict[str, int]:
    return {
        "campaigns": sum(map(len, data["CAMPAIGN"].values())),
        "ads": sum(map(len, data["CREATIVE"].values())),
    }


def app(data: Data, page_size: int = 100, most: int = 15_000) -> Starlette:
    """``most`` is how many elements of analytics an answer holds; the others are left out."""

    async def account(request: Request) -> Response:
        known = {str(one["id"]): one for one in data["accounts"]}
        found = known.get(request.path_params["account"])
        return _refused(request) or (answer(found) if found else _error(403))

    async def search(request: Request) -> Response:
        if refused := _refused(request):
            return refused
        kind, query = request.path_params["kind"], request.query_params
        if (kind, query.get("q")) not in (("adCampaigns", "search"), ("creatives", "criteria")):
            return _error(400)
        if kind == "creatives" and request.headers.get("x-restli-method") != "FINDER":
            return _error(400)
        records = data[kind].get(request.path_params["account"], [])
        size = number(query.get("pageSize"), 100, page_size)
        found, following = page_of(records, number(query.get("pageToken"), 0), size)
        metadata = {} if following is None else {"nextPageToken": str(following)}
        return answer({"elements": found, "metadata": metadata})

    async def analytics(request: Request) -> Response:
        if refused := _refused(request):
            return refused
        raw, query = request.url.query, request.query_params
        days, whose = DATE_RANGE.search(raw), ACCOUNT.search(raw)
        asked = (query.get("q"), query.get("timeGranularity"))
        if not days or not whose or asked != ("analytics", "DAILY") or "fields" not in query:
            return _error(400)
        year, month, day, *end = map(int, days.groups())
        first, last = date(year, month, day), date(*end)
        # Who may not see an account gets an empty answer.
        elements = data[query["pivot"]].get(whose[1], [])
        found = [one for one in elements if first <= _day(one) <= last]
        return answer({"elements": found[:most], "paging": {"start": 0, "count": 10, "links": []}})

    return starlette(
        Route("/rest/adAnalytics", analytics),
        Route("/rest/adAccounts/{account}", account),
        Route("/rest/adAccounts/{account}/{kind}", search),
    )


def _day(element: Mapping[str, Any]) -> date:
    return date(**element["dateRange"]["start"])


def _refused(request: Request) -> Response | None:
    """An answer for who has no token or names no version."""
    bearer(request)
    version = re.fullmatch(r"\d{6}", request.headers.get("linkedin-version", ""))
    if version and request.headers.get("x-restli-protocol-version") == "2.0.0":
        return None
    return _error(400)


def _error(status: int) -> Response:
    return answer({"status": status, "code": "ERROR", "message": "refused"}, status)
