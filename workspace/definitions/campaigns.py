"""`campaigns/*.yml`: a message to an audience at planned times, or a journey, and what it is for.

A broadcast goes out once, a recurring campaign again and again, a triggered one is a journey.
`docs/campaigns.md` says what each does in a run.
"""

from __future__ import annotations

import calendar
import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictFloat, StrictInt, StrictStr, model_validator

from workspace.definitions.reading import Key, Strict
from workspace.definitions.segments import Location, Name, Text
from workspace.definitions.times import (
    CHANNELS,
    WEEKDAYS,
    Clock,
    Duration,
    SendTimeChoice,
    Values,
)
from workspace.definitions.touchpoints import TouchType

#: The occurrence of a campaign that goes out once, whenever that is.
ONCE = "once"
BROADCAST, RECURRING, TRIGGERED = "broadcast", "recurring", "triggered"


class Reached(Strict):
    """What somebody does: a track event by its name, a touch by its type, or a won deal, an order
    or any conversion that attribution credits."""

    event: Name | None = None
    touch: TouchType | None = None
    goal: Literal["deal_won", "order", "conversion"] | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> Reached:
        if sum(what is not None for what in (self.event, self.touch, self.goal)) != 1:
            raise ValueError("give one of event, touch and goal")
        return self


class Objective(Strict):
    """What a campaign is to reach, by when: of its contacts, within ``within_days`` after their
    first message was planned."""

    metric: Literal["contacts", "contact_share", "revenue"]
    reached_by: Reached
    within_days: Annotated[StrictInt | StrictFloat, Field(gt=0, le=366)] = 30
    target: Annotated[StrictInt | StrictFloat, Field(gt=0, le=1e12)]
    deadline: date

    @model_validator(mode="after")
    def _sane(self) -> Objective:
        if self.metric == "contact_share" and self.target > 1:
            raise ValueError("a share is between 0 and 1: 5 % is 0.05")
        if self.metric == "revenue" and self.reached_by.touch is not None:
            raise ValueError("a touch has no revenue; an event or goal has")
        return self


class Audience(Strict):
    """Members of any of these segments, and of none of ``except``."""

    segments: Annotated[list[Key], Field(min_length=1, max_length=100)]
    except_: Annotated[list[Key], Field(alias="except", max_length=100)] = []


_MOMENT = "%Y-%m-%d %H:%M"


def _moment(text: str) -> str:
    try:
        time = datetime.strptime(text, _MOMENT)
    except ValueError as error:
        raise ValueError('a day and time as "2026-12-01 09:00"') from error
    if not 2000 <= time.year < 2200:
        raise ValueError("a day between 2000 and 2200")
    return text


class Schedule(Strict):
    """When messages go out: ``at`` once, or ``every`` day, week or month at ``time``.

    ``clock``: by the clock of reports (`verticals.yml`), or by that of each contact's country.
    """

    at: Annotated[StrictStr, AfterValidator(_moment)] | None = None
    every: Literal["day", "week", "month"] | None = None
    weekdays: Annotated[list[Literal[WEEKDAYS]], Field(min_length=1)] | None = None  # type: ignore[valid-type]
    days: Annotated[list[Annotated[StrictInt, Field(ge=1, le=31)]], Field(min_length=1)] | None = (
        None
    )
    time: Clock | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    clock: Literal["reports", "contact"] = "reports"

    @model_validator(mode="after")
    def _one_form(self) -> Schedule:
        repeating = (self.time, self.weekdays, self.days, self.starts_on, self.ends_on)
        if (self.at is None) == (self.every is None):
            raise ValueError("give at (once) or every (again and again)")
        if self.at is not None and any(given is not None for given in repeating):
            raise ValueError("at is all that a broadcast's schedule says, besides its clock")
        if self.every is not None and self.time is None:
            raise ValueError('every goes with time, as "09:00"')
        if (self.weekdays is not None) != (self.every == "week"):
            raise ValueError("weekdays go with every: week")
        if (self.days is not None) != (self.every == "month"):
            raise ValueError("days (of the month) go with every: month")
        if self.starts_on and self.ends_on and self.ends_on < self.starts_on:
            raise ValueError("ends_on is before starts_on")
        return self

    @property
    def begins_on(self) -> date | None:
        """The local day of a broadcast, or that from which on it is again and again, if given."""
        if self.at is not None:
            return datetime.strptime(self.at, _MOMENT).date()
        return self.starts_on

    def occurrences(self, from_on: date, to_on: date) -> Iterator[tuple[str, datetime]]:
        """Key and local time of each occurrence on the days [from_on, to_on], in order.

        The key stays the same where only the hour changes, or the only day of a week or month: an
        edit sends nothing twice. Day 31 is a month's last.
        """
        if self.at is not None:
            yield ONCE, datetime.strptime(self.at, _MOMENT)
            return
        assert self.time is not None
        clock = datetime.strptime(self.time, "%H:%M").time()
        day = max(from_on, self.starts_on or from_on)
        last = min(to_on, self.ends_on or to_on)
        while day <= last:
            if self._falls_on(day):
                yield self._key(day), datetime.combine(day, clock)
            day += timedelta(days=1)

    def _falls_on(self, day: date) -> bool:
        if self.every == "week":
            return WEEKDAYS[day.weekday()] in (self.weekdays or ())
        if self.every == "month":
            last = calendar.monthrange(day.year, day.month)[1]
            return day.day in {min(number, last) for number in self.days or ()}
        return True

    def _key(self, day: date) -> str:
        if self.every == "week" and len(set(self.weekdays or ())) == 1:
            year, week, _ = day.isocalendar()
            return f"{year}-W{week:02}"
        if self.every == "month" and len(set(self.days or ())) == 1:
            return f"{day:%Y-%m}"
        return f"{day:%Y-%m-%d}"


