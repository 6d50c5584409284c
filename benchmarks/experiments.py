"""How often a test that is looked at twenty times declares a winner: z, and ours.

    python -m benchmarks.experiments [--repetitions N]

Two arms of up to 10,000 people at a base rate of 10 %, looked at every 500. Without a difference
every winner is a false one; with two points more in one arm, it is to be found. The z test stops
at the first p below .05, the mixture test at the first always-valid p below .05.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from models_ml.experiments.proportions import p_value, variance, z_score
from models_ml.experiments.sequential import likelihood_ratio, p_always_valid

BASE, LOOKS, STEP, TAU, ALPHA = 0.10, 20, 500, 0.02, 0.05


def rates_of_winners(effect: float, repetitions: int, seed: int) -> tuple[float, float, float]:
    """The share of tests with a winner by z and by the mixture test, and the mean people per arm at
    which the latter found it (NaN without any)."""
    draw = np.random.default_rng(seed)
    n = STEP * np.arange(1, LOOKS + 1)
    a, b = (
        draw.binomial(STEP, rate, (repetitions, LOOKS)).cumsum(axis=1) / n
        for rate in (BASE, BASE + effect)
    )
    naive = (p_value(z_score(a, n, b, n)) < ALPHA).any(axis=1)
    valid = p_always_valid(likelihood_ratio(b - a, variance(a, b), n, TAU)) < ALPHA
    found = valid.any(axis=1)
    stopped = n[valid.argmax(axis=1)][found]
    people = float(stopped.mean()) if found.any() else float("nan")
    return float(naive.mean()), float(found.mean()), people


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repetitions", type=int, default=4_000)
    chosen = parser.parse_args(arguments)
    began = time.perf_counter()
    naive, ours, _ = rates_of_winners(0.0, chosen.repetitions, 1)
    powers, power, people = rates_of_winners(0.02, chosen.repetitions, 2)
    seconds = time.perf_counter() - began
    print(f"{chosen.repetitions:,} tests of {LOOKS} looks, {seconds:.1f} s")
    print(f"  no difference: {naive:.1%} winners by z, {ours:.1%} by the mixture test")
    print(f"  two points:    {powers:.1%} found by z, {power:.1%} by the mixture test", end="")
    print(f", after {people:,.0f} per arm on average")
    print(f"  false winners, ratio {naive / ours if ours else float('inf'):.1f} x")


if __name__ == "__main__":
    main()
