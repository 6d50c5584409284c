"""Which rows are trained on, which ones choose and calibrate, and which ones judge.

Time and groups both part them. Between two windows lies the horizon: a snapshot's outcome is known
before the next window begins, as it would have been then. And a group (an organisation with all its
people) is on one side only, by a hash of its id, so that no version of a model was ever trained on
the groups it is judged on.

The groups that choose between candidates do so over all months up to the validation window's end;
the probabilities are calibrated on that window alone, where it has outcomes enough. Then what was
chosen is fitted again to its own groups up to the test window's horizon, which the time between
training and validation is no longer needed for.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models_ml.supervised.faults import Finding, Kind, Reason, Refused
from models_ml.supervised.spec import LABEL, SNAPSHOT, ModelSpec, TrainingSettings

Numbers = NDArray[np.uint64]
#: The part of what settings ask for that each side must have.
LEAST = {"refit": 1.0, "train": 0.25, "validation": 0.1, "test": 0.1}
#: With fewer of either outcome a curve from scores to probabilities is not known.
LEAST_CALIBRATION = 30


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
class Split:
    """The rows of each side, and what is said about it."""

    train: pl.DataFrame
    validation: pl.DataFrame
    calibration: pl.DataFrame
    refit: pl.DataFrame
    test: pl.DataFrame
    windows: tuple[Window, ...]
    findings: tuple[Finding, ...]


def split(spec: ModelSpec, frame: pl.DataFrame, settings: TrainingSettings) -> Split:
    """Rows in order of snapshot and subject. Raises :class:`Refused` where a side lacks rows,
    positives or negatives, or where there are too few snapshots."""
    frame = frame.sort(SNAPSHOT, spec.subject_id)
    times = windows(spec, frame.get_column(SNAPSHOT).unique().sort().to_list(), settings)
    side = sides(spec, frame, settings)
    findings = [*gaps(frame)]
    in_window = {name: pl.col(SNAPSHOT).is_in(snapshots) for name, snapshots in times.items()}
    until = pl.col(SNAPSHOT) <= times["validation"][-1]
    found = {
        "train": frame.filter(in_window["train"] & (side == "train")),
        "validation": frame.filter(until & (side == "validation")),
        "calibration": frame.filter(in_window["validation"] & (side == "validation")),
        "refit": frame.filter(until & (side == "train")),
        "test": frame.filter(in_window["test"] & (side == "test")),
    }
    for name in LEAST:
        _enough(name, found[name], settings)
    told = found["calibration"].get_column(LABEL)
    if min(told.sum(), (~told).sum()) < LEAST_CALIBRATION:
        found["calibration"] = found["validation"]
        detail = f"has {told.sum()} positive outcomes: calibrated on the months before it too"
        findings.append(Finding(Kind.FEW_POSITIVES, "calibration", detail))
    for name in ("train", "refit"):
        whole = found[name]
        if whole.height > settings.most_rows:
            found[name] = _sample(spec, whole, settings)
            detail = f"{found[name].height:,} of {whole.height:,} rows, by group"
            findings.append(Finding(Kind.SAMPLED, name, detail))
    described = tuple(_told(spec, name, rows) for name, rows in found.items())
    return Split(**found, windows=described, findings=tuple(findings))


def windows(
    spec: ModelSpec, snapshots: list[datetime], settings: TrainingSettings
) -> dict[str, list[datetime]]:
    """The snapshots of each window, given all of them in order."""
    horizon = timedelta(days=spec.horizon_days)
    test = snapshots[-settings.test_snapshots :]
    known = [time for time in snapshots if test and time + horizon <= test[0]]
    validation = known[-settings.validation_snapshots :]
    train = [time for time in known if validation and time + horizon <= validation[0]]
    if not train or len(test) < settings.test_snapshots:
        raise Refused(
            Reason.TOO_FEW_SNAPSHOTS,
            f"{len(snapshots)} snapshots do not hold {settings.test_snapshots} to judge by, "
            f"{settings.validation_snapshots} to choose by and one to train on, each "
            f"{spec.horizon_days:g} days before the next",
        )
    return {"train": train, "validation": validation, "test": test}


def sides(spec: ModelSpec, frame: pl.DataFrame, settings: TrainingSettings) -> pl.Series:
    """Each row's side by its group: ``test``, ``validation`` or ``train``."""
    groups = groups_of(spec, frame)
    known = groups.unique()
    place = numbers(known.to_list(), settings.split_seed) / 2.0**64
    test, validation = settings.test_share, settings.test_share + settings.validation_share
    names = np.where(place < test, "test", np.where(place < validation, "validation", "train"))
    return groups.replace_strict(known, pl.Series(names), return_dtype=pl.String)


