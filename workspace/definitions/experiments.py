"""`experiments/*.yml`: who gets which variant of a message, and what decides between them.

How people are assigned is `reverse_etl/experiments`, what is measured `models_ml/experiments`
(``docs/experiments.md``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, StrictFloat, StrictInt, model_validator

from workspace.buckets import ranges
from workspace.definitions.reading import Key, Row, Strict, nearest
from workspace.definitions.segment_fields import NAMED_TYPES
from workspace.definitions.segments import Location, Name, Text
from workspace.definitions.touchpoints import TouchType

#: The variant that gets nothing.
HOLDOUT = "holdout"
#: Most variants of one experiment.
MOST = 10
#: How far conversions count after an assignment that no file describes, and for the universal
#: hold-out, which is about all that is sent.
WITHIN_DAYS, UNIVERSAL_WITHIN_DAYS = 30, 90

Number = StrictInt | StrictFloat
Percent = Annotated[Number, Field(gt=0, lt=100)]
Probability = Annotated[Number, Field(gt=0, lt=1)]


class Arm(Strict):
    """A variant: its share of the people in percent, and its template where it is another one."""

    share: Percent
    template: Key | None = None


class Metric(Strict):
    """What somebody does within ``within_days`` after the assignment, and what that is worth.

    ``event``: a track event by its name; ``touch``: a touch by its type; ``goal``: a won deal, an
    order, any conversion that attribution credits, or being a customer all the time until the
    window's end (``customer_kept``). ``value``: an amount in the base currency for
    each person who does it, or ``revenue``: what was really taken within the window.
    """

    event: Name | None = None
    touch: TouchType | None = None
    goal: Literal["deal_won", "order", "conversion", "customer_kept"] | None = None
    within_days: Annotated[Number, Field(gt=0, le=730)]
    value: Annotated[Number, Field(gt=0, le=1e9)] | Literal["revenue"] | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> Metric:
        if sum(what is not None for what in (self.event, self.touch, self.goal)) != 1:
            raise ValueError("give one of event, touch and goal")
        if self.touch is not None and self.value == "revenue":
            raise ValueError("a touch has no revenue; value is an amount")
        if self.goal == "customer_kept" and self.value == "revenue":
            raise ValueError("a customer who is kept has no revenue; value is an amount")
        return self

    @property
    def kind(self) -> str:
        return "event" if self.event else "touch" if self.touch else "goal"

    @property
    def name(self) -> str:
        return self.event or self.touch or self.goal or ""


class GuardRail(Strict):
    """What must not get worse, of the people assigned.

    ``worse_by``: so many percent more than in the control. ``at_most``: so many percent of them.
    """

    rail: Literal["unsubscribe", "complaint"]
    worse_by: Annotated[Number, Field(ge=0, le=1000)] | None = None
    at_most: Annotated[Number, Field(ge=0, le=100)] | None = None

    @model_validator(mode="after")
    def _one_limit(self) -> GuardRail:
        if (self.worse_by is None) == (self.at_most is None):
            raise ValueError("give worse_by or at_most")
        return self


#: Against a control that gets messages, too.
RELATIVE = (
    GuardRail(rail="unsubscribe", worse_by=20),
    GuardRail(rail="complaint", worse_by=20),
)
#: Whoever gets nothing hardly unsubscribes, so that any message would be worse.
ABSOLUTE = (
    GuardRail(rail="unsubscribe", at_most=2),
    GuardRail(rail="complaint", at_most=0.3),
)


class Plan(Strict):
    """How many people a fixed horizon needs: said, or from the base rate and the smallest
    difference (of rates, 0 to 1) that is to be found with ``power``."""

    per_arm: Annotated[StrictInt, Field(ge=2, le=100_000_000)] | None = None
    base_rate: Probability | None = None
    minimum_effect: Probability | None = None
    power: Probability = 0.8

    @model_validator(mode="after")
    def _sane(self) -> Plan:
        derived = (self.base_rate, self.minimum_effect)
        if self.per_arm is None and None in derived:
            raise ValueError("give per_arm, or base_rate and minimum_effect")
        if self.per_arm is not None and derived != (None, None):
            raise ValueError("give per_arm, or base_rate and minimum_effect, not both")
        if self.base_rate and self.minimum_effect and self.base_rate + self.minimum_effect >= 1:
            raise ValueError("base_rate and minimum_effect sum to 1 or more")
        return self


class Experiment(Strict):
    """One experiment. Days are UTC; ``ends_on`` is the last on which people are assigned."""

    name: Name
    description: Text | None = None
    vertical: Key | None = None
    owner: Name | None = None
    campaign: Key | None = None
    journey: Key | None = None
    node: Key | None = None
    starts_on: date
    ends_on: date | None = None
    salt: Name | None = None
    variants: Annotated[dict[Key, Arm], Field(min_length=2, max_length=MOST)]
    control: Key | None = None
    metric: Metric
    guard_rails: list[GuardRail] | None = None
    method: Literal["always_valid", "fixed_horizon"] = "always_valid"
    plan: Plan | None = None
    alpha: Annotated[Number, Field(ge=0.0001, le=0.5)] = 0.05
    tau: Annotated[Number, Field(gt=0, le=1)] = 0.02
    min_per_arm: Annotated[StrictInt, Field(ge=2)] = 500
    min_days: Annotated[Number, Field(ge=0, le=366)] = 7

    @model_validator(mode="after")
    def _sane(self) -> Experiment:
        if (self.campaign is None) == (self.journey is None):
            raise ValueError("give campaign or journey")
        if self.node is not None and self.journey is None:
            raise ValueError("a node is one of a journey's")
        if self.ends_on is not None and self.ends_on < self.starts_on:
            raise ValueError(f"ends on {self.ends_on}, before it starts")
        if (self.method == "fixed_horizon") != (self.plan is not None):
            raise ValueError("method: fixed_horizon and plan stand together")
        ranges({name: arm.share for name, arm in self.variants.items()})
        self._check_control()
        return self

    def _check_control(self) -> None:
        if HOLDOUT in self.variants:
            if self.control not in (None, HOLDOUT):
                raise ValueError(f"where there is a {HOLDOUT}, it is the control")
            if self.variants[HOLDOUT].template is not None:
                raise ValueError(f"the {HOLDOUT} gets nothing, so it has no template")
        elif self.control is None:
            raise ValueError(f"name the control, or call a variant {HOLDOUT}")
        elif self.control not in self.variants:
            near = nearest(self.control, self.variants)
            raise ValueError(f"no variant {self.control!r} to be the control{near}")

    @property
    def control_variant(self) -> str:
        return self.control or HOLDOUT

    @property
    def rails(self) -> list[GuardRail]:
        if self.guard_rails is not None:
            return self.guard_rails
        return list(ABSOLUTE if self.control_variant == HOLDOUT else RELATIVE)

    @property
    def starts_at(self) -> datetime:
        return datetime.combine(self.starts_on, datetime.min.time())

    @property
    def ends_at(self) -> datetime | None:
        """The moment from which nobody is assigned any more."""
        if self.ends_on is None:
            return None
        return datetime.combine(self.ends_on + timedelta(days=1), datetime.min.time())

    @property
    def source(self) -> tuple[str, str]:
        """The kind and key of what it is about, as messages have them."""
        return ("campaign", self.campaign) if self.campaign else ("journey", self.journey or "")

    def overlaps(self, other: Experiment) -> bool:
        """Whether some message could be part of both."""
        if self.source != other.source:
            return False
        if None not in (self.node, other.node) and self.node != other.node:
            return False
        latest = max(self.starts_on, other.starts_on)
        return all(one.ends_on is None or one.ends_on >= latest for one in (self, other))


class Experiments(Strict):
    """All definitions, by key: the name of the file without its ending."""

    experiments: dict[Key, Experiment] = {}

    def salt_of(self, key: str) -> str:
        return self.experiments[key].salt or key

    def faults(self, key: str) -> Iterator[tuple[Location, str]]:
        """Two experiments with one message have no answer which variant it is."""
        for other in self.experiments:
            if other < key and self.experiments[key].overlaps(self.experiments[other]):
                yield ("starts_on",), f"the experiment {other!r} has the same messages"

    def rows(self) -> Iterator[Row]:
        yield Row("experiment_defaults", "automatic", 1, _automatic())
        for n, (key, experiment) in enumerate(self.experiments.items(), 1):
            yield Row("experiments", key, n, self._row(key, experiment))
            for place, (name, arm) in enumerate(experiment.variants.items(), 1):
                value = {
                    "experiment": key,
                    "variant": name,
                    "share": arm.share,
                    "template": arm.template,
                    "is_control": name == experiment.control_variant,
                }
                yield Row("experiment_variants", f"{key}/{name}", place, value)

    def _row(self, key: str, experiment: Experiment) -> dict[str, Any]:
        metric, (about, source_key) = experiment.metric, experiment.source
        plan = experiment.plan or Plan.model_construct()
        return {
            "name": experiment.name,
            "description": experiment.description,
            "vertical": experiment.vertical,
            "salt": self.salt_of(key),
            "about": about,
            "source_key": source_key,
            "node": experiment.node,
            "starts_on": experiment.starts_on,
            "ends_on": experiment.ends_on,
            "control": experiment.control_variant,
            "metric_kind": metric.kind,
            "metric": metric.name,
            "metric_message_type": NAMED_TYPES.get(metric.event or ""),
            "within_days": metric.within_days,
            "has_revenue": metric.value == "revenue",
            "fixed_value": None if metric.value == "revenue" else metric.value,
            "guard_rails": _plain(experiment.rails),
            "method": experiment.method,
            "per_arm": plan.per_arm,
            "base_rate": plan.base_rate,
            "minimum_effect": plan.minimum_effect,
            "power": plan.power,
            "alpha": experiment.alpha,
            "tau": experiment.tau,
            "min_per_arm": experiment.min_per_arm,
            "min_days": experiment.min_days,
        }


def _plain(rails: Sequence[GuardRail]) -> list[dict[str, Any]]:
    return [rail.model_dump(exclude_none=True) for rail in rails]


def _automatic() -> dict[str, Any]:
    """What holds for experiments without a file: hold-outs, and versions side by side."""
    fields = Experiment.model_fields
    settings = {name: fields[name].default for name in ("alpha", "tau", "min_per_arm", "min_days")}
    return {
        **settings,
        "within_days": WITHIN_DAYS,
        "universal_within_days": UNIVERSAL_WITHIN_DAYS,
        "rails_of_holdout": _plain(ABSOLUTE),
        "rails": _plain(RELATIVE),
    }
