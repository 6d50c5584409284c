"""Training: candidates on the training window, one chosen and calibrated on the validation window,
judged on the test window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from models_ml.supervised.faults import Finding
from models_ml.supervised.fitted import Fitted
from models_ml.supervised.spec import ModelSpec, TrainingSettings


@dataclass(frozen=True)
class Window:
    """One side of the split. Times are snapshots (UTC naive), both included."""

    name: str
    first_at: datetime
    last_at: datetime
    rows: int
    positives: int
    subjects: int
    groups: int


@dataclass(frozen=True)
class Trained:
    """A fitted model with all that was measured of it.

    - ``metrics``: one row per window, slice and metric: ``value``, ``low``, ``high`` (an interval
      by bootstrap over groups), ``baseline_age``, ``baseline_constant`` and ``rows``. The slice
      ``all`` is everybody; others are ``column=value``.
    - ``calibration``: one row per tenth of the scores: ``decile``, ``rows``, ``predicted``,
      ``observed``, ``low``, ``high``.
    - ``candidates``: one row per candidate: its parameters and what the validation window said.
    - ``importance``: one row per feature: mean absolute contribution on the test window (logit).
    - ``reference``: what `drift` compares with, one row per feature and bin.
    """

    spec: ModelSpec
    settings: TrainingSettings
    fitted: Fitted
    windows: tuple[Window, ...]
    metrics: pl.DataFrame
    calibration: pl.DataFrame
    candidates: pl.DataFrame
    importance: pl.DataFrame
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
    raise NotImplementedError
