"""`accounts.yml`: what account-based marketing asks of an account, and what it is to change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from workspace.definitions.reading import Key, Row, Strict, no_repeats
from workspace.definitions.touchpoints import TouchType

Days = Annotated[int, Field(gt=0, le=3660)]
Share = Annotated[float, Field(ge=0, le=1)]

#: Metric -> (name, unit, direction without a goal that says otherwise).
METRICS = {
    "content_to_meeting": ("Content to meeting", "ratio", "at_least"),
    "sales_cycle_days": ("Sales cycle", "days", "at_most"),
    "content_engagement": ("Content engagement", "ratio", "at_least"),
    "stage_progression": ("Accounts that moved on", "ratio", "at_least"),
    "engaged_contacts_per_account": ("Engaged contacts per target account", "count", "at_least"),
    "qualified_opportunities": ("Qualified opportunities", "count", "at_least"),
    "task_completion": ("Tasks completed", "ratio", "at_least"),
    "stakeholder_coverage": ("Stakeholder coverage of target accounts", "ratio", "at_least"),
    "accounts_covered": ("Target accounts at the coverage goal", "ratio", "at_least"),
    "target_accounts": ("Target accounts", "count", "at_least"),
}


class Meetings(Strict):
    funnel_metrics: list[Key] = ["demos"]


class Periods(Strict):
    days: Days = 180
    baseline_starts_on: date | None = None


class Goal(Strict):
    """``baseline`` is the stored value; ``value``, ``change`` or ``times`` says what to reach."""

    baseline: Annotated[float, Field(ge=0)] | None = None
    value: Annotated[float, Field(ge=0)] | None = None
    change: Annotated[float, Field(ge=-1)] | None = None
    times: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _one_goal(self) -> Goal:
        if sum(goal is not None for goal in (self.value, self.change, self.times)) != 1:
            raise ValueError("give one of value, change, times")
        return self


class Accounts(Strict):
    meetings: Meetings = Meetings()
    content_touches: list[TouchType] = []
    coverage_goal: Share = 0.7
    content_to_meeting_days: Days = 30
    required_roles: dict[Key, Annotated[list[Key], Field(min_length=1)]] = {}
    periods: Periods = Periods()
    metrics: dict[Key, Goal] = {}

    @field_validator("content_touches")
    @classmethod
    def _touches_once(cls, touches: list[TouchType]) -> list[TouchType]:
        no_repeats(touches, "touch")
        return touches

    @field_validator("required_roles")
    @classmethod
    def _roles_once(cls, roles: dict[str, list[str]]) -> dict[str, list[str]]:
        for account_type, needed in roles.items():
            no_repeats(needed, f"role of {account_type}")
        return roles

    @field_validator("metrics")
    @classmethod
    def _known_metrics(cls, metrics: dict[str, Goal]) -> dict[str, Goal]:
        for metric in metrics:
            if metric not in METRICS:
                raise ValueError(f"no metric {metric!r}; there are {', '.join(METRICS)}")
        return metrics

    def rows(self) -> Iterator[Row]:
        settings = {
            "coverage_goal": self.coverage_goal,
            "content_to_meeting_days": self.content_to_meeting_days,
            "period_days": self.periods.days,
            "baseline_starts_on": self.periods.baseline_starts_on,
        }
        yield Row("account_settings", "settings", 1, settings)
        for position, metric in enumerate(self.meetings.funnel_metrics, 1):
            yield Row("meeting_stages", metric, position, {"metric": metric})
        for position, touch_type in enumerate(self.content_touches, 1):
            yield Row("content_touches", touch_type, position, {"touch_type": touch_type})
        for account_type, roles in self.required_roles.items():
            for position, role in enumerate(roles, 1):
                value = {"account_type": account_type, "role": role}
                yield Row("required_roles", f"{account_type}/{role}", position, value)
        for position, (metric, (name, unit, direction)) in enumerate(METRICS.items(), 1):
            goal = self.metrics.get(metric)
            value = {"metric": metric, "name": name, "unit": unit, "direction": direction}
            value |= goal.model_dump() if goal else dict.fromkeys(Goal.model_fields)
            if goal and goal.change is not None:
                value["direction"] = "at_most" if goal.change < 0 else "at_least"
            yield Row("account_metrics", metric, position, value)
