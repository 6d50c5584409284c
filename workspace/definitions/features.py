"""`features.yml`: how far back models learn, from how many contacts, and from which events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from workspace.definitions.reading import Row, Strict

Names = list[Annotated[str, Field(min_length=1)]]


class FeatureEvents(Strict):
    """Names of track events by what they tell of."""

    tickets: Names = []
    trainings: Names = []

    @model_validator(mode="after")
    def _one_meaning_each(self) -> FeatureEvents:
        twice = sorted({*self.tickets} & {*self.trainings})
        if twice:
            raise ValueError(f"{twice[0]!r} is under tickets and under trainings")
        return self


class Features(Strict):
    """``features.yml``."""

    months: Annotated[int, Field(ge=1, le=120)] = 24
    training_contacts: Annotated[int, Field(ge=1, le=10_000_000)] = 20_000
    uses: Literal["events", "product_usage"] = "events"
    events: FeatureEvents = FeatureEvents()

    def rows(self) -> Iterator[Row]:
        settings = self.model_dump(include={"months", "training_contacts", "uses"})
        yield Row("feature_settings", "feature_settings", 1, settings)
        for family, names in self.events.model_dump().items():
            for n, event in enumerate(dict.fromkeys(names), 1):
                yield Row("feature_events", event, n, {"family": family})
