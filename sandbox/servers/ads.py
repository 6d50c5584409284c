"""What the stand-ins of the ad platforms share: campaigns by day, and the ads they consist of.

On one day in four or so, 5 to 10 % of a campaign's spend belongs to none of its ads, as the
platforms' finest reports leave some of it out.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sandbox.servers.base import stream

#: account_id, campaign_id, campaign_name, currency, days; a day has date, spend (a text),
#: impressions, clicks, conversions.
Campaign = Mapping[str, Any]
#: account_id, campaign_id, campaign_name, currency of a campaign to make days for.
Named = tuple[str, str, str, str]

DAYS = 40
#: Each ad's share of its campaign: two ads in each of two groups.
WEIGHTS = (5, 3, 2, 1)
VARIANTS = ("Gain de temps", "Démonstration gratuite")


@dataclass(frozen=True)
class Ad:
    """An ad of a campaign, and its days as those of a campaign."""

    campaign: Campaign
    group_id: str
    group_name: str
    ad_id: str
    name: str
    days: list[dict[str, Any]]


def campaigns_of(
    platform: str, named: Sequence[Named], end: datetime, seed: int
) -> list[dict[str, Any]]:
    """The named campaigns with 40 days up to the day before ``end``."""
    found = []
    for account_id, campaign_id, name, currency in named:
        rng = stream(f"{platform} {campaign_id}", seed)
        found.append(
            {
                "account_id": account_id,
                "campaign_id": campaign_id,
                "campaign_name": name,
                "currency": currency,
                "days": [_day(rng, end.date() - timedelta(days=DAYS - i)) for i in range(DAYS)],
            }
        )
    return found


def _day(rng: random.Random, day: date) -> dict[str, Any]:
    clicks = rng.randint(2, 9) if day.weekday() > 4 else rng.randint(6, 30)
    cents = clicks * rng.randint(90, 310)
    return {
        "date": day.isoformat(),
        "spend": f"{cents // 100}.{cents % 100:02}",
        "impressions": clicks * rng.randint(25, 60),
        "clicks": clicks,
        "conversions": sum(rng.random() < 0.06 for _ in range(clicks)),
    }


def served_days(campaign: Campaign) -> list[Mapping[str, Any]]:
    """The days a report tells: those on which anything happened."""
    return [day for day in campaign["days"] if _happened(day)]


def _happened(day: Mapping[str, Any]) -> bool:
    return any(Decimal(day[name]) for name in ("spend", "impressions", "clicks", "conversions"))


def ads_of(platform: str, campaign: Campaign, seed: int) -> list[Ad]:
    """A campaign's ads, its spend shared out in whole cents."""
    rng = stream(f"{platform} {campaign['campaign_id']} ads", seed)
    ads = [
        Ad(
            campaign,
            group_id=f"{campaign['campaign_id']}{i // 2 + 1}",
            group_name=f"{campaign['campaign_name']} groupe {i // 2 + 1}",
            ad_id=f"{campaign['campaign_id']}{i // 2 + 1}{i % 2 + 1}",
            name=VARIANTS[i % 2],
            days=[],
        )
        for i in range(len(WEIGHTS))
    ]
    for day in campaign["days"]:
        cents = int(Decimal(day["spend"]) * 100)
        if rng.random() < 0.25:
            cents -= cents * rng.randint(5, 10) // 100
        converting = rng.randrange(len(ads))
        shares = zip(
            ads, _shares(cents), _shares(day["impressions"]), _shares(day["clicks"]), strict=True
        )
        for i, (ad, spend, impressions, clicks) in enumerate(shares):
            own = {
                "date": day["date"],
                "spend": f"{spend // 100}.{spend % 100:02}",
                "impressions": impressions,
                "clicks": clicks,
                "conversions": day["conversions"] if i == converting else 0,
            }
            if _happened(own):
                ad.days.append(own)
    return ads


def _shares(whole: int) -> list[int]:
    parts = [whole * weight // sum(WEIGHTS) for weight in WEIGHTS]
    return [parts[0] + whole - sum(parts), *parts[1:]]


def currencies(campaigns: Sequence[Campaign]) -> dict[str, str]:
    """The currency of each account. Raises ValueError for an account with two."""
    found: dict[str, str] = {}
    for campaign in campaigns:
        known = found.setdefault(campaign["account_id"], campaign["currency"])
        if known != campaign["currency"]:
            raise ValueError(f"{campaign['account_id']} has {known} and {campaign['currency']}")
    return found
