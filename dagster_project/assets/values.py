"""What customers are likely to be worth, computed from the orders of each run."""

from __future__ import annotations

from collections.abc import Iterator

from dagster import AssetsDefinition, AssetSpec, MaterializeResult, multi_asset

from dagster_project import translation
from dagster_project.assets.lake import stream_key
from dagster_project.resources import WorkspaceResource
from dagster_project.translation import Manifest
from workspace import warehouse

FITS, ESTIMATES = "customer_value_fits", "customer_value_estimates"
_READ = ("int_purchase_days", "stg_system__run_context")
_TOLD = {
    FITS: "What the models of customers' orders were fitted to, and how well they foretold: one "
    "row per vertical with orders.",
    ESTIMATES: "What further orders are expected of customers: one row per vertical and customer "
    "with orders.",
}


def build_value_assets(manifest: Manifest) -> AssetsDefinition:
    read = [
        translation.asset_key(node)
        for node in translation.models(manifest)
        if node["name"] in _READ
    ]

    @multi_asset(
        name="customer_values_of_orders",
        specs=[
            AssetSpec(
                stream_key(name),
                deps=read,
                group_name="scores",
                kinds={"python", "duckdb"},
                owners=["team:data"],
                description=told,
            )
            for name, told in _TOLD.items()
        ],
    )
    def computed(workspace: WorkspaceResource) -> Iterator[MaterializeResult]:
        from models_ml.value.estimates import customer_values

        run = workspace.run
        with run.step(ESTIMATES) as step, warehouse.attached(run.warehouse) as connection:
            tables = customer_values(connection)
            for name, table in tables.items():
                warehouse.store(connection, name, table)
            step.rows = tables[ESTIMATES].num_rows
        for name, table in tables.items():
            yield MaterializeResult(
                asset_key=stream_key(name), metadata={"dagster/row_count": table.num_rows}
            )

    return computed
