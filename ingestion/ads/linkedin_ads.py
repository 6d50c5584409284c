"""LinkedIn Ads: spend by campaign and day, and by creative and day.

``adAnalytics`` has no pages and cuts an answer off at 15,000 elements without a word, so a full
answer is asked for again in halves. It gives ids only: the account's currency, the campaigns'
names and the creatives' campaigns are looked up. Limits are not published and hold for a day. A
token lasts 60 days, a version of the API a year.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from ingestion.ads import common
from ingestion.sources import lines
from ingestion.sources.alone import main
from ingestion.sources.model import (
    Page,
    Pull,
    PullError,
    Record,
    Resource,
    Row,
    Rows,
    Source,
    Variable,
)

VERSION = "202603"
PLATFORM = "linkedin_ads"
PAGE_SIZE = 100
#: An answer of this many elements may lack others.
MOST = 15_000
#: The figures that count as conversions: those on websites and LinkedIn's own lead forms.
CONVERSIONS = ("externalWebsiteConversions", "oneClickLeads")

_FIELDS = (
    *("pivotValues", "dateRange", "costInLocalCurrency", "impressions", "clicks"),
    *CONVERSIONS,
)
#: Every status: spend is told whatever became of its campaign.
_STATUSES = "ACTIVE,PAUSED,ARCHIVED,COMPLETED,CANCELED,DRAFT,PENDING_DELETION,REMOVED"


def _report(pivot: str) -> Callable[[Pull], Iterator[Page]]:
    """Answers by day, each with the names of what is in it as its parent."""

    def pages(pull: Pull) -> Iterator[Page]:
        ids = common.accounts(pull, "MARKETING_LINKEDIN_ADS_ACCOUNTS")
        names = {account: _look_up(pull, account, pivot) for account in ids}

        def ask(account: str, first: date, last: date) -> Iterator[Page]:
            body = _get(pull, "/rest/adAnalytics", _query(pivot, account, first, last))
            elements = lines.records_at(lines.decoded(body), "elements")
            if len(elements) < MOST:
                parent = lines.encoded(_parent(names[account], elements))
                request = f"GET /rest/adAnalytics {pivot} {account} {first} to {last}"
                yield Page(body, request, parent)
                return
            if first == last:
                raise PullError(
                    f"adAnalytics: {first} has {MOST:,} elements, the most there can be"
                )
            middle = first + (last - first) // 2
            yield from ask(account, first, middle)
            yield from ask(account, middle + common.DAY, last)

        yield from common.by_range(pull, ids, ask)

    return pages


def _query(pivot: str, account: str, first: date, last: date) -> str:
    """A Rest.li query, whose brackets, commas and colons must not be encoded outside of URNs."""
    return (
        f"q=analytics&pivot={pivot}&timeGranularity=DAILY"
        f"&dateRange=(start:{_rest_day(first)},end:{_rest_day(last)})"
        f"&accounts=List({quote(f'urn:li:sponsoredAccount:{account}', safe='')})"
        f"&fields={','.join(_FIELDS)}"
    )


def _rest_day(day: date) -> str:
    return f"(year:{day.year},month:{day.month},day:{day.day})"


def _get(pull: Pull, path: str, query: str = "", **headers: str) -> bytes:
    response = pull.session.get(
        f"{pull.url}{path}" + (f"?{query}" if query else ""),
        headers={
            **pull.source.headers,
            **headers,
            "Authorization": f"Bearer {pull.values['MARKETING_LINKEDIN_ADS_TOKEN']}",
        },
    )
    return response.content


def _search(pull: Pull, path: str, query: str, **headers: str) -> Iterator[Row]:
    """The objects of all pages."""
    token = ""
    while True:
        body = _get(pull, path, f"{query}&pageSize={PAGE_SIZE}{token}", **headers)
        for found in lines.records_at(lines.decoded(body), "elements"):
            if not isinstance(found, dict):
                raise PullError(f"{path}: an answer of another shape")
            yield found
        following = common.value_at(body, "metadata.nextPageToken")
        if not following:
            return
        token = f"&pageToken={quote(str(following), safe='')}"


def _look_up(pull: Pull, account: str, pivot: str) -> Row:
    """An account's currency, its campaigns' names and, to report on them, its creatives."""
    path = f"/rest/adAccounts/{account}"
    currency = common.value_at(_get(pull, path), "currency")
    if not isinstance(currency, str):
        raise PullError(f"{path}: an account without its currency")
    campaigns = _search(
        pull, f"{path}/adCampaigns", f"q=search&search=(status:(values:List({_STATUSES})))"
    )
    found: Row = {
        "account": {"id": account, "currency": currency},
        "campaigns": {
            f"urn:li:sponsoredCampaign:{campaign.get('id')}": campaign.get("name")
            for campaign in campaigns
        },
    }
    if pivot == "CREATIVE":
        creatives = _search(
            pull, f"{path}/creatives", "q=criteria", **{"X-RestLi-Method": "FINDER"}
        )
        found["creatives"] = {
            str(creative.get("id")): {
                "campaign": str(creative.get("campaign")),
                "name": creative.get("name"),
            }
            for creative in creatives
        }
    return found


def _parent(names: Row, elements: list[Any]) -> Row:
    """The part of the names that these elements need."""
    urns = {_urn(Record(element)) for element in elements if isinstance(element, dict)}
    parent: Row = {"account": names["account"]}
    if "creatives" in names:
        parent["creatives"] = {k: v for k, v in names["creatives"].items() if k in urns}
        urns = {creative["campaign"] for creative in parent["creatives"].values()}
    parent["campaigns"] = {k: v for k, v in names["campaigns"].items() if k in urns}
    return parent


def _urn(record: Record) -> str | None:
    """What an element is about; None where that cannot be told."""
    values = record.value.get("pivotValues")
    return values[0] if isinstance(values, list) and values and type(values[0]) is str else None


def _id(urn: str | None, of: str) -> str | None:
    """The number at the end of a URN. Raises ValueError where it is none of that kind."""
    prefix = f"urn:li:{of}:"
    if urn is not None and not urn.startswith(prefix):
        raise ValueError(f"expected a {of}")
    return urn and urn.removeprefix(prefix)


def _campaign(record: Record) -> str | None:
    """The campaign's URN, by way of the creative where it is one; None for an unknown creative."""
    if "creatives" in record.parent:
        return record.parent["creatives"].get(_urn(record), {}).get("campaign")
    return _urn(record)


