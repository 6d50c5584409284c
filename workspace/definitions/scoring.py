"""`scoring.yml`: the scores that are rules. Half-lives and windows are days, scores 0 to 100."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from workspace.definitions.reading import Key, Row, Strict, no_repeats
from workspace.definitions.touchpoints import TouchType

Days = Annotated[float, Field(gt=0, le=3660, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Group = Literal["demographic", "behavioural", "fit"]
#: What a rule may count: touches, and what came of mails.
Signal = Literal[TouchType, "email_unsubscribe", "email_complaint", "email_bounce"]
ScoredField = Literal[
    "vertical",
    "role",
    "country",
    "language",
    "lifecycle_stage",
    "lead_source",
    "contact_source",
    "account_id",
    "account_type",
    "partner_id",
    "employees",
    "population",
]
NUMBERS = ("employees", "population")
#: From the lowest to the highest.
BuyerStage = Literal["unaware", "awareness", "interest", "consideration", "purchase", "retention"]
BUYER_STAGES: tuple[str, ...] = get_args(BuyerStage)
#: The same in 6sense's words, for tools that know only those.
OUTSIDE_NAMES = ("Target", "Awareness", "Consideration", "Decision", "Purchase", "Purchase")
TOLERANCE = 1e-9


class Weights(Strict):
    recency: Share = 0.25
    frequency: Share = 0.25
    depth: Share = 0.15
    breadth: Share = 0.10
    intent: Share = 0.25

    @model_validator(mode="after")
    def _whole(self) -> Weights:
        total = math.fsum(self.model_dump().values())
        if abs(total - 1) > TOLERANCE:
            raise ValueError(f"the weights sum to {total:g}, not 1")
        return self


class Engagement(Strict):
    weights: Weights = Weights()
    recency_half_life_days: Days = 14
    frequency_half_life_days: Days = 30
    frequency_scale: Positive = 6
    depth_touches: Annotated[int, Field(ge=1, le=1000)] = 10
    breadth_days: Days = 90
    full_channels: Annotated[int, Field(ge=1, le=100)] = 4
    full_topics: Annotated[int, Field(ge=1, le=100)] = 5
    intent_half_life_days: Days = 21
    full_intent_points: Positive = 40
    frequency_weights: dict[TouchType, Annotated[float, Field(ge=0, le=100)]] = {}
    intent_points: dict[TouchType, Annotated[float, Field(ge=0, le=1000)]] = {}


class Band(Strict):
    """A band of the lead score: ``from`` its lowest score up to the next band's."""

    band: Key
    lowest: Annotated[float, Field(ge=0, lt=100, alias="from")]
    route: Key


class LeadRule(Strict):
    """Points for a field of the contact or its organisation, or for touches that decay."""

    id: Key
    group: Group
    points: Annotated[int, Field(ge=-100, le=100)]
    field: ScoredField | None = None
    values: Annotated[list[str] | None, Field(min_length=1, alias="in")] = None
    is_known: bool | None = None
    lowest: Annotated[float | None, Field(alias="from", allow_inf_nan=False)] = None
    below: Number | None = None
    when_vertical: Key | None = None
    touches: Annotated[list[Signal], Field(min_length=1)] | None = None
    cap: Annotated[int, Field(ge=1, le=100)] | None = None
    half_life_days: Days | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> LeadRule:
        asks_number = self.lowest is not None or self.below is not None
        asked = [self.values is not None, self.is_known is not None, asks_number]
        if (self.field is None) == (self.touches is None):
            raise ValueError("give either field or touches")
        if self.touches is not None:
            if any(asked):
                raise ValueError("in, is_known, from and below ask for a field")
            if self.cap is None:
                raise ValueError("a rule of touches needs a cap")
            no_repeats(self.touches, "touch")
        else:
            if sum(asked) != 1:
                raise ValueError("give one of: in, is_known, from and below")
            if asks_number and self.field not in NUMBERS:
                raise ValueError(f"{self.field} is no number")
            if self.values is not None and self.field in NUMBERS:
                raise ValueError(f"{self.field} is a number: give from and below")
            if self.cap is not None or self.half_life_days is not None:
                raise ValueError("cap and half_life_days are for touches")
            if asks_number and None not in (self.lowest, self.below) and self.below <= self.lowest:
                raise ValueError("below is not above from")
        return self


