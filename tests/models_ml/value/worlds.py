"""Purchases drawn from the models' own assumptions."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from models_ml.value.bg_nbd import BgNbd
from models_ml.value.gamma_gamma import GammaGamma
from models_ml.value.histories import PURCHASES

START = date(2024, 1, 1)


def purchases(
    customers: int, weeks: float, orders: BgNbd, worth: GammaGamma, seed: int = 1
) -> pl.DataFrame:
    """The days of customers who came in the first quarter of these weeks, day by day."""
    draw = np.random.default_rng(seed)
    rows: dict[tuple[str, date], float] = {}
    for n in range(customers):
        rate = draw.gamma(orders.r, 1 / orders.alpha)
        leaves = draw.beta(orders.a, orders.b)
        scale = 1 / draw.gamma(worth.q, 1 / worth.v)
        at, is_first = draw.uniform(0, weeks / 4), True
        while at < weeks:
            key = (f"c{n:05}", START + timedelta(days=int(at * 7)))
            rows[key] = rows.get(key, 0.0) + draw.gamma(worth.p, scale)
            if not is_first and draw.uniform() < leaves:
                break
            is_first = False
            at += draw.exponential(1 / rate)
    return pl.DataFrame(
        {
            "customer_id": [customer for customer, _ in rows],
            "ordered_on": [day for _, day in rows],
            "value": list(rows.values()),
        },
        schema=PURCHASES,
    )
