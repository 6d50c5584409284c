"""Which occurrences are due, missed or superseded."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from reverse_etl.campaigns.calendar import Done, due, lifetime, upcoming
from reverse_etl.campaigns.versions import Version
from tests.reverse_etl.campaigns.worlds import CAPS, START, ZONE, campaign, weekly

DAY = timedelta(days=1)


def asked(
    version: Version, as_of: datetime, done: Done | None = None
) -> dict[str, tuple[datetime, str | None]]:
    found = due([version], {version.key: done or {}}, CAPS, ZONE, as_of)
    return {one.key: (one.first, one.missed) for one in found}


def of(given_campaign: object, since: datetime = START) -> Version:
    return Version("spring", 1, given_campaign, since)  # type: ignore[arg-type]


def test_a_broadcast_is_due_a_day_ahead_and_until_it_is_too_late() -> None:
    version = of(campaign(not_after={"hours": 6}), START - 30 * DAY)
    moment = datetime(2026, 3, 3, 9)
    assert asked(version, moment - DAY - timedelta(minutes=1)) == {}
    assert asked(version, moment - DAY) == {"once": (moment, None)}
    assert asked(version, moment + timedelta(hours=5)) == {"once": (moment, None)}
    assert asked(version, moment + timedelta(hours=6)) == {"once": (moment, "too_late")}


def test_launched_once_and_planned_anew_after_it_was_missed() -> None:
    moment = datetime(2026, 3, 3, 9)
    assert asked(of(campaign()), START, {"once": None}) == {}
    assert asked(of(campaign()), START, {"once": moment}) == {}
    earlier = {"once": moment - 7 * DAY}
    assert asked(of(campaign()), START, earlier) == {"once": (moment, None)}


def test_another_hour_or_day_of_the_week_is_no_other_occurrence() -> None:
    moved = {"every": "week", "weekdays": ["wednesday"], "time": "07:00"}
    first = asked(of(weekly()), START)
    assert list(first) == ["2026-W10"]
    assert asked(of(weekly(schedule=moved)), START, {"2026-W10": None}) == {}


def test_only_the_last_of_several_goes_out() -> None:
    version = of(weekly(not_after={"weeks": 3}))
    found = asked(version, START + 15 * DAY)
    assert {key: missed for key, (_, missed) in found.items()} == {
        "2026-W10": "superseded",
        "2026-W11": "superseded",
        "2026-W12": None,
    }


def test_nothing_is_made_good_from_before_it_was_known() -> None:
    assert asked(of(weekly(), START + DAY), START + DAY) == {}
    late = of(campaign(not_after={"days": 3}), START + DAY)
    assert asked(late, START + DAY) == {"once": (datetime(2026, 3, 3, 9), None)}


def test_by_the_clock_of_each_country() -> None:
    schedule = {"at": "2026-03-03 10:00", "clock": "contact"}
    (one,) = due([of(campaign(schedule=schedule))], {}, CAPS, "America/New_York", START)
    assert one.moments[None] == datetime(2026, 3, 3, 15)
    assert one.moments["Europe/Paris"] == one.first == datetime(2026, 3, 3, 9)


def test_the_next_one() -> None:
    version = of(weekly())
    after = upcoming(version, {"2026-W10": None}, CAPS, ZONE, START)
    assert after is not None and after.key == "2026-W11"
    assert upcoming(of(campaign()), {"once": None}, CAPS, ZONE, START) is None
    over = {"every": "day", "time": "10:00", "ends_on": "2026-03-01"}
    assert upcoming(of(campaign(schedule=over)), {}, CAPS, ZONE, START) is None


@given(
    st.lists(st.integers(0, 400), min_size=1, max_size=12),
    st.sets(st.sampled_from(["monday", "tuesday", "friday", "sunday"]), min_size=1),
    st.integers(1, 200),
)
def test_whenever_runs_are_made_each_occurrence_ends_once(
    hours: list[int], weekdays: set[str], keeps: int
) -> None:
    """At every run each occurrence is launched or missed at most once, none after its time, and
    whatever came due by the last run has ended."""
    schedule = {"every": "week", "weekdays": sorted(weekdays), "time": "10:00"}
    version = of(weekly(schedule=schedule, not_after={"hours": keeps}))
    done: dict[str, datetime | None] = {}
    at = START
    for step in hours:
        at += timedelta(hours=step)
        for one in due([version], {"spring": done}, CAPS, ZONE, at):
            assert one.key not in done
            if one.missed is None:
                assert one.first - timedelta(hours=CAPS.queue_ahead_hours) <= at
                assert at < one.last + lifetime(version, CAPS)
                done[one.key] = None
            else:
                assert one.first <= at
                done[one.key] = one.first
    ended = {one.key for one in due([version], {}, CAPS, ZONE, at)}
    assert ended <= set(done)
