"""Keeping the lake tidy; runs at night, after the publish."""

from dagster import AssetsDefinition, MaterializeResult, asset

from dagster_project.jobs import MAINTENANCE
from dagster_project.resources import WorkspaceResource
from ingestion import replaceable
from workspace.streams import STREAMS


def build_maintenance_asset() -> AssetsDefinition:
    @asset(
        deps=["published"],
        group_name=MAINTENANCE,
        kinds={"parquet"},
        owners=["team:data"],
        description="Small files of each stream merged by the same atomic commit.",
    )
    def lake_compaction(workspace: WorkspaceResource) -> MaterializeResult:
        run = workspace.run
        with run.step("lake_compaction") as step:
            saved, swept = {}, []
            if not run.is_past:
                for name in STREAMS:
                    saved[name] = run.lake.compact(name, replaceable(run.lake, name))
                swept = run.lake.sweep()
            step.rows = sum(saved.values())
        return MaterializeResult(
            metadata={"files_merged": sum(saved.values()), "files_removed": len(swept)}
        )

    return lake_compaction
