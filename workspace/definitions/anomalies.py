"""`anomalies.yml`: when a day of a series is told, and which events explain a rise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, model_validator

from workspace.definitions.reading import Key, Row, Strict, no_repeats

Month = Annotated[int, Field(ge=1, le=12)]


class Season(Strict):
    """Months in which an event brings a vertical more than usual."""

    name: Annotated[str, Field(min_length=1)]
    vertical: Key
    months: Annotated[list[Month], Field(min_length=1)]


class Anomalies(Strict):
    """``weeks`` before a day say what is expected, and ``least_weeks`` of them must be known. A day
    is told where it lies ``least_z`` robust deviations off, with a volume of ``least_volume``, and
    by chance in a share ``false_discoveries`` of what is told. ``shift_days`` in a row are a
    level shift; what began in the last ``report_days`` is told."""

    weeks: Annotated[int, Field(ge=4, le=13)] = 8
    least_weeks: Annotated[int, Field(ge=4, le=13)] = 4
    least_z: Annotated[float, Field(ge=2, le=100, allow_inf_nan=False)] = 3.5
    least_volume: Annotated[float, Field(ge=1, le=1e9)] = 50
    false_discoveries: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = 0.05
    report_days: Annotated[int, Field(ge=1, le=366)] = 28
    shift_days: Annotated[int, Field(ge=2, le=60)] = 3
    seasons: list[Season] = []

    @model_validator(mode="after")
    def _possible(self) -> Anomalies:
        if self.least_weeks > self.weeks:
            raise ValueError("least_weeks is more than weeks")
        no_repeats([season.vertical for season in self.seasons], "vertical")
        return self

    def scopes(self) -> set[str]:
        return {season.vertical for season in self.seasons}

    def rows(self) -> Iterator[Row]:
        settings = self.model_dump(exclude={"seasons"})
        yield Row("anomaly_settings", "anomaly_settings", 1, settings)
        for n, season in enumerate(self.seasons, 1):
            for month in dict.fromkeys(season.months):
                value = {"vertical": season.vertical, "month": month, "name": season.name}
                yield Row("anomaly_seasons", f"{season.vertical}/{month}", n, value)
