"""The daily backup as Dagster runs it."""

from __future__ import annotations

from pathlib import Path

import pytest
from dagster import DagsterResourceFunctionError, materialize

from dagster_project.assets.backups import RESTORES, build_backup_asset
from dagster_project.resources import WorkspaceResource
from reverse_etl.backups import Store
from workspace import restored, settings
from workspace.lake import Lake
from workspace.restored import NotReplayed


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    opened = settings.load(tmp_path / "w")
    Lake(opened.paths.lake).commit("costs", "none", None)
    return opened.paths.root


def run(workspace: Path, **options: object) -> object:
    return materialize(
        [build_backup_asset()],
        resources={"workspace": WorkspaceResource(workspace=str(workspace))},
        **options,  # type: ignore[arg-type]
    )


def test_it_backs_up_and_proves_it(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARKETING_BACKUPS", str(tmp_path / "b"))
    done = run(workspace)
    (check,) = done.get_asset_check_evaluations()  # type: ignore[attr-defined]
    assert check.check_name == RESTORES and check.passed, check.metadata
    assert len(Store(tmp_path / "b").names()) == 1


def test_without_a_folder_it_fails_and_says_why(workspace: Path) -> None:
    done = run(workspace, raise_on_error=False)
    (failed,) = done.get_step_failure_events()  # type: ignore[attr-defined]
    assert "MARKETING_BACKUPS is not set" in failed.step_failure_data.user_failure_data.description


def test_a_shut_workspace_runs_nothing(workspace: Path) -> None:
    restored.mark(workspace, {"backup": "x"})
    with pytest.raises(DagsterResourceFunctionError) as caught:
        run(workspace)
    assert isinstance(caught.value.__cause__, NotReplayed)
