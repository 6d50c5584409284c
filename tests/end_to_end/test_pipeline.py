"""The promises of a run: right, repeatable, and the same from whatever it is rebuilt."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pytest

from tests.end_to_end import inputs
from tests.end_to_end.runner import (
    Finished,
    ask,
    ingest,
    marts,
    open_workspace,
    published_marts,
    run,
)
from workspace.settings import Settings


@pytest.fixture(scope="module")
def year(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return finished.copied(tmp_path_factory.mktemp("golden") / "a workspace")


def test_the_golden_acquisition_costs(year: Settings) -> None:
    rows = ask(
        year,
        """
        select vertical, round(value, 2) from marts.kpi_monthly
        where metric = 'cac_full' and metric_window = 'trailing_12m'
            and month = date '2025-09-01' and vertical <> 'company'
        order by vertical
        """,
    )
    assert rows == [("medical", 8866.67), ("public", 2000.0)]


def test_the_golden_recurring_revenue(year: Settings) -> None:
    rows = ask(
        year,
        """
        select vertical, metric, value from marts.kpi_monthly
        where metric in ('arr', 'customers') and metric_window = 'month'
            and month = date '2025-09-01' order by vertical, metric
        """,
    )
    assert rows == [
        ("company", "arr", 540_000),
        ("company", "customers", 130),
        ("medical", "arr", 180_000),
        ("medical", "customers", 30),
        ("public", "arr", 360_000),
        ("public", "customers", 100),
    ]


def test_marts_hold_no_direct_identifier(year: Settings) -> None:
    columns = {row[0] for row in ask(year, "select column_name from duckdb_columns()")}
    assert not columns & {"email", "phone", "first_name", "last_name", "ip", "original", "user_id"}


def test_views_and_columns_are_described(year: Settings) -> None:
    views = ask(year, "select view_name, comment from duckdb_views() where not internal")
    assert views and all((comment or "").startswith("One row per") for _, comment in views)
    bare = ask(
        year,
        """
        select table_name, column_name from duckdb_columns()
        where schema_name = 'marts' and comment is null
        """,
    )
    assert bare == []


def test_deleting_the_warehouse_changes_nothing(finished: Finished, tmp_path: Path) -> None:
    opened = finished.copied(tmp_path / "w")
    before = marts(opened)
    run(opened)
    assert marts(opened) == before, "a second run changes nothing"
    opened.paths.warehouse.unlink()
    run(opened)
    assert marts(opened) == before
    (months,) = ask(opened, "select min(month), max(month) from marts.kpi_monthly")
    assert [str(month) for month in months] == ["2024-10-01", "2025-10-01"], "no odd date counts"
    assert ask(opened, "select verdict, reason from marts.rejected_rows order by all") == [
        ("bad", "invalid_json"),
        ("bad", "invalid_utf8"),
        ("quarantined", "id_conflict"),
    ]


def test_a_past_day_is_as_it_was(tmp_path: Path) -> None:
    """A run on a day, and a run back to that day after more has landed, give the same."""
    source = tmp_path / "files"
    opened = open_workspace(tmp_path / "w")
    ingest(opened, "crm", inputs.companies(source / "companies.ndjson", {"medical": 30}))
    before, after = inputs.YEAR[:5], inputs.YEAR[6:]
    ingest(opened, "crm", inputs.deals(source / "deals.ndjson", {"medical": 12}, before))
    ingest(opened, "events", inputs.events(source / "events-1.ndjson", 300))
    day = "2025-03-05T00:00:00Z"
    run(opened, as_of=day)
    folder = opened.paths.published / "as_of" / "2025-03-05T000000Z"
    then = published_marts(folder)

    # Later: changed deals and new ones, later events, and a late event for a day before.
    ingest(opened, "crm", inputs.deals(source / "deals-2.ndjson", {"medical": 30}, after))
    ingest(opened, "events", inputs.events(source / "events-2.ndjson", 300, first=300))
    late = inputs.events(source / "late.ndjson", 1, first=10_000)
    late.write_text(late.read_text().replace("2025-09-25T08:00:00Z", "2025-03-02T00:00:00Z"))
    ingest(opened, "events", late)
    run(opened)
    now, current = marts(opened), os.readlink(opened.paths.published / "current")
    lake_before = sorted(str(p) for p in opened.paths.lake.rglob("*") if p.is_file())

    run(opened, as_of=day)
    assert published_marts(folder) == then
    assert marts(opened) == now and now != then
    assert os.readlink(opened.paths.published / "current") == current
    assert sorted(str(p) for p in opened.paths.lake.rglob("*") if p.is_file()) == lake_before
    assert not list(opened.paths.scratch.glob("*.duckdb"))
    with duckdb.connect(str(folder / "marketing.duckdb"), read_only=True) as connection:
        (events,) = connection.execute("select count(*) from marts.fct_events").fetchone()
    assert events == 192  # half an hour apart, from 1 March to 5 March
