"""How many intervals hold the share that a model gives in a large sample, in seeded samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pyarrow as pa

from models_ml.attribution import bootstrap, draws
from models_ml.attribution.draws import Credits
from models_ml.attribution.effects import Settings
from models_ml.attribution.paths import Floats, Walks, coded, from_rows

#: Channels of a unit's path, and what its conversion is worth (0: none).
Unit = tuple[str, float]
EXAMPLE = [("A>B>C", 4, 100), ("A>C", 5, 60), ("C", 3, 40), ("A>B", 2, 50)]
EXAMPLE += [("B", 20, 0), ("A", 15, 0), ("B>C", 6, 0)]
FREQUENCY = [0.35, 0.25, 0.15, 0.10, 0.08, 0.05, 0.02]


@dataclass(frozen=True)
class World:
    """``draw`` gives units with so many conversions, on average; ``large`` a very large sample."""

    name: str
    draw: Callable[[np.random.Generator, int], list[Unit]]
    large: Callable[[np.random.Generator], list[Unit]]


def _example(random: np.random.Generator, conversions: int) -> list[Unit]:
    """The documentation's 55 units, drawn with replacement; a quarter of them convert."""
    odds = np.array([units for _, units, _ in EXAMPLE], float)
    drawn = random.choice(len(EXAMPLE), conversions * 55 // 14, p=odds / odds.sum())
    return [(EXAMPLE[n][0], float(EXAMPLE[n][2])) for n in drawn]


def _skewed(random: np.random.Generator, conversions: int, spread: float = 1.0) -> list[Unit]:
    """Seven channels, the rarest in 2 % of touches; a few conversions bring most of the revenue."""
    count = conversions * 2
    worth = np.exp(spread * random.standard_normal(count))
    steps = random.choice(list("ABCDEFG"), (count, 4), p=FREQUENCY)
    found = []
    for n, length in enumerate(random.integers(1, 5, count)):
        own = [
            step for i, step in enumerate(steps[n, :length]) if i == 0 or steps[n, i - 1] != step
        ]
        found.append((">".join(own), float(worth[n]) if n % 2 else 0.0))
    return found


WORLDS = (
    World(
        "example",
        _example,
        lambda _: [(p, float(v)) for p, n, v in EXAMPLE * 1000 for _ in range(n)],
    ),
    # What a conversion is worth does not depend on its path: nor does the share.
    World("skewed", _skewed, lambda random: _skewed(random, 50_000, 0.0)),
)
SETTINGS = Settings(100, 0.9, "linear", 0.01, 1, 5.0, 12, 2000, 7)


def covered(
    world: World, conversions: int, samples: int, replicates: int, level: float, seed: int = 1
) -> dict[str, tuple[float, float, float]]:
    """Of each model: the share of intervals that hold, its standard error over samples, and the
    share that would hold were they percentiles of the replicates.

    A channel that a sample lacks has no interval there.
    """
    random = np.random.default_rng([seed, conversions])
    true = _true(world)
    held: dict[str, list[tuple[int, int, int]]] = {model: [] for model in true}
    settings = replace(SETTINGS, replicates=replicates)
    for _ in range(samples):
        credits, walks = _sample(random, world.draw(random, conversions))
        drawn = draws.drawn(credits, [walks], settings)
        for model, replicated in drawn.items():
            expected = true[model]
            names = [name for _, _, name, _ in credits.cells.names]
            degrees = bootstrap.freedom(credits.matrix(model))
            share = _shares(credits, credits.by_model[model])
            shares = np.array([share[name] for name in names])
            again = replicated / replicated.sum(axis=0)
            low, high = bootstrap.interval(shares, again, degrees, level)
            tails = [(1 - level) / 2, (1 + level) / 2]
            plain = np.quantile(again, tails, axis=1, method="weibull")
            at = np.array([expected[name] for name in names])
            inside = [((a <= at) & (at <= b)).sum() for a, b in ((low, high), plain)]
            held[model].append((inside[0], len(names), inside[1]))
    found = {}
    for model, counts in held.items():
        inside, of, plain = np.array(counts, float).T
        share = inside.sum() / of.sum()
        error = np.sqrt(((inside - share * of) ** 2).sum()) / of.sum()
        found[model] = (float(share), float(error), float(plain.sum() / of.sum()))
    return found


@cache
def _true(world: World) -> dict[str, dict[str, float]]:
    random = np.random.default_rng(0)
    credits, _ = _sample(random, world.large(random))
    return {model: _shares(credits, credit) for model, credit in credits.by_model.items()}


def _shares(credits: Credits, credit: Floats) -> dict[str, float]:
    summed = np.bincount(credits.cells.codes, credit, len(credits.cells.names))
    names = [name for _, _, name, _ in credits.cells.names]
    return dict(zip(names, (summed / summed.sum()).tolist(), strict=True))


def _sample(random: np.random.Generator, units: list[Unit]) -> tuple[Credits, Walks]:
    """A sample as the warehouse would have it."""
    numbers = random.integers(0, 2**63, len(units), dtype=np.uint64)
    rows = [
        {
            "conversion_id": str(n),
            "vertical": "",
            "goal": "",
            "month": "",
            "channel": channel,
            "campaign_id": "",
            "touches": path.split(">").count(channel),
            "revenue": worth,
            "unit_number": int(numbers[n]),
            "credit_linear": worth * path.split(">").count(channel) / len(path.split(">")),
            "credit_markov": 0.0,  # fitted below
            "credit_shapley": 0.0,
        }
        for n, (path, worth) in enumerate(units)
        for channel in sorted(set(path.split(">")))
        if worth
    ]
    credits = draws.from_table(pa.Table.from_pylist(rows))
    path = coded(pa.table({"path": [path for path, _ in units]}), "path")
    revenue = np.array([worth for _, worth in units])
    won = (revenue > 0).astype(float)
    counts = [won, 1 - won, revenue]
    once = [np.bincount(path.codes, count, len(path.names)) for count in counts]
    paths = from_rows([text for (text,) in path.names], *once)
    for model, shares in draws.refitted(credits, [paths], SETTINGS).items():
        by_row = credits.revenue * credits.mixes.part * shares[credits.mixes.of_row, 0]
        credits.by_model[model] = by_row
    return credits, Walks(paths, path.codes, numbers, *counts)
