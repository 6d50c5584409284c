"""How good a model is on the test window, beside two simple baselines, for all and by slice.

The baselines are fitted to the same rows as the model: ``age`` knows the age of the last activity
only, ``constant`` gives everybody the mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import binomtest

from models_ml.supervised import replicates
from models_ml.supervised.candidates import labels
from models_ml.supervised.columns import frequent
from models_ml.supervised.spec import ModelSpec, TrainingSettings
from models_ml.supervised.splitting import groups_of, numbers

Floats = NDArray[np.float64]
ALL = "all"
METRICS = {
    "window": pl.String,
    "slice": pl.String,
    "metric": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "baseline_age": pl.Float64,
    "baseline_constant": pl.Float64,
    "rows": pl.Int64,
    "positives": pl.Int64,
}
BASELINES = {"baseline_constant": "the mean", "baseline_age": "the age of the last activity"}
#: Of fewer rows of a slice only the number is told.
LEAST_ROWS = 30


def metrics(
    spec: ModelSpec,
    frame: pl.DataFrame,
    chances: dict[str, Floats],
    settings: TrainingSettings,
    window: str = "test",
) -> pl.DataFrame:
    """One row per slice and metric (columns: :data:`METRICS`).

    ``frame`` holds labelled rows; ``chances`` the probabilities of ``model``, ``age`` and
    ``constant``. The metrics are `replicates.MEASURES`, ``auc_above_age`` (the model's less the
    baseline's, with the interval of the difference), ``known_share`` (of the features' values) and
    ``positives``. What cannot be said of a slice is null.
    """
    found: list[dict[str, Any]] = []
    for name, part in slices(spec, frame):
        rows = frame.filter(part)
        own = {key: values[part.to_numpy()] for key, values in chances.items()}
        common = {"window": window, "slice": name, "rows": rows.height}
        common["positives"] = int(labels(rows).sum())
        for row in _measured(spec, rows, own, settings):
            found.append(common | row)
    return pl.DataFrame(found, schema=METRICS)


def beaten(found: pl.DataFrame) -> str | None:
    """Which baseline beats the model by more than chance, in ranking or in Brier score, of
    :func:`metrics`; None if none does."""
    rows = {row["metric"]: row for row in found.filter(pl.col("slice") == ALL).to_dicts()}
    auc, above, brier = rows.get("auc"), rows.get("auc_above_age"), rows.get("brier")
    if auc and auc["high"] is not None and auc["high"] < 0.5:
        return f"ranks worse than chance: AUC {auc['value']:.4f}, at most {auc['high']:.4f}"
    if above and above["high"] is not None and above["high"] < 0:
        told = f"{above['value']:+.4f} ({above['low']:+.4f} to {above['high']:+.4f})"
        return f"ranks worse than the age of the last activity alone: AUC {told}"
    for column, name in BASELINES.items():
        if brier and brier["low"] is not None and brier["low"] > brier[column]:
            told = f"{brier['value']:.4f}, at least {brier['low']:.4f}, against {brier[column]:.4f}"
            return f"is further from the outcomes than {name} alone: Brier score {told}"
    return None


def slices(spec: ModelSpec, frame: pl.DataFrame) -> Iterator[tuple[str, pl.Series]]:
    """All rows, then those of each value of each slice's column that enough groups have; null is
    ``unknown``."""
    yield ALL, pl.Series([True]).new_from_index(0, frame.height)
    groups = groups_of(spec, frame)
    for column in spec.slices:
        values = frame.get_column(column).cast(pl.String).fill_null("unknown")
        for value in sorted(frequent(values, groups)):
            yield f"{column}={value}", values == value


def calibration(frame: pl.DataFrame, chances: Floats, level: float) -> pl.DataFrame:
    """One row per tenth of the rows by probability, the lowest first: ``decile`` (1 to 10),
    ``rows``, mean ``predicted``, share ``observed`` and its exact interval ``low`` to ``high``."""
    truth = labels(frame)
    order = np.argsort(chances, kind="stable")
    found = []
    for decile, part in enumerate(np.array_split(order, replicates.TENTHS), 1):
        if not len(part):
            continue
        seen = int(truth[part].sum())
        bounds = binomtest(seen, len(part)).proportion_ci(level)
        found.append(
            {
                "decile": decile,
                "rows": len(part),
                "predicted": float(chances[part].mean()),
                "observed": seen / len(part),
                "low": float(bounds.low),
                "high": float(bounds.high),
            }
        )
    return pl.DataFrame(found)


def _measured(
    spec: ModelSpec, rows: pl.DataFrame, chances: dict[str, Floats], settings: TrainingSettings
) -> Iterator[dict[str, Any]]:
    truth = labels(rows)
    nulls = rows.select(spec.features).null_count().sum_horizontal().item()
    known = 1 - nulls / (rows.height * len(spec.features))
    yield {"metric": "known_share", "value": known}
    if rows.height < LEAST_ROWS:
        return
    both = 0 < truth.sum() < len(truth)
    kept = {
        name: measure
        for name, measure in replicates.MEASURES.items()
        if both or name not in replicates.RANKING
    }
    groups = groups_of(spec, rows)
    names = groups.unique(maintain_order=True)
    place = groups.replace_strict(names, list(range(len(names))), return_dtype=pl.Int64).to_numpy()
    values = {
        name: replicates.measured(replicates.rows(own, truth, place, exact=True), kept)
        for name, own in chances.items()
    }
    parts = {
        name: replicates.rows(own, truth, place)
        for name, own in chances.items()
        if name != "constant"
    }
    samples = replicates.drawn(
        parts, kept, numbers(names.to_list(), settings.seed), settings.replicates
    )
    for name in kept:
        value = values["model"][name]
        low, high = replicates.interval(
            value, samples["model"][name], settings.level, name == "calibration_error"
        )
        yield {
            "metric": name,
            "value": value,
            "low": low,
            "high": high,
            "baseline_age": values["age"][name],
            "baseline_constant": values["constant"][name],
        }
    if both:
        above = values["model"]["auc"] - values["age"]["auc"]
        apart = samples["model"]["auc"] - samples["age"]["auc"]
        low, high = replicates.interval(above, apart, settings.level)
        yield {"metric": "auc_above_age", "value": above, "low": low, "high": high}
