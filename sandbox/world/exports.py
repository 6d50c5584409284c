"""What tools without an API for us export: product usage by day, and sales people's activities."""

from __future__ import annotations

import numpy as np
import polars as pl

from sandbox.world import calendar as cal
from sandbox.world.draws import stream
from sandbox.world.product import FEATURES, Use
from sandbox.world.writer import Files

USAGE_DAYS, SALES_DAYS = 90, 180
#: What a sales person does to a lead in turn, and the share that goes on to the next.
STEPS = ("profile_viewed", "connection_sent", "connected", "inmail_sent", "inmail_replied")
GOES_ON = 0.6


def write_product_usage(files: Files, seed: int, use: Use, people: pl.DataFrame) -> None:
    """Each user of a live customer, on some working days, one feature a day."""
    rng = stream(seed, "usage export")
    live = use.spans.filter(pl.col("end") >= cal.END)["customer"].unique().sort().to_list()
    user = np.concatenate([use.users[customer] for customer in live])
    days = np.arange(cal.END - USAGE_DAYS * cal.DAY, cal.END, cal.DAY)
    days = days[cal.weekday(days) < 5]
    some = rng.random((len(user), len(days))) < 0.15
    row, column = np.nonzero(some)
    who = people.select("user_id", "vertical", "company_crm_id")[user[row]]
    feature = [
        FEATURES[vertical][choice]
        for vertical, choice in zip(
            who["vertical"].to_list(), rng.integers(0, 6, len(row)).tolist(), strict=True
        )
    ]
    uses = rng.integers(1, 12, len(row))
    table = pl.DataFrame(
        {
            "account_id": who["company_crm_id"],
            "user_id": who["user_id"],
            "feature": feature,
            "used_on": cal.day_text(days[column]),
            "uses": uses,
            "active_minutes": uses * rng.integers(1, 9, len(row)),
            "known_at": cal.second_text(days[column] + 23 * cal.HOUR),
        }
    ).filter(pl.col("user_id").is_not_null())
    files.csv("product_usage/usage.csv", table.sort("known_at", "user_id"))


def write_sales_activities(files: Files, seed: int, people: pl.DataFrame) -> None:
    """Sales Navigator: steps towards some leads of the last half year."""
    rng = stream(seed, "sales activities")
    lead = np.flatnonzero((people["kind"] == "lead").to_numpy())
    lead = np.sort(rng.choice(lead, min(len(lead), 400), replace=False))
    start = rng.integers(cal.END - SALES_DAYS * cal.DAY, cal.END - 8 * cal.DAY, len(lead))
    reached = 1 + (rng.random((len(lead), len(STEPS) - 1)) < GOES_ON).cumprod(axis=1).sum(axis=1)
    row = np.repeat(np.arange(len(lead)), reached)
    step = np.concatenate([np.arange(n) for n in reached])
    time = start[row] + step * cal.DAY + rng.integers(0, 8 * cal.HOUR, len(row))
    who = people.select("vertical", "email", "first_name", "last_name", "job_title", "owner_id")[
        lead[row]
    ]
    table = pl.DataFrame(
        {
            "activity_type": pl.Series(STEPS).gather(step),
            "owner_email": [f"sales{owner}@sales.example" for owner in who["owner_id"]],
            "profile_url": [f"https://www.linkedin.com/sales/lead/{n}" for n in lead[row]],
            "contact_name": [
                f"{a} {b}" for a, b in zip(who["first_name"], who["last_name"], strict=True)
            ],
            "job_title": who["job_title"],
            "email": who["email"],
            "vertical": who["vertical"],
            "occurred_at": cal.second_text(time),
            "known_at": cal.second_text(time + cal.HOUR),
        }
    )
    files.csv("sales_activities/sales_navigator.csv", table.sort("known_at", "profile_url"))
