"""Scoring everybody by the champions, and storing whose score moved.

A score is in force until another one of its subject is stored. Stored are those of subjects that
are new, whose score moved by at least ``least_change`` points, or that another version scores; a
row without a probability says that a subject is no longer scored. Asked again at the same
``as_of``, of the same input and decisions, nothing is scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import duckdb
import polars as pl

from models_ml.operations import frames, records
from models_ml.operations.retraining import Place
from models_ml.operations.specs import PLANS, Plan
from models_ml.registry import decisions as deciding
from models_ml.registry import manifest, store
from models_ml.registry.decisions import Decision
from models_ml.registry.store import Loaded, Usable
from models_ml.supervised.drift import drift
from models_ml.supervised.faults import Finding, Refused
from models_ml.supervised.scoring import score
from models_ml.supervised.spec import SNAPSHOT
from workspace.clock import iso

Row = records.Row


@dataclass(frozen=True)
class Scored:
    """What one model's scoring came to. Without ``version`` nothing was scored, and ``detail`` says
    why. ``refused`` has the versions whose files were not loaded, with the reason; ``drift`` is
    empty where it was measured already that day."""

    model: str
    version: str | None = None
    is_fallback: bool = False
    refused: tuple[tuple[str, str], ...] = ()
    subjects: int = 0
    stored: int = 0
    detail: str = ""
    drift: list[Row] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def score_all(connection: duckdb.DuckDBPyConnection, place: Place) -> list[Scored]:
    """Score by every model that is switched on and has a champion."""
    known = records.decisions(place.lake, place.as_of)
    return [_score(connection, place, PLANS[name], known) for name in place.definitions.enabled]


def _score(
    connection: duckdb.DuckDBPyConnection, place: Place, plan: Plan, known: Sequence[Decision]
) -> Scored:
    candidates = deciding.succession(known, plan.name)
    if not candidates:
        return Scored(plan.name, detail="no version was promoted; 'marketing models train' does")
    root = records.registry(place.lake)
    found = store.usable(root, plan.name, candidates, place.keyring)
    refused = tuple((version, f"{fault}: {detail}") for version, fault, detail in found.refused)
    if found.loaded is None:
        return Scored(plan.name, refused=refused, detail="no version could be loaded")
    version = found.loaded.version
    number = sum(one.model == plan.name for one in known)
    batch = f"{iso(place.as_of)}:{place.snapshot_id}:{plan.name}:{version}:{number}"
    shared = {"version": version, "is_fallback": found.is_fallback, "refused": refused}
    if place.lake.has(records.PREDICTIONS, batch):
        return Scored(plan.name, **shared, detail="scored before")  # type: ignore[arg-type]
    frame = frames.current(connection, plan)
    try:
        changes, findings = _changes(connection, place, plan, found.loaded, frame)
        drifted = _watch(place, plan, found, frame, batch)
    except Refused as error:
        return Scored(plan.name, refused=refused, detail=str(error))
    common = {
        "model": plan.name,
        "version": version,
        "subject_type": plan.subject,
        "features_at": frame[SNAPSHOT].max() if len(frame) else place.as_of,
        "as_of": place.as_of,
        "snapshot_id": place.snapshot_id,
        "known_at": place.as_of,
    }
    records.keep_scores(place.lake, batch, changes, common)
    return Scored(
        plan.name,
        **shared,  # type: ignore[arg-type]
        subjects=len(frame),
        stored=len(changes),
        drift=drifted,
        findings=findings,
    )


def _changes(
    connection: duckdb.DuckDBPyConnection,
    place: Place,
    plan: Plan,
    loaded: Loaded,
    frame: pl.DataFrame,
) -> tuple[pl.DataFrame, list[Finding]]:
    """The scores to store, and what is odd about the rows. Contributions are worked out for what is
    stored alone."""
    before = _in_force(connection, place, plan)
    scores, findings = score(loaded.spec, loaded.fitted, frame, top=0)
    scores = scores.drop("contributions")
    compared = scores.join(before, on="subject_id", how="left", suffix="_before")
    least = place.definitions.scoring.least_change
    has_moved = (
        (pl.col("version") != loaded.version)
        | ((pl.col("score") - pl.col("score_before")).abs() >= max(least, 1e-9))
    ).fill_null(True)
    moved = compared.filter(has_moved).select("subject_id")
    ident = plan.subject_id
    rows = frame.join(moved, left_on=ident, right_on="subject_id", how="semi")
    top = place.definitions.scoring.contributions
    told, _ = score(loaded.spec, loaded.fitted, rows, top)
    gone = before.join(scores, on="subject_id", how="anti").select(
        "subject_id",
        *(pl.lit(None, pl.Float64).alias(name) for name in ("probability", "score")),
        pl.lit(None, pl.String).alias("contributions"),
    )
    return pl.concat([told.select(gone.columns), gone], how="vertical_relaxed"), findings


def _in_force(connection: duckdb.DuckDBPyConnection, place: Place, plan: Plan) -> pl.DataFrame:
    """Subjects with a score: ``subject_id``, ``version``, ``score``."""
    stored = place.lake.relation_sql(records.PREDICTIONS, place.as_of)
    return connection.execute(
        f"""
        select subject_id, last.version as version, last.score as score
        from (
            select subject_id, arg_max({{'version': version, 'score': score}}, sequence) as last
            from ({stored}) as stored
            where model = $1 and subject_type = $2
            group by subject_id
        )
        where last.score is not null
        """,
        [plan.name, plan.subject],
    ).pl()


# ---- drift, once a day -----------------------------------------------------------------------


def _watch(place: Place, plan: Plan, found: Usable, frame: pl.DataFrame, batch: str) -> list[Row]:
    """Store how many were scored and how far they drifted: on the first scoring of a day (UTC), and
    where another version scores or another one was refused."""
    loaded = found.loaded
    assert loaded is not None
    refused = sorted((version, str(fault)) for version, fault, _ in found.refused)
    state = [f"{place.as_of:%Y-%m-%d}", loaded.version, *map(list, refused)]
    entries = place.lake.entries(records.METRICS)
    before = [e.meta["state"] for e in entries if e.meta.get("scoring") == plan.name]
    if before and before[-1] == state:
        return []
    of = {"model": plan.name, "metric_window": "scoring"}
    own = {**of, "version": loaded.version}
    rows = [
        {**of, "version": version, "slice": "all", "metric": "refused", "value": 1.0}
        | {"detail": f"{fault}: {detail}"}
        for version, fault, detail in found.refused
    ]
    rows.append({**own, "slice": "all", "metric": "subjects", "value": float(len(frame))})
    for part in frame.group_by("vertical").len().sort("vertical").to_dicts():
        place_of = {"slice": f"vertical={part['vertical']}", "metric": "subjects"}
        rows.append({**own, **place_of, "value": float(part["len"]), "rows": part["len"]})
    drifted = _drift(loaded, frame) if len(frame) else []
    for row in drifted:
        for metric in ("psi", "missing_share", "new_share"):
            found_of = {"slice": f"feature={row['feature']}", "metric": metric}
            told = "drifted" if metric == "psi" and row["is_drifted"] else None
            value = {"value": row[metric], "rows": row["rows"], "detail": told}
            rows.append({**own, **found_of, **value})
    meta = {"scoring": plan.name, "state": state}
    key = f"scoring:{len(entries) + 1}:{batch}"
    records.keep_metrics(place.lake, key, rows, place.as_of, place.snapshot_id, meta)
    return drifted


def _drift(loaded: Loaded, frame: pl.DataFrame) -> list[Row]:
    reference = manifest.frame(loaded.manifest, "reference")
    return drift(loaded.fitted, reference, frame).to_dicts()
