"""What ended runs say of their steps and checks, told as alerts to each channel."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dagster import (
    AssetCheckEvaluation,
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    DagsterRunStatus,
    RunRecord,
    RunsFilter,
)

from dagster_project import alert_places
from dagster_project.resources import LOOKS_BACK
from reverse_etl.alerting.channels import Channel
from reverse_etl.control_room.linking import link
from workspace.alerts import (
    Alert,
    AlertError,
    Fault,
    Memory,
    News,
    Seen,
    memories_text,
    read_memories,
)
from workspace.clock import iso
from workspace.settings import Settings

#: A tick has a minute: what is left waits for the next one.
RUNS_A_TICK, ALERTS_A_TICK = 50, 5
#: A channel that has taken so long in a tick begins no other alert in it.
CHANNEL_SECONDS = 20.0
#: Failures in a row after which a run is passed by: the next one that finds the fault tells it.
ATTEMPTS = 10
TEXT_LENGTH = 300

_ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
_EVENTS = {
    DagsterEventType.STEP_FAILURE,
    DagsterEventType.STEP_SUCCESS,
    DagsterEventType.ASSET_CHECK_EVALUATION,
    DagsterEventType.RUN_FAILURE,
}


@dataclass(frozen=True)
class Desk:
    """What alerts are written with: ``pages`` are those of the models, ``channels`` stand beside
    the log."""

    settings: Settings
    public_url: str
    pages: Mapping[str, str]
    channels: Sequence[Channel]

    def alert(self, ended: Ended, news: Sequence[News]) -> Alert:
        return Alert(
            ident=f"alert_{ended.run_id}",
            environment=str(self.settings.environment),
            workspace=str(self.settings.paths.root),
            run_id=ended.run_id,
            job=ended.job,
            ended_at=_iso(ended.at),
            status=ended.status,
            faults=tuple(map(self._fault, news)),
        )

    def _fault(self, news: News) -> Fault:
        seen, state, since = news
        kind, page, figure = alert_places.place(seen, self.pages)
        return Fault(
            kind=kind,
            asset=seen.asset,
            check=seen.check,
            step=seen.step,
            severity=seen.severity,
            state=state,
            since=_iso(since),
            text=seen.text,
            link=link(page, figure, self.settings.paths, self.public_url),
        )


@dataclass(frozen=True)
class Ended:
    """A run that ended, and what it says."""

    run_id: str
    job: str
    status: str
    at: float
    seen: tuple[Seen, ...]


@dataclass(frozen=True)
class Log:
    """The channel that is always there."""

    log: logging.Logger = field(repr=False)
    name: str = "log"
    about: str = "the sensor's"
    fault: None = None

    def send(self, alert: Alert) -> str:
        self.log.warning("%s", alert)
        return "written"


def look(
    instance: DagsterInstance,
    cursor: str | None,
    present: datetime,
    desk: Desk,
    log: logging.Logger,
) -> str:
    """Tell the faults of the runs that ended since the cursor; returns the next cursor.

    A channel that the cursor does not know is told nothing of the past: what is amiss shows in the
    next run. Where sending fails, the channel stays before the run, for :data:`ATTEMPTS` ticks.
    """
    channels: list[Channel] = [Log(log), *desk.channels]
    known, runs = read_memories(cursor), _Runs(instance)
    memories, waiting = {}, {}
    for channel in channels:
        memory = known.get(channel.name)
        if memory is None:
            memory = Memory(present.replace(tzinfo=UTC).timestamp())
            ended = {r.dagster_run.run_id: _ended(r) for r in runs.since(memory)}
            memory.runs.update(ended)
        memories[channel.name] = memory
        waiting[channel.name] = [runs.read(record) for record in runs.since(memory)[:RUNS_A_TICK]]
    # One that hangs is waited for by nobody else. The log is Dagster's, for this thread only.
    with ThreadPoolExecutor(len(channels)) as pool:
        told = [
            pool.submit(_tell, channel, memories[channel.name], waiting[channel.name], desk)
            for channel in desk.channels
        ]
        _tell(channels[0], memories["log"], waiting["log"], desk)
        for lines in told:
            for level, line in lines.result():
                log.log(level, line)
    return memories_text(memories)


def _tell(
    channel: Channel, memory: Memory, runs: Sequence[Ended], desk: Desk
) -> list[tuple[int, str]]:
    """Bring a channel up to date; what the log should say of it, with its level."""
    said: list[tuple[int, str]] = []
    alerts, began = 0, time.monotonic()
    for run in runs:
        is_told = True
        if news := memory.news(run.seen, run.at):
            alerts += 1
            if alerts > ALERTS_A_TICK or time.monotonic() - began > CHANNEL_SECONDS:
                break
            fault = _sent(channel, desk.alert(run, news))
            is_told = fault is None
            memory.attempts = 0 if is_told else memory.attempts + 1
            text = f"{channel.name}: the alert of run {run.run_id} was not sent: {fault}"
            if not is_told and memory.attempts < ATTEMPTS:
                said.append((logging.WARNING, f"{text}; tried again"))
                break
            if not is_told:
                said.append((logging.ERROR, f"{text}; the next run tells what stays"))
        memory.pass_by(run.run_id, run.at, run.seen, is_told)
        if not is_told:
            break
    return said


def _sent(channel: Channel, alert: Alert) -> str | None:
    """Why it was not sent; None where it was."""
    try:
        channel.send(alert)
    except AlertError as error:
        return str(error)
    except Exception as error:  # what breaks one channel must not make the others repeat theirs
        return type(error).__name__
    return None


class _Runs:
    """What is read of a run is read once, for all channels."""

    def __init__(self, instance: DagsterInstance) -> None:
        self._instance = instance
        self._read: dict[str, Ended] = {}

    def since(self, memory: Memory) -> list[RunRecord]:
        """Runs to look at, in the order they ended."""
        from_at = datetime.fromtimestamp(memory.looks_from, UTC)
        wanted = RunsFilter(statuses=_ENDED, updated_after=from_at)
        records = [
            record
            for record in self._instance.get_run_records(wanted)
            if not memory.knows(record.dagster_run.run_id, _ended(record))
        ]
        return sorted(records, key=lambda record: (_ended(record), record.dagster_run.run_id))

    def read(self, record: RunRecord) -> Ended:
        run = record.dagster_run
        if run.run_id not in self._read:
            seen = tuple(seen_in(self._instance, record))
            at = _ended(record)
            self._read[run.run_id] = Ended(run.run_id, run.job_name, run.status.value, at, seen)
        return self._read[run.run_id]


def seen_in(instance: DagsterInstance, record: RunRecord) -> list[Seen]:
    """The last word of a run on each of its steps and checks, and on the run itself; of one that
    looks from a past ``as_of`` nothing."""
    run = record.dagster_run
    entries = instance.all_logs(run.run_id, of_type=_EVENTS)
    events = [entry.dagster_event for entry in entries if entry.dagster_event]
    if any(map(_looks_back, events)):
        return []
    found = {seen.key: seen for event in events if (seen := _seen(event))}
    if run.status == DagsterRunStatus.CANCELED:
        return list(found.values())
    failed = run.status == DagsterRunStatus.FAILURE
    if failed and any(seen.step and not seen.ok for seen in found.values()):
        failed = False  # its steps say it
    ends = [e for e in events if e.event_type == DagsterEventType.RUN_FAILURE]
    why = _error(ends[-1].job_failure_data.error) if failed and ends else "failed"
    return [*found.values(), Seen(not failed, why if failed else "")]


def _ended(record: RunRecord) -> float:
    return record.end_time or record.update_timestamp.timestamp()


def _seen(event: DagsterEvent) -> Seen | None:
    if event.event_type == DagsterEventType.STEP_SUCCESS:
        return Seen(True, "", step=event.step_key)
    if event.event_type == DagsterEventType.STEP_FAILURE:
        told = event.step_failure_data.user_failure_data
        text = told.description if told else None
        return Seen(
            False, _short(text or _error(event.step_failure_data.error)), step=event.step_key
        )
    if event.event_type == DagsterEventType.ASSET_CHECK_EVALUATION:
        return _seen_check(event.asset_check_evaluation_data)
    return None


def _seen_check(check: AssetCheckEvaluation) -> Seen | None:
    known = {name: entry.value for name, entry in check.metadata.items()}
    if known.get("judged") is False:
        return None
    if isinstance(known.get("faults"), list):
        count = f"{len(known['faults'])} faults"
    elif "failing_rows" in known:
        count = f"{known['failing_rows']} rows fail"
    else:
        count = "did not pass"
    return Seen(
        check.passed,
        "" if check.passed else _short(check.description or count),
        check.severity.value,
        asset=check.asset_key.to_user_string(),
        check=check.check_name,
    )


def _looks_back(event: DagsterEvent) -> bool:
    is_check = event.event_type == DagsterEventType.ASSET_CHECK_EVALUATION
    return is_check and LOOKS_BACK in event.asset_check_evaluation_data.metadata


def _error(error: Any) -> str:
    """The class of an error: its text may hold what people wrote, or a secret."""
    while error is not None and error.cause is not None:
        error = error.cause
    return f"{error.cls_name}; the run's log says more" if error else "failed"


def _short(text: str) -> str:
    """The first line: dbt puts names there, and below it values of rows."""
    return text.strip().partition("\n")[0][:TEXT_LENGTH]


def _iso(at: float) -> str:
    return iso(datetime.fromtimestamp(at, UTC).replace(tzinfo=None, microsecond=0))
