"""Organisations that churn under a hazard which the tests know."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl

from models_ml.supervised.spec import ModelSpec, TrainingSettings

AS_OF = datetime(2026, 1, 1)
FIRST = datetime(2024, 1, 1)
SPEC = ModelSpec(
    name="churn",
    title="Churn",
    purpose="Which organisations leave.",
    subject="account",
    numeric=("age_days", "uses", "tickets", "months_to_renewal", "size", "nps", "noise"),
    categorical=("kind",),
    horizon_days=90,
    age="age_days",
)
#: Few replicates and candidates: what tests ask of most models.
QUICK = TrainingSettings(candidates=("linear",), replicates=40, least_rows=50, least_positives=5)


def world(seed: int = 1, organisations: int = 1500, months: int = 14) -> pl.DataFrame:
    """Labelled rows, and ``hazard``: the true probability of the outcome.

    Health is hidden and drifts; use, tickets, answers and the age of the last activity follow it.
    """
    draw = np.random.default_rng(seed)
    n = organisations
    health, size = draw.normal(size=n), draw.normal(size=n)
    since = draw.integers(1, 24, n)
    kind = draw.choice(["clinic", "group", "town"], n)
    alive = np.ones(n, bool)
    found = []
    for month in range(months):
        health = 0.9 * health + 0.44 * draw.normal(size=n)
        renewal = (12 - (since + month) % 12) % 12
        logit = -3.0 - 1.2 * health + 0.8 * (renewal <= 3) - 0.3 * size + 0.5 * (kind == "clinic")
        hazard = 1 / (1 + np.exp(-logit))
        left = draw.random(n) < hazard
        answered = draw.random(n) < 0.4
        columns = {
            "account_id": [f"a{k}" for k in range(n)],
            "vertical": np.where(kind == "town", "public", "medical"),
            "age_days": np.exp(1.5 - 0.9 * health + 0.2 * draw.normal(size=n)),
            "uses": draw.poisson(np.exp(3 + 0.7 * health)),
            "tickets": draw.poisson(np.exp(-0.5 - 0.4 * health)),
            "months_to_renewal": renewal,
            "size": size,
            "nps": np.where(answered, np.clip(np.round(7 + 1.5 * health), 0, 10), np.nan),
            "noise": draw.normal(size=n),
            "kind": kind,
            "is_positive": left,
            "hazard": hazard,
        }
        at = FIRST + timedelta(days=30 * month)
        rows = pl.DataFrame(columns).with_columns(pl.lit(at).alias("snapshot_at"))
        found.append(rows.filter(pl.Series(alive)))
        alive &= ~(draw.random(n) < hazard / 3)
    return pl.concat(found).with_columns(pl.col("nps").fill_nan(None))
