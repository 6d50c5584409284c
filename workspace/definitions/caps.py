"""``caps.yml``: the classes of messages, how many of them, when, and to whom.

What the gates do with it is `reverse_etl/gates` (``docs/gates.md``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from workspace.buckets import BUCKETS, bucket_sql
from workspace.definitions.reading import Key, Row, Strict, nearest, no_repeats

MessageChannel = Literal["email", "sms", "push"]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
ClockTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Skippable = Literal["consent", "unsubscribed", "holdout", "quiet_hours", "cap", "send_time"]

#: The collection of parameters that holds the file.
SETTINGS = "gate_settings"
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True)
class Gate:
    """``kind``: what failing it does. A ``permanent`` one and a ``block`` end the message, the
    first kind says that the person cannot be reached at all; a ``hold`` lets it wait. ``later``
    ones are found out after the decision."""

    gate: str
    kind: Literal["permanent", "block", "hold", "later"]
    text: str


#: In the order in which they are asked; the first that fails is recorded.
GATES = (
    Gate("class", "block", "its class is not one of caps.yml"),
    Gate("erased", "permanent", "the person was erased"),
    Gate("no_address", "permanent", "there is no address or number on its channel"),
    Gate("bounced", "permanent", "the address bounced for good, or its owner complained"),
    Gate("consent", "permanent", "no consent is granted for its purpose and channel"),
    Gate("unsubscribed", "permanent", "the person unsubscribed from the channel"),
    Gate("suppressed", "permanent", "the address stands on a suppression list"),
    Gate("holdout", "block", "the person is held out, so that effects can be measured"),
    Gate("approval", "hold", "nobody has approved it"),
    Gate("paused", "hold", "its campaign or journey, or everything, is paused or stopped"),
    Gate("template", "block", "a field that its template needs is missing"),
    Gate("not_after", "block", "it is too late for it"),
    Gate("lead_band", "block", "its class is not for the lead's band"),
    Gate("quiet_hours", "hold", "it is not allowed at that local time"),
    Gate("scheduled", "hold", "its time is further ahead than messages are queued"),
    Gate("cap", "hold", "the person has had as many as a frequency cap allows"),
    Gate("duplicate", "later", "the same message was queued for the same person before"),
    Gate(
        "provider",
        "later",
        "a provider refused it, none can send it, or nobody found out whether it was sent",
    ),
)
PERMANENT = tuple(gate.gate for gate in GATES if gate.kind == "permanent")


class MessageClass(Strict):
    """``bands``: lead bands (scoring.yml) it is for, all where nothing is said. ``skips``: gates
    it does not pass through. ``not_after_hours``: how late it may be, where its intent does not
    say."""

    name: str
    bands: Annotated[list[Key], Field(min_length=1)] | None = None
    skips: list[Skippable] = []
    not_after_hours: Annotated[float, Field(gt=0, le=24 * 366)] = 72

    @model_validator(mode="after")
    def _once_each(self) -> MessageClass:
        no_repeats(self.skips, "gate")
        no_repeats(self.bands or [], "band")
        return self


class Cap(Strict):
    """At most ``limit`` messages of these classes and channels together to one contact, in any
    ``days`` times 24 hours or in a calendar week of the contact's zone. A limit of null is none,
    0 lets nothing through."""

    id: Key
    classes: Annotated[list[Key], Field(min_length=1)]
    channels: Annotated[list[MessageChannel], Field(min_length=1)]
    limit: Annotated[int, Field(ge=0, le=10_000)] | None
    days: Annotated[float, Field(gt=0, le=366)] | None = None
    calendar: Literal["week"] | None = None

    @model_validator(mode="after")
    def _one_window(self) -> Cap:
        if (self.days is None) == (self.calendar is None):
            raise ValueError("either days or calendar is wanted")
        no_repeats(self.classes, "class")
        no_repeats(self.channels, "channel")
        return self


class QuietHours(Strict):
    """When nothing may go out, local to the contact: ``from`` up to ``to`` (past midnight where
    it is the smaller), whole weekdays, public holidays. It holds for the channels, countries and
    classes named; for all where none are."""

    channels: Annotated[list[MessageChannel], Field(min_length=1)] | None = None
    countries: Annotated[list[Country], Field(min_length=1)] | None = None
    classes: Annotated[list[Key], Field(min_length=1)] | None = None
    from_: Annotated[ClockTime | None, Field(alias="from")] = None
    to: ClockTime | None = None
    weekdays: list[Weekday] = []
    holidays: bool = False

    @model_validator(mode="after")
    def _says_something(self) -> QuietHours:
        if (self.from_ is None) != (self.to is None):
            raise ValueError("from and to stand together")
        if self.from_ is not None and self.from_ == self.to:
            raise ValueError("from and to are the same; name weekdays for whole days")
        if self.from_ is None and not self.weekdays and not self.holidays:
            raise ValueError("hours, weekdays or holidays are wanted")
        no_repeats(self.weekdays, "weekday")
        return self

    def covers(self, clock: str) -> bool:
        """Whether a local time lies between ``from`` and ``to``; False where they are not given."""
        if self.from_ is None or self.to is None:
            return False
        after, before = clock >= self.from_, clock < self.to
        return (after and before) if self.from_ < self.to else (after or before)

    def matches(self, channel: str, country: str | None, message_class: str) -> bool:
        return (
            (self.channels is None or channel in self.channels)
            and (self.countries is None or country in self.countries)
            and (self.classes is None or message_class in self.classes)
        )


class Holidays(Strict):
    """Days each year: ``fixed`` as month-day, ``easter`` as days after Easter Sunday."""

    fixed: list[Annotated[str, Field(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]] = []
    easter: list[Annotated[int, Field(ge=-70, le=100)]] = []

    def of(self, year: int) -> set[date]:
        days = {easter_sunday(year) + timedelta(days=offset) for offset in self.easter}
        for text in self.fixed:
            month, day = map(int, text.split("-"))
            try:
                days.add(date(year, month, day))
            except ValueError:  # 29 February of another year
                continue
        return days


class Holdout(Strict):
    """A share of all contacts that gets no marketing at all; who, is decided by the salt."""

    share: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    salt: Annotated[str, Field(min_length=1, max_length=64)] = "universal"

    def condition(self, contact: str) -> str:
        """Whether a contact, an SQL expression, is held out."""
        salt = "'" + self.salt.replace("'", "''") + "'"
        limit = round(self.share * BUCKETS)
        return f"{bucket_sql(salt, contact)} < {limit}" if limit else "false"


class SendTime(Strict):
    """``choose``: messages wait up to a day for the contact's best hour, or the default hour;
    a share ``explore`` of them for any hour that is allowed, drawn by chance.

    The best hour is that of the highest rate of clicks a mail over the last ``days``, smoothed as
    by ``smoothing`` mails of the contact's vertical and persona; it counts from ``least_mails`` to
    the contact, and where it is better than the default hour by the share ``least_gain``.
    """

    choose: bool = False
    default_hour: Annotated[int, Field(ge=0, le=23)] = 10
    explore: Annotated[float, Field(ge=0, le=1)] = 0.1
    days: Annotated[int, Field(ge=1, le=3660)] = 365
    smoothing: Annotated[float, Field(gt=0, le=10_000)] = 20
    least_mails: Annotated[int, Field(ge=1, le=10_000)] = 5
    least_gain: Annotated[float, Field(ge=0, le=10)] = 0.05


class Caps(Strict):
    queue_ahead_hours: Annotated[float, Field(ge=0, le=24 * 31)] = 24
    classes: dict[Key, MessageClass] = {}
    caps: list[Cap] = []
    quiet_hours: list[QuietHours] = []
    holidays: dict[Country, Holidays] = {}
    time_zones: dict[Country, str] = {}
    holdout: Holdout = Holdout()
    send_time: SendTime = SendTime()

    @field_validator("time_zones")
    @classmethod
    def _zones_exist(cls, zones: dict[str, str]) -> dict[str, str]:
        for zone in zones.values():
            try:
                ZoneInfo(zone)
            except (KeyError, ValueError, OSError) as error:
                raise ValueError(f"no time zone {zone!r}") from error
        return zones

    def faults(self, bands: Collection[str]) -> Iterator[tuple[Sequence[str | int], str]]:
        """Places and texts of names that nothing has; ``bands`` are those of scoring.yml."""
        for key, kind in self.classes.items():
            for n, band in enumerate(kind.bands or []):
                if band not in bands:
                    yield ("classes", key, "bands", n), f"no band {band!r}{nearest(band, bands)}"
        seen: set[str] = set()
        for n, cap in enumerate(self.caps):
            if cap.id in seen:
                yield ("caps", n, "id"), f"cap {cap.id!r} is given twice"
            seen.add(cap.id)
            for m, name in enumerate(cap.classes):
                if name not in self.classes:
                    yield ("caps", n, "classes", m), self._no_class(name)
        for n, rule in enumerate(self.quiet_hours):
            for m, name in enumerate(rule.classes or []):
                if name not in self.classes:
                    yield ("quiet_hours", n, "classes", m), self._no_class(name)
            if rule.holidays:
                for m, country in enumerate(rule.countries or []):
                    if country not in self.holidays:
                        text = f"no holidays of {country!r} are listed"
                        yield ("quiet_hours", n, "countries", m), text

    def quiet_mail_hours(self) -> Iterator[tuple[str | None, int]]:
        """Hours that begin in quiet for mails of every class on every day, by country; None: in
        each country, which is not named besides."""
        found: set[tuple[str | None, int]] = set()
        for rule in self.quiet_hours:
            if rule.from_ is None or rule.to is None or rule.classes is not None:
                continue
            if rule.channels is None or "email" in rule.channels:
                found |= {
                    (country, hour)
                    for country in rule.countries or [None]
                    for hour in range(24)
                    if rule.covers(f"{hour:02}:00")
                }
        for country, hour in sorted(found, key=lambda one: (one[0] or "", one[1])):
            if country is None or (None, hour) not in found:
                yield country, hour

    def _no_class(self, name: str) -> str:
        return f"no class {name!r}{nearest(name, self.classes)}"

    @property
    def longest_days(self) -> float:
        """How far back messages count for some cap."""
        return max((cap.days or 7 for cap in self.caps if cap.limit is not None), default=0)

    def rows(self) -> Iterator[Row]:
        # Whole, so that a plan can ask the gates by what was in force.
        yield Row(SETTINGS, SETTINGS, 1, self.model_dump(mode="json", by_alias=True))
        for n, (name, its) in enumerate(self.classes.items(), 1):
            needs_consent = "consent" not in its.skips
            kind = {"message_class": name, "class_name": its.name, "needs_consent": needs_consent}
            yield Row("message_classes", name, n, kind)
        for n, cap in enumerate(self.caps, 1):
            value = cap.model_dump(exclude={"classes", "channels"})
            listed = {"classes": ", ".join(cap.classes), "channels": ", ".join(cap.channels)}
            yield Row("frequency_caps", cap.id, n, {**value, **listed})
            for name in cap.classes:
                for channel in cap.channels:
                    scope = {"cap": cap.id, "message_class": name, "channel": channel}
                    yield Row("cap_scopes", f"{cap.id}/{name}/{channel}", n, scope)
        choice = self.send_time.model_dump(exclude={"choose", "explore"})
        yield Row("send_time_settings", "send_time_settings", 1, choice)
        for n, (country, zone) in enumerate(self.time_zones.items(), 1):
            yield Row("contact_time_zones", country, n, {"country": country, "time_zone": zone})
        for n, (place, hour) in enumerate(self.quiet_mail_hours(), 1):
            value = {"country": place, "local_hour": hour}
            yield Row("quiet_mail_hours", f"{place or ''}/{hour}", n, value)
        for n, gate in enumerate(GATES, 1):
            value = {"gate": gate.gate, "kind": gate.kind, "text": gate.text}
            yield Row("message_gates", gate.gate, n, value)


def easter_sunday(year: int) -> date:
    """Easter of the Gregorian calendar, by the rule for the 14th day of the paschal moon."""
    golden = year % 19
    century = year // 100
    leaps_left_out = century - century // 4
    moon_shift = (8 * century + 13) // 25
    epact = (19 * golden + leaps_left_out - moon_shift + 15) % 30
    moon = epact - (epact // 28) * (1 - (29 // (epact + 1)) * ((21 - golden) // 11))
    weekday = (year + year // 4 + moon + 2 - leaps_left_out) % 7
    days = moon - weekday  # since 28 March, Easter's middle; Sunday follows
    month = 3 + (days + 40) // 44
    return date(year, month, days + 28 - 31 * (month // 4))
