"""Sources to landing: one asset a source, all asked in one step and at the same time.

A source without credentials is skipped, and one that fails leaves its check in warning: neither
stops what the others and the files bring.
"""

from collections.abc import Iterator
from datetime import timedelta
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
    multi_asset,
)

from dagster_project.resources import RunState, WorkspaceResource
from ingestion.sources import registry
from ingestion.sources.model import Source
from ingestion.sources.pulling import Desk, PullResult, default_first, pull_all
from workspace import freshness, settings
from workspace.clock import iso

ANSWERED = "every_resource_answered"
RECENT = "answered_recently"
_CHECKED = {
    ANSWERED: "In the last pull the source answered for each of its resources.",
    RECENT: "Its last complete answer is no older than marketing/freshness.yml says.",
}
AFTER_FAILURE = timedelta(minutes=15)
#: A schedule that comes a little early still counts.
SLACK = timedelta(minutes=1)


def source_key(name: str) -> AssetKey:
    return AssetKey(["source", name])


def feeding(kind: str) -> list[AssetKey]:
    """The sources whose rows land as a kind."""
    return [source_key(source.name) for source in registry.load_all() if kind in source.kinds]


def build_source_asset() -> AssetsDefinition:
    sources = registry.load_all()

    @multi_asset(
        name="pull_sources",
        can_subset=True,
        specs=[
            AssetSpec(
                source_key(source.name),
                group_name="sources",
                kinds={"api"},
                owners=["team:data"],
                description=f"What {source.title} is asked for: "
                + "; ".join(resource.description.rstrip(".") for resource in source.resources)
                + ".",
            )
            for source in sources
        ],
        check_specs=[
            AssetCheckSpec(name, asset=source_key(source.name), description=told)
            for source in sources
            for name, told in _CHECKED.items()
        ],
    )
    def pull_sources(context: AssetExecutionContext, workspace: WorkspaceResource) -> Iterator[Any]:
        run = workspace.run
        run.definitions.check_sources(registry.MODULES)
        chosen = [s for s in sources if source_key(s.name) in context.selected_asset_keys]
        # Whoever picks some sources by hand wants them asked now.
        by_hand = len(chosen) < len(sources)
        results: dict[str, PullResult] = {}
        with run.step("pull_sources") as step:
            due = [s for s in chosen if by_hand or _is_due(s, run)] if _may_ask(run) else []
            desk = Desk(
                run.settings.paths.landing,
                run.lake,
                run.as_of,
                settings.pull_from() or default_first(run.as_of),
                not settings.sources_are_stand_ins(),
            )
            values = settings.variables(name for s in due for name in s.variable_names)
            for result in pull_all(due, values, desk):
                results[result.source] = result
                if result.status != "skipped":
                    _record(run, result)
            step.rows = sum(result.records for result in results.values())
        skipped = [name for name, result in results.items() if result.status == "skipped"]
        if skipped:
            run.tell(f"skipped for want of credentials: {', '.join(skipped)}")
        for source in chosen:
            result = results.get(source.name)
            errors = result.errors if result else []
            yield MaterializeResult(
                asset_key=source_key(source.name), metadata=_metadata(run, source, result)
            )
            yield AssetCheckResult(
                asset_key=source_key(source.name),
                check_name=ANSWERED,
                passed=not errors,
                severity=AssetCheckSeverity.WARN,
                description="; ".join(errors) or None,
                # Who was not asked has not answered, either.
                metadata={
                    "faults": MetadataValue.json(errors),
                    "judged": result is not None,
                    **run.hindsight,
                },
            )
            yield _recency(run, source, result)

    return pull_sources


def _may_ask(run: RunState) -> bool:
    """A past run looks at the lake as it is; a demo world mixes with nothing real."""
    is_demo = run.settings.paths.default_as_of.exists()
    return not run.is_past and (not is_demo or settings.sources_are_stand_ins())


def _is_due(source: Source, run: RunState) -> bool:
    """By its last success; after a failure sooner, but not in every run."""
    step = f"pull_{source.name}"
    success, attempt = run.ledger.last_success(step), run.ledger.last_step(step)
    if attempt is not None and run.as_of - attempt < min(source.every, AFTER_FAILURE) - SLACK:
        return False
    return success is None or run.as_of - success >= source.every - SLACK


def _recency(run: RunState, source: Source, result: PullResult | None) -> AssetCheckResult:
    verdict = freshness.of_source(
        run.definitions.freshness.of_source(source.name),
        run.ledger.last_success(f"pull_{source.name}"),
        run.as_of,
        result.missing if result else [],
        run.is_past,
    )
    return AssetCheckResult(
        asset_key=source_key(source.name),
        check_name=RECENT,
        passed=verdict.passed,
        severity=AssetCheckSeverity.WARN,
        description=verdict.text,
        metadata=verdict.facts,
    )


def _record(run: RunState, result: PullResult) -> None:
    status = "failed" if result.errors else "succeeded"
    run.record(f"pull_{result.source}", status, result.seconds, result.records)
    for error in result.errors:
        run.tell(f"failed: {error}")


def _metadata(run: RunState, source: Source, result: PullResult | None) -> dict[str, Any]:
    if result is None:
        return {"status": f"not due; asked every {source.every}"}
    if result.missing:
        return {"status": "skipped; not set: " + ", ".join(result.missing)}
    lines = ["| resource | pages | records | bytes | |", "|---|---|---|---|---|"]
    lines += [
        f"| {r.name} | {r.pages} | {r.records} | {r.bytes} "
        f"| {r.error or ('as before' if r.unchanged else '')} |"
        for r in result.resources
    ]
    return {
        "status": result.status,
        "dagster/row_count": result.records,
        "seconds": result.seconds,
        "asked_at": iso(run.as_of),
        "resources": MetadataValue.md("\n".join(lines)),
    }
