"""Which occurrences are due, missed or superseded."""

from __future__ import annotations

import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from reverse_etl.campaigns import versions
from reverse_etl.campaigns.calendar import Done, Ended, due, lifetime, upcoming
from reverse_etl.campaigns.versions import Version
from tests.reverse_etl.campaigns.worlds import CAPS, START, ZONE, campaign, campaigns, weekly
from workspace.lake import Lake

DAY = timedelta(days=1)
LAUNCHED = Ended(datetime(2026, 3, 3, 9), True)


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
    assert asked(of(campaign()), START, {"once": LAUNCHED}) == {}
    assert asked(of(campaign()), START, {"once": Ended(moment, False)}) == {}
    earlier = {"once": Ended(moment - 7 * DAY, False)}
    assert asked(of(campaign()), START, earlier) == {"once": (moment, None)}


def test_another_hour_or_day_of_the_week_is_no_other_occurrence() -> None:
    moved = {"every": "week", "weekdays": ["wednesday"], "time": "07:00"}
    first = asked(of(weekly()), START)
    assert list(first) == ["2026-W10"]
    assert asked(of(weekly(schedule=moved)), START, {"2026-W10": LAUNCHED}) == {}


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
    after = upcoming(version, {"2026-W10": LAUNCHED}, CAPS, ZONE, START)
    assert after is not None and after.key == "2026-W11"
    assert upcoming(of(campaign()), {"once": LAUNCHED}, CAPS, ZONE, START) is None
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
    done: dict[str, Ended] = {}
    at = START
    for step in hours:
        at += timedelta(hours=step)
        for one in due([version], {"spring": done}, CAPS, ZONE, at):
            assert one.key not in done
            if one.missed is None:
                assert one.first - timedelta(hours=CAPS.queue_ahead_hours) <= at
                assert at < one.last + lifetime(version, CAPS)
            else:
                assert one.first <= at
            done[one.key] = Ended(one.first, one.missed is None)
    ended = {one.key for one in due([version], {}, CAPS, ZONE, at)}
    assert ended <= set(done)


WEEKLY: dict[str, Any] = {"every": "week", "weekdays": ["tuesday"], "time": "10:00"}
TWICE = {**WEEKLY, "weekdays": ["tuesday", "thursday"]}


def after_edit(tmp_path: Path, *edits: tuple[datetime, dict[str, Any] | None]) -> Version:
    """What is in force once the files had these schedules (None: no file) from these times on."""
    lake = Lake(tmp_path)
    for at, schedule in edits:
        given = {} if schedule is None else {"spring": weekly(schedule=schedule)}
        versions.store(campaigns(**given), lake, at)
    (found,) = versions.in_force(lake, edits[-1][0])
    return found


def test_another_form_of_the_key_is_no_other_day(tmp_path: Path) -> None:
    later = START + timedelta(hours=2)
    version = after_edit(tmp_path, (START - 120 * DAY, WEEKLY), (later, TWICE))
    done = {"2026-W10": LAUNCHED}
    assert asked(version, later, done) == {}
    assert list(asked(version, later + 2 * DAY, done)) == ["2026-03-05"]
    after = upcoming(version, done, CAPS, ZONE, later)
    assert after is not None and after.key == "2026-03-05"


def test_nothing_is_made_good_from_before_the_schedule(tmp_path: Path) -> None:
    """Whether an edit of it lies between or a time without file; other edits do not matter."""
    begun, gone, back = START - 100 * DAY, START - 90 * DAY, START - DAY
    again = after_edit(tmp_path / "a", (begun, WEEKLY), (gone, None), (back, WEEKLY))
    assert again.since == back and list(asked(again, START)) == ["2026-W10"]
    edited = after_edit(tmp_path / "b", (begun, WEEKLY), (gone, TWICE), (back, WEEKLY))
    assert edited.since == back
    lake = Lake(tmp_path / "c")
    for at, priority in ((begun, 1), (gone, 2)):
        versions.store(campaigns(spring=weekly(priority=priority)), lake, at)
    assert versions.in_force(lake, gone)[0].since == begun
    of_file = {
        schedule: versions.of_files(campaigns(spring=weekly(schedule=given)), lake, back)[0].since
        for schedule, given in (("same", WEEKLY), ("other", TWICE))
    }
    assert of_file == {"same": begun, "other": back}


TIMES = st.sampled_from(["09:00", "15:30", "23:00"])
SCHEDULES = st.one_of(
    st.none(),
    st.builds(
        lambda weekdays, time: {**WEEKLY, "weekdays": weekdays, "time": time},
        st.sampled_from([["tuesday"], ["thursday"], ["tuesday", "wednesday"], ["sunday"]]),
        TIMES,
    ),
    st.builds(lambda time: {"every": "day", "time": time}, TIMES),
    st.builds(
        lambda days, time: {"every": "month", "days": days, "time": time},
        st.sampled_from([[4], [3, 5], [31]]),
        TIMES,
    ),
    st.builds(lambda day: {"at": f"2026-03-{day:02} 10:00"}, st.integers(3, 9)),
)


STEPS = st.tuples(st.sampled_from([0, 1, 5, 24, 48, 90]), SCHEDULES)


@settings(max_examples=80, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=9))
def test_whatever_is_edited_no_day_gets_two(steps: list[tuple[int, dict[str, Any] | None]]) -> None:
    """No two launches of one campaign have the same local day, nor the same week where both
    schedules have one weekday; nothing is missed that a schedule did not name while in force."""
    days: list[date] = []
    weeks: list[tuple[int, int]] = []
    done: dict[str, Ended] = {}
    at, since, before = START, START, None
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder))
        for hours, schedule in steps:
            at += timedelta(hours=hours)
            since, before = (since if schedule == before else at), schedule
            given = {} if schedule is None else {"spring": weekly(schedule=schedule)}
            versions.store(campaigns(**given), lake, at)
            for one in due(versions.in_force(lake, at), {"spring": done}, CAPS, ZONE, at):
                done[one.key] = Ended(one.first, one.missed is None)
                if one.missed:
                    assert one.first >= since or one.key == "once"
                    continue
                local = one.first.replace(tzinfo=UTC).astimezone(ZoneInfo(ZONE)).date()
                days.append(local)
                if len((schedule or {}).get("weekdays", ())) == 1:
                    weeks.append(local.isocalendar()[:2])
    assert len(set(days)) == len(days) and len(set(weeks)) == len(weeks)
