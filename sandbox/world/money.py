"""Costs, advertising spend and exchange rates.

Year 1's actual costs are exact: the seven marketing lines of the medical vertical sum to 116,000
EUR, its direct sales team (45,000) among them, beside 150,000 EUR of sales; public 80,000 and
120,000. All of `direct_sales_team` is class marketing, as in the source document's pie: leaving
that line out is the reading without the double count. Ad spend is inside the digital line.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from sandbox.world import calendar as cal
from sandbox.world.channels import AD_CAMPAIGNS
from sandbox.world.draws import allocate, stream
from sandbox.world.planted import csv_extra
from sandbox.world.writer import Files

#: line: (cost_class, channel, year 1 EUR, year 2 EUR, months that weigh more)
LINES = {
    "medical": {
        "medical_congresses": ("marketing", "events", 25_000, 38_000, (11, 6)),
        "direct_sales_team": ("marketing", "direct_sales", 45_000, 72_000, ()),
        "digital": ("marketing", "paid_media", 13_000, 26_000, ()),
        "partnerships": ("marketing", "partner", 15_000, 22_000, (1,)),
        "referral": ("marketing", "referral", 5_000, 11_000, ()),
        "content": ("marketing", "content", 8_000, 15_000, ()),
        "webinars_events": ("marketing", "webinar", 5_000, 9_000, ()),
        "sales_salaries": ("sales", "direct_sales", 120_000, 205_000, ()),
        "sales_tools_travel": ("sales", "direct_sales", 30_000, 45_000, (11,)),
    },
    "public": {
        "salon_des_maires": ("marketing", "events", 22_000, 40_000, (11,)),
        "digital": ("marketing", "paid_media", 14_000, 30_000, ()),
        "partnerships": ("marketing", "partner", 16_000, 34_000, (1,)),
        "content_academy": ("marketing", "content", 14_000, 26_000, ()),
        "webinars": ("marketing", "webinar", 8_000, 15_000, ()),
        "referral": ("marketing", "referral", 6_000, 12_000, ()),
        "sales_salaries": ("sales", "direct_sales", 96_000, 255_000, ()),
        "sales_tools_travel": ("sales", "direct_sales", 24_000, 62_000, (11,)),
    },
}

START_RATES = {"USD": 0.90, "GBP": 1.19, "CHF": 1.06}


def write_costs(files: Files, seed: int) -> None:
    """Actual and budget lines; about one actual in six is first booked wrongly, then restated."""
    rng = stream(seed, "costs")
    parts = []
    for vertical, lines in LINES.items():
        for line, (cost_class, channel, first, second, peaks) in lines.items():
            weights = np.ones(cal.N_MONTHS)
            months = cal.CALENDAR_MONTH[12 : 12 + cal.N_MONTHS]
            weights[np.isin(months, peaks)] = 6.0
            noise = weights * np.exp(rng.normal(0, 0.12, cal.N_MONTHS))
            actual = np.r_[allocate(first * 100, noise[:12]), allocate(second * 100, noise[12:])]
            budget = np.r_[allocate(first, weights[:12]), allocate(second, weights[12:])] * 100
            ends = np.array([cal.month_first(m + 1) for m in range(cal.N_MONTHS)])
            plan = np.where(
                np.arange(24) < 12, cal.START - 15 * cal.DAY, cal.month_first(12) - 15 * cal.DAY
            )
            parts.append(_cost_rows(vertical, line, cost_class, channel, "budget", budget, plan))
            parts.append(
                _cost_rows(
                    vertical, line, cost_class, channel, "actual", actual, ends - 7 * cal.HOUR
                )
            )
            wrong = np.flatnonzero(rng.random(cal.N_MONTHS - 1) < 0.16)
            first_booking = (actual * rng.uniform(0.7, 0.97, cal.N_MONTHS)).astype(np.int64)
            rows = parts[-1]
            restated = rows[wrong].with_columns(known=pl.Series(ends[wrong] + 7 * cal.DAY))
            early = pl.Series(np.where(np.isin(np.arange(24), wrong), first_booking, actual))
            parts[-1] = pl.concat([rows.with_columns(cents=early), restated])
    table = pl.concat([*parts, _swiss_congress()]).sort("known", "vertical", "line", "cost_month")
    files.csv(
        "costs/costs.csv",
        table.select(
            "vertical",
            "cost_month",
            "line",
            "scenario",
            "cost_class",
            "channel",
            amount=cents_text("cents"),
            currency="currency",
            known_at=pl.Series(cal.second_text(table["known"].to_numpy())),
        ),
        extra=csv_extra("costs/costs.csv"),
    )


def _cost_rows(
    vertical: str,
    line: str,
    cost_class: str,
    channel: str,
    scenario: str,
    cents: np.ndarray,
    known: np.ndarray,
) -> pl.DataFrame:
    n = cal.N_MONTHS
    return pl.DataFrame(
        {
            "vertical": [vertical] * n,
            "cost_month": [cal.month_label(m) for m in range(n)],
            "line": [line] * n,
            "scenario": [scenario] * n,
            "cost_class": [cost_class] * n,
            "channel": [channel] * n,
            "cents": cents,
            "known": known,
            "currency": ["EUR"] * n,
        }
    )


def _swiss_congress() -> pl.DataFrame:
    """A congress abroad in year 2, paid in francs: actual and budget of two months."""
    rows = [
        ("medical", month, "swiss_congress", scenario, "marketing", "events", 350_000, known, "CHF")
        for month, booked in (
            ("2026-05", cal.day_ms(2026, 5, 30)),
            ("2026-06", cal.day_ms(2026, 6, 29)),
        )
        for scenario, known in (("budget", cal.day_ms(2025, 9, 16)), ("actual", booked))
    ]
    columns = "vertical cost_month line scenario cost_class channel cents known currency"
    return pl.DataFrame(rows, schema=columns.split(), orient="row")


def cents_text(column: str) -> pl.Expr:
    """Whole cents as a decimal text with two places."""
    whole = (pl.col(column) // 100).cast(pl.String)
    return pl.concat_str(whole, pl.lit("."), (pl.col(column) % 100).cast(pl.String).str.zfill(2))


def write_ad_spend(files: Files, seed: int) -> None:
    """One row per campaign and day, known the next morning; one in twenty restated later."""
    rng = stream(seed, "ads")
    days = np.arange(cal.START, cal.END - cal.DAY, cal.DAY)
    months = cal.month_of(days)
    parts = []
    for campaign in AD_CAMPAIGNS:
        season = cal.SEASON[campaign.vertical][cal.CALENDAR_MONTH[12 + months] - 1]
        monthly = np.where(months < 12, *campaign.monthly)
        weekend = np.where(cal.weekday(days) > 4, 0.5, 1.15)
        clicks = rng.poisson(monthly / 30.4 * season * weekend / campaign.cost_per_click)
        cents = (
            clicks * campaign.cost_per_click * rng.uniform(0.85, 1.15, len(days)) * 100
        ).round()
        parts.append(
            pl.DataFrame(
                {
                    "platform": [campaign.platform] * len(days),
                    "account_id": campaign.account_id,
                    "campaign_id": campaign.campaign_id,
                    "campaign_name": campaign.name,
                    "vertical": campaign.vertical,
                    "day": days,
                    "cents": cents.astype(np.int64),
                    "currency": campaign.currency,
                    "impressions": clicks * rng.integers(25, 60, len(days))
                    + rng.poisson(40, len(days)),
                    "clicks": clicks,
                    "platform_conversions": rng.binomial(clicks, 0.06)
                    + rng.integers(0, 2, len(days)) * 0.5,
                    "known": days + cal.DAY + 4 * cal.HOUR,
                }
            )
        )
    table = pl.concat(parts)
    again = (pl.Series(rng.random(table.height)) < 0.05) & (table["known"] < cal.END - 5 * cal.DAY)
    restated = table.filter(again, pl.col("cents") > 0).with_columns(
        known=pl.col("known") + 3 * cal.DAY, cents=pl.col("cents") * 24 // 25
    )
    table = pl.concat([table, restated]).sort("known", "platform", "campaign_id", "day")
    for platform in sorted(set(table["platform"])):
        own = table.filter(pl.col("platform") == platform)
        name = f"ad_spend/{platform}.csv"
        files.csv(
            name,
            own.select(
                "platform",
                "account_id",
                "campaign_id",
                "campaign_name",
                "vertical",
                spend_on=pl.Series(cal.day_text(own["day"].to_numpy())),
                spend=cents_text("cents"),
                currency="currency",
                impressions="impressions",
                clicks="clicks",
                platform_conversions="platform_conversions",
                known_at=pl.Series(cal.second_text(own["known"].to_numpy())),
            ),
            extra=csv_extra(name),
        )


def write_fx_rates(files: Files, seed: int) -> None:
    """EUR for one USD, GBP or CHF, every day from a week before the start."""
    rng = stream(seed, "fx")
    days = np.arange(cal.START - 7 * cal.DAY, cal.END, cal.DAY)
    parts = []
    for currency, first in START_RATES.items():
        steps = rng.normal(0, 0.003, len(days))
        pull = first * np.exp(np.cumsum(steps) - np.linspace(0, steps.sum() * 0.7, len(days)))
        parts.append(
            pl.DataFrame(
                {
                    "base_currency": ["EUR"] * len(days),
                    "currency": [currency] * len(days),
                    "rate_on": cal.day_text(days),
                    "rate": [f"{r:.6f}" for r in pull.tolist()],
                    "known_at": cal.second_text(days + 15 * cal.HOUR),
                }
            )
        )
    files.csv("fx_rates/fx_rates.csv", pl.concat(parts).sort("rate_on", "currency"))