def _campaign_name(record: Record) -> str | None:
    return record.parent["campaigns"].get(_campaign(record))


def _spend_on(record: Record) -> str:
    start = record["dateRange.start"]
    return date(start["year"], start["month"], start["day"]).isoformat()


def _conversions(record: Record) -> Decimal:
    return sum((common.number(record[name] or 0) for name in CONVERSIONS), Decimal(0))


_DAY: dict[str, Any] = {
    "account_id": "parent.account.id",
    "campaign_id": lambda r: _id(_campaign(r), "sponsoredCampaign"),
    "campaign_name": _campaign_name,
    "spend_on": _spend_on,
    "spend": lambda r: common.money(r["costInLocalCurrency"]),
    "currency": "parent.account.currency",
    "impressions": "impressions",
    "clicks": "clicks",
    "platform_conversions": _conversions,
}

SOURCE = Source(
    name="linkedin_ads",
    title="LinkedIn Ads",
    module=__name__,
    url="https://api.linkedin.com",
    variables=(
        Variable("MARKETING_LINKEDIN_ADS_TOKEN", "access token with r_ads and r_ads_reporting"),
        Variable("MARKETING_LINKEDIN_ADS_ACCOUNTS", "ad account ids, comma-separated", scope=True),
    ),
    headers={"Linkedin-Version": VERSION, "X-Restli-Protocol-Version": "2.0.0"},
    per_second=0.5,
    burst=5,
    every=timedelta(hours=6),
    resources=(
        Resource(
            name="campaigns",
            kind="ad_spend",
            description="spend, clicks and conversions by campaign and day",
            endpoint="GET /rest/adAnalytics, pivot CAMPAIGN",
            pages=_report("CAMPAIGN"),
            look_back=common.LOOK_BACK,
            rows=Rows(records="elements", constants={"platform": PLATFORM}, fields=_DAY),
        ),
        Resource(
            name="ads",
            kind="ad_spend_details",
            description="spend, clicks and conversions by creative and day",
            endpoint="GET /rest/adAnalytics, pivot CREATIVE",
            pages=_report("CREATIVE"),
            look_back=common.LOOK_BACK,
            rows=Rows(
                records="elements",
                constants={"platform": PLATFORM},
                fields={
                    **_DAY,
                    # Nothing lies between a campaign and its creatives.
                    "ad_group_id": _DAY["campaign_id"],
                    "ad_group_name": _DAY["campaign_name"],
                    "ad_id": lambda r: _id(_urn(r), "sponsoredCreative"),
                    "ad_name": lambda r: r.parent["creatives"].get(_urn(r), {}).get("name"),
                },
            ),
        ),
    ),
)

if __name__ == "__main__":
    main(SOURCE)
