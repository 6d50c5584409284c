"""dbt's manifest as Dagster specs: a model is an asset of its own name, a test an asset check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

from dagster import AssetCheckSpec, AssetKey, AssetSpec, TableColumn, TableSchema

from dagster_project.sentences import check_name, sentence
from dagster_project.tags import of_model

Manifest = dict[str, Any]

BUILT = ("model", "seed", "snapshot")
PUBLISHED = ("marts", "pii")

#: The phases of a run, in order: what stands on sources alone, then what stands on what the run
#: itself makes. A model belongs to the last phase of all it reads.
PHASES = (
    "models",
    "scores",
    "intervals",
    "segments",
    "memberships",
    "journeys",
    "experiments",
    "activation",
)
#: The streams a run makes, and the phase that begins when they are there.
MADE_BY_RUNS = {
    "attribution_effects": "scores",
    "ml_model_versions": "scores",
    "ml_promotions": "scores",
    "predictions": "scores",
    "model_metrics": "scores",
    "attribution_intervals": "intervals",
    "customer_value_fits": "scores",
    "customer_value_estimates": "scores",
    "series_alerts": "scores",
    "action_decisions": "scores",
    "action_models": "scores",
    "action_policies": "scores",
    "recommendation_logs": "scores",
    "content_policies": "scores",
    "lookalikes": "memberships",
    "segment_events": "segments",
    "segment_touches": "segments",
    "segment_contacts": "segments",
    "segment_accounts": "segments",
    "segment_members": "segments",
    "segment_changes": "memberships",
    "segment_evaluations": "memberships",
    "journey_steps": "journeys",
    "campaign_launches": "journeys",
    "experiment_assignments": "journeys",
    "message_intents": "journeys",
    "message_decisions": "journeys",
    "message_states": "journeys",
    "experiment_looks": "experiments",
    "run_log": "activation",
}

#: Tag of the tests that only the project's own tests run: of definitions, which were validated
#: before they landed, and of views whose rows are tested where they arrive.
OUTSIDE_RUNS = "outside_runs"


def asset_key(node: dict[str, Any]) -> AssetKey:
    """A model's own name, below ``pii`` for what identifies people; a source's as given."""
    if node["resource_type"] == "source":
        return AssetKey(node.get("meta", {}).get("dagster", {}).get("asset_key", [node["name"]]))
    return AssetKey(["pii", node["alias"]] if node["schema"] == "pii" else [node["alias"]])


def models(manifest: Manifest, *phases: str) -> list[dict[str, Any]]:
    """Models and seeds of these phases; of all where none is named."""
    wanted = phases or PHASES
    found = phases_of(manifest)
    return [
        node
        for name, node in manifest["nodes"].items()
        if node["resource_type"] in BUILT and found[name] in wanted
    ]


def phases_of(manifest: Manifest) -> dict[str, str]:
    """Unique id of a model, seed, test or source -> phase."""
    everything = {**manifest["sources"], **manifest["nodes"]}
    numbers: dict[str, int] = {}

    def number(unique_id: str) -> int:
        if unique_id not in numbers:
            node = everything[unique_id]
            made = node["resource_type"] == "source" and MADE_BY_RUNS.get(node["name"])
            parents = node.get("depends_on", {}).get("nodes", [])
            numbers[unique_id] = max(
                [number(parent) for parent in parents if parent in everything],
                default=PHASES.index(made) if made else 0,
            )
        return numbers[unique_id]

    return {unique_id: PHASES[number(unique_id)] for unique_id in everything}


def specs(manifest: Manifest, nodes: Iterable[dict[str, Any]]) -> list[AssetSpec]:
    everything = {**manifest["nodes"], **manifest["sources"]}
    groups = group_names(manifest)
    return [
        AssetSpec(
            key=asset_key(node),
            deps=[
                asset_key(everything[parent])
                for parent in node["depends_on"].get("nodes", [])
                if parent in everything
            ],
            description=node["description"] or None,
            group_name=groups[node["unique_id"]],
            kinds={"dbt", "duckdb"},
            owners=["team:data"],
            tags=of_model(node),
            skippable=True,
            metadata={"dagster/column_schema": _columns(node)} if node["columns"] else {},
        )
        for node in nodes
    ]


def group_names(manifest: Manifest) -> dict[str, str]:
    """Unique id -> group: staging, intermediate, marts, or the run's later phase.

    Groups follow one another: an intermediate model that works on marts is shown among them,
    so that no arrow leads back.
    """
    groups: dict[str, str] = {}
    phases = phases_of(manifest)

    def name(unique_id: str) -> str:
        if unique_id not in groups:
            node = manifest["nodes"][unique_id]
            ancestors = node["depends_on"].get("nodes", [])
            parents = [name(parent) for parent in ancestors if parent in manifest["nodes"]]
            if phases[unique_id] != PHASES[0]:
                groups[unique_id] = phases[unique_id]
            elif node["schema"] in PUBLISHED or "marts" in parents:
                groups[unique_id] = "marts"
            else:
                is_seed = node["resource_type"] == "seed"
                groups[unique_id] = "staging" if is_seed else node["fqn"][1]
        return groups[unique_id]

    for node in manifest["nodes"].values():
        if node["resource_type"] in BUILT:
            name(node["unique_id"])
    return groups


def check_specs(manifest: Manifest, nodes: Iterable[dict[str, Any]]) -> list[AssetCheckSpec]:
    known = {node["unique_id"]: node for node in nodes}
    subjects, names = subjects_of(manifest), check_names(manifest)
    return [
        AssetCheckSpec(
            name=names[test["unique_id"]],
            asset=asset_key(known[subject]),
            blocking=test["config"]["severity"].lower() == "error",
            description=sentence(test, known[subject]["alias"]),
        )
        for test in tests(manifest)
        if (subject := subjects.get(test["unique_id"])) in known
    ]


def subjects_of(manifest: Manifest) -> dict[str, str]:
    """Unique id of a test -> that of the model whose check it is. A test of several models is a
    check of the last that is built of them; one of a source alone is nobody's."""
    phases, everything = phases_of(manifest), manifest["nodes"]
    found = {}
    for test in tests(manifest):
        asked = (
            [test["attached_node"]] if test.get("attached_node") else test["depends_on"]["nodes"]
        )
        models = [name for name in asked if name in everything]
        if models:
            # Of one phase a mart comes before what it is made of, then what is named first.
            found[test["unique_id"]] = max(
                enumerate(models),
                key=lambda one: (
                    PHASES.index(phases[one[1]]),
                    everything[one[1]]["schema"] in PUBLISHED,
                    -one[0],
                ),
            )[1]
    return found


