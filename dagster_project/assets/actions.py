"""Next best action: what a run decides for each contact, what other ways to decide would have
brought, and who resembles whom.

A round is decided by its first run, and again when the settings change. A past run decides with
what was known then and stores nothing.
"""

from collections.abc import Iterator

from dagster import (
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    MaterializeResult,
    MetadataValue,
    asset,
    multi_asset,
)

from dagster_project import translation
from dagster_project.assets.lake import stream_key
from dagster_project.resources import WorkspaceResource
from dagster_project.translation import Manifest
from workspace import warehouse
from workspace.streams import STREAMS

DECISIONS, MODELS = "action_decisions", "action_models"
POLICIES, LOOKALIKES = "action_policies", "lookalikes"
LOGS, CONTENT = "recommendation_logs", "content_policies"
#: What decisions read of the warehouse.
_READ = (
    "contact_feature_snapshots",
    "dim_contacts",
    "buyer_stages",
    "reachable_contacts",
    "fct_emails",
    "fct_touchpoints",
    "unsubscribes",
    "identity_map",
    "int_profiling_objections",
)

#: What the log of recommendations reads.
_READ_BY_LOGS = (
    "content_recommendations",
    "int_recommendation_contacts",
    "int_recommendation_histories",
    "int_recommendable_items",
    "int_item_fits",
    "fct_touchpoints",
    "identity_map",
    "int_profiling_objections",
)


def build_action_assets(manifest: Manifest) -> list[AssetsDefinition]:
    return [_decisions(manifest), _recommendations(manifest), _lookalikes(manifest)]


def _keys(manifest: Manifest, names: tuple[str, ...]) -> list[AssetKey]:
    nodes = translation.models(manifest)
    return [translation.asset_key(node) for node in nodes if node["name"] in names]


def _decisions(manifest: Manifest) -> AssetsDefinition:
    described = {
        DECISIONS: STREAMS[DECISIONS].description,
        MODELS: STREAMS[MODELS].description,
        POLICIES: "What other ways to decide would have brought, from decisions that were carried "
        "out: one row per policy and estimator.",
    }

    @multi_asset(
        specs=[
            AssetSpec(
                stream_key(name),
                deps=_keys(manifest, _READ),
                group_name="scores",
                kinds={"python", "duckdb" if name == POLICIES else "parquet"},
                owners=["team:data"],
                description=description,
            )
            for name, description in described.items()
        ]
    )
    def action_decisions(workspace: WorkspaceResource) -> Iterator[MaterializeResult]:
        from models_ml.actions import policies
        from models_ml.actions.reading import Reader, models_told
        from models_ml.actions.rounds import fit_id, round_of

        run = workspace.run
        definitions = run.definitions
        settings = definitions.actions
        round_on = round_of(run.as_of, settings.round_days)
        batch = f"{round_on}:{fit_id(settings)}"
        with run.step(DECISIONS) as step, warehouse.attached(run.warehouse) as connection:
            reader = Reader(
                connection,
                settings,
                definitions.campaigns.campaigns,
                definitions.experiments.experiments,
                definitions.caps.holdout,
                run.as_of,
            )
            sets = [entry.batch for entry in run.lake.entries(DECISIONS)]
            # What a past round decided stands; one that was never decided is looked at only.
            stands = (
                reader.decided(round_on)
                if run.is_past
                else bool(sets) and sets[-1].startswith(batch)
            )
            if not stands:
                from models_ml.actions.deciding import decide  # heavy

                # A run may have died after its models: their number is not given again.
                number = max(len(sets), len(run.lake.entries(MODELS)))
                found = decide(reader, number)
                # Decisions last: where they are, their models are.
                tables = {MODELS: found.models, DECISIONS: found.decisions}
                for name, table in tables.items():
                    if run.is_past:
                        warehouse.store(connection, name, table)
                    elif table.num_rows:
                        run.lake.commit(name, f"{batch}:{number}", table)
                        warehouse.show(connection, run.lake, name, run.as_of)
                step.rows = found.decisions.num_rows
            judged = policies.estimates(reader)
            warehouse.store(connection, POLICIES, judged)
            told = MetadataValue.md(models_told(connection))
        for name in (DECISIONS, MODELS):
            yield MaterializeResult(
                asset_key=stream_key(name),
                metadata={"dagster/row_count": run.lake.rows(name), "models": told, "batch": batch},
            )
        yield MaterializeResult(
            asset_key=stream_key(POLICIES), metadata={"dagster/row_count": judged.num_rows}
        )

    return action_decisions


def _recommendations(manifest: Manifest) -> AssetsDefinition:
    described = {
        LOGS: STREAMS[LOGS].description,
        CONTENT: "How often contacts met what other weights of recommendations would put first: "
        "one row per policy.",
    }

    @multi_asset(
        specs=[
            AssetSpec(
                stream_key(name),
                deps=_keys(manifest, _READ_BY_LOGS),
                group_name="scores",
                kinds={"python", "duckdb" if name == CONTENT else "parquet"},
                owners=["team:data"],
                description=description,
            )
            for name, description in described.items()
        ]
    )
    def recommendation_logs(workspace: WorkspaceResource) -> Iterator[MaterializeResult]:
        from models_ml.actions import ranking
        from models_ml.actions.rounds import round_of

        run = workspace.run
        content = run.definitions.content
        round_on = round_of(run.as_of, run.definitions.actions.round_days)
        with run.step(LOGS) as step, warehouse.attached(run.warehouse) as connection:
            # The past is not logged again.
            if not run.is_past and not run.lake.has(LOGS, str(round_on)):
                rows = ranking.logged(connection, round_on, run.as_of)
                if rows.num_rows:
                    run.lake.commit(LOGS, str(round_on), rows)
                    warehouse.show(connection, run.lake, LOGS, run.as_of)
                step.rows = rows.num_rows
            judged = ranking.estimates(connection, content, run.as_of)
            warehouse.store(connection, CONTENT, judged)
        yield MaterializeResult(
            asset_key=stream_key(LOGS), metadata={"dagster/row_count": run.lake.rows(LOGS)}
        )
        yield MaterializeResult(
            asset_key=stream_key(CONTENT), metadata={"dagster/row_count": judged.num_rows}
        )

    return recommendation_logs


def _lookalikes(manifest: Manifest) -> AssetsDefinition:

    @asset(
        key=stream_key(LOOKALIKES),
        deps=_keys(manifest, ("contact_feature_snapshots", "int_segment_members")),
        group_name="memberships",
        kinds={"python", "duckdb"},
        owners=["team:data"],
        description="Contacts outside a segment who resemble its members: one row per segment and "
        "contact.",
    )
    def lookalikes(workspace: WorkspaceResource) -> MaterializeResult:
        from models_ml.actions import lookalikes as searching

        run = workspace.run
        with run.step(LOOKALIKES) as step, warehouse.attached(run.warehouse) as connection:
            rows = searching.found(connection, run.definitions.actions.lookalikes, run.as_of)
            warehouse.store(connection, LOOKALIKES, rows)
            step.rows = rows.num_rows
        return MaterializeResult(metadata={"dagster/row_count": rows.num_rows})

    return lookalikes
