"""Sensors: a refresh when files wait to be loaded, and alerts of what runs found amiss."""

import hashlib

from dagster import (
    DefaultSensorStatus,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from dagster_project import alert_places
from dagster_project.jobs import refresh
from dagster_project.translation import Manifest
from ingestion.contracts import KINDS


def build_landing_sensor() -> SensorDefinition:
    @sensor(
        job=refresh,
        minimum_interval_seconds=30,
        default_status=DefaultSensorStatus.STOPPED,
        description="Starts a refresh when files wait in the landing folder.",
    )
    def landing_folder(_: SensorEvaluationContext) -> SensorResult | SkipReason:
        from ingestion.landing import pending
        from workspace import settings
        from workspace.lake import Lake

        paths = settings.load().paths
        lake = Lake(paths.lake)
        waiting = sorted(
            f"{kind}/{file.path.name}:{file.path.stat().st_mtime_ns}"
            for kind in KINDS
            for file in pending(kind, paths.landing, lake)
        )
        if not waiting:
            return SkipReason("nothing waits in the landing folder")
        # The same waiting files start one run, however often the sensor looks.
        key = hashlib.sha256("\n".join(waiting).encode()).hexdigest()[:16]
        return SensorResult(run_requests=[RunRequest(run_key=key)])

    return landing_folder


def build_alert_sensor(manifest: Manifest) -> SensorDefinition:
    pages = alert_places.pages(manifest)

    @sensor(
        minimum_interval_seconds=60,
        default_status=DefaultSensorStatus.STOPPED,
        description="Tells failed steps and checks of ended runs: in the log, to a webhook and by "
        "mail (docs/operations.md).",
    )
    def alerts(context: SensorEvaluationContext) -> SensorResult:
        from dagster_project.alerts import Desk, look
        from reverse_etl.alerting import channels
        from workspace import clock, settings

        given = channels.configured(settings.variables(channels.VARIABLES))
        desk = Desk(settings.load(), settings.public_url(), pages, given)
        cursor = look(context.instance, context.cursor, clock.now(), desk, context.log)
        return SensorResult(cursor=cursor)

    return alerts
