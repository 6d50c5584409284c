"""Trained and scored models as Markdown tables and sentences, for Dagster's pages and terminals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from models_ml.operations.retraining import Retrained
from models_ml.operations.scoring import Scored
from models_ml.supervised.training import MANY_POSITIVES

_METRICS = ("auc", "average_precision", "brier", "calibration_error", "lift_top_decile")


def sentence(one: Retrained) -> str:
    """What became of a model, in one line."""
    if one.decision is None or one.trained is None:
        return f"{one.model}: not trained: {one.refused}"
    told = f"{one.model}: {one.decision.decision} ({one.decision.reason})"
    for row in _rows(one, ("auc",)):
        alone = _number(row, "baseline_age")
        told += f"; AUC {figure(row, outcomes(one))}, by last activity alone {alone}"
    return told


def outcomes(one: Retrained) -> int:
    """Outcomes on the test months."""
    windows = one.trained.windows if one.trained else ()
    return next((window.positives for window in windows if window.name == "test"), 0)


def figure(row: dict[str, Any], positives: int) -> str:
    """A metric with its interval. Of few outcomes the figure says less than its interval: that
    alone is shown, and why."""
    interval = f"{_number(row, 'low')} to {_number(row, 'high')}"
    if positives < MANY_POSITIVES:
        return f"{interval} (interval only: {positives} outcomes in the test months)"
    return f"{_number(row, 'value')} ({interval})"


def decisions(done: Iterable[Retrained]) -> str:
    rows = [
        (
            one.model,
            one.version or "",
            one.decision.decision if one.decision else "not trained",
            one.decision.reason if one.decision else one.refused,
        )
        for one in done
    ]
    return _table(("model", "version", "decision", "reason"), rows)


def metrics(done: Iterable[Retrained]) -> str:
    """Of all rows and by slice, on the test months, against both baselines."""
    rows = [
        (
            one.model,
            row["slice"],
            row["metric"],
            figure(row, outcomes(one)),
            _number(row, "baseline_age"),
            _number(row, "baseline_constant"),
            f"{row['rows']:,}",
        )
        for one in done
        for row in _rows(one, _METRICS, every_slice=True)
    ]
    head = ("model", "slice", "metric", "test months", "by last activity", "constant", "rows")
    return _table(head, rows)


def calibration(done: Iterable[Retrained]) -> str:
    rows = [
        (one.model, row["decile"], row["rows"], _number(row, "predicted"), _number(row, "observed"))
        for one in done
        if one.trained
        for row in one.trained.calibration.to_dicts()
    ]
    return _table(("model", "decile", "rows", "predicted", "observed"), rows)


def scorings(done: Iterable[Scored]) -> str:
    rows = [
        (
            one.model,
            one.version or "",
            f"{one.subjects:,}",
            f"{one.stored:,}",
            "; ".join(
                [
                    *(text for text in (one.detail, one.unseen) if text),
                    *(f"{version} refused: {why}" for version, why in one.refused),
                    *(f"{finding.subject} {finding.detail}" for finding in one.findings),
                    *(f"{row['feature']} drifted, PSI {row['psi']:.2f}" for row in one.drift),
                ]
            ),
        )
        for one in done
    ]
    return _table(("model", "version", "scored", "stored", ""), rows)


def _rows(one: Retrained, names: Sequence[str], every_slice: bool = False) -> list[dict[str, Any]]:
    if one.trained is None:
        return []
    return [
        row
        for row in one.trained.metrics.to_dicts()
        if row["window"] == "test"
        and row["metric"] in names
        and (every_slice or row["slice"] == "all")
    ]


def _number(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    return "" if value is None else f"{value:.3f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    lines += [f"| {' | '.join(str(cell).replace('|', '/') for cell in row)} |" for row in rows]
    return "\n".join(lines)
