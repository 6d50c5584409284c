"""What each person is best offered beats one offer for all, by the simulator's own truth."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import actions
from workspace import definitions
from workspace.paths import PROJECT


def test_it_beats_the_same_for_all_by_the_truth() -> None:
    settings = definitions.load(PROJECT / "marketing").actions
    found = [actions.outcome(seed, settings, 30_000) for seed in (11, 12)]
    for outcome in found:
        assert outcome.personal > 1.5 * outcome.same_for_all
        assert outcome.personal <= outcome.ideal
        # A twentieth is drawn to learn, and costs about its share.
        assert 0.85 * outcome.personal < outcome.explored < outcome.personal


def test_an_interval_over_seeds_is_students() -> None:
    mean, low, high = actions.interval(np.array([1.0, 2.0, 3.0]))
    assert mean == 2.0 and high - mean == pytest.approx(4.3027 * (1 / 3) ** 0.5, abs=1e-3)
    assert mean - low == pytest.approx(high - mean)


def test_it_prints_figures(capsys: pytest.CaptureFixture[str]) -> None:
    actions.main(["--seeds", "2", "--log", "8000"])
    told = capsys.readouterr().out
    assert "beats same for all by" in told and "ratio" in told
