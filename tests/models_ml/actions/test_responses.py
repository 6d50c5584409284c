"""Models of responses: when there is one, what it says, and what it says it by."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from scipy.special import expit

from models_ml.actions import responses
from models_ml.actions.responses import Encoder, Enough
from models_ml.actions.unseen import auc, folds_of, unseen

ENOUGH = Enough(300, 30, 50.0)


def frame(count: int, seed: int = 1) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    clicks = rng.poisson(2.0, count).astype(float)
    return pl.DataFrame(
        {
            "clicks": pl.Series(clicks),
            "age": pl.Series(np.where(rng.random(count) < 0.3, np.nan, rng.normal(size=count))),
            "role": pl.Series(["surgeon", "manager"]).gather(rng.integers(0, 2, count)),
            "always": pl.repeat(1, count, eager=True),
            "empty": pl.repeat(None, count, dtype=pl.Float64, eager=True),
        }
    ).with_columns(pl.col("age").fill_nan(None))


def answered(table: pl.DataFrame, seed: int = 2) -> np.ndarray:
    truth = expit(
        -3 + 0.6 * table["clicks"].to_numpy() + 0.8 * (table["role"] == "surgeon").to_numpy()
    )
    return np.random.default_rng(seed).random(table.height) < truth


def test_few_exposures_give_a_rate_drawn_to_what_is_assumed() -> None:
    table = frame(200)
    encoded = Encoder(table).transform(table)
    did = np.arange(200) < 20
    found = responses.fit(encoded, did, ENOUGH, 0.02)
    assert found.basis == "rate" and found.rate == pytest.approx((20 + 50 * 0.02) / 250)
    assert set(found.probability(encoded)) == {found.rate}
    assert found.contributions(encoded, Encoder(table).sources) == {}
    none = responses.fit(encoded[:0], did[:0], ENOUGH, 0.02)
    assert none.basis == "assumed" and none.rate == pytest.approx(0.02)


@pytest.mark.parametrize("did", [np.zeros(1000, bool), np.ones(1000, bool)])
def test_one_class_is_no_model(did) -> None:
    table = frame(1000)
    found = responses.fit(Encoder(table).transform(table), did, ENOUGH, 0.02)
    assert found.basis == "rate" and 0 < found.rate < 1


def test_a_model_finds_what_moves_people_and_says_by_how_much() -> None:
    table = frame(8000)
    encoder, did = Encoder(table), answered(frame(8000))
    encoded = encoder.transform(table)
    found = responses.fit(encoded, did, ENOUGH, 0.02)
    assert found.basis == "model"
    chance = found.probability(encoded)
    assert chance.mean() == pytest.approx(did.mean(), abs=0.01)
    parts = found.contributions(encoded, encoder.sources)
    assert set(parts) == {"clicks", "age", "role"}  # constant and empty ones are left out
    total = sum(parts.values())
    logit = np.log(chance / (1 - chance))
    assert np.ptp(logit - total) == pytest.approx(0, abs=1e-9)  # they add up
    row = int(table["clicks"].arg_max())
    named = list(json.loads(responses.told(parts)[row]).items())
    assert named[0] == ("clicks", pytest.approx(parts["clicks"][row], abs=1e-4))
    assert [abs(value) for _, value in named] == sorted((abs(v) for _, v in named), reverse=True)
    assert auc(unseen(encoded, did, folds_of(map(str, range(8000))), ENOUGH, 0.02), did).low > 0.6


def test_contributions_are_told_largest_first_and_none_as_nothing() -> None:
    parts = {"a": np.array([0.1, 0.0]), "b": np.array([-2.00004, 0.00001]), "c": np.array([1, 0.0])}
    assert responses.told(parts, 2).to_list() == ['{"b": -2.0, "c": 1.0}', None]
    assert responses.told(parts)[0] == '{"b": -2.0, "c": 1.0, "a": 0.1}'


def test_new_categories_missing_values_and_far_numbers_are_scored() -> None:
    table = frame(3000)
    encoder = Encoder(table)
    strange = table.head(2).with_columns(
        role=pl.Series(["astronaut", None]),
        clicks=pl.Series([1e12, None]),
        age=pl.Series([None, 0.0]),
    )
    encoded = encoder.transform(strange)
    assert np.isfinite(encoded).all() and np.abs(encoded).max() <= 4
    assert len(encoder.sources) == encoded.shape[1]
    nothing = Encoder(table.select("always", "empty"))
    assert nothing.transform(table).shape == (3000, 0)
    did = answered(table)
    assert responses.fit(nothing.transform(table), did, ENOUGH, 0.02).basis == "rate"


def test_auc_is_that_of_pairs() -> None:
    rng = np.random.default_rng(3)
    scores, positive = rng.integers(0, 8, 60).astype(float), rng.random(60) < 0.4
    ups, downs = scores[positive], scores[~positive]
    pairs = [(u > d) + 0.5 * (u == d) for u in ups for d in downs]
    found = auc(scores, positive)
    assert found.value == pytest.approx(np.mean(pairs))
    assert 0 <= found.low < found.value < found.high <= 1
    assert np.isnan(auc(scores, np.ones(60, bool)).value)


def test_all_rows_of_a_contact_are_in_one_fold() -> None:
    folds = folds_of(["a", "b", "a", "c", "a"])
    assert folds[0] == folds[2] == folds[4]
    assert set(folds_of(map(str, range(100)))) == {0, 1, 2}
