"""`attribution.yml`: what paths are made of, the models' parameters, intervals and confidence."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from workspace.definitions.reading import Key, Row, Strict, no_repeats
from workspace.definitions.touchpoints import TouchType
from workspace.definitions.verticals import Verticals

RuleModel = Literal[
    "first", "last", "last_non_direct", "linear", "time_decay", "position", "w_shaped"
]
DataModel = Literal["markov", "shapley"]
ModelName = Literal[RuleModel, DataModel]
RULE_MODELS: tuple[str, ...] = get_args(RuleModel)
MODELS: tuple[str, ...] = (*RULE_MODELS, *get_args(DataModel))
#: How far back touches are kept beside each conversion, so that other look-backs can be asked for.
REACH_DAYS = 365
#: Where neither an account's nor a person's vertical is known.
UNASSIGNED = "unassigned"
TOLERANCE = 1e-9

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Days = Annotated[float, Field(gt=0, le=REACH_DAYS, allow_inf_nan=False)]
Unit = Literal["account", "contact"]
Market = Literal["b2b", "b2g", "b2c"]


class Reach(Strict):
    """How a market's or vertical's paths are cut. What is not given is the market's."""

    lookback_days: Days | None = None
    half_life_days: Days | None = None
    unit: Unit | None = None


class _Whole(Strict):
    """Shares that sum to 1."""

    @model_validator(mode="after")
    def _sum(self) -> _Whole:
        total = math.fsum(self.model_dump().values())
        if abs(total - 1) > TOLERANCE:
            raise ValueError(f"the shares sum to {total:g}, not 1")
        return self


class Position(_Whole):
    first: Share = 0.4
    middle: Share = 0.2
    last: Share = 0.4


class WShaped(_Whole):
    first: Annotated[float, Field(gt=0, le=1)] = 0.3
    lead: Share = 0.3
    opportunity: Share = 0.3
    rest: Share = 0.1


class Markov(Strict):
    order: Annotated[int, Field(ge=1, le=3)] = 1


class Shapley(Strict):
    prior: Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)] = 5
    exact_channels: Annotated[int, Field(ge=1, le=14)] = 12
    permutations: Annotated[int, Field(ge=1, le=100_000)] = 2000
    seed: Annotated[int, Field(ge=0, le=2**31)] = 7


class Bootstrap(Strict):
    replicates: Annotated[int, Field(ge=10, le=1000)] = 50
    seed: Annotated[int, Field(ge=0, le=2**31)] = 7
    level: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = 0.9


class ConfidenceWeights(_Whole):
    identity: Share = 0.30
    coverage: Share = 0.25
    quality: Share = 0.15
    stability: Share = 0.20
    agreement: Share = 0.10


class Confidence(Strict):
    weights: ConfidenceWeights = ConfidenceWeights()
    pooled_share: Share = 0.01
    inferred_links: list[Key] = ["domain"]
    compared_models: Annotated[list[ModelName], Field(min_length=2)] = [
        "linear",
        "time_decay",
        "position",
        "markov",
        "shapley",
    ]

    @field_validator("compared_models")
    @classmethod
    def _once(cls, value: list[str]) -> list[str]:
        no_repeats(value, "model")
        return value


