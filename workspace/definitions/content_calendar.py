"""`content_calendar.yml`: what is to be published where, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from workspace.definitions.reading import Key, Row, Strict, no_repeats

Name = Annotated[str, Field(min_length=1)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_RHYTHMS = ("every_days", "weekdays", "month_days")


class Cadence(Strict):
    """One series: its slots lie on the days that exactly one of the three rhythms names.

    ``every_days`` counts from ``starts_on`` in days, halves allowed (3.5 is twice a week);
    ``month_days`` beyond a month's end mean its last day.
    """

    vertical: Key
    channel: Name
    content_type: Name
    starts_on: date
    ends_on: date | None = None
    every_days: Annotated[float, Field(ge=1, le=366, multiple_of=0.5)] | None = None
    weekdays: Annotated[list[Weekday], Field(min_length=1)] | None = None
    month_days: Annotated[list[Annotated[int, Field(ge=1, le=31)]], Field(min_length=1)] | None = (
        None
    )

    @model_validator(mode="after")
    def _one_rhythm(self) -> Cadence:
        if sum(getattr(self, name) is not None for name in _RHYTHMS) != 1:
            raise ValueError(f"give one of {', '.join(_RHYTHMS)}")
        no_repeats([str(day) for day in (*(self.weekdays or ()), *(self.month_days or ()))], "day")
        if self.ends_on is not None and self.ends_on <= self.starts_on:
            raise ValueError("ends_on is the first day after the series, so later than starts_on")
        return self

    @property
    def key(self) -> str:
        return f"{self.vertical}/{self.channel}/{self.content_type}"

    def days(self) -> list[tuple[str, float]]:
        """(rhythm, number) pairs: days between slots, ISO weekday or day of the month."""
        if self.every_days is not None:
            return [("every_days", self.every_days)]
        if self.weekdays is not None:
            return [("weekday", _WEEKDAYS.index(day) + 1) for day in self.weekdays]
        return [("month_day", day) for day in self.month_days or ()]


class ContentCalendar(Strict):
    on_time_days: Annotated[int, Field(ge=0, le=365)] = 2
    early_days: Annotated[int, Field(ge=0, le=365)] = 1
    horizon_days: Annotated[int, Field(ge=0, le=365)] = 30
    unpublished_statuses: list[str] = ["draft", "pending", "private", "future", "trash"]
    cadence: list[Cadence] = []

    @model_validator(mode="after")
    def _once(self) -> ContentCalendar:
        no_repeats([series.key for series in self.cadence], "series")
        return self

    def scopes(self) -> set[str]:
        return {series.vertical for series in self.cadence}

    def rows(self) -> Iterator[Row]:
        settings = {
            "on_time_days": self.on_time_days,
            "early_days": self.early_days,
            "horizon_days": self.horizon_days,
        }
        yield Row("content_settings", "settings", 1, settings)
        for position, status in enumerate(self.unpublished_statuses, 1):
            value = {"status": status.lower()}
            yield Row("unpublished_statuses", status.lower(), position, value)
        position = 0
        for series in self.cadence:
            shared = series.model_dump(
                include={"vertical", "channel", "content_type", "starts_on", "ends_on"}
            )
            for rhythm, number in series.days():
                position += 1
                value = {**shared, "rhythm": rhythm, "number": number}
                yield Row("content_cadence", f"{series.key}/{rhythm}/{number:g}", position, value)
