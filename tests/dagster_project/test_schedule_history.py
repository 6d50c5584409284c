"""Dagster's own record of ticks and runs becomes rows: what was due, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    ScheduleDefinition,
    define_asset_job,
)
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._utils.error import SerializableErrorInfo

from dagster_project import runs, schedule_history
from dagster_project.schedule_history import STREAM, export
from workspace import settings
from workspace.lake import Lake

AT = datetime(2026, 3, 5, 12)
HOUR = timedelta(hours=1)
HOURLY = ScheduleDefinition(
    name="hourly", job=define_asset_job("work", selection="*"), cron_schedule="0 * * * *"
)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    with runs.open_instance(settings.load(tmp_path / "w").paths) as opened:
        yield opened


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def _origin(name: str = "hourly", location: str | None = None) -> RemoteInstigatorOrigin:
    place = InProcessCodeLocationOrigin(
        LoadableTargetOrigin(module_name="dagster_project.definitions"), location_name=location
    )
    return RemoteInstigatorOrigin(RemoteRepositoryOrigin(place, "__repository__"), name)


def _seconds(at: datetime) -> float:
    return at.replace(tzinfo=UTC).timestamp()


def _switch(
    instance: DagsterInstance,
    since: datetime,
    status: InstigatorStatus = InstigatorStatus.RUNNING,
    cron: str = HOURLY.cron_schedule,
    name: str = "hourly",
    location: str | None = None,
) -> None:
    data = ScheduleInstigatorData(cron, _seconds(since))
    state = InstigatorState(_origin(name, location), InstigatorType.SCHEDULE, status, data)
    known = instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE)
    if state.selector_id in {one.selector_id for one in known}:
        instance.update_instigator_state(state)
    else:
        instance.add_instigator_state(state)


def _tick(
    instance: DagsterInstance,
    at: datetime,
    status: TickStatus = TickStatus.SUCCESS,
    run_ids: tuple[str, ...] = (),
    name: str = "hourly",
) -> None:
    origin = _origin(name)
    instance.create_tick(
        TickData(
            instigator_origin_id=origin.get_id(),
            instigator_name=name,
            instigator_type=InstigatorType.SCHEDULE,
            status=status,
            timestamp=_seconds(at),
            selector_id=origin.get_selector().get_id(),
            error=SerializableErrorInfo("x", [], "E") if status == TickStatus.FAILURE else None,
            run_ids=list(run_ids),
        )
    )


def _run(instance: DagsterInstance, run_id: str, status: DagsterRunStatus) -> str:
    instance.add_run(DagsterRun(job_name="work", run_id=run_id, status=status))
    return run_id


def _rows(lake: Lake) -> list[dict[str, Any]]:
    if not lake.entries(STREAM):
        return []
    return (
        lake.read(STREAM)
        .sort_by([("sequence", "ascending"), ("scheduled_at", "ascending")])
        .to_pylist()
    )


def _told(lake: Lake) -> list[tuple[int, str, str | None]]:
    """Hours after noon, the tick, the run's state."""
    return [
        ((row["scheduled_at"] - AT) // HOUR, row["tick"], row["run_status"]) for row in _rows(lake)
    ]


def test_what_nobody_switched_on_was_never_due(instance: DagsterInstance, lake: Lake) -> None:
    assert export(instance, lake, AT, [HOURLY]) == 0
    _switch(instance, AT - 5 * HOUR, InstigatorStatus.STOPPED)
    assert export(instance, lake, AT, [HOURLY]) == 0
    assert _rows(lake) == []


def test_ticks_and_their_runs(instance: DagsterInstance, lake: Lake) -> None:
    _switch(instance, AT - HOUR / 2)
    asked = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE)
    asked += (DagsterRunStatus.CANCELED, DagsterRunStatus.STARTED)
    ids = {status: _run(instance, status.value, status) for status in asked}
    ended = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)
    for hour, status in enumerate(ended):
        _tick(instance, AT + hour * HOUR, run_ids=(ids[status],))
    _tick(instance, AT + 3 * HOUR, TickStatus.SKIPPED)
    _tick(instance, AT + 4 * HOUR, TickStatus.FAILURE)
    _tick(instance, AT + 5 * HOUR, run_ids=("deleted",))
    worst = (ids[DagsterRunStatus.SUCCESS], ids[DagsterRunStatus.CANCELED])
    _tick(instance, AT + 6 * HOUR, run_ids=worst)
    _tick(instance, AT + 7 * HOUR, run_ids=(ids[DagsterRunStatus.STARTED],))
    assert export(instance, lake, AT + 7.5 * HOUR, [HOURLY]) == 8
    assert _told(lake) == [
        (0, "launched", "success"),
        (1, "launched", "failure"),
        (2, "launched", "canceled"),
        (3, "skipped", None),
        (4, "failed", None),
        (5, "launched", None),
        (6, "launched", "canceled"),
        (7, "launched", "started"),
    ]
    first = _rows(lake)[0]
    assert (first["next_at"], first["run_id"]) == (AT + HOUR, "SUCCESS")
    assert {row["known_at"] for row in _rows(lake)} == {AT + 7.5 * HOUR}


