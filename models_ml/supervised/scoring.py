"""Scores of today's rows by a fitted model."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from models_ml.supervised.fitted import Fitted
from models_ml.supervised.spec import ModelSpec


def score(spec: ModelSpec, fitted: Fitted, frame: pl.DataFrame, top: int = 3) -> pl.DataFrame:
    """One row per row given, in its order: ``subject_id``, ``probability``, ``score`` (100 times
    it) and ``contributions`` (JSON, `explaining.top`; without any where ``top`` is 0: all null).

    Features the model does not know are ignored; one it knows and the frame lacks is refused.
    Raises :class:`models_ml.supervised.faults.Refused`.
    """
    raise NotImplementedError


def inherited(
    scores: pl.DataFrame, contacts: pl.DataFrame, weights: Mapping[str, float]
) -> pl.DataFrame:
    """Contacts' scores by their account's: the same columns, one row per contact whose account has
    a score. ``contacts`` has ``contact_id``, ``account_id`` and ``role``; a role without a weight
    inherits all of it (weight 1)."""
    raise NotImplementedError
