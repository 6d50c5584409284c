"""Candidates of a model: fitted on the training window, compared on the validation rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline

from models_ml.supervised.columns import Columns
from models_ml.supervised.fitted import Fitted
from models_ml.supervised.hinges import Hinges
from models_ml.supervised.spec import LABEL, ModelSpec, TrainingSettings
from models_ml.supervised.splitting import groups_of
from models_ml.supervised.trees import DEPTH

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
#: Weights of the penalty: the inverse is scikit-learn's C.
PENALTIES = (10.0, 100.0, 300.0, 1000.0)
#: Learning rate and least rows of a leaf.
TREES = ((0.1, 20), (0.05, 100))
MOST_TREES = 400
#: After so many trees that make nothing better on the validation rows, no more are tried.
PATIENCE = 20
#: An isotonic curve needs that many of both outcomes: with fewer it follows chance.
ISOTONIC_ROWS = 1000
FOLDS = 5
#: With fewer of either outcome on the validation rows, choosing would be chance.
LEAST_TO_CHOOSE = 30


@dataclass(frozen=True)
class Tried:
    """A fitted and calibrated candidate, and what the validation window says of it."""

    kind: str
    parameters: dict[str, Any]
    fitted: Fitted
    log_loss: float
    auc: float

    def row(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "parameters": ", ".join(f"{name} {value:g}" for name, value in self.parameters.items()),
            "log_loss": self.log_loss,
            "auc": self.auc,
        }


def tried(
    spec: ModelSpec, train: pl.DataFrame, validation: pl.DataFrame, settings: TrainingSettings
) -> list[Tried]:
    """Every candidate, the best first: by log loss on the validation rows, Platt's curve being
    fitted there too (two numbers, the same for every candidate). Where :func:`is_told` is false,
    the linear one with the largest penalty alone, if linear ones are wanted."""
    found = []
    truth = labels(validation)
    simplest = not is_told(truth) and "linear" in settings.candidates
    for kind in ("linear",) if simplest else settings.candidates:
        make = _linear if kind == "linear" else _trees
        for parameters, pipeline in make(spec, train, validation, settings):
            fitted = Fitted(pipeline)
            margins = fitted.margin(validation)
            fitted.scale, fitted.shift = platt(margins, truth)
            chances = fitted.probability(validation)
            loss = float(log_loss(truth, chances, labels=[False, True]))
            auc = float(roc_auc_score(truth, margins))
            found.append(Tried(kind, parameters, fitted, loss, auc))
    return found[-1:] if simplest else sorted(found, key=lambda one: one.log_loss)


def is_told(truth: Flags) -> bool:
    """Whether there are outcomes enough to choose by."""
    return int(min(truth.sum(), (~truth).sum())) >= LEAST_TO_CHOOSE


def refitted(
    chosen: Tried, spec: ModelSpec, rows: pl.DataFrame, settings: TrainingSettings
) -> Fitted:
    """What was chosen, fitted to more rows of the same groups; it keeps its calibration."""
    columns = columns_of(spec, rows)
    matrix, truth = columns.transform(rows), labels(rows)
    steps: list[tuple[str, Any]] = [("columns", columns)]
    if chosen.kind == "linear":
        hinges = Hinges(len(spec.numeric))
        matrix = hinges.fit_transform(matrix)
        steps.append(("hinges", hinges))
        model = _regression(chosen.parameters["penalty"])
    else:
        model = _boosting(chosen.parameters, settings.seed)
    pipeline = Pipeline([*steps, ("estimator", model.fit(matrix, truth))])
    old = chosen.fitted
    return Fitted(pipeline, old.scale, old.shift, old.isotonic)


def columns_of(spec: ModelSpec, rows: pl.DataFrame) -> Columns:
    """The specification's features, fitted to rows."""
    columns = Columns(list(spec.numeric), list(spec.categorical))
    return columns.fit(rows, groups=groups_of(spec, rows))


