"""Content recommendations, slowly and obviously: one contact, one place, one item at a time."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from workspace.definitions import Definitions

Row = dict[str, Any]
DAY = 86_400
TERMS = ("stage", "persona", "topic", "performance", "freshness", "novelty")


def number_of(text: str) -> int:
    """As the macro of that name in DuckDB: 64 bits of the MD5, signed."""
    return int.from_bytes(hashlib.md5(text.encode()).digest()[8:], "little") - 2**63


@dataclass
class Oracle:
    """``contacts`` with age, ``items``, ``touches`` and ``consents`` as the marts hold them."""

    definitions: Definitions
    as_of: datetime
    contacts: list[Row]
    items: list[Row]
    touches: list[Row]
    consents: list[Row]

    def __post_init__(self) -> None:
        self.settings = self.definitions.content.recommendations
        self.library = {item["content_id"]: item for item in self.items}
        self.human = [t for t in self.touches if t["actor_class"] != "machine"]
        self.about = [t for t in self.human if t["content_id"] in self.library]
        self.stages = {c["contact_id"]: c["stage"] for c in self.contacts}
        self.personas = {c["contact_id"]: self.persona(c) for c in self.contacts}
        self._rates()

    def persona(self, contact: Row) -> str | None:
        age = contact["age"]
        for rule in self.definitions.personas.rules:
            when = rule.when
            if when.verticals and contact["vertical"] not in when.verticals:
                continue
            if when.roles and contact["role"] not in when.roles:
                continue
            if when.account_types and contact["account_type"] not in when.account_types:
                continue
            if when.age_from is not None and (age is None or age < when.age_from):
                continue
            if when.age_below is not None and (age is None or age >= when.age_below):
                continue
            return rule.persona
        return None

    def _rates(self) -> None:
        """Of the people of a stage and persona who met an item: the share that did more."""
        seen: dict[tuple[str, str, str | None], dict[str, bool]] = {}
        for touch in self.about:
            if touch["contact_id"] is None:
                continue
            who = touch["contact_id"]
            cell = seen.setdefault((touch["content_id"], self.stages[who], self.personas[who]), {})
            cell[who] = cell.get(who, False) or touch["touch_type"] != "content_view"
        people = [acted for cell in seen.values() for acted in cell.values()]
        mean = sum(people) / len(people) if people else 0.0
        prior = self.settings.prior_views
        rates = {
            key: (sum(cell.values()) + prior * mean) / (len(cell) + prior)
            for key, cell in seen.items()
        }
        ordered = sorted(rates.values())
        top = ordered[math.ceil(self.settings.top_quantile * len(ordered)) - 1] if ordered else 0.0
        self.rates = {key: min(1.0, rate / top) if top else 0.0 for key, rate in rates.items()}
        self.unseen = min(1.0, mean / top) if top else 0.0

    def allowed(self, who: str, purpose: str, channel: str) -> bool:
        states = [c for c in self.consents if c["contact_id"] == who]
        if any(
            c["purpose"] == "all"
            and c["channel"] in ("all", self.settings.channel)
            and c["state"] not in ("granted", "unknown")
            for c in states
        ):
            return False
        return any(
            c["purpose"] == purpose and c["channel"] == channel and c["state"] == "granted"
            for c in states
        )

    def gets_any(self, contact: Row) -> bool:
        settings, who = self.settings, contact["contact_id"]
        since = self.as_of - timedelta(days=settings.active_days)
        active = any(t["contact_id"] == who and t["occurred_at"] >= since for t in self.human)
        writing = any(
            self.allowed(who, purpose, settings.channel) for purpose in settings.channel_purposes
        )
        return (
            (active or contact["role"] in settings.target_roles)
            and self.allowed(who, settings.profiling_purpose, "all")
            and writing
        )

    def eligible(self, contact: Row) -> list[Row]:
        settings = self.settings
        since = self.as_of - timedelta(days=settings.repeat_after_days)
        met = {
            t["content_id"]
            for t in self.about
            if t["contact_id"] == contact["contact_id"] and t["occurred_at"] >= since
        }
        return [
            item
            for item in sorted(self.items, key=lambda item: item["content_id"])
            if item["content_id"] not in met
            and item["vertical"] == contact["vertical"]
            and item["language"] is not None
            and contact["language"] is not None
            and item["language"].split("-")[0] == contact["language"].split("-")[0]
            and (item["status"] or "").lower() in settings.approved_statuses
            and item["content_type"] in settings.content_types
            and item["published_at"] is not None
            and item["published_at"] < self.as_of
        ]

    def terms(self, contact: Row, item: Row) -> dict[str, float]:
        settings, who = self.settings, contact["contact_id"]
        names = self.definitions.content.stages
        mine, its = names.index(self.stages[who]), (item["stage"] or "").lower()
        fit = settings.stage_fit
        stage = fit.other
        if its == names[mine]:
            stage = fit.same
        elif its in names and names.index(its) == mine + 1:
            stage = fit.next
        key = self.personas[who]
        known = self.definitions.personas.personas[key] if key else None
        unknown = settings.unknown_weight
        persona = (
            (known.topics.get(item["topic"], unknown) if known else unknown)
            + (known.content_types.get(item["content_type"], unknown) if known else unknown)
        ) / 2
        if item["persona"] is not None and not (known and item["persona"] in known.written_for):
            persona *= settings.other_audience
        own = [t for t in self.about if t["contact_id"] == who]
        topics: Counter[str] = Counter()
        for touch in own:
            topic = self.library[touch["content_id"]]["topic"]
            if topic is not None:
                age = (self.as_of - touch["occurred_at"]).total_seconds() / DAY
                topics[topic] += 2 ** (-age / settings.topic_half_life_days)  # type: ignore[assignment]
        length = math.sqrt(sum(weight**2 for weight in topics.values()))
        own.sort(key=lambda t: t["touch_id"])
        own.sort(key=lambda t: t["occurred_at"], reverse=True)
        last = [
            self.library[t["content_id"]]["content_type"] for t in own[: settings.novelty_items]
        ]
        age = (self.as_of - item["published_at"]).total_seconds() / DAY
        cell = (item["content_id"], self.stages[who], key)
        return {
            "stage": stage,
            "persona": persona,
            "topic": topics.get(item["topic"], 0) / length if length else 0.0,
            "performance": self.rates.get(cell, self.unseen),
            "freshness": 2 ** (-age / settings.freshness_half_life_days),
            "novelty": 1 - (last.count(item["content_type"]) / len(last) if last else 0),
        }

    def places(self, contact: Row) -> list[Row]:
        """The contact's recommendations, and for each place the whole distribution."""
        settings, who = self.settings, contact["contact_id"]
        if not self.gets_any(contact):
            return []
        weights = settings.weights.model_dump()
        items, scored = self.eligible(contact), {}
        for item in items:
            terms = self.terms(contact, item)
            scored[item["content_id"]] = (
                round(sum(weights[name] * terms[name] for name in TERMS), 9),
                terms,
            )
        found: list[Row] = []
        for place in range(1, settings.items_per_contact + 1):
            types = Counter(row["content_type"] for row in found)
            taken = {row["content_id"] for row in found}
            options = [
                item
                for item in items
                if item["content_id"] not in taken
                and types[item["content_type"]] < settings.most_of_one_type
            ]
            if not options:
                break
            salt = f"/{self.as_of_on:%Y-%m-%d}/{settings.seed}"
            best = min(options, key=lambda i: (-scored[i["content_id"]][0], i["content_id"]))
            explores = number_of(f"{who}/{place}{salt}") / 2**64 + 0.5 < settings.exploration
            lot = number_of(f"lots/{who}/{place}{salt}")
            lots = {
                item["content_id"]: hashlib.md5(f"{lot}{item['content_id']}".encode()).hexdigest()
                for item in options
            }
            pick = min(options, key=lambda i: lots[i["content_id"]]) if explores else best
            share = settings.exploration / len(options)
            chances = {
                item["content_id"]: share + (1 - settings.exploration if item is best else 0)
                for item in options
            }
            assert math.isclose(sum(chances.values()), 1)
            score, terms = scored[pick["content_id"]]
            parts = sorted(TERMS, key=lambda name: -round(weights[name] * terms[name], 9))
            found.append(
                {
                    "contact_id": who,
                    "recommendation_rank": place,
                    "content_id": pick["content_id"],
                    "content_type": pick["content_type"],
                    "score": score,
                    "reason_1": parts[0],
                    "reason_2": parts[1],
                    "is_exploration": explores,
                    "propensity": chances[pick["content_id"]],
                    "allowed_items": len(options),
                }
            )
        return found

    @property
    def as_of_on(self) -> datetime:
        """The day in Paris: the tests run at midnight or noon UTC, two hours behind."""
        return self.as_of + timedelta(hours=2)
