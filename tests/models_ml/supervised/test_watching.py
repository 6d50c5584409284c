"""Scoring of odd rows, drift, calibration, and champion against challenger."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from models_ml.supervised import candidates, comparing, drift, scoring
from models_ml.supervised.faults import Kind, Reason, Refused
from models_ml.supervised.splitting import split
from models_ml.supervised.training import Trained, train
from tests.models_ml.churning import AS_OF, QUICK, SPEC, world

COUNTS = st.lists(st.integers(0, 500), min_size=2, max_size=12)


def test_scores_stand_in_the_order_given(linear: Trained, churning: pl.DataFrame) -> None:
    rows = churning.sample(200, seed=2, shuffle=True)
    found, findings = scoring.score(SPEC, linear.fitted, rows.drop("is_positive"))
    assert found["subject_id"].to_list() == rows["account_id"].to_list()
    assert findings == []
    assert found["score"].to_numpy() == pytest.approx(100 * found["probability"].to_numpy())
    assert found["probability"].is_between(0, 1, closed="none").all()
    for n in (0, 50, 199):  # a row alone is scored as among others, to the last bit
        alone, _ = scoring.score(SPEC, linear.fitted, rows[n])
        assert alone.row(0) == found.row(n)


def curve() -> IsotonicRegression:
    return IsotonicRegression(out_of_bounds="clip").fit([-3.0, 0.0, 3.0], [0.1, 0.3, 0.9])


@pytest.mark.parametrize("kind", ["linear", "trees"])
def test_odd_rows_are_scored_and_told(
    kind: str, churning: pl.DataFrame, request: pytest.FixtureRequest
) -> None:
    fitted = request.getfixturevalue(kind).fitted
    odd = churning.head(4).with_columns(
        kind=pl.Series(["castle", None, "clinic", "<b>"]),
        uses=pl.Series([np.inf, -np.inf, np.nan, 1e300]),
        size=pl.lit(None, pl.Float64),
    )
    found, findings = scoring.score(SPEC, fitted, odd)
    assert np.isfinite(found["probability"].to_numpy()).all()
    assert {(one.kind, one.subject) for one in findings} == {
        (Kind.NEW_CATEGORY, "kind"),
        (Kind.NOT_FINITE, "uses"),
    }
    (new,) = [one.detail for one in findings if one.kind is Kind.NEW_CATEGORY]
    assert new == "has 2 values that the model does not know, in 2 rows"
    curved = candidates.Fitted(fitted.pipeline, fitted.scale, fitted.shift, curve())
    for one in (fitted, curved):
        empty, _ = scoring.score(SPEC, one, odd.head(0))
        assert empty.height == 0 and empty.schema == scoring.SCORED


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda f: f.drop("uses"), Reason.MISSING_COLUMN),
        (lambda f: f.drop("account_id"), Reason.MISSING_COLUMN),
        (lambda f: f.with_columns(uses=pl.lit("many")), Reason.WRONG_TYPE),
        (lambda f: f.with_columns(kind=pl.lit(1.5)), Reason.WRONG_TYPE),
    ],
)
def test_what_cannot_be_scored_is_refused(
    change, reason: Reason, linear: Trained, churning: pl.DataFrame
) -> None:
    with pytest.raises(Refused) as refused:
        scoring.score(SPEC, linear.fitted, change(churning.head(3)))
    assert refused.value.reason is reason


@settings(max_examples=80, deadline=None)
@given(COUNTS, st.integers(2, 9))
def test_the_index_is_zero_in_proportion_and_never_below(counts: list[int], times: int) -> None:
    given_counts = np.array(counts, float)
    other = given_counts[::-1].copy()
    index = drift.psi(given_counts, other)
    if not given_counts.sum():
        assert np.isnan(index)
        return
    assert index >= 0
    assert drift.psi(other, given_counts) == pytest.approx(index)
    if (given_counts > 0).all():
        assert drift.psi(given_counts, times * given_counts) == pytest.approx(0, abs=1e-12)


def test_the_index_by_hand() -> None:
    wanted = (0.7 - 0.5) * np.log(0.7 / 0.5) + (0.3 - 0.5) * np.log(0.3 / 0.5)
    assert drift.psi(np.array([50.0, 50.0]), np.array([70.0, 30.0])) == pytest.approx(wanted)


def told(frame: pl.DataFrame) -> dict[str, dict]:
    return {row["feature"]: row for row in frame.to_dicts()}


def test_planted_drift_raises_the_alert(linear: Trained, churning: pl.DataFrame) -> None:
    rows = churning.filter(pl.col("snapshot_at") == churning["snapshot_at"].max())
    same = told(drift.drift(linear.fitted, linear.reference, rows))
    assert not any(row["is_drifted"] for row in same.values())
    assert set(same) == {*SPEC.features, "score"}
    moved = rows.with_columns(
        age_days=pl.col("age_days") * 3,
        tickets=pl.when(pl.int_range(pl.len()) % 2 == 0).then("tickets"),
        kind=pl.when(pl.int_range(pl.len()) % 3 == 0).then(pl.lit("castle")).otherwise("kind"),
    )
    found = told(drift.drift(linear.fitted, linear.reference, moved))
    drifted = {name for name, row in found.items() if row["is_drifted"]}
    assert drifted == {"age_days", "tickets", "kind", "score"}
    assert found["tickets"]["missing_share"] == pytest.approx(0.5, abs=0.01)
    assert found["kind"]["new_share"] == pytest.approx(1 / 3, abs=0.01)
    assert found["age_days"]["psi"] > drift.WARNS


def test_few_rows_do_not_raise_it_by_chance(linear: Trained, churning: pl.DataFrame) -> None:
    rows = churning.filter(pl.col("snapshot_at") == churning["snapshot_at"].max())
    alarms = above = 0
    for seed in range(60):
        few = rows.sample(25, seed=seed)
        found = drift.drift(linear.fitted, linear.reference, few)
        alarms += found["is_drifted"].sum()
        above += (found["psi"] > drift.WARNS).sum()
    assert above > 50 and alarms <= 6  # of 540


def test_no_row_is_no_drift(linear: Trained, churning: pl.DataFrame) -> None:
    found = drift.drift(linear.fitted, linear.reference, churning.head(0))
    assert found["psi"].null_count() == found.height and not found["is_drifted"].any()


def worse(frame: pl.DataFrame) -> pl.DataFrame:
    """The features that tell most, of another organisation."""
    return frame.with_columns(
        pl.col("age_days", "uses", "nps", "tickets").shuffle(seed=1), pl.col("size").shuffle(seed=2)
    )


def test_a_worse_challenger_is_told_and_a_like_one_passes(
    linear: Trained, trees: Trained, churning: pl.DataFrame
) -> None:
    weak = train(SPEC, worse(churning), QUICK, AS_OF)
    found = comparing.compare(SPEC, linear.fitted, weak.fitted, churning, QUICK)
    assert not found.is_not_worse and found.auc[2] < 0 and found.reason.startswith("worse: AUC")
    back = comparing.compare(SPEC, weak.fitted, linear.fitted, churning, QUICK)
    assert back.is_not_worse and back.auc[1] > 0
    assert back.auc[0] == pytest.approx(-found.auc[0])
    same = comparing.compare(SPEC, linear.fitted, linear.fitted, churning, QUICK)
    assert same.is_not_worse and same.auc == (0, 0, 0)
    assert same.rows == split(SPEC, churning, QUICK).test.height


def test_a_challenger_that_ranks_alike_but_is_badly_calibrated_is_worse(
    linear: Trained, churning: pl.DataFrame
) -> None:
    off = candidates.Fitted(linear.fitted.pipeline, linear.fitted.scale, linear.fitted.shift + 2)
    found = comparing.compare(SPEC, linear.fitted, off, churning, QUICK)
    assert found.auc[0] == 0 and not found.is_not_worse and "Brier" in found.reason


def test_a_champion_of_features_that_are_gone_is_refused(
    linear: Trained, churning: pl.DataFrame
) -> None:
    with pytest.raises(Refused, match="missing_column: there is no uses"):
        comparing.compare(SPEC, linear.fitted, linear.fitted, churning.drop("uses"), QUICK)


def test_a_curve_never_turns_the_order_round() -> None:
    draw = np.random.default_rng(1)
    margins = draw.normal(size=500)
    truth = draw.random(500) < 1 / (1 + np.exp(margins))
    assert candidates.platt(margins, truth)[0] == 0
    scale, shift = candidates.platt(-margins, truth)
    assert scale == pytest.approx(1, abs=0.3) and shift == pytest.approx(0, abs=0.3)
    scale, shift = candidates.platt(np.ones(500), truth)
    assert 1 / (1 + np.exp(-shift)) == pytest.approx(truth.mean()) and scale == 0


def test_the_isotonic_curve_comes_where_it_is_better_and_known_well() -> None:
    draw = np.random.default_rng(1)
    margins = draw.normal(size=20_000)
    chances = np.where(margins > 0.5, 0.6, 0.2)  # no logistic curve
    truth = draw.random(20_000) < chances
    curve = candidates.isotonic(margins, truth, 7)
    assert curve is not None
    assert np.abs(curve.predict(margins) - chances).mean() < 0.02
    assert candidates.isotonic(margins[:2000], truth[:2000], 7) is None  # too few
    plain = draw.random(20_000) < 1 / (1 + np.exp(-margins))
    assert candidates.isotonic(margins, plain, 7) is None  # Platt's is right


def test_more_data_is_used_when_it_is_there() -> None:
    """A model of few organisations is beaten by that of many, on the same rows."""
    many = world(8, 4000)
    few = many.filter(pl.col("account_id").str.ends_with("1"))
    small = train(SPEC, few, replace(QUICK, least_rows=20, least_positives=3), AS_OF)
    large = train(SPEC, many, QUICK, AS_OF)
    found = comparing.compare(SPEC, small.fitted, large.fitted, many, QUICK)
    assert found.is_not_worse and found.auc[0] > 0
