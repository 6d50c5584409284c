"""Bootstrap replicates against slow ones, and how many of their intervals hold."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from benchmarks._coverage import SETTINGS, WORLDS, covered
from models_ml.attribution import bootstrap, draws, intervals, paths
from models_ml.attribution.effects import Settings
from tests.dbt import attribution_oracle as oracle

#: What every version has to draw, or intervals would move without a change of facts.
GOLDEN = {1: [1, 2, 3, 1], 2**63 + 11: [0, 1, 3, 1]}


def poisson(unit: int, replicate: int) -> int:
    """The same weight by Python's own integers."""
    mixed = (unit + replicate * 0x9E3779B97F4A7C15) % 2**64
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB % 2**64
    mixed ^= mixed >> 31
    return sum(mixed >= round(top * 2.0**64) for top in bootstrap.TOPS)


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20), st.integers(1, 900))
def test_weights_are_a_function_of_unit_and_replicate(units: list[int], first: int) -> None:
    found = bootstrap.weights(np.array(units, np.uint64), first, first + 2)
    assert found.tolist() == [[poisson(unit, first + n) for n in range(3)] for unit in units]


def test_weights_stay_as_they_are() -> None:
    found = bootstrap.weights(np.array(list(GOLDEN), np.uint64), 1, 4)
    assert found.tolist() == list(GOLDEN.values())


def test_weights_are_poisson_and_independent() -> None:
    numbers = np.arange(20_000, dtype=np.uint64)  # neighbours, as bad as numbers can be
    found = bootstrap.weights(numbers, 1, 50)
    counts = np.bincount(found.ravel().astype(int)) / found.size
    assert counts[:4] == pytest.approx([0.3679, 0.3679, 0.1839, 0.0613], abs=0.002)
    assert found.mean() == pytest.approx(1, abs=0.005)
    assert found.var() == pytest.approx(1, abs=0.01)
    between = np.corrcoef(found.T)
    assert np.abs(between - np.eye(50)).max() < 5 / np.sqrt(len(numbers))


# ---- replicates against slow ones --------------------------------------------------------------