class Caps(Strict):
    demographic: Annotated[int, Field(ge=0, le=100)] = 30
    behavioural: Annotated[int, Field(ge=0, le=100)] = 40
    fit: Annotated[int, Field(ge=0, le=100)] = 30

    @model_validator(mode="after")
    def _hundred(self) -> Caps:
        if sum(self.model_dump().values()) != 100:
            raise ValueError("the caps sum to 100")
        return self


class Calibration(Strict):
    """Whether scores told who converts: those of ``snapshots`` days, ``days`` apart.

    ``converts_at`` is a funnel metric of `verticals.yml`.
    """

    days: Annotated[int, Field(ge=1, le=366)] = 90
    snapshots: Annotated[int, Field(ge=1, le=24)] = 4
    converts_at: Key = "sqls"


class Lead(Strict):
    """Rules, caps and the bands by which a lead is routed."""

    caps: Caps = Caps()
    half_life_days: Days = 30
    qualified_from: Annotated[float, Field(gt=0, le=100)] = 50
    down_after_days: Annotated[int, Field(ge=0, le=30)] = 3
    bands: list[Band] = [
        Band(band="hot", lowest=80, route="direct_sales"),
        Band(band="warm", lowest=50, route="inside_sales"),
        Band(band="cool", lowest=20, route="nurture"),
        Band(band="cold", lowest=0, route="newsletter"),
    ]
    calibration: Calibration = Calibration()
    rules: list[LeadRule] = []

    @model_validator(mode="after")
    def _consistent(self) -> Lead:
        no_repeats([rule.id for rule in self.rules], "rule")
        no_repeats([band.band for band in self.bands], "band")
        lowest = [band.lowest for band in self.bands]
        if not lowest or lowest[-1] != 0 or lowest != sorted(set(lowest), reverse=True):
            raise ValueError("bands go down and the last begins at 0")
        return self


class TouchStage(Strict):
    """``at_least``: how many touches of a type within ``valid_days`` make evidence."""

    valid_days: Days
    touches: list[TouchType] = []
    at_least: dict[TouchType, Annotated[int, Field(ge=1, le=100)]] = {}

    @model_validator(mode="after")
    def _named(self) -> TouchStage:
        no_repeats(self.touches, "touch")
        for name in self.at_least:
            if name not in self.touches:
                raise ValueError(f"at_least: {name} is not among the touches")
        return self


class AnyTouch(Strict):
    valid_days: Days = 180


class Stages(Strict):
    consideration: TouchStage = TouchStage(valid_days=60)
    interest: TouchStage = TouchStage(valid_days=90)
    awareness: AnyTouch = AnyTouch()
    deal_stages: dict[str, BuyerStage] = {}
    lifecycle_stages: dict[str, BuyerStage] = {}


class Role(Strict):
    weight: Annotated[float, Field(ge=0.3, le=1)] = 0.3
    decides: bool = False


class Accounts(Strict):
    engaged_from: Annotated[float, Field(ge=0, le=100)] = 20
    meeting_days: Days = 90
    others_for_stage: Annotated[int, Field(ge=1, le=100)] = 2
    default_role_weight: Annotated[float, Field(ge=0.3, le=1)] = 0.3
    roles: dict[str, Role] = {}
    baseline_engaged_contacts: dict[Key, Positive] = {}


