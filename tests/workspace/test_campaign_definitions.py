"""Campaigns as files: what is wrong with one is told with file, line and field; when it is due."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from workspace import clock
from workspace.definitions import load
from workspace.definitions.campaign_files import Known, load_campaigns
from workspace.definitions.campaigns import Campaign, Schedule
from workspace.definitions.caps import Caps
from workspace.definitions.consent import Consent
from workspace.definitions.journeys import Journey
from workspace.definitions.reading import DefinitionError, read
from workspace.definitions.templates import Template
from workspace.paths import PROJECT

MARKETING = PROJECT / "marketing"
GOOD = """\
name: Spring
vertical: medical
objective:
  {metric: contacts, reached_by: {event: demo_booked}, target: 10, deadline: 2026-06-30}
audience: {segments: [customers], except: [quiet]}
class: marketing
purpose: events
channel: email
template: invitation
values: {stand: A 1}
schedule: {every: week, weekdays: [tuesday], time: "09:00"}
"""
OF_JOURNEY = """\
name: Welcome
objective: {metric: revenue, reached_by: {goal: order}, target: 10, deadline: 2026-06-30}
journey: welcome
"""
KNOWN = Known(
    {"customers", "quiet"},
    {"medical"},
    Consent.model_validate(yaml.safe_load((MARKETING / "consent.yml").read_text())),
    read(MARKETING / "caps.yml", Caps),
    {
        "invitation": Template.model_validate(
            {
                "name": "Invitation",
                "vertical": "medical",
                "class": "marketing",
                "purpose": "events",
                "channels": ["email"],
                "fields": {
                    "stand": {"from": "event.stand"},
                    "day": {"from": "event.day", "kind": "date", "fallback": ""},
                    "page": {"from": "event.page", "kind": "url", "fallback": ""},
                },
            }
        )
    },
    {
        "welcome": Journey.model_validate(
            {
                "name": "Welcome",
                "version": 1,
                "trigger": {"manual": True},
                "nodes": {"done": {"exit": "completed"}},
            }
        )
    },
)


def faults(folder: Path, **files: str) -> list[str]:
    (folder / "campaigns").mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / "campaigns" / f"{name}.yml").write_text(text)
    try:
        load_campaigns(folder, KNOWN)
    except DefinitionError as error:
        return [fault.removeprefix(f"{folder}/campaigns/") for fault in error.faults]
    return []


def test_good_ones_have_no_faults(tmp_path: Path) -> None:
    assert faults(tmp_path, spring=GOOD, welcome=OF_JOURNEY) == []
    found = load_campaigns(tmp_path, KNOWN).campaigns
    assert {key: campaign.kind for key, campaign in found.items()} == {
        "spring": "recurring",
        "welcome": "triggered",
    }


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[customers]", "[custommers]", "spring.yml:5: audience.segments.0: no segment"),
        ("[quiet]", "[quite]", "did you mean 'quiet'?"),
        ("vertical: medical", "vertical: medicale", "spring.yml:2: vertical: no vertical"),
        ("class: marketing", "class: marketting", "spring.yml:6: class: no class"),
        ("purpose: events", "purpose: event", "spring.yml:7: purpose: no purpose"),
        ("channel: email", "channel: sms", "events is not for sms"),
        ("template: invitation", "template: inviation", "did you mean 'invitation'?"),
        ("values: {stand: A 1}", "values: {stant: A 1}", "give stand: template invitation"),
        ("{stand: A 1}", '{stand: "A\\r\\nBcc: x"}', "values.stand: a text in one line"),
        ("{stand: A 1}", "{stand: 7}", "spring.yml:10: values.stand: 7 is no text"),
        ("{stand: A 1}", "{stand: A 1, day: soon}", "values.day: 'soon' is no date"),
        ("{stand: A 1}", "{stand: A 1, page: http://x}", "values.page: 'http://x' is no url"),
        ("target: 10", "target: 0", "spring.yml:4: objective.target"),
        ("deadline: 2026-06-30", "deadline: soon", "spring.yml:4: objective.deadline"),
        (
            'every: week, weekdays: [tuesday], time: "09:00"',
            'at: "2026-07-01 09:00"',
            "spring.yml:4: objective.deadline: 2026-06-30 is before it goes out (2026-07-01)",
        ),
        (
            'time: "09:00"',
            'time: "09:00", starts_on: 2026-08-01',
            "spring.yml:4: objective.deadline: 2026-06-30 is before it goes out (2026-08-01)",
        ),
        ("contacts, reached", "contact_share, reached", "5 % is 0.05"),
        ("weekdays: [tuesday]", "weekdays: [tusday]", "spring.yml:11: schedule.weekdays.0"),
        ('time: "09:00"', 'time: "9:00"', "a time of day"),
        (', time: "09:00"', "", "every goes with time"),
        ("every: week", 'every: week, at: "2026-01-01 09:00"', "give at (once) or every"),
        ("weekdays: [tuesday]", "days: [1]", "weekdays go with every: week"),
        ("channel: email\n", "", "give journey, or these: channel"),
        ("channel: email", "channel: email\njourney: welcome", "the journey says that itself"),
        ("name: Spring", "name: Spring\nholdout: 0.9", "spring.yml:2: holdout"),
    ],
)
def test_each_fault_names_its_place(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in GOOD
    found = faults(tmp_path, spring=GOOD.replace(old, new))
    assert any(told in fault for fault in found), found


def test_a_deadline_may_be_the_day_itself(tmp_path: Path) -> None:
    on_it = 'at: "2026-06-30 09:00"'
    assert faults(tmp_path, spring=GOOD.replace(GOOD[GOOD.index("every") : -2], on_it)) == []


def test_journeys_and_names(tmp_path: Path) -> None:
    assert any("no journey 'welcom'" in f for f in faults(tmp_path, a=OF_JOURNEY[:-2] + "\n"))
    found = faults(tmp_path, a=OF_JOURNEY, b=OF_JOURNEY)
    assert found == ["b.yml:1: journey: welcome is what campaign a does; a journey is one "
                     "campaign's"]  # fmt: skip
    assert any("the campaign's key" in f for f in faults(tmp_path, **{"Bad-Name": GOOD}))


def test_what_is_shipped_is_valid_and_covers_all_kinds() -> None:
    campaigns = load(MARKETING).campaigns.campaigns
    assert {c.kind for c in campaigns.values()} == {"broadcast", "recurring", "triggered"}
    assert {c.vertical for c in campaigns.values()} == {"medical", "public"}


def test_the_hash_is_of_what_decides() -> None:
    given_ = yaml.safe_load(GOOD)
    whole = Campaign.model_validate(given_)
    named = Campaign.model_validate({**given_, "name": "Other", "cost": 5})
    later = Campaign.model_validate({**given_, "not_after": {"hours": 3}})
    assert whole.hash == named.hash != later.hash
    assert whole.text != named.text


def schedule(**given_: object) -> list[tuple[str, datetime]]:
    return list(Schedule.model_validate(given_).occurrences(date(2024, 2, 26), date(2024, 3, 31)))


def test_occurrences() -> None:
    keys = [key for key, _ in schedule(every="week", weekdays=["tuesday"], time="09:00")]
    assert keys == ["2024-W09", "2024-W10", "2024-W11", "2024-W12", "2024-W13"]
    twice = schedule(every="week", weekdays=["tuesday", "friday"], time="09:00")
    assert twice[:2] == [
        ("2024-02-27", datetime(2024, 2, 27, 9)),
        ("2024-03-01", datetime(2024, 3, 1, 9)),
    ]
    assert schedule(every="month", days=[31], time="18:30") == [
        ("2024-02", datetime(2024, 2, 29, 18, 30)),
        ("2024-03", datetime(2024, 3, 31, 18, 30)),
    ]
    daily = schedule(every="day", time="00:00", starts_on="2024-03-30", ends_on="2024-04-09")
    assert [key for key, _ in daily] == ["2024-03-30", "2024-03-31"]
    assert schedule(at="2026-12-01 09:00") == [("once", datetime(2026, 12, 1, 9))]


@given(
    st.datetimes(datetime(2023, 1, 1), datetime(2027, 1, 1)),
    st.sampled_from(["Europe/Paris", "America/New_York", "Asia/Kolkata", "UTC"]),
)
def test_a_clock_time_is_its_moment(local: datetime, zone: str) -> None:
    from datetime import UTC
    from zoneinfo import ZoneInfo

    moment = clock.moment_of(local, zone)
    shown = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)
    assert shown - local in (timedelta(0), timedelta(hours=1))


def test_clock_changes() -> None:
    skipped = clock.moment_of(datetime(2026, 3, 29, 2, 30), "Europe/Paris")
    assert skipped == datetime(2026, 3, 29, 1, 30)  # 03:30 in summer time
    twice = clock.moment_of(datetime(2026, 10, 25, 2, 30), "Europe/Paris")
    assert twice == datetime(2026, 10, 25, 1, 30)  # the second, in winter time
