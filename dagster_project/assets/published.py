"""The last step: what readers open."""

from pathlib import Path
from typing import Any

from dagster import AssetsDefinition, Failure, MaterializeResult, MetadataValue, asset

from dagster_project import standing, translation
from dagster_project.dbt import Dbt
from dagster_project.resources import WorkspaceResource
from dagster_project.slices import CHANGES
from dagster_project.translation import Manifest
from reverse_etl.publish import Made, publish, publish_as_of, read_catalogue
from workspace import clock, warehouse


def build_published_asset(manifest: Manifest) -> AssetsDefinition:
    nodes = [
        node for node in translation.models(manifest) if node["schema"] in translation.PUBLISHED
    ]

    @asset(
        deps=[translation.asset_key(node) for node in nodes],
        group_name="published",
        kinds={"parquet", "duckdb"},
        owners=["team:data"],
        description=(
            "The version readers open: Parquet below published/current and the views of "
            "published/marketing.duckdb. Made only when every blocking check has passed."
        ),
    )
    def published(workspace: WorkspaceResource) -> MaterializeResult:
        run = workspace.run
        paths = run.settings.paths
        dbt = Dbt(paths, run.settings.environment, run.warehouse)
        catalogue = read_catalogue(dbt.manifest_path)
        facts = {
            "as_of": clock.iso(run.as_of),
            "snapshot_id": run.lake.snapshot_id(),
            "run_id": run.run_id,
        }
        nodes_now = dbt.manifest["nodes"]
        doubts = [
            f"{name}: {detail}"
            for name, detail in warehouse.doubts(run.warehouse).items()
            if name in nodes_now or "." not in name  # a check that is gone doubts nothing
        ]
        if doubts:
            raise Failure("not published: " + "; ".join(doubts), allow_retries=False)
        with run.step("published") as step:
            if run.is_past:
                done = publish_as_of(run.warehouse, paths, catalogue, run.as_of, facts)
                run.warehouse.unlink()
            else:
                # Building everything is to mend what is wrong; nothing is then taken as it stood.
                made = {} if workspace.full_refresh else _made(run.warehouse, nodes_now)
                done = publish(run.warehouse, paths, catalogue, clock.now(), facts, made)
            step.rows = sum(done.rows.values())
        listing = "\n".join(f"| {name} | {rows} |" for name, rows in sorted(done.rows.items()))
        return MaterializeResult(
            metadata={
                "dagster/row_count": sum(done.rows.values()),
                "version": done.version,
                "folder": MetadataValue.path(str(done.folder)),
                "files_written": done.written,
                "files_linked": done.linked,
                "rows": MetadataValue.md("| view | rows |\n|---|---|\n" + listing),
            }
        )

    return published


def _made(path: Path, nodes: dict[str, Any]) -> dict[str, Made]:
    """What is known of the published relations, by `schema.name`."""
    with warehouse.connect(path) as connection:
        built = standing.look(connection)
        noted = {name for (name,) in connection.execute(_NOTED, [CHANGES]).fetchall()}
    found = {}
    for unique_id, node in nodes.items():
        known = built.get(unique_id)
        if known is not None and node["schema"] in translation.PUBLISHED:
            name = f"{node['schema']}.{node['alias']}"
            changes = f'"{CHANGES}"."{name}"' if name in noted else None
            found[name] = Made(known.version, known.since, changes)
    return found


_NOTED = "select table_name from duckdb_tables() where schema_name = ?"
