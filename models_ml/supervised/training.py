"""Training: candidates on the training window, one chosen and calibrated on rows that none was
trained on, and judged on the test window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from models_ml.supervised import candidates, checks, drift, evaluation, leakage
from models_ml.supervised.faults import Finding, Kind, Reason, Refused
from models_ml.supervised.fitted import Fitted
from models_ml.supervised.spec import LABEL, SNAPSHOT, ModelSpec, TrainingSettings
from models_ml.supervised.splitting import Split, Window, split

Floats = NDArray[np.float64]
#: With fewer outcomes in the test window, intervals are too wide to say more than that.
MANY_POSITIVES = 100


@dataclass(frozen=True)
class Trained:
    """A fitted model with all that was measured of it.

    - ``windows``: ``train``, ``validation``, ``calibration``, ``refit`` and ``test`` (`splitting`).
    - ``spec`` is the one given; ``fitted.features`` are those of it that were used.
    - ``metrics``: one row per slice and metric of the test window (`evaluation.metrics`).
    - ``calibration``: one row per tenth of the scores (`evaluation.calibration`).
    - ``candidates``: one row per candidate, the chosen one first: ``kind``, ``parameters``,
      ``log_loss`` and ``auc`` on the validation window.
    - ``importance``: one row per feature: mean absolute contribution (logit) on the test window,
      the largest first.
    - ``leakage``: one row per feature (`leakage.examined`).
    - ``shift``: one row per feature and for the score: how far the test window is from the training
      window (`drift.drift`).
    - ``reference``: what `drift` compares later frames with: all rows of the test window's
      snapshots, the last ones whose outcome is known.
    - ``findings``: what is odd about the data.
    """

    spec: ModelSpec
    settings: TrainingSettings
    fitted: Fitted
    windows: tuple[Window, ...]
    metrics: pl.DataFrame
    calibration: pl.DataFrame
    candidates: pl.DataFrame
    importance: pl.DataFrame
    leakage: pl.DataFrame
    shift: pl.DataFrame
    reference: pl.DataFrame
    findings: tuple[Finding, ...]
    parameters: dict[str, Any]


def train(
    spec: ModelSpec, frame: pl.DataFrame, settings: TrainingSettings, as_of: datetime
) -> Trained:
    """Train on labelled rows; every row's horizon must be over at ``as_of``.

    Raises :class:`models_ml.supervised.faults.Refused`. The same frame in any order, specification
    and settings give the same model.
    """
    checks.labelled(spec, frame, as_of)
    with threadpool_limits(settings.threads):
        parts = split(spec, frame, settings)
        used, findings = checks.usable(spec, parts.train)
        examined, leaks = leakage.examined(used, frame, parts, settings)
        has_age = spec.age in used.features
        used = used.without([leak.subject for leak in leaks])
        if not used.features:
            raise Refused(Reason.NO_USABLE_FEATURE, "every feature is empty, constant or a leak")
        found = candidates.tried(used, parts.train, parts.validation, settings)
        chosen = found[0]
        _calibrate(chosen.fitted, parts.calibration, settings)
        fitted = candidates.refitted(chosen, used, parts.refit, settings)
        chances = _chances(spec if has_age else None, fitted, parts)
        metrics = evaluation.metrics(used, parts.test, chances, settings)
        latest = frame.filter(pl.col(SNAPSHOT) >= parts.test.get_column(SNAPSHOT).min())
        return Trained(
            spec=spec,
            settings=settings,
            fitted=fitted,
            windows=parts.windows,
            metrics=metrics,
            calibration=evaluation.calibration(parts.test, chances["model"], settings.level),
            candidates=pl.DataFrame([one.row() for one in found]),
            importance=_importance(fitted, parts.test),
            leakage=examined,
            shift=drift.drift(fitted, drift.reference(fitted, parts.refit), parts.test),
            reference=drift.reference(fitted, latest),
            findings=(*parts.findings, *findings, *leaks, *_few(parts)),
            parameters={"kind": chosen.kind, **chosen.parameters, "calibration": _curve(chosen)},
        )


def _calibrate(fitted: Fitted, rows: pl.DataFrame, settings: TrainingSettings) -> None:
    truth = candidates.labels(rows)
    fitted.scale, fitted.shift = 1.0, 0.0
    fitted.scale, fitted.shift = candidates.platt(fitted.margin(rows), truth)
    fitted.isotonic = candidates.isotonic(fitted.margin(rows), truth, settings.seed)


def _curve(chosen: candidates.Tried) -> str:
    return "platt" if chosen.fitted.isotonic is None else "isotonic"


def _chances(spec: ModelSpec | None, fitted: Fitted, parts: Split) -> dict[str, Floats]:
    """The test rows' probabilities by the model and by both baselines; without a specification the
    age of the last activity says nothing."""
    mean = float(parts.refit.get_column(LABEL).mean())
    constant = np.full(parts.test.height, mean)
    found = {"model": fitted.probability(parts.test), "age": constant, "constant": constant}
    if spec is not None:
        simple = candidates.age_only(spec.only([spec.age]), parts.refit, parts.calibration)
        found["age"] = simple.probability(parts.test)
    return found


def _importance(fitted: Fitted, test: pl.DataFrame) -> pl.DataFrame:
    moved = np.abs(fitted.contributions(test)).mean(axis=0)
    told = pl.DataFrame({"feature": list(fitted.features), "contribution": moved})
    return told.sort(["contribution", "feature"], descending=[True, False])


def _few(parts: Split) -> list[Finding]:
    found = []
    if not candidates.is_told(candidates.labels(parts.validation)):
        positives = int(parts.validation.get_column(LABEL).sum())
        detail = f"has {positives} positive outcomes: the simplest candidate was taken"
        found.append(Finding(Kind.FEW_POSITIVES, "validation", detail))
    positives = int(parts.test.get_column(LABEL).sum())
    if positives < MANY_POSITIVES:
        detail = f"has {positives} positive outcomes: read the intervals, not the figures"
        found.append(Finding(Kind.FEW_POSITIVES, "test", detail))
    return found
