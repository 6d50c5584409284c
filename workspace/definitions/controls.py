"""`controls.yml`: what the compliance report holds each month to, and where that is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from workspace.definitions.reading import Row, Strict

#: What the mart `compliance_report` measures.
Measure = Literal[
    "messages_sent",
    "messages_with_proof",
    "messages_without_proof",
    "messages_after_known_refusal",
    "messages_after_refusal",
    "hours_to_honour_refusal",
    "refusals",
    "complaint_rate",
    "bounce_rate",
    "pending_confirmations",
    "consent_conflicts",
]


class Control(Strict):
    """``at_most`` and ``at_least`` are inclusive, in the measure's unit; a control without either
    is told and judges nothing. ``asked_by`` is the rule that it answers to."""

    name: Annotated[str, Field(min_length=1)]
    asked_by: str | None = None
    at_most: Annotated[float, Field(ge=0)] | None = None
    at_least: Annotated[float, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _one_limit(self) -> Control:
        if self.at_most is not None and self.at_least is not None:
            raise ValueError("at_most: give it or at_least")
        return self


class Controls(Strict):
    controls: dict[Measure, Control] = {}

    def rows(self) -> Iterator[Row]:
        for position, (key, control) in enumerate(self.controls.items(), 1):
            yield Row("controls", key, position, control.model_dump())
