"""`performance.yml`: where a lead comes from, what pays for an event, how far results are looked
for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from workspace.definitions.reading import Key, Row, Strict, no_repeats

Days = Annotated[int, Field(gt=0, le=3660)]


class EventCostLine(Strict):
    """A cost line that pays for events: the costs of a period, shared equally among its events."""

    vertical: Key
    line: Annotated[str, Field(min_length=1)]
    types: Annotated[list[Key], Field(min_length=1)]
    period: Literal["month", "plan_year"] = "month"


class Events(Strict):
    window_days: Days = 90
    cost_lines: list[EventCostLine] = []

    @model_validator(mode="after")
    def _once(self) -> Events:
        no_repeats([f"{c.vertical}/{c.line}" for c in self.cost_lines], "cost line")
        return self


class Performance(Strict):
    """``lead_sources``, ``platforms`` and ``mediums``: foreign words, without case, to channels."""

    lead_lookback_days: Days = 90
    lead_detail_properties: list[Annotated[str, Field(min_length=1)]] = []
    lead_sources: dict[str, Key] = {}
    platforms: dict[str, Key] = {}
    mediums: dict[str, Key] = {}
    events: Events = Events()

    @model_validator(mode="after")
    def _one_channel_a_word(self) -> Performance:
        for words in (self.lead_sources, self.platforms, self.mediums):
            no_repeats([word.casefold() for word in words], "word")
        no_repeats(self.lead_detail_properties, "property")
        return self

    def scopes(self) -> set[str]:
        return {line.vertical for line in self.events.cost_lines}

    def rows(self) -> Iterator[Row]:
        settings = {
            "lead_lookback_days": self.lead_lookback_days,
            "event_window_days": self.events.window_days,
        }
        yield Row("performance_settings", "settings", 1, settings)
        for position, name in enumerate(self.lead_detail_properties, 1):
            yield Row("lead_detail_properties", name, position, {"property": name})
        kinds = {
            "lead_source": self.lead_sources,
            "platform": self.platforms,
            "medium": self.mediums,
        }
        for kind, words in kinds.items():
            for position, (word, channel) in enumerate(words.items(), 1):
                value = {"kind": kind, "word": word.lower(), "channel": channel}
                yield Row("source_channels", f"{kind}/{word.lower()}", position, value)
        position = 0
        for line in self.events.cost_lines:
            for event_type in line.types:
                position += 1
                value = {**line.model_dump(exclude={"types"}), "event_type": event_type}
                key = f"{line.vertical}/{line.line}/{event_type}"
                yield Row("event_cost_lines", key, position, value)
