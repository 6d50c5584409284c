"""Use of the product: trials and customers, by server-side messages with a user id.

A customer's monthly use follows its hidden health (contracts.py), so it falls before a churn;
support tickets rise instead. Usage stops on the day a contract ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from sandbox.world import calendar as cal
from sandbox.world.contracts import Book
from sandbox.world.devices import Devices
from sandbox.world.draws import Ints, choose, ragged, stream
from sandbox.world.events import ALIAS, GROUP, IDENTIFY, TEMPLATE, Fragments, rows
from sandbox.world.plan import VERTICALS

#: Events per customer and month at average health; health moves it by exp(0.55 * health).
USE = {"medical": 22.0, "public": 17.0}
HEALTH_ON_USE = 0.55
TICKETS = 0.5
ADVOCACY = 0.045  # a month, at average health
FEATURES = {
    "medical": ["planning", "dossier", "compte_rendu", "facturation", "messagerie", "statistiques"],
    "public": ["cctp", "analyse_offres", "veille", "budget", "signature", "tableau_de_bord"],
}
TRIAL_DAYS = {"medical": 14, "public": 30}


@dataclass
class Use:
    """Who uses the product: contracts as intervals of months, users of each account."""

    customers: pl.DataFrame
    health: np.ndarray
    spans: pl.DataFrame  # customer, start, end (time; NEVER)
    users: list[Ints]  # by customer: people
    details: dict[str, Ints]


def make_use(book: Book, people: pl.DataFrame, fragments: Fragments) -> Use:
    """Users are the account's first three people that have a user id (else its first)."""
    spans = (
        book.changes.filter(pl.col("kind").is_in(["new", "churn", "reactivation"]))
        .sort("customer", "time")
        .with_columns(end=pl.col("time").shift(-1).over("customer"))
        .filter(pl.col("kind") != "churn")
        .select("customer", start="time", end=pl.col("end").fill_null(cal.NEVER))
    )
    wanted = book.customers.select("customer", account=pl.col("account").cast(pl.Int64))
    own = (
        wanted.join(people.select("account", "person", "user_id"), on="account")
        .sort("customer", pl.col("user_id").is_null(), "person")
        .group_by("customer", maintain_order=True)
        .agg(pl.col("person").head(3))
    )
    by_customer = dict(own.rows())
    users = [np.array(by_customer[c], dtype=np.int64) for c in wanted["customer"].to_list()]
    details = {
        f"{v} {f}": fragments.add(f'"feature":"{f}","minutes":{3 + 4 * i}')
        for v in VERTICALS
        for i, f in enumerate(FEATURES[v])
    }
    return Use(book.customers, book.health, spans, users, details)


