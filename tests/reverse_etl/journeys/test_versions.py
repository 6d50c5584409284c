"""Versions of journeys over the life of a lake."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reverse_etl.journeys import versions
from reverse_etl.journeys.plan import plan
from workspace.definitions.journeys import Journey, Journeys
from workspace.definitions.reading import DefinitionError
from workspace.lake import Lake

START = datetime(2026, 3, 1)
HERE = Path("marketing")


def journey(version: int, days: int = 1, **rest: Any) -> Journey:
    return Journey.model_validate(
        {
            "name": "A journey",
            "version": version,
            "trigger": {"manual": True},
            "nodes": {"a": {"wait": {"days": days}, "next": "z"}, "z": {"exit": "completed"}},
            **rest,
        }
    )


def store(lake: Lake, day: int, given: Journey | None = None) -> list[str]:
    journeys = Journeys(journeys={} if given is None else {"j": given})
    return versions.store(journeys, lake, START + timedelta(days=day), HERE)


def test_a_version_is_stored_once(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    assert store(lake, 0, journey(1)) == ["j"]
    assert store(lake, 1, journey(1)) == []
    assert store(lake, 1, journey(1, name="Another name")) == []
    assert store(lake, 2, journey(2, 5)) == ["j"]
    assert [row["version"] for row in versions.history(lake, START + timedelta(days=9))] == [1, 2]


def test_a_change_needs_a_number_that_never_ran(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    store(lake, 0, journey(1))
    with pytest.raises(DefinitionError, match=r"version 1 ran with another content; .* number 2"):
        store(lake, 1, journey(1, 7))
    store(lake, 1, journey(3, 7))
    with pytest.raises(DefinitionError, match="rollback j --to 2"):
        store(lake, 2, journey(2, 9))


def test_back_and_on(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    store(lake, 0, journey(1))
    store(lake, 1, journey(2, 5))
    day = START + timedelta(days=2)
    versions.rollback(lake, "j", 1, day)
    assert store(lake, 3, journey(2, 5)) == []  # the file has not changed
    (used,) = versions.in_use(lake, day, ())
    assert (used.journey.version, used.is_open, used.since) == (1, True, START)
    store(lake, 4, journey(3, 6))
    (used,) = versions.in_use(lake, START + timedelta(days=4), ())
    assert used.journey.version == 3
    for key, number, told in (("k", 1, "no journey"), ("j", 9, "it ran as 1, 2, 3")):
        with pytest.raises(versions.NoSuchVersion, match=told):
            versions.rollback(lake, key, number, START + timedelta(days=5))


def test_a_retired_journey_takes_nobody_in_and_lets_them_finish(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    store(lake, 0, journey(1))
    store(lake, 1)
    day = START + timedelta(days=1)
    assert versions.in_use(lake, day, ()) == []
    (used,) = versions.in_use(lake, day, [("j", 1)])
    assert not used.is_open
    store(lake, 2, journey(1))
    (used,) = versions.in_use(lake, START + timedelta(days=2), ())
    assert used.is_open


def test_two_versions_share_the_entries(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    store(lake, 0, journey(1))
    store(lake, 1, journey(2, 5, beside={"version": 1, "share": 30}))
    used = versions.in_use(lake, START + timedelta(days=1), ())
    rows = plan(used).versions.to_pylist()
    assert [(r["version"], r["from_bucket"], r["to_bucket"]) for r in rows] == [
        (1, 0, 3000),
        (2, 3000, 10_000),
    ]
