"""`verticals.yml`: the businesses, their CRM pipelines and their funnels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import Field, field_validator, model_validator

from workspace.definitions.reading import CurrencyCode, Key, Row, Strict, nearest, no_repeats


class Reporting(Strict):
    time_zone: str = "UTC"
    base_currency: CurrencyCode = "EUR"

    @field_validator("time_zone")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is not an IANA time zone such as Europe/Paris")
        return value


class PipelineStage(Strict):
    id: Annotated[str, Field(min_length=1)]
    name: str
    won: bool = False
    lost: bool = False

    @model_validator(mode="after")
    def _either(self) -> PipelineStage:
        if self.won and self.lost:
            raise ValueError("a stage is won or lost, not both")
        return self


class Pipeline(Strict):
    name: str
    stages: Annotated[list[PipelineStage], Field(min_length=1)]

    @field_validator("stages")
    @classmethod
    def _unique(cls, value: list[PipelineStage]) -> list[PipelineStage]:
        no_repeats([stage.id for stage in value], "stage id")
        return value


class StageSource(Strict):
    """What a funnel stage is read from: a contact's date property, a deal's stage or an event."""

    object: Literal["contact", "deal", "event"]
    property: str | None = None
    pipeline: str | None = None
    stage: str | None = None
    event: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> StageSource:
        needs = {"contact": {"property"}, "deal": {"pipeline", "stage"}, "event": {"event"}}
        wanted = needs[self.object]
        given = {n for n in ("property", "pipeline", "stage", "event") if getattr(self, n)}
        if given != wanted:
            raise ValueError(f"object {self.object} takes {sorted(wanted)}, not {sorted(given)}")
        return self


class FunnelStage(Strict):
    stage: Key
    name: str
    metric: Key | None = None
    optional: bool = False
    source: StageSource = Field(alias="from")


class Vertical(Strict):
    name: str
    market: Literal["b2b", "b2g", "b2c"]
    customer_unit: Literal["account", "contact"] = "account"
    trial_days: Annotated[int, Field(ge=0)] = 0
    gross_margin: Annotated[float, Field(gt=0, le=1)] = 1.0
    cohort_window_days: Annotated[int, Field(gt=0)] = 60
    hosts: list[str] = []
    pipelines: dict[Key, Pipeline] = {}
    funnel: Annotated[list[FunnelStage], Field(min_length=1)]

    @model_validator(mode="after")
    def _funnel_reads_pipelines(self) -> Vertical:
        no_repeats([stage.stage for stage in self.funnel], "funnel stage")
        for stage in self.funnel:
            source = stage.source
            if source.object != "deal":
                continue
            if source.pipeline not in self.pipelines:
                raise ValueError(
                    f"funnel stage {stage.stage}: no pipeline {source.pipeline!r}"
                    f"{nearest(source.pipeline, self.pipelines)}"
                )
            known = [s.id for s in self.pipelines[source.pipeline].stages]
            if source.stage not in known:
                raise ValueError(
                    f"funnel stage {stage.stage}: pipeline {source.pipeline} has no stage "
                    f"{source.stage!r}{nearest(source.stage, known)}"
                )
        return self


class Verticals(Strict):
    reporting: Reporting = Reporting()
    verticals: Annotated[dict[Key, Vertical], Field(min_length=1)]

    @model_validator(mode="after")
    def _unshared(self) -> Verticals:
        no_repeats([p for v in self.verticals.values() for p in v.pipelines], "pipeline")
        no_repeats([h for v in self.verticals.values() for h in v.hosts], "host")
        if "company" in self.verticals:
            raise ValueError("'company' is the name of all verticals together")
        return self

    def rows(self) -> Iterator[Row]:
        yield Row("reporting", "reporting", 1, self.reporting.model_dump())
        for position, (key, vertical) in enumerate(self.verticals.items(), 1):
            scalars = vertical.model_dump(exclude={"hosts", "pipelines", "funnel"})
            yield Row("verticals", key, position, {"vertical": key, **scalars})
            for n, host in enumerate(vertical.hosts, 1):
                yield Row("vertical_hosts", host, n, {"vertical": key, "host": host})
            for pipeline_key, pipeline in vertical.pipelines.items():
                for n, stage in enumerate(pipeline.stages, 1):
                    yield Row(
                        "pipeline_stages",
                        f"{pipeline_key}/{stage.id}",
                        n,
                        {
                            "vertical": key,
                            "pipeline": pipeline_key,
                            "pipeline_name": pipeline.name,
                            "stage": stage.id,
                            "name": stage.name,
                            "is_won": stage.won,
                            "is_lost": stage.lost,
                        },
                    )
            for n, entry in enumerate(vertical.funnel, 1):
                yield Row(
                    "funnel_stages",
                    f"{key}/{entry.stage}",
                    n,
                    {
                        "vertical": key,
                        "stage": entry.stage,
                        "name": entry.name,
                        "metric": entry.metric,
                        "is_optional": entry.optional,
                        "object": entry.source.object,
                        "property": entry.source.property,
                        "pipeline": entry.source.pipeline,
                        "crm_stage": entry.source.stage,
                        "event": entry.source.event,
                    },
                )
