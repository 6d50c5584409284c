"""Contracts over time: the true churn hazard, health, and every change of recurring revenue.

Each customer has a hidden health, an autoregressive process with mean about 0 and standard
deviation 1 that drops by 1.5 when a champion leaves. Usage and survey answers follow health, so
they fall before a customer goes. The hazard that a contract which is active at the start of a
month ends in that month:

    hazard = base[vertical] * exp(-health_of_last_month - 1/2) * tenure[months since start]

(`exp(-1/2)` makes the mean over healthy and unhealthy customers the base: 2 % medical, 0.5 %
public). The same code draws every profile; `Book` holds arrays, one row per customer.

- months (one row per customer and month at risk): customer, month, hazard, health, churned.
- changes: customer, time, kind (new, expansion, contraction, churn, reactivation), delta, mrr
  (after the change), in whole units of the customer's currency.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from sandbox.world import calendar as cal
from sandbox.world.draws import Ints, allocate, stream, systematic
from sandbox.world.plan import (
    CONTRACTION,
    EXPANSION,
    REACTIVATION,
    START_MRR,
    VERTICALS,
    YEAR_1_MRR,
)

BASE_HAZARD = {"medical": 0.02, "public": 0.005}
HEALTH_WEIGHT = 1.0
HEALTH_MEMORY = 0.85
CHAMPION_LEAVES = 0.02
CHAMPION_SHOCK = -1.5
#: Habit: a monthly gain that half makes up for the champions who leave.
HABIT = 0.015

NEW, EXPANDED, CONTRACTED, CHURNED, REACTIVATED = range(5)
CHANGE_KINDS = ["new", "expansion", "contraction", "churn", "reactivation"]


@dataclass
class Book:
    """The contracts of a world; see the module's docstring."""

    customers: pl.DataFrame
    months: pl.DataFrame
    changes: pl.DataFrame
    health: np.ndarray  # customers x months; NaN before the start


def tenure_factor(tenure_months: Ints) -> np.ndarray:
    """Fewer leave in the first quarter, more at the yearly renewal."""
    return np.where(tenure_months <= 3, 0.6, np.where((tenure_months % 12) == 0, 2.0, 1.0))


def hazard(vertical: Ints, health: np.ndarray, tenure_months: Ints) -> np.ndarray:
    """Probability that a contract active at the start of a month ends in it.

    `vertical` indexes plan.VERTICALS; `health` is that of the month before.
    """
    base = np.array([BASE_HAZARD[v] for v in VERTICALS])[vertical]
    factor = np.exp(-HEALTH_WEIGHT * health - HEALTH_WEIGHT**2 / 2)
    return np.minimum(base * factor * tenure_factor(tenure_months), 0.6)


class NoRoom(ValueError):
    """The drawn expansions cannot carry year 1 to its MRR."""


def book(seed: int, customers: pl.DataFrame, *, exact_year_1: bool = True) -> Book:
    """Run all contracts to the fixed end.

    `customers` has account (row), vertical, signed (time), currency. With `exact_year_1` the
    starting MRR of year 1 averages START_MRR and its end stands at YEAR_1_MRR exactly; about one
    draw in 400 leaves no room for that and the next draw of the same seed is taken.
    """
    for attempt in range(20):
        try:
            return _run(stream(seed, "contracts", attempt), customers, exact_year_1)
        except NoRoom:
            continue
    raise NoRoom(f"seed {seed}: year 1 cannot land on its MRR")


def _run(rng: np.random.Generator, customers: pl.DataFrame, exact_year_1: bool) -> Book:
    customers = customers.sort("signed", "account").with_row_index("customer")
    n = customers.height
    vertical = (
        customers["vertical"]
        .replace_strict(VERTICALS, range(len(VERTICALS)), return_dtype=pl.Int64)
        .to_numpy()
    )
    signed = customers["signed"].to_numpy()
    began = cal.month_of(signed)
    start_mrr = _start_mrr(rng, vertical, began, exact_year_1)

    health = np.full((n, cal.N_MONTHS), np.nan)
    current = rng.normal(0.1, 1.0, n)
    mrr = np.zeros(n, dtype=np.int64)
    base_mrr = start_mrr.copy()  # of the base deal, which a reduction replaces
    since = began.copy()  # month of the current contract's start
    gone_at = np.full(n, cal.NEVER)
    carry = dict.fromkeys(range(len(VERTICALS)), 0.5)
    months: list[dict[str, np.ndarray]] = []
    changes: list[dict[str, np.ndarray]] = []

    def change(rows: Ints, times: Ints, kind: int, delta: Ints) -> None:
        mrr[rows] += delta
        changes.append(
            {
                "customer": rows,
                "time": times,
                "kind": np.full(len(rows), kind),
                "delta": delta,
                "mrr": mrr[rows].copy(),
            }
        )

    for month in range(cal.N_MONTHS):
        at_risk = np.flatnonzero(mrr > 0)
        last_health = current.copy()
        current = HEALTH_MEMORY * current + np.sqrt(1 - HEALTH_MEMORY**2) * rng.normal(size=n)
        current = current + HABIT + CHAMPION_SHOCK * (rng.random(n) < CHAMPION_LEAVES)
        risk = hazard(vertical[at_risk], last_health[at_risk], month - since[at_risk])
        churned = np.zeros(len(at_risk), dtype=bool)
        for v in carry:
            own = np.flatnonzero(vertical[at_risk] == v)
            own = own[rng.permutation(len(own))]
            churned[own], carry[v] = systematic(risk[own], carry[v])
        months.append(
            {
                "customer": at_risk,
                "month": np.full(len(at_risk), month),
                "hazard": risk,
                "health": last_health[at_risk],
                "churned": churned,
            }
        )
        when = cal.in_month(rng, np.full(n, month))
        chance = rng.random(n)
        portion = rng.uniform(0.15, 0.35, n)
        leaving = at_risk[churned]
        gone_at[leaving] = month
        change(leaving, when[leaving], CHURNED, -mrr[leaving])

        staying = at_risk[~churned]
        up = np.array([EXPANSION[v] for v in VERTICALS])[vertical[staying]]
        down = np.array([CONTRACTION[v] for v in VERTICALS])[vertical[staying]]
        grow = staying[chance[staying] < up]
        shrink = staying[(chance[staying] >= up) & (chance[staying] < up + down)]
        change(grow, when[grow], EXPANDED, np.maximum((mrr[grow] * portion[grow]).astype(int), 10))
        cut = np.maximum((base_mrr[shrink] * portion[shrink]).astype(np.int64), 5)
        base_mrr[shrink] -= cut
        change(shrink, when[shrink], CONTRACTED, -cut)

        away = np.flatnonzero((gone_at < month - 1) & (mrr == 0))
        back = away[chance[away] < REACTIVATION]
        since[back] = month
        gone_at[back] = cal.NEVER
        base_mrr[back] = (start_mrr[back] * 0.9).astype(np.int64)
        change(back, when[back], REACTIVATED, base_mrr[back])

        new = np.flatnonzero(began == month)
        change(new, signed[new], NEW, start_mrr[new])
        shown = (mrr > 0) | np.isin(np.arange(n), leaving)
        health[shown, month] = current[shown]

    table = pl.concat([pl.DataFrame(c) for c in changes]).sort("customer", "time")
    if exact_year_1:
        table = _land_year_1(table, vertical)
    return Book(
        customers.with_columns(start_mrr=pl.Series(start_mrr)),
        pl.concat([pl.DataFrame(m) for m in months]),
        table.with_columns(kind=pl.Series(CHANGE_KINDS).gather(table["kind"])),
        health,
    )


