"""Champion against challenger on the same rows."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from models_ml.supervised.fitted import Fitted
from models_ml.supervised.spec import ModelSpec, TrainingSettings


@dataclass(frozen=True)
class Comparison:
    """The challenger's AUC and Brier score less the champion's, each with an interval by bootstrap
    over groups. ``is_not_worse`` is the verdict, ``reason`` a sentence with the figures."""

    rows: int
    auc: tuple[float, float, float]
    brier: tuple[float, float, float]
    is_not_worse: bool
    reason: str


def compare(
    spec: ModelSpec,
    champion: Fitted,
    challenger: Fitted,
    frame: pl.DataFrame,
    settings: TrainingSettings,
) -> Comparison:
    """Both on the test window of ``frame`` (labelled rows, the frame the challenger was trained
    on). Groups of the test side were in no version's training."""
    raise NotImplementedError
