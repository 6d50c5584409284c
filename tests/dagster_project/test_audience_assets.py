"""One destination that fails is one red box, and nothing of a refresh."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa
from dagster import DagsterEventType

from dagster_project import runs
from workspace import settings
from workspace.ledger import open_ledger, schema
from workspace.paths import PROJECT

AUDIENCES = """
audiences:
  broken:
    name: Broken
    segment: newsletter_readers
    destination: webhook
    purpose: newsletter
    identifiers: [email]
    live: true
  whole:
    name: Whole
    segment: newsletter_readers
    destination: file
    purpose: newsletter
    identifiers: [email]
    live: true
  asleep:
    name: Asleep
    segment: newsletter_readers
    destination: meta
    list_id: "1"
    purpose: ads_audience
    identifiers: [email]
"""


def test_a_failed_destination_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "marketing"
    shutil.copytree(PROJECT / "marketing", folder)
    (folder / "audiences.yml").write_text(AUDIENCES)
    for name, value in {
        "MARKETING_DEFINITIONS": str(folder),
        "MARKETING_AUDIENCE_WEBHOOK_URL": "https://hooks.example.com/x",
        "MARKETING_AUDIENCE_WEBHOOK_SECRET": "no base64!",
        "MARKETING_FILE_URL": str(tmp_path / "files"),
    }.items():
        monkeypatch.setenv(name, value)
    opened = settings.load(tmp_path / "w")
    assert runs.run(opened).succeeded
    ledger = open_ledger(opened.ledger_url)
    with ledger.reading() as connection:
        nobody = connection.execute(sa.select(schema.audience_runs)).fetchall()
    assert nobody == [], "a refresh syncs nothing"
    outcome = runs.run(opened, select='group:"audiences"')
    assert not outcome.succeeded
    assert [fault for fault in outcome.faults if "MARKETING_AUDIENCE_WEBHOOK_SECRET" in fault]
    with runs.open_instance(opened.paths) as instance:
        logs = instance.all_logs(outcome.run_id, DagsterEventType.ASSET_MATERIALIZATION)
    made = {log.dagster_event.asset_key.path[-1] for log in logs}  # type: ignore[union-attr]
    assert {"file", "meta", "hubspot", "crm_actions"} <= made and "webhook" not in made
    with ledger.reading() as connection:
        table = schema.audience_runs.c
        found = dict(
            tuple(row) for row in connection.execute(sa.select(table.audience, table.status))
        )
    ledger.close()
    assert found == {"broken": "paused", "whole": "done", "asleep": "planned"}
    # The next run brings the record to the marts.
    assert runs.run(opened, select="key:lake/audience_runs or key:stg_audiences__runs").succeeded
