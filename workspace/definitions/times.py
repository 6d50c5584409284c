"""What definitions that send say alike: spans, times of day, channels, values for templates."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictFloat, StrictInt, StrictStr, model_validator

from workspace.definitions.reading import Key, Strict
from workspace.definitions.segments import Scalar

CHANNELS = ("email", "sms", "push")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

#: When within a day a message goes: at the contact's best hour, or when it is planned.
SendTimeChoice = Literal["best", "planned"]

_Span = Annotated[StrictInt | StrictFloat, Field(gt=0, le=100_000)]


def _clock(text: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
        raise ValueError('a time of day as "09:00"')
    return text


Clock = Annotated[StrictStr, AfterValidator(_clock)]


class Duration(Strict):
    """A span of time; its parts add up."""

    minutes: _Span | None = None
    hours: _Span | None = None
    days: _Span | None = None
    weeks: _Span | None = None

    @model_validator(mode="after")
    def _some(self) -> Duration:
        if not self.model_fields_set:
            raise ValueError("give minutes, hours, days or weeks")
        if not 60 <= self.seconds <= 3 * 366 * 86_400:
            raise ValueError("between a minute and three years")
        return self

    @property
    def seconds(self) -> int:
        given = {name: getattr(self, name) or 0 for name in ("minutes", "hours", "days", "weeks")}
        return round(timedelta(**given).total_seconds())


_NOT_IN_A_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _one_line(value: Scalar) -> Scalar:
    if isinstance(value, str) and _NOT_IN_A_LINE.search(value):
        raise ValueError("a text in one line, without control characters")
    return value


#: Constants for a template's ``event.…`` fields.
Values = dict[Key, Annotated[Scalar, AfterValidator(_one_line)]]


def given_text(values: Mapping[str, Scalar]) -> str | None:
    """Values as JSON, days as ISO text; None where there are none."""
    return json.dumps(values, sort_keys=True, default=date.isoformat) if values else None
