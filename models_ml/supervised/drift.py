"""How far today's features and scores are from those the model was judged on.

The population stability index of a feature sums (share - share) * log(share / share) over its bins:
tenths of a number, the values of a text, unknown, and texts never seen.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import chi2

from models_ml.supervised.columns import MISSING, NEW, codes, numbers
from models_ml.supervised.fitted import Fitted

Floats = NDArray[np.float64]
#: Above, a feature or score counts as drifted.
WARNS = 0.2
SCORE = "score"
TENTHS = 10
#: A bin that is empty on one side counts as half a row there.
HALF = 0.5
#: Chance alone, with few rows, gives an index above the limit; this probability of that is borne.
CHANCE = 0.001
REFERENCE = {
    "feature": pl.String,
    "bin": pl.Int64,
    "above": pl.Float64,
    "category": pl.String,
    "rows": pl.Int64,
}
DRIFT = {
    "feature": pl.String,
    "psi": pl.Float64,
    "is_drifted": pl.Boolean,
    "missing_share": pl.Float64,
    "new_share": pl.Float64,
    "rows": pl.Int64,
}


def psi(expected: Floats, actual: Floats) -> float:
    """The index of two counts by bin (bins,). 0 where they are in proportion; NaN where one side
    has no row."""
    if not expected.sum() or not actual.sum():
        return float("nan")
    given, found = np.maximum(expected, HALF), np.maximum(actual, HALF)
    seen = (expected > 0) | (actual > 0)
    given, found = given[seen] / given[seen].sum(), found[seen] / found[seen].sum()
    return float(((found - given) * np.log(found / given)).sum())


def reference(fitted: Fitted, frame: pl.DataFrame) -> pl.DataFrame:
    """What later frames are compared with, one row per feature (and the score) and bin: its number
    (-2 unknown, -1 a text never seen), a number's lower border ``above`` (null at the lowest), a
    text's ``category``, and how many ``rows`` there are."""
    found: list[dict] = []
    for name, values in _values(fitted, frame).items():
        categories = _categories(fitted, name)
        if categories is None:
            known = values[~np.isnan(values)]
            shares = np.linspace(0, 1, TENTHS + 1)[1:-1]
            edges = np.unique(np.quantile(known, shares)) if len(known) else np.zeros(0)
            borders: list = [None, *edges.tolist()]
            bins = _bins(values, edges)
        else:
            borders, bins = categories, values.astype(np.int64)
        for number in (MISSING, NEW, *range(len(borders))):
            border = borders[number] if number >= 0 else None
            row = {"feature": name, "bin": number, "rows": int((bins == number).sum())}
            row["above" if categories is None else "category"] = border
            found.append(row)
    return pl.DataFrame(found, schema=REFERENCE)


def drift(fitted: Fitted, given: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
    """One row per feature and one for the ``score``: ``psi``, ``is_drifted`` (above
    :data:`WARNS`, and more than chance gives so few rows), ``missing_share``, ``new_share`` (of
    texts never seen) and ``rows``. ``given`` is a :func:`reference`."""
    found = []
    for name, values in _values(fitted, frame).items():
        own = given.filter(pl.col("feature") == name).sort("bin")
        if _categories(fitted, name) is None:
            bins = _bins(values, own.get_column("above").drop_nulls().to_numpy())
        else:
            bins = values.astype(np.int64)
        numbered = own.get_column("bin").to_list()
        actual = np.array([(bins == number).sum() for number in numbered], float)
        expected = own.get_column("rows").to_numpy().astype(float)
        index = psi(expected, actual)
        rows = max(1, len(values))
        found.append(
            {
                "feature": name,
                "psi": None if np.isnan(index) else index,
                "is_drifted": bool(index > WARNS and _is_told(index, expected, actual)),
                "missing_share": float(actual[numbered.index(MISSING)] / rows),
                "new_share": float(actual[numbered.index(NEW)] / rows),
                "rows": len(values),
            }
        )
    return pl.DataFrame(found, schema=DRIFT)


def _is_told(index: float, expected: Floats, actual: Floats) -> bool:
    """Whether chance gives such an index seldom: without drift it is close to a chi-squared number
    over the harmonic mean of both numbers of rows."""
    bins = int(((expected > 0) | (actual > 0)).sum())
    rows = 1 / (1 / expected.sum() + 1 / actual.sum())
    return index * rows > chi2.isf(CHANCE, max(1, bins - 1))


def _values(fitted: Fitted, frame: pl.DataFrame) -> dict[str, Floats]:
    """Each feature's numbers or codes, and the score."""
    columns = fitted.columns
    found = {name: numbers(frame.get_column(name)) for name in columns.numeric}
    for name, values in zip(columns.categorical, columns.categories_, strict=True):
        found[name] = codes(frame.get_column(name), values).astype(float)
    return found | {SCORE: fitted.probability(frame)}


def _categories(fitted: Fitted, name: str) -> list[str] | None:
    columns = fitted.columns
    if name not in columns.categorical:
        return None
    values = columns.categories_[list(columns.categorical).index(name)]
    return [value for value in values if value is not None]


def _bins(values: Floats, edges: Floats) -> NDArray[np.int64]:
    found = np.searchsorted(edges, values, side="right")
    return np.where(np.isnan(values), MISSING, found)
