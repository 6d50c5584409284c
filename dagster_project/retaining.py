"""The end of what has been kept long enough, as a job."""

from dagster import Config, OpExecutionContext, job, op
from pydantic import Field

from workspace import restored
from workspace import settings as settings_module


class Retain(Config):
    """Of which workspace, and whether anything is to change."""

    workspace: str | None = Field(
        None, description="Workspace folder; MARKETING_WORKSPACE or data/ when empty."
    )
    dry_run: bool = Field(False, description="Say what is due; change nothing.")


# It takes the run lock itself, so it has no WorkspaceResource, which holds that lock.
@op(description="Erases and deletes what is due by privacy.yml (docs/erasure.md).")
def retain_what_is_due(context: OpExecutionContext, config: Retain) -> None:
    from dagster_project.erasing import conclude, retained, retention_due

    settings = settings_module.load(config.workspace)
    restored.check(settings.paths.root)
    due = {one.what: one.count for one in retention_due(settings)}
    begun = signed = 0
    if any(due.values()) and not config.dry_run:
        begun = retained(settings)
        signed = sum(outcome.requests for outcome in conclude(settings) if outcome.is_done)
    context.add_output_metadata({**due, "erasures begun": begun, "erasures signed": signed})


@job(
    description="Erases people whose time is over, deletes what is due and signs certificates. "
    "What an erasure still waits for, 'marketing erase --resume' says.",
    tags={"dagster/max_retries": "0"},
)
def retain() -> None:
    retain_what_is_due()
