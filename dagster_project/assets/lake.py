"""Landing to lake: one asset a stream, and what a run needs before dbt.

Each file kind is loaded by one step. Its batches pass a Great Expectations suite before their
commit; the suite's verdict and the conservation of rows are blocking checks.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    MaterializeResult,
    MetadataValue,
    asset,
    multi_asset,
)

from dagster_project.assets.sources import feeding
from dagster_project.resources import RunState, WorkspaceResource
from dagster_project.translation import MADE_BY_RUNS
from ingestion.contracts import STREAMS_OF
from workspace import definitions, freshness, warehouse
from workspace.clock import iso
from workspace.definitions import Definitions
from workspace.lake import Lake
from workspace.ledger import (
    Ledger,
    anchors,
    attempts,
    audiences,
    consent,
    crm_actions,
    edits,
    privacy_requests,
)
from workspace.settings import actor, witness_root
from workspace.streams import STREAMS

SUITE = "batches_pass_their_suite"
CONSERVED = "received_is_good_plus_bad_plus_duplicate_plus_quarantined"
READABLE = "no_landed_file_was_refused"
FRESH = "is_fresh"
_CHECKED = {
    SUITE: "Each batch of rows is as ingestion/quality.py expects; one that is not was held back.",
    CONSERVED: "Every row received is good, bad, a duplicate or quarantined: none was lost.",
    READABLE: "Every landed file could be read; what could not is in rejected_rows.",
}
HOLDS = "the_chain_holds"


def stream_key(stream: str) -> AssetKey:
    return AssetKey(["lake", stream])


def landing_key(kind: str) -> AssetKey:
    return AssetKey(["landing", kind])


def build_landing_specs() -> list[AssetSpec]:
    return [
        AssetSpec(
            landing_key(kind),
            deps=feeding(kind),
            group_name="landing",
            kinds={"file"},
            owners=["team:data"],
            description=f"Files of kind {kind}, their bytes as received.",
        )
        for kind in STREAMS_OF
    ]


def build_lake_assets() -> list[AssetsDefinition]:
    loads = [_load(kind, streams) for kind, streams in STREAMS_OF.items()]
    return [
        *loads,
        _look_at("rejected_rows", [landing_key(kind) for kind in STREAMS_OF]),
        _look_at("segment_acceptances", []),
        _look_at("segment_snapshots", []),
        _look_at("journey_enrolments", []),
        _look_at("rectifications", []),
        _stored(
            "parameters",
            _store_parameters,
            lambda given: sum(len(rows) for rows in given.rows().values()),
            "What marketing/*.yml said, each version from the run that first used it.",
        ),
        _stored("segment_definitions", _store_segments, lambda given: len(given.segments.segments)),
        _stored(
            "journey_versions", _store_journeys, lambda given: len(given.journeys_in_use.journeys)
        ),
        _stored(
            "campaign_versions", _store_campaigns, lambda given: len(given.campaigns.campaigns)
        ),
        templates,
        _exported(consent.STREAM, consent.export),
        _exported(attempts.STREAM, attempts.export),
        _exported(privacy_requests.STREAM, privacy_requests.export),
        audience_states,
        audit_chain,
        scheduled_ticks,
        run_context,
    ]


def _load(kind: str, streams: tuple[str, ...]) -> AssetsDefinition:
    sources = feeding(kind)

    @multi_asset(
        name=f"load_{kind}",
        specs=[
            AssetSpec(
                stream_key(stream),
                deps=[landing_key(kind), *sources],
                group_name="lake",
                kinds={"parquet"},
                owners=["team:data"],
                description=STREAMS[stream].description,
            )
            for stream in streams
        ],
        check_specs=[
            AssetCheckSpec(
                name, asset=stream_key(stream), blocking=name != READABLE, description=told
            )
            for stream in streams
            for name, told in _CHECKED.items()
        ]
        + [
            AssetCheckSpec(
                FRESH,
                asset=stream_key(stream),
                description="Its newest row is no older than marketing/freshness.yml says.",
            )
            for stream in streams
        ],
    )
    def load(workspace: WorkspaceResource) -> Iterator[Any]:
        from ingestion.accounts import unbalanced
        from ingestion.pending import load_pending

        run = workspace.run
        with run.step(f"load_{kind}") as step:
            paths = run.settings.paths
            # A past run looks at the lake as it is: it takes nothing in.
            results = (
                []
                if run.is_past
                else load_pending(kind, paths.landing, run.lake, run.settings.keyring)
            )
            step.rows = sum(result.good for result in results)
        verdicts = {
            SUITE: [
                f"{result.landing_file}: {failure}"
                for result in results
                for failure in result.suite_failures
            ],
            CONSERVED: unbalanced(run.lake, kind),
            READABLE: [result.landing_file for result in results if result.refused],
        }
        for stream in streams:
            latest = run.lake.latest(stream, "known_at")
            yield MaterializeResult(
                asset_key=stream_key(stream),
                metadata=_stream_metadata(run, stream, results, latest),
            )
            yield _freshness(run, stream, latest)
            for name, faults in verdicts.items():
                yield AssetCheckResult(
                    asset_key=stream_key(stream),
                    check_name=name,
                    passed=not faults,
                    severity=(
                        AssetCheckSeverity.WARN if name == READABLE else AssetCheckSeverity.ERROR
                    ),
                    metadata={
                        "files": len(results),
                        "faults": MetadataValue.json(faults),
                        **run.hindsight,
                    },
                )

    return load


def _look_at(stream: str, deps: list[AssetKey]) -> AssetsDefinition:
    """A stream that others fill: the run tells what is in it."""

    @asset(
        key=stream_key(stream),
        deps=deps,
        group_name="lake",
        kinds={"parquet"},
        owners=["team:data"],
        description=STREAMS[stream].description,
    )
    def look(workspace: WorkspaceResource) -> MaterializeResult:
        run = workspace.run
        latest = run.lake.latest(stream, "known_at")
        return MaterializeResult(metadata=_stream_metadata(run, stream, [], latest))

    return look


@multi_asset(
    specs=[
        AssetSpec(
            stream_key(name),
            group_name="lake",
            kinds={"yaml", "parquet"},
            owners=["team:marketing"],
            description=STREAMS[name].description,
        )
        for name in ("template_versions", "assets")
    ]
)
def templates(workspace: WorkspaceResource) -> Iterator[MaterializeResult]:
    from reverse_etl.content import versions
    from reverse_etl.content.library import Library

    run = workspace.run
    stored: dict[str, list[str]] = {versions.TEMPLATES: [], versions.ASSETS: []}
    with run.step("templates") as step:
        library = Library.load(run.definitions.folder)
        if not run.is_past:
            stored[versions.TEMPLATES] = versions.store(
                library.entries.values(), run.lake, run.as_of
            )
            stored[versions.ASSETS] = versions.store_assets(library.assets, run.lake, run.as_of)
        step.rows = len(library.entries)
    for name, changed in stored.items():
        yield MaterializeResult(
            asset_key=stream_key(name),
            metadata={
                "dagster/row_count": run.lake.rows(name),
                "new_versions": MetadataValue.json(changed),
            },
        )


def _stored(
    stream: str,
    store: Callable[[RunState], list[str]],
    count: Callable[[Definitions], int],
    description: str | None = None,
) -> AssetsDefinition:
    """Versions of definitions: a run stores those that it is the first to use."""

    @asset(
        key=stream_key(stream),
        group_name="lake",
        kinds={"yaml", "parquet"},
        owners=["team:marketing"],
        description=description or STREAMS[stream].description,
    )
    def versions(workspace: WorkspaceResource) -> MaterializeResult:
        run = workspace.run
        with run.step(stream) as step:
            new = [] if run.is_past else store(run)
            step.rows = count(run.definitions)
        return MaterializeResult(
            metadata={"dagster/row_count": step.rows, "new_versions": MetadataValue.json(new)}
        )

    return versions


def _store_parameters(run: RunState) -> list[str]:
    return definitions.store(run.definitions.rows(), run.lake, run.as_of)


def _store_segments(run: RunState) -> list[str]:
    from reverse_etl.segments import versions

    return versions.store(run.definitions.segments, run.lake, run.as_of)


def _store_journeys(run: RunState) -> list[str]:
    from reverse_etl.journeys import versions

    given = run.definitions
    return versions.store(given.journeys_in_use, run.lake, run.as_of, given.folder)


def _store_campaigns(run: RunState) -> list[str]:
    from reverse_etl.campaigns import versions

    return versions.store(run.definitions.campaigns, run.lake, run.as_of)


def _exported(stream: str, export: Callable[[Ledger, Lake], int]) -> AssetsDefinition:
    """What the ledger has learnt between runs."""

    @asset(
        key=stream_key(stream),
        group_name="lake",
        kinds={"parquet"},
        owners=["team:data"],
        description=STREAMS[stream].description,
    )
    def exported(workspace: WorkspaceResource) -> MaterializeResult:
        run = workspace.run
        with run.step(f"export_{stream}") as step:
            step.rows = 0 if run.is_past else export(run.ledger, run.lake)
        latest = run.lake.latest(stream, "known_at")
        return MaterializeResult(metadata=_stream_metadata(run, stream, [], latest))

    return exported


@asset(
    key=stream_key(anchors.STREAM),
    deps=[stream_key(name) for name in edits.STREAMS],
    group_name="lake",
    kinds={"parquet"},
    owners=["team:data"],
    description=STREAMS[anchors.STREAM].description,
    check_specs=[
        AssetCheckSpec(
            HOLDS,
            asset=stream_key(anchors.STREAM),
            blocking=True,
            description="No entry of the audit chain was changed, taken out or cut off.",
        )
    ],
)
def audit_chain(workspace: WorkspaceResource) -> MaterializeResult:
    run = workspace.run
    places = anchors.Places(run.ledger, run.lake, run.settings.paths.root, witness_root())
    with run.step("export_audit_chain") as step:
        step.rows = 0
        verdict = anchors.verify(places)
        if not run.is_past and verdict.broken is None:
            edits.note(run.ledger, run.lake, run.as_of, actor())
            step.rows = anchors.export(run.ledger, run.lake)
            anchors.keep(places)
    latest = run.lake.latest(anchors.STREAM, "known_at")
    return MaterializeResult(
        metadata=_stream_metadata(run, anchors.STREAM, [], latest),
        check_results=[
            AssetCheckResult(
                check_name=HOLDS,
                passed=verdict.broken is None,
                description=str(verdict.broken) if verdict.broken is not None else None,
                metadata={"entries": verdict.entries, "digest": verdict.tail.digest},
            )
        ],
    )


_AUDIENCES = (audiences.STREAM, audiences.RUNS, crm_actions.STREAM)


@multi_asset(
    specs=[
        AssetSpec(
            stream_key(name),
            group_name="lake",
            kinds={"parquet"},
            owners=["team:data"],
            description=STREAMS[name].description,
        )
        for name in _AUDIENCES
    ]
)
def audience_states(workspace: WorkspaceResource) -> Iterator[MaterializeResult]:
    run = workspace.run
    with run.step("export_audiences") as step:
        step.rows = 0
        if not run.is_past:
            step.rows += audiences.export(run.ledger, run.lake)
            step.rows += crm_actions.export(run.ledger, run.lake)
    for name in _AUDIENCES:
        latest = run.lake.latest(name, "known_at")
        yield MaterializeResult(
            asset_key=stream_key(name), metadata=_stream_metadata(run, name, [], latest)
        )


@asset(
    key=stream_key("scheduled_ticks"),
    group_name="lake",
    kinds={"parquet"},
    owners=["team:data"],
    description=STREAMS["scheduled_ticks"].description,
)
def scheduled_ticks(
    context: AssetExecutionContext, workspace: WorkspaceResource
) -> MaterializeResult:
    from dagster_project import schedule_history

    run, stream = workspace.run, "scheduled_ticks"
    with run.step(f"export_{stream}") as step:
        step.rows = 0
        if not run.is_past:
            step.rows = schedule_history.export(context.instance, run.lake, run.as_of)
    latest = run.lake.latest(stream, "known_at")
    return MaterializeResult(metadata=_stream_metadata(run, stream, [], latest))


@multi_asset(
    specs=[
        AssetSpec(
            stream_key(name),
            deps=[stream_key(stream) for stream in STREAMS if stream not in MADE_BY_RUNS],
            group_name="lake",
            kinds={"duckdb"},
            owners=["team:data"],
            description=description,
        )
        for name, description in {
            "run_context": "The run's as_of and input snapshot; made with a view for each stream.",
            "load_receipts": "One row per landed file: how each of its rows ended.",
            "segment_conditions": "One row per leaf condition of each version of a segment.",
            "journey_nodes": "One row per node of each version of a journey.",
        }.items()
    ]
)
def run_context(workspace: WorkspaceResource) -> Iterator[MaterializeResult]:
    from ingestion.loading import receipts
    from reverse_etl.journeys import versions as journeys
    from reverse_etl.segments import versions as segments

    run = workspace.run
    with run.step("run_context") as step:
        reporting = run.definitions.verticals.reporting
        snapshot = run.lake.snapshot_id()
        loads = receipts(run.lake)
        step.rows = loads.num_rows
        run.warehouse.parent.mkdir(parents=True, exist_ok=True)
        warehouse.prepare(
            run.warehouse,
            run.lake,
            run.as_of,
            {
                "run_context": warehouse.run_context_table(
                    run.run_id, run.as_of, snapshot, reporting.time_zone, reporting.base_currency
                ),
                "parameters": definitions.in_force(run.definitions.rows(), run.lake, run.as_of),
                "load_receipts": loads,
                "segment_conditions": segments.conditions(run.lake, run.as_of),
                "journey_nodes": journeys.nodes(run.lake, run.as_of),
                "run_log": run.ledger.run_log(run.as_of),
            },
        )
    yield MaterializeResult(
        asset_key=stream_key("run_context"),
        metadata={"as_of": iso(run.as_of), "snapshot_id": snapshot},
    )
    yield MaterializeResult(
        asset_key=stream_key("load_receipts"), metadata={"dagster/row_count": loads.num_rows}
    )
    yield MaterializeResult(asset_key=stream_key("segment_conditions"))
    yield MaterializeResult(asset_key=stream_key("journey_nodes"))


def _freshness(run: RunState, stream: str, latest: datetime | None) -> AssetCheckResult:
    limit = run.definitions.freshness.of_stream(stream)
    verdict = freshness.of_stream(limit, latest, run.as_of, run.is_past)
    return AssetCheckResult(
        asset_key=stream_key(stream),
        check_name=FRESH,
        passed=verdict.passed,
        severity=AssetCheckSeverity.WARN,
        description=verdict.text,
        metadata=verdict.facts,
    )


def _stream_metadata(
    run: RunState, stream: str, results: list[Any], latest: datetime | None
) -> dict[str, Any]:
    entries = run.lake.entries(stream)
    metadata: dict[str, Any] = {
        "dagster/row_count": sum(entry.rows for entry in entries),
        "files": sum(entry.file is not None for entry in entries),
        "bytes": sum(entry.size_bytes for entry in entries),
    }
    if latest is not None:
        metadata["watermark"] = iso(latest)
    if results:
        lines = ["| file | received | good | bad | duplicate | quarantined |", "|---|" + "---|" * 5]
        lines += [
            f"| {r.file_name} | {r.received} | {r.good} | {r.bad} | {r.duplicate} "
            f"| {r.quarantined} |"
            for r in results[-24:]
        ]
        metadata["loads"] = MetadataValue.md("\n".join(lines))
    return metadata
