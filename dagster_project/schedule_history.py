"""What became of the times at which schedules were due, from Dagster's own record into the lake.

Dagster keeps its ticks for 30 days. Here each keeps its last word. What Dagster cannot say is in
``docs/operations.md``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter, ScheduleDefinition
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorState, InstigatorTick, TickStatus
from dagster._utils.schedules import schedule_execution_time_iterator

from dagster_project.schedules import schedules
from workspace.lake import Lake
from workspace.ledger.exporting import columns_of
from workspace.streams import STREAMS

STREAM = "scheduled_ticks"
#: A time without a tick is missed when it is older: the daemon is not always on the second.
GRACE = timedelta(minutes=5)
#: Runs that were still going at the last export are looked at again for so long.
LOOK_BACK = timedelta(days=2)
#: Ticks are kept for 30 days (`dagster_project.runs.INSTANCE`): older times are not judged.
KEPT = timedelta(days=29)
_TICKS = {
    TickStatus.STARTED: "started",
    TickStatus.SUCCESS: "launched",
    TickStatus.SKIPPED: "skipped",
    TickStatus.FAILURE: "failed",
}
#: Of the runs of one tick, the one that went worst speaks for all.
_WORST = (
    DagsterRunStatus.FAILURE,
    DagsterRunStatus.CANCELED,
    DagsterRunStatus.CANCELING,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.MANAGED,
    DagsterRunStatus.SUSPENDED,
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.SUCCESS,
)
Row = dict[str, Any]


def export(
    instance: DagsterInstance,
    lake: Lake,
    as_of: datetime,
    defined: Iterable[ScheduleDefinition] = schedules,
) -> int:
    """Commit what became of the times until ``as_of``, as far as it is news; how many are."""
    known = _known(lake)
    last = max((at for _, at in known), default=None)
    since = max(as_of - KEPT, last - LOOK_BACK if last else datetime.min)
    sequence = len(lake.entries(STREAM)) + 1
    found: dict[tuple[str, datetime], Row] = {}
    for row in _rows(instance, {one.name: one for one in defined}, since, as_of):
        # Loaded under two names, a schedule has two records: a tick of either was its time.
        place = row["schedule"], row["scheduled_at"]
        if place not in found or row["tick"] != "missed":
            found[place] = row
    new = [
        {**row, "sequence": sequence, "known_at": as_of}
        for place, row in sorted(found.items())
        if known.get(place) != row
    ]
    if new:
        table = pa.Table.from_pylist(new, schema=STREAMS[STREAM].schema)
        lake.commit(STREAM, f"{sequence}:{as_of.isoformat()}", table)
    return len(new)


def _known(lake: Lake) -> dict[tuple[str, datetime], Row]:
    """The last word of the lake on each time."""
    if not lake.entries(STREAM):
        return {}
    rows = lake.read(STREAM, [*columns_of(STREAM), "sequence"]).sort_by("sequence").to_pylist()
    return {
        (row["schedule"], row["scheduled_at"]): {
            name: value for name, value in row.items() if name != "sequence"
        }
        for row in rows
    }


def _rows(
    instance: DagsterInstance,
    defined: Mapping[str, ScheduleDefinition],
    since: datetime,
    as_of: datetime,
) -> Iterator[Row]:
    for state in instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE):
        schedule = defined.get(state.name)
        if schedule is None:  # of a schedule that is gone nobody knows when it was due
            continue
        ticks = instance.get_ticks(
            state.instigator_origin_id, state.selector_id, after=_seconds(since) - 1
        )
        found = {at: tick for tick in ticks if since <= (at := _moment(tick.timestamp)) <= as_of}
        runs = _runs(instance, [run_id for tick in found.values() for run_id in tick.run_ids])
        missed = [at for at in _due(state, schedule, since, as_of) if at not in found]
        for at in sorted([*found, *missed]):
            became = _became(found[at], runs) if at in found else {"tick": "missed"}
            yield {
                **dict.fromkeys(columns_of(STREAM)),
                "schedule": state.name,
                "scheduled_at": at,
                "next_at": next(_times(schedule, at + timedelta(seconds=1))),
                **became,
            }


def _due(
    state: InstigatorState, schedule: ScheduleDefinition, since: datetime, as_of: datetime
) -> Iterator[datetime]:
    """The times at which a schedule that is on was due. Since when another timetable holds is not
    known, nor when a schedule was on that is off now."""
    data = state.instigator_data
    started = getattr(data, "start_timestamp", None)
    if not state.is_running or not started or data.cron_schedule != schedule.cron_schedule:
        return
    for at in _times(schedule, max(since, _moment(started))):
        if at > as_of - GRACE:
            return
        yield at


def _became(tick: InstigatorTick, runs: Mapping[str, Any]) -> Row:
    row: Row = {"tick": _TICKS[tick.status]}
    records = [runs[run_id] for run_id in tick.run_ids if run_id in runs]
    if not records:
        return row | {"run_id": next(iter(tick.run_ids), None)}
    worst = min(records, key=lambda record: _WORST.index(record.dagster_run.status))
    return row | {
        "run_id": worst.dagster_run.run_id,
        "run_status": worst.dagster_run.status.value.lower(),
        "began_at": _moment(worst.start_time),
        "ended_at": _moment(worst.end_time),
    }


def _runs(instance: DagsterInstance, run_ids: list[str]) -> dict[str, Any]:
    if not run_ids:
        return {}
    records = instance.get_run_records(RunsFilter(run_ids=run_ids))
    return {record.dagster_run.run_id: record for record in records}


def _times(schedule: ScheduleDefinition, since: datetime) -> Iterator[datetime]:
    zone = schedule.execution_timezone
    for at in schedule_execution_time_iterator(_seconds(since), schedule.cron_schedule, zone):
        yield at.astimezone(UTC).replace(tzinfo=None)


def _seconds(at: datetime) -> float:
    return at.replace(tzinfo=UTC).timestamp()


def _moment(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None) if seconds else None