def _start_mrr(rng: np.random.Generator, vertical: Ints, began: Ints, exact_year_1: bool) -> Ints:
    """Starting MRR per customer, whole units, multiples of 10 in year 2 and exact in year 1."""
    mean = np.array([START_MRR[v] for v in VERTICALS])[vertical]
    drawn = mean * np.exp(rng.normal(-0.045, 0.3, len(vertical)))
    amount = np.maximum((drawn / 10).round().astype(np.int64) * 10, 50)
    if exact_year_1:
        for v, name in enumerate(VERTICALS):
            own = np.flatnonzero((vertical == v) & (began < 12))
            amount[own] = 10 * allocate(START_MRR[name] * len(own) // 10, drawn[own])
    return amount


def _land_year_1(changes: pl.DataFrame, vertical: Ints) -> pl.DataFrame:
    """Set the sizes of year 1's lasting expansions so that its end stands at YEAR_1_MRR.

    Only expansions of customers that are still there at the end of year 1 are touched; later
    amounts of the same customer keep their delta, except a churn, which takes what there is.
    """
    end = cal.month_first(12)
    delta = changes["delta"].to_numpy().copy()
    customer = changes["customer"].to_numpy()
    kind = changes["kind"].to_numpy()
    in_year = changes["time"].to_numpy() < end
    for v, name in enumerate(VERTICALS):
        own = in_year & (vertical[customer] == v)
        gone = np.isin(customer, customer[own & (kind == CHURNED)])
        free = np.flatnonzero(own & (kind == EXPANDED) & ~gone)
        rest = YEAR_1_MRR[name] - int(delta[own].sum() - delta[free].sum())
        if len(free) == 0 or rest < 10 * len(free):
            raise NoRoom(name)
        delta[free] = 10 + allocate(rest - 10 * len(free), delta[free])
    running = _running(customer, kind, delta)
    return changes.with_columns(delta=pl.Series(delta), mrr=pl.Series(running))


def _running(customer: Ints, kind: Ints, delta: Ints) -> Ints:
    """MRR after each change of customers in order; a churn's delta is set to end at zero."""
    after = np.zeros(len(customer), dtype=np.int64)
    level, last = 0, -1
    for i in range(len(customer)):  # a few thousand changes, in calibrated worlds only
        level = level if customer[i] == last else 0
        last = customer[i]
        if kind[i] == CHURNED:
            delta[i] = -level
        level += int(delta[i])
        after[i] = level
    return after


def ledger(world: Book) -> pl.DataFrame:
    """One row per customer and month with movement or revenue: start, the five movements, end."""
    changes = world.changes.with_columns(
        month=pl.Series(cal.month_of(world.changes["time"].to_numpy()))
    )
    moved = changes.group_by("customer", "month", maintain_order=True).agg(
        *[
            pl.col("delta").filter(pl.col("kind") == kind).sum().abs().alias(kind)
            for kind in CHANGE_KINDS
        ],
        mrr_end=pl.col("mrr").last(),
    )
    grid = world.customers.select(
        "customer",
        month=pl.int_ranges(
            pl.Series(cal.month_of(world.customers["signed"].to_numpy())), cal.N_MONTHS
        ),
    ).explode("month")
    return (
        grid.join(moved.sort("customer", "month"), on=["customer", "month"], how="left")
        .sort("customer", "month")
        .with_columns(pl.col("mrr_end").forward_fill().over("customer"))
        .with_columns(
            mrr_start=pl.col("mrr_end").shift(1).over("customer").fill_null(0),
            **{kind: pl.col(kind).fill_null(0) for kind in CHANGE_KINDS},
        )
    )
