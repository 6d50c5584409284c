"""`content.yml`: what is done with the content library, and what is recommended to whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, model_validator

from workspace.definitions.reading import Key, Row, Strict, no_repeats

Text = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Days = Annotated[int, Field(gt=0, le=3660)]

#: The buyer's way, in order, as buyer_stages names it.
STAGES = ["unaware", "awareness", "interest", "consideration", "purchase", "retention"]


class Results(Strict):
    """How many days after a touch with an item something still counts as having followed it."""

    form_window_days: Days = 7
    meeting_window_days: Days = 30


class Weights(Strict):
    stage: Share = 0.30
    persona: Share = 0.20
    topic: Share = 0.20
    performance: Share = 0.15
    freshness: Share = 0.10
    novelty: Share = 0.05

    @model_validator(mode="after")
    def _whole(self) -> Weights:
        total = sum(self.model_dump().values())
        if abs(total - 1) > 1e-9:
            raise ValueError(f"the weights add up to {total:g}, not to 1")
        return self


class StageFit(Strict):
    same: Share = 1.0
    next: Share = 0.6
    other: Share = 0.2


class Recommendations(Strict):
    items_per_contact: Annotated[int, Field(ge=1, le=3)] = 3
    most_of_one_type: Annotated[int, Field(ge=1, le=3)] = 2
    weights: Weights = Weights()
    stage_fit: StageFit = StageFit()
    other_audience: Share = 0.5
    unknown_weight: Share = 0.5
    topic_half_life_days: Days = 45
    freshness_half_life_days: Days = 180
    prior_views: Annotated[float, Field(gt=0)] = 20
    top_quantile: Annotated[float, Field(gt=0, lt=1)] = 0.95
    novelty_items: Annotated[int, Field(ge=1, le=100)] = 5
    active_days: Days = 180
    target_roles: list[Text] = []
    profiling_purpose: Key = "profiling"
    channel: Key = "email"
    channel_purposes: Annotated[list[Key], Field(min_length=1)] = ["newsletter", "marketing"]
    approved_statuses: list[Text] = ["published"]
    content_types: list[Text] = []
    repeat_after_days: Days = 60
    exploration: Annotated[float, Field(ge=0, lt=1)] = 0.10
    seed: int = 0
    approved_content_types: list[Text] = []
    challengers: dict[Key, Weights] = Field(
        {}, description="Other weights, judged by what was recommended; they choose nothing."
    )


class Content(Strict):
    results: Results = Results()
    stages: Annotated[list[Key], Field(min_length=1)] = STAGES
    recommendations: Recommendations = Recommendations()

    @model_validator(mode="after")
    def _once(self) -> Content:
        no_repeats(self.stages, "stage")
        return self

    def rows(self) -> Iterator[Row]:
        settings = self.recommendations
        lists = {
            "target_role": settings.target_roles,
            "channel_purpose": settings.channel_purposes,
            "approved_status": [status.lower() for status in settings.approved_statuses],
            "content_type": settings.content_types,
            "approved_content_type": settings.approved_content_types,
        }
        value = settings.model_dump(
            exclude={
                "weights",
                "stage_fit",
                "target_roles",
                "channel_purposes",
                "approved_statuses",
                "content_types",
                "approved_content_types",
                "challengers",
            }
        )
        value |= {f"{name}_weight": w for name, w in settings.weights.model_dump().items()}
        value |= {f"{name}_stage": fit for name, fit in settings.stage_fit.model_dump().items()}
        value["form_window_days"] = self.results.form_window_days
        value["meeting_window_days"] = self.results.meeting_window_days
        yield Row("recommendation_settings", "settings", 1, value)
        for kind, names in lists.items():
            for position, name in enumerate(names, 1):
                value = {"kind": kind, "name": name}
                yield Row("recommendation_lists", f"{kind}/{name}", position, value)
        for position, stage in enumerate(self.stages, 1):
            yield Row("content_stages", stage, position, {"stage": stage})
