"""Training every model anew: a challenger each, which takes over where it is not worse.

Everything a model's training leaves is stored before the next model's begins, so that a run that is
stopped loses the one it was at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import duckdb
import polars as pl

from models_ml.operations import frames, records
from models_ml.operations.specs import PLANS, Plan
from models_ml.registry import decisions as deciding
from models_ml.registry import store
from models_ml.registry.decisions import Decision
from models_ml.registry.manifest import Provenance
from models_ml.registry.store import NotLoaded
from models_ml.supervised import evaluation
from models_ml.supervised.comparing import Comparison, compare
from models_ml.supervised.faults import Reason, Refused
from models_ml.supervised.spec import ModelSpec, TrainingSettings
from models_ml.supervised.training import Trained, train
from workspace.definitions.models import Models
from workspace.identifiers import Keyring
from workspace.lake import Lake


@dataclass(frozen=True)
class Place:
    """Where models are trained and score: the workspace's lake and keys, as of one moment."""

    lake: Lake
    keyring: Keyring
    definitions: Models
    as_of: datetime
    snapshot_id: str


@dataclass(frozen=True)
class Retrained:
    """What became of one model: without ``trained`` it was refused, and ``refused`` says why."""

    model: str
    version: str | None = None
    trained: Trained | None = None
    decision: Decision | None = None
    refused: str | None = None


def settings(definitions: Models) -> TrainingSettings:
    return TrainingSettings(**definitions.training.model_dump())


def retrain(
    connection: duckdb.DuckDBPyConnection,
    place: Place,
    clock: Callable[[], datetime],
    wanted: list[str] | None = None,
) -> list[Retrained]:
    """Train the models that are switched on, or those ``wanted``, and decide who scores.

    ``clock`` gives the time for the manifest; nothing else follows from it.
    """
    names = place.definitions.enabled if wanted is None else wanted
    return [_retrain(connection, place, clock, PLANS[name]) for name in names]


def _retrain(
    connection: duckdb.DuckDBPyConnection,
    place: Place,
    clock: Callable[[], datetime],
    plan: Plan,
) -> Retrained:
    if unseen := records.unseen(place.lake, plan.name, place.as_of):
        return Retrained(plan.name, refused=f"{Reason.CLOCK_JUMPED}: {unseen}")
    spec = plan.spec(frames.columns(connection, plan))
    frame = frames.labelled(connection, plan)
    try:
        trained = train(spec, frame, settings(place.definitions), place.as_of)
        provenance = Provenance(place.as_of, place.snapshot_id, records.code_version(), clock())
        version = store.save(records.registry(place.lake), trained, provenance, place.keyring)
    except (NotLoaded, Refused) as error:
        return Retrained(plan.name, refused=str(error))
    records.keep_version(place.lake, trained, version, place.as_of, place.snapshot_id)
    decision = _decide(place, spec, trained, version, frame)
    records.decide(place.lake, decision)
    return Retrained(plan.name, version, trained, decision)


def _decide(
    place: Place, spec: ModelSpec, trained: Trained, version: str, frame: pl.DataFrame
) -> Decision:
    known = records.decisions(place.lake, place.as_of)
    champion = deciding.champion(known, spec.name)
    comparison: Comparison | None = None
    fault = None
    if champion not in (None, version):
        root = records.registry(place.lake)
        try:
            loaded = store.load(root, spec.name, champion, place.keyring)
            comparison = compare(
                spec, loaded.fitted, trained.fitted, frame, settings(place.definitions)
            )
        except (NotLoaded, Refused) as error:
            fault = str(error)
    beaten = evaluation.beaten(trained.metrics)
    return deciding.judge(known, spec.name, version, comparison, place.as_of, fault, beaten)
