"""Markov chains and the Shapley value against golden values and a slow oracle."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models_ml.attribution import effects, markov, shapley
from models_ml.attribution.paths import Paths, from_rows
from tests.dbt import attribution_oracle as oracle
from tests.dbt.attribution_oracle import Walks

GOLDEN: Walks = [
    (["A", "B", "C"], 4, 0),
    (["A", "C"], 5, 0),
    (["C"], 3, 0),
    (["A", "B"], 2, 0),
    (["B"], 0, 20),
    (["A"], 0, 15),
    (["B", "C"], 0, 6),
]
WORTH = {"A>B>C": 100, "A>C": 60, "C": 40, "A>B": 50}

steps = st.lists(st.sampled_from("abcd"), min_size=1, max_size=5)
walk = st.tuples(steps, st.integers(0, 4), st.integers(0, 6)).filter(lambda w: w[1] + w[2] > 0)
walks = st.lists(walk, min_size=1, max_size=8)


def paths(given: Walks) -> Paths:
    """Equal paths once, as the warehouse has them, and neighbouring equal channels as one."""
    counts: dict[str, list[int]] = {}
    for walked, won, lost in given:
        turned = [c for i, c in enumerate(walked) if i == 0 or walked[i - 1] != c]
        found = counts.setdefault(">".join(turned), [0, 0])
        found[0] += won
        found[1] += lost
    columns = np.array(list(counts.values()), float)
    return from_rows(list(counts), columns[:, 0], columns[:, 1])


def by_channel(path_set: Paths, values: np.ndarray) -> dict[str, float]:
    return dict(zip(path_set.channels, values, strict=True))


def test_golden_removal_effects() -> None:
    effects, probability = markov.removal_effects(paths(GOLDEN))
    assert effects[:, 0] == pytest.approx([0.354167, 0.619048, 0.857143], abs=5e-7)
    assert probability == pytest.approx([0.254545], abs=5e-7)
    share = effects[:, 0] / effects.sum() * 920
    assert share == pytest.approx([178.0163, 311.1545, 430.8293], abs=5e-5)


def test_golden_shapley() -> None:
    own = paths(GOLDEN)
    found = shapley.shares(own)
    row = {mask: shares[:, 0] for mask, shares in zip(found.sets, found.shares, strict=True)}
    won = {">".join(walked): won for walked, won, _ in GOLDEN}
    texts = [">".join(walked) for walked, _, _ in GOLDEN]
    total = sum(
        row[mask] * WORTH[text] * won[text]
        for text, mask in zip(texts, own.sets, strict=True)
        if text in WORTH
    )
    assert total == pytest.approx([268.3572, 49.1507, 602.4921], abs=5e-5)


def test_nulls_matter() -> None:
    """Without them every channel looks needed: what libraries say that drop them."""
    effects, _ = markov.removal_effects(paths([walk for walk in GOLDEN if walk[1]]))
    share = effects[:, 0] / effects.sum() * 920
    assert share == pytest.approx([348.9655, 190.3448, 380.6897], abs=5e-5)


@given(walks, st.integers(1, 3))
@settings(deadline=None, max_examples=60)
def test_chains_are_those_of_the_oracle(given_walks: Walks, order: int) -> None:
    own = paths(given_walks)
    effects, probability = markov.removal_effects(own, order)
    expected, whole = oracle.removal_effects(given_walks, order)
    if not whole:
        assert np.isnan(effects).all() and probability[0] == pytest.approx(0)
        return
    assert probability[0] == pytest.approx(whole, abs=1e-9)
    assert by_channel(own, effects[:, 0]) == pytest.approx(expected, abs=1e-8)


@given(walks)
@settings(deadline=None, max_examples=30)
def test_shares_are_those_of_the_oracle(given_walks: Walks) -> None:
    own = paths(given_walks)
    found = shapley.shares(own)
    expected = oracle.shapley_shares(given_walks)
    assert len(found.sets) == len(expected)
    for mask, share in zip(found.sets, found.shares[:, :, 0], strict=True):
        members = frozenset(c for n, c in enumerate(own.channels) if mask >> n & 1)
        assert {c: share[own.channels.index(c)] for c in members} == pytest.approx(
            expected[members], abs=1e-9
        )
        assert share.sum() == pytest.approx(1)


def test_replicates_are_computed_beside_one_another() -> None:
    random = np.random.default_rng(1)
    texts = ["a>b", "b", "a", "c>a>b", "b>c"]
    won, lost = random.poisson(3, (5, 4)), random.poisson(5, (5, 4))
    together = from_rows(texts, won, lost)
    for order in (1, 2, 3):
        effects, probability = markov.removal_effects(together, order)
        for n in range(4):
            alone, whole = markov.removal_effects(from_rows(texts, won[:, n], lost[:, n]), order)
            assert effects[:, n] == pytest.approx(alone[:, 0], nan_ok=True)
            assert probability[n] == pytest.approx(whole[0])
    found = shapley.shares(together)
    for n in range(4):
        alone = shapley.shares(from_rows(texts, won[:, n], lost[:, n]))
        kept = np.isin(found.sets, alone.sets)
        assert found.shares[kept, :, n] == pytest.approx(alone.shares[:, :, 0])


def test_many_states_are_solved_as_sparse_matrices(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(2)
    texts = sorted({">".join(random.permutation(list("abcdefgh"))[:4]) for _ in range(60)})
    own = from_rows(texts, random.poisson(2, len(texts)), random.poisson(4, len(texts)))
    sparse = markov.removal_effects(own, 3)
    monkeypatch.setattr(markov, "DENSE_STATES", 10_000)
    dense = markov.removal_effects(own, 3)
    assert sparse[0] == pytest.approx(dense[0]) and sparse[1] == pytest.approx(dense[1])


def test_above_the_limit_shares_are_drawn_and_close() -> None:
    exact = shapley.shares(paths(GOLDEN))
    drawn = shapley.shares(paths(GOLDEN), exact_channels=1, permutations=4000)
    again = shapley.shares(paths(GOLDEN), exact_channels=1, permutations=4000)
    assert np.array_equal(drawn.shares, again.shares)
    assert drawn.shares == pytest.approx(exact.shares, abs=0.02)


def test_what_is_below_nothing_is_cut_and_told() -> None:
    """b makes a's paths worse: it gets nothing, and the cut is reported."""
    found = shapley.shares(paths([(["a"], 50, 50), (["a", "b"], 5, 95), (["b"], 0, 100)]))
    both = found.shares[list(found.sets).index(3), :, 0]
    assert both == pytest.approx([1, 0])
    assert 0 < found.clipped[0] < 1


def test_an_order_that_no_chain_has() -> None:
    with pytest.raises(ValueError, match="order 1, 2 or 3, not 4"):
        markov.removal_effects(paths(GOLDEN), 4)


def test_a_fit_is_named_by_what_it_was_made_with(monkeypatch: pytest.MonkeyPatch) -> None:
    def name(order: int = 1, seed: int = 7, replicates: int = 50) -> str:
        with duckdb.connect() as connection:
            connection.execute("create schema staging")
            connection.execute(
                "create table staging.stg_marketing__attribution_settings as select "
                f"{replicates} as replicates, 0.9 as level, 'markov' as primary_model, "
                f"0.01 as pooled_share, {order} as markov_order, 5.0 as shapley_prior, "
                "12 as shapley_exact_channels, 2000 as shapley_permutations, "
                f"{seed} as shapley_seed"
            )
            return effects.fitted_with(connection)

    assert name() == name() == name(replicates=200)
    assert len({name(), name(order=2), name(seed=8)}) == 3
    before = name()
    monkeypatch.setattr(effects, "VERSION", effects.VERSION + 1)
    assert name() != before
