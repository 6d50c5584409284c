"""Segments: their compiled queries before dbt evaluates them, their changes after it."""

from collections.abc import Iterator
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    MaterializeResult,
    MetadataValue,
    multi_asset,
)

from dagster_project import standing
from dagster_project.assets.lake import stream_key
from dagster_project.resources import WorkspaceResource
from workspace import warehouse
from workspace.streams import STREAMS

SEEN = "events_asked_for_were_seen"
NOT_HELD = "no_change_was_held"
AGREED = "a_second_evaluation_agrees"

_QUERIES = {
    "segment_events": "What contacts did that some segment asks about: the query, compiled.",
    "segment_touches": "The touches that some segment asks about: the query, compiled.",
    "segment_contacts": "One truth a leaf condition for each contact: the query, compiled.",
    "segment_accounts": "One truth a leaf condition for each account: the query, compiled.",
    "segment_members": "Who is in which segment: the query, compiled.",
}


def build_segment_assets() -> list[AssetsDefinition]:
    return [segment_queries, segment_changes]


@multi_asset(
    specs=[
        AssetSpec(
            stream_key(name),
            deps=[
                stream_key("segment_definitions"),
                *(
                    AssetKey([mart])
                    for mart in ("contact_features", "account_features", "event_names")
                ),
            ],
            group_name="segments",
            kinds={"duckdb"},
            owners=["team:data"],
            description=description,
        )
        for name, description in _QUERIES.items()
    ],
    check_specs=[
        AssetCheckSpec(
            SEEN,
            asset=stream_key("segment_events"),
            description="Every event that a segment asks for is one of event_names.",
        )
    ],
)
def segment_queries(workspace: WorkspaceResource) -> Iterator[Any]:
    from reverse_etl.segments import compiler, versions

    run = workspace.run
    with run.step("segment_queries") as step, warehouse.attached(run.warehouse) as connection:
        segments = versions.in_force(run.lake, run.as_of, run.definitions.segments)
        names = connection.execute("select message_type, event from marts.event_names").fetchall()
        compiled = compiler.compile_segments(segments, run.definitions.fields, names, run.as_of)
        for name, query in compiled.queries("intermediate.int_").items():
            if warehouse.show_macro(connection, name, query, f"intermediate.int_{name}"):
                standing.forget_model(connection, f"int_{name}")
        step.rows = len(segments.segments)
    for name in _QUERIES:
        yield MaterializeResult(asset_key=stream_key(name))
    unseen = {key: sorted(names) for key, names in compiled.unseen_events.items()}
    yield AssetCheckResult(
        asset_key=stream_key("segment_events"),
        check_name=SEEN,
        passed=not unseen,
        severity=AssetCheckSeverity.WARN,
        metadata={"unseen": MetadataValue.json(unseen), **run.hindsight},
    )


@multi_asset(
    specs=[
        AssetSpec(
            stream_key(name),
            deps=[AssetKey(["int_segment_members"]), AssetKey(["identity_map"])],
            group_name="memberships",
            kinds={"parquet"},
            owners=["team:data"],
            description=STREAMS[name].description,
        )
        for name in ("segment_changes", "segment_evaluations")
    ],
    check_specs=[
        AssetCheckSpec(
            NOT_HELD,
            asset=stream_key("segment_changes"),
            description="No segment changed by more than its max_change without being accepted.",
        ),
        AssetCheckSpec(
            AGREED,
            asset=stream_key("segment_changes"),
            blocking=True,
            description="Another evaluation puts the same of a sample into each segment.",
        ),
    ],
)
def segment_changes(workspace: WorkspaceResource) -> Iterator[Any]:
    from reverse_etl.segments import changes, second_opinion, versions

    run = workspace.run
    with run.step("segment_changes") as step, warehouse.attached(run.warehouse) as connection:
        segments = versions.in_force(run.lake, run.as_of, run.definitions.segments)
        found = changes.compare(connection, segments, run.lake, run.as_of)
        held = {e.segment for e in found.evaluations if e.status == changes.HELD}
        fields = run.definitions.fields
        samples = second_opinion.look_again(connection, segments, fields, run.lake, run.as_of, held)
        disagreed = {key: s.disagreed for key, s in samples.items() if s.disagreed}
        # A past run looks back: what was decided then stays as it was. Where the evaluations
        # disagree, nobody comes or goes.
        counts = {key: sample.counts for key, sample in samples.items()}
        snapshot = run.lake.snapshot_id()
        if not (run.is_past or disagreed) and changes.commit(
            found, run.lake, run.as_of, snapshot, counts
        ):
            step.rows = found.changes.num_rows
        for stream in (changes.CHANGES, changes.EVALUATIONS):
            warehouse.show(connection, run.lake, stream, run.as_of)
    waiting = {
        e.segment: f"{e.entered} come and {e.departed} go, of {e.members_before}"
        for e in found.evaluations
        if e.status == changes.HELD and not run.is_past
    }
    lines = ["| segment | before | after | entered | left | |", "|---|" + "---|" * 5]
    lines += [
        f"| {e.segment} | {e.members_before} | {e.members} | {e.entered} | {e.departed} "
        f"| {e.status} |"
        for e in found.evaluations
    ]
    for stream in (changes.CHANGES, changes.EVALUATIONS):
        yield MaterializeResult(
            asset_key=stream_key(stream),
            metadata={
                "dagster/row_count": run.lake.rows(stream),
                "entered": sum(e.entered for e in found.evaluations),
                "departed": sum(e.departed for e in found.evaluations),
                "held_segments": len(waiting),
                "segments": MetadataValue.md("\n".join(lines)),
            },
        )
    yield AssetCheckResult(
        asset_key=stream_key("segment_changes"),
        check_name=NOT_HELD,
        passed=not waiting,
        severity=AssetCheckSeverity.WARN,
        description=f"{', '.join(waiting)}: accept with marketing segments accept KEY"
        if waiting
        else None,
        metadata={"held": MetadataValue.json(waiting), **run.hindsight},
    )
    yield AssetCheckResult(
        asset_key=stream_key("segment_changes"),
        check_name=AGREED,
        passed=not disagreed,
        metadata={"disagreed": MetadataValue.json(disagreed), **run.hindsight},
    )
