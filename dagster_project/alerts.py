"""What ended runs say of their steps and checks, told as alerts."""

from __future__ import annotations

import logging
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

from workspace.alerts import AlertError, Fault, Memory, Seen, send
from workspace.clock import iso

#: A tick has a minute: what is left waits for the next one.
RUNS_A_TICK, POSTS_A_TICK = 50, 5
#: Ticks in which a post may fail before its run is passed by.
ATTEMPTS = 10
TEXT_LENGTH = 300

_ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
_EVENTS = {
    DagsterEventType.STEP_FAILURE,
    DagsterEventType.STEP_SUCCESS,
    DagsterEventType.ASSET_CHECK_EVALUATION,
    DagsterEventType.RUN_FAILURE,
}


def look(
    instance: DagsterInstance,
    cursor: str | None,
    present: datetime,
    workspace: str,
    url: str | None,
    log: logging.Logger,
) -> str:
    """Tell the faults of the runs that ended since the cursor; returns the next cursor.

    Without a cursor nothing is told: what is amiss shows in the next run. Where a post fails, the
    cursor stays before its run, for :data:`ATTEMPTS` ticks.
    """
    memory = Memory.read(cursor)
    if memory is None:
        memory = Memory(present.replace(tzinfo=UTC).timestamp())
        for record in _ended_since(instance, memory):
            memory.runs[record.dagster_run.run_id] = _ended(record)
        return memory.text
    posts = 0
    for record in _ended_since(instance, memory)[:RUNS_A_TICK]:
        run_id, ended = record.dagster_run.run_id, _ended(record)
        faults, known = memory.news(seen_in(instance, record), ended)
        if faults:
            posts += 1
            if posts > POSTS_A_TICK:
                break
            if memory.attempts == 0:
                told = "\n".join(f"  {fault}" for fault in faults)
                log.warning("run %s (%s):\n%s", run_id, record.dagster_run.job_name, told)
            if url and not _is_sent(url, _document(record, faults, workspace), memory, log):
                break
        memory.pass_by(run_id, ended, known)
    return memory.text


def seen_in(instance: DagsterInstance, record: RunRecord) -> list[Seen]:
    """The last word of a run on each of its steps and checks, and on the run itself."""
    run = record.dagster_run
    entries = instance.all_logs(run.run_id, of_type=_EVENTS)
    events = [entry.dagster_event for entry in entries if entry.dagster_event]
    found = {seen.key: seen for event in events if (seen := _seen(event))}
    if run.status == DagsterRunStatus.CANCELED:
        return list(found.values())
    failed = run.status == DagsterRunStatus.FAILURE
    if failed and any(seen.step and not seen.ok for seen in found.values()):
        failed = False  # its steps say it
    ends = [e for e in events if e.event_type == DagsterEventType.RUN_FAILURE]
    why = _error(ends[-1].job_failure_data.error) if failed and ends else "failed"
    return [*found.values(), Seen(not failed, why if failed else "")]


def _ended_since(instance: DagsterInstance, memory: Memory) -> list[RunRecord]:
    """Runs to look at, in the order they ended."""
    wanted = RunsFilter(
        statuses=_ENDED, updated_after=datetime.fromtimestamp(memory.looks_from, UTC)
    )
    records = [
        record
        for record in instance.get_run_records(wanted)
        if not memory.knows(record.dagster_run.run_id, _ended(record))
    ]
    return sorted(records, key=lambda record: (_ended(record), record.dagster_run.run_id))


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


def _error(error: Any) -> str:
    """The class of an error: its text may hold what people wrote, or a secret."""
    while error is not None and error.cause is not None:
        error = error.cause
    return f"{error.cls_name}; the run's log says more" if error else "failed"


def _short(text: str) -> str:
    """The first line: dbt puts names there, and below it values of rows."""
    return text.strip().partition("\n")[0][:TEXT_LENGTH]


def _document(record: RunRecord, faults: list[Fault], workspace: str) -> dict[str, Any]:
    ended = datetime.fromtimestamp(_ended(record), UTC).replace(tzinfo=None)
    return {
        "run_id": record.dagster_run.run_id,
        "job": record.dagster_run.job_name,
        "ended_at": iso(ended),
        "status": record.dagster_run.status.value,
        "workspace": workspace,
        "faults": [vars(fault) for fault in faults],
    }


def _is_sent(url: str, document: dict[str, Any], memory: Memory, log: logging.Logger) -> bool:
    """Whether the run is done with: told, or tried often enough."""
    try:
        send(url, document)
    except AlertError as error:
        memory.attempts += 1
        run_id = document["run_id"]
        if memory.attempts < ATTEMPTS:
            log.warning("the alert of run %s was not sent: %s; tried again", run_id, error)
            return False
        log.error(
            "the alert of run %s was not sent in %d ticks: %s; given up", run_id, ATTEMPTS, error
        )
    return True
