"""Reports of spend by day, one level at a time.

A platform's levels do not add up to one another: campaigns without ads, deleted ads and late
corrections are in one and not in the other. So campaigns become ``ad_spend`` and ads become
``ad_spend_details``, whose difference is a row of its own in the mart, and no other level is
added to either. Where a platform brings no report by campaign, the sum of its ads stands in.

Amounts are added as they came and cut to four places once, at the end. A record that is told
twice counts once; a record without an amount leaves its whole day without one, to be refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from ingestion.ads import common
from ingestion.fivetran.joins import Joins
from ingestion.fivetran.model import Parent, Row, Shape
from ingestion.fivetran.values import (
    SYNCED,
    Values,
    day_text,
    first,
    identifier,
    is_deleted,
    latest,
    parsed,
    tail,
)

#: What is known of accounts, campaigns, groups and ads, by id.
Names = Mapping[str, Mapping[str, Any]]
#: The API's conversions of LinkedIn, as columns; Meta's, as types of actions.
_LINKEDIN_CONVERSIONS = ("external_website_conversions", "one_click_leads")
META_CONVERSIONS = frozenset(
    {"lead", "omni_complete_registration", "schedule_total", "start_trial_total"}
)


@dataclass(frozen=True)
class Platform:
    """How one connector names things."""

    connector: str
    name: str
    times: tuple[str, ...]
    #: Digits between the reports' unit and the currency's.
    scale: int
    day: tuple[str, ...]
    account: tuple[str, ...]
    campaign: tuple[str, ...]
    group: tuple[str, ...]
    ad: tuple[str, ...]
    currency: tuple[str, ...]
    tables: Mapping[str, str]

    def names(self, joins: Joins) -> Names:
        """All names, by the last version of each history."""
        return joins.once(self.name, lambda: self._names(joins))

    def _names(self, joins: Joins) -> Names:
        def newest(what: str) -> Mapping[str, Values]:
            table = self.tables.get(what)
            return joins.newest(f"{self.connector}.{table}", ("id",), self.times) if table else {}

        def about(values: Values) -> Row:
            found = {
                "name": first(values, "name"),
                "account": identifier(values, *self.account),
                "campaign": tail(values, *self.campaign),
                "group": tail(values, *self.group),
            }
            return {name: value for name, value in found.items() if value}

        found: dict[str, Mapping[str, Any]] = {
            "accounts": {
                one: first(values, *self.currency) for one, values in newest("accounts").items()
            },
            **{
                what: {one: about(values) for one, values in newest(what).items()}
                for what in ("campaigns", "groups", "ads")
            },
            "": {"currency": joins.currency},
        }
        if "actions" in self.tables and joins.has(f"{self.connector}.{self.tables['actions']}"):
            found["actions"] = _actions(joins, f"{self.connector}.{self.tables['actions']}")
        return found


GOOGLE = Platform(
    connector="google_ads",
    name="google_ads",
    times=("updated_at", "_fivetran_start"),
    scale=6,
    day=("date",),
    account=("customer_id", "account_id"),
    campaign=("campaign_id", "campaign_base_campaign", "base_campaign"),
    group=("ad_group_id", "ad_group", "base_ad_group", "ad_group_base_ad_group"),
    ad=("ad_id",),
    currency=("currency_code",),
    tables={
        "accounts": "account_history",
        "campaigns": "campaign_history",
        "groups": "ad_group_history",
        "ads": "ad_history",
    },
)
META = Platform(
    connector="facebook_ads",
    name="meta_ads",
    times=("updated_time", "_fivetran_start"),
    scale=0,
    day=("date",),
    account=("account_id",),
    campaign=("campaign_id",),
    group=("ad_set_id", "adset_id"),
    ad=("ad_id",),
    currency=("currency",),
    tables={
        "accounts": "account_history",
        "campaigns": "campaign_history",
        "groups": "ad_set_history",
        "ads": "ad_history",
        "actions": "basic_ad_actions",
    },
)
LINKEDIN = Platform(
    connector="linkedin_ads",
    name="linkedin_ads",
    times=("last_modified_time", "last_modified_at", "_fivetran_start"),
    scale=0,
    day=("day", "date", "month"),
    account=("account_id",),
    campaign=("campaign_id",),
    group=(),
    ad=("creative_id",),
    currency=("currency",),
    tables={
        "accounts": "ad_account_history",
        "campaigns": "campaign_history",
        "ads": "creative_history",
    },
)


@dataclass(frozen=True)
class Place:
    """What a record of a report is about."""

    account: str | None
    campaign: str | None
    group: str | None
    ad: str | None
    day: str | None


def place(platform: Platform, level: str, values: Values, names: Names) -> Place:
    """The record's own columns, and what its ad, group and campaign belong to besides."""
    own = {"campaign": platform.campaign, "ad_group": platform.group, "ad": platform.ad}
    level_id = {level: (*own[level], "id")} if level in own else {}
    columns = own | level_id
    ad = identifier(values, *columns["ad"])
    about_ad = names["ads"].get(ad, {})
    group = tail(values, *columns["ad_group"]) or about_ad.get("group")
    about_group = names["groups"].get(group, {})
    campaign = (
        tail(values, *columns["campaign"])
        or about_ad.get("campaign")
        or about_group.get("campaign")
    )
    about_campaign = names["campaigns"].get(campaign, {})
    account = identifier(values, *platform.account) or about_campaign.get("account")
    day = day_text(first(values, *platform.day))
    # Nothing lies between a campaign of LinkedIn's and its creatives.
    return Place(account, campaign, campaign if platform is LINKEDIN else group, ad, day)


