"""What models find in the facts of a run, on its way back into the lake.

A commit is keyed by the run's `as_of` and input snapshot: asked again, it stands as it is. A past
run looks with the same models and stores nothing.
"""

from __future__ import annotations

from dagster import AssetsDefinition, MaterializeResult, asset

from dagster_project import translation
from dagster_project.assets.lake import stream_key
from dagster_project.resources import WorkspaceResource
from dagster_project.translation import Manifest
from workspace import warehouse
from workspace.clock import iso
from workspace.streams import STREAMS

ATTRIBUTION = "attribution_effects"
#: What the models of attribution read of the warehouse.
_READ = ("int_attribution_path_counts", "stg_marketing__attribution_settings")


def build_score_assets(manifest: Manifest) -> list[AssetsDefinition]:
    read = [node for node in translation.models(manifest) if node["name"] in _READ]

    @asset(
        key=stream_key(ATTRIBUTION),
        deps=[translation.asset_key(node) for node in read],
        group_name="scores",
        kinds={"python", "parquet"},
        owners=["team:data"],
        description=STREAMS[ATTRIBUTION].description,
    )
    def attribution_effects(workspace: WorkspaceResource) -> MaterializeResult:
        from models_ml.attribution.effects import effects

        run = workspace.run
        snapshot = run.lake.snapshot_id()
        batch = f"{iso(run.as_of)}:{snapshot}"
        with run.step(ATTRIBUTION) as step, warehouse.attached(run.warehouse) as connection:
            if run.is_past:
                rows = effects(connection, run.as_of, snapshot)
                warehouse.store(connection, ATTRIBUTION, rows)
                step.rows = rows.num_rows
            else:
                if not run.lake.has(ATTRIBUTION, batch):
                    rows = effects(connection, run.as_of, snapshot)
                    run.lake.commit(ATTRIBUTION, batch, rows)
                    step.rows = rows.num_rows
                # Only this run's own rows: the marts stand as long as the fit does.
                rows_of_run = (
                    f"select * from ({run.lake.relation_sql(ATTRIBUTION, run.as_of)}) "
                    f"where snapshot_id = '{snapshot}' "
                    f"and as_of = timestamp '{run.as_of:%Y-%m-%d %H:%M:%S.%f}'"
                )
                warehouse.show_query(connection, ATTRIBUTION, rows_of_run)
        return MaterializeResult(metadata={"dagster/row_count": step.rows or 0, "batch": batch})

    return [attribution_effects]
