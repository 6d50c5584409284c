"""A launch takes its audience once, whatever breaks off, and nobody twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest

from reverse_etl.campaigns import launching, versions
from reverse_etl.campaigns.controls import SENT
from reverse_etl.campaigns.launching import Launched
from tests.reverse_etl.campaigns.worlds import (
    CAPS,
    START,
    ZONE,
    campaign,
    campaigns,
    put,
    weekly,
)
from tests.reverse_etl.gates.marts import key
from workspace.definitions.campaigns import Campaign
from workspace.definitions.experiments import HOLDOUT, Experiments
from workspace.lake import Lake

Connection = duckdb.DuckDBPyConnection


def store(lake: Lake, at: datetime = START, **given: Campaign) -> None:
    versions.store(campaigns(**given), lake, at)


def launch(
    marts: Connection, lake: Lake, at: datetime = START, only: tuple[str, ...] = ()
) -> Launched:
    return launching.launch(marts, lake, CAPS, Experiments(), at, ZONE, "snapshot", only)


def break_off(marts: Connection, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Launch, and be killed before the launch is recorded."""

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(launching, "_record", killed)
        with pytest.raises(KeyboardInterrupt):
            launch(marts, lake)


def intended(lake: Lake) -> list[dict[str, Any]]:
    return lake.read(launching.INTENTS).to_pylist()


def test_the_audience_is_members_of_any_and_of_none(marts: Connection, lake: Lake) -> None:
    put(marts, "readers", "anne", "bea", "carl")
    put(marts, "guests", "carl", "dora", "eve")
    put(marts, "quiet", "bea", "eve")
    put(marts, "others", "zoe", vertical="public")
    audience = {"segments": ["readers", "guests", "others"], "except": ["quiet"]}
    store(lake, spring=campaign(audience=audience, vertical="medical", values={"stand": "A 1"}))
    assert launch(marts, lake) == Launched({("spring", "once"): 3}, {}, [])
    rows = intended(lake)
    assert {row["contact_id"] for row in rows} == {key("anne"), key("carl"), key("dora")}
    one = rows[0]
    assert one["scheduled_at"] == datetime(2026, 3, 3, 9)
    assert (one["template"], one["given"], one["approval"]) == ("spring", '{"stand": "A 1"}', None)
    (record,) = lake.read(launching.STREAM).to_pylist()
    assert (record["status"], record["contacts"]) == ("launched", 3)


def test_messages_say_whether_they_go_at_the_best_hour(marts: Connection, lake: Lake) -> None:
    put(marts, "readers", "anne")
    store(lake, best=campaign(send_time="best"), silent=campaign())
    launch(marts, lake)
    assert {row["source_key"]: row["send_time"] for row in intended(lake)} == {
        "best": "best",
        "silent": None,
    }
    assert campaign(send_time="best").hash != campaign().hash


def test_only_the_campaigns_that_were_named_and_the_others_stay_due(
    marts: Connection, lake: Lake
) -> None:
    put(marts, "readers", "anne")
    late = campaign(not_after={"hours": 3})
    store(lake, spring=campaign(), summer=campaign(), late=late)
    assert launch(marts, lake, only=("summer",)) == Launched({("summer", "once"): 1}, {}, [])
    after = START + timedelta(hours=8)
    # What was left out is neither launched nor told as missed before it is judged itself.
    assert launch(marts, lake, after, ("spring",)).missed == {}
    done = launch(marts, lake, after)
    assert (done.launched, set(done.missed)) == ({}, {("late", "once")})
    with pytest.raises(
        ValueError, match="no campaign 'sumer' is in force; there are: late, spring"
    ):
        launch(marts, lake, after, ("sumer",))
    assert {row["source_key"] for row in intended(lake)} == {"summer", "spring"}


