"""Both models fitted on the purchases of a vertical, held against what happened next.

The hold-out is the second half of the time watched, a year at most: the order model is fitted on
what was known before it and foretells how many purchases each customer makes in it. Beside it
stands the naive forecast, each customer's own rate carried on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from models_ml.value import bg_nbd, gamma_gamma
from models_ml.value.bg_nbd import BgNbd
from models_ml.value.gamma_gamma import GammaGamma
from models_ml.value.histories import WEEK_DAYS, histories, summed
from models_ml.value.optimise import Floats, NoMaximum

#: With fewer customers, or fewer that came again, nothing is fitted.
LEAST_CUSTOMERS, LEAST_REPEATERS = 100, 30
LONGEST_HOLDOUT = timedelta(weeks=52)


@dataclass(frozen=True)
class Forecast:
    """Purchases of the hold-out: how many there were, how many were foretold by the model and by
    the naive rate, and the mean absolute error of each by customer."""

    starts_on: date
    weeks: float
    customers: int
    actual: float
    expected: float
    naive: float
    error: float
    naive_error: float


@dataclass(frozen=True)
class Fitted:
    """What was fitted. ``refusal`` says why there is no order model, ``value_refusal`` why there
    is none of an order's value. ``correlation`` is that of the number of repeat purchases with
    their mean value, which the second model takes to be 0."""

    customers: int
    repeaters: int
    orders: BgNbd | None = None
    value: GammaGamma | None = None
    correlation: float | None = None
    forecast: Forecast | None = None
    refusal: str | None = None
    value_refusal: str | None = None


def fit(purchases: pl.DataFrame, end: date) -> Fitted:
    """Fit what purchases before ``end`` allow; columns of
    :data:`~models_ml.value.histories.PURCHASES`."""
    customers = summed(purchases, end)
    repeaters = int((customers["repeats"] > 0).sum()) if customers.height else 0
    counted = (customers.height, repeaters)
    refusal = _too_few(*counted)
    if refusal is not None:
        return Fitted(*counted, refusal=refusal, value_refusal=refusal)
    try:
        orders = bg_nbd.fit(histories(customers))
    except NoMaximum as error:
        return Fitted(*counted, refusal=f"orders: {error}", value_refusal=f"orders: {error}")
    value, why = _value_model(customers)
    return Fitted(
        *counted,
        orders=orders,
        value=value,
        correlation=_correlation(customers),
        forecast=_forecast(purchases, end),
        value_refusal=why,
    )


def held_out(purchases: pl.DataFrame, starts_on: date, end: date) -> Forecast | None:
    """A forecast of [starts_on, end) from what came before; None where that is too little."""
    customers = summed(purchases, starts_on)
    repeaters = int((customers["repeats"] > 0).sum()) if customers.height else 0
    if _too_few(customers.height, repeaters) is not None:
        return None
    known = histories(customers)
    try:
        model = bg_nbd.fit(known)
    except NoMaximum:
        return None
    weeks = (end - starts_on).days / WEEK_DAYS
    inside = purchases.filter(pl.col("ordered_on").is_between(starts_on, end, closed="left"))
    later = inside.group_by("customer_id").agg(later=pl.len())
    joined = customers.join(later, on="customer_id", how="left", maintain_order="left")
    actual = joined["later"].fill_null(0).to_numpy().astype(float)
    expected = model.expected(known, weeks)
    naive = _naive(known.repeats, known.age, weeks)
    return Forecast(
        starts_on=starts_on,
        weeks=weeks,
        customers=customers.height,
        actual=float(actual.sum()),
        expected=float(expected.sum()),
        naive=float(naive.sum()),
        error=float(np.abs(expected - actual).mean()),
        naive_error=float(np.abs(naive - actual).mean()),
    )


def _forecast(purchases: pl.DataFrame, end: date) -> Forecast | None:
    first = purchases["ordered_on"].min()
    assert isinstance(first, date)  # there are customers
    return held_out(purchases, end - min((end - first) // 2, LONGEST_HOLDOUT), end)


def _naive(repeats: Floats, age: Floats, weeks: float) -> Floats:
    return np.divide(repeats * weeks, age, out=np.zeros_like(repeats), where=age > 0)


def _too_few(customers: int, repeaters: int) -> str | None:
    if customers < LEAST_CUSTOMERS:
        return f"{customers} customers, {LEAST_CUSTOMERS} are needed"
    if repeaters < LEAST_REPEATERS:
        return f"{repeaters} customers came again, {LEAST_REPEATERS} are needed"
    return None


def _valued(customers: pl.DataFrame) -> tuple[Floats, Floats]:
    known = customers.filter(pl.col("valued_repeats") > 0)
    return known["valued_repeats"].to_numpy(), known["repeat_value"].to_numpy()


def _value_model(customers: pl.DataFrame) -> tuple[GammaGamma | None, str | None]:
    counts, means = _valued(customers)
    if len(counts) < LEAST_REPEATERS:
        return None, f"{len(counts)} customers with a known value, {LEAST_REPEATERS} are needed"
    try:
        model = gamma_gamma.fit(counts, means)
    except NoMaximum as error:
        return None, f"value: {error}"
    if model.mean is None:
        return None, "value: the mean of an order's value is infinite (q <= 1)"
    return model, None


def _correlation(customers: pl.DataFrame) -> float | None:
    counts, means = _valued(customers)
    if len(counts) < 3 or counts.std() == 0 or means.std() == 0:
        return None
    return float(np.corrcoef(counts, means)[0, 1])