class Ramp(Strict):
    """A launch in steps: the share of the first of ``steps`` goes first, then up to each next one,
    then everybody. Each step waits ``wait`` after the one before; where more than
    ``max_bounces`` of what was sent bounced for good, or more than ``max_complaints`` of it was
    complained about, the campaign pauses."""

    steps: Annotated[
        list[Annotated[StrictInt | StrictFloat, Field(gt=0, lt=1)]],
        Field(min_length=1, max_length=10),
    ] = [0.01, 0.1]
    wait: Duration = Duration(hours=4)
    max_bounces: Annotated[StrictInt | StrictFloat, Field(gt=0, le=1)] = 0.05
    max_complaints: Annotated[StrictInt | StrictFloat, Field(gt=0, le=1)] = 0.001

    @model_validator(mode="after")
    def _rising(self) -> Ramp:
        if self.steps != sorted(set(self.steps)):
            raise ValueError("each step is a larger share than the one before")
        return self

    def step_of(self, message_id: str) -> int:
        """The step, from 1, in which a message goes: always the same one."""
        digest = hashlib.sha256(f"ramp:{message_id}".encode()).digest()
        return 1 + bisect_right(self.steps, int.from_bytes(digest[:6], "big") / (1 << 48))


#: What says who gets what when; a triggered campaign leaves it to its journey.
_SENDING = (
    *("audience", "channel", "template", "values", "schedule", "not_after", "on_capped"),
    *("send_time", "ramp"),
)
_OF_JOURNEYS = ("purpose", "message_class", "priority", "expected_value", "approval")
_NAMING = ("name", "description", "owner", "objective", "cost")


class Campaign(Strict):
    """One campaign. ``holdout`` is the share of its audience that gets nothing, so that its effect
    can be told; ``cost`` what it costs as a whole, in the base currency."""

    name: Name
    description: Text | None = None
    vertical: Key | None = None
    owner: Name | None = None
    objective: Objective
    journey: Key | None = None
    audience: Audience | None = None
    channel: Literal[CHANNELS] | None = None  # type: ignore[valid-type]
    template: Key | None = None
    schedule: Schedule | None = None
    purpose: Key = "marketing"
    message_class: Annotated[Key, Field(alias="class")] = "marketing"
    priority: Annotated[StrictInt, Field(ge=1, le=1000)] = 100
    expected_value: Annotated[StrictInt | StrictFloat, Field(ge=0, le=1e9)] = 0
    not_after: Duration | None = None
    on_capped: Literal["wait", "skip"] = "wait"
    send_time: SendTimeChoice | None = None
    holdout: Annotated[StrictInt | StrictFloat, Field(ge=0, le=0.5)] = 0
    values: Values = {}
    ramp: Ramp | None = None
    approval: Literal["once", "each", "none"] = "once"
    cost: Annotated[StrictInt | StrictFloat, Field(ge=0, le=1e12)] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Campaign:
        if self.journey is not None:
            said = [
                Campaign.model_fields[name].alias or name
                for name in (*_SENDING, *_OF_JOURNEYS)
                if name in self.model_fields_set
            ]
            if said:
                raise ValueError(f"the journey says that itself: {', '.join(said)}")
            return self
        wanted = ("audience", "channel", "template", "schedule")
        missing = [name for name in wanted if getattr(self, name) is None]
        if missing:
            raise ValueError(f"give journey, or these: {', '.join(missing)}")
        return self

    @property
    def kind(self) -> str:
        if self.journey is not None:
            return TRIGGERED
        assert self.schedule is not None
        return BROADCAST if self.schedule.at is not None else RECURRING

    @cached_property
    def plain(self) -> dict[str, Any]:
        """The definition as the file has it, without what is left at its default."""
        return json.loads(self.model_dump_json(by_alias=True, exclude_defaults=True))

    @property
    def text(self) -> str:
        return json.dumps(self.plain, sort_keys=True, ensure_ascii=False)

    @property
    def hash(self) -> str:
        """Changes with whatever decides who gets what when, and not with what it is called, what
        it is for or what it costs."""
        deciding = {name: value for name, value in self.plain.items() if name not in _NAMING}
        text = json.dumps(deciding, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def segments(self) -> Iterator[tuple[Location, str]]:
        """Each segment it names, and where."""
        if self.audience is not None:
            for side, keys in (
                ("segments", self.audience.segments),
                ("except", self.audience.except_),
            ):
                for position, key in enumerate(keys):
                    yield ("audience", side, position), key


class Campaigns(Strict):
    """All definitions, by key: the name of the file without its ending."""

    campaigns: dict[Key, Campaign] = {}
