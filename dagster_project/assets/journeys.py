"""Journeys and campaigns of a run, after the segments and before the marts over what they did."""

from collections.abc import Iterator

from dagster import (
    AssetCheckResult,
    AssetCheckSpec,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    Config,
    MaterializeResult,
    MetadataValue,
    asset,
    multi_asset,
)
from pydantic import Field

from dagster_project.assets.lake import stream_key
from dagster_project.resources import WorkspaceResource
from workspace import warehouse
from workspace.ledger import outbox
from workspace.streams import STREAMS

STEPS = "journey_steps"
ONCE = "no_node_is_passed_twice_in_one_visit"


class CampaignRun(Config):
    """The launchpad's form."""

    only: list[str] = Field(
        default=[],
        description="Keys of the campaigns that may launch, such as [spring_webinar]; none named: "
        "every one that is due. What is left out stays due until its not_after.",
    )


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
                run.definitions.caps.time_zones,
                consent=run.definitions.consent,
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

    return [journey_steps, campaign_launches, messages]


@asset(
    key=stream_key("campaign_launches"),
    deps=[stream_key("campaign_versions"), AssetKey(["segment_memberships"])],
    group_name="journeys",
    kinds={"duckdb", "parquet"},
    owners=["team:marketing"],
    description=STREAMS["campaign_launches"].description,
)
def campaign_launches(workspace: WorkspaceResource, config: CampaignRun) -> MaterializeResult:
    from reverse_etl.campaigns import launching

    run = workspace.run
    lines = ["| campaign | occurrence | |", "|---|---|---|"]
    with run.step("campaign_launches") as step, warehouse.attached(run.warehouse) as connection:
        # A past run looks back: what was launched then stays as it was.
        if not run.is_past:
            done = launching.launch(
                connection,
                run.lake,
                run.definitions.caps,
                run.definitions.experiments,
                run.as_of,
                run.definitions.verticals.reporting.time_zone,
                run.lake.snapshot_id(),
                config.only,
            )
            step.rows = sum(done.launched.values())
            told = {
                **{key: f"{count:,} contacts" for key, count in done.launched.items()},
                **{key: f"missed: {reason}" for key, reason in done.missed.items()},
                **dict.fromkeys(done.waiting, "waits: a segment of its audience is stale"),
            }
            lines += [f"| {key} | {one} | {text} |" for (key, one), text in sorted(told.items())]
        warehouse.show(connection, run.lake, "campaign_launches", run.as_of)
    return MaterializeResult(
        metadata={
            "dagster/row_count": run.lake.rows("campaign_launches"),
            "contacts_launched": step.rows or 0,
            "this_run": MetadataValue.md("\n".join(lines)),
        }
    )


_MESSAGES = (
    "experiment_assignments",
    "message_intents",
    "message_decisions",
    "message_states",
)


@multi_asset(
    name="messages",
    specs=[
        AssetSpec(
            stream_key(name),
            deps=[
                stream_key(STEPS),
                stream_key("campaign_launches"),
                stream_key("template_versions"),
                AssetKey(["send_times"]),
            ],
            group_name="journeys",
            kinds={"duckdb", "parquet"},
            owners=["team:marketing"],
            description=STREAMS[name].description,
        )
        for name in _MESSAGES
    ],
)
def messages(workspace: WorkspaceResource) -> Iterator[MaterializeResult]:
    from reverse_etl import confirming, queueing
    from reverse_etl.content.library import Library
    from reverse_etl.delivery.ramps import ramps_of
    from reverse_etl.experiments import in_journeys
    from reverse_etl.journeys import intents, running

    run = workspace.run
    with run.step("messages") as step, warehouse.attached(run.warehouse) as connection:
        done, asked = None, 0
        # A past run looks back: nothing is decided and nothing queued.
        if not run.is_past:
            outbox.expire(run.ledger, run.as_of)
            running.load_log(connection, run.lake, run.as_of)
            given = run.definitions
            in_journeys.remember(connection, run.lake, run.as_of)
            intents.store(connection, run.lake, given.experiments, given.caps, run.as_of)
            asked = confirming.ask(connection, run.lake, given.consent, run.as_of)
            with Library.load(run.definitions.folder) as library:
                done = queueing.queue(
                    connection,
                    run.ledger,
                    run.lake,
                    run.definitions.caps,
                    library,
                    run.settings.keyring,
                    run.as_of,
                    run.definitions.verticals.reporting.time_zone,
                    ramps_of(run.definitions),
                )
            step.rows = done.queued
        for name in _MESSAGES:
            warehouse.show(connection, run.lake, name, run.as_of)
    for name in _MESSAGES:
        yield MaterializeResult(
            asset_key=stream_key(name),
            metadata={
                "dagster/row_count": run.lake.rows(name),
                "decisions": MetadataValue.json(done.decisions if done else {}),
                "queued": done.queued if done else 0,
                "confirmations_asked_for": asked,
            },
        )
