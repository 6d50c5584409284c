"""Boosted trees of scikit-learn and of LightGBM, and scores of a million rows by ours.

    python -m benchmarks.models [--rows N] [--score N] [--threads N]

Both libraries fit the same rows with the same number of trees, depth, rate and least leaf, once as
ours are (depth 3) and once with 31 leaves; AUC is that of rows neither saw. Then one fitted object
of each of our kinds scores rows of 25 numbers and 5 texts: probabilities alone, as a run needs
them; every feature's contributions; and the texts of the three largest. LightGBM's own exact
contributions (TreeSHAP) of a part of the rows stand beside them. At last a whole training of as
many rows: candidates of both kinds, calibration, intervals, leaks. Threads are those of the
libraries; our scoring uses one.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from lightgbm import LGBMClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from models_ml.supervised import candidates, explaining
from models_ml.supervised.fitted import Fitted
from models_ml.supervised.spec import LABEL, ModelSpec, TrainingSettings
from models_ml.supervised.training import train

NUMBERS, TEXTS, TREES, RATE, LEAF = 25, 5, 100, 0.1, 20
FIRST = datetime(2024, 1, 1)
SPEC = ModelSpec(
    "benchmark",
    "Benchmark",
    "",
    "contact",
    tuple(f"n{k}" for k in range(NUMBERS)),
    tuple(f"t{k}" for k in range(TEXTS)),
    90,
    "n0",
)


def rows(count: int, seed: int) -> pl.DataFrame:
    """Counts, ages and shares, a tenth of them unknown; the outcome follows some, two of them
    together."""
    draw = np.random.default_rng(seed)
    columns: dict[str, Any] = {}
    logit = np.full(count, -3.0)
    for k in range(NUMBERS):
        values = draw.lognormal(size=count) if k % 2 else draw.poisson(3, count).astype(float)
        if k < 8:
            logit += 0.5 * (np.log1p(values) - 1) * (-1) ** k
        values[draw.random(count) < 0.1] = np.nan
        columns[f"n{k}"] = values
    for k in range(TEXTS):
        values = draw.integers(0, 6, count)
        logit += 0.4 * (values == k)
        columns[f"t{k}"] = np.array([f"text {n}" for n in range(6)])[values]
    logit += 0.6 * (columns["n0"] > 3) * (columns["n2"] > 3)
    columns[LABEL] = draw.random(count) < 1 / (1 + np.exp(-logit))
    columns["contact_id"] = columns["account_id"] = np.arange(count).astype(str)
    return pl.DataFrame(columns)


@dataclass(frozen=True)
class Fit:
    seconds: float
    processor: float
    model: Any
    auc: float


def fit(make: Callable[[], Any], matrix: np.ndarray, truth: np.ndarray, held: tuple) -> Fit:
    began, used = time.perf_counter(), time.process_time()
    model = make().fit(matrix, truth)
    seconds, processor = time.perf_counter() - began, time.process_time() - used
    auc = float(roc_auc_score(held[1], model.predict_proba(held[0])[:, 1]))
    return Fit(seconds, processor, model, auc)


def timed(label: str, work: Callable[[], Any], count: int) -> float:
    began, used = time.perf_counter(), time.process_time()
    work()
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    print(f"  {label:<52} {seconds:6.2f} s, {cpu:6.2f} s of processor ({count:,} rows)")
    return seconds


def libraries(fitted: pl.DataFrame, test: pl.DataFrame, threads: int) -> dict[str, Any]:
    """Both libraries at both depths; gives what was fitted at ours."""
    columns = candidates.columns_of(SPEC, fitted)
    matrix, truth = columns.transform(fitted), candidates.labels(fitted)
    held = columns.transform(test), candidates.labels(test)
    print(f"{fitted.height:,} rows, {matrix.shape[1]} columns, {TREES} trees, {threads} threads")
    kept = {}
    for name, depth, leaves in (("depth 3", 3, 8), ("31 leaves", None, 31)):
        ours = fit(
            lambda depth=depth, leaves=leaves: HistGradientBoostingClassifier(
                max_iter=TREES,
                learning_rate=RATE,
                max_depth=depth,
                max_leaf_nodes=leaves,
                min_samples_leaf=LEAF,
                early_stopping=False,
                random_state=0,
            ),
            matrix,
            truth,
            held,
        )
        theirs = fit(
            lambda depth=depth, leaves=leaves: LGBMClassifier(
                n_estimators=TREES,
                learning_rate=RATE,
                max_depth=depth or -1,
                num_leaves=leaves,
                min_child_samples=LEAF,
                min_child_weight=0,
                n_jobs=threads,
                random_state=0,
                verbose=-1,
            ),
            matrix,
            truth,
            held,
        )
        for library, one in (("scikit-learn", ours), ("LightGBM", theirs)):
            print(
                f"  {name:<10} {library:<13} {one.seconds:6.2f} s, {one.processor:6.2f} s of "
                f"processor, AUC {one.auc:.4f}"
            )
        kept[name] = columns, ours.model, theirs.model
    return kept


def scoring(known: pl.DataFrame, kept: dict[str, Any], count: int) -> None:
    big = rows(count, 3).drop(LABEL)
    columns, ours, theirs = kept["depth 3"]
    pipelines = {"trees": candidates.Pipeline([("columns", columns), ("estimator", ours)])}
    found = candidates._linear(SPEC, known.head(50_000), known, TrainingSettings())
    pipelines["linear"] = next(found)[1]
    for kind, pipeline in pipelines.items():
        fitted = Fitted(pipeline)
        print(f"ours, {kind}")
        timed("probabilities", lambda fitted=fitted: fitted.probability(big), count)
        timed("contributions", lambda fitted=fitted: fitted.contributions(big), count)
        timed("the three largest, as texts", lambda f=fitted: explaining.top(f, big), count)
    part = big.head(max(1, count // 20))
    matrix = columns.transform(big)
    print("the libraries, from a matrix that is ready")
    timed("scikit-learn, depth 3, decisions", lambda: ours.decision_function(matrix), count)
    timed("LightGBM, depth 3, decisions", lambda: theirs.predict(matrix, raw_score=True), count)
    some = columns.transform(part)
    timed("LightGBM, depth 3, TreeSHAP", lambda: theirs.predict(some, pred_contrib=True), len(some))
    alone = part.head(1)
    fitted = Fitted(pipelines["trees"])
    fitted.probability(alone)
    spent = []
    for _ in range(200):
        began = time.perf_counter()
        explaining.top(fitted, alone)
        spent.append(time.perf_counter() - began)
    print(f"  one row, with its texts: median {1000 * np.median(spent):.1f} ms")


def training(count: int) -> None:
    """A whole training, as the weekly one of each model: 20 snapshots of contacts in groups of
    about three, more of them than training takes."""
    made = rows(count, 4)
    number = np.arange(count)
    made = made.with_columns(
        contact_id=pl.Series(number // 20).cast(pl.String),
        account_id=pl.Series(number // 60).cast(pl.String),
        vertical=pl.Series(np.where(number // 60 % 2 == 0, "medical", "public")),
        snapshot_at=pl.Series([FIRST + timedelta(days=30 * k) for k in range(20)]).gather(
            number % 20
        ),
    )
    print("training, as every week")
    last = FIRST + timedelta(days=30 * 20 + SPEC.horizon_days)
    timed("both kinds, judged", lambda: train(SPEC, made, TrainingSettings(), last), count)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--score", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    fitted, test = rows(options.rows, 1), rows(100_000, 2)
    with threadpool_limits(options.threads):
        kept = libraries(fitted, test, options.threads)
        scoring(fitted, kept, options.score)
    training(options.score)


if __name__ == "__main__":
    main()
