"""When runs start by themselves. All are off until an operator turns them on in the UI."""

from __future__ import annotations

from dagster import DefaultScheduleStatus, ScheduleDefinition

from dagster_project.jobs import audiences, daily_backup, due_campaigns, nightly, refresh
from dagster_project.retaining import retain

schedules = [
    ScheduleDefinition(
        name="refresh_every_5_minutes",
        job=refresh,
        cron_schedule="*/5 * * * *",
        default_status=DefaultScheduleStatus.STOPPED,
        description="Keeps marts at most five minutes behind what has landed.",
    ),
    ScheduleDefinition(
        name="nightly_at_2",
        job=nightly,
        cron_schedule="0 2 * * *",
        default_status=DefaultScheduleStatus.STOPPED,
        description="The nightly run, at 02:00 UTC.",
    ),
    ScheduleDefinition(
        name="due_campaigns",
        job=due_campaigns,
        cron_schedule="*/15 * * * *",
        default_status=DefaultScheduleStatus.STOPPED,
        description="Launches what is due, goes on with journeys, asks the gates and sends. A tick "
        "that was missed sends what is still in time (not_after). A dry run until a provider of "
        "marketing/providers.yml is live.",
    ),
    ScheduleDefinition(
        name="audiences_hourly",
        job=audiences,
        cron_schedule="30 * * * *",
        default_status=DefaultScheduleStatus.STOPPED,
        description="Brings live audiences and the CRM to what was last published.",
    ),
    ScheduleDefinition(
        name="backup_daily_at_3",
        job=daily_backup,
        cron_schedule="30 3 * * *",
        default_status=DefaultScheduleStatus.STOPPED,
        description="Backs up to MARKETING_BACKUPS at 03:30 UTC and restores it for a look.",
    ),
    ScheduleDefinition(
        name="retain_daily_at_4",
        job=retain,
        cron_schedule="30 4 * * *",
        default_status=DefaultScheduleStatus.STOPPED,
        description="Erases and deletes what is due by privacy.yml, at 04:30 UTC.",
    ),
]
