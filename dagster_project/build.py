"""Putting the definitions together; tests call it with resources of their own."""

from __future__ import annotations

from typing import Any

from dagster import Definitions, in_process_executor, map_asset_specs

from dagster_project import jobs, output_keys, schedules, sensors, tags
from dagster_project.assets import (
    actions,
    anomalies,
    audiences,
    backups,
    control_room,
    delivery,
    experiments,
    journeys,
    lake,
    learning,
    maintenance,
    models,
    postgres,
    published,
    scores,
    segments,
    sources,
    values,
)
from dagster_project.resources import WorkspaceResource
from dagster_project.translation import Manifest


def build_definitions(
    manifest: Manifest, resource_overrides: dict[str, Any] | None = None
) -> Definitions:
    """Everything Dagster shows, for one dbt manifest."""
    output_keys.remember()
    return Definitions(
        assets=map_asset_specs(
            tags.of_stream,
            [
                sources.build_source_asset(),
                *lake.build_landing_specs(),
                *lake.build_lake_assets(),
                *models.build_model_assets(manifest),
                *scores.build_score_assets(manifest),
                *learning.build_learning_assets(manifest),
                values.build_value_assets(manifest),
                anomalies.build_anomaly_asset(manifest),
                *actions.build_action_assets(manifest),
                *segments.build_segment_assets(),
                *journeys.build_journey_assets(),
                *experiments.build_experiment_assets(manifest),
                published.build_published_asset(manifest),
                control_room.build_control_room_asset(),
                postgres.build_postgres_asset(),
                *delivery.build_delivery_assets(),
                *audiences.build_audience_assets(),
                maintenance.build_maintenance_asset(),
                backups.build_backup_asset(),
            ],
        ),
        jobs=[
            *(jobs.refresh, jobs.nightly, jobs.past_months, jobs.retrain, jobs.campaigns),
            *(jobs.send, jobs.due_campaigns, jobs.audiences, jobs.daily_backup),
        ],
        schedules=schedules.schedules,
        sensors=[sensors.build_landing_sensor(), sensors.build_alert_sensor(manifest)],
        resources={"workspace": WorkspaceResource(), **(resource_overrides or {})},
        executor=in_process_executor,
    )
