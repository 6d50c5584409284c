"""Jobs: the refresh of everything, and the nightly run that also tidies the lake."""

from __future__ import annotations

from dagster import AssetSelection, define_asset_job

MAINTENANCE = "maintenance"

refresh = define_asset_job(
    "refresh",
    selection=AssetSelection.all() - AssetSelection.groups(MAINTENANCE),
    description="Takes in what has landed, rebuilds every mart and publishes.",
    tags={"dagster/max_retries": "0"},
)

nightly = define_asset_job(
    "nightly",
    selection=AssetSelection.all(),
    description="The refresh, and the compaction of the lake's small files.",
    tags={"dagster/max_retries": "0"},
)
