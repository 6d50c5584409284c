"""Experiments: each run looks at them, after its messages and before the marts over its looks."""

from __future__ import annotations

from dagster import AssetKey, AssetsDefinition, MaterializeResult, MetadataValue, asset

from dagster_project import translation
from dagster_project.assets.lake import stream_key
from dagster_project.resources import WorkspaceResource
from dagster_project.translation import Manifest
from workspace import warehouse
from workspace.streams import STREAMS

LOOKS = "experiment_looks"
#: What a look reads of the warehouse.
_READ = ("int_experiments", "int_experiment_counts", "experiment_assignments")


def build_experiment_assets(manifest: Manifest) -> list[AssetsDefinition]:
    nodes = translation.models(manifest)
    read: list[AssetKey] = [translation.asset_key(n) for n in nodes if n["name"] in _READ]

    @asset(
        key=stream_key(LOOKS),
        deps=read,
        group_name="experiments",
        kinds={"python", "parquet"},
        owners=["team:data"],
        description=STREAMS[LOOKS].description,
    )
    def experiment_looks(workspace: WorkspaceResource) -> MaterializeResult:
        from models_ml.experiments import looking

        run = workspace.run
        with run.step(LOOKS) as step, warehouse.attached(run.warehouse) as connection:
            # A past run looks with what earlier ones found, and stores nothing.
            rows, is_new = looking.looked(connection, run.lake, run.as_of, not run.is_past)
            if run.is_past:
                warehouse.store(connection, LOOKS, rows)
            else:
                warehouse.show(connection, run.lake, LOOKS, run.as_of)
            step.rows = rows.num_rows if is_new else 0
        lines = ["| experiment | variant | measured | decision | |", "|---|---|---|---|---|"]
        lines += [
            f"| {row['experiment']} | {row['variant']} | {row['measured']} | {row['decision']} "
            f"| {row['reasons']} |"
            for row in rows.to_pylist()
            if row["as_of"] == run.as_of
        ]
        return MaterializeResult(
            metadata={
                "dagster/row_count": run.lake.rows(LOOKS),
                "looks": MetadataValue.md("\n".join(lines)),
            }
        )

    return [experiment_looks]
