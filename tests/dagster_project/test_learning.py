"""Scoring as Dagster runs it: what its checks and the run say of champions and of drift."""

from __future__ import annotations

import logging
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from dagster import AssetCheckEvaluation, DagsterInstance, materialize

from dagster_project import alerts, resources
from dagster_project.assets.lake import stream_key
from dagster_project.assets.learning import CHAMPIONS, NO_DRIFT, SCORED, build_learning_assets
from dagster_project.resources import WorkspaceResource
from models_ml.operations import records
from models_ml.operations.retraining import retrain
from tests.models_ml.operations.worlds import AS_OF, TRAINED_AT, world
from workspace import clock, settings, warehouse
from workspace.alerts import Alert, Fault, Kind
from workspace.clock import iso
from workspace.lake import Lake
from workspace.settings import Settings

FEATURES = "account_feature_snapshots"
#: A dbt manifest: no asset before scoring is run here.
NO_MODELS = {"nodes": {}, "sources": {}}


@pytest.fixture
def opened(tmp_path: Path) -> Settings:
    """A workspace whose churn model was trained."""
    found = settings.load(tmp_path / "w")
    made = world(found.paths.root, keyring=found.keyring)
    retrain(made.connection, made.place, lambda: TRAINED_AT)
    warehouse.prepare(found.paths.warehouse, Lake(found.paths.lake), AS_OF, {})
    with warehouse.connect(found.paths.warehouse) as connection:
        features = made.connection.execute(f"from marts.{FEATURES}").to_arrow_table()
        connection.register("features", features)
        connection.execute(f"create schema marts; create table marts.{FEATURES} as from features")
    return found


def scored(
    opened: Settings, hours: int = 0, instance: DagsterInstance | None = None
) -> dict[str, AssetCheckEvaluation]:
    opened.paths.default_as_of.write_text(iso(AS_OF + timedelta(hours=hours)))
    done = materialize(
        build_learning_assets(NO_MODELS),
        selection=[stream_key(name) for name in SCORED],
        resources={"workspace": WorkspaceResource(workspace=str(opened.paths.root))},
        instance=instance,
    )
    return {check.check_name: check for check in done.get_asset_check_evaluations()}


def test_drift_is_told_until_it_is_gone(opened: Settings) -> None:
    query = f"update marts.{FEATURES} set uses_30d = uses_30d {{}} 3 where snapshot_at = $1"
    with warehouse.connect(opened.paths.warehouse) as connection:
        connection.execute(query.format("+"), [AS_OF])
    for hours in (0, 0, 1):  # measured; scored before; measured already that day
        check = scored(opened, hours)[NO_DRIFT]
        assert not check.passed and "uses_30d" in str(check.metadata["drifted"].value)
    with warehouse.connect(opened.paths.warehouse) as connection:
        connection.execute(query.format("-"), [AS_OF])
    assert scored(opened, 24)[NO_DRIFT].passed


def test_drift_is_an_alert_with_its_page(opened: Settings) -> None:
    told: list[Fault] = []

    class Channel:
        name, about, fault = "test", "", None

        def send(self, alert: Alert) -> str:
            told.extend(alert.faults)
            return ""

    desk = alerts.Desk(opened, "https://hooks.example", {}, [Channel()])
    log = logging.getLogger("test_learning")
    with DagsterInstance.ephemeral() as instance:
        cursor = alerts.look(instance, None, clock.now(), desk, log)
        with warehouse.connect(opened.paths.warehouse) as connection:
            connection.execute(f"update marts.{FEATURES} set uses_30d = uses_30d + 3")
        scored(opened, instance=instance)
        alerts.look(instance, cursor, clock.now(), desk, log)
    (fault,) = told
    assert (fault.kind, fault.asset, fault.state) == (Kind.DRIFT, "lake/model_metrics", "appeared")
    assert fault.text.startswith("churn: ") and "uses_30d" in fault.text
    assert fault.link == "https://hooks.example/control-room/models.html#drift"


def test_a_champion_that_cannot_score_is_told(
    opened: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(resources, "tellers", [told.append])
    assert scored(opened)[CHAMPIONS].passed and not told
    shutil.rmtree(records.registry(Lake(opened.paths.lake)) / "churn")
    check = scored(opened, 24)[CHAMPIONS]
    assert not check.passed and "missing" in str(check.metadata["refused"].value)
    assert len(told) == 1 and told[0].startswith("churn: no version can score")
