"""A frame's features as one matrix of numbers, the same way in training and in scoring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

Floats = NDArray[np.float64]
#: Codes of a category's value: unknown when fitted, and null.
NEW, MISSING = -1, -2
#: A text of more values keeps its most frequent ones; the rest is as if never seen.
MOST_CATEGORIES = 30
#: A text of fewer groups (organisations) is as if never seen: it may be about one person, and what
#: is kept of it would stay after that person's erasure.
LEAST_GROUPS = 5


class Columns(TransformerMixin, BaseEstimator):
    """Numbers as they are, null and infinite as NaN; a column of 0 and 1 for each value of a text,
    null being a value where the fitted rows have it. A value never seen is 0 in all of them.

    ``numeric`` and ``categorical`` are the features' names. After :meth:`fit`, ``categories_`` has
    the values of each text in order and ``owners_`` the number of the feature that each column of
    the matrix belongs to.
    """

    def __init__(self, numeric: Sequence[str] = (), categorical: Sequence[str] = ()) -> None:
        self.numeric = numeric
        self.categorical = categorical

    def fit(self, X: pl.DataFrame, y: Any = None, *, groups: pl.Series) -> Columns:
        """``groups`` names each row's group."""
        self.categories_: list[list[str | None]] = []
        owners = list(range(len(self.numeric)))
        for number, name in enumerate(self.categorical, len(self.numeric)):
            values = frequent(X.get_column(name), groups)
            self.categories_.append(sorted(values, key=lambda value: (value is None, value or "")))
            owners += [number] * len(values)
        self.owners_ = np.array(owners, dtype=np.int64)
        return self

    def transform(self, X: pl.DataFrame) -> Floats:
        """(rows, columns), rows together in memory."""
        matrix = np.empty((X.height, len(self.owners_)))
        for number, name in enumerate(self.numeric):
            matrix[:, number] = numbers(X.get_column(name))
        at = len(self.numeric)
        for name, values in zip(self.categorical, self.categories_, strict=True):
            found = codes(X.get_column(name), values)
            for value in values:
                wanted = MISSING if value is None else values.index(value)
                matrix[:, at] = found == wanted
                at += 1
        return matrix

    def values(self, X: pl.DataFrame) -> Floats:
        """A column a feature: its number, or the code of its value among :attr:`categories_`."""
        matrix = np.empty((X.height, len(self.numeric) + len(self.categorical)))
        for number, name in enumerate(self.numeric):
            matrix[:, number] = numbers(X.get_column(name))
        for number, name in enumerate(self.categorical):
            found = codes(X.get_column(name), self.categories_[number])
            matrix[:, len(self.numeric) + number] = found
        return matrix


def frequent(column: pl.Series, groups: pl.Series) -> list[str | None]:
    """The texts, and null, that :data:`LEAST_GROUPS` have: at most :data:`MOST_CATEGORIES` of them,
    those of most rows first."""
    rows = pl.DataFrame({"value": column.cast(pl.String), "group": groups})
    counts = rows.group_by("value").agg(pl.len().alias("n"), pl.col("group").n_unique())
    told = counts.filter(pl.col("group") >= LEAST_GROUPS).sort(
        ["n", "value"], descending=[True, False], nulls_last=True
    )
    return told.get_column("value").head(MOST_CATEGORIES).to_list()


def numbers(column: pl.Series) -> Floats:
    """As doubles: null and infinite values are NaN."""
    found = column.cast(pl.Float64).to_numpy().astype(float, copy=True)
    found[np.isinf(found)] = np.nan
    return found


def codes(column: pl.Series, values: Sequence[str | None]) -> NDArray[np.int32]:
    """The place of each value among ``values``, :data:`NEW` or :data:`MISSING`."""
    known = [value for value in values if value is not None]
    text = column.cast(pl.String)
    if not known:
        return np.where(text.is_null().to_numpy(), MISSING, NEW).astype(np.int32)
    found = text.replace_strict(known, list(range(len(known))), default=NEW, return_dtype=pl.Int32)
    return found.set(text.is_null(), MISSING).to_numpy()