def test_once_and_whoever_comes_later_is_too_late(marts: Connection, lake: Lake) -> None:
    put(marts, "readers", "anne")
    store(lake, spring=campaign())
    launch(marts, lake)
    put(marts, "readers", "bea")
    store(lake, START + timedelta(hours=1), spring=campaign(priority=5, name="Other"))
    assert launch(marts, lake, START + timedelta(hours=1)) == Launched({}, {}, [])
    assert len(intended(lake)) == 1


def test_a_launch_that_broke_off_is_recorded_with_the_audience_it_took(
    marts: Connection, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(marts, "readers", "anne", "bea")
    store(lake, spring=campaign())
    break_off(marts, lake, monkeypatch)
    put(marts, "readers", "carl")
    assert launch(marts, lake, START + timedelta(minutes=5)).launched == {("spring", "once"): 2}
    assert len(intended(lake)) == 2
    assert launch(marts, lake, START + timedelta(minutes=10)) == Launched({}, {}, [])


def test_a_launch_that_broke_off_is_one_however_late_it_is_found(
    marts: Connection, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its time that is over, nor an edit, nor its end makes it something else."""
    put(marts, "readers", "anne", "bea")
    named = ("late", "moved", "gone", "letter")
    given = {name: campaign(not_after={"hours": 3}) for name in named[:3]}
    store(lake, **given, letter=weekly())
    break_off(marts, lake, monkeypatch)
    put(marts, "readers", "carl")
    later = START + timedelta(hours=8)
    schedule = {"every": "week", "weekdays": ["tuesday", "friday"], "time": "18:00"}
    moved = campaign(schedule={"at": "2026-03-06 10:00"})
    store(lake, later, late=given["late"], moved=moved, letter=weekly(schedule=schedule))
    occurrences = dict.fromkeys(named, "once") | {"letter": "2026-W10"}
    assert launch(marts, lake, later) == Launched(
        {(name, occurrences[name]): 2 for name in named}, {}, []
    )
    rows = {row["campaign"]: row for row in lake.read(launching.STREAM).to_pylist()}
    assert {(row["status"], row["version"], row["planned_at"]) for row in rows.values()} == {
        ("launched", 1, datetime(2026, 3, 3, 9))
    }
    assert rows["moved"]["definition_hash"] == given["moved"].hash
    assert launch(marts, lake, START + timedelta(hours=20)) == Launched({}, {}, [])
    assert len(intended(lake)) == 8


def test_each_week_anew(marts: Connection, lake: Lake) -> None:
    put(marts, "readers", "anne", "bea")
    store(lake, letter=weekly())
    for week in range(3):
        launch(marts, lake, START + timedelta(weeks=week))
    rows = intended(lake)
    assert [row["occurrence"] for row in rows].count("2026-W11") == 2
    assert len({row["intent_id"] for row in rows}) == 6


def test_an_empty_audience_is_a_launch(marts: Connection, lake: Lake) -> None:
    put(marts, "readers")
    store(lake, spring=campaign())
    assert launch(marts, lake).launched == {("spring", "once"): 0}
    assert launch(marts, lake) == Launched({}, {}, [])


def test_a_stale_segment_waits_until_it_is_too_late(marts: Connection, lake: Lake) -> None:
    put(marts, "readers", "anne", stale=True)
    store(lake, spring=campaign(not_after={"hours": 5}))
    assert launch(marts, lake).waiting == [("spring", "once")]
    assert intended(lake) == [] and lake.rows(launching.STREAM) == 0
    later = launch(marts, lake, START + timedelta(hours=7))
    assert later.missed == {("spring", "once"): "too_late"}


def test_a_retired_campaign_launches_nothing(marts: Connection, lake: Lake) -> None:
    put(marts, "readers", "anne")
    store(lake, spring=campaign())
    store(lake)
    assert launch(marts, lake) == Launched({}, {}, [])


def test_by_each_contacts_clock(marts: Connection, lake: Lake) -> None:
    put(marts, "readers", "anne")
    put(marts, "readers", "gus", country="US")  # no zone of its own: the clock of reports
    store(lake, spring=campaign(schedule={"at": "2026-03-03 10:00", "clock": "contact"}))
    launching.launch(marts, lake, CAPS, Experiments(), START, "America/New_York", "snapshot")
    times = {row["contact_id"]: row["scheduled_at"].hour for row in intended(lake)}
    assert times == {key("anne"): 9, key("gus"): 15}


def test_the_holdout_is_the_same_people_each_time(marts: Connection, lake: Lake) -> None:
    put(marts, "readers", *(f"p{number}" for number in range(400)))
    store(lake, letter=weekly(holdout=0.25))
    for week in range(2):
        launch(marts, lake, START + timedelta(weeks=week))
    held: dict[str, set[str]] = {}
    for row in intended(lake):
        assert row["experiment"] == "campaign:letter"
        if row["variant"] == HOLDOUT:
            held.setdefault(row["occurrence"], set()).add(row["contact_id"])
    first, second = held.values()
    assert first == second and 70 <= len(first) <= 130


def test_the_holdout_stays_when_its_share_changes(marts: Connection, lake: Lake) -> None:
    put(marts, "readers", *(f"p{number}" for number in range(300)))
    store(lake, letter=weekly(holdout=0.1))
    launch(marts, lake)
    first = {row["contact_id"]: row["variant"] for row in intended(lake)}
    put(marts, "readers", *(f"new{number}" for number in range(300)))
    week = START + timedelta(weeks=1)
    store(lake, week, letter=weekly(holdout=0.4))
    launch(marts, lake, week)
    second = {
        row["contact_id"]: row["variant"]
        for row in intended(lake)
        if row["occurrence"] == "2026-W11"
    }
    # Whom the universal hold-out keeps back is in no campaign's experiment.
    part = {
        row["contact_id"]
        for row in lake.read("experiment_assignments").to_pylist()
        if row["experiment"] == "campaign:letter"
    }
    assert len(part) > 560
    assert all(second[who] == first[who] for who in first if who in part)
    later = [variant for who, variant in second.items() if who not in first]
    assert 80 <= later.count(HOLDOUT) <= 160
    assert set(second.values()) == {HOLDOUT, SENT}


def test_a_share_of_nothing_ends_the_holdout(marts: Connection, lake: Lake) -> None:
    put(marts, "readers", *(f"p{number}" for number in range(50)))
    store(lake, letter=weekly(holdout=0.5))
    launch(marts, lake)
    before = lake.read("experiment_assignments").to_pylist()
    assert HOLDOUT in {row["variant"] for row in intended(lake)}
    week = START + timedelta(weeks=1)
    store(lake, week, letter=weekly())
    launch(marts, lake, week)
    later = [row for row in intended(lake) if row["occurrence"] == "2026-W11"]
    assert {row["variant"] for row in later} == {SENT} and len(later) == 50
    # What they were counts for the effect.
    assert lake.read("experiment_assignments").to_pylist() == before


def test_who_may_not_be_written_to_is_in_no_experiment(marts: Connection, lake: Lake) -> None:
    put(marts, "readers", "anne")
    put(marts, "readers", *(f"p{number}" for number in range(20)), consent="withdrawn")
    store(lake, letter=weekly(holdout=0.5))
    launch(marts, lake)
    part = lake.read("experiment_assignments").to_pylist()
    assert {row["contact_id"] for row in part} == {key("anne")}
    assert len(intended(lake)) == 21


def test_many_campaigns_are_launched_in_one_commit(marts: Connection, lake: Lake) -> None:
    put(marts, "readers", "anne", "bea")
    store(lake, **{f"c{number}": campaign() for number in range(50)})
    assert len(launch(marts, lake).launched) == 50
    assert len(lake.entries(launching.INTENTS)) == 1
    assert len(intended(lake)) == 100
