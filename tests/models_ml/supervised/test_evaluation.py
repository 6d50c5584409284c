"""Measures against scikit-learn's, intervals against repeated samples, and both by slice."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as library

from models_ml.supervised import evaluation, replicates
from models_ml.supervised.splitting import numbers
from models_ml.supervised.training import Trained
from tests.models_ml.churning import QUICK, SPEC

CASES = st.integers(0, 10**6).map(np.random.default_rng)


def drawn_case(draw: np.random.Generator, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    chances = draw.choice(draw.random(draw.integers(1, 60)), n)
    truth = draw.random(n) < chances
    truth[:2] = True, False
    return chances, truth


@settings(max_examples=60, deadline=None)
@given(CASES)
def test_measures_are_those_of_scikit_learn(draw: np.random.Generator) -> None:
    chances, truth = drawn_case(draw)
    found = replicates.measured(
        replicates.rows(chances, truth, np.arange(200)), replicates.MEASURES
    )
    assert found["auc"] == pytest.approx(library.roc_auc_score(truth, chances))
    assert found["average_precision"] == pytest.approx(
        library.average_precision_score(truth, chances)
    )
    assert found["brier"] == pytest.approx(library.brier_score_loss(truth, chances))
    assert found["log_loss"] == pytest.approx(library.log_loss(truth, chances))
    assert found["predicted_share"] == pytest.approx(chances.mean())
    assert found["observed_share"] == pytest.approx(truth.mean())


@settings(max_examples=40, deadline=None)
@given(CASES)
def test_a_group_drawn_twice_counts_like_its_rows_twice(draw: np.random.Generator) -> None:
    chances, truth = drawn_case(draw, 120)
    groups = draw.integers(0, 30, 120)
    groups[:30] = np.arange(30)
    times = draw.integers(0, 4, 30)
    rows = np.repeat(np.arange(120), times[groups])
    part = replicates.rows(chances, truth, groups)
    sums = part.sums(times[:, None].astype(float))
    if 0 < truth[rows].sum() < len(rows):
        told = float(replicates.auc(sums)[0])
        assert told == pytest.approx(library.roc_auc_score(truth[rows], chances[rows]))
        told = float(replicates.average_precision(sums)[0])
        assert told == pytest.approx(library.average_precision_score(truth[rows], chances[rows]))


def test_calibration_error_and_lift_by_hand() -> None:
    chances = np.repeat([0.1, 0.3, 0.5, 0.7, 0.9], 20)
    truth = np.tile(np.arange(20) < 10, 5)
    part = replicates.rows(chances, truth, np.arange(100))
    found = replicates.measured(part, replicates.MEASURES)
    assert found["calibration_error"] == pytest.approx((0.4 + 0.2 + 0.0 + 0.2 + 0.4) / 5)
    # The top tenth is half of the twenty rows at 0.9, of which half are positive.
    assert found["lift_top_decile"] == pytest.approx(1.0)
    assert found["auc"] == pytest.approx(0.5)
    best = replicates.rows(np.linspace(0, 1, 100), np.arange(100) >= 90, np.arange(100))
    assert replicates.measured(best, replicates.MEASURES)["lift_top_decile"] == pytest.approx(10)


def test_binned_places_are_close_to_exact_ones() -> None:
    draw = np.random.default_rng(3)
    chances = draw.beta(1, 12, 20_000)
    truth = draw.random(20_000) < chances
    ones = np.arange(20_000)
    binned = replicates.measured(replicates.rows(chances, truth, ones), replicates.MEASURES)
    exact = replicates.measured(
        replicates.rows(chances, truth, ones, exact=True), replicates.MEASURES
    )
    for name, value in exact.items():
        assert binned[name] == pytest.approx(value, abs=2e-3, rel=2e-2), name


def covered(samples: int, level: float = 0.9) -> float:
    """How often the interval holds the AUC of the population; rows come in groups that agree."""
    held = 0
    for seed in range(samples):
        draw = np.random.default_rng(seed)
        group = np.repeat(np.arange(150), 4)
        state = draw.normal(size=150)[group]
        truth = state + 0.5 * draw.normal(size=600) > 1
        scores = state + draw.normal(size=600)
        chances = 1 / (1 + np.exp(-scores))
        part = {"one": replicates.rows(chances, truth, group)}
        names = [f"{seed} {n}" for n in range(150)]
        own = {"auc": replicates.auc}
        found = replicates.drawn(part, own, numbers(names, 1), 200)["one"]["auc"]
        value = replicates.measured(part["one"], own)["auc"]
        low, high = replicates.interval(value, found, level)
        held += low <= population() <= high
    return held / samples


@cache
def population() -> float:
    draw = np.random.default_rng(99)
    state = draw.normal(size=400_000)
    truth = state + 0.5 * draw.normal(size=400_000) > 1
    return float(library.roc_auc_score(truth, state + draw.normal(size=400_000)))


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    assert 0.78 <= covered(60) <= 1.0


@pytest.mark.torture
def test_intervals_hold_the_truth_over_many_samples() -> None:
    assert 0.86 <= covered(1000) <= 0.94


def test_every_metric_has_its_interval_baselines_and_slices(linear: Trained) -> None:
    rows = {(row["slice"], row["metric"]): row for row in linear.metrics.to_dicts()}
    assert {name for name, _ in rows} == {"all", "vertical=medical", "vertical=public"}
    for metric in replicates.MEASURES:
        row = rows["all", metric]
        assert row["low"] <= row["value"] <= row["high"], metric
        assert None not in (row["baseline_age"], row["baseline_constant"])
    assert rows["all", "auc"]["baseline_constant"] == 0.5
    assert rows["all", "lift_top_decile"]["baseline_constant"] == pytest.approx(1)
    assert rows["all", "auc"]["value"] > rows["all", "auc"]["baseline_age"] > 0.5
    above = rows["all", "auc"]["value"] - rows["all", "auc"]["baseline_age"]
    assert rows["all", "auc_above_age"]["value"] == pytest.approx(above)
    parts = [rows[f"vertical={name}", "auc"]["rows"] for name in ("medical", "public")]
    assert sum(parts) == rows["all", "auc"]["rows"] == linear.windows[-1].rows
    assert rows["all", "known_share"]["value"] < 1  # answers are rare
    assert linear.calibration["rows"].sum() == linear.windows[-1].rows
    assert linear.calibration["decile"].to_list() == list(range(1, 11))


def test_a_slice_of_one_outcome_says_what_it_can(churning: pl.DataFrame) -> None:
    rows = churning.head(400).with_columns(
        vertical=pl.when(pl.col("is_positive")).then(pl.lit("gone")).otherwise(pl.lit("here"))
    )
    few = rows.with_columns(
        vertical=pl.when(pl.int_range(pl.len()) < 5).then(None).otherwise("vertical")
    )
    chances = dict.fromkeys(("model", "age", "constant"), rows["hazard"].to_numpy())
    found = evaluation.metrics(SPEC, few, chances, QUICK)
    told = {
        name: set(found.filter(pl.col("slice") == f"vertical={name}")["metric"])
        for name in ("gone", "here", "unknown")
    }
    assert told["unknown"] == {"known_share"}
    for name in ("gone", "here"):
        assert "auc" not in told[name] and {"brier", "observed_share"} <= told[name]


def test_a_model_that_a_baseline_beats_is_told() -> None:
    draw = np.random.default_rng(5)
    truth = draw.random(3000) < 0.2
    frame = pl.DataFrame(
        {
            "account_id": [f"a{n}" for n in range(3000)],
            "vertical": ["medical"] * 3000,
            "is_positive": truth,
        }
    ).with_columns(*[pl.lit(1.0).alias(name) for name in SPEC.features])
    good = np.clip(0.2 + 0.3 * truth + 0.1 * draw.normal(size=3000), 0.01, 0.99)
    chance = np.clip(0.2 + 0.05 * draw.normal(size=3000), 0.01, 0.99)
    settings_ = replace(QUICK, replicates=60)

    def verdict(model: np.ndarray, age: np.ndarray) -> str | None:
        chances = {"model": model, "age": age, "constant": np.full(3000, 0.2)}
        return evaluation.beaten(evaluation.metrics(SPEC, frame, chances, settings_))

    assert verdict(good, chance) is None
    assert verdict(chance, chance) is None
    assert "age of the last activity" in (verdict(chance, good) or "")
    assert "worse than chance" in (verdict(1 - good, chance) or "")
    # It ranks as well as the good one, and says of everybody that the outcome is likely.
    far = 0.5 + good / 2
    assert "further from the outcomes than the mean alone" in (verdict(far, chance) or "")
    sharp, dull = 1 / (1 + np.exp(14 - 40 * good)), 0.1 + good / 2
    assert verdict(dull, chance) is None
    assert "further from the outcomes than the age" in (verdict(dull, sharp) or "")
