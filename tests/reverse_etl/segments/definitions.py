"""Random definitions about the worlds of `worlds.py`: every condition, operator and nesting.

They are built as files hold them and read as files are, so that a definition which the reader
would refuse is none here either.
"""

from __future__ import annotations

import random
from typing import Any

from tests.reverse_etl.segments import worlds
from workspace.definitions.segment_fields import (
    EVENT_FIELDS,
    SCORES,
    TOUCH_FIELDS,
    Fields,
    Kind,
    score_field,
)
from workspace.definitions.segment_files import leaf_faults
from workspace.definitions.segments import Segment, Segments

Plain = dict[str, Any]
_PLAIN = (
    "pricing_viewed", "white_paper_downloaded", "demonstration_demandee", "mp_web_page_view",
    "order_completed", "it_s_100_odd", "roi_calculator_used",
    "page_viewed", "screen_viewed", "identified",
)  # fmt: skip
_NEVER = ("never_happened", "Nobody's event")


def random_segments(seed: int, number: int, fields: Fields = worlds.FIELDS) -> Segments:
    """So many segments; a later one may ask an earlier one, of whichever unit."""
    rng = random.Random(seed)
    found: dict[str, Segment] = {}
    for n in range(number):
        draw = _Draw(rng, fields, list(found))
        found[f"s{n:03}"] = segment_of(draw.segment(), fields, set(found))
    return Segments(segments=found)


def segment_of(
    definition: Plain, fields: Fields = worlds.FIELDS, known: set[str] | None = None
) -> Segment:
    """A definition that is read without fault. ``known`` are the segments it may ask."""
    segment = Segment.model_validate({"name": "drawn", **definition})
    for at, unit, _, leaf in segment.leaves():
        faults = list(leaf_faults(leaf, unit, fields, known or set()))
        assert not faults, (at, leaf, faults)
    return segment


