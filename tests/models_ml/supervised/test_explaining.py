"""Contributions: exact, additive, and told as valid JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier

from models_ml.supervised import explaining
from models_ml.supervised.candidates import _linear, _trees, labels
from models_ml.supervised.fitted import Fitted
from models_ml.supervised.spec import ModelSpec
from models_ml.supervised.training import Trained
from models_ml.supervised.trees import tables
from tests.models_ml.churning import QUICK, SPEC


def known_only(nodes, row: np.ndarray, known: set[int], owners: np.ndarray, at: int = 0) -> float:
    """What a tree answers when only the features in ``known`` are: the definition, read slowly."""
    node = nodes[at]
    if node["is_leaf"]:
        return float(node["value"])
    value = row[node["feature_idx"]]
    left = bool(node["missing_go_to_left"]) if np.isnan(value) else value <= node["num_threshold"]
    sides = int(node["left"]), int(node["right"])
    if owners[node["feature_idx"]] in known:
        return known_only(nodes, row, known, owners, sides[0] if left else sides[1])
    return sum(
        float(nodes[side]["count"])
        / float(node["count"])
        * known_only(nodes, row, known, owners, side)
        for side in sides
    )


def shapley(model, row: np.ndarray, owners: np.ndarray, features: int) -> list[float]:
    """By all sets of features: 2 ** features answers of every tree."""
    trees = [predictor.nodes for (predictor,) in model._predictors]
    worth = {
        known: sum(known_only(nodes, row, set(known), owners) for nodes in trees)
        for size in range(features + 1)
        for known in combinations(range(features), size)
    }
    found = []
    for feature in range(features):
        total = 0.0
        for known, value in worth.items():
            if feature not in known:
                chance = factorial(len(known)) * factorial(features - len(known) - 1)
                joined = tuple(sorted((*known, feature)))
                total += chance / factorial(features) * (worth[joined] - value)
        found.append(total)
    return found


@pytest.mark.parametrize("make", [_linear, _trees])
def test_a_text_of_rare_values_alone_adds_nothing(make: Any, churning: pl.DataFrame) -> None:
    spec = replace(SPEC, categorical=("kind", "rare"))
    rows = churning.with_columns(rare="account_id")
    _, pipeline = next(make(spec, rows.head(3000), rows.tail(500), QUICK))
    fitted = Fitted(pipeline)
    told = fitted.contributions(rows)
    assert told.shape == (rows.height, len(spec.features)) and not told[:, -1].any()
    assert told.sum(axis=1) + fitted.average == pytest.approx(fitted.margin(rows))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_contributions_of_trees_are_shapley_values(seed: int) -> None:
    draw = np.random.default_rng(seed)
    matrix = draw.normal(size=(600, 6)).round(1)
    matrix[draw.random(matrix.shape) < 0.15] = np.nan
    known = np.nan_to_num(matrix)
    truth = known[:, 0] * known[:, 1] + known[:, 2] - known[:, 4] > draw.normal(size=600)
    model = HistGradientBoostingClassifier(max_depth=3, max_leaf_nodes=None, max_iter=12)
    model.fit(matrix, truth)
    owners = np.array([0, 1, 2, 3, 4, 4])  # the last two are one feature's
    made = tables(model, owners)
    found = made.contributions(matrix)
    for row in (0, 17, 101, 400):
        assert found[row] == pytest.approx(shapley(model, matrix[row], owners, 5), abs=1e-12)
    assert made.average + found.sum(axis=1) == pytest.approx(model.decision_function(matrix))
    assert made.margin(matrix) == pytest.approx(model.decision_function(matrix))


def test_trees_too_deep_for_tables_are_refused() -> None:
    draw = np.random.default_rng(1)
    matrix = draw.normal(size=(2000, 4))
    model = HistGradientBoostingClassifier(max_leaf_nodes=31, max_iter=2)
    model.fit(matrix, matrix[:, 0] * matrix[:, 1] > matrix[:, 2])
    with pytest.raises(ValueError, match="splits, at most 7"):
        tables(model, np.arange(4))


@pytest.mark.parametrize("kind", ["linear", "trees"])
def test_scores_are_those_of_the_pipeline_and_contributions_add_up(
    kind: str, churning: pl.DataFrame, request: pytest.FixtureRequest
) -> None:
    fitted = request.getfixturevalue(kind).fitted
    decision = fitted.pipeline.decision_function(churning)
    margin = fitted.margin(churning)
    assert margin == pytest.approx(decision * fitted.scale + fitted.shift)
    average, moved = explaining.contributions(fitted, churning)
    assert moved.shape == (churning.height, len(SPEC.features))
    assert average + moved.sum(axis=1) == pytest.approx(margin)
    assert fitted.probability(churning) == pytest.approx(1 / (1 + np.exp(-margin)))


def test_the_average_row_of_a_linear_model_is_moved_by_nothing(churning: pl.DataFrame) -> None:
    _, pipeline = next(_linear(SPEC, churning, churning, QUICK))
    moved = Fitted(pipeline).contributions(churning)
    assert moved.mean(axis=0) == pytest.approx(np.zeros(len(SPEC.features)), abs=1e-9)


@pytest.mark.parametrize("kind", ["linear", "trees"])
def test_the_top_is_the_largest_in_order(
    kind: str, churning: pl.DataFrame, request: pytest.FixtureRequest
) -> None:
    fitted = request.getfixturevalue(kind).fitted
    rows = churning.head(300)
    moved = fitted.contributions(rows)
    for n, text in enumerate(explaining.top(fitted, rows, 3)):
        told = json.loads(text)
        order = np.argsort(-np.abs(moved[n]), kind="stable")[:3]
        assert [item["feature"] for item in told] == [fitted.features[place] for place in order]
        for item, place in zip(told, order, strict=True):
            assert item["contribution"] == pytest.approx(moved[n, place], abs=6e-5)
            given = rows[item["feature"]][n]
            if isinstance(given, float):
                given = pytest.approx(given, abs=6e-7)
            assert item["value"] == given


ODD = st.text(st.characters(codec="utf-8"), max_size=12)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.none(), ODD), min_size=1, max_size=6), ODD)
def test_any_text_is_told_as_json(values: list[str | None], name: str) -> None:
    spec = ModelSpec("m", "M", "", "account", (), ("c" + name,), 7, "age")
    known = [values[n % len(values)] for n in range(60)]
    frame = pl.DataFrame(
        {
            "c" + name: known,
            "account_id": [f"a{n}" for n in range(60)],
            "is_positive": [n % 2 == 0 for n in range(60)],
        },
        schema_overrides={"c" + name: pl.String},
    )
    _, pipeline = next(_linear(spec, frame, frame, QUICK))
    fitted = Fitted(pipeline)
    assert len(labels(frame)) == 60
    new = pl.DataFrame({"c" + name: [*values, 'never seen " \\ \n']})
    for text, value in zip(explaining.top(fitted, new), new["c" + name], strict=True):
        assert [(item["feature"], item["value"]) for item in json.loads(text)] == [
            ("c" + name, value)
        ]


def test_no_row_gives_no_text(linear: Trained, churning: pl.DataFrame) -> None:
    assert explaining.top(linear.fitted, churning.head(0)).to_list() == []
