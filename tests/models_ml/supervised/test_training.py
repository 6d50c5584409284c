"""Training: which rows it uses, that it is repeatable, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from models_ml.registry import artefact, manifest
from models_ml.supervised.faults import Kind, Reason, Refused
from models_ml.supervised.splitting import split
from models_ml.supervised.training import Trained, train
from tests.models_ml.churning import AS_OF, FIRST, QUICK, SPEC, world

Change = Callable[[pl.DataFrame], pl.DataFrame]


def test_windows_share_no_organisation_and_no_open_outcome() -> None:
    parts = split(SPEC, world(2, 6000), QUICK)
    assert parts.findings == ()
    sides = [set(part["account_id"]) for part in (parts.train, parts.validation, parts.test)]
    assert not sides[0] & sides[1] and not sides[0] & sides[2] and not sides[1] & sides[2]
    horizon = timedelta(days=SPEC.horizon_days)
    assert parts.train["snapshot_at"].max() + horizon <= parts.calibration["snapshot_at"].min()
    assert parts.validation["snapshot_at"].max() + horizon <= parts.test["snapshot_at"].min()
    assert parts.refit["snapshot_at"].max() + horizon <= parts.test["snapshot_at"].min()
    assert parts.test["snapshot_at"].n_unique() == 2
    assert [window.rows for window in parts.windows] == [
        getattr(parts, name).height
        for name in ("train", "validation", "calibration", "refit", "test")
    ]
    assert set(parts.refit["account_id"]) >= sides[0] and not set(parts.refit["account_id"]) & (
        sides[1] | sides[2]
    )


def test_an_organisation_keeps_its_side_as_months_go_by(churning: pl.DataFrame) -> None:
    early = churning.filter(pl.col("snapshot_at") < FIRST + timedelta(days=330))
    before, after = split(SPEC, early, QUICK), split(SPEC, churning, QUICK)
    assert not set(before.train["account_id"]) & set(after.test["account_id"])


def test_people_without_an_organisation_are_groups_of_their_own(churning: pl.DataFrame) -> None:
    alone = churning.with_columns(organisation=pl.lit(None, pl.String))
    parts = split(replace(SPEC, group="organisation"), alone, QUICK)
    assert parts.windows[0].groups == parts.windows[0].subjects > 100


@pytest.mark.parametrize("kind", ["linear", "trees"])
def test_the_same_rows_in_any_order_give_the_same_bytes(
    kind: str, churning: pl.DataFrame, request: pytest.FixtureRequest
) -> None:
    first: Trained = request.getfixturevalue(kind)
    mixed = churning.sample(fraction=1, shuffle=True, seed=5)
    again = train(SPEC, mixed, first.settings, AS_OF)
    assert artefact.dumps(first.fitted) == artefact.dumps(again.fitted)
    assert first.metrics.equals(again.metrics)


def test_outcomes_of_the_test_side_change_no_model(churning: pl.DataFrame, linear: Trained) -> None:
    test = split(SPEC, churning, QUICK).test.select("account_id").unique()
    told = churning.join(test.with_columns(held=True), on="account_id", how="left")
    turned = told.with_columns(
        is_positive=pl.when(pl.col("held") & (pl.col("snapshot_at").dt.month() % 2 == 0))
        .then(~pl.col("is_positive"))
        .otherwise("is_positive")
    ).drop("held")
    again = train(SPEC, turned.sort("account_id"), QUICK, AS_OF)
    assert np.array_equal(again.fitted.margin(churning), linear.fitted.margin(churning))
    assert again.leakage.equals(linear.leakage)  # nor what is left out
    assert again.reference.equals(linear.reference)


REFUSED: dict[str, tuple[Change, Reason]] = {
    "a feature is not there": (lambda f: f.drop("uses"), Reason.MISSING_COLUMN),
    "no outcome": (lambda f: f.drop("is_positive"), Reason.MISSING_COLUMN),
    "a text for a number": (
        lambda f: f.with_columns(uses=pl.col("uses").cast(pl.String)),
        Reason.WRONG_TYPE,
    ),
    "an outcome that is unknown": (
        lambda f: f.with_columns(
            is_positive=pl.when(pl.int_range(pl.len()) > 0).then("is_positive")
        ),
        Reason.WRONG_TYPE,
    ),
    "a time with a zone": (
        lambda f: f.with_columns(pl.col("snapshot_at").dt.replace_time_zone("Europe/Paris")),
        Reason.WRONG_TYPE,
    ),
    "ten rows": (lambda f: f.head(10), Reason.TOO_FEW_SNAPSHOTS),
    "ten rows over all snapshots": (
        lambda f: f.group_by("snapshot_at").head(1).head(14),
        Reason.TOO_FEW_ROWS,
    ),
    "one class": (lambda f: f.with_columns(is_positive=pl.lit(False)), Reason.ONE_CLASS),
    "one class the other way": (
        lambda f: f.with_columns(is_positive=pl.lit(True)),
        Reason.ONE_CLASS,
    ),
    "hardly a positive": (
        lambda f: f.with_columns(
            is_positive=pl.col("account_id").str.ends_with("77") & (pl.col("snapshot_at") == FIRST)
        ),
        Reason.TOO_FEW_POSITIVES,
    ),
    "two snapshots": (
        lambda f: f.filter(pl.col("snapshot_at") < FIRST + timedelta(days=60)),
        Reason.TOO_FEW_SNAPSHOTS,
    ),
    "a row twice": (lambda f: pl.concat([f, f.head(1)]), Reason.DUPLICATE_KEY),
    "a clock that jumps ahead": (
        lambda f: f.with_columns(
            snapshot_at=pl.when(pl.col("account_id") == "a1")
            .then(pl.col("snapshot_at") + timedelta(days=4000))
            .otherwise("snapshot_at")
        ),
        Reason.CLOCK_JUMPED,
    ),
    "no feature that says anything": (
        lambda f: f.with_columns(
            *[pl.lit(1.0).alias(name) for name in SPEC.numeric], kind=pl.lit(None, pl.String)
        ),
        Reason.NO_USABLE_FEATURE,
    ),
    "no row at all": (lambda f: f.clear(), Reason.TOO_FEW_SNAPSHOTS),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_data_is_refused_with_its_reason(case: str, churning: pl.DataFrame) -> None:
    change, reason = REFUSED[case]
    settings = replace(QUICK, least_positives=25)
    with pytest.raises(Refused) as refused:
        train(SPEC, change(churning), settings, AS_OF)
    assert refused.value.reason is reason
    assert str(refused.value).startswith(f"{reason}: ")


def test_odd_features_are_told_and_left_out_or_taken_as_unknown(churning: pl.DataFrame) -> None:
    odd = churning.with_columns(
        tickets=pl.lit(3),
        nps=pl.lit(None, pl.Float64),
        size=pl.when(pl.col("account_id") < "a2").then(np.inf).otherwise("size"),
        noise=pl.when(pl.col("account_id") < "a2").then(np.nan).otherwise("noise"),
        kind=pl.col("account_id"),
    )
    trained = train(SPEC, odd, QUICK, AS_OF)
    kinds = {(finding.kind, finding.subject) for finding in trained.findings}
    assert kinds >= {
        (Kind.CONSTANT, "tickets"),
        (Kind.EMPTY, "nps"),
        (Kind.NOT_FINITE, "size"),
        (Kind.NOT_FINITE, "noise"),
        (Kind.MANY_CATEGORIES, "kind"),
    }
    assert not {"tickets", "nps", "kind"} & set(trained.fitted.features)
    assert np.isfinite(trained.fitted.margin(odd)).all()


def test_the_texts_of_few_organisations_are_not_kept(churning: pl.DataFrame) -> None:
    rows = split(SPEC, churning, QUICK).train["account_id"].value_counts(name="n")
    lasting = rows.filter(pl.col("n") > 4).sort("account_id")["account_id"]
    few, enough = lasting[:4], lasting[4:9]
    said = churning.with_columns(
        kind=pl.when(pl.col("account_id").is_in(few.implode()))
        .then(pl.lit("Referred by Jean D."))
        .when(pl.col("account_id").is_in(enough.implode()))
        .then(pl.lit("partner"))
        .otherwise("kind"),
    )
    tested = split(SPEC, churning, QUICK).test["account_id"].unique().sort()
    said = said.with_columns(
        vertical=pl.when(pl.col("account_id").is_in(tested[:4].implode()))
        .then(pl.lit("Jeanne's own"))
        .when(pl.col("account_id").is_in(tested[4:9].implode()))
        .then(pl.lit("schools"))
        .otherwise("vertical")
    )
    trained = train(SPEC, said, QUICK, AS_OF)
    assert trained.fitted.columns.categories_ == [["clinic", "group", "partner", "town"]]
    slices = set(trained.metrics["slice"])
    assert slices == {"all", "vertical=medical", "vertical=public", "vertical=schools"}
    told = manifest.described(trained, "0" * 16, manifest.Provenance(AS_OF, "s", "c", AS_OF))
    assert "Jean" not in manifest.encoded(told).decode()
    one = said.with_columns(kind=pl.lit("Referred by Jean D."))
    found = {one.kind: one.detail for one in train(SPEC, one, QUICK, AS_OF).findings}
    assert found[Kind.CONSTANT] == "is the same in every training row; left out"


def test_a_gap_between_snapshots_is_told(churning: pl.DataFrame) -> None:
    gap = churning.filter(
        ~pl.col("snapshot_at").is_between(FIRST + timedelta(days=60), FIRST + timedelta(days=120))
    )
    trained = train(SPEC, gap, QUICK, AS_OF)
    assert [f.subject for f in trained.findings if f.kind is Kind.GAP] == ["2024-05-30"]


def test_of_too_many_rows_a_sample_of_organisations_trains(churning: pl.DataFrame) -> None:
    trained = train(SPEC, churning, replace(QUICK, most_rows=2000), AS_OF)
    assert any(finding.kind is Kind.SAMPLED for finding in trained.findings)
    whole, part = split(SPEC, churning, QUICK), split(SPEC, churning, trained.settings)
    assert 1500 < part.train.height < 2500
    sampled = part.train["account_id"].unique()
    kept = whole.train.filter(pl.col("account_id").is_in(sampled.implode()))
    assert kept.height == part.train.height  # a group is in the sample as a whole


def test_a_planted_leak_is_caught_and_left_out() -> None:
    """The leak says a part of what happens in the 90 days after, of which 60 are those before."""
    honest = world(3)
    draw = np.random.default_rng(1)
    leak = honest["is_positive"].to_numpy() + 0.2 * draw.normal(size=honest.height)
    spec = replace(SPEC, numeric=(*SPEC.numeric, "cancelled_soon"))
    trained = train(spec, honest.with_columns(cancelled_soon=leak), QUICK, AS_OF)
    leaks = [finding for finding in trained.findings if finding.kind is Kind.LEAK]
    assert [finding.subject for finding in leaks] == ["cancelled_soon"]
    assert "cancelled_soon" not in trained.fitted.features
    row = trained.leakage.filter(pl.col("feature") == "cancelled_soon").row(0, named=True)
    assert row["auc"] > 0.95 and row["lagged_auc"] < 0.7


def test_a_strong_lasting_feature_is_no_leak() -> None:
    """Nearly the hazard itself: better alone than the limit, and still so a snapshot later."""
    honest = world(4)
    draw = np.random.default_rng(2)
    state = pl.DataFrame(
        {"account_id": [f"a{k}" for k in range(1500)], "state": draw.normal(size=1500)}
    )
    told = honest.join(state, on="account_id", maintain_order="left").with_columns(
        is_positive=pl.Series(draw.random(honest.height))
        < 1 / (1 + (-(4 * pl.col("state") - 3)).exp())
    )
    spec = replace(SPEC, numeric=(*SPEC.numeric, "state"))
    trained = train(spec, told, QUICK, AS_OF)
    row = trained.leakage.filter(pl.col("feature") == "state").row(0, named=True)
    assert row["auc"] > QUICK.leak_auc and not row["is_leak"]
    assert "state" in trained.fitted.features


def test_what_cannot_be_lagged_is_held_to_the_limit_alone() -> None:
    once = world(5, 6000).with_columns(
        account_id=pl.col("account_id") + pl.col("snapshot_at").dt.strftime("%d%m%Y")
    )
    spec = replace(SPEC, numeric=(*SPEC.numeric, "knows"))
    told = once.with_columns(knows=pl.col("is_positive").cast(pl.Float64))
    trained = train(spec, told, QUICK, AS_OF)
    assert [f.subject for f in trained.findings if f.kind is Kind.LEAK] == ["knows"]
    assert trained.leakage["lagged_auc"].null_count() == len(spec.features)


def truth(seed: int) -> tuple[float, float, float]:
    """Of a simulated world: the model's and the true hazard's AUC, and the calibration error."""
    frame = world(seed, 8000)
    settings = replace(QUICK, candidates=("linear", "trees"))
    trained = train(SPEC, frame, settings, AS_OF)
    test = split(SPEC, frame, settings).test
    values = dict(
        trained.metrics.filter(pl.col("slice") == "all").select("metric", "value").iter_rows()
    )
    best = roc_auc_score(test["is_positive"], test["hazard"])
    return values["auc"], float(best), values["calibration_error"]


def test_a_known_hazard_is_found() -> None:
    model, best, error = truth(1)
    assert model >= 0.95 * best and error < 0.03


@pytest.mark.torture
def test_a_known_hazard_is_found_over_five_seeds() -> None:
    found = np.array([truth(seed) for seed in range(5)])
    model, best, error = found.mean(axis=0)
    assert model >= 0.95 * best and error < 0.03


def test_with_few_outcomes_the_months_before_calibrate_too(churning: pl.DataFrame) -> None:
    parts = split(SPEC, churning, QUICK)
    assert parts.calibration.equals(parts.validation)
    assert [(one.kind, one.subject) for one in parts.findings] == [
        (Kind.FEW_POSITIVES, "calibration")
    ]


def test_with_too_few_outcomes_to_choose_by_the_simplest_is_taken() -> None:
    settings = replace(QUICK, candidates=("trees", "linear"))
    few = train(SPEC, world(6, 150), settings, AS_OF)
    assert few.parameters["kind"] == "linear" and few.candidates.height == 1
    assert (Kind.FEW_POSITIVES, "validation") in {(one.kind, one.subject) for one in few.findings}
    many = train(SPEC, world(6, 1500), settings, AS_OF)
    assert many.candidates.height > 2
