"""People out of the demo world, by the command line: figures stay what they were."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.conftest import PEPPER
from tests.end_to_end.demos import Demo
from workspace.paths import PROJECT


def _marketing(workspace: Path, home: Path, *words: str) -> str:
    command = [sys.executable, "-m", "interfaces.cli", words[0], "--workspace", str(workspace)]
    environment = {"PATH": "/usr/bin:/bin", "MARKETING_PEPPER": PEPPER, "HOME": str(home)}
    done = subprocess.run(
        [*command, *words[1:]], cwd=PROJECT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _figures(workspace: Path) -> tuple[dict[Any, Any], dict[str, int]]:
    """KPIs with what they are made of, and the rows of facts."""
    facts = ("fct_events", "fct_sessions", "fct_touchpoints", "fct_emails", "fct_deals")
    with duckdb.connect(str(workspace / "published" / "marketing.duckdb"), read_only=True) as asked:
        rows = asked.execute(
            "select metric, metric_window, month, vertical, currency, value, numerator, "
            "denominator from marts.kpi_monthly where metric != 'attribution_confidence'"
        ).fetchall()
        counts = {
            name: asked.execute(f"select count(*) from marts.{name}").fetchall()[0][0]
            for name in facts
        }
    return {row[:5]: row[5:] for row in rows}, counts


def test_an_erasure_leaves_the_figures(demo: Demo, tmp_path: Path) -> None:
    # Partners brought some of them: who did is a property of theirs that figures are counted by.
    chosen = demo.ask(
        """
        (select contact_id from marts.dim_contacts order by hash(contact_id) limit 60)
        union
        (
            select contact_id from marts.fct_touchpoints where touch_type = 'partner_referral'
            order by hash(contact_id) limit 10
        )
        """
    )
    workspace = tmp_path / "a copy"
    shutil.copytree(demo.workspace, workspace, symlinks=True)
    people = tmp_path / "people.csv"
    people.write_text("".join(f"{contact}\n" for (contact,) in chosen))
    _marketing(workspace, tmp_path, "doctor")  # the folder has moved
    before, facts = _figures(workspace)

    told = _marketing(workspace, tmp_path, "erase", "--file", str(people), "--yes")
    assert f"erased: {len(chosen)} requests, 0 places found" in told
    assert _figures(workspace) == (before, facts)

    _marketing(workspace, tmp_path, "run")
    after, again = _figures(workspace)
    assert again == facts and after.keys() == before.keys() and len(after) > 500
    for key, values in after.items():
        for value, old in zip(values, before[key], strict=True):
            assert value == old or value == pytest.approx(old, rel=1e-9), key
