"""Orders of customers as the models see them: how many, when the last, for how long watched.

Orders of one day are one purchase, whose value is their sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from models_ml.value.optimise import Floats

WEEK_DAYS = 7
#: Columns of purchases: one row per customer and day.
PURCHASES = {"customer_id": pl.String, "ordered_on": pl.Date, "value": pl.Float64}


@dataclass(frozen=True)
class Histories:
    """Per customer (customers,): purchases after the first day, weeks from it to the last one and
    to the end, and how many customers this stands for."""

    repeats: Floats
    recency: Floats
    age: Floats
    weights: Floats

    def grouped(self) -> Histories:
        """Equal histories as one, with their weight."""
        rows = np.column_stack([self.repeats, self.recency, self.age])
        found, place = np.unique(rows, axis=0, return_inverse=True)
        weights = np.bincount(place.ravel(), weights=self.weights, minlength=len(found))
        return Histories(found[:, 0], found[:, 1], found[:, 2], weights)


def summed(purchases: pl.DataFrame, end: date) -> pl.DataFrame:
    """One row per customer that bought before ``end``, the day after the last one watched.

    ``purchases`` has the columns of :data:`PURCHASES`, one row a customer and day. Adds
    ``repeats``, ``first_on``, ``last_on``, ``recency_weeks``, ``age_weeks`` (from the first day to
    the last one watched) and ``repeat_value``, the mean of the purchases after the first that are
    worth anything, with ``valued_repeats``, how many these are.
    """
    before = purchases.filter(pl.col("ordered_on") < end)
    first = pl.col("ordered_on").min().over("customer_id")
    repeated = (pl.col("ordered_on") > pl.col("first_on")) & (pl.col("value") > 0)
    last_watched = pl.lit(end) - pl.duration(days=1)
    return (
        before.with_columns(first_on=first)
        .group_by("customer_id")
        .agg(
            repeats=pl.len().cast(pl.Float64) - 1,
            first_on=pl.col("first_on").first(),
            last_on=pl.col("ordered_on").max(),
            valued_repeats=repeated.sum().cast(pl.Float64),
            repeat_value=pl.col("value").filter(repeated).mean(),
        )
        .with_columns(
            recency_weeks=(pl.col("last_on") - pl.col("first_on")).dt.total_days() / WEEK_DAYS,
            age_weeks=(last_watched - pl.col("first_on")).dt.total_days() / WEEK_DAYS,
        )
        .sort("customer_id")
    )


def histories(customers: pl.DataFrame) -> Histories:
    """Rows of :func:`summed` as arrays."""
    columns = [customers[name].to_numpy() for name in ("repeats", "recency_weeks", "age_weeks")]
    return Histories(*(np.asarray(c, float) for c in columns), np.ones(customers.height))
