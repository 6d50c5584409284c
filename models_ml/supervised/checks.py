"""What a frame must be like to be trained on or scored, and what is odd about it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import polars as pl

from models_ml.supervised.columns import LEAST_GROUPS, MOST_CATEGORIES, Columns, frequent
from models_ml.supervised.faults import Finding, Kind, Reason, Refused
from models_ml.supervised.fitted import Fitted
from models_ml.supervised.spec import LABEL, SNAPSHOT, ModelSpec
from models_ml.supervised.splitting import groups_of


def labelled(spec: ModelSpec, frame: pl.DataFrame, as_of: datetime) -> None:
    """Refuse what cannot be trained on: columns, types, keys and clocks."""
    has_columns(frame, [spec.subject_id, SNAPSHOT, spec.group, *spec.slices, LABEL])
    has_features(spec, frame)
    snapshots = frame.get_column(SNAPSHOT)
    if not isinstance(snapshots.dtype, pl.Datetime) or snapshots.dtype.time_zone is not None:
        raise Refused(Reason.WRONG_TYPE, f"{SNAPSHOT} is {snapshots.dtype}, not a time in UTC")
    if frame.get_column(LABEL).dtype != pl.Boolean:
        raise Refused(Reason.WRONG_TYPE, f"{LABEL} is {frame.get_column(LABEL).dtype}")
    for name in (spec.subject_id, SNAPSHOT, LABEL):
        if missing := frame.get_column(name).null_count():
            raise Refused(Reason.WRONG_TYPE, f"{name} is null in {missing:,} rows")
    again = frame.height - frame.select(spec.subject_id, SNAPSHOT).n_unique()
    if again:
        raise Refused(
            Reason.DUPLICATE_KEY, f"{again:,} rows repeat a {spec.subject_id} and {SNAPSHOT}"
        )
    last = as_of - timedelta(days=spec.horizon_days)
    early = frame.filter(pl.col(SNAPSHOT) > last)
    if early.height:
        raise Refused(
            Reason.CLOCK_JUMPED,
            f"{early.height:,} rows have a snapshot after {last:%Y-%m-%d %H:%M}, so that the "
            f"{spec.horizon_days:g} days after it are not over at {as_of:%Y-%m-%d %H:%M}",
        )


def has_columns(frame: pl.DataFrame, names: Iterable[str]) -> None:
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise Refused(Reason.MISSING_COLUMN, f"there is no {', '.join(missing)}")


def has_features(spec: ModelSpec | Columns, frame: pl.DataFrame) -> None:
    """Refuse a frame without one of the features, or with a text where a number belongs."""
    has_columns(frame, (*spec.numeric, *spec.categorical))
    for name in spec.numeric:
        kind = frame.get_column(name).dtype
        if not (kind.is_numeric() or kind in (pl.Boolean, pl.Null)):
            raise Refused(Reason.WRONG_TYPE, f"{name} is {kind}, not a number")
    for name in spec.categorical:
        kind = frame.get_column(name).dtype
        if kind.is_float() or kind.is_nested() or kind.is_temporal():
            raise Refused(Reason.WRONG_TYPE, f"{name} is {kind}, not a text")


def usable(spec: ModelSpec, frame: pl.DataFrame) -> tuple[ModelSpec, list[Finding]]:
    """The specification without features that say nothing in ``frame``, and what was found."""
    found = [*not_finite(spec, frame)]
    dropped: set[str] = set()
    groups = groups_of(spec, frame)
    for name in spec.features:
        column = _finite(frame.get_column(name))
        if column.null_count() == frame.height:
            found.append(Finding(Kind.EMPTY, name, "is unknown in every training row; left out"))
            dropped.add(name)
        elif column.n_unique() == 1:
            value = column.drop_nulls()[0] if name in spec.numeric else "the same"
            found.append(
                Finding(Kind.CONSTANT, name, f"is {value} in every training row; left out")
            )
            dropped.add(name)
        elif name in spec.categorical:
            known = frequent(column, groups)
            different = column.drop_nulls().n_unique()
            if not known:
                detail = f"has {different:,} values, none of {LEAST_GROUPS} groups; left out"
                found.append(Finding(Kind.MANY_CATEGORIES, name, detail))
                dropped.add(name)
            elif different > MOST_CATEGORIES:
                told = len(known) - (None in known)
                detail = f"has {different:,} values; the {told} most frequent are told"
                found.append(Finding(Kind.MANY_CATEGORIES, name, detail))
    return spec.without(dropped), found


def not_finite(spec: ModelSpec, frame: pl.DataFrame) -> Iterable[Finding]:
    for name in spec.numeric:
        column = frame.get_column(name)
        if column.dtype.is_float():
            rows = int((column.is_nan() | column.is_infinite()).sum() or 0)
            if rows:
                detail = f"is NaN or infinite in {rows:,} rows; taken as unknown"
                yield Finding(Kind.NOT_FINITE, name, detail)


def scored(spec: ModelSpec, fitted: Fitted, frame: pl.DataFrame) -> list[Finding]:
    """What is odd about rows that are to be scored: infinite numbers, values never seen.

    Raises :class:`Refused` where they cannot be scored.
    """
    has_columns(frame, [spec.subject_id])
    known = spec.only(fitted.features)
    has_features(known, frame)
    found = [*not_finite(known, frame)]
    for name, values in zip(fitted.columns.categorical, fitted.columns.categories_, strict=True):
        column = frame.get_column(name).cast(pl.String).drop_nulls()
        new = column.filter(~column.is_in([value for value in values if value is not None]))
        if len(new):
            # How many, and not which: a text may be about a person, and findings are kept.
            many = f"{new.n_unique():,} values"
            detail = f"has {many} that the model does not know, in {len(new):,} rows"
            found.append(Finding(Kind.NEW_CATEGORY, name, detail))
    return found


def _finite(column: pl.Series) -> pl.Series:
    if not column.dtype.is_float():
        return column
    odd = (column.is_nan() | column.is_infinite()).fill_null(False)
    return column.set(odd, None)