def usage(
    seed: int, month: int, use: Use, fragments: Fragments, level: float = 1.0
) -> pl.DataFrame:
    """The month's events of all customers."""
    rng = stream(seed, "usage", month)
    first, end = cal.month_first(month), cal.month_first(month + 1)
    live = use.spans.filter(pl.col("start") < end, pl.col("end") > first)
    customer = live["customer"].to_numpy().astype(np.int64)
    begin = np.maximum(live["start"].to_numpy() // cal.DAY * cal.DAY + cal.DAY, first)
    stop = np.minimum(live["end"].to_numpy() // cal.DAY * cal.DAY, end)
    share = np.maximum(stop - begin, 0) / (end - first)
    health = np.nan_to_num(use.health[customer, month])
    vertical = (
        use.customers["vertical"]
        .replace_strict(VERTICALS, range(len(VERTICALS)), return_dtype=pl.Int64)
        .to_numpy()[customer]
    )
    rate = level * np.array([USE[v] for v in VERTICALS])[vertical] * np.exp(HEALTH_ON_USE * health)
    parts = [_features(rng, use, customer, vertical, begin, stop, rate * share)]

    def some(name: str, per_month: np.ndarray, detail: int) -> None:
        of = np.repeat(np.arange(len(customer)), rng.poisson(per_month * share))
        time, person = _moments(rng, begin[of], stop[of]), _users(rng, use, customer[of])
        parts.append(rows(time, person, TEMPLATE[name], detail=detail))

    good = np.exp(0.3 * health)
    some(
        "Support Ticket Opened", TICKETS * np.exp(-0.5 * health), fragments.add('"channel":"chat"')
    )
    some("Check-in Held", 0.2 * good, fragments.add('"kind":"quarterly"'))
    some("Training Completed", 0.15 * good, fragments.add('"course":"onboarding"'))
    some("Referral Given", ADVOCACY / 2 * good, fragments.add('"programme":"parrainage"'))
    some("Review Published", ADVOCACY / 3 * good, fragments.add('"site":"avis","stars":5'))
    some("Reference Given", ADVOCACY / 5 * good, fragments.add('"kind":"call"'))
    return pl.concat(parts)


def _features(
    rng: np.random.Generator,
    use: Use,
    customer: Ints,
    vertical: Ints,
    begin: Ints,
    stop: Ints,
    rate: np.ndarray,
) -> pl.DataFrame:
    of = np.repeat(np.arange(len(customer)), rng.poisson(rate))
    n = len(of)
    time, person = _moments(rng, begin[of], stop[of]), _users(rng, use, customer[of])
    table = np.array([[use.details[f"{v} {f}"] for f in FEATURES[v]] for v in VERTICALS])
    feature = choose(rng, [5, 4, 3, 2, 2, 1], n)
    draw = rng.random(n)
    signed_in, screen = TEMPLATE["Signed In"], TEMPLATE["Today"]
    template = np.where(
        draw < 0.22, signed_in, np.where(draw < 0.30, screen, TEMPLATE["Feature Used"])
    )
    detail = np.where(draw < 0.30, -1, table[vertical[of], feature])
    return rows(time, person, template, detail=detail)


def _moments(rng: np.random.Generator, begin: Ints, stop: Ints) -> Ints:
    """Working times between two midnights."""
    days = np.maximum((stop - begin) // cal.DAY, 1)
    day = begin + (rng.random(len(begin)) * days).astype(np.int64) * cal.DAY
    back = np.maximum(cal.weekday(day) - 4, 0) * cal.DAY
    day = np.where(day - back >= begin, day - back, day)
    return day + cal.office_hours(rng, len(begin))


def _users(rng: np.random.Generator, use: Use, customer: Ints) -> Ints:
    size = np.array([len(u) for u in use.users], dtype=np.int64)
    flat = np.concatenate(use.users) if use.users else np.zeros(0, dtype=np.int64)
    start = np.cumsum(size) - size
    return flat[
        start[customer] + (rng.random(len(customer)) ** 1.5 * size[customer]).astype(np.int64)
    ]


def trials(seed: int, units: pl.DataFrame, devices: Devices, fragments: Fragments) -> pl.DataFrame:
    """All trials and pilots: sign-up (alias, identify, group, Trial Started), then use."""
    rng = stream(seed, "trials")
    parts = []
    for name in VERTICALS:
        stage = "t4" if name == "medical" else "t3"
        own = units.filter(
            pl.col("vertical") == name,
            pl.col(stage) >= cal.START,
            pl.col(stage) < cal.END - cal.DAY,
        )
        start, person = own[stage].to_numpy(), own["unit"].to_numpy()
        device = devices.first[person]
        parts.append(rows(start + 1_000, person, ALIAS, device=device))
        parts.append(rows(start + 1_500, person, IDENTIFY))
        parts.append(rows(start + 2_000, person, GROUP))
        detail = fragments.add(f'"plan":"{name}-trial","days":{TRIAL_DAYS[name]}')
        parts.append(rows(start + 3_000, person, TEMPLATE["Trial Started"], detail=detail))
        wins = own["depth"].to_numpy() == 5
        of, _ = ragged(rng.poisson(np.where(wins, 15, 6)))
        day = start[of] // cal.DAY * cal.DAY
        time = _moments(rng, day + cal.DAY, day + TRIAL_DAYS[name] * cal.DAY)
        feature = np.array([fragments.add(f'"feature":"{f}","trial":true') for f in FEATURES[name]])
        used = rows(
            time,
            person[of],
            TEMPLATE["Feature Used"],
            detail=feature[choose(rng, [5, 4, 3, 2, 2, 1], len(of))],
        )
        parts.append(used.filter(pl.col("time") < cal.END - cal.HOUR))
    return pl.concat(parts)


def milestones(seed: int, deals: pl.DataFrame, fragments: Fragments) -> pl.DataFrame:
    """Demo bookings through the calendar tool."""
    rng = stream(seed, "milestones")
    own = deals.filter(
        pl.col("kind") == "new", pl.col("s0") >= cal.START, pl.col("s0").is_not_null()
    )
    own = own.filter(pl.Series(rng.random(own.height) < 0.8))
    return rows(
        own["s0"].to_numpy(),
        own["person"].to_numpy(),
        TEMPLATE["Demo Booked"],
        detail=fragments.add('"tool":"calendar"'),
    )
