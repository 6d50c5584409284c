"""A welcome mail with a hold-out: assigned, killed, assigned to the same, looked at day by day."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dagster_project import runs
from interfaces.cli import app
from tests.end_to_end import inputs
from tests.end_to_end.runner import ask, ingest, marts, open_workspace, run
from tests.end_to_end.test_journeys import DAYS, _z, agree, contacts, event, known, outbox
from workspace.lake import Lake
from workspace.paths import PROJECT

KEY = "medical_welcome_effect"
ASSIGNMENTS, INTENTS, LOOKS = "experiment_assignments", "message_intents", "experiment_looks"


def variants(lake: Lake, stream: str, experiment: str = KEY) -> dict[str, str]:
    rows = [row for row in lake.read(stream).to_pylist() if row["experiment"] == experiment]
    found = {row["contact_id"]: row["variant"] for row in rows}
    assert len(found) == len(rows)
    return found


def test_a_hold_out_from_assignment_to_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "marketing"
    shutil.copytree(PROJECT / "marketing", folder)
    monkeypatch.setenv("MARKETING_DEFINITIONS", str(folder))
    file = folder / "experiments" / f"{KEY}.yml"
    text = file.read_text().replace("2026-09-01", "2025-09-01").replace("_days: 30", "_days: 1")
    halves = text.replace("share: 80", "share: 50").replace("share: 20", "share: 50")
    file.write_text(halves)
    opened = open_workspace(tmp_path / "w", _z(DAYS[0]))
    lake = Lake(opened.paths.lake)
    ingest(opened, "crm", contacts(tmp_path / "contacts.ndjson"))
    forms = [
        event(n, "Form Submitted", DAYS[0] - timedelta(hours=n % 20 + 1), form_id="demo")
        for n in range(40)
    ]
    who = inputs.ndjson(tmp_path / "events.ndjson", [*map(known, range(40)), *forms])
    ingest(opened, "events", who)
    agree(opened, list(range(40)))

    # A run that ends between the assignments and the messages has assigned for good.
    commit = Lake.commit

    def broken(self: Lake, stream: str, *rest: Any, **more: Any) -> bool:
        if stream == INTENTS:
            raise OSError("the disk is full")
        return commit(self, stream, *rest, **more)

    monkeypatch.setattr(Lake, "commit", broken)
    assert not runs.run(opened).succeeded
    monkeypatch.setattr(Lake, "commit", commit)
    assigned = variants(lake, ASSIGNMENTS)
    assert lake.rows(INTENTS) == 0 and set(assigned.values()) == {"welcome", "holdout"}
    file.write_text(text.replace("share: 80", "share: 99").replace("share: 20", "share: 1"))
    run(opened)
    assert variants(lake, ASSIGNMENTS) == variants(lake, INTENTS) == assigned
    universal = variants(lake, ASSIGNMENTS, "universal")
    of_campaign = variants(lake, ASSIGNMENTS, "campaign:medical_welcome")
    assert set(of_campaign) == set(assigned)
    stored = len(assigned) + len(universal) + len(of_campaign)
    assert {key for key, name in universal.items() if name == "treated"} == set(assigned)

    # Nobody who is held out is written to, and everybody else is.
    sent = {row["contact_id"] for row in outbox(opened)}
    held = {key for key, name in assigned.items() if name == "holdout"}
    assert sent == set(assigned) - held and len(held) > 5
    gates = "select gate, detail, count(*) from marts.message_queue where variant = 'holdout' "
    assert ask(opened, f"{gates} group by all") == [("holdout", KEY, len(held))]

    # One look a day, of those whose window is over, and the same again from an empty warehouse.
    booked = [event(n, "Demo Booked", DAYS[0] + timedelta(hours=3)) for n in range(20)]
    ingest(opened, "events", inputs.ndjson(tmp_path / "booked.ndjson", booked))
    opened.paths.default_as_of.write_text(_z(DAYS[1]))
    run(opened)
    query = (
        "select variant, assigned, exposed, measured, converted, looks from "
        f"marts.experiment_results where experiment = '{KEY}' order by 1"
    )
    rows = ask(opened, query)
    assert [row[1:4] for row in rows] == [
        (len(held), 0, len(held)),
        (len(sent), len(sent), len(sent)),
    ]
    assert sum(row[4] for row in rows) == sum(
        n[0] for n in ask(opened, "select count(*) from marts.fct_events where contact_id in "
                          "(select contact_id from marts.experiment_assignments where experiment "
                          f"= '{KEY}') and event = 'Demo Booked'")
    )  # fmt: skip
    assert {row[5] for row in rows} == {2}
    before, looks = marts(opened), lake.rows(LOOKS)
    opened.paths.warehouse.unlink()
    run(opened)
    again = marts(opened)
    changing = {"run_log", "watermarks"}
    assert {k for k in before if before[k] != again[k]} <= changing and lake.rows(LOOKS) == looks

    # A look back sees that day's counts and stores nothing.
    run(opened, _z(DAYS[0]))
    assert lake.rows(LOOKS) == looks and lake.rows(ASSIGNMENTS) == stored

    told = CliRunner().invoke(app, ["experiments", "results", "--workspace", str(tmp_path / "w")])
    assert told.exit_code == 0 and "too few" in told.output and "universal" in told.output
