"""Journeys: the tick of a run, after the segments and before the marts over its log."""

from __future__ import annotations

from dagster import (
    AssetCheckResult,
    AssetCheckSpec,
    AssetKey,
    AssetsDefinition,
    MaterializeResult,
    MetadataValue,
    asset,
)

from dagster_project.assets.lake import stream_key
from dagster_project.resources import WorkspaceResource
from workspace import warehouse
from workspace.streams import STREAMS

STEPS = "journey_steps"
ONCE = "no_node_is_passed_twice_in_one_visit"


def build_journey_assets() -> list[AssetsDefinition]:
    @asset(
        key=stream_key(STEPS),
        deps=[
            stream_key("journey_versions"),
            stream_key("journey_enrolments"),
            AssetKey(["segment_memberships"]),
        ],
        group_name="journeys",
        kinds={"duckdb", "parquet"},
        owners=["team:marketing"],
        description=STREAMS[STEPS].description,
        check_specs=[
            AssetCheckSpec(
                ONCE,
                asset=stream_key(STEPS),
                blocking=True,
                description="The log has one row per enrolment, node and visit.",
            )
        ],
    )
    def journey_steps(workspace: WorkspaceResource) -> MaterializeResult:
        from reverse_etl.journeys import facts, running

        run = workspace.run
        with run.step(STEPS) as step, warehouse.attached(run.warehouse) as connection:
            names = connection.execute(
                "select message_type, event from marts.event_names"
            ).fetchall()
            sources = facts.Sources(
                run.definitions.fields,
                run.definitions.segments,
                names,
                run.definitions.verticals.reporting.time_zone,
            )
            # A past run looks back: what was decided then stays as it was.
            snapshot = None if run.is_past else run.lake.snapshot_id()
            done = running.advance(connection, run.lake, sources, run.as_of, snapshot)
            if done.is_stored:
                step.rows = done.steps.num_rows
            warehouse.show(connection, run.lake, STEPS, run.as_of)
            repeated = connection.execute(
                f"select count(*) from (select 1 from lake.{STEPS} "
                "group by enrolment_id, node, visit having count(*) > 1)"
            ).fetchone()
            outcomes = connection.execute(
                f"select journey, outcome, count(*) from lake.{STEPS} where known_at = $1 "
                "and kind != 'watch' group by all order by all",
                [run.as_of],
            ).fetchall()
        lines = ["| journey | outcome | contacts |", "|---|---|---|"]
        lines += [f"| {journey} | {outcome} | {count} |" for journey, outcome, count in outcomes]
        assert repeated is not None
        return MaterializeResult(
            metadata={
                "dagster/row_count": run.lake.rows(STEPS),
                "this_tick": MetadataValue.md("\n".join(lines)),
            },
            check_results=[AssetCheckResult(check_name=ONCE, passed=repeated[0] == 0)],
        )

    return [journey_steps]