class Scoring(Strict):
    """``scoring.yml``."""

    engagement: Engagement = Engagement()
    lead: Lead = Lead()
    stages: Stages = Stages()
    accounts: Accounts = Accounts()

    def rows(self) -> Iterator[Row]:
        engagement = self.engagement
        settings = engagement.model_dump(exclude={"weights", "frequency_weights", "intent_points"})
        weights = {f"{name}_weight": w for name, w in engagement.weights.model_dump().items()}
        yield Row("engagement_settings", "engagement_settings", 1, {**settings, **weights})
        for n, touch in enumerate(get_args(TouchType), 1):
            value = {
                "frequency_weight": dict(engagement.frequency_weights).get(touch, 1),
                "intent_points": dict(engagement.intent_points).get(touch, 0),
            }
            yield Row("engagement_touches", touch, n, value)
        yield from self._lead_rows()
        yield from self._stage_rows()
        accounts = self.accounts
        value = accounts.model_dump(exclude={"roles", "baseline_engaged_contacts"})
        yield Row("account_score_settings", "account_score_settings", 1, value)
        for n, (name, role) in enumerate(accounts.roles.items(), 1):
            yield Row("buying_roles", name, n, role.model_dump())
        for n, (vertical, contacts) in enumerate(accounts.baseline_engaged_contacts.items(), 1):
            yield Row("engaged_baselines", vertical, n, {"engaged_contacts": contacts})

    def _lead_rows(self) -> Iterator[Row]:
        lead = self.lead
        value = {
            **{f"{group}_cap": cap for group, cap in lead.caps.model_dump().items()},
            "qualified_from": lead.qualified_from,
            # Held until the last of so many days is below: today and the days before it.
            "days_held": max(lead.down_after_days, 1),
            **{f"calibration_{k}": v for k, v in lead.calibration.model_dump().items()},
        }
        yield Row("lead_settings", "lead_settings", 1, value)
        upper: float | None = None
        for n, band in enumerate(lead.bands, 1):
            span = {"lowest": band.lowest, "below": upper, "route": band.route}
            yield Row("lead_bands", band.band, n, span)
            upper = band.lowest
        position = 0
        for rule in lead.rules:
            shared = {"rule": rule.id, "group": rule.group, "points": rule.points}
            if rule.touches is not None:
                more = {"cap": rule.cap, "half_life_days": rule.half_life_days}
                more["half_life_days"] = rule.half_life_days or lead.half_life_days
                for touch in rule.touches:
                    position += 1
                    key = f"{rule.id}/{touch}"
                    yield Row("lead_touch_rules", key, position, {**shared, **more, "touch": touch})
                continue
            for text in rule.values or [None]:
                position += 1
                value = {
                    **shared,
                    "field": rule.field,
                    "text": text,
                    "is_known": rule.is_known,
                    "lowest": rule.lowest,
                    "below": rule.below,
                    "vertical": rule.when_vertical,
                }
                yield Row("lead_field_rules", f"{rule.id}/{text or ''}", position, value)

    def _stage_rows(self) -> Iterator[Row]:
        stages = self.stages
        for n, name in enumerate(BUYER_STAGES):
            days = getattr(stages, name).valid_days if hasattr(stages, name) else None
            value = {"valid_days": days, "outside_name": OUTSIDE_NAMES[n]}
            yield Row("buyer_stage_list", name, n, value)
        position = 0
        for name, found in (("consideration", stages.consideration), ("interest", stages.interest)):
            for touch in found.touches:
                position += 1
                value = {
                    "stage": name,
                    "touch": touch,
                    "valid_days": found.valid_days,
                    "at_least": dict(found.at_least).get(touch, 1),
                }
                yield Row("buyer_stage_touches", f"{name}/{touch}", position, value)
        kinds = {"deal": stages.deal_stages, "lifecycle": stages.lifecycle_stages}
        for kind, names in kinds.items():
            for crm_stage, name in names.items():
                position += 1
                value = {"kind": kind, "crm_stage": crm_stage, "stage": name}
                yield Row("buyer_stage_crm", f"{kind}/{crm_stage}", position, value)
