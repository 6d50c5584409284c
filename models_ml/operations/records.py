"""What training, deciding and scoring leave in the lake, as rows of its streams and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from models_ml.registry.decisions import Decision, What
from models_ml.supervised.training import Trained
from workspace.clock import iso
from workspace.lake import Lake
from workspace.paths import MODELS
from workspace.streams import STREAMS

VERSIONS, DECISIONS = "ml_model_versions", "ml_promotions"
METRICS, PREDICTIONS = "model_metrics", "predictions"
Row = dict[str, Any]


def registry(lake: Lake) -> Path:
    """The folder of the versions' files."""
    return lake.root / MODELS


@lru_cache(maxsize=1)
def code_version() -> str:
    """A hash of the code that trains and scores."""
    folder = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for part in ("supervised", "operations"):
        for path in sorted((folder / part).glob("*.py")):
            digest.update(f"{part}/{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


# ---- decisions -------------------------------------------------------------------------------


def decisions(lake: Lake, as_of: datetime) -> list[Decision]:
    """What was decided by ``as_of``, in the order it was decided in."""
    rows = [row for row in lake.read(DECISIONS).to_pylist() if row["known_at"] <= as_of]
    return [
        Decision(
            model=row["model"],
            version=row["version"],
            decided_at=row["as_of"],
            decision=What(row["decision"]),
            reason=row["reason"],
            champion=row["champion"],
            difference=row["difference"],
            low=row["low"],
            high=row["high"],
            actor=row["decided_by"],
        )
        for row in sorted(rows, key=lambda row: row["sequence"])
    ]


def unseen(lake: Lake, model: str, as_of: datetime) -> str | None:
    """A sentence where a model was decided about after ``as_of``, so that the clock has gone back;
    None where it was not."""
    rows = lake.read(DECISIONS, ["model", "known_at"]).to_pylist()
    later = [row["known_at"] for row in rows if row["model"] == model and row["known_at"] > as_of]
    if not later:
        return None
    told, at = f"1 decision about {model} lies", "at"
    if len(later) > 1:
        told, at = f"{len(later)} decisions about {model} lie", "the latest at"
    return f"{told} after as_of {iso(as_of)}, {at} {iso(max(later))}"


def decide(lake: Lake, decision: Decision) -> None:
    """Append a decision."""
    sequence = len(lake.entries(DECISIONS)) + 1
    row = {
        "model": decision.model,
        "version": decision.version,
        "decision": str(decision.decision),
        "champion": decision.champion,
        "reason": decision.reason,
        "metric": None if decision.difference is None else "auc",
        "difference": decision.difference,
        "low": decision.low,
        "high": decision.high,
        "decided_by": decision.actor,
        "as_of": decision.decided_at,
        "sequence": sequence,
        "known_at": decision.decided_at,
    }
    batch = f"{sequence}:{decision.model}:{iso(decision.decided_at)}"
    lake.commit(DECISIONS, batch, _table(DECISIONS, [row]))


# ---- versions and their metrics --------------------------------------------------------------


def keep_version(
    lake: Lake, trained: Trained, version: str, as_of: datetime, snapshot_id: str
) -> None:
    """Append a version and all that was measured of it; once."""
    spec = trained.spec
    batch = f"{spec.name}:{version}"
    if lake.has(VERSIONS, batch):
        return
    windows = [
        {**vars(window), "first_at": iso(window.first_at), "last_at": iso(window.last_at)}
        for window in trained.windows
    ]
    findings = [vars(finding) for finding in trained.findings]
    row = {
        "model": spec.name,
        "version": version,
        "subject_type": spec.subject,
        "horizon_days": round(spec.horizon_days),
        "parameters": _json(trained.parameters),
        "features": _json(list(spec.features)),
        "windows": _json(windows),
        "findings": _json(findings),
        "code_version": code_version(),
        "as_of": as_of,
        "snapshot_id": snapshot_id,
        "known_at": as_of,
    }
    keep_metrics(lake, f"training:{batch}", [*_measured(trained, version)], as_of, snapshot_id)
    lake.commit(VERSIONS, batch, _table(VERSIONS, [row]))


def _measured(trained: Trained, version: str) -> Iterator[Row]:
    of = {"model": trained.spec.name, "version": version}
    for row in trained.metrics.to_dicts():
        place = {**of, **row, "metric_window": row["window"]}
        yield place
        if row["metric"] == "auc":
            figures = {"value": float(row["positives"]), "low": None, "high": None}
            baselines = {"baseline_age": None, "baseline_constant": None}
            yield {**place, "metric": "positives", **figures, **baselines}
    test = {**of, "metric_window": "test"}
    for row in trained.calibration.to_dicts():
        place = {**test, "slice": f"decile={row['decile']}", "rows": row["rows"]}
        yield {**place, "metric": "predicted", "value": row["predicted"]}
        ends = {"low": row["low"], "high": row["high"]}
        yield {**place, "metric": "observed", "value": row["observed"], **ends}
    for row in trained.importance.to_dicts():
        place = {**test, "slice": f"feature={row['feature']}"}
        yield {**place, "metric": "importance", "value": row["contribution"]}


def keep_metrics(
    lake: Lake,
    batch: str,
    rows: Iterable[Row],
    as_of: datetime,
    snapshot_id: str,
    meta: dict[str, Any] | None = None,
) -> None:
    """Append metrics; columns that a row does not have are empty, others are left out."""
    known = {"as_of": as_of, "snapshot_id": snapshot_id, "known_at": as_of}
    known["sequence"] = len(lake.entries(METRICS)) + 1
    lake.commit(METRICS, batch, _table(METRICS, [{**row, **known} for row in rows]), meta)


def drifted(lake: Lake, model: str, as_of: datetime) -> list[Row]:
    """The features (and the score) that have drifted by a model's latest scoring that was measured
    by ``as_of``: ``feature`` and ``psi``."""
    names = ["model", "metric_window", "slice", "metric", "value", "detail", "known_at", "sequence"]
    rows = pl.DataFrame(pl.from_arrow(lake.read(METRICS, names))).filter(
        pl.col("model") == model,
        pl.col("metric_window") == "scoring",
        pl.col("known_at") <= as_of,
    )
    last = rows.filter(
        pl.col("sequence") == rows["sequence"].max(),
        pl.col("metric") == "psi",
        pl.col("detail") == "drifted",
    )
    feature = pl.col("slice").str.strip_prefix("feature=").alias("feature")
    return last.select(feature, pl.col("value").alias("psi")).to_dicts()


# ---- scores ----------------------------------------------------------------------------------


def keep_scores(lake: Lake, batch: str, frame: pl.DataFrame, common: Row) -> None:
    """Append scores: ``frame`` has ``subject_id``, ``probability``, ``score``, ``contributions``;
    ``common`` the values that all rows share."""
    schema = STREAMS[PREDICTIONS].schema
    common = {**common, "sequence": len(lake.entries(PREDICTIONS)) + 1}
    given = frame.to_arrow()
    columns = [
        given[f.name].cast(f.type)
        if f.name in given.column_names
        else pa.array([common[f.name]], f.type).take(pa.array([0] * len(given), pa.int64()))
        for f in schema
    ]
    lake.commit(PREDICTIONS, batch, pa.table(columns, schema=schema))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def _table(stream: str, rows: list[Row]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=STREAMS[stream].schema)
