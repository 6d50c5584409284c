"""A run builds what is behind a change, and what it makes is what building everything makes."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from dagster import DagsterEventType

from dagster_project import runs
from tests.end_to_end import inputs
from tests.end_to_end.runner import ask, ingest, marts, small
from workspace.settings import Settings

MONDAY = datetime(2025, 3, 3, 9)


def _builds(opened: Settings, **options: bool) -> dict[str, str]:
    """Asset -> what the run said of its build: unchanged, some of its days, or built."""
    outcome = runs.run(opened, **options)
    assert outcome.succeeded, outcome.faults
    with runs.open_instance(opened.paths) as instance:
        logs = instance.all_logs(outcome.run_id, DagsterEventType.ASSET_MATERIALIZATION)
    found = {}
    for log in logs:
        made = log.asset_materialization
        assert made is not None
        told = made.metadata.get("build")
        found[made.asset_key.to_user_string()] = str(told.value) if told else "built"
    return found


def _visits(path: Path, prefix: str, first: datetime, days: int) -> Path:
    """One page a day of the person whom the small world's CRM knows, first and last identified."""
    rows = []
    for day in range(days):
        at = (first + timedelta(days=day)).isoformat() + "Z"
        shared = {"anonymousId": "device", "timestamp": at, "receivedAt": "2025-09-01T00:00:00Z"}
        page = {"page": {"url": "https://a.example/x", "path": "/x"}}
        rows.append({**shared, "messageId": f"{prefix}-{day}", "type": "page", "context": page})
        rows.append({**shared, "messageId": f"{prefix}-i-{day}", "type": "identify", "userId": "u"})
    return inputs.ndjson(path, rows)


def test_a_late_day_changes_that_day_and_what_stands_behind_it(tmp_path: Path) -> None:
    opened = small(tmp_path / "w", tmp_path / "files")
    ingest(opened, "events", _visits(tmp_path / "a.ndjson", "a", MONDAY, 40))
    first = _builds(opened)
    assert "unchanged" not in first.values()
    by_day = (
        "select occurred_on, hash(list(t order by t::varchar)::varchar) from "
        "marts.contact_events_daily as t group by all"
    )
    before = dict(ask(opened, by_day))
    assert len(before) >= 40

    still = _builds(opened)
    loads = ("lake/", "landing/", "source/", "published", "control_room")
    rebuilt = {
        name for name, told in still.items() if told == "built" and not name.startswith(loads)
    }
    of_the_run = {"run_log", "int_landed_files"}
    assert {n for n in rebuilt if not n.startswith("stg_system__")} <= of_the_run, "nothing changed"

    late = MONDAY + timedelta(days=5, hours=2)
    ingest(opened, "events", _visits(tmp_path / "late.ndjson", "late", late, 1))
    told = _builds(opened)
    after = dict(ask(opened, by_day))
    assert {day for day in after if before.get(day) != after[day]} == {late.date()}
    # A page and an identify more: two rows of one day gave way to two others.
    assert told["contact_events_daily"] == "4 rows"
    assert told["fct_events"] == "2 rows"
    for untouched in (
        "fct_deals",
        "mrr_movements",
        "unit_economics",
        "dim_accounts",
        "consent_states",
    ):
        assert told[untouched] == "unchanged", untouched

    grown = marts(opened)
    everything = _builds(opened, full_refresh=True)
    assert "unchanged" not in everything.values()
    assert marts(opened) == grown
