"""Effects from people who were held out, and whether their order is worth anything."""

from __future__ import annotations

import numpy as np
import pytest

from models_ml.actions import uplift
from models_ml.actions.responses import Enough

ENOUGH = Enough(300, 30, 50.0)


def people(count: int, seed: int, effect: float = 0.2):
    """Half are treated; it helps only those with a positive first feature."""
    rng = np.random.default_rng(seed)
    encoded = rng.normal(size=(count, 3))
    treated = rng.random(count) < 0.5
    chance = 0.15 + effect * treated * (encoded[:, 0] > 0)
    return encoded, rng.random(count) < chance, treated


def test_the_two_models_find_whom_it_helps() -> None:
    encoded, responded, treated = people(20_000, 1)
    model = uplift.fit_two(encoded, responded, treated, ENOUGH, 0.1)
    effect = model.effect(encoded)
    helped = encoded[:, 0] > 0.5
    assert effect[helped].mean() == pytest.approx(0.2, abs=0.05)
    assert effect[encoded[:, 0] < -0.5].mean() == pytest.approx(0.0, abs=0.05)
    parts = model.contributions(encoded, ["helps", "x", "y"])
    assert np.abs(parts["helps"]).mean() > 3 * np.abs(parts["x"]).mean()


def test_arms_are_compared_on_the_same_people() -> None:
    """Where one arm alone has a model, the other's rate leaves out whose features nobody knows."""
    encoded, responded, treated = people(4_000, 2)
    responded |= ~treated  # who was held out all responds, so that nothing can be learnt of them
    strangers = np.zeros((1_000, 3)), np.zeros(1_000, bool), np.arange(1_000) % 2 == 0
    pairs = zip((encoded, responded, treated), strangers, strict=True)
    whole = [np.concatenate(pair) for pair in pairs]
    known = np.arange(5_000) < 4_000
    found = uplift.fit_two(*whole, ENOUGH, 0.1, known)
    assert (found.treated.basis, found.control.basis) == ("model", "rate")
    assert (
        found.control.rate == uplift.fit_two(encoded, responded, treated, ENOUGH, 0.1).control.rate
    )
    # With a model of neither, the rates are of all.
    few = uplift.fit_two(*whole, Enough(10**6, 30, 50.0), 0.1, known)
    assert (few.treated.exposures, few.control.exposures) == tuple(
        int(arm.sum()) for arm in (whole[2], ~whole[2])
    )


def slow_area(effect, responded, treated) -> float:
    """The curve step by step, as its definition says."""
    order = sorted(range(len(effect)), key=lambda n: -effect[n])
    total, area = treated.sum(), 0.0
    hits, counts, curve, shares = [0, 0], [0, 0], [], []
    for n in order:
        arm = int(treated[n])
        counts[arm] += 1
        hits[arm] += int(responded[n])
        ratio = counts[1] / counts[0] if counts[0] else 0.0
        curve.append(hits[1] - hits[0] * ratio)
        shares.append(counts[1] / total)
    before = 0.0
    for value, share in zip(curve, shares, strict=True):
        area += (value - curve[-1] * share) * (share - before)
        before = share
    return area / total


@pytest.mark.parametrize("seed", range(3))
def test_qini_is_the_area_of_its_definition(seed: int) -> None:
    encoded, responded, treated = people(300, seed)
    found = uplift.qini(encoded[:, 0], responded, treated, replicates=20)
    assert found.value == pytest.approx(slow_area(encoded[:, 0], responded, treated))
    assert found.low <= found.high and found.people == 300


def test_qini_tells_an_order_that_helps_from_one_that_does_not() -> None:
    encoded, responded, treated = people(6_000, 4)
    folds = np.arange(6_000) % uplift.FOLDS
    unseen = uplift.unseen_effect(encoded, responded, treated, folds, ENOUGH, 0.1)
    assert uplift.qini(unseen, responded, treated).low > 0
    none = uplift.qini(encoded[:, 2], responded, treated)
    assert none.low < 0 < none.high
    assert np.isnan(uplift.qini(unseen, responded, np.ones(6_000, bool)).value)
    assert np.isnan(uplift.qini(unseen[:0], responded[:0], treated[:0]).value)
