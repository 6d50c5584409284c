"""When runs start by themselves. All are off until an operator turns them on in the UI."""

from __future__ import annotations

from typing import Any

from dagster import DefaultScheduleStatus, ScheduleDefinition

from dagster_project.jobs import audiences, daily_backup, due_campaigns, nightly, refresh, retrain
from dagster_project.retaining import retain


def _schedule(name: str, job: Any, cron: str, description: str) -> ScheduleDefinition:
    """Times are UTC."""
    return ScheduleDefinition(
        name=name,
        job=job,
        cron_schedule=cron,
        default_status=DefaultScheduleStatus.STOPPED,
        description=description,
    )


schedules = [
    _schedule(
        "refresh_every_5_minutes",
        refresh,
        "*/5 * * * *",
        "Keeps marts at most five minutes behind what has landed.",
    ),
    _schedule("nightly_at_2", nightly, "0 2 * * *", "The nightly run, which scores, at 02:00 UTC."),
    _schedule(
        "retrain_weekly",
        retrain,
        "0 5 * * 0",
        "Trains every model anew on Sundays at 05:00 UTC, and promotes what is not worse.",
    ),
    _schedule(
        "due_campaigns",
        due_campaigns,
        "*/15 * * * *",
        "Launches what is due, goes on with journeys, asks the gates and sends. A tick that was "
        "missed sends what is still in time (not_after). A dry run until a provider of "
        "marketing/providers.yml is live.",
    ),
    _schedule(
        "audiences_hourly",
        audiences,
        "30 * * * *",
        "Brings live audiences and the CRM to what was last published.",
    ),
    _schedule(
        "backup_daily_at_3",
        daily_backup,
        "30 3 * * *",
        "Backs up to MARKETING_BACKUPS at 03:30 UTC and restores it for a look.",
    ),
    _schedule(
        "retain_daily_at_4",
        retain,
        "30 4 * * *",
        "Erases and deletes what is due by privacy.yml, at 04:30 UTC.",
    ),
]