def test_any_two_states_of_runs_can_be_compared() -> None:
    assert set(schedule_history._WORST) == set(DagsterRunStatus)


def test_times_without_a_tick_were_missed(instance: DagsterInstance, lake: Lake) -> None:
    _switch(instance, AT - HOUR / 2)
    _tick(instance, AT, TickStatus.SKIPPED)
    _tick(instance, AT + 3 * HOUR, TickStatus.SKIPPED)
    # The last time is a minute ago: the daemon may still be about to look.
    assert export(instance, lake, AT + 5 * HOUR + timedelta(minutes=1), [HOURLY]) == 5
    assert _told(lake) == [
        (0, "skipped", None),
        (1, "missed", None),
        (2, "missed", None),
        (3, "skipped", None),
        (4, "missed", None),
    ]
    # Dagster catches the newest up; that word counts.
    _tick(instance, AT + 5 * HOUR, TickStatus.SKIPPED)
    _tick(instance, AT + 4 * HOUR, TickStatus.SKIPPED)
    assert export(instance, lake, AT + 5.5 * HOUR, [HOURLY]) == 2
    assert _told(lake)[5:] == [(4, "skipped", None), (5, "skipped", None)]


def test_only_what_changed_is_told_again(instance: DagsterInstance, lake: Lake) -> None:
    _switch(instance, AT - HOUR / 2)
    _run(instance, "r", DagsterRunStatus.STARTED)
    _tick(instance, AT, run_ids=("r",))
    assert export(instance, lake, AT + HOUR / 2, [HOURLY]) == 1
    assert export(instance, lake, AT + HOUR / 2, [HOURLY]) == 0
    instance.delete_run("r")
    _run(instance, "r", DagsterRunStatus.SUCCESS)
    assert export(instance, lake, AT + HOUR / 2, [HOURLY]) == 1
    assert _told(lake) == [(0, "launched", "started"), (0, "launched", "success")]
    assert [row["sequence"] for row in _rows(lake)] == [1, 2]


def test_what_cannot_be_known_is_not_told(instance: DagsterInstance, lake: Lake) -> None:
    _switch(instance, AT - 24 * HOUR, cron="0 0 * * *")  # since when it is hourly, nobody knows
    _tick(instance, AT, TickStatus.SKIPPED)
    _switch(instance, AT - 24 * HOUR, name="gone")
    _tick(instance, AT, TickStatus.SKIPPED, name="gone")
    assert export(instance, lake, AT + 5 * HOUR, [HOURLY]) == 1
    assert _told(lake) == [(0, "skipped", None)]
    # What lies ahead of the run's own time waits, and what Dagster may have deleted is not missed.
    _switch(instance, AT - timedelta(days=60))
    _tick(instance, AT + 9 * HOUR, TickStatus.SKIPPED)
    export(instance, Lake(lake.root.parent / "other"), AT + 5 * HOUR, [HOURLY])
    told = _told(Lake(lake.root.parent / "other"))
    assert told[-1] == (4, "missed", None)
    assert told[0][0] == -schedule_history.KEPT // HOUR + 5


@pytest.mark.parametrize("first", ["", "other"])
def test_a_schedule_loaded_under_two_names_was_due_once(
    instance: DagsterInstance, lake: Lake, first: str
) -> None:
    for location in sorted(["", "other"], key=lambda name: name != first):
        _switch(instance, AT - HOUR / 2, location=location or None)
    _tick(instance, AT, TickStatus.SKIPPED)
    assert export(instance, lake, AT + 1.5 * HOUR, [HOURLY]) == 2
    assert _told(lake) == [(0, "skipped", None), (1, "missed", None)]
    assert export(instance, lake, AT + 1.5 * HOUR, [HOURLY]) == 0


def test_a_run_exports_them(tmp_path: Path) -> None:
    opened = settings.load(tmp_path / "w")
    now = datetime.now(UTC).replace(tzinfo=None)
    with runs.open_instance(opened.paths) as instance:
        _switch(instance, now - HOUR / 2, cron="*/5 * * * *", name="refresh_every_5_minutes")
    outcome = runs.run(opened, select="key:lake/scheduled_ticks")
    assert outcome.succeeded, outcome.faults
    found = _rows(Lake(opened.paths.lake))
    assert {row["tick"] for row in found} == {"missed"} and len(found) in (4, 5)
