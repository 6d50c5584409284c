"""dbt models as assets and their tests as asset checks, in the phases of a run.

The first build makes what stands on sources; each later one what stands on something that the
run itself has made before it, at last on the run's own record.
"""

from collections.abc import Iterator
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    DataVersion,
    Failure,
    MaterializeResult,
    MetadataValue,
    asset,
    multi_asset,
)

from dagster_project import figures, tables, translation
from dagster_project.dbt import Dbt, NodeResult
from dagster_project.resources import WorkspaceResource
from dagster_project.statements import UNCHANGED
from dagster_project.translation import Manifest
from workspace import warehouse

RUN_LOG = AssetKey(["lake", "run_log"])


def build_model_assets(manifest: Manifest) -> list[AssetsDefinition]:
    phases = [
        _phase(name, manifest, nodes)
        for phase, name in _BUILDS.items()
        if (nodes := translation.models(manifest, phase))
    ]
    return [*phases, _run_log_export(manifest)]


#: Phase -> the step that builds it.
_BUILDS = {
    "models": "dbt_models",
    "scores": "dbt_scores",
    "intervals": "dbt_intervals",
    "segments": "dbt_segments",
    "memberships": "dbt_memberships",
    "journeys": "dbt_journeys",
    "experiments": "dbt_experiments",
    "activation": "dbt_run_record",
}


def _phase(name: str, manifest: Manifest, nodes: list[dict[str, Any]]) -> AssetsDefinition:

    @multi_asset(
        name=name,
        specs=translation.specs(manifest, nodes),
        check_specs=translation.check_specs(manifest, nodes),
        can_subset=True,
    )
    def build(context: AssetExecutionContext, workspace: WorkspaceResource) -> Iterator[Any]:
        run = workspace.run
        dbt = Dbt(run.settings.paths, run.settings.environment, run.warehouse)
        wanted = context.selected_asset_keys
        selected = [node for node in nodes if translation.asset_key(node) in wanted]
        part = name
        if len(selected) < len(nodes):
            part += f" ({', '.join(node['name'] for node in selected)})"
        with run.step(name) as step:
            warehouse.begin_build(run.warehouse, part)
            # Who names some models wants them built.
            anew = workspace.full_refresh or len(selected) < len(nodes)
            result = dbt.build([node["unique_id"] for node in selected], anew)
            failed = {node.unique_id: node.message or node.status for node in result.failed}
            ran = [node.unique_id for node in result.nodes if node.status != "skipped"]
            passed = [unique_id for unique_id in ran if unique_id not in failed]
            warehouse.end_build(run.warehouse, part, passed, failed)
            step.rows = len(result.changed)
            step.detail = f"sql {result.sql_seconds:.2f} s of {result.seconds:.2f} s"
        known = {node["unique_id"]: node for node in nodes}
        with warehouse.connect(run.warehouse) as connection:
            counts = tables.row_counts(connection)
            for done in result.nodes:  # in the order they were built, parents first
                node = known.get(done.unique_id)
                if node is not None and done.ok:
                    yield MaterializeResult(
                        asset_key=translation.asset_key(node),
                        metadata=_metadata(connection, node, done, counts),
                        data_version=DataVersion(done.version) if done.version else None,
                    )
        by_id = {done.unique_id: done for done in result.nodes}
        with warehouse.connect(run.warehouse) as connection:
            told = tables.told(connection, dbt.project, by_id)
        yield from _check_results(context, manifest, by_id, told, run.hindsight)
        if result.failed:
            raise Failure(
                "dbt: " + "; ".join(f"{n.unique_id}: {n.message}" for n in result.failed[:20]),
                allow_retries=False,
            )

    return build


def _run_log_export(manifest: Manifest) -> AssetsDefinition:
    *before, last = translation.PHASES

    @asset(
        key=RUN_LOG,
        deps=[translation.asset_key(node) for node in translation.models(manifest, *before)],
        group_name=last,
        kinds={"duckdb"},
        owners=["team:data"],
        description="The ledger's record of runs and steps, this run's included.",
    )
    def run_log_export(workspace: WorkspaceResource) -> MaterializeResult:
        run = workspace.run
        with run.step("run_log_export") as step:
            rows = run.ledger.run_log(run.as_of)
            with warehouse.connect(run.warehouse) as connection:
                warehouse.store(connection, "run_log", rows)
            step.rows = rows.num_rows
        return MaterializeResult(metadata={"dagster/row_count": rows.num_rows})

    return run_log_export


def _metadata(
    connection: Any, node: dict[str, Any], done: NodeResult, counts: dict[str, int]
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"seconds": MetadataValue.float(round(done.seconds, 3))}
    if done.status == UNCHANGED or done.message:
        metadata["build"] = done.message or UNCHANGED
    name = f"{node['schema']}.{node['alias']}"
    if name in counts:
        metadata["dagster/row_count"] = counts[name]
    metadata |= figures.numbers(connection, node["alias"])
    picture = tables.PICTURES.get(node["alias"])
    if picture is not None:
        metadata["table"] = MetadataValue.md(tables.markdown(connection, picture))
    return metadata


def _check_results(
    context: AssetExecutionContext,
    manifest: Manifest,
    by_id: dict[str, NodeResult],
    told: dict[str, str],
    hindsight: dict[str, bool],
) -> Iterator[AssetCheckResult]:
    """A result for each test that ran and that this run asked for."""
    wanted = {(key.asset_key, key.name) for key in context.selected_asset_check_keys}
    everything, subjects = manifest["nodes"], translation.subjects_of(manifest)
    names = translation.check_names(manifest)
    for test in translation.tests(manifest):
        done = by_id.get(test["unique_id"])
        attached = everything.get(subjects.get(test["unique_id"]))
        if done is None or attached is None or done.status == "skipped":
            continue
        key = translation.asset_key(attached)
        name = names[test["unique_id"]]
        if (key, name) not in wanted:
            continue
        warns = test["config"]["severity"].lower() == "warn"
        yield AssetCheckResult(
            asset_key=key,
            check_name=name,
            passed=done.ok,
            severity=AssetCheckSeverity.WARN if warns else AssetCheckSeverity.ERROR,
            description=told.get(test["unique_id"]),
            metadata={"failing_rows": done.failures or 0, **hindsight},
        )
