"""Published segments to their destinations: one asset each, so that one failure is one red box.

They are no part of a refresh and build nothing that another asset reads; the job `audiences` asks
for them. A destination that was paused fails by itself, and so does one whose change is too large.
"""

from typing import Any

from dagster import AssetKey, AssetsDefinition, Failure, MaterializeResult, MetadataValue, asset
from duckdb import DuckDBPyConnection

from dagster_project.jobs import AUDIENCES
from dagster_project.resources import RunState, WorkspaceResource
from reverse_etl.audiences import people, registry, running
from reverse_etl.audiences.model import Capabilities
from reverse_etl.audiences.sync import HELD, PAUSED, Report
from workspace import settings


def audience_key(destination: str) -> AssetKey:
    return AssetKey(["audience", destination])


def build_audience_assets() -> list[AssetsDefinition]:
    return [
        *(_destination(known) for known in registry.CAPABILITIES.values()),
        _crm_actions(),
    ]


def _destination(known: Capabilities) -> AssetsDefinition:
    @asset(
        key=audience_key(known.name),
        deps=[AssetKey(["published"])],
        group_name=AUDIENCES,
        kinds={"api"},
        owners=["team:marketing"],
        description=f"{known.title}: the audiences of audiences.yml that go there.",
    )
    def synced(workspace: WorkspaceResource) -> MaterializeResult:
        run = workspace.run
        with run.step(f"audience_{known.name}") as step:
            reports = []
            registry.check(run.definitions.folder)
            if not run.is_past and running.has_work(run.ledger, run.definitions, known.name):
                with people.desk(run.settings.paths, run.ledger) as connection:
                    reports = list(running.run_destination(_room(run, connection), known.name))
            step.rows = sum(report.delivered for report in reports)
            trouble = [
                f"{report.place.audience}: {report.status}: {report.reason}"
                for report in reports
                if report.status in (PAUSED, HELD)
            ]
            if trouble:
                raise Failure("; ".join(trouble), _metadata(reports), allow_retries=False)
        return MaterializeResult(metadata=_metadata(reports))

    return synced


def _crm_actions() -> AssetsDefinition:
    @asset(
        key=audience_key("crm_actions"),
        deps=[AssetKey(["published"])],
        group_name=AUDIENCES,
        kinds={"api"},
        owners=["team:marketing"],
        description="HubSpot: tasks, tickets and changes that journeys, campaigns and routes ask "
        "for, each once.",
    )
    def crm_actions(workspace: WorkspaceResource) -> MaterializeResult:
        run = workspace.run
        with run.step("audience_crm_actions") as step:
            if run.is_past:
                return MaterializeResult(metadata={"status": "a past run sends nothing"})
            with people.desk(run.settings.paths, run.ledger) as connection:
                done = running.run_crm(_room(run, connection))
            step.rows = done.states["delivered"]
            if done.reason:
                raise Failure(done.reason, allow_retries=False)
        return MaterializeResult(
            metadata={"planned": done.planned, "states": MetadataValue.json(dict(done.states))}
        )

    return crm_actions


def _room(run: RunState, connection: DuckDBPyConnection) -> running.Room:
    here = settings.sources_are_stand_ins()
    desk = registry.Desk(settings.variables(registry.variables()), here)
    order = running.Order(_may_ask(run), actor=settings.actor())
    return running.Room(connection, run.ledger, run.definitions, desk, order, run.as_of)


def _may_ask(run: RunState) -> bool:
    """A demo world mixes with nothing real."""
    is_demo = run.settings.paths.default_as_of.exists()
    return not is_demo or settings.sources_are_stand_ins()


def _metadata(reports: list[Report]) -> dict[str, Any]:
    lines = ["| audience | status | added | changed | removed | unchanged | invalid | delivered |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    for report in reports:
        c = report.counters
        lines.append(
            f"| {report.place.audience} | {report.status} | {c.added} | {c.changed} | {c.removed} "
            f"| {c.unchanged} | {c.invalid} | {report.delivered} |"
        )
    return {"audiences": MetadataValue.md("\n".join(lines))}
