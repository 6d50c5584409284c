"""Estimates of policies that were not in force, against worlds whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from models_ml.actions import off_policy

#: Two options: their true mean rewards, and how often the log took the first.
MEANS, FIRST = np.array([1.0, 3.0]), 0.9


def logged(seed: int, count: int):
    """reward, propensity, and the target that always takes the second option."""
    rng = np.random.default_rng(seed)
    taken = (rng.random(count) >= FIRST).astype(int)
    reward = MEANS[taken] + rng.normal(size=count)
    return reward, np.where(taken == 0, FIRST, 1 - FIRST), (taken == 1).astype(float), taken


def test_by_hand() -> None:
    reward, propensity = np.array([2.0, 4.0, 0.0, 2.0]), np.array([0.5, 0.25, 0.5, 0.5])
    target = np.array([1.0, 1.0, 0.0, 1.0])
    # Weights 2, 4, 0, 2: (4 + 16 + 0 + 4) / 4, and / 8.
    assert off_policy.inverse_propensity(reward, propensity, target).value == pytest.approx(6.0)
    found = off_policy.self_normalised(reward, propensity, target)
    assert found.value == pytest.approx(3.0)
    assert found.effective == pytest.approx(64 / 24) and found.decisions == 4
    model = np.full(4, 1.0)
    # 1 + (2 x 1 + 4 x 3 + 0 + 2 x 1) / 4
    robust = off_policy.doubly_robust(reward, propensity, target, model, model)
    assert robust.value == pytest.approx(5.0)


def test_the_policy_that_was_logged_is_the_mean() -> None:
    reward, propensity, _, _ = logged(1, 500)
    for estimate in (off_policy.inverse_propensity, off_policy.self_normalised):
        assert estimate(reward, propensity, propensity).value == pytest.approx(reward.mean())


def estimates(seed: int, count: int = 4_000):
    reward, propensity, target, taken = logged(seed, count)
    model = MEANS + 0.5  # wrong, and yet
    return (
        off_policy.inverse_propensity(reward, propensity, target),
        off_policy.self_normalised(reward, propensity, target),
        off_policy.doubly_robust(
            reward, propensity, target, model[taken], np.full(count, model[1])
        ),
    )


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    found = [estimates(seed) for seed in range(200)]
    for n in range(3):
        own = [row[n] for row in found]
        held = np.mean([e.low <= MEANS[1] <= e.high for e in own])
        # 95 % of 200: two standard deviations are 3 points.
        assert 0.90 <= held <= 0.99
        assert np.mean([e.value for e in own]) == pytest.approx(MEANS[1], abs=0.02)
    widths = [np.mean([row[n].high - row[n].low for row in found]) for n in range(3)]
    assert widths[0] > widths[1] and widths[0] > widths[2]


def test_what_cannot_be_told_is_not_told() -> None:
    none = np.array([])
    assert np.isnan(off_policy.inverse_propensity(none, none, none).value)
    ones = np.ones(5)
    never = off_policy.self_normalised(ones, ones, np.zeros(5))
    assert np.isnan(never.value) and never.effective == 0
    # Five equal rewards do not make a certainty.
    same = off_policy.inverse_propensity(ones, ones, ones)
    assert same.value == 1.0 and np.isnan(same.low)
    with pytest.raises(ValueError, match="above 0"):
        off_policy.inverse_propensity(ones, np.zeros(5), ones)