def age_only(spec: ModelSpec, train: pl.DataFrame, calibration: pl.DataFrame) -> Fitted:
    """The simple baseline: a calibrated curve over the one feature of ``spec``."""
    _, pipeline = next(_linear(spec, train, calibration, TrainingSettings()))
    fitted = Fitted(pipeline)
    fitted.scale, fitted.shift = platt(fitted.margin(calibration), labels(calibration))
    return fitted


def labels(frame: pl.DataFrame) -> Flags:
    return frame.get_column(LABEL).to_numpy().astype(bool)


def platt(margins: Floats, truth: Flags) -> tuple[float, float]:
    """Scale and shift whose logistic function fits best. Margins that rank the wrong way round, or
    not at all, get scale 0: everybody has the mean probability."""
    if margins.std() > 0:
        model = LogisticRegression(C=np.inf, max_iter=1000).fit(margins[:, None], truth)
        if model.coef_[0, 0] > 0:
            return float(model.coef_[0, 0]), float(model.intercept_[0])
    return 0.0, float(logit(truth.mean()))


def isotonic(margins: Floats, truth: Flags, seed: int) -> IsotonicRegression | None:
    """The monotone curve from margins (Platt's) to probabilities, where both outcomes are frequent
    enough and it has a smaller log loss than Platt's curve on rows it was not fitted to."""
    if min(truth.sum(), (~truth).sum()) < ISOTONIC_ROWS:
        return None
    chances = np.empty(len(margins))
    for fit, rest in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(margins, truth):
        chances[rest] = _curve(margins[fit], truth[fit]).predict(margins[rest])
    if log_loss(truth, chances) >= log_loss(truth, expit(margins)):
        return None
    return _curve(margins, truth)


def _curve(margins: Floats, truth: Flags) -> IsotonicRegression:
    least = 1 / (len(truth) + 2)  # nobody is certain
    curve = IsotonicRegression(y_min=least, y_max=1 - least, out_of_bounds="clip")
    return curve.fit(margins, truth.astype(float))


def _linear(
    spec: ModelSpec, train: pl.DataFrame, validation: pl.DataFrame, settings: TrainingSettings
) -> Iterator[tuple[dict[str, Any], Pipeline]]:
    columns = columns_of(spec, train)
    hinges = Hinges(len(spec.numeric))
    matrix = hinges.fit_transform(columns.transform(train))
    truth = labels(train)
    for penalty in PENALTIES:
        model = _regression(penalty).fit(matrix, truth)
        steps = [("columns", columns), ("hinges", hinges), ("estimator", model)]
        yield {"penalty": penalty}, Pipeline(steps)


def _trees(
    spec: ModelSpec, train: pl.DataFrame, validation: pl.DataFrame, settings: TrainingSettings
) -> Iterator[tuple[dict[str, Any], Pipeline]]:
    columns = columns_of(spec, train)
    matrix, held = columns.transform(train), columns.transform(validation)
    for rate, leaf in TREES:
        parameters = {"learning_rate": rate, "least_leaf": leaf, "trees": MOST_TREES}
        model = _boosting(parameters, settings.seed)
        model.set_params(early_stopping=True, n_iter_no_change=PATIENCE)
        model.fit(matrix, labels(train), X_val=held, y_val=labels(validation))
        # The last trees, which made nothing better, were only tried.
        parameters["trees"] = max(1, model.n_iter_ - PATIENCE)
        yield parameters, Pipeline([("columns", columns), ("estimator", model)])


def _regression(penalty: float) -> LogisticRegression:
    return LogisticRegression(C=1 / penalty, max_iter=1000)


def _boosting(parameters: dict[str, Any], seed: int) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        learning_rate=parameters["learning_rate"],
        max_iter=parameters["trees"],
        max_depth=DEPTH,
        max_leaf_nodes=None,
        min_samples_leaf=parameters["least_leaf"],
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