def price(
    platform: Platform, values: Values, names: Names, account: str | None
) -> tuple[str | None, str | None]:
    """What a record cost, in the platform's unit, and the currency."""
    told = names["accounts"].get(account)
    currency = told or names[""].get("currency")
    if platform is GOOGLE:
        return first(values, "cost_micros"), currency
    if platform is META:
        return first(values, "spend"), currency
    local, dollars = first(values, "cost_in_local_currency"), first(values, "cost_in_usd")
    # What the local currency is may be a guess; dollars are none.
    if (local is None or told is None) and dollars is not None:
        return dollars, "USD"
    return local, currency


def totals(platform: Platform, level: str, records: Iterable[Values], joins: Joins) -> Row:
    """What a level spent in all, by currency; for people to compare, never added to another."""
    names = platform.names(joins)
    found: dict[str, Decimal] = {}
    for values in _once(records):
        where = place(platform, level, values, names)
        cost, currency = price(platform, values, names, where.account)
        total = _sum([cost])
        if isinstance(total, Decimal):
            name = currency or "?"
            found[name] = found.get(name, Decimal(0)) + total.scaleb(-platform.scale)
    return dict(found)


def shape(platform: Platform, level: str, kind: str, unless: str | None = None) -> Shape:
    """Rows by campaign and day (``ad_spend``) or by ad and day (``ad_spend_details``)."""
    has_ads = kind == "ad_spend_details"

    def key(values: Values, joins: Joins) -> Place:
        where = place(platform, level, values, platform.names(joins))
        return where if has_ads else Place(where.account, where.campaign, None, None, where.day)

    def look_up(page: Sequence[Values], joins: Joins) -> Parent:
        return _part(platform, level, page, platform.names(joins))

    def rows(group: Sequence[Values], parent: Parent) -> Iterator[Row]:
        kept = _once(group)
        # Without an id of its own, a record of an ad and day is the whole of it: another one is
        # another version. Google cuts a day by device and network, and a sum goes over its ads.
        is_whole = platform is not GOOGLE and (has_ads or level == "campaign")
        if is_whole and not any(values.get("_fivetran_id") for values in kept):
            for values in kept:
                yield _row(platform, level, has_ads, [values], parent)
        else:
            yield _row(platform, level, has_ads, kept, parent)

    return Shape(
        kind,
        rows,
        key,
        look_up,
        keep=lambda values, joins: not is_deleted(values),
        left_out="deleted",
        unless=unless,
    )


def no_currency(platform: Platform, joins: Joins) -> str | None:
    """Why amounts cannot be told: no account says in what they are."""
    if platform is LINKEDIN or joins.currency or any(platform.names(joins)["accounts"].values()):
        return None
    table = f"{platform.connector}.{platform.tables['accounts']}"
    return f"{table} names no currency; give --currency"


def _part(platform: Platform, level: str, page: Sequence[Values], names: Names) -> Parent:
    """The names that these records need."""
    places = [place(platform, level, values, names) for values in page]
    wanted = {
        "ads": {where.ad for where in places},
        "groups": {where.group for where in places},
        "campaigns": {where.campaign for where in places},
        "accounts": {where.account for where in places},
        "actions": {f"{where.ad}|{where.day}" for where in places},
    }
    part: dict[str, Any] = {
        what: {one: known[one] for one in sorted(filter(None, wanted[what])) if one in known}
        for what, known in names.items()
        if what
    }
    return part | {"": names[""]}


