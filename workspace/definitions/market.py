"""`market.yml` and `paths.yml`: how large the market is said to be and by which rule it is counted;
which steps through the funnel the plan draws."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from workspace.definitions.reading import Key, Row, Strict, no_repeats

Name = Annotated[str, Field(min_length=1)]
Number = Annotated[float, Field(ge=0)]


class Range(Strict):
    """Half-open: ``from`` belongs to it, ``below`` does not; either may be missing."""

    from_: Number | None = Field(None, alias="from")
    below: Number | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> Range:
        if self.from_ is None and self.below is None:
            raise ValueError("give from, below or both")
        if self.from_ is not None and self.below is not None and self.from_ >= self.below:
            raise ValueError(f"no number is in [{self.from_:g}, {self.below:g})")
        return self


class PropertyRange(Range):
    name: Name


class ContactRule(Strict):
    role: Key
    property: Name | None = None
    from_: Number | None = Field(None, alias="from")
    below: Number | None = None

    @model_validator(mode="after")
    def _a_number_has_a_name(self) -> ContactRule:
        bounded = self.from_ is not None or self.below is not None
        if bounded != (self.property is not None):
            raise ValueError("property goes with from or below")
        return self


class Rule(Strict):
    types: Annotated[list[Key], Field(min_length=1)]
    population: Range | None = None
    regions: list[Annotated[str, Field(pattern=r"^\d[\dAB]\d?$")]] = []
    property: PropertyRange | None = None
    contact: ContactRule | None = None
    remainder: bool = False

    @model_validator(mode="after")
    def _rest_of_types(self) -> Rule:
        no_repeats(self.types, "type")
        if self.remainder and (self.population or self.regions or self.property or self.contact):
            raise ValueError("a remainder has types and no other condition")
        return self

    def row(self) -> dict[str, object]:
        population = self.population or Range.model_construct(from_=None, below=None)
        own = self.property
        contact = self.contact
        return {
            "population_from": population.from_,
            "population_below": population.below,
            "regions": f",{','.join(self.regions)}," if self.regions else None,
            "property": own.name if own else None,
            "property_from": own.from_ if own else None,
            "property_below": own.below if own else None,
            "contact_role": contact.role if contact else None,
            "contact_property": contact.property if contact else None,
            "contact_from": contact.from_ if contact else None,
            "contact_below": contact.below if contact else None,
            "is_remainder": self.remainder,
        }


class Segment(Strict):
    name: Name
    vertical: Key
    kind: Literal["market", "segment"] = "segment"
    priority: Annotated[int, Field(ge=1)] | None = None
    estimate: Annotated[int, Field(ge=0)] | None = None
    estimate_unit: Name = "organisations"
    counted_in: Literal["reference", "crm"] | None = None
    rule: Rule | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Segment:
        if (self.rule is None) != (self.counted_in is None):
            raise ValueError("rule and counted_in go together")
        if self.rule is None and self.estimate is None:
            raise ValueError("give an estimate, a rule or both")
        if (self.kind == "segment") != (self.priority is not None):
            raise ValueError("a segment has a priority and a market has none")
        beyond = self.rule and (self.rule.property or self.rule.contact)
        if beyond and self.counted_in == "reference":
            raise ValueError("the reference has no CRM properties and no contacts")
        if self.rule and self.rule.remainder and self.kind == "market":
            raise ValueError("a remainder is a segment")
        return self


class Market(Strict):
    segments: dict[Key, Segment] = {}

    @model_validator(mode="after")
    def _ordered(self) -> Market:
        no_repeats(
            [f"{s.vertical}/{s.priority}" for s in self.segments.values() if s.priority], "priority"
        )
        return self

    def scopes(self) -> set[str]:
        return {segment.vertical for segment in self.segments.values()}

    def rows(self) -> Iterator[Row]:
        for position, (key, segment) in enumerate(self.segments.items(), 1):
            value = segment.model_dump(exclude={"rule"})
            yield Row("market_segments", key, position, {"segment": key, **value})
            for n, its_type in enumerate(segment.rule.types if segment.rule else [], 1):
                value = {"segment": key, "type": its_type, **segment.rule.row()}
                yield Row("market_rules", f"{key}/{its_type}", n, value)


class Step(Strict):
    from_: Key = Field(alias="from")
    to: Key
    share: Annotated[float, Field(ge=0, le=1)] | None = None


class Paths(Strict):
    paths: dict[Key, list[Step]] = {}

    @model_validator(mode="after")
    def _each_step_once(self) -> Paths:
        for vertical, steps in self.paths.items():
            no_repeats([f"{s.from_} to {s.to}" for s in steps], f"step of {vertical}")
            shares: dict[str, float] = {}
            for step in steps:
                shares[step.from_] = shares.get(step.from_, 0) + (step.share or 0)
            for stage, total in shares.items():
                if total > 1 + 1e-9:
                    raise ValueError(f"the shares from {vertical} {stage} sum to {total:g}")
        return self

    def scopes(self) -> set[str]:
        return set(self.paths)

    def rows(self) -> Iterator[Row]:
        for vertical, steps in self.paths.items():
            for position, step in enumerate(steps, 1):
                value = {
                    "vertical": vertical,
                    "from_stage": step.from_,
                    "to_stage": step.to,
                    "share": step.share,
                }
                key = f"{vertical}/{step.from_}/{step.to}"
                yield Row("path_steps", key, position, value)
