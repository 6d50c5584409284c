"""Next best action against one action for all, by the simulator's true responses.

    python -m benchmarks.actions [--seeds N] [--log N]

A world's people were sent 12 mails and got some actions drawn at random, and responded by their
true probabilities. Models learn from that; each person then gets the action of the highest
expected gain. What it gains is counted by the truth, and so is the best single action of each
vertical, which the truth itself picks: no way to treat all the same can do better. Means over
seeds, with intervals.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import t as student

from models_ml.actions import choosing, off_policy, responses
from models_ml.actions.choosing import Choice, Flags, Floats
from sandbox.world.draws import stream
from sandbox.world.generate import make_world
from sandbox.world.plan import SIZES
from sandbox.world.responses import click, true_responses
from workspace import definitions
from workspace.definitions.actions import NOTHING, Actions
from workspace.paths import PROJECT

#: Mails that everybody got before, whose opens and clicks are known.
MAILS = 12


@dataclass(frozen=True)
class Simulated:
    """People, what is known of them, and the truth: arrays are (people, options)."""

    options: list[str]
    features: pl.DataFrame
    verticals: np.ndarray
    allowed: Flags
    p_response: Floats
    p_stop: Floats
    gain: Floats


@dataclass(frozen=True)
class Outcome:
    """Mean true gains a person, base currency, and what the log alone says of the first."""

    personal: float
    explored: float
    same_for_all: float
    ideal: float
    by_log: off_policy.Estimate


def simulate(seed: int, actions: Actions) -> Simulated:
    """The people of a world of size S and what they truly do."""
    people = make_world(SIZES["S"], seed).people
    known = people.select("person", "vertical", "kind", "role", "affinity")
    rng = stream(seed, "past mails")
    chance = click(known["affinity"].to_numpy())
    features = known.select(
        "role",
        "kind",
        mail_clicks=rng.binomial(MAILS, chance),
        mail_opens=rng.binomial(MAILS, 1 - np.exp(-0.3 * known["affinity"].to_numpy())),
        noise=rng.random(known.height),
    )
    truth = true_responses(known)
    options = [NOTHING, *actions.actions]
    wide = pl.DataFrame({"action": options[1:]}).with_row_index("option", 1).join(truth, "action")
    row, option = wide["person"].to_numpy(), wide["option"].to_numpy()
    shape = (known.height, len(options))
    p_response, p_stop, gain = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    allowed = np.zeros(shape, bool)
    allowed[:, choosing.NOTHING] = True
    allowed[row, option] = True
    p_response[row, option] = wide["p_response"].to_numpy()
    p_stop[row, option] = wide["p_stop"].to_numpy()
    gain[row, option] = _worth(actions, options, p_response, p_stop)[row, option]
    verticals = known["vertical"].to_numpy()
    return Simulated(options, features, verticals, allowed, p_response, p_stop, gain)


def _worth(actions: Actions, options: list[str], response: Floats, stop: Floats) -> Floats:
    found = np.zeros_like(response)
    for n, key in enumerate(options[1:], 1):
        action = actions.actions[key]
        found[:, n] = choosing.worth(
            response[:, n], stop[:, n], action.value, action.cost, actions.stop_cost
        )
    return found


def learn(world: Simulated, actions: Actions, log: int, seed: int) -> Floats:
    """Expected gains by models of a log of ``log`` actions drawn at random: (people, options)."""
    rng = stream(seed, "action log")
    encoder = responses.Encoder(world.features)
    encoded = encoder.transform(world.features)
    enough = responses.Enough()
    response, stop = np.zeros_like(world.gain), np.zeros_like(world.gain)
    person = rng.integers(0, len(encoded), log)
    given = _drawn(rng, world.allowed[person])
    for n, key in enumerate(world.options[1:], 1):
        own = person[given == n]
        did = rng.random(len(own)) < world.p_response[own, n]
        left = rng.random(len(own)) < world.p_stop[own, n]
        action = actions.actions[key]
        models = (
            responses.fit(encoded[own], did, enough, action.assumed_rate),
            responses.fit(encoded[own], left, enough, action.assumed_stop_rate),
        )
        response[:, n], stop[:, n] = (model.probability(encoded) for model in models)
    return _worth(actions, world.options, response, stop) * world.allowed


def _drawn(rng: np.random.Generator, allowed: Flags) -> np.ndarray:
    """One allowed option a row that is not nothing."""
    lots = np.where(allowed, rng.random(allowed.shape), -1.0)
    lots[:, choosing.NOTHING] = -1.0
    return lots.argmax(axis=1)


def outcome(seed: int, actions: Actions, log: int) -> Outcome:
    """Learn, choose, and count by the truth."""
    world = simulate(seed, actions)
    expected = learn(world, actions, log, seed)
    ids = [str(n) for n in range(len(expected))]
    draws = choosing.draws(actions.seed, str(seed), ids)
    choice = choosing.choose(expected, world.allowed, actions.exploration, *draws)
    rows = np.arange(len(expected))
    same = sum(
        float(world.gain[world.verticals == vertical].sum(axis=0).max())
        for vertical in np.unique(world.verticals)
    )
    return Outcome(
        personal=float(world.gain[rows, choice.best].mean()),
        explored=float(world.gain[rows, choice.taken].mean()),
        same_for_all=same / len(rows),
        ideal=float(np.where(world.allowed, world.gain, -np.inf).max(axis=1).mean()),
        by_log=_judged(world, actions, expected, choice, seed),
    )


def _judged(
    world: Simulated, actions: Actions, expected: Floats, choice: Choice, seed: int
) -> off_policy.Estimate:
    """What the explored decisions say of the best actions alone, doubly robust."""
    rng = stream(seed, "rewards")
    rows, taken = np.arange(len(expected)), choice.taken
    did = rng.random(len(rows)) < world.p_response[rows, taken]
    left = rng.random(len(rows)) < world.p_stop[rows, taken]
    values = np.array([0.0, *(a.value for a in actions.actions.values())])
    costs = np.array([0.0, *(a.cost for a in actions.actions.values())])
    reward = did * values[taken] - costs[taken] - left * actions.stop_cost
    return off_policy.doubly_robust(
        reward,
        choice.propensity,
        (taken == choice.best).astype(float),
        expected[rows, taken],
        expected[rows, choice.best],
    )


def interval(values: Floats, level: float = 0.95) -> tuple[float, float, float]:
    """Mean over seeds, and the bounds of its interval by Student's t."""
    mean, spread = float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
    reach = float(student.ppf((1 + level) / 2, len(values) - 1)) * spread
    return mean, mean - reach, mean + reach


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--log", type=int, default=60_000)
    chosen = parser.parse_args(arguments)
    actions = definitions.load(Path(PROJECT) / "marketing").actions
    began = time.perf_counter()
    found = [outcome(seed, actions, chosen.log) for seed in range(1, chosen.seeds + 1)]
    seconds = time.perf_counter() - began
    print(f"{chosen.seeds} seeds, {chosen.log:,} logged actions each, {seconds:.1f} s")
    for name in ("personal", "explored", "same_for_all", "ideal"):
        mean, low, high = interval(np.array([getattr(o, name) for o in found]))
        print(f"  {name:14} {mean:7.3f} a person ({low:.3f} to {high:.3f})")
    lead = np.array([o.personal - o.same_for_all for o in found])
    mean, low, high = interval(lead)
    print(f"  beats same for all by {mean:.3f} ({low:.3f} to {high:.3f})")
    ratio = np.array([o.personal / o.same_for_all for o in found])
    mean, low, high = interval(ratio)
    print(f"  ratio {mean:.2f} x ({low:.2f} to {high:.2f})")
    held = sum(o.by_log.low <= o.personal <= o.by_log.high for o in found)
    print(f"  the log's interval holds the true gain in {held} of {len(found)} seeds")


if __name__ == "__main__":
    main()
