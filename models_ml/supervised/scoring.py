"""Scores of today's rows by a fitted model."""

from __future__ import annotations

import polars as pl

from models_ml.supervised import checks, explaining
from models_ml.supervised.faults import Finding
from models_ml.supervised.fitted import Fitted
from models_ml.supervised.spec import ModelSpec

SCORED = {
    "subject_id": pl.String,
    "probability": pl.Float64,
    "score": pl.Float64,
    "contributions": pl.String,
}


def score(
    spec: ModelSpec, fitted: Fitted, frame: pl.DataFrame, top: int = 3
) -> tuple[pl.DataFrame, list[Finding]]:
    """One row per row given, in its order: ``subject_id``, ``probability``, ``score`` (100 times
    it) and ``contributions`` (JSON, `explaining.top`; null where ``top`` is 0); and what is odd
    about the rows. Columns the model does not know are ignored.

    Raises :class:`models_ml.supervised.faults.Refused`, as where a feature is missing.
    """
    findings = checks.scored(spec, fitted, frame)
    chances = pl.Series(fitted.probability(frame))
    told = explaining.top(fitted, frame, top) if top else None
    columns = {
        "subject_id": frame.get_column(spec.subject_id),
        "probability": chances,
        "score": 100 * chances,
        "contributions": told if told is not None else [None] * frame.height,
    }
    return pl.DataFrame(columns, schema=SCORED), findings