def credits_of(units: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of int_attribution_unit_credits: linear ones, data-driven as if like linear."""
    rows = []
    for n, unit in enumerate(units):
        steps = unit["path"].split(">")
        if not unit["worth"]:
            continue
        campaigns = defaultdict(int)
        for i, channel in enumerate(steps):
            campaigns[channel, "c1" if i % 2 else "c2"] += 1
        for (channel, campaign), touches in campaigns.items():
            credit = unit["worth"] * touches / len(steps)
            rows.append(
                {
                    "conversion_id": f"conversion {n}",
                    "vertical": unit["vertical"],
                    "goal": "deal",
                    "month": unit["month"],
                    "channel": channel,
                    "campaign_id": campaign,
                    "touches": touches,
                    "revenue": unit["worth"],
                    "unit_number": unit["number"],
                    **{f"credit_{model}": credit for model in ("linear", "markov", "shapley")},
                }
            )
    return rows


def walks_of(units: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "vertical": unit["vertical"],
            "goal": "deal",
            "path": unit["path"],
            "unit_number": unit["number"],
            "conversions": float(unit["worth"] > 0),
            "nulls": float(unit["worth"] == 0),
            "revenue": unit["worth"],
        }
        for unit in units
    ]


def some_units(count: int, seed: int) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    units = []
    for _ in range(count):
        steps = [rng.choice("abcd")]
        while rng.random() < 0.5:
            steps.append(rng.choice([c for c in "abcd" if c != steps[-1]]))
        units.append(
            {
                "vertical": rng.choice(["v", "w"]),
                "month": rng.choice(["2026-01", "2026-02"]),
                "path": ">".join(steps),
                "worth": rng.choice([0.0, 0.0, 10.0, 35.0]),
                "number": rng.getrandbits(63),
            }
        )
    return units


def warehouse(units: list[dict[str, Any]]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("create schema intermediate")
    for name, rows in (
        ("int_attribution_unit_credits", credits_of(units)),
        ("int_attribution_path_counts", walks_of(units)),
    ):
        connection.register("given", pa.Table.from_pylist(rows))
        connection.execute(f"create table intermediate.{name} as from given")
        connection.unregister("given")
    return connection


def slow(units: list[dict[str, Any]], replicate: int) -> dict[str, dict[tuple, float]]:
    """Credit by model and cell, of units as often as they were drawn."""
    found: dict[str, dict[tuple, float]] = {m: defaultdict(float) for m in draws.REFITTED}
    found["linear"] = defaultdict(float)
    for vertical in ("v", "w"):
        own = [(u, poisson(u["number"], replicate)) for u in units if u["vertical"] == vertical]
        walked = [
            (u["path"].split(">"), times if u["worth"] else 0, 0 if u["worth"] else times)
            for u, times in own
            if times
        ]
        effects, _ = oracle.removal_effects(walked, 1)
        games = oracle.shapley_shares(walked)
        for unit, times in own:
            if not unit["worth"] or not times:
                continue
            steps = unit["path"].split(">")
            whole = sum(effects.get(c, 0) for c in steps)
            for i, channel in enumerate(steps):
                cell = (vertical, unit["month"], channel, "c1" if i % 2 else "c2")
                worth = unit["worth"] * times
                found["linear"][cell] += worth / len(steps)
                found["markov"][cell] += worth * (
                    effects[channel] / whole if whole > 1e-12 else 1 / len(steps)
                )
                share = games[frozenset(steps)][channel]
                found["shapley"][cell] += worth * share / steps.count(channel)
    return found


@pytest.mark.parametrize("seed", range(4))
def test_replicates_are_the_slow_ones(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draws, "WIDTH", 3)
    monkeypatch.setattr(draws, "ROWS", 7)
    monkeypatch.setattr(paths, "ROWS", 5)
    units = some_units(40, seed)
    connection = warehouse(units)
    credits = draws.read(connection)
    asked = Settings(4, 0.9, "linear", 0.01, 1, 5.0, 12, 2000, 7)
    found = draws.drawn(credits, paths.read(connection), asked)
    for replicate in range(1, 5):
        for model, expected in slow(units, replicate).items():
            got = dict(zip(credits.cells.names, found[model][:, replicate - 1], strict=True))
            assert got == pytest.approx({cell: expected[cell] for cell in got}, abs=1e-8)
            assert set(expected) <= set(got)


def test_the_order_of_rows_changes_nothing() -> None:
    units = some_units(60, 9)
    asked = Settings(20, 0.9, "linear", 0.01, 1, 5.0, 12, 2000, 7)
    tables = []
    for connection in (warehouse(units), warehouse(units)):
        connection.execute(
            "create or replace table intermediate.int_attribution_unit_credits as "
            f"from intermediate.int_attribution_unit_credits order by hash(rowid + {len(tables)})"
        )
        credits = draws.read(connection)
        drawn = draws.drawn(credits, paths.read(connection), asked)
        tables.append(intervals.of_draws(credits, drawn, asked, {}))
    assert tables[0].num_rows and tables[0].equals(tables[1])


# ---- intervals ---------------------------------------------------------------------------------


def test_degrees_of_freedom_are_those_of_a_slow_sum() -> None:
    random = np.random.default_rng(3)
    credit = random.lognormal(0, 1, (3, 40)) * (random.random((3, 40)) < 0.4)
    found = bootstrap.freedom(csr_array(credit))
    whole = credit.sum()
    for n in range(3):
        share = credit[n].sum() / whole
        moved = [credit[n, u] - share * credit[:, u].sum() for u in range(40)]
        expected = 2 * sum(m**2 for m in moved) ** 2 / sum(m**4 for m in moved)
        assert found[n] == pytest.approx(expected)
    # Equal units, half for each of two: as many degrees as twice their number.
    equal = np.kron(np.eye(2), np.ones(10))
    assert bootstrap.freedom(csr_array(equal)) == pytest.approx([40, 40])


@given(
    st.lists(st.floats(0, 1e6), min_size=2, max_size=6),
    st.integers(0, 2**32),
    st.floats(0.5, 0.99),
    st.floats(0, 3),
)
@settings(deadline=None)
def test_intervals_hold_their_share(
    given_credit: list[float], seed: int, level: float, noise: float
) -> None:
    credit = np.array(given_credit) + 1e-9
    random = np.random.default_rng(seed)
    drawn = credit[:, None] * random.lognormal(0, noise, (len(credit), 12))
    shares = credit / credit.sum()
    degrees = random.uniform(0.1, 50, len(credit))
    low, high = bootstrap.interval(shares, drawn / drawn.sum(axis=0), degrees, level)
    assert (low >= 0).all() and (high <= 1).all()
    assert (low <= shares * (1 + 1e-9)).all() and (shares <= high * (1 + 1e-9)).all()
    wider = bootstrap.interval(shares, drawn / drawn.sum(axis=0), degrees, (1 + level) / 2)
    assert (wider[0] <= low).all() and (wider[1] >= high).all()


def test_what_never_moves_is_its_own_interval() -> None:
    shares = np.array([0.0, 1.0, 0.4])
    drawn = np.repeat(shares[:, None], 5, axis=1)
    drawn[:, 0] = np.nan
    low, high = bootstrap.interval(shares, drawn, np.array([np.nan, 10, 10]), 0.9)
    assert low.tolist() == high.tolist() == shares.tolist()


def test_small_channels_are_pooled_and_places_shared() -> None:
    units = [
        {"vertical": "v", "month": month, "path": path, "worth": worth, "number": n}
        for n, (month, path, worth) in enumerate(
            [("2026-01", "a", 50.0), ("2026-02", "b", 50.0), ("2026-02", "c", 0.5)] * 5
        )
    ]
    connection = warehouse(units)
    credits = draws.read(connection)
    drawn = draws.drawn(credits, paths.read(connection), SETTINGS)
    table = intervals.of_draws(credits, drawn, SETTINGS, {}).to_pylist()
    rows = {r["name"]: r for r in table if (r["scope"], r["model"]) == ("v", "linear")}
    assert [rows[name]["place"] for name in "abc"] == [1, 1, 3]
    assert rows["c"]["rank_stability"] == 1 and rows["a"]["replicates"] == SETTINGS.replicates
    found = intervals._pooled(
        credits,
        intervals._Summed(credits.matrix("linear"), drawn["linear"], 0.9),
        range(len(credits.cells.names)),
        SETTINGS,
        {("2026-02", "month"): ["2026-02"], ("2026-02", "ytd"): ["2026-01", "2026-02"]},
    )
    names = {window: sorted(names) for (_, window), names, _ in found}
    assert names == {"month": ["b", "pooled"], "ytd": ["a", "b", "pooled"]}


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_intervals_cover_the_large_sample_share(world: Any) -> None:
    for model, (held, error, _) in covered(world, 60, 60, 100, 0.9).items():
        assert abs(held - 0.9) <= 0.02 + 3 * error and error < 0.04, (model, held, error)


@pytest.mark.torture
@pytest.mark.parametrize("conversions", [30, 100, 300, 1000])
@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_intervals_cover_at_every_size(world: Any, conversions: int) -> None:
    for model, (held, error, _) in covered(world, conversions, 400, 100, 0.9).items():
        assert abs(held - 0.9) <= 0.01 + 3 * error, (model, held, error)
