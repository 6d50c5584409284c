"""Champion against challenger on the same rows."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from models_ml.supervised import checks, replicates
from models_ml.supervised.candidates import labels
from models_ml.supervised.faults import Reason, Refused
from models_ml.supervised.fitted import Fitted
from models_ml.supervised.spec import SNAPSHOT, ModelSpec, TrainingSettings
from models_ml.supervised.splitting import groups_of, numbers, sides, windows

Range = tuple[float, float, float]


@dataclass(frozen=True)
class Comparison:
    """The challenger's AUC and Brier score less the champion's: difference, low and high by
    bootstrap over groups. ``is_not_worse`` is the verdict, ``reason`` a sentence with figures."""

    rows: int
    auc: Range
    brier: Range
    is_not_worse: bool
    reason: str


def compare(
    spec: ModelSpec,
    champion: Fitted,
    challenger: Fitted,
    frame: pl.DataFrame,
    settings: TrainingSettings,
) -> Comparison:
    """Both on the test window of ``frame``: the labelled rows that the challenger was trained on.
    Groups of the test side were in no version's training.

    The challenger is worse where its AUC's interval lies below the champion's, where the AUC is
    lower by more than ``settings.worse_by``, or where the Brier score's interval lies above.
    Raises :class:`Refused` where ``frame`` lacks a feature of the champion's, or has
    a text where it was a number.
    """
    for fitted in (champion, challenger):
        checks.has_features(fitted.columns, frame)
    snapshots = frame.get_column(SNAPSHOT).unique().sort().to_list()
    test = windows(spec, snapshots, settings)["test"]
    rows = frame.filter(pl.col(SNAPSHOT).is_in(test) & (sides(spec, frame, settings) == "test"))
    rows = rows.sort(SNAPSHOT, spec.subject_id)
    truth = labels(rows)
    if not 0 < truth.sum() < len(truth):
        raise Refused(Reason.ONE_CLASS, "the test window has one outcome only")
    groups = groups_of(spec, rows)
    names = groups.unique(maintain_order=True)
    place = groups.replace_strict(names, list(range(len(names))), return_dtype=pl.Int64).to_numpy()
    measures = {"auc": replicates.auc, "brier": replicates.brier}
    chances = {"old": champion.probability(rows), "new": challenger.probability(rows)}
    values = {
        name: replicates.measured(replicates.rows(own, truth, place, exact=True), measures)
        for name, own in chances.items()
    }
    samples = replicates.drawn(
        {name: replicates.rows(own, truth, place) for name, own in chances.items()},
        measures,
        numbers(names.to_list(), settings.seed),
        settings.replicates,
    )
    apart = {}
    for name in measures:
        difference = values["new"][name] - values["old"][name]
        drawn = samples["new"][name] - samples["old"][name]
        low, high = replicates.interval(difference, drawn, settings.level)
        known = low is not None
        apart[name] = (difference, low if known else difference, high if known else difference)
    fault = _fault(apart["auc"], apart["brier"], settings)
    told = (
        f"AUC {values['new']['auc']:.4f} against {values['old']['auc']:.4f}, "
        f"{_told(apart['auc'])}; Brier {_told(apart['brier'])}; {rows.height:,} rows"
    )
    verdict = f"worse: {fault}" if fault else "not worse"
    return Comparison(rows.height, apart["auc"], apart["brier"], not fault, f"{verdict}; {told}")


def _fault(auc: Range, brier: Range, settings: TrainingSettings) -> str | None:
    if auc[2] < 0:
        return "AUC lower by more than chance"
    if auc[0] < -settings.worse_by:
        return f"AUC lower by more than {settings.worse_by:g}"
    if brier[1] > 0:
        return "Brier score higher by more than chance"
    return None


def _told(given: Range) -> str:
    return f"{given[0]:+.4f} ({given[1]:+.4f} to {given[2]:+.4f})"
