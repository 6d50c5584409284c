"""Days of campaigns and businesses that are out of the ordinary, judged again in each run."""

from __future__ import annotations

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetsDefinition,
    MaterializeResult,
    asset,
)

from dagster_project import translation
from dagster_project.assets.lake import stream_key
from dagster_project.resources import WorkspaceResource
from dagster_project.translation import Manifest
from workspace import warehouse

ALERTS = "series_alerts"
USUAL = "the_last_day_is_as_expected"
#: What is told of a day at most; the mart has all of it.
SENTENCES = 10
_READ = (
    "int_daily_series",
    "int_series_sources",
    "stg_marketing__anomaly_settings",
    "stg_marketing__anomaly_seasons",
    "stg_system__run_context",
)


def build_anomaly_asset(manifest: Manifest) -> AssetsDefinition:
    nodes = translation.models(manifest)

    @asset(
        key=stream_key(ALERTS),
        deps=[translation.asset_key(node) for node in nodes if node["name"] in _READ],
        group_name="scores",
        kinds={"python", "duckdb"},
        owners=["team:data"],
        description="Days on which a series begins to lie off what the weeks before let expect: "
        "one row per series and day.",
        check_specs=[
            AssetCheckSpec(
                USUAL,
                asset=stream_key(ALERTS),
                description="No campaign's or vertical's figures began to lie off on the last day "
                "that is told of.",
            )
        ],
    )
    def series_alerts(workspace: WorkspaceResource) -> MaterializeResult:
        from models_ml.anomalies import found

        run = workspace.run
        with run.step(ALERTS) as step, warehouse.attached(run.warehouse) as connection:
            rows = found.series_alerts(connection)
            warehouse.store(connection, ALERTS, rows)
            step.rows = rows.num_rows
        said = found.latest(rows)
        return MaterializeResult(
            metadata={"dagster/row_count": rows.num_rows},
            check_results=[
                AssetCheckResult(
                    check_name=USUAL,
                    passed=not said,
                    severity=AssetCheckSeverity.WARN,
                    description="; ".join(said[:SENTENCES]) or None,
                    metadata={"alerts": len(said), **run.hindsight},
                )
            ],
        )

    return series_alerts
