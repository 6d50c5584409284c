"""Retention as a job of Dagster."""

from __future__ import annotations

from pathlib import Path

import pytest

import dagster_project.erasing
from dagster_project.retaining import retain
from reverse_etl.privacy.retention import Due
from workspace import restored
from workspace.restored import NotReplayed


def _run(workspace: Path, **config: object) -> object:
    given = {"config": {"workspace": str(workspace), **config}}
    return retain.execute_in_process(run_config={"ops": {"retain_what_is_due": given}})


def test_what_is_due_is_ended_and_a_dry_run_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[object] = []
    due = [Due("contacts", 2), Due("rejected rows", 0)]
    monkeypatch.setattr(dagster_project.erasing, "retention_due", lambda settings: due)
    monkeypatch.setattr(
        dagster_project.erasing, "retained", lambda settings: ended.append(settings) or 2
    )
    assert _run(tmp_path, dry_run=True).success and not ended  # type: ignore[attr-defined]
    assert _run(tmp_path).success and len(ended) == 1  # type: ignore[attr-defined]


def test_a_restored_workspace_waits(tmp_path: Path) -> None:
    restored.mark(tmp_path, {"backup": "x"})
    with pytest.raises(NotReplayed):
        _run(tmp_path)
