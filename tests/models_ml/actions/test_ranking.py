"""Weights of recommendations judged by a log whose truth is known."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from models_ml.actions import off_policy, ranking
from tests.models_ml.actions.house import House
from workspace.definitions.content import Content
from workspace.streams import STREAMS

AS_OF = datetime(2026, 10, 1)
#: What people truly do: only topic and performance move them.
TRUTH = {"topic": 0.5, "performance": 0.2}
PRESENT = {
    **{"stage": 0.30, "persona": 0.20, "topic": 0.20},
    **{"performance": 0.15, "freshness": 0.10, "novelty": 0.05},
}
BY_TOPIC = {name: float(name == "topic") for name in PRESENT}


def log(contacts: int, items: int = 8, exploration: float = 0.5, seed: int = 1) -> pl.DataFrame:
    """First places by the present weights, and who followed them."""
    rng = np.random.default_rng(seed)
    n = contacts * items
    rows = pl.DataFrame(
        {
            "recommended_at": [AS_OF - timedelta(days=30)] * n,
            "contact_id": np.repeat([f"{k % 16:x}{k}" for k in range(contacts)], items),
            "content_id": [f"item-{k}" for k in range(items)] * contacts,
            **{column: rng.random(n) for column in ranking.TERMS.values()},
        }
    )
    best = ranking.would_show(rows, PRESENT)
    drawn = rng.integers(0, items, contacts) + np.arange(contacts) * items
    shown = np.flatnonzero(best)
    explored = rng.random(contacts) < exploration
    shown[explored] = drawn[explored]
    is_shown = np.isin(np.arange(n), shown)
    chance = exploration / items + best * (1 - exploration)
    followed = rng.random(n) < sum(p * rows[ranking.TERMS[t]].to_numpy() for t, p in TRUTH.items())
    return rows.with_columns(
        is_shown=is_shown,
        propensity=pl.Series(np.where(is_shown, chance, np.nan)).fill_nan(None),
        followed=is_shown & followed,
    )


def true_share(rows: pl.DataFrame, weights: dict[str, float]) -> float:
    own = rows.filter(pl.Series(ranking.would_show(rows, weights)))
    return sum(p * own[ranking.TERMS[t]].mean() for t, p in TRUTH.items())


def slow(rows: pl.DataFrame, weights: dict[str, float]) -> set[tuple[str, str]]:
    found: dict[str, tuple[float, str]] = {}
    for row in rows.iter_rows(named=True):
        score = round(sum(w * row[ranking.TERMS[t]] for t, w in weights.items()), 9)
        other = found.get(row["contact_id"])
        if other is None or (-score, row["content_id"]) < (-other[0], other[1]):
            found[row["contact_id"]] = (score, row["content_id"])
    return {(who, content) for who, (_, content) in found.items()}


def test_the_highest_score_is_shown_and_ties_go_to_the_smaller_id() -> None:
    rows = log(40).with_columns(pl.col("topic_fit").round(1))
    for weights in (PRESENT, BY_TOPIC):
        shown = rows.filter(pl.Series(ranking.would_show(rows, weights)))
        assert set(shown.select("contact_id", "content_id").iter_rows()) == slow(rows, weights)


def test_estimates_hold_what_the_weights_would_truly_bring() -> None:
    held, gained = 0, 0
    for seed in range(40):
        rows = log(1500, seed=seed)
        shown = rows["is_shown"].to_numpy()
        reward, chance = (
            rows[name].to_numpy().astype(float)[shown] for name in ("followed", "propensity")
        )
        new, now = (ranking.would_show(rows, w)[shown].astype(float) for w in (BY_TOPIC, PRESENT))
        share = off_policy.self_normalised(reward, chance, new)
        gain = off_policy.difference(reward, chance, new, now)
        truth = true_share(rows, BY_TOPIC)
        held += share.low <= truth <= share.high
        gained += gain.low <= truth - true_share(rows, PRESENT) <= gain.high
        assert gain.effective == (new != now).sum()
    assert held >= 35 and gained >= 35


def test_learnt_weights_are_those_that_move_people_and_are_judged_by_others() -> None:
    rows = log(6000)
    learnt = ranking.learn(rows)
    assert learnt is not None and sum(learnt.values()) == pytest.approx(1)
    assert min(learnt.values()) >= 0
    assert learnt["topic"] == pytest.approx(0.5 / 0.7, abs=0.12)
    assert true_share(rows, learnt) > true_share(rows, PRESENT) + 0.05
    few = rows.with_columns(followed=pl.lit(False))
    assert ranking.learn(few) is None and ranking.learn(rows.head(0)) is None


def test_a_run_judges_what_is_over_by_touches_of_people(tmp_path) -> None:
    house, rows = House(), log(400).drop("followed")
    for column in ("content_id",):
        house.connection.execute(f"alter table marts.fct_touchpoints add column {column} varchar")
    empty = STREAMS["recommendation_logs"].schema.empty_table()
    house.connection.register("nothing", empty)
    house.connection.execute("create table lake.recommendation_logs as select * from nothing")
    house.add("lake.recommendation_logs", *rows.to_dicts())
    late = rows.with_columns(recommended_at=AS_OF - timedelta(days=6))
    house.add("lake.recommendation_logs", *late.to_dicts())
    shown = rows.filter("is_shown").head(50)
    touches = [
        {
            **{"contact_id": row["contact_id"], "content_id": row["content_id"]},
            "actor_class": "machine" if n < 10 else "human",
            "occurred_at": row["recommended_at"] + timedelta(days=8 if 10 <= n < 20 else 2),
        }
        for n, row in enumerate(shown.iter_rows(named=True))
    ]
    house.add("marts.fct_touchpoints", *touches)
    objector = shown.row(49, named=True)["contact_id"]
    house.add("intermediate.int_profiling_objections", {"contact_id": objector})
    weights = {name: float(name == "topic") for name in PRESENT}
    content = Content.model_validate({"recommendations": {"challengers": {"topics": weights}}})
    found = ranking.estimates(house.connection, content, AS_OF).to_pylist()
    # Ten were machines' and ten too late, one objects; too few to learn from.
    assert [(row["policy"], row["recommendations"], row["followed"]) for row in found] == [
        ("present", 399, 29),
        ("topics", 399, 29),
    ]
    assert found[0]["gain"] == 0 and found[0]["gain_low"] is None
    assert found[1]["gain_low"] <= found[1]["gain"] <= found[1]["gain_high"]