class _Draw:
    def __init__(self, rng: random.Random, fields: Fields, segments: list[str]) -> None:
        self.rng, self.fields, self.segments = rng, fields, segments

    def segment(self) -> Plain:
        rng = self.rng
        unit = rng.choice(("contact", "contact", "account"))
        found: Plain = {"unit": unit, "where": self.condition(unit, rng.choice((0, 1, 2, 2, 3)))}
        if rng.random() < 0.2:
            found["vertical"] = rng.choice(worlds.VERTICALS)
        if unit == "account" and rng.random() < 0.5:
            found["roles"] = rng.sample(worlds.ROLES, rng.choice((1, 2)))
        return found

    def condition(self, unit: str, depth: int) -> Plain:
        rng = self.rng
        if depth <= 0:
            return self.leaf(unit)
        word = rng.choice(("all", "any", "any", "not"))
        if word == "not":
            return {"not": self.condition(unit, depth - 1)}
        parts = [
            self.condition(unit, depth - rng.choice((1, 1, 2)))
            for _ in range(rng.choice((1, 2, 3)))
        ]
        return {word: parts}

    def leaf(self, unit: str) -> Plain:
        rng = self.rng
        kinds = ["field"] * 4 + ["score", "event", "event", "event", "touch", "sequence"]
        kinds += ["segment"] * 2 if self.segments else []
        kinds += ["contacts"] * 3 if unit == "account" else ["consent", "list", "snapshot"]
        kind = rng.choice(kinds)
        if kind == "field":
            known = self.fields.of(unit)
            field = self.one_of(known)
            return {"field": field, **self.comparison(field, known[field])}
        if kind == "score":
            score = rng.choice([s for s in SCORES if score_field(s, unit)])
            return {"score": score, **self.comparison("score", "number")}
        if kind in ("event", "touch"):
            return {**self.happening(kind), **self.counts(kind)}
        if kind == "sequence":
            return self.sequence()
        if kind == "segment":
            return {"segment": rng.choice(self.segments)}
        if kind == "consent":
            return {
                "consent": rng.choice(worlds.CONSENTS),
                "purpose": rng.choice(worlds.PURPOSES),
                "channel": rng.choice(worlds.CHANNELS),
            }
        if kind == "list":
            return {"list": rng.choice([text for pair in worlds.LISTS for text in pair] + ["none"])}
        if kind == "snapshot":
            return {"snapshot": rng.choice((*worlds.SNAPSHOTS, "none"))}
        found: Plain = {"contacts": self.condition("contact", rng.choice((0, 0, 1, 2)))}
        found |= rng.choice(
            ({}, {"at_least": 2}, {"at_most": 1}, {"at_least": 1, "at_most": 2}, {"at_least": 0})
        )
        return found

    def happening(self, kind: str) -> Plain:
        rng = self.rng
        if kind == "touch":
            return {"touch": rng.choice(worlds.TOUCHES), **self.where(TOUCH_FIELDS)}
        names = (*worlds.EVENTS, *_PLAIN, *_PLAIN, *_NEVER)
        return {"event": rng.choice(names), **self.where({**EVENT_FIELDS, **self.fields.event})}

    def where(self, known: dict[str, Kind]) -> Plain:
        if self.rng.random() < 0.6:
            return {}
        names = {self.one_of(known) for _ in range(self.rng.choice((1, 1, 2)))}
        return {"where": {name: self.comparison(name, known[name]) for name in sorted(names)}}

    def one_of(self, known: dict[str, Kind]) -> str:
        """A field; properties, of which there are few, more often than columns."""
        properties = sorted(name for name in known if name.split(".")[-1].startswith("p_"))
        properties = [name for name in properties if not name.endswith("p_engage_7d")]
        some = properties if properties and self.rng.random() < 0.4 else sorted(known)
        return self.rng.choice(some)

    def counts(self, kind: str) -> Plain:
        rng = self.rng
        found: Plain = self.window() if rng.random() < 0.6 else {}
        amounts = [float(amount) for amount in worlds.AMOUNTS]
        asked: list[Plain] = [
            {},
            {"at_least": rng.choice((0, 1, 2, 3))},
            {"at_most": rng.choice((0, 1, 2))},
            {"at_least": 1, "at_most": 2},
            {"last_at_least_days_ago": rng.choice(worlds.DAYS)},
            {"last_below_days_ago": rng.choice(worlds.DAYS)},
        ]
        if kind == "event":
            asked.append({"sum_at_least": rng.choice((*amounts, 0.30000000000000004, 1))})
            asked.append({"sum_below": rng.choice((*amounts, 0.30000000000000004, 1))})
        for also in rng.sample(asked, rng.choice((1, 1, 1, 2))):
            found |= also
        if found.get("at_least", 0) > found.get("at_most", 9):
            del found["at_most"]
        return found

    def sequence(self) -> Plain:
        rng = self.rng
        steps: list[Any] = []
        for _ in range(rng.choice((2, 2, 3))):
            step = self.happening(rng.choice(("event", "event", "touch")))
            steps.append(step["event"] if list(step) == ["event"] and rng.random() < 0.8 else step)
        found: Plain = {"sequence": steps}
        if rng.random() < 0.5:
            found["within_days"] = rng.choice(worlds.DAYS)
        return found

    def window(self) -> Plain:
        rng = self.rng
        older, within = sorted(rng.sample(worlds.DAYS, 2))
        return rng.choice(
            (
                {"within_days": within},
                {"older_than_days": older},
                {"within_days": within, "older_than_days": older},
            )
        )

    def comparison(self, column: str, kind: Kind) -> Plain:
        rng = self.rng
        if rng.random() < 0.1:
            return {"is_known": rng.random() < 0.5}
        if kind == "boolean":
            return {"is": rng.random() < 0.5}
        if kind in ("date", "time") and rng.random() < 0.6:
            ahead = {"within_next_days": rng.choice(worlds.DAYS)}
            return ahead if rng.random() < 0.3 else self.window()
        if kind == "text":
            operator = rng.choice(
                ("is", "is_not", "in", "not_in", "contains", "starts_with", "ends_with")
            )
            texts = {"vertical": worlds.VERTICALS, "contact.vertical": worlds.VERTICALS}
            texts |= {"account.vertical": worlds.VERTICALS, "contact.role": worlds.ROLES}
            pool = texts.get(column, worlds.TEXTS)
            if operator in ("contains", "starts_with", "ends_with"):
                pool = [text for text in pool if text]
            if operator in ("in", "not_in"):
                return {operator: rng.sample(pool, min(len(pool), rng.choice((1, 2, 9))))}
            return {operator: rng.choice(pool)}
        pool = (
            worlds.DATES
            if kind == "date" or kind == "time"
            else (*worlds.NUMBERS, 7, 1000, 100.005)
        )
        low, high = sorted(rng.sample(pool, 2))
        ranges: list[Plain] = [
            {"at_least": low},
            {"above": low},
            {"at_most": high},
            {"below": high},
            {"at_least": low, "below": high},
            {"above": low, "at_most": high},
        ]
        if kind == "number":
            ranges += [{"is": low}, {"is_not": low}, {"in": [low, high]}, {"not_in": [low, high]}]
        return rng.choice(ranges)
