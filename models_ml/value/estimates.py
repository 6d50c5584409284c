"""The tables ``customer_value_fits`` and ``customer_value_estimates`` of a run's warehouse.

Computed again in each run: they follow from its orders alone.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

from models_ml.value.fitting import Fitted, fit
from models_ml.value.histories import WEEK_DAYS, histories, summed

FITS, ESTIMATES = "customer_value_fits", "customer_value_estimates"
#: What is foretold: the purchases of so many weeks, which is a year.
HORIZON_WEEKS = 365 / WEEK_DAYS

FIT_SCHEMA = pa.schema(
    [
        ("vertical", pa.string()),
        ("customers", pa.int64()),
        ("repeaters", pa.int64()),
        *((name, pa.float64()) for name in ("r", "alpha", "a", "b", "p", "q", "v")),
        ("correlation", pa.float64()),
        ("refusal", pa.string()),
        ("value_refusal", pa.string()),
        ("holdout_starts_on", pa.date32()),
        ("holdout_weeks", pa.float64()),
        ("holdout_customers", pa.int64()),
        *(
            (f"holdout_{name}", pa.float64())
            for name in ("actual", "expected", "naive", "error", "naive_error")
        ),
    ]
)
ESTIMATE_SCHEMA = pa.schema(
    [
        ("vertical", pa.string()),
        ("customer_id", pa.string()),
        ("first_order_on", pa.date32()),
        ("last_order_on", pa.date32()),
        ("repeat_purchases", pa.int64()),
        ("mean_value", pa.float64()),
        ("alive_probability", pa.float64()),
        ("expected_purchases", pa.float64()),
        ("expected_purchase_value", pa.float64()),
    ]
)


def customer_values(connection: duckdb.DuckDBPyConnection) -> dict[str, pa.Table]:
    """Table name -> rows: a fit for each vertical with orders, and each of their customers.

    What a refused model would say is empty. Purchases of the run's own, unfinished day are left
    out.
    """
    found = connection.execute("select as_of_on from staging.stg_system__run_context").fetchone()
    assert found is not None  # it has one row
    (end,) = found
    rows = connection.execute(
        "select vertical, customer_id, ordered_on, cast(value_base as double) as value "
        "from intermediate.int_purchase_days where ordered_on < $1 order by all",
        [end],
    ).pl()
    fits: list[dict[str, Any]] = []
    tables = [ESTIMATE_SCHEMA.empty_table()]
    for (vertical,), purchases in rows.group_by("vertical", maintain_order=True):
        fitted = fit(purchases, end)
        fits.append({"vertical": vertical, **fit_row(fitted)})
        tables.append(estimates(str(vertical), purchases, end, fitted))
    return {
        FITS: pa.Table.from_pylist(fits, schema=FIT_SCHEMA),
        ESTIMATES: pa.concat_tables(tables),
    }


def fit_row(fitted: Fitted) -> dict[str, Any]:
    """A fit as a row of :data:`FIT_SCHEMA`, but for its vertical."""
    forecast = fitted.forecast
    return {
        **{name: getattr(fitted, name) for name in FIT_SCHEMA.names if hasattr(fitted, name)},
        **(asdict(fitted.orders) if fitted.orders else {}),
        **(asdict(fitted.value) if fitted.value else {}),
        **({f"holdout_{key}": its for key, its in asdict(forecast).items()} if forecast else {}),
    }


def estimates(vertical: str, purchases: pl.DataFrame, end: date, fitted: Fitted) -> pa.Table:
    """Rows of :data:`ESTIMATE_SCHEMA`, one a customer. A customer whose repeat purchases have no
    known value is expected to order for as much as anybody."""
    customers = summed(purchases, end)
    known = histories(customers)
    nothing = np.full(customers.height, np.nan)
    alive, expected, worth = nothing, nothing, nothing
    if fitted.orders is not None:
        alive, expected = fitted.orders.alive(known), fitted.orders.expected(known, HORIZON_WEEKS)
    if fitted.value is not None:
        means = customers["repeat_value"].fill_null(0.0).to_numpy()
        worth = fitted.value.expected(customers["valued_repeats"].to_numpy(), means)
    found = customers.select(
        vertical=pl.lit(vertical),
        customer_id="customer_id",
        first_order_on="first_on",
        last_order_on="last_on",
        repeat_purchases=pl.col("repeats").cast(pl.Int64),
        mean_value="repeat_value",
        alive_probability=pl.Series(alive).fill_nan(None),
        expected_purchases=pl.Series(expected).fill_nan(None),
        expected_purchase_value=pl.Series(worth).fill_nan(None),
    )
    return found.to_arrow().cast(ESTIMATE_SCHEMA)
