"""The event log is Dagster's own, but for the connections it keeps."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from dagster import AssetKey, DagsterInstance, EventRecordsFilter, asset, materialize
from dagster._check import CheckError
from dagster._core.storage.event_log import SqliteEventLogStorage

from dagster_project import event_log
from dagster_project.event_log import EventLog
from dagster_project.runs import open_instance
from workspace.paths import Paths


@asset
def numbers() -> int:
    return 1


@pytest.fixture
def instance(tmp_path: Path) -> DagsterInstance:
    return open_instance(Paths(tmp_path / "a 'quoted' folder"))


def materializations(instance: DagsterInstance) -> list[str]:
    records = instance.fetch_materializations(AssetKey("numbers"), limit=100).records
    return sorted(record.run_id for record in records)


def test_the_workspace_uses_it(instance: DagsterInstance) -> None:
    assert isinstance(instance.event_log_storage, EventLog)


def test_what_it_stores_dagsters_own_storage_reads(instance: DagsterInstance) -> None:
    runs = [materialize([numbers], instance=instance).run_id for _ in range(event_log._OPEN + 2)]
    assert len(instance.event_log_storage._engines) == event_log._OPEN  # type: ignore[attr-defined]
    assert materializations(instance) == sorted(runs)
    base = instance.event_log_storage._base_dir  # type: ignore[attr-defined]
    own = SqliteEventLogStorage(base)
    own.register_instance(instance)
    for run in runs:
        ours = instance.event_log_storage.get_records_for_run(run).records
        assert len(ours) > 5
        assert own.get_records_for_run(run).records == ours
    wanted = EventRecordsFilter(event_type=ours[0].event_log_entry.dagster_event.event_type)  # type: ignore[union-attr]
    assert len(own.get_event_records(wanted)) == len(runs)


def test_threads_share_it(instance: DagsterInstance) -> None:
    run = materialize([numbers], instance=instance).run_id
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: materializations(instance), range(40)))
    assert found == [[run]] * 40


def test_a_fault_inside_leaves_nothing_half_written(instance: DagsterInstance) -> None:
    run = materialize([numbers], instance=instance).run_id
    storage = instance.event_log_storage
    with pytest.raises(ZeroDivisionError), storage.index_connection() as connection:  # type: ignore[attr-defined]
        connection.exec_driver_sql("delete from event_logs")
        _ = 1 / 0
    assert materializations(instance) == [run]


def test_events_together_are_stored_together(instance: DagsterInstance) -> None:
    """All of a batch or nothing, in the run's file and in the index over all runs."""
    run = materialize([numbers], instance=instance).run_id
    storage = instance.event_log_storage
    entries = [record.event_log_entry for record in storage.get_records_for_run(run).records]
    made = [
        entry._replace(run_id="another")
        for entry in entries
        if entry.dagster_event and entry.dagster_event.is_step_materialization
    ]
    with pytest.raises(CheckError):
        storage.store_event_batch([*made, "no event"])  # type: ignore[list-item]
    assert storage.get_records_for_run("another").records == []
    assert materializations(instance) == [run]
    storage.store_event_batch([*made, *made])
    assert len(storage.get_records_for_run("another").records) == 2
    assert materializations(instance) == sorted([run, "another", "another"])


def test_wiping_closes_and_begins_anew(instance: DagsterInstance) -> None:
    materialize([numbers], instance=instance)
    instance.event_log_storage.wipe()
    assert materializations(instance) == []
    run = materialize([numbers], instance=instance).run_id
    assert materializations(instance) == [run]
