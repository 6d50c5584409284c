"""What is due by privacy.yml: days of the reporting time zone, rejected rows and logs by age."""

from __future__ import annotations

import os
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from ingestion.accounts import recount, unbalanced
from ingestion.files import ingest_files
from reverse_etl.privacy import retention
from reverse_etl.publish import Catalogue, Relation, publish
from tests.reverse_etl.privacy import small_world as world
from workspace import clock, definitions
from workspace.definitions.privacy import Privacy
from workspace.lake import Lake
from workspace.paths import PROJECT, Paths

ZONE = "Europe/Paris"


@pytest.fixture(scope="module")
def privacy() -> Privacy:
    return definitions.load(PROJECT / "marketing").privacy


def _published(paths: Paths) -> None:
    with duckdb.connect(str(paths.warehouse)) as connection:
        connection.execute("create schema marts; create schema pii")
        connection.execute(
            "create table marts.retention_due as select * from (values "
            "('c1', 'identity', date '2026-10-01'), ('c2', 'identity', date '2026-10-02'), "
            "('c3', 'identity', null)) as rows (contact_id, category, due_on)"
        )
    catalogue = Catalogue([Relation("marts", "retention_due", "One row per contact.")])
    publish(paths.warehouse, paths, catalogue, world.NOW, {"as_of": "2026-10-01T08:00:00Z"})


def test_check_33_somebody_is_due_from_midnight_of_the_reporting_time_zone(
    paths: Paths, privacy: Privacy
) -> None:
    """Acceptance check 33: the day boundary is Paris's, not UTC's."""
    _published(paths)
    midnight = datetime(2026, 10, 1, 22)  # 2 October, 0:00 in Paris
    before = retention.contacts(paths, privacy, midnight - timedelta(seconds=1), ZONE)
    assert before == [("c1", date(2026, 10, 1))]
    after = retention.contacts(paths, privacy, midnight, ZONE)
    assert [contact for contact, _ in after] == ["c1", "c2"]
    kept = privacy.model_copy(update={"categories": {}})
    assert retention.contacts(paths, kept, midnight, ZONE) == []


def test_rejected_rows_go_by_age_and_files_stay_accounted_for(
    paths: Paths, tmp_path: Path, privacy: Privacy
) -> None:
    lake = Lake(paths.lake)
    moments = iter([datetime(2026, 1, 1), datetime(2026, 9, 1)])
    for name in ("old", "new"):
        path = tmp_path / f"{name}.ndjson"
        path.write_text(f'{{"{name}": 1}}\n')
        ingest_files("events", [path], paths.landing, lake, world.RING, now=lambda: next(moments))
    limit = retention.rejected_before(privacy, datetime(2026, 10, 1))
    assert limit == datetime(2026, 4, 1) and retention.count_rejected(lake, limit) == 1
    assert retention.delete_rejected(lake, limit) == 1
    assert retention.delete_rejected(lake, limit) == 0
    recount(lake)
    (left,) = lake.read("rejected_rows").to_pylist()
    assert left["landed_at"] == datetime(2026, 9, 1) and not unbalanced(lake, "events")


def test_records_of_old_runs_are_due_and_the_index_is_not(paths: Paths, privacy: Privacy) -> None:
    folder = paths.dagster / "history" / "runs"
    folder.mkdir(parents=True)
    for name in ("index.db", "old.db", "young.db"):
        (folder / name).touch()
        os.utime(folder / name, (1_000_000_000,) * 2 if name != "young.db" else None)
    found = list(retention.expired_logs(paths, privacy, clock.now()))
    assert [path.name for path in found] == ["old.db"]


def test_the_shipped_file_promises_only_what_is_done(privacy: Privacy) -> None:
    timed = {key: one.retention.then for key, one in privacy.categories.items()}
    timed = {k: t for k, t in timed.items() if privacy.categories[k].retention.months is not None}
    assert timed == {"identity": "erase", "contact_details": "erase", "rejected": "delete"}
    assert set(privacy.places) == {"dagster"}
    identity, details = (privacy.categories[key] for key in ("identity", "contact_details"))
    assert identity.retention == details.retention
