"""Which occurrences of campaigns are due: those to launch, and those it is too late for.

A run looks ahead as far as messages are queued (`caps.yml`), so that one run a day launches what
goes out until the next. What a recurring campaign's schedule names of the time before it came in
force is not made good.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from reverse_etl.campaigns.versions import Version
from workspace.clock import moment_of
from workspace.definitions.campaigns import BROADCAST, TRIGGERED
from workspace.definitions.caps import Caps

TOO_LATE, SUPERSEDED = "too_late", "superseded"


class Ended(NamedTuple):
    """How an occurrence ended: launched or missed. ``planned_at``, naive UTC, is for when it was
    planned; what was missed may be planned anew."""

    planned_at: datetime
    is_launched: bool


#: Of a campaign, its occurrences that are done with, by key.
Done = Mapping[str, Ended]
#: Occurrences that no run launched are looked for so far back.
LONGEST = timedelta(days=400)


@dataclass(frozen=True)
class Occurrence:
    """One time a campaign goes out. ``day`` is its local one. ``moments``: time zone -> when, naive
    UTC; the zone of the reports is under ``None``. ``missed`` says why it is not to be launched."""

    version: Version
    key: str
    day: date
    moments: Mapping[str | None, datetime] = field(default_factory=dict)
    missed: str | None = None

    @property
    def first(self) -> datetime:
        return min(self.moments.values())

    @property
    def last(self) -> datetime:
        return max(self.moments.values())


def due(
    versions: Iterable[Version],
    done: Mapping[str, Done],
    caps: Caps,
    time_zone: str,
    as_of: datetime,
) -> list[Occurrence]:
    """What is to be launched or told as missed at ``as_of``; ``done`` was before, by campaign.

    Of a recurring campaign's occurrences whose time has come only the last one goes out.
    """
    found = []
    until = as_of + timedelta(hours=caps.queue_ahead_hours)
    for version in versions:
        before = done.get(version.key, {})
        launched = _days(before, time_zone)
        open_ = [
            one
            for one in _between(version, caps, time_zone, until)
            if _is_open(one, before, launched)
        ]
        come = [one for one in open_ if one.first <= as_of]
        for one in open_:
            missed = None
            if one.last + lifetime(version, caps) <= as_of:
                missed = TOO_LATE
            elif one in come[:-1]:
                missed = SUPERSEDED
            found.append(replace(one, missed=missed))
    return found


def upcoming(
    version: Version,
    done: Done,
    caps: Caps,
    time_zone: str,
    as_of: datetime,
    ahead: timedelta = LONGEST,
) -> Occurrence | None:
    """The next occurrence that could be launched at ``as_of`` or after it, if there is one."""
    launched = _days(done, time_zone)
    for one in _between(version, caps, time_zone, as_of + ahead):
        if _is_open(one, done, launched) and one.last + lifetime(version, caps) > as_of:
            return one
    return None


def _days(done: Done, time_zone: str) -> set[date]:
    """The local days on which something was launched, under whatever key."""
    zone = ZoneInfo(time_zone)
    return {
        ended.planned_at.replace(tzinfo=UTC).astimezone(zone).date()
        for ended in done.values()
        if ended.is_launched
    }


def _is_open(one: Occurrence, done: Done, launched: set[date]) -> bool:
    """Whether nothing was launched under its key, nor on its day under another (the form of the
    key follows the schedule), and it was not missed at the time it is planned for."""
    if one.day in launched:
        return False
    ended = done.get(one.key)
    return ended is None or (not ended.is_launched and ended.planned_at != one.first)


def lifetime(version: Version, caps: Caps) -> timedelta:
    """How late a message of the campaign may be."""
    campaign = version.campaign
    if campaign.not_after is not None:
        return timedelta(seconds=campaign.not_after.seconds)
    return timedelta(hours=caps.classes[campaign.message_class].not_after_hours)


def _between(version: Version, caps: Caps, time_zone: str, until: datetime) -> Iterator[Occurrence]:
    """The occurrences whose time comes no later than ``until``, in order."""
    campaign = version.campaign
    if campaign.kind == TRIGGERED:
        return
    assert campaign.schedule is not None
    zones: dict[str | None, str] = {None: time_zone}
    if campaign.schedule.clock == "contact":
        zones.update({zone: zone for zone in caps.time_zones.values()})
    since = max(version.since, until - LONGEST)
    days = (since - timedelta(days=2)).date(), (until + timedelta(days=2)).date()
    for key, local in campaign.schedule.occurrences(*days):
        moments = {name: moment_of(local, zone) for name, zone in zones.items()}
        one = Occurrence(version, key, local.date(), moments)
        if one.first <= until and (campaign.kind == BROADCAST or one.first >= since):
            yield one
