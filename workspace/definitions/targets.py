"""`targets.yml`: what the plan asks for, its stated totals, and cost lines counted twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from workspace.definitions.reading import CurrencyCode, Key, Row, Strict, no_repeats

#: ``rule.scope.metric``, with the year where only one is meant.
Finding = Annotated[str, Field(pattern=r"^[a-z][a-z_]*\.[a-z][a-z0-9_]*\.\S.*$")]
Unit = Literal["count", "ratio", "money", "months", "minutes", "milliseconds", "points", "times"]
COMPANY = "company"


class Plan(Strict):
    starts_on: date

    @field_validator("starts_on")
    @classmethod
    def _first_of_month(cls, value: date) -> date:
        if value.day != 1:
            raise ValueError("a plan starts on the first day of a month")
        return value

    def year_starts_on(self, year: int) -> date:
        return self.starts_on.replace(year=self.starts_on.year + year - 1)


class Target(Strict):
    id: str | None = None
    profile: Key
    scope: Key
    metric: Key
    unit: Unit
    currency: CurrencyCode | None = None
    direction: Literal["at_least", "at_most", "above", "below"] = "at_least"
    period: Literal["month", "year", "year_end"] = "month"
    window: Literal["month", "ytd", "trailing_12m"] = "month"
    years: Annotated[list[float | None], Field(min_length=1)] | None = None
    every_year: float | None = None
    note: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Target:
        if (self.years is None) == (self.every_year is None):
            raise ValueError("give either years (a list) or every_year (one value)")
        if self.currency and self.unit != "money":
            raise ValueError("currency belongs to unit money")
        return self

    @property
    def key(self) -> str:
        return self.id or f"{self.profile}.{self.scope}.{self.metric}"


class SumPart(Strict):
    name: str
    value: float


class SumTotal(SumPart):
    compare: Literal["equal", "at_least"] = "equal"


class PlanSum(Strict):
    id: Key
    scope: Key
    unit: str
    note: str | None = None
    totals: Annotated[list[SumTotal], Field(min_length=1)]
    parts: Annotated[list[SumPart], Field(min_length=1)]


class CountedTwice(Strict):
    scope: Key
    line: str
    cost_class: str
    year_1_amount: float | None = None
    note: str | None = None


class Targets(Strict):
    plan: Plan | None = None
    profiles: dict[Key, str] = {}
    targets: list[Target] = []
    sums: list[PlanSum] = []
    counted_twice: list[CountedTwice] = []
    known_findings: list[Finding] = Field(
        [],
        description="Rows of plan_findings that may stay, by finding_id or without its year: no "
        "alert tells of them.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Targets:
        no_repeats([target.key for target in self.targets], "target")
        no_repeats([plan_sum.id for plan_sum in self.sums], "sum")
        no_repeats(self.known_findings, "known finding")
        for target in self.targets:
            if target.profile not in self.profiles:
                raise ValueError(f"target {target.key}: profile {target.profile!r} is not listed")
        if self.targets and self.plan is None:
            raise ValueError("targets need plan.starts_on")
        return self

    def scopes(self) -> set[str]:
        return {entry.scope for entry in (*self.targets, *self.sums, *self.counted_twice)}

    def rows(self, base_currency: str) -> Iterator[Row]:
        """Rows of ``parameters``; ``base_currency`` is the currency of money without its own."""
        if self.plan is None:
            return
        yield Row("plan", "plan", 1, {"plan_start_on": self.plan.starts_on})
        position = 0
        for target in self.targets:
            years = target.years or [target.every_year]
            for year, value in enumerate(years, 1):
                if value is None:
                    continue
                position += 1
                yearly = target.years is not None
                suffix = f"y{year}" if yearly else "every_year"
                target_id = f"{target.key}.{suffix}"
                money = target.unit == "money"
                value_row = {
                    "target_id": target_id,
                    **target.model_dump(
                        include={"scope", "profile", "metric", "unit", "direction", "period"}
                    ),
                    "window": target.window,
                    "currency": (target.currency or base_currency) if money else None,
                    "plan_year": year if yearly else None,
                    "plan_start_on": self.plan.year_starts_on(year) if yearly else None,
                    "value": value,
                    "source_note": target.note,
                }
                yield Row("kpi_targets", target_id, position, value_row)
        position = 0
        for plan_sum in self.sums:
            shared = {
                "sum_id": plan_sum.id,
                **plan_sum.model_dump(include={"scope", "unit", "note"}),
            }
            members = [("total", total) for total in plan_sum.totals]
            members += [("part", part) for part in plan_sum.parts]
            for kind, member in members:
                position += 1
                yield Row(
                    "plan_sums",
                    f"{plan_sum.id}/{kind}/{member.name}",
                    position,
                    {**shared, "kind": kind, "compare": None, **member.model_dump()},
                )
        for position, line in enumerate(self.counted_twice, 1):
            yield Row("counted_twice", f"{line.scope}/{line.line}", position, line.model_dump())
        for position, finding in enumerate(self.known_findings, 1):
            yield Row("known_findings", finding, position, {"finding": finding})
