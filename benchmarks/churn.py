"""The churn model on worlds whose hazard is known: how much of it is found.

    python -m benchmarks.churn [--seeds 1 2 3 4 5] [--keep FOLDER]

Each seed makes the demo's churn profile (21,000 contracts) and runs the whole pipeline over it
once, which takes some minutes. The model is trained on the features as dbt has built them, and
judged on the test window: organisations it never saw, in the two last months whose 90 days are
over. Beside its AUC stand those of the truth: of the hazard in the month that begins at the
snapshot, and of what health then says about all three months. With --keep, a world that lies there
is used again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
from sklearn.metrics import roc_auc_score

from models_ml.supervised.spec import SNAPSHOT, ModelSpec, TrainingSettings
from models_ml.supervised.splitting import split
from models_ml.supervised.training import train
from sandbox.world.contracts import HEALTH_MEMORY, tenure_factor
from workspace.clock import parse_time
from workspace.paths import Paths

KEYS = {"account_id", SNAPSHOT, "is_positive", "crm_id"}
ROWS = """
    select features.*, labels.is_positive, accounts.crm_id
    from marts.account_feature_snapshots as features
    inner join intermediate.int_churn_labels as labels using (account_id, snapshot_at)
    inner join marts.dim_accounts as accounts using (account_id)
"""


def world(seed: int, folder: Path) -> Path:
    """A workspace with the world of this seed, made where it is not there."""
    workspace = folder / f"churn-{seed}"
    if not (workspace / "published" / "current").exists():
        command = [sys.executable, "-m", "interfaces.cli", "demo", "--profile", "churn"]
        command += ["--seed", str(seed), "--workspace", str(workspace)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return workspace


def read(workspace: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The labelled rows, and the truth by company and month."""
    with duckdb.connect(str(workspace / "warehouse.duckdb"), read_only=True) as connection:
        rows = connection.execute(ROWS).pl()
    months = pl.read_parquet(workspace / "demo" / "truth" / "contract_months.parquet")
    # By months since the contract began; only the first contract of a company has all its months.
    since = months.group_by("customer").agg(pl.col("month").min().alias("first"))
    months = months.join(since, on="customer").with_columns(
        tenure=pl.col("month") - pl.col("first")
    )
    expected = np.zeros(months.height)
    health, tenure = months["health"].to_numpy(), months["tenure"].to_numpy()
    base = months["hazard"].to_numpy() / (np.exp(-health) * tenure_factor(tenure))
    for ahead in range(3):
        later = np.exp(-health * HEALTH_MEMORY**ahead)
        expected += base * later * tenure_factor(tenure + ahead)
    return rows, months.with_columns(expected=expected)


def spec_of(rows: pl.DataFrame) -> ModelSpec:
    names = [name for name in rows.columns if name not in KEYS]
    texts = tuple(name for name in names if rows[name].dtype == pl.String)
    numeric = tuple(name for name in names if name not in texts)
    return ModelSpec("churn", "Churn", "", "account", numeric, texts, 90, "days_since_use")


def measured(workspace: Path) -> dict[str, float]:
    rows, months = read(workspace)
    spec, settings = spec_of(rows), TrainingSettings()
    as_of = parse_time(Paths(workspace).default_as_of.read_text())
    began = time.perf_counter()
    trained = train(spec, rows, settings, as_of)
    seconds = time.perf_counter() - began
    test = split(spec, rows, settings).test.with_columns(
        month=(pl.col(SNAPSHOT).dt.year() - 2024) * 12 + pl.col(SNAPSHOT).dt.month() - 10
    )
    known = months.select("company", "month", "hazard", "expected").unique(["company", "month"])
    told = test.join(
        known.with_columns(pl.col("month").cast(test["month"].dtype)),
        left_on=["crm_id", "month"],
        right_on=["company", "month"],
    )
    own = dict(trained.metrics.filter(pl.col("slice") == "all").select("metric", "value").rows())
    base = dict(
        trained.metrics.filter(pl.col("slice") == "all").select("metric", "baseline_age").rows()
    )
    outcome = told["is_positive"]
    print(
        f"  {trained.parameters}, {trained.windows[0].rows:,} rows trained, {test.height:,} judged"
    )
    for finding in trained.findings:
        print(f"  {finding.kind} {finding.subject}: {finding.detail}")
    print(f"  {trained.importance.head(8).rows()}")
    return {
        "auc": own["auc"],
        "auc_same_rows": float(roc_auc_score(outcome, trained.fitted.probability(told))),
        "auc_of_hazard": float(roc_auc_score(outcome, told["hazard"])),
        "auc_of_three_months": float(roc_auc_score(outcome, told["expected"])),
        "auc_of_age": base["auc"],
        "calibration_error": own["calibration_error"],
        "brier": own["brier"],
        "seconds": seconds,
        "matched": told.height / test.height,
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args(arguments)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in options.seeds:
            one = measured(world(seed, options.keep or Path(folder)))
            print(
                f"seed {seed}: " + ", ".join(f"{name} {value:.4f}" for name, value in one.items())
            )
            found.append(one)
    mean = {name: float(np.mean([one[name] for one in found])) for name in found[0]}
    print(f"mean of {len(found)}: " + ", ".join(f"{name} {mean[name]:.4f}" for name in mean))
    for truth in ("auc_of_hazard", "auc_of_three_months"):
        print(f"AUC as a share of {truth}: {mean['auc_same_rows'] / mean[truth]:.1%}")


if __name__ == "__main__":
    main()
