"""Publishing to Postgres as Dagster runs it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
from dagster import DagsterInstance, materialize

from dagster_project.assets.postgres import build_postgres_asset
from dagster_project.resources import WorkspaceResource
from reverse_etl.publish import Catalogue, Relation, publish
from workspace import settings


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    paths = settings.load(tmp_path / "w").paths
    with duckdb.connect(str(paths.warehouse)) as connection:
        connection.execute("create schema marts; create table marts.a as select 7 as n")
    catalogue = Catalogue([Relation("marts", "a", "One row.")])
    publish(paths.warehouse, paths, catalogue, datetime(2026, 1, 1), {"as_of": "2026-01-01"})
    return paths.root


def run(workspace: Path, **options: Any) -> Any:
    resource = WorkspaceResource(workspace=str(workspace), **options)
    with DagsterInstance.ephemeral() as instance:
        done = materialize(
            [build_postgres_asset()],
            resources={"workspace": resource},
            instance=instance,
            raise_on_error=False,
        )
        told = "".join(str(log) for log in instance.all_logs(done.run_id))
    return done, told


def metadata(done: Any) -> dict[str, Any]:
    (event,) = done.asset_materializations_for_node("published_postgres")
    return {name: value.value for name, value in event.metadata.items()}


def test_it_loads_what_is_published(
    workspace: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, _ = run(workspace)
    assert metadata(done) == {"built": False}
    address = postgres_url.replace("+psycopg", "").replace("postgres@", "postgres:hunter2@")
    monkeypatch.setenv("MARKETING_PUBLISH_POSTGRES", address)
    done, _ = run(workspace, as_of="2025-01-01")
    assert metadata(done) == {"built": False}
    done, told = run(workspace)
    found = metadata(done)
    assert found["built"] and found["tables_loaded"] == 1 and found["dagster/row_count"] == 1
    with psycopg.connect(address) as connection:
        assert connection.execute("select n from marts.a").fetchall() == [(7,)]
    assert "hunter2" not in told
    assert metadata(run(workspace)[0])["tables_kept"] == 1
    assert metadata(run(workspace, full_refresh=True)[0])["tables_loaded"] == 1


@pytest.mark.parametrize("address", ["postgresql://ann:hunter2@127.0.0.1:1/x", "hunter2"])
def test_what_it_fails_of_is_told_without_the_address(
    workspace: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARKETING_PUBLISH_POSTGRES", address)
    done, told = run(workspace)
    assert not done.success and "hunter2" not in told and "ann:" not in told
    assert "nobody listens there" in told or "MARKETING_PUBLISH_POSTGRES is a" in told
