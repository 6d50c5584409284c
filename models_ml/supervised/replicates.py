"""How far a measure could have come out otherwise: bootstrap over groups.

A replicate weighs each group by a number of draws. What a measure needs of the rows are sums by
group and by place in the order of the scores, so that all replicates are a product of a sparse
matrix with the weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from models_ml.attribution.bootstrap import blocks, weights
from models_ml.supervised.splitting import Numbers

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
#: Places in the order of scores that replicates tell apart; of fewer distinct scores every one.
PLACES = 2048
#: Replicates whose weights are held at once.
WIDTH = 50
TENTHS = 10


@dataclass(frozen=True)
class Sums:
    """Sums of rows by place in the order of the probabilities (places, replicates), of losses
    (replicates,), and by tenth of the probabilities (tenths, replicates)."""

    positives: Floats
    rows: Floats
    squares: Floats
    losses: Floats
    predicted: Floats
    observed: Floats


Measure = Callable[[Sums], Floats]


def auc(sums: Sums) -> Floats:
    """The share of pairs of both outcomes that are ranked rightly; ties count half."""
    negatives = sums.rows - sums.positives
    below = np.cumsum(negatives, axis=0) - negatives / 2
    pairs = sums.positives.sum(axis=0) * negatives.sum(axis=0)
    return _divided((sums.positives * below).sum(axis=0), pairs)


def average_precision(sums: Sums) -> Floats:
    """The mean precision at the positives, from the highest score down; ties are one step."""
    positives = sums.positives[::-1]
    precision = _divided(np.cumsum(positives, axis=0), np.cumsum(sums.rows[::-1], axis=0))
    return _divided((positives * np.nan_to_num(precision)).sum(axis=0), positives.sum(axis=0))


def lift(sums: Sums) -> Floats:
    """The outcome's share in the tenth with the highest scores as a multiple of its share in all.
    Of a place that the border cuts, a part counts."""
    rows, positives = sums.rows[::-1], sums.positives[::-1]
    above = np.cumsum(rows, axis=0) - rows
    room = rows.sum(axis=0) / TENTHS - above
    part = np.clip(_divided(room, rows, 0.0), 0.0, 1.0)
    top = (positives * part).sum(axis=0)
    return _divided(top * TENTHS, positives.sum(axis=0))


def brier(sums: Sums) -> Floats:
    """The mean squared error of the probabilities."""
    return _divided(sums.squares, sums.rows.sum(axis=0))


def log_loss(sums: Sums) -> Floats:
    return _divided(sums.losses, sums.rows.sum(axis=0))


def calibration_error(sums: Sums) -> Floats:
    """The mean distance of predicted and observed share, over tenths of the rows."""
    apart = np.abs(sums.predicted - sums.observed).sum(axis=0)
    return _divided(apart, sums.rows.sum(axis=0))


def predicted_share(sums: Sums) -> Floats:
    return _divided(sums.predicted.sum(axis=0), sums.rows.sum(axis=0))


def observed_share(sums: Sums) -> Floats:
    return _divided(sums.positives.sum(axis=0), sums.rows.sum(axis=0))


#: Measures of the ranking say nothing where all outcomes are the same.
RANKING: dict[str, Measure] = {
    "auc": auc,
    "average_precision": average_precision,
    "lift_top_decile": lift,
}
MEASURES: dict[str, Measure] = RANKING | {
    "brier": brier,
    "log_loss": log_loss,
    "calibration_error": calibration_error,
    "predicted_share": predicted_share,
    "observed_share": observed_share,
}


@dataclass(frozen=True)
class Rows:
    """Rows with a probability and a known outcome, ready to be summed by replicate."""

    places: csr_array
    positives: csr_array
    losses: csr_array
    predicted: csr_array
    observed: csr_array

    def sums(self, drawn: Floats) -> Sums:
        """Of weights (groups, replicates)."""
        losses = self.losses @ drawn
        return Sums(
            positives=self.positives @ drawn,
            rows=self.places @ drawn,
            squares=losses[0],
            losses=losses[1],
            predicted=self.predicted @ drawn,
            observed=self.observed @ drawn,
        )


def rows(chances: Floats, truth: Flags, groups: NDArray[np.int64], exact: bool = False) -> Rows:
    """``groups`` is the number of each row's group from 0 on. ``exact`` tells all scores apart."""
    distinct, own = np.unique(chances, return_inverse=True)
    below = np.cumsum(np.bincount(own)) - np.bincount(own)
    # Equal scores are in one place and in one tenth, that of the first of them.
    tenth = (below * TENTHS // max(1, len(chances)))[own]
    place, count = own, len(distinct)
    if count > PLACES and not exact:
        place, count = (below * PLACES // len(chances))[own], PLACES
    safe = np.clip(chances, 1e-15, 1 - 1e-15)
    width = int(groups.max(initial=-1)) + 1
    one = np.ones(len(chances))

    def summed(by: NDArray[np.int64], values: Floats, height: int) -> csr_array:
        return csr_array((values, (by, groups)), (height, width))

    squares = summed(np.zeros(len(one), np.int64), (chances - truth) ** 2, 2)
    losses = summed(np.ones(len(one), np.int64), -np.log(np.where(truth, safe, 1 - safe)), 2)
    return Rows(
        places=summed(place, one, count),
        positives=summed(place, truth.astype(float), count),
        losses=squares + losses,
        predicted=summed(tenth, chances, TENTHS),
        observed=summed(tenth, truth.astype(float), TENTHS),
    )


def measured(part: Rows, measures: dict[str, Measure]) -> dict[str, float]:
    """Each measure of the rows as they are."""
    sums = part.sums(np.ones((part.places.shape[1], 1)))
    return {name: float(measure(sums)[0]) for name, measure in measures.items()}


def drawn(
    parts: dict[str, Rows], measures: dict[str, Measure], numbers: Numbers, replicates: int
) -> dict[str, dict[str, Floats]]:
    """Each part's measures by replicate, all parts with the same draws; ``numbers`` are the
    groups'."""
    found = {name: {key: np.empty(replicates) for key in measures} for name in parts}
    for first, last in blocks(replicates, WIDTH):
        draws = weights(numbers, first, last)
        for name, part in parts.items():
            sums = part.sums(draws)
            for key, measure in measures.items():
                found[name][key][first - 1 : last] = measure(sums)
    return found


def interval(value: float, samples: Floats, level: float, is_error: bool = False) -> tuple:
    """Low and high: the replicates' percentiles. A sum of distances (``is_error``) comes out too
    high in replicates by what chance adds, so its percentiles are mirrored at the value."""
    known = samples[np.isfinite(samples)]
    if len(known) < 2 or not np.isfinite(value):
        return None, None
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    if is_error:
        low, high = max(0.0, 2 * value - high), max(value, 2 * value - low)
    return float(low), float(high)


def _divided(above: Floats, below: Floats, otherwise: float = np.nan) -> Floats:
    return np.divide(above, below, out=np.full(np.shape(above), otherwise), where=below > 0)