class Attribution(Strict):
    """``attribution.yml``."""

    primary_model: ModelName = "markov"
    touch_types: Annotated[list[TouchType], Field(min_length=1)] = [
        "session",
        "ad_click",
        "email_click",
        "form_submit",
        "webinar_attend",
        "event_attend",
        "meeting",
    ]
    collapse_minutes: Annotated[float, Field(ge=0, le=1440, allow_inf_nan=False)] = 30
    multi_conversion: Literal["exclusive", "shared"] = "exclusive"
    markets: dict[Market, Reach] = {}
    verticals: dict[Key, Reach] = {}
    position: Position = Position()
    w_shaped: WShaped = WShaped()
    markov: Markov = Markov()
    shapley: Shapley = Shapley()
    bootstrap: Bootstrap = Bootstrap()
    confidence: Confidence = Confidence()
    not_marketing: list[Key] = ["direct", "meeting"]
    self_reported_properties: list[Annotated[str, Field(min_length=1)]] = []

    @model_validator(mode="after")
    def _once_each(self) -> Attribution:
        no_repeats(self.touch_types, "touch type")
        no_repeats(self.not_marketing, "channel")
        no_repeats(self.self_reported_properties, "property")
        return self

    def scopes(self) -> set[str]:
        return set(self.verticals)

    def rows(self, verticals: Verticals) -> Iterator[Row]:
        """Parameters; each vertical of ``verticals.yml`` with what holds for it."""
        settings: dict[str, Any] = {
            "primary_model": self.primary_model,
            "collapse_seconds": self.collapse_minutes * 60,
            "is_exclusive": self.multi_conversion == "exclusive",
            "reach_days": REACH_DAYS,
            **{f"position_{key}": share for key, share in self.position.model_dump().items()},
            **{f"w_{key}": share for key, share in self.w_shaped.model_dump().items()},
            "markov_order": self.markov.order,
            **{f"shapley_{key}": value for key, value in self.shapley.model_dump().items()},
            **self.bootstrap.model_dump(),
            "pooled_share": self.confidence.pooled_share,
            **{
                f"weight_{key}": share
                for key, share in self.confidence.weights.model_dump().items()
            },
        }
        yield Row("attribution_settings", "settings", 1, settings)
        for n, (name, reach) in enumerate(self._reaches(verticals), 1):
            yield Row("attribution_verticals", name, n, reach)
        for n, name in enumerate(self.touch_types, 1):
            yield Row("attribution_touch_types", name, n, {"touch_type": name})
        for n, name in enumerate(MODELS, 1):
            value = {
                "kind": "rule" if name in RULE_MODELS else "data_driven",
                "is_primary": name == self.primary_model,
                "is_compared": name in self.confidence.compared_models,
                "parameters": self._parameters_of(name),
            }
            yield Row("attribution_models", name, n, value)
        for n, name in enumerate(self.not_marketing, 1):
            yield Row("attribution_not_marketing", name, n, {"channel": name})
        for n, name in enumerate(dict.fromkeys(self.confidence.inferred_links), 1):
            yield Row("attribution_inferred_links", name, n, {"evidence": name})
        for n, name in enumerate(self.self_reported_properties, 1):
            yield Row("attribution_self_reported", name, n, {"property": name})

    def _reaches(self, verticals: Verticals) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, vertical in verticals.verticals.items():
            given = [
                self.verticals.get(name),
                self.markets.get(vertical.market),
                _MARKETS[vertical.market],
                Reach(unit=vertical.customer_unit),
            ]
            yield name, _first_given(given)
        yield UNASSIGNED, _first_given([_MARKETS["b2c"], Reach(unit="contact")])

    def _parameters_of(self, model: str) -> dict[str, Any]:
        return {
            "time_decay": {
                "half_life_days": {
                    market: (self.markets.get(market) or reach).half_life_days
                    or reach.half_life_days
                    for market, reach in _MARKETS.items()
                }
            },
            "position": self.position.model_dump(),
            "w_shaped": self.w_shaped.model_dump(),
            "markov": self.markov.model_dump(),
            "shapley": self.shapley.model_dump(),
        }.get(model, {})


_MARKETS: dict[Market, Reach] = {
    "b2b": Reach(lookback_days=90, half_life_days=7),
    "b2g": Reach(lookback_days=180, half_life_days=14),
    "b2c": Reach(lookback_days=30, half_life_days=7),
}


def _first_given(reaches: list[Reach | None]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for reach in reaches:
        for name, value in (reach.model_dump(exclude_none=True) if reach else {}).items():
            found.setdefault(name, value)
    return found
