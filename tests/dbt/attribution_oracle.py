"""Attribution by the definitions, path by path: slow, obvious, without SQL and without matrices."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

NOTHING = "unattributed"


@dataclass(frozen=True)
class Touch:
    touch_id: str
    channel: str
    at: datetime


@dataclass(frozen=True)
class Conversion:
    conversion_id: str
    at: datetime
    previous_at: datetime | None = None
    lead_at: datetime | None = None
    opportunity_at: datetime | None = None


@dataclass
class Facts:
    """What the data-driven models know: removal effects, and shares by set of channels."""

    removal: dict[str, float] = field(default_factory=dict)
    shares: dict[frozenset[str], dict[str, float]] = field(default_factory=dict)


def path(touches: list[Touch], conversion: Conversion, lookback: float) -> list[Touch]:
    """The touches of a conversion's path in order; one called unattributed where there is none."""
    found = [
        touch
        for touch in touches
        if conversion.at - timedelta(days=lookback) <= touch.at <= conversion.at
        and (conversion.previous_at is None or touch.at > conversion.previous_at)
    ]
    return sorted(found, key=lambda t: (t.at, t.touch_id)) or [
        Touch(NOTHING, NOTHING, conversion.at)
    ]


def weights(
    model: str, way: list[Touch], conversion: Conversion, half_life: float, facts: Facts
) -> list[float]:
    """The share of each touch of a path."""
    n = len(way)
    if n == 1:
        return [1.0]
    alike = [1 / n] * n
    if model == "linear":
        return alike
    if model in ("first", "last", "last_non_direct"):
        at = 0 if model == "first" else n - 1
        if model == "last_non_direct":
            others = [i for i, touch in enumerate(way) if touch.channel != "direct"]
            at = others[-1] if others else at
        return [1.0 if i == at else 0.0 for i in range(n)]
    if model == "time_decay":
        ages = [(conversion.at - touch.at) / timedelta(days=1) for touch in way]
        raw = [2 ** (-(age - min(ages)) / half_life) for age in ages]
        return [value / math.fsum(raw) for value in raw]
    if model == "position":
        return [0.5, 0.5] if n == 2 else [0.4, *([0.2 / (n - 2)] * (n - 2)), 0.4]
    if model == "w_shaped":
        return _w_shaped(way, conversion)
    if model == "markov":
        raw = [facts.removal.get(touch.channel, 0.0) for touch in way]
        return [value / math.fsum(raw) for value in raw] if math.fsum(raw) > 0 else alike
    assert model == "shapley"
    counts = Counter(touch.channel for touch in way)
    shares = facts.shares.get(frozenset(counts))
    return [shares[t.channel] / counts[t.channel] for t in way] if shares else alike


def _w_shaped(way: list[Touch], conversion: Conversion) -> list[float]:
    """0.3 first, 0.3 lead, 0.3 opportunity, 0.1 the rest; what is missing goes to what is there."""
    milestones = [0]
    missing = 0.0
    for moment in (conversion.lead_at, conversion.opportunity_at):
        before = [i for i, t in enumerate(way) if moment is not None and t.at <= moment]
        if before:
            milestones.append(before[-1])
        else:
            missing += 0.3
    rest = [i for i in range(len(way)) if i not in milestones]
    each = 0.3 + (missing + (0 if rest else 0.1)) / len(milestones)
    found = [0.1 / len(rest) if i in rest else 0.0 for i in range(len(way))]
    for i in milestones:
        found[i] += each
    return found


Walks = list[tuple[list[str], int, int]]
"""Paths of channels with how often they ended in a conversion, and how often in none."""


def removal_effects(walks: Walks, order: int = 1) -> tuple[dict[str, float], float]:
    """Effects by channel and the probability of conversion, by walking the chain step by step."""
    moves: dict[tuple[str, ...], Counter] = defaultdict(Counter)
    for walked, won, lost in walks:
        state: tuple[str, ...] = ()
        steps = [c for i, c in enumerate(walked) if i == 0 or walked[i - 1] != c]
        for channel in steps:
            following = (*state, channel)[-order:]
            moves[state][following] += won + lost
            state = following
        moves[state]["won"] += won
        moves[state]["lost"] += lost

    def probability(removed: str | None) -> float:
        here: dict[tuple[str, ...], float] = {(): 1.0}
        total = 0.0
        while sum(here.values()) > 1e-12:
            there: dict[tuple[str, ...], float] = defaultdict(float)
            for state, mass in here.items():
                out = sum(moves[state].values())
                for to, count in moves[state].items():
                    if to == "won":
                        total += mass * count / out
                    elif to != "lost" and to[-1] != removed:
                        there[to] += mass * count / out
            here = there
        return total

    whole = probability(None)
    channels = {channel for walked, _, _ in walks for channel in walked}
    return {c: 1 - probability(c) / whole for c in channels} if whole else {}, whole


def shapley_shares(walks: Walks, prior: float = 5) -> dict[frozenset[str], dict[str, float]]:
    """Shares by set of channels: mean gain over all orders in which its channels can join."""
    won: Counter = Counter()
    all_walks: Counter = Counter()
    for walked, wins, losses in walks:
        won[frozenset(walked)] += wins
        all_walks[frozenset(walked)] += wins + losses
    mean = sum(won.values()) / sum(all_walks.values())

    def worth(members: frozenset[str]) -> float:
        if not members:
            return 0.0
        return (won[members] + prior * mean) / (all_walks[members] + prior)

    found = {}
    for members in [m for m in won if won[m]]:
        gains: dict[str, float] = defaultdict(float)
        for order in itertools.permutations(sorted(members)):
            for i, channel in enumerate(order):
                gains[channel] += worth(frozenset(order[: i + 1])) - worth(frozenset(order[:i]))
        above = {channel: max(0.0, gain) for channel, gain in gains.items()}
        total = sum(above.values())
        found[members] = {
            c: value / total if total else 1 / len(members) for c, value in above.items()
        }
    return found
