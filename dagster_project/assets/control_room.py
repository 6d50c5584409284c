"""Pages made of what is published, for people who decide."""

from dagster import AssetsDefinition, MaterializeResult, MetadataValue, asset

from dagster_project.resources import WorkspaceResource
from reverse_etl.control_room import building


def build_control_room_asset() -> AssetsDefinition:
    @asset(
        deps=["published"],
        group_name="published",
        kinds={"html", "plotly"},
        owners=["team:data"],
        description=(
            "The pages of the control room, made of the published marts: opened from the "
            "workspace's folder control_room, or through marketing serve. A run of a past as_of "
            "leaves them as they are."
        ),
    )
    def control_room(workspace: WorkspaceResource) -> MaterializeResult:
        run = workspace.run
        if run.is_past:
            return MaterializeResult(metadata={"built": False})
        with run.step("control_room") as step:
            done = building.build(run.settings.paths)
            step.rows = sum(done.rows.values())
        listing = "\n".join(f"| {name} | {rows} |" for name, rows in done.rows.items())
        return MaterializeResult(
            metadata={
                "built": True,
                "folder": MetadataValue.path(str(done.folder)),
                "pages": len(done.pages),
                "bytes": done.size,
                "rows": MetadataValue.md("| figure | rows |\n|---|---|\n" + listing),
            }
        )

    return control_room