def groups_of(spec: ModelSpec, frame: pl.DataFrame) -> pl.Series:
    """Each row's group; a subject without one is a group of its own."""
    own = pl.concat_str(pl.lit("own:"), pl.col(spec.subject_id).cast(pl.String))
    return frame.select(
        pl.coalesce(pl.col(spec.group).cast(pl.String), own).alias("group")
    ).to_series()


def numbers(names: list[str], seed: int) -> Numbers:
    """A number of 64 bits for each name and seed, the same on any machine."""
    salt = seed.to_bytes(8, "little", signed=True)
    return np.array(
        [
            int.from_bytes(
                hashlib.blake2b(name.encode(), digest_size=8, salt=salt).digest(), "little"
            )
            for name in names
        ],
        dtype=np.uint64,
    )


def gaps(frame: pl.DataFrame) -> list[Finding]:
    """Where snapshots lie further apart than twice what is usual, or closer than half."""
    snapshots = frame.get_column(SNAPSHOT).unique().sort()
    steps = snapshots.diff().drop_nulls()
    if len(steps) < 2:
        return []
    usual = sorted(steps.to_list())[len(steps) // 2]
    return [
        Finding(Kind.GAP, f"{at:%Y-%m-%d}", f"comes {step.days} days after the snapshot before it")
        for at, step in zip(snapshots[1:].to_list(), steps.to_list(), strict=True)
        if step > 2 * usual or 2 * step < usual
    ]


def _enough(name: str, rows: pl.DataFrame, settings: TrainingSettings) -> None:
    part = LEAST[name]
    positives = int(rows.get_column(LABEL).sum())
    negatives = rows.height - positives
    if rows.height < settings.least_rows * part:
        wanted = round(settings.least_rows * part)
        raise Refused(
            Reason.TOO_FEW_ROWS, f"the {name} window has {rows.height:,} rows of {wanted:,} wanted"
        )
    if not positives or not negatives:
        kind = "positive" if negatives else "negative"
        raise Refused(Reason.ONE_CLASS, f"the {name} window has no {kind} outcome")
    if min(positives, negatives) < settings.least_positives * part:
        wanted = round(settings.least_positives * part)
        raise Refused(
            Reason.TOO_FEW_POSITIVES,
            f"the {name} window has {positives:,} positive and {negatives:,} negative outcomes "
            f"of {wanted:,} wanted each",
        )


def _sample(spec: ModelSpec, rows: pl.DataFrame, settings: TrainingSettings) -> pl.DataFrame:
    groups = groups_of(spec, rows)
    known = groups.unique()
    place = numbers(known.to_list(), settings.seed) / 2.0**64
    share = settings.most_rows / rows.height
    return rows.filter(groups.is_in(known.filter(pl.Series(place < share)).implode()))


def _told(spec: ModelSpec, name: str, rows: pl.DataFrame) -> Window:
    snapshots = rows.get_column(SNAPSHOT)
    return Window(
        name,
        snapshots[0],
        snapshots[-1],
        rows.height,
        int(rows.get_column(LABEL).sum()),
        rows.get_column(spec.subject_id).n_unique(),
        groups_of(spec, rows).n_unique(),
    )
