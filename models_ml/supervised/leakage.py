"""Features that know the outcome: too good alone, and no longer so when they are a snapshot old.

What a feature is worth alone is the AUC, on the rows that choose between candidates, of the
outcome's share in its tenth (or for its text, or where it is unknown) in the training window. A
feature that carries what happens after the snapshot loses that when each row takes its subject's
value of the snapshot before; one that tells of a lasting state keeps most of it.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from sklearn.metrics import roc_auc_score

from models_ml.supervised.candidates import labels
from models_ml.supervised.columns import numbers
from models_ml.supervised.faults import Finding, Kind
from models_ml.supervised.spec import LABEL, SNAPSHOT, ModelSpec, TrainingSettings
from models_ml.supervised.splitting import Split

TENTHS = 10
#: A share learned from so many rows counts half, the rest being the mean's.
PRIOR = 20.0
#: With fewer of either outcome among rows that have a snapshot before, nothing is said by lagging.
LEAST = 10
SCHEMA = {"feature": pl.String, "auc": pl.Float64, "lagged_auc": pl.Float64, "is_leak": pl.Boolean}


def examined(
    spec: ModelSpec, frame: pl.DataFrame, parts: Split, settings: TrainingSettings
) -> tuple[pl.DataFrame, list[Finding]]:
    """One row per feature: ``auc`` alone, ``lagged_auc`` (null where no row has a snapshot before)
    and ``is_leak``; and a finding for each leak."""
    held = parts.validation
    before = previous(spec, frame, held)
    is_lagged = before.get_column("_has").to_numpy()
    truth = labels(held)
    comparable = min(truth[is_lagged].sum(), (~truth[is_lagged]).sum()) >= LEAST
    rows, found = [], []
    for name in spec.features:
        share = Share.learned(spec, name, parts.train)
        values = share.of(held.get_column(name))
        alone = _auc(truth, values)
        lagged = None
        is_leak = alone >= settings.leak_auc
        if comparable:
            same = _auc(truth[is_lagged], values[is_lagged])
            lagged = _auc(truth[is_lagged], share.of(before.get_column(name))[is_lagged])
            is_leak &= lagged - 0.5 < settings.leak_keeps * (same - 0.5)
        if is_leak:
            told = (
                "and no snapshot before to compare with"
                if lagged is None
                else (f"and {lagged:.3f} when a snapshot old")
            )
            found.append(Finding(Kind.LEAK, name, f"alone ranks with AUC {alone:.3f}, {told}"))
        rows.append({"feature": name, "auc": alone, "lagged_auc": lagged, "is_leak": is_leak})
    return pl.DataFrame(rows, schema=SCHEMA), found


def previous(spec: ModelSpec, frame: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """The features of each held row's subject at the snapshot before, in the order of ``held``;
    ``_has`` says whether there is one."""
    snapshots = frame.get_column(SNAPSHOT).unique().sort()
    follows = pl.DataFrame({SNAPSHOT: snapshots, "_before": snapshots.shift(1)})
    old = frame.select(
        spec.subject_id,
        pl.col(SNAPSHOT).alias("_before"),
        *spec.features,
        pl.lit(True).alias("_has"),
    )
    keys = held.select(spec.subject_id, SNAPSHOT).join(
        follows, on=SNAPSHOT, how="left", maintain_order="left"
    )
    found = keys.join(old, on=[spec.subject_id, "_before"], how="left", maintain_order="left")
    return found.with_columns(pl.col("_has").fill_null(False))


class Share:
    """The outcome's share by a feature's value, learned on rows."""

    def __init__(self, edges: np.ndarray | None, shares: pl.DataFrame, mean: float) -> None:
        self.edges, self.shares, self.mean = edges, shares, mean

    @classmethod
    def learned(cls, spec: ModelSpec, name: str, rows: pl.DataFrame) -> Share:
        column, edges = rows.get_column(name), None
        if name in spec.numeric:
            values = numbers(column)
            known = values[~np.isnan(values)]
            edges = np.unique(np.quantile(known, np.linspace(0, 1, TENTHS + 1)[1:-1]))
        mean = float(labels(rows).mean())
        told = pl.DataFrame({"bin": _bins(column, edges), LABEL: rows.get_column(LABEL)})
        share = (pl.col(LABEL).sum() + PRIOR * mean) / (pl.len() + PRIOR)
        return cls(edges, told.group_by("bin").agg(share.alias("share")), mean)

    def of(self, column: pl.Series) -> np.ndarray:
        bins = pl.DataFrame({"bin": _bins(column, self.edges)})
        found = bins.join(self.shares, on="bin", how="left", maintain_order="left")
        return found.get_column("share").fill_null(self.mean).to_numpy()


def _bins(column: pl.Series, edges: np.ndarray | None) -> pl.Series:
    if edges is None:
        return column.cast(pl.String).fill_null("\0")
    values = numbers(column)
    bins = np.searchsorted(edges, values, side="right")
    return pl.Series(np.where(np.isnan(values), -1, bins)).cast(pl.String)


def _auc(truth: np.ndarray, values: np.ndarray) -> float:
    return float(roc_auc_score(truth, values)) if 0 < truth.sum() < len(truth) else 0.5
