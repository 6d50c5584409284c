"""How likely a contact responds to an action, learnt from who got it before.

One encoding of the features for all actions, then a logistic regression for each action that has
enough exposures; below that the action's own rate, drawn to what is assumed of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from scipy.special import expit
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from models_ml.actions.choosing import Flags, Floats

Basis = Literal["model", "rate", "assumed"]
#: Strength of the penalty: coefficients of standardised features are near 0 unless told otherwise.
INVERSE_PENALTY = 0.1
_UNKNOWN = "(unknown)"
#: Numbers further out than so many standard deviations are as far: one odd row moves no score.
_FARTHEST = 4.0


@dataclass(frozen=True)
class Enough:
    """When a model is fitted: exposures and responses (and as many without one)."""

    exposures: int = 300
    responses: int = 30
    #: Imaginary exposures at the assumed rate, where no model is fitted.
    prior: float = 50.0


class Encoder:
    """Features as numbers: standardised, missing ones at the median with a column that says so."""

    def __init__(self, frame: pl.DataFrame) -> None:
        """Learn from ``frame``: columns of numbers or flags, and of text. Constant or empty columns
        are left out; where none is left, nothing is encoded."""
        varies = [name for name in frame.columns if frame[name].n_unique() > 1]
        texts = [name for name in varies if frame[name].dtype == pl.String]
        numbers = [name for name in varies if name not in texts]
        self.numbers, self.texts = numbers, texts
        found = ColumnTransformer(
            [
                (
                    "numbers",
                    make_pipeline(
                        SimpleImputer(strategy="median", add_indicator=True), StandardScaler()
                    ),
                    slice(0, len(numbers)),
                ),
            ]
        )
        codes = OneHotEncoder(
            handle_unknown="infrequent_if_exist", min_frequency=20, sparse_output=False
        )
        self._numbers = found.fit(self._table(frame)) if numbers else None
        self._codes = codes.fit(self._words(frame)) if texts else None
        self.sources = self._sources()

    def transform(self, frame: pl.DataFrame) -> Floats:
        """(rows, columns); ``sources`` names the feature that each column comes from."""
        if not frame.height or not self.sources:
            return np.zeros((frame.height, len(self.sources)))
        parts = []
        if self._numbers is not None:
            found = self._numbers.transform(self._table(frame))
            parts.append(np.clip(found, -_FARTHEST, _FARTHEST))
        if self._codes is not None:
            parts.append(self._codes.transform(self._words(frame)))
        return np.hstack(parts).astype(float)

    def _table(self, frame: pl.DataFrame) -> Floats:
        columns = [pl.col(name).cast(pl.Float64).fill_null(np.nan) for name in self.numbers]
        return frame.select(columns).to_numpy()

    def _words(self, frame: pl.DataFrame) -> np.ndarray:
        return frame.select(pl.col(self.texts).fill_null(_UNKNOWN)).to_numpy().astype(object)

    def _sources(self) -> list[str]:
        found = []
        if self._numbers is not None:
            missing = self._numbers.named_transformers_["numbers"][0].indicator_.features_
            found += [*self.numbers, *(self.numbers[n] for n in missing)]
        if self._codes is not None:
            names = self._codes.get_feature_names_out(self.texts)
            widths = self._codes._n_features_outs
            assert sum(widths) == len(names)
            found += [t for t, width in zip(self.texts, widths, strict=True) for _ in range(width)]
        return found


@dataclass(frozen=True)
class Response:
    """What is known of one action: probabilities of encoded contacts, and what makes them.

    ``basis``: a ``model``, the measured ``rate``, or what is ``assumed`` where nobody got it yet.
    """

    basis: Basis
    exposures: int
    responses: int
    rate: float
    model: LogisticRegression | None = None
    middle: Floats | None = None

    def probability(self, encoded: Floats) -> Floats:
        """(rows,), between 0 and 1."""
        if self.model is None:
            return np.full(len(encoded), self.rate)
        scores: Floats = encoded @ self.model.coef_[0] + self.model.intercept_[0]
        return expit(scores)

    def contributions(self, encoded: Floats, sources: Sequence[str]) -> dict[str, Floats]:
        """Feature -> what it adds to the log odds (rows,), against the mean of who got it before.

        Nothing where no model was fitted.
        """
        if self.model is None or self.middle is None:
            return {}
        parts = (encoded - self.middle) * self.model.coef_[0]
        found: dict[str, Floats] = {}
        for place, name in enumerate(sources):
            found[name] = found.get(name, 0.0) + parts[:, place]
        return found


def fit(
    encoded: Floats,
    responded: Flags,
    enough: Enough,
    assumed: float,
    known: Flags | None = None,
) -> Response:
    """Of one action's exposures: encoded features (rows, columns) and who responded (rows,).

    Rows that are not ``known`` have no features: they count for the rate, and no model sees them.
    """
    exposures, responses = len(responded), int(responded.sum())
    rate = (responses + enough.prior * assumed) / (exposures + enough.prior)
    if known is not None:
        encoded, responded = encoded[known], responded[known]
    fewest = min(int(responded.sum()), int((~responded).sum()))
    if not encoded.shape[1] or len(encoded) < enough.exposures or fewest < enough.responses:
        basis: Basis = "rate" if exposures else "assumed"
        return Response(basis, exposures, responses, rate)
    # Few columns: Newton's steps are few, and threads would wait for one another.
    with threadpool_limits(1):
        model = LogisticRegression(C=INVERSE_PENALTY, solver="newton-cholesky", max_iter=100).fit(
            encoded, responded
        )
    return Response("model", exposures, responses, rate, model, encoded.mean(axis=0))


def told(found: dict[str, Floats], most: int = 3) -> pl.Series:
    """Of each row, the features that add or take most, largest first, as a JSON object of their
    parts to four decimals; NULL where nothing does."""
    if not found:
        return pl.Series([], dtype=pl.String)
    names = pl.Series(list(found))
    parts = np.stack(list(found.values()), axis=1).round(4)
    order = np.argsort(-np.abs(parts), axis=1, kind="stable")[:, :most]
    pieces = []
    for place in range(order.shape[1]):
        part = parts[np.arange(len(parts)), order[:, place]]
        piece = pl.select(pl.format('"{}": {}', names.gather(order[:, place]), pl.Series(part)))
        pieces.append(piece.to_series().set(pl.Series(part == 0), None))
    joined = pl.select(pl.concat_str(pieces, separator=", ", ignore_nulls=True)).to_series()
    return pl.select(pl.when(joined != "").then(pl.lit("{") + joined + pl.lit("}"))).to_series()
