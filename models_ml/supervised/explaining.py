"""What a row's score is made of: contributions of features that add up to its margin.

The margin is the logit of the probability before an isotonic curve (with Platt's curve, of the
probability itself). A contribution is the feature's exact Shapley value: of the additive functions
of a linear model (`lines`), or of the trees (`trees`). It says what moves the model's score from
the average training row's to this one, not what would happen if the feature were changed.
"""

from __future__ import annotations

import json

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models_ml.supervised.fitted import Fitted, Floats, parts


def contributions(fitted: Fitted, frame: pl.DataFrame) -> tuple[float, Floats]:
    """The margin of the average training row, and what each feature adds to it: (rows, features),
    in the order of :attr:`Fitted.features`. A row's sum and the average are its margin."""
    return fitted.average, fitted.contributions(frame)


def top(fitted: Fitted, frame: pl.DataFrame, count: int = 3) -> pl.Series:
    """The features that move each row's score most, as JSON texts: a list of ``feature``,
    ``value`` (a number, text or null) and ``contribution`` (logit, 4 digits), the largest first."""
    found = [_top(fitted, part, count) for _, part in parts(frame)]
    empty = pl.Series("contributions", [], dtype=pl.String)
    return pl.concat([empty, *found])


def _top(fitted: Fitted, frame: pl.DataFrame, count: int) -> pl.Series:
    moved = fitted.contributions(frame)
    values = fitted.columns.values(frame)
    # Equal contributions come in the features' order.
    order = np.argsort(-np.abs(moved), axis=1, kind="stable")[:, :count]
    items = []
    for place in range(order.shape[1]):
        chosen = order[:, place]
        rows = np.arange(len(chosen))
        items.append(_item(fitted, frame, chosen, values[rows, chosen], moved[rows, chosen]))
    text = pl.concat_str([pl.lit("["), pl.concat_str(items, separator=", "), pl.lit("]")])
    return pl.select(text.alias("contributions")).to_series()


def _item(
    fitted: Fitted, frame: pl.DataFrame, chosen: NDArray[np.int64], values: Floats, moved: Floats
) -> pl.Series:
    """One JSON object a row."""
    names = pl.Series([json.dumps(name) for name in fitted.features])
    columns = fitted.columns
    value = pl.Series(np.where(np.isnan(values), 0.0, values)).round(6).cast(pl.String)
    value = value.set(pl.Series(np.isnan(values)), "null")
    for number, name in enumerate(columns.categorical, len(columns.numeric)):
        own = pl.Series(chosen == number)
        if own.any():
            texts = frame.get_column(name).cast(pl.String)
            quoted = texts.filter(own).unique().drop_nulls().to_list()
            known = {text: json.dumps(text) for text in quoted}
            told = texts.filter(own).replace_strict(known, default="null", return_dtype=pl.String)
            value = value.scatter(own.arg_true(), told)
    # Adding 0 makes a zero of what was rounded to a negative one.
    told = (pl.Series(np.round(moved, 4)) + 0.0).cast(pl.String)
    pieces = ['{"feature": ', names.gather(chosen), ', "value": ', value]
    pieces += [', "contribution": ', told, "}"]
    return pl.select(pl.concat_str([pl.lit(piece) for piece in pieces])).to_series()