def check_names(manifest: Manifest) -> dict[str, str]:
    """Unique id of a test -> the name of its check, which no other check of its asset has."""
    subjects = subjects_of(manifest)
    found: dict[str, str] = {}
    taken: Counter[tuple[str, str]] = Counter()
    for test in sorted(tests(manifest), key=lambda test: test["unique_id"]):
        subject = subjects.get(test["unique_id"])
        if subject is not None:
            said = check_name(test)
            taken[subject, said] += 1
            number = taken[subject, said]
            found[test["unique_id"]] = said if number == 1 else f"{said}_{number}"
    return found


def tests(manifest: Manifest) -> list[dict[str, Any]]:
    return [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test" and OUTSIDE_RUNS not in node["tags"]
    ]


def tests_of(manifest: Manifest, built: Collection[str]) -> list[str]:
    """Unique ids of the tests that ask about a model in ``built``.

    A test that also asks about a model of a later phase waits for that phase.
    """
    phases = phases_of(manifest)
    chosen = set(built)
    last = max((PHASES.index(phases[name]) for name in chosen), default=0)
    return [
        test["unique_id"]
        for test in tests(manifest)
        if chosen.intersection(test["depends_on"]["nodes"])
        and PHASES.index(phases[test["unique_id"]]) <= last
    ]


def _columns(node: dict[str, Any]) -> TableSchema:
    return TableSchema(
        columns=[
            TableColumn(
                name=name, type=column.get("data_type") or "?", description=column["description"]
            )
            for name, column in node["columns"].items()
        ]
    )
