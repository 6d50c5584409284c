"""Meta Ads: spend by campaign and day, and by ad and day, from the Insights API.

Pages go on by the cursor ``after``. A rate limit is an answer of 400 or 403 with an error code; an
app of limited access may ask 600 times an hour and more with each active ad. Days are kept for 37
months. An account's day keeps changing for 28 days, as conversions come in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from ingestion.ads import common
from ingestion.sources import lines
from ingestion.sources.alone import main
from ingestion.sources.model import Page, Pull, PullError, Record, Resource, Rows, Source, Variable

VERSION = "v25.0"
PLATFORM = "meta_ads"
PAGE_SIZE = 500
#: The action types that count as conversions. Meta tells the same event under several types, so
#: each of these is a whole of its own and none a part of another.
CONVERSIONS = ("lead", "omni_complete_registration", "schedule_total", "start_trial_total")
#: Error codes: too many calls, and a token or permission that does not do.
THROTTLED = frozenset({4, 17, 32, 613, *range(80_000, 80_005)})
REFUSED = frozenset({10, 102, 190, *range(200, 300)})

_REPORT = (
    *("account_id", "account_currency", "campaign_id", "campaign_name"),
    *("spend", "impressions", "clicks", "actions"),
)
_AD = ("adset_id", "adset_name", "ad_id", "ad_name")


def _insights(level: str, fields: tuple[str, ...]) -> Callable[[Pull], Iterator[Page]]:
    """Pages of a report by day."""

    def pages(pull: Pull) -> Iterator[Page]:
        accounts = common.accounts(pull, "MARKETING_META_ADS_ACCOUNTS", "act_")
        headers = {"Authorization": f"Bearer {pull.values['MARKETING_META_ADS_TOKEN']}"}
        common.explain(pull, _reason)

        def ask(account: str, first: date, last: date) -> Iterator[Page]:
            path = f"/{VERSION}/act_{account}/insights"
            params = {
                "level": level,
                "fields": ",".join(fields),
                "time_increment": "1",
                "time_range": f'{{"since":"{first}","until":"{last}"}}',
                "limit": str(PAGE_SIZE),
            }
            for page in count(1):
                response = pull.session.get(pull.url + path, params=params, headers=headers)
                answer = lines.decoded(response.content)
                after = _take_links(answer)
                request = f"GET {path} {level} {first} to {last} page {page}"
                yield Page(lines.encoded(answer), request)
                if after is None:
                    return
                params["after"] = after

        yield from common.by_range(pull, accounts, ask, common.KEPT)

    return pages


def _take_links(answer: Any) -> str | None:
    """The cursor of the next page. The links to other pages hold the access token, so they are
    taken out of what lands and never followed."""
    paging = answer.get("paging") if isinstance(answer, dict) else None
    if not isinstance(paging, dict):
        return None
    paging.pop("previous", None)
    if not paging.pop("next", None):
        return None
    cursors = paging.get("cursors")
    after = cursors.get("after") if isinstance(cursors, dict) else None
    if not isinstance(after, str):
        raise PullError("a page that is not the last has no cursor")
    return after


def _reason(answer: Record) -> str | None:
    """Only the error's number: its message may quote the token."""
    code = answer["error.code"]
    if not isinstance(code, int):
        return None
    if code in THROTTLED:
        return f"too many calls (error {code}); the next pull goes on"
    if code in REFUSED:
        return f"the credentials were refused (error {code})"
    return f"answered with error {code}"


def _conversions(record: Record) -> Decimal:
    """The sum of the chosen actions; Meta leaves out what did not happen."""
    actions = record["actions"] or []
    chosen = (action["value"] for action in actions if action["action_type"] in CONVERSIONS)
    return sum(map(common.number, chosen), Decimal(0))


_DAY: dict[str, Any] = {
    # As the Graph API names an account.
    "account_id": lambda r: "act_" + r["account_id"],
    "campaign_id": "campaign_id",
    "campaign_name": "campaign_name",
    "spend_on": "date_start",
    "spend": lambda r: common.money(r["spend"]),
    "currency": "account_currency",
    "impressions": "impressions",
    "clicks": "clicks",
    "platform_conversions": _conversions,
}

SOURCE = Source(
    name="meta_ads",
    title="Meta Ads",
    module=__name__,
    url="https://graph.facebook.com",
    variables=(
        Variable("MARKETING_META_ADS_TOKEN", "access token of a system user, with ads_read"),
        Variable("MARKETING_META_ADS_ACCOUNTS", "ad account ids, comma-separated", scope=True),
    ),
    per_second=0.15,
    burst=10,
    every=timedelta(hours=6),
    resources=(
        Resource(
            name="campaigns",
            kind="ad_spend",
            description="spend, clicks and conversions by campaign and day",
            endpoint="GET /act_{id}/insights, level campaign",
            pages=_insights("campaign", _REPORT),
            look_back=common.LOOK_BACK,
            rows=Rows(records="data", constants={"platform": PLATFORM}, fields=_DAY),
        ),
        Resource(
            name="ads",
            kind="ad_spend_details",
            description="spend, clicks and conversions by ad and day",
            endpoint="GET /act_{id}/insights, level ad",
            pages=_insights("ad", (*_REPORT, *_AD)),
            look_back=common.LOOK_BACK,
            rows=Rows(
                records="data",
                constants={"platform": PLATFORM},
                fields={
                    **_DAY,
                    "ad_group_id": "adset_id",
                    "ad_group_name": "adset_name",
                    "ad_id": "ad_id",
                    "ad_name": "ad_name",
                },
            ),
        ),
    ),
)

if __name__ == "__main__":
    main(SOURCE)
