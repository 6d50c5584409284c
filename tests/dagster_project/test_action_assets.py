"""A run that dies between the two commits of a set of decisions leaves nothing that stays wrong."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dagster import materialize

from dagster_project.assets.actions import DECISIONS, MODELS, build_action_assets
from dagster_project.assets.lake import stream_key
from dagster_project.resources import WorkspaceResource
from dagster_project.translation import Manifest
from tests.models_ml.actions.house import AS_OF, House, contact, snapshots
from workspace import settings, warehouse
from workspace.clock import iso
from workspace.lake import Lake
from workspace.settings import Settings

LATER = (0, 1, 7)


@pytest.fixture
def opened(tmp_path: Path) -> Settings:
    """A surgeon who may get mails, and no decision yet."""
    found = settings.load(tmp_path / "w")
    house = House(str(found.paths.warehouse))
    contact(house, "c0")
    later = [{"snapshot_at": AS_OF + timedelta(days=days)} for days in LATER if days]
    known = snapshots("c0", 0.0)[1]
    house.add("marts.contact_feature_snapshots", *(known | moment for moment in later))
    house.connection.execute("drop schema lake cascade")
    house.connection.close()
    return found


def run(manifest: Manifest, opened: Settings, as_of: datetime) -> bool:
    opened.paths.default_as_of.write_text(iso(as_of))
    warehouse.prepare(opened.paths.warehouse, Lake(opened.paths.lake), as_of, {})
    return materialize(
        [asset for asset in build_action_assets(manifest) if stream_key(DECISIONS) in asset.keys],
        resources={"workspace": WorkspaceResource(workspace=str(opened.paths.root))},
        raise_on_error=False,
    ).success


def sets(opened: Settings, stream: str) -> list[int]:
    found = Lake(opened.paths.lake).read(stream, ["sequence"])["sequence"].to_pylist()
    return sorted(set(found))


@pytest.mark.parametrize("days", LATER)
def test_models_and_decisions_stand_together_after_a_crash(
    opened: Settings, manifest: Manifest, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    """``days`` later is the same moment, the same round, and the next one."""
    commit, calls = Lake.commit, []

    def dies(lake: Lake, stream: str, *given: Any, **more: Any) -> bool:
        calls.append(stream)
        if len(calls) == 2:
            raise OSError("the machine is gone")
        return commit(lake, stream, *given, **more)

    with monkeypatch.context() as patched:
        patched.setattr(Lake, "commit", dies)
        assert not run(manifest, opened, AS_OF)
    assert set(calls) == {DECISIONS, MODELS}
    assert run(manifest, opened, AS_OF + timedelta(days=days))
    (decided,) = sets(opened, DECISIONS)  # nobody is decided about twice
    assert sets(opened, MODELS)[-1] == decided
    rows = Lake(opened.paths.lake).read(MODELS, ["sequence", "action"]).to_pylist()
    assert len({(row["sequence"], row["action"]) for row in rows}) == len(rows)
    assert run(manifest, opened, AS_OF + timedelta(days=days))
    assert sets(opened, DECISIONS) == [decided]
