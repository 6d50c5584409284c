"""What models find in the facts of a run, on its way back into the lake.

A commit is keyed by the run's `as_of`, its input snapshot and what the fit was made with: asked
again, it stands as it is. A past run looks with the same models and stores nothing. What follows
from the warehouse alone, such as intervals, is computed again in each run and stays there.
"""

from __future__ import annotations

from dagster import AssetKey, AssetsDefinition, MaterializeResult, asset

from dagster_project import translation
from dagster_project.assets.lake import stream_key
from dagster_project.resources import WorkspaceResource
from dagster_project.translation import Manifest
from workspace import warehouse
from workspace.clock import iso
from workspace.streams import STREAMS

ATTRIBUTION = "attribution_effects"
INTERVALS = "attribution_intervals"
#: What the models of attribution read of the warehouse.
_READ = ("int_attribution_path_counts", "stg_marketing__attribution_settings")
_READ_BY_INTERVALS = (*_READ, "int_attribution_unit_credits", "int_reporting_windows")


def build_score_assets(manifest: Manifest) -> list[AssetsDefinition]:
    return [_attribution_effects(manifest), _attribution_intervals(manifest)]


def _keys(manifest: Manifest, names: tuple[str, ...]) -> list[AssetKey]:
    nodes = translation.models(manifest)
    return [translation.asset_key(node) for node in nodes if node["name"] in names]


def _attribution_effects(manifest: Manifest) -> AssetsDefinition:

    @asset(
        key=stream_key(ATTRIBUTION),
        deps=_keys(manifest, _READ),
        group_name="scores",
        kinds={"python", "parquet"},
        owners=["team:data"],
        description=STREAMS[ATTRIBUTION].description,
    )
    def attribution_effects(workspace: WorkspaceResource) -> MaterializeResult:
        from models_ml.attribution.effects import effects, fitted_with

        run = workspace.run
        with run.step(ATTRIBUTION) as step, warehouse.attached(run.warehouse) as connection:
            fit = f"{run.lake.snapshot_id()}:{fitted_with(connection)}"
            batch = f"{iso(run.as_of)}:{fit}"
            if run.is_past:
                rows = effects(connection, run.as_of, fit)
                warehouse.store(connection, ATTRIBUTION, rows)
                step.rows = rows.num_rows
            else:
                if not run.lake.has(ATTRIBUTION, batch):
                    rows = effects(connection, run.as_of, fit)
                    run.lake.commit(ATTRIBUTION, batch, rows)
                    step.rows = rows.num_rows
                # Only this run's own rows: the marts stand as long as the fit does.
                rows_of_run = (
                    f"select * from ({run.lake.relation_sql(ATTRIBUTION, run.as_of)}) "
                    f"where snapshot_id = '{fit}' "
                    f"and as_of = timestamp '{run.as_of:%Y-%m-%d %H:%M:%S.%f}'"
                )
                warehouse.show_query(connection, ATTRIBUTION, rows_of_run)
        return MaterializeResult(metadata={"dagster/row_count": step.rows or 0, "batch": batch})

    return attribution_effects


def _attribution_intervals(manifest: Manifest) -> AssetsDefinition:

    @asset(
        key=stream_key(INTERVALS),
        deps=_keys(manifest, _READ_BY_INTERVALS),
        group_name="intervals",
        kinds={"python", "duckdb"},
        owners=["team:data"],
        description="How far shares of credit vary when other units had been drawn: one row per "
        "scope, month, window, model, level and name.",
    )
    def attribution_intervals(workspace: WorkspaceResource) -> MaterializeResult:
        from models_ml.attribution.intervals import intervals

        run = workspace.run
        with run.step(INTERVALS) as step, warehouse.attached(run.warehouse) as connection:
            rows = intervals(connection)
            warehouse.store(connection, INTERVALS, rows)
            step.rows = rows.num_rows
        return MaterializeResult(metadata={"dagster/row_count": rows.num_rows})

    return attribution_intervals
