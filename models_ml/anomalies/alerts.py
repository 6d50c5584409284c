"""Which days of all series are told: far from the expected, and not by chance among so many.

False discoveries are held down over all series of a day, as if it had been the run's. A day that
data may still come in for is not told as a drop, nor is a rise while an event is on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from scipy import stats

from models_ml.anomalies.judging import Floats, Judged, counts, rates
from models_ml.anomalies.settings import Settings

#: A shift lasts until a judged day lies nearer than this to what is expected, or on its other side.
NEAR = 2.0


@dataclass(frozen=True)
class Series:
    """``values`` by day from ``first_on`` on, without a gap; with ``trials`` they are that many of
    so many. ``complete_until``: the last day of which its source has told everything."""

    name: tuple[str, ...]
    vertical: str | None
    first_on: date
    values: Floats
    trials: Floats | None
    complete_until: date


@dataclass(frozen=True)
class Alert:
    """A day on which a series begins to lie off. ``lasts_days``: the judged days that it does.
    ``is_latest``: of the last day that its source has told everything of, or later."""

    series: Series
    day: date
    value: float
    expected: float
    volume: float
    z: float
    p: float
    q: float
    lasts_days: int
    is_level_shift: bool
    is_latest: bool

    @property
    def direction(self) -> str:
        return "rise" if self.z > 0 else "drop"


def alerts(all_series: Sequence[Series], last_on: date, settings: Settings) -> list[Alert]:
    """The alerts that begin on the last ``report_days`` up to ``last_on``, by day and series.

    Twice as many days are judged, so that what began before is not told as new.
    """
    days = 2 * settings.report_days
    if not all_series:
        return []
    judged = [_judge(one, last_on, days, settings) for one in all_series]
    p = np.array([one.p for one in judged])
    z = np.array([one.z for one in judged])
    volume = np.array([one.volume for one in judged])
    asked = np.isfinite(p) & (volume >= settings.least_volume)
    asked &= ~_silenced(all_series, z, last_on, settings)
    q = np.full_like(p, np.nan)
    for n in range(days):
        column = asked[:, n]
        if column.any():
            q[column, n] = stats.false_discovery_control(p[column, n])
    told = asked & (np.abs(z) >= settings.least_z) & (q <= settings.false_discoveries)
    found = []
    for n, one in enumerate(all_series):
        for start, length in episodes(told[n], np.where(asked[n], z[n], np.nan)):
            if start >= days - settings.report_days:
                of, day = judged[n], _day(last_on, days, start)
                found.append(
                    Alert(
                        one,
                        day,
                        *(float(part[start]) for part in (of.value, of.expected, of.volume)),
                        z=float(of.z[start]),
                        p=float(of.p[start]),
                        q=float(q[n, start]),
                        lasts_days=length,
                        is_level_shift=length >= settings.shift_days,
                        is_latest=day >= min(last_on, one.complete_until),
                    )
                )
    return sorted(found, key=lambda alert: (alert.day, alert.series.name))


def episodes(told: Sequence[bool], z: Sequence[float]) -> list[tuple[int, int]]:
    """(first day, judged days) of each run of days on one side, which a told day begins.

    Days that were not judged (NaN) neither end nor lengthen it.
    """
    found: list[tuple[int, int]] = []
    side = 0.0
    for n, (is_told, off) in enumerate(zip(told, z, strict=True)):
        if np.isnan(off):
            continue
        if side and off * side >= NEAR:
            start, length = found[-1]
            found[-1] = (start, length + 1)
        elif is_told:
            side = float(np.sign(off))
            found.append((n, 1))
        else:
            side = 0.0
    return found


def _judge(one: Series, last_on: date, days: int, settings: Settings) -> Judged:
    length = (last_on - one.first_on).days + 1
    masked = _in_season(one, one.first_on, length, settings)
    values = _until(one.values, length)
    if one.trials is None:
        return counts(values, masked, days, settings)
    return rates(values, _until(one.trials, length), masked, days, settings)


def _until(values: Floats, length: int) -> Floats:
    """Days after the last one told are worth 0."""
    return np.concatenate([values, np.zeros(max(length - len(values), 0))])[:length]


def _silenced(
    all_series: Sequence[Series], z: Floats, last_on: date, settings: Settings
) -> np.ndarray:
    """Drops of days that data may come in for, and rises in a season."""
    days = z.shape[1]
    first_on = _day(last_on, days, 0)
    places = np.arange(days)
    late = np.array([places > (one.complete_until - first_on).days for one in all_series])
    season = np.array([_in_season(one, first_on, days, settings) for one in all_series])
    return (late & (z < 0)) | (season & (z > 0))


def _in_season(one: Series, first_on: date, days: int, settings: Settings) -> np.ndarray:
    if (one.vertical or "") not in settings.seasons:
        return np.zeros(days, bool)
    dates = (first_on + timedelta(days=n) for n in range(days))
    return np.array([settings.in_season(one.vertical, day) for day in dates], bool)


def _day(last_on: date, days: int, n: int) -> date:
    return last_on - timedelta(days=days - 1 - n)


def sentence(alert: Alert, words: Mapping[str, str]) -> str:
    """What happened, for people; ``words`` name the metrics."""
    scope, subject, metric = alert.series.name
    name = words.get(metric, metric.replace("_", " "))
    place = f"{scope} {subject}" if subject else scope
    is_share = alert.series.trials is not None
    value, usual = (
        f"{number:.1%}" if is_share else f"{number:,.0f}"
        for number in (alert.value, alert.expected)
    )
    text = f"{place}, {alert.day}: {name} {value} where {usual} were expected"
    text = text.replace(" were ", " was ") if is_share else text
    if alert.is_level_shift:
        return f"{text}; {'higher' if alert.z > 0 else 'lower'} since, {alert.lasts_days} days"
    return f"{text} ({alert.direction})"