def _row(
    platform: Platform, level: str, has_ads: bool, group: Sequence[Values], parent: Names
) -> Row:
    places = [place(platform, level, values, parent) for values in group]
    prices = [
        price(platform, values, parent, where.account)
        for values, where in zip(group, places, strict=True)
    ]
    where = places[0]
    currencies = {currency for _, currency in prices}
    row: Row = {
        "platform": platform.name,
        "account_id": _account(platform, where.account),
        "campaign_id": where.campaign,
        "campaign_name": parent["campaigns"].get(where.campaign, {}).get("name"),
        "spend_on": where.day,
        "spend": _money(_sum([cost for cost, _ in prices]), platform.scale),
        "currency": currencies.pop() if len(currencies) == 1 else None,
        "impressions": _sum([first(values, "impressions") for values in group]),
        "clicks": _sum([first(values, "clicks", "inline_link_clicks") for values in group]),
        "platform_conversions": _conversions(platform, group, places, parent),
        "known_at": latest(*(values.get(SYNCED) for values in group)),
    }
    if has_ads:
        about_group = parent["groups"].get(where.group, {})
        is_linkedin = platform is LINKEDIN
        row |= {
            "ad_group_id": where.group,
            "ad_group_name": row["campaign_name"] if is_linkedin else about_group.get("name"),
            "ad_id": where.ad,
            "ad_name": parent["ads"].get(where.ad, {}).get("name"),
        }
    return row


def _account(platform: Platform, account: str | None) -> str | None:
    """The account as the platform's API names it, so that both are one."""
    if account and platform is GOOGLE and len(account) == 10 and account.isdigit():
        return f"{account[:3]}-{account[3:6]}-{account[6:]}"
    if account and platform is META:
        return "act_" + account.removeprefix("act_")
    return account


def _once(records: Iterable[Values]) -> list[Values]:
    """Without records told twice: of one ``_fivetran_id`` and day the last, of equal ones the
    first."""
    found: dict[Any, Values] = {}
    for values in records:
        own = values.get("_fivetran_id")
        day = values.get("date") or values.get("day")
        body = tuple(sorted((n, v) for n, v in values.items() if n != SYNCED))
        key = (own, day) if own else body
        before = found.get(key)
        if before is None or _synced(values) > _synced(before):
            found[key] = values
    return list(found.values())


def _synced(values: Values) -> datetime:
    return parsed(values.get(SYNCED)) or datetime.min


def _sum(parts: Sequence[str | None]) -> Decimal | str | None:
    """The exact sum; None where a part is missing, and the part itself where it is no number."""
    total = Decimal(0)
    for part in parts:
        if part is None:
            return None
        try:
            total += common.number(part)
        except (ValueError, TypeError):
            return part
    return total


def _money(total: Decimal | str | None, scale: int) -> Decimal | str | None:
    return common.money(total, scale) if isinstance(total, Decimal) else total


def _conversions(
    platform: Platform, group: Sequence[Values], places: Sequence[Place], parent: Names
) -> Decimal | str | None:
    if platform is GOOGLE:
        return _sum([first(values, "conversions") for values in group])
    if platform is LINKEDIN:
        names = _LINKEDIN_CONVERSIONS
        if not any(name in values for values in group for name in names):
            return None
        return _sum([first(values, name) or "0" for values in group for name in names])
    if "actions" not in parent:
        return None
    days = sorted({f"{where.ad}|{where.day}" for where in places})
    return _sum([parent["actions"].get(day, "0") for day in days])


def _actions(joins: Joins, table: str) -> Mapping[str, str | None]:
    """The chosen actions of each ad and day."""
    found: dict[str, dict[Any, str | None]] = {}
    for values in joins.records(table):
        if values.get("action_type") in META_CONVERSIONS and not is_deleted(values):
            day = f"{identifier(values, 'ad_id')}|{day_text(first(values, 'date'))}"
            own = tuple(values.get(name) for name in ("_fivetran_id", "index", "action_type"))
            found.setdefault(day, {})[own] = first(values, "value")
    return {day: _text(_sum(list(parts.values()))) for day, parts in found.items()}


def _text(total: Decimal | str | None) -> str | None:
    return total if total is None or isinstance(total, str) else format(total, "f")
