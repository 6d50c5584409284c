"""Models: trained in a job of their own, scoring in every run that finds a champion.

A past run neither trains nor scores: it shows what was stored by then.
"""

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

from dagster_project import translation
from dagster_project.assets.lake import stream_key
from dagster_project.resources import RunState, WorkspaceResource
from dagster_project.translation import Manifest
from workspace import clock, warehouse
from workspace.streams import STREAMS

TRAINED = ("ml_model_versions", "ml_promotions")
SCORED = ("predictions", "model_metrics")
ALL_TRAINED = "every_model_could_be_trained"
NO_DRIFT = "no_feature_or_score_has_drifted"
CHAMPIONS = "champions_score_and_no_version_stands_in_for_one"
#: What scoring reads of the warehouse, and training besides.
_FEATURES = ("account_feature_snapshots", "contact_feature_snapshots", "int_lead_conversions")
_LABELS = ("int_churn_labels", "int_engagement_labels", "int_conversion_labels")


def build_learning_assets(manifest: Manifest) -> list[AssetsDefinition]:
    return [_training(manifest), _scoring(manifest)]


def _keys(manifest: Manifest, names: tuple[str, ...]) -> list[AssetKey]:
    return [translation.asset_key(n) for n in translation.models(manifest) if n["name"] in names]


def _specs(names: tuple[str, ...], group: str, deps: list[AssetKey]) -> list[AssetSpec]:
    return [
        AssetSpec(
            stream_key(name),
            deps=deps,
            group_name=group,
            kinds={"python", "scikitlearn", "parquet"},
            owners=["team:data"],
            description=STREAMS[name].description,
        )
        for name in names
    ]


def _training(manifest: Manifest) -> AssetsDefinition:

    @multi_asset(
        name="train_models",
        specs=_specs(TRAINED, "training", _keys(manifest, (*_FEATURES, *_LABELS))),
        check_specs=[
            AssetCheckSpec(
                ALL_TRAINED,
                asset=stream_key(TRAINED[0]),
                description="There was enough to learn each model from, and nothing wrong with it.",
            )
        ],
    )
    def train_models(workspace: WorkspaceResource) -> Iterator[Any]:
        from dagster_project import model_pictures
        from models_ml.operations.retraining import retrain

        run = workspace.run
        done = []
        with run.step("train_models") as step, warehouse.attached(run.warehouse) as connection:
            if not run.is_past:
                done = retrain(connection, _place(run), clock.now)
            step.rows = sum(one.version is not None for one in done)
            for name in TRAINED:
                warehouse.show(connection, run.lake, name, run.as_of)
        for one in done:
            run.tell(model_pictures.sentence(one))
        pictures = {
            "decisions": MetadataValue.md(model_pictures.decisions(done)),
            "metrics": MetadataValue.md(model_pictures.metrics(done)),
            "calibration": MetadataValue.md(model_pictures.calibration(done)),
        }
        for name in TRAINED:
            counted = {"dagster/row_count": run.lake.rows(name)}
            yield MaterializeResult(asset_key=stream_key(name), metadata={**counted, **pictures})
        refused = {one.model: one.refused for one in done if one.refused}
        yield AssetCheckResult(
            asset_key=stream_key(TRAINED[0]),
            check_name=ALL_TRAINED,
            passed=not refused,
            severity=AssetCheckSeverity.WARN,
            metadata={"refused": MetadataValue.json(refused), **run.hindsight},
        )

    return train_models


def _scoring(manifest: Manifest) -> AssetsDefinition:
    trained = [stream_key(name) for name in TRAINED]

    @multi_asset(
        name="score_subjects",
        specs=_specs(SCORED, "scores", [*_keys(manifest, _FEATURES), *trained]),
        check_specs=[
            AssetCheckSpec(
                NO_DRIFT,
                asset=stream_key(SCORED[1]),
                description="What is scored is distributed as what the models learnt from.",
            ),
            AssetCheckSpec(
                CHAMPIONS,
                asset=stream_key(SCORED[0]),
                description="Every champion was loaded and took today's features.",
            ),
        ],
    )
    def score_subjects(workspace: WorkspaceResource) -> Iterator[Any]:
        from dagster_project import model_pictures
        from models_ml.operations.scoring import score_all

        run = workspace.run
        done = []
        with run.step("score_subjects") as step, warehouse.attached(run.warehouse) as connection:
            if not run.is_past:
                done = score_all(connection, _place(run))
            step.rows = sum(one.stored for one in done)
            for name in SCORED:
                warehouse.show(connection, run.lake, name, run.as_of)
        refused = {one.model: dict(one.refused) for one in done if one.refused}
        for one in done:
            if one.told:
                run.tell(one.told)
        table = MetadataValue.md(model_pictures.scorings(done))
        for name in SCORED:
            counted = {"dagster/row_count": run.lake.rows(name)}
            yield MaterializeResult(
                asset_key=stream_key(name), metadata={**counted, "scorings": table}
            )
        drifted = {one.model: [row["feature"] for row in one.drift] for one in done if one.drift}
        yield AssetCheckResult(
            asset_key=stream_key(SCORED[1]),
            check_name=NO_DRIFT,
            passed=not drifted,
            severity=AssetCheckSeverity.WARN,
            description=_drifted(drifted),
            metadata={"drifted": MetadataValue.json(drifted), **run.hindsight},
        )
        yield AssetCheckResult(
            asset_key=stream_key(SCORED[0]),
            check_name=CHAMPIONS,
            passed=not refused,
            severity=AssetCheckSeverity.WARN,
            metadata={"refused": MetadataValue.json(refused), **run.hindsight},
        )

    return score_subjects


def _drifted(found: dict[str, list[str]]) -> str | None:
    """``churn: uses_30d, tenure``"""
    return "; ".join(f"{model}: {', '.join(names)}" for model, names in found.items()) or None


def _place(run: RunState) -> Any:
    from models_ml.operations.retraining import Place

    keyring = run.settings.keyring
    models = run.definitions.models
    return Place(run.lake, keyring, models, run.as_of, run.lake.snapshot_id())
