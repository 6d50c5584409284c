"""Conversions and touches put where the models of attribution read them."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from models_ml.attribution.effects import effects
from models_ml.attribution.intervals import intervals
from tests.dbt import worlds
from tests.dbt.attribution_oracle import Conversion, Facts, Touch
from tests.dbt.lakehouse import Lakehouse
from workspace import warehouse

Row = dict[str, Any]
AT = datetime(2026, 3, 2, 12)
MARTS = ["attribution_roi", "attribution_intervals", "attribution_confidence", "kpi_monthly"]
MARTS += ["attribution_disagreement", "attribution_moves", "attribution_effects"]
MARTS += ["int_attribution_path_counts", "int_attribution_unit_credits"]
#: What is built of conversions and touches, in order.
PATHS = ["attribution_touchpoints", "int_attribution_paths"]
CREDITS = ["attribution_credits", "attribution_roi"]
CHANNELS = ["direct", "email", "organic_search", "paid_search", "webinar"]


def empty(folder: Path, target: Path, **lake: Any) -> Lakehouse:
    """Everything attribution stands on, without a conversion and without a touch."""
    house = Lakehouse(folder, target)
    house.fill(as_of=worlds.AS_OF, parameters=worlds.parameters(), **lake)
    return house.run(*(f"+{mart}" for mart in MARTS))


def fit(house: Lakehouse) -> None:
    """What the run does between the phases."""
    with duckdb.connect(str(house.path)) as connection:
        rows = effects(connection, worlds.AS_OF, "snapshot")
        warehouse.store(connection, "attribution_effects", rows)


def draw(house: Lakehouse) -> None:
    """What the run does once there are credits."""
    with duckdb.connect(str(house.path)) as connection:
        warehouse.store(connection, "attribution_intervals", intervals(connection))


def touch(name: str, unit: str, at: datetime, channel: str, **more: Any) -> Row:
    """A row of fct_touchpoints."""
    return {
        "touch_id": name,
        "touch_type": "session",
        "occurred_at": at,
        "occurred_on": at.date(),
        "contact_id": f"{unit}-contact",
        "account_id": unit,
        "vertical": "medical",
        "channel": channel,
        "actor_class": "human",
        **more,
    }


def deal(name: str, unit: str | None, at: datetime, amount: Any, **more: Any) -> Row:
    """A won deal of fct_deals."""
    return {
        "deal_id": name,
        "vertical": "medical",
        "is_won": True,
        "account_id": unit,
        "amount": amount,
        "currency": "EUR",
        "amount_base": amount,
        "closed_at": at,
        "closed_on": at.date(),
        "known_at": at,
        **more,
    }


GOLDEN = [
    ("ABC", 4, 100),
    ("AC", 5, 60),
    ("C", 3, 40),
    ("AB", 2, 50),
    ("B", 20, None),
    ("A", 15, None),
    ("BC", 6, None),
]


def golden() -> tuple[list[Row], list[Row]]:
    """Touches and deals of the golden example: 55 units, all touches a week apart."""
    touches, deals = [], []
    for channels, units, amount in GOLDEN:
        for n in range(units):
            unit = f"{channels}-{amount}-{n}"
            for i, channel in enumerate(channels):
                at = AT - timedelta(days=7 * (len(channels) - 1 - i))
                touches.append(touch(f"{unit}-{i}", unit, at, channel))
            if amount is not None:
                deals.append(deal(unit, unit, AT, amount))
    return touches, deals


class PathSet:
    """Random conversions of a vertical with the touches they may be credited to."""

    def __init__(self, number: int, seed: int) -> None:
        rng = random.Random(seed)
        self.vertical = f"vertical-{number}"
        self.lookback = rng.choice([1.0, 30.0, 90.0, 365.0])
        self.half_life = rng.choice([0.01, 7.0, 14.0, 300.0])
        self.touches: dict[str, list[Touch]] = {}
        self.conversions: dict[str, Conversion] = {}
        self.revenue: dict[str, Any] = {}
        self.base: dict[str, Any] = {}
        for n in range(rng.randint(1, 4)):
            name = f"{number}-{n}"
            at = AT - timedelta(seconds=rng.randint(0, 86400 * 20))
            ages = [rng.choice([0, 1, 29, 30, 90, rng.uniform(0, 400)]) for _ in range(9)]
            self.touches[name] = [
                Touch(f"{name}-{i}", rng.choice(CHANNELS), at - timedelta(days=ages[i]))
                for i in range(rng.choice([0, 1, 2, 3, rng.randint(0, 9)]))
            ]
            ago = [timedelta(days=rng.uniform(0, 200)) for _ in range(3)]
            self.conversions[name] = Conversion(
                name,
                at,
                at - ago[0] if rng.random() < 0.3 else None,
                at - ago[1] if rng.random() < 0.6 else None,
                at - ago[2] if rng.random() < 0.6 else None,
            )
            self.revenue[name] = rng.choice(
                [None, 0, 1, 100, "0.0001", "0.01", "33.3333", "-12.5", "99999999999.9999"]
            )
            self.base[name] = rng.choice([None, self.revenue[name], "7.7777"])
        self.facts = Facts(
            {c: rng.choice([0.0, rng.random()]) for c in CHANNELS if rng.random() < 0.9}
        )

    def rows(self) -> tuple[list[Row], list[Row], list[Row]]:
        """For int_attribution_conversions, int_attribution_touches and attribution_effects."""
        conversions, touches = [], []
        for name, found in self.conversions.items():
            conversions.append(
                {
                    "conversion_id": name,
                    "goal": "deal_won",
                    "source_id": name,
                    "vertical": self.vertical,
                    "unit_id": name,
                    "converted_at": found.at,
                    "converted_on": found.at.date(),
                    "revenue": None if self.revenue[name] is None else str(self.revenue[name]),
                    "currency": "USD",
                    "revenue_base": None if self.base[name] is None else str(self.base[name]),
                    "lookback_days": self.lookback,
                    "half_life_days": self.half_life,
                    "previous_at": found.previous_at,
                    "lead_at": found.lead_at,
                    "opportunity_at": found.opportunity_at,
                    "is_new_customer": True,
                }
            )
            touches += [
                {
                    "touch_id": touch.touch_id,
                    "touch_type": "session",
                    "contact_id": name,
                    "vertical": self.vertical,
                    "unit_id": name,
                    "channel": touch.channel,
                    "occurred_at": touch.at,
                }
                for touch in self.touches[name]
            ]
        found_effects = [
            {
                "as_of": worlds.AS_OF,
                "snapshot_id": "snapshot",
                "vertical": self.vertical,
                "goal": "deal_won",
                "model": "markov",
                "path": "",
                "replicate": 0,
                "channel": channel,
                "value": value,
            }
            for channel, value in self.facts.removal.items()
        ]
        return conversions, touches, found_effects


def put_sets(house: Lakehouse, sets: list[PathSet]) -> None:
    rows = [path_set.rows() for path_set in sets]
    house.put("intermediate.int_attribution_conversions", [r for found in rows for r in found[0]])
    house.put("intermediate.int_attribution_touches", [r for found in rows for r in found[1]])
    house.put("lake.attribution_effects", [r for found in rows for r in found[2]])
    house.run(*PATHS).run(*CREDITS)
