"""Google Ads: spend by campaign and day, and by ad and day.

``googleAds:search`` gives pages of at most 10,000 rows, so no answer outgrows memory as one of
``searchStream`` may. An access token is fetched with the refresh token for each pull. An explorer
project may ask 2,880 times a day; a further page of a query is not counted. Days are kept for 37
months. Performance Max campaigns have no ads, so ads do not add up to campaigns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import count
from typing import Any
from urllib.parse import urljoin

from ingestion.ads import common
from ingestion.sources import lines
from ingestion.sources.alone import main
from ingestion.sources.model import Page, Pull, PullError, Record, Resource, Rows, Source, Variable

VERSION = "v25"
PLATFORM = "google_ads"
#: Digits between a micro and the currency's unit.
MICRO = 6

_REPORT = (
    *("customer.id", "customer.currency_code", "campaign.id", "campaign.name", "segments.date"),
    *("metrics.cost_micros", "metrics.impressions", "metrics.clicks", "metrics.conversions"),
)
_AD = (*("ad_group.id", "ad_group.name"), *("ad_group_ad.ad.id", "ad_group_ad.ad.name"))


def _report(resource: str, fields: tuple[str, ...]) -> Callable[[Pull], Iterator[Page]]:
    """Pages of a query over days."""

    def pages(pull: Pull) -> Iterator[Page]:
        customers = common.accounts(pull, "MARKETING_GOOGLE_ADS_CUSTOMERS")
        common.explain(pull, _reason)
        headers = _headers(pull)

        def ask(customer: str, first: date, last: date) -> Iterator[Page]:
            path = f"/{VERSION}/customers/{customer}/googleAds:search"
            query = {
                "query": f"SELECT {', '.join(fields)} FROM {resource} "
                f"WHERE segments.date BETWEEN '{first}' AND '{last}'"
            }
            for page in count(1):
                response = pull.session.post(pull.url + path, json=query, headers=headers)
                request = f"POST {path} {resource} {first} to {last} page {page}"
                yield Page(response.content, request)
                token = common.value_at(response.content, "nextPageToken")
                if not token:
                    return
                query["pageToken"] = token

        yield from common.by_range(pull, customers, ask, common.KEPT)

    return pages


def _headers(pull: Pull) -> dict[str, str]:
    values = pull.values
    headers = {"Authorization": f"Bearer {_access_token(pull)}"}
    if login := values.get("MARKETING_GOOGLE_ADS_LOGIN_CUSTOMER"):
        headers["login-customer-id"] = login.replace("-", "")
    if token := values.get("MARKETING_GOOGLE_ADS_DEVELOPER_TOKEN"):
        headers["developer-token"] = token
    return headers


def _access_token(pull: Pull) -> str:
    url = urljoin(pull.url + "/", pull.values["MARKETING_GOOGLE_ADS_TOKEN_URL"])
    response = pull.session.post(
        url,
        data={
            "grant_type": "refresh_token",
            "client_id": pull.values["MARKETING_GOOGLE_ADS_CLIENT_ID"],
            "client_secret": pull.values["MARKETING_GOOGLE_ADS_CLIENT_SECRET"],
            "refresh_token": pull.values["MARKETING_GOOGLE_ADS_REFRESH_TOKEN"],
        },
    )
    token = common.value_at(response.content, "access_token")
    if not isinstance(token, str):
        raise PullError("the token endpoint gives no access token")
    return token


def _reason(answer: Record) -> str | None:
    """The token endpoint answers 400 where the credentials are at fault."""
    error = answer["error"]
    if error in ("invalid_grant", "invalid_client", "unauthorized_client"):
        return f"the credentials were refused ({error})"
    return None


def _results(body: bytes) -> list[Any]:
    """The rows of a page; Google leaves an empty list out."""
    page = lines.decoded(body)
    if isinstance(page, dict) and "results" not in page and "fieldMask" in page:
        return []
    return lines.records_at(page, "results")


def _account(record: Record) -> str:
    """The customer id as Google shows it, 123-456-7890."""
    digits = record["customer.id"]
    if len(digits) != 10 or not digits.isdigit():
        raise ValueError("expected ten digits")
    return f"{digits[:3]}-{digits[3:6]}-{digits[6:]}"


_DAY: dict[str, Any] = {
    "account_id": _account,
    "campaign_id": "campaign.id",
    "campaign_name": "campaign.name",
    "spend_on": "segments.date",
    "spend": lambda r: common.money(r["metrics.costMicros"], MICRO),
    "currency": "customer.currencyCode",
    "impressions": "metrics.impressions",
    "clicks": "metrics.clicks",
    "platform_conversions": "metrics.conversions",
}

SOURCE = Source(
    name="google_ads",
    title="Google Ads",
    module=__name__,
    url="https://googleads.googleapis.com",
    variables=(
        Variable("MARKETING_GOOGLE_ADS_CUSTOMERS", "customer ids, comma-separated", scope=True),
        Variable("MARKETING_GOOGLE_ADS_CLIENT_ID", "OAuth client id"),
        Variable("MARKETING_GOOGLE_ADS_CLIENT_SECRET", "OAuth client secret"),
        Variable("MARKETING_GOOGLE_ADS_REFRESH_TOKEN", "refresh token with the scope adwords"),
        Variable(
            "MARKETING_GOOGLE_ADS_LOGIN_CUSTOMER",
            "customer id of the manager account, where access goes through one",
            required=False,
        ),
        Variable(
            "MARKETING_GOOGLE_ADS_DEVELOPER_TOKEN",
            "developer token; Google asks for none since September 2026",
            required=False,
        ),
        Variable(
            "MARKETING_GOOGLE_ADS_TOKEN_URL",
            "address of the token endpoint, or a path below the source's address",
            required=False,
            default="https://oauth2.googleapis.com/token",
        ),
    ),
    per_second=2,
    burst=5,
    every=timedelta(hours=6),
    resources=(
        Resource(
            name="campaigns",
            kind="ad_spend",
            description="spend, clicks and conversions by campaign and day",
            endpoint="POST /customers/{id}/googleAds:search, FROM campaign",
            pages=_report("campaign", _REPORT),
            look_back=common.LOOK_BACK,
            rows=Rows(records=_results, constants={"platform": PLATFORM}, fields=_DAY),
        ),
        Resource(
            name="ads",
            kind="ad_spend_details",
            description="spend, clicks and conversions by ad and day",
            endpoint="POST /customers/{id}/googleAds:search, FROM ad_group_ad",
            pages=_report("ad_group_ad", (*_REPORT, *_AD)),
            look_back=common.LOOK_BACK,
            rows=Rows(
                records=_results,
                constants={"platform": PLATFORM},
                fields={
                    **_DAY,
                    "ad_group_id": "adGroup.id",
                    "ad_group_name": "adGroup.name",
                    "ad_id": "adGroupAd.ad.id",
                    "ad_name": "adGroupAd.ad.name",
                },
            ),
        ),
    ),
)

if __name__ == "__main__":
    main(SOURCE)
