"""How far today's features and scores are from those the model was judged on."""

from __future__ import annotations

import polars as pl

from models_ml.supervised.fitted import Fitted
from models_ml.supervised.spec import ModelSpec

#: Above, a feature or score counts as drifted.
WARNS = 0.2


def drift(
    spec: ModelSpec, fitted: Fitted, reference: pl.DataFrame, frame: pl.DataFrame
) -> pl.DataFrame:
    """One row per feature and one for the ``score``: ``feature``, ``psi``, ``is_drifted``,
    ``missing_share``, ``new_share`` (of values never seen in training) and ``rows``.
    ``reference`` is :attr:`Trained.reference`."""
    raise NotImplementedError
