"""A bucket that does not wait."""

from __future__ import annotations

import random

import pytest

from workspace.limiter import Limiter


def test_turns_that_are_there_are_taken() -> None:
    clock = [10.0]
    limiter = Limiter(4.0, 2, clock=lambda: clock[0], sleep=lambda _: pytest.fail("it waited"))
    assert [limiter.missing() for _ in range(3)] == [0.0, 0.0, 0.25]
    assert limiter.missing() == 0.25  # a refusal takes nothing
    clock[0] += 0.25
    assert [limiter.missing() for _ in range(2)] == [0.0, 0.25]
    clock[0] += 1000
    assert [limiter.missing() for _ in range(3)] == [0.0, 0.0, 0.25]
    clock[0] -= 500  # a clock that goes back gives nothing
    assert limiter.missing() > 0
    assert Limiter.unlimited().missing() == 0.0


def test_no_more_than_the_rate_in_any_time() -> None:
    draw, clock, taken = random.Random(1), [0.0], []
    limiter = Limiter(5.0, 3, clock=lambda: clock[0])
    for _ in range(5000):
        clock[0] += draw.expovariate(20.0)
        if not limiter.missing():
            taken.append(clock[0])
    for first in range(0, len(taken) - 100, 37):
        for last in range(first + 1, first + 100, 9):
            assert last - first + 1 <= 3 + 5.0 * (taken[last] - taken[first]) + 1e-6
    assert len(taken) == pytest.approx(5.0 * clock[0], rel=0.02)
