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
    from dagster_project.erasing import retained, retention_due

    settings = settings_module.load(config.workspace)
    restored.check(settings.paths.root)
    due = {one.what: one.count for one in retention_due(settings)}
    begun = 0
    if any(due.values()) and not config.dry_run:
        begun = retained(settings)
    context.add_output_metadata({**due, "erasures begun": begun})


@job(
    description="Erases people whose time is over and deletes what is due. After the next run "
    "'marketing erase --resume' proves the erasures and signs their certificates.",
    tags={"dagster/max_retries": "0"},
)
def retain() -> None:
    retain_what_is_due()
