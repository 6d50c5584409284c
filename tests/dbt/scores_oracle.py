"""Scores, one contact and one touch after the other, from the definitions and nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from workspace.definitions.scoring import BUYER_STAGES, Engagement, Lead, Scoring

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Touch:
    touch_id: str
    touch_type: str
    at: datetime
    channel: str = "direct"
    topic: str | None = None
    depth: float = 0.5
    actor_class: str = "human"


def _human(touches: Iterable[Touch], at: datetime) -> list[Touch]:
    return sorted(
        (t for t in touches if t.actor_class != "machine" and t.at < at),
        key=lambda t: (-t.at.timestamp(), t.touch_id),
    )


def _age(touch: Touch, at: datetime) -> float:
    return (at - touch.at) / DAY


def engagement(touches: Iterable[Touch], at: datetime, rules: Engagement) -> dict[str, float]:
    """The five components and ``score``, all 0 to 100."""
    found = _human(touches, at)
    if not found:
        return dict.fromkeys(("recency", "frequency", "depth", "breadth", "intent", "score"), 0.0)
    recency = 100 * 2 ** (-_age(found[0], at) / rules.recency_half_life_days)
    weight = intent = 0.0
    for touch in found:
        age = _age(touch, at)
        weight += rules.frequency_weights.get(touch.touch_type, 1) * 2 ** (
            -age / rules.frequency_half_life_days
        )
        intent += rules.intent_points.get(touch.touch_type, 0) * 2 ** (
            -age / rules.intent_half_life_days
        )
    last = found[: rules.depth_touches]
    recent = [t for t in found if _age(t, at) <= rules.breadth_days]
    channels = len({t.channel for t in recent} - {"unknown"})
    topics = len({t.topic for t in recent} - {None})
    parts = {
        "recency": recency,
        "frequency": 100 * (1 - math.exp(-weight / rules.frequency_scale)),
        "depth": 100 * sum(t.depth for t in last) / len(last),
        "breadth": 50 * min(1, channels / rules.full_channels)
        + 50 * min(1, topics / rules.full_topics),
        "intent": 100 * min(1, intent / rules.full_intent_points),
    }
    score = sum(getattr(rules.weights, name) * value for name, value in parts.items())
    return {**parts, "score": score}


def behaviour(touches: Iterable[Touch], at: datetime, rules: Lead) -> float:
    """Points of the rules that count touches, in their group's bounds. All are behavioural."""
    total = 0.0
    for rule in rules.rules:
        points = 0.0
        for touch in _human(touches, at):
            if touch.touch_type in (rule.touches or ()):
                half_life = rule.half_life_days or rules.half_life_days
                points += rule.points * 2 ** (-_age(touch, at) / half_life)
        if rule.touches:
            total += max(-rule.cap, min(rule.cap, points))
    return max(0.0, min(rules.caps.behavioural, total))


def band_of(score: float, rules: Lead) -> str:
    return next(band.band for band in rules.bands if score >= band.lowest)


def held_band(scores: Sequence[float], rules: Lead) -> str:
    """The band to act by after one score a day, from the first on: a walk with memory."""
    order = [band.band for band in rules.bands]
    held, below = band_of(scores[0], rules), []
    for score in scores[1:]:
        band = band_of(score, rules)
        if order.index(band) <= order.index(held):
            held, below = band, []
            continue
        below.append(order.index(band))
        if len(below) >= rules.down_after_days:
            # The best of the days below becomes the band; later ones still count against it.
            best = min(below)
            held = order[best]
            below = below[len(below) - below[::-1].index(best) :]
    return held


def calibration(
    observed: Iterable[tuple[float, bool]], rules: Lead
) -> dict[tuple[str, str], tuple[int, int]]:
    """(kind, group) -> (contacts, converted), of (score, whether it converted) on all days."""
    seen = list(observed)
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for score, converted in seen:
        decile = 1 + 10 * sum(other < score for other, _ in seen) // len(seen)
        for group in (("decile", str(decile)), ("band", band_of(score, rules))):
            contacts, before = found.get(group, (0, 0))
            found[group] = (contacts + 1, before + converted)
    return found


def stage(touches: Iterable[Touch], at: datetime, rules: Scoring) -> str:
    """The buyer stage by touches alone."""
    found = _human(touches, at)
    best = 0
    for name in ("consideration", "interest"):
        wanted = getattr(rules.stages, name)
        for kind in wanted.touches:
            recent = [t for t in found if t.touch_type == kind and _age(t, at) <= wanted.valid_days]
            if len(recent) >= wanted.at_least.get(kind, 1):
                best = max(best, BUYER_STAGES.index(name))
    if any(_age(t, at) <= rules.stages.awareness.valid_days for t in found):
        best = max(best, BUYER_STAGES.index("awareness"))
    return BUYER_STAGES[best]


def steps(
    touches: Iterable[Touch], at: datetime, rules: Scoring
) -> list[tuple[str, str, datetime, datetime]]:
    """(from, to, since, at) of each stage reached for the first time, by touches alone."""
    found, best, since = [], 0, at
    for touch in reversed(_human(touches, at)):
        rank = BUYER_STAGES.index(stage(touches, touch.at + timedelta(microseconds=1), rules))
        if rank > best:
            if best:
                found.append((BUYER_STAGES[best], BUYER_STAGES[rank], since, touch.at))
            best, since = rank, touch.at
    return found


def is_engaged(touches: Sequence[Touch], at: datetime, rules: Scoring) -> bool:
    score = engagement(touches, at, rules.engagement)["score"]
    meetings = [t for t in _human(touches, at) if t.touch_type == "meeting"]
    recent = any(_age(t, at) <= rules.accounts.meeting_days for t in meetings)
    return score >= rules.accounts.engaged_from or recent
