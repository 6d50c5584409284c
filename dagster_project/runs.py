"""One pipeline run in this process, recorded in the workspace's own Dagster storage."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workspace import durable
from workspace.paths import Paths
from workspace.settings import Settings, exported

if TYPE_CHECKING:
    from dagster import DagsterInstance

INSTANCE = """\
# Written by marketing; changes are overwritten.
telemetry: {enabled: false}
nux: {enabled: false}
run_queue: {max_concurrent_runs: 1}
retention:
  schedule: {purge_after_days: 30}
  sensor: {purge_after_days: {skipped: 7, failure: 30, success: -1}}
"""


#: The command line tells faults itself; Dagster's storage keeps the whole log.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class SelectionError(ValueError):
    """A selection of assets that cannot be read or selects none."""


@dataclass(frozen=True)
class RunOutcome:
    """``faults`` says of each failed step, check or resource what went wrong."""

    succeeded: bool
    run_id: str
    faults: list[str]


def prepare(settings: Settings) -> None:
    """What Dagster needs before it loads the definitions: its instance file, dbt's project."""
    from dagster_project.compiled import compiled

    write_instance(settings.paths)
    compiled(settings.paths, settings.environment)


def write_instance(paths: Paths) -> None:
    target = paths.dagster / "dagster.yaml"
    event_log = json.dumps(str(paths.dagster / "history" / "runs"))
    text = (
        INSTANCE
        + f"""\
event_log_storage:
  module: dagster_project.event_log
  class: EventLog
  config: {{base_dir: {event_log}}}
"""
    )
    if not target.exists() or target.read_text() != text:
        durable.write(target, text.encode(), mode=0o600)


def open_instance(paths: Paths) -> DagsterInstance:
    from dagster import DagsterInstance

    write_instance(paths)
    return DagsterInstance.from_config(str(paths.dagster))


def run(
    settings: Settings,
    as_of: str | None = None,
    select: str | None = None,
    full_refresh: bool = False,
    training: bool = False,
) -> RunOutcome:
    """Run the refresh job, or a selection of its assets in Dagster's selection syntax.

    What did not change is left as it stands, unless ``full_refresh`` is asked for. With
    ``training``, models are trained on the way.

    Raises :class:`dagster_project.dbt.DbtError` when the dbt project cannot be parsed and
    :class:`SelectionError` when the selection cannot be read or is empty.
    """
    from dagster import AssetSelection, BetaWarning, DagsterError, define_asset_job

    from dagster_project.build import build_definitions
    from dagster_project.dbt import Dbt
    from dagster_project.erasing import replay
    from dagster_project.jobs import refresh, retrain
    from dagster_project.resources import WorkspaceResource

    replay(settings)
    prepare(settings)
    dbt = Dbt(settings.paths, settings.environment, settings.paths.warehouse)
    resource = WorkspaceResource(
        workspace=str(settings.paths.root), as_of=as_of, full_refresh=full_refresh
    )
    definitions = build_definitions(dbt.manifest, {"workspace": resource})
    name = (retrain if training else refresh).name
    if select:
        # The run's own facts come first, whatever is selected.
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", BetaWarning)  # `group:` is told to be young
                picked = AssetSelection.from_string(select)
        except DagsterError as error:
            raise SelectionError(str(error)) from None
        if not picked.resolve(definitions.resolve_asset_graph()):
            raise SelectionError(f"{select!r} selects no asset")
        picked |= AssetSelection.assets("lake/run_context")
        job = define_asset_job("selected", selection=picked.required_multi_asset_neighbors())
        definitions = type(definitions).merge(definitions, type(definitions)(jobs=[job]))
        name = job.name
    # What is planned, an event for each asset and check, is stored at once.
    with open_instance(settings.paths) as instance, exported(DAGSTER_EVENT_BATCH_SIZE="10000"):
        result = definitions.resolve_job_def(name).execute_in_process(
            instance=instance, raise_on_error=False, run_config=QUIET
        )
    return RunOutcome(result.success, result.run_id, _faults(result))


def _faults(result: object) -> list[str]:
    faults = []
    for event in result.all_events:  # type: ignore[attr-defined]
        if event.is_step_failure:
            text = event.step_failure_data.user_failure_data
            error = event.step_failure_data.error
            while error is not None and error.cause is not None:
                error = error.cause
            message = text.description if text else (error.message if error else "failed")
            faults.append(f"{event.step_key}: {(message or 'failed').strip()}")
        elif event.event_type_value == "RESOURCE_INIT_FAILURE":
            faults.append(event.engine_event_data.error.message.strip())
        elif event.event_type_value == "ASSET_CHECK_EVALUATION":
            check = event.asset_check_evaluation_data
            if not check.passed and check.severity.value == "ERROR":
                asset = check.asset_key.to_user_string()
                faults.append(f"check {asset}: {check.check_name} failed")
    return faults
