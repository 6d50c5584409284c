"""When a message may go out next: clocks put back and forward, leap days, holidays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reverse_etl.gates.hours import LONGEST_QUIET, allowed_spans, next_allowed, rules_for
from workspace.definitions.caps import WEEKDAYS, Caps, Holidays, QuietHours, easter_sunday
from workspace.definitions.reading import read
from workspace.paths import PROJECT

CAPS = read(PROJECT / "marketing" / "caps.yml", Caps)
PARIS = "Europe/Paris"


def when(local: str, channel: str = "sms", country: str = "FR", zone: str = PARIS) -> str:
    """The next allowed local time of marketing, as local time; both without seconds."""
    at = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    at = at.replace(tzinfo=None)
    rules = rules_for(CAPS, channel, country, "marketing")
    spans = allowed_spans(rules, CAPS.holidays.get(country), zone, at, at + LONGEST_QUIET)
    found = next_allowed(spans, at)
    assert found is not None
    local_time = found.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    return local_time.strftime("%Y-%m-%dT%H:%M")


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("2026-03-04T12:00", "2026-03-04T12:00"),  # a Wednesday
        ("2026-03-04T19:59", "2026-03-04T19:59"),
        ("2026-03-04T20:00", "2026-03-05T08:00"),
        ("2026-03-05T07:59", "2026-03-05T08:00"),
        ("2026-03-05T08:00", "2026-03-05T08:00"),
        ("2026-03-07T20:00", "2026-03-09T08:00"),  # Saturday night to Monday
        ("2026-03-28T21:00", "2026-03-30T08:00"),  # clocks go forward on that Sunday
        ("2026-10-24T21:00", "2026-10-26T08:00"),  # and back on that one
        ("2026-12-24T20:30", "2026-12-26T08:00"),  # Christmas is a Friday
        ("2026-04-04T20:00", "2026-04-07T08:00"),  # Easter Sunday and Monday
        ("2026-05-13T22:00", "2026-05-15T08:00"),  # Ascension
        ("2026-05-07T20:00", "2026-05-09T08:00"),  # 8 May, a Friday
        ("2028-02-28T20:00", "2028-02-29T08:00"),  # a leap day is a day
        ("2028-02-29T20:00", "2028-03-01T08:00"),
        ("2026-12-31T23:00", "2027-01-02T08:00"),  # into another year's holidays
    ],
)
def test_french_text_messages(asked: str, answered: str) -> None:
    assert when(asked) == answered


def test_other_channels_countries_and_classes() -> None:
    sunday_night = "2026-03-08T23:00"
    assert when(sunday_night, channel="email") == sunday_night
    assert when(sunday_night, channel="push") == "2026-03-09T08:00"
    assert when("2026-03-08T12:00", country="DE", zone="Europe/Berlin") == "2026-03-08T12:00"
    assert when("2026-03-08T20:30", country="DE", zone="Europe/Berlin") == "2026-03-08T20:30"
    assert when("2026-03-08T12:00", country="FR", zone="Indian/Reunion") == "2026-03-09T08:00"
    assert rules_for(CAPS, "sms", "FR", "transactional") == ()


def test_public_holidays_of_a_year() -> None:
    found = sorted(CAPS.holidays["FR"].of(2026))
    assert found == [
        date(2026, month, day)
        for month, day in [
            (1, 1), (4, 6), (5, 1), (5, 8), (5, 14), (5, 25),
            (7, 14), (8, 15), (11, 1), (11, 11), (12, 25),
        ]
    ]  # fmt: skip
    assert Holidays(fixed=["02-29"]).of(2027) == set()
    assert Holidays(fixed=["02-29"]).of(2028) == {date(2028, 2, 29)}


@pytest.mark.parametrize(
    ("year", "day"),
    [(1961, "04-02"), (2000, "04-23"), (2008, "03-23"), (2011, "04-24"), (2024, "03-31"),
     (2025, "04-20"), (2026, "04-05"), (2027, "03-28"), (2038, "04-25"), (2285, "03-22")],
)  # fmt: skip
def test_easter(year: int, day: str) -> None:
    assert easter_sunday(year).isoformat() == f"{year}-{day}"


def test_nothing_is_allowed_on_seven_quiet_weekdays() -> None:
    rules = [QuietHours(weekdays=list(WEEKDAYS))]
    at = datetime(2026, 1, 1)
    assert next_allowed(allowed_spans(rules, None, PARIS, at, at + LONGEST_QUIET), at) is None


CLOCK = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
HOURS = st.tuples(CLOCK, CLOCK).filter(lambda pair: pair[0] != pair[1])
RULE = st.builds(
    lambda hours, weekdays, holidays: QuietHours(
        **({"from": hours[0], "to": hours[1]} if hours else {}),
        weekdays=sorted(weekdays) if hours or weekdays else ["sunday"],
        holidays=holidays,
    ),
    st.none() | HOURS,
    st.sets(st.sampled_from(WEEKDAYS), max_size=3),
    st.booleans(),
)
ZONES = ("Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC")


def is_quiet(rules: list[QuietHours], at: datetime, zone: str) -> bool:
    """The rules as one would ask them of a clock on the wall."""
    local = at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    clock = local.strftime("%H:%M")
    for rule in rules:
        if WEEKDAYS[local.weekday()] in rule.weekdays:
            return True
        if rule.holidays and local.date() in CAPS.holidays["FR"].of(local.year):
            return True
        if rule.from_ is not None and rule.to is not None:
            after, before = clock >= rule.from_, clock < rule.to
            if (after and before) if rule.from_ < rule.to else (after or before):
                return True
    return False


@given(
    st.lists(RULE, max_size=3),
    st.sampled_from(ZONES),
    # Around both changes of the clock, and around anything else.
    st.sampled_from([datetime(2026, 3, 27), datetime(2026, 10, 23), datetime(2026, 3, 6),
                     datetime(2026, 10, 30), datetime(2026, 4, 3), datetime(2026, 12, 23),
                     datetime(2028, 2, 27)]),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_spans_are_what_a_clock_on_the_wall_says(
    rules: list[QuietHours], zone: str, since: datetime
) -> None:
    until = since + timedelta(days=4)
    spans = allowed_spans(rules, CAPS.holidays["FR"], zone, since, until)
    assert all(a < b for a, b in spans)
    assert all(first[1] < second[0] for first, second in pairwise(spans))
    step = timedelta(minutes=15)
    moment = since
    where = ZoneInfo(zone)
    while moment < until:
        allowed = any(a <= moment < b for a, b in spans)
        offsets = {
            (moment + timedelta(hours=h)).replace(tzinfo=UTC).astimezone(where).utcoffset()
            for h in (-2, 0, 2)
        }
        if allowed:
            assert not is_quiet(rules, moment, zone), moment
        elif len(offsets) == 1:  # not where the clock is changed: there quiet lasts longer
            assert is_quiet(rules, moment, zone), moment
        found = next_allowed(spans, moment)
        assert (found == moment) == allowed
        moment += step
