"""How far the days of one series lie from what the weeks before them let expect.

Expected is the median of the same weekday over the weeks before; as many further weeks stand in for
those that are masked. How much days vary is told by all days of those weeks, each around its own
weekday's median and by its root, since the eight days of one weekday alone say next to nothing of
it; it is never less than a Poisson count varies.

How likely a day is by chance is the larger of what its robust deviation and that of its root say,
so that neither a long upper tail nor a symmetrical one is taken for a change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from models_ml.anomalies.settings import WEEK, Settings

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
#: The median absolute deviation of a normal distribution is this share of its standard deviation.
NORMAL_MAD = 0.6745
#: What is left of it around the median of so many values: of seven weekdays, drawn 60,000 times.
SHRINKS = {4: 0.728, 5: 0.743, 6: 0.786, 7: 0.827, 8: 0.842, 9: 0.871, 10: 0.876, 11: 0.896}
SHRINKS |= {12: 0.900, 13: 0.913}
#: A median absolute deviation knows as much as the standard deviation of this share of its values.
EFFICIENCY = 0.37


@dataclass(frozen=True)
class Judged:
    """Per day (days,): what was expected, the volume it rests on, how many robust deviations the
    day lies away, and how likely one so far is by chance. NaN where nothing can be said."""

    value: Floats
    expected: Floats
    volume: Floats
    z: Floats
    p: Floats


def counts(values: Floats, masked: Bools, days: int, settings: Settings) -> Judged:
    """The last ``days`` of a series of counts or amounts, one value a day, NaN before its first.

    Days that are ``masked`` are judged and nothing is learnt from them. ``expected`` is in the
    unit of the values, ``volume`` the larger of it and the value.
    """
    windows, today = _windows(values, masked, days, settings), _last(values, days)
    middle, known = _medians(windows, settings)
    root = np.sqrt(np.maximum(middle, 1.0))
    off = np.abs(windows - middle[:, None, :]) / root[:, None, :]
    spread = np.maximum(_nanmedian(off.reshape(len(off), -1)), 1.0)
    z = NORMAL_MAD * (today - middle[:, 0]) / (spread * root[:, 0])
    far = np.minimum(np.abs(z), _by_roots(windows, today, middle))
    p = 2 * stats.t.sf(far / _scale(known), _freedom(known))
    return Judged(today, middle[:, 0], np.maximum(today, middle[:, 0]), z, p)


def rates(hits: Floats, trials: Floats, masked: Bools, days: int, settings: Settings) -> Judged:
    """The last ``days`` of a series of shares: so many of so many a day.

    The tail of the binomial distribution around the share of the same weekday's days together,
    with as many trials less as days vary more than it and as the share itself is uncertain.
    ``expected`` is a share, ``volume`` the trials, ``z`` what the tail is to a normal distribution.
    More hits than trials are judged as if all of them were: ``value`` alone is above 1.
    """
    told, hits = hits, np.minimum(hits, trials)
    k = _windows(np.where(trials > 0, hits, np.nan), masked, days, settings)
    n = _windows(np.where(trials > 0, trials, np.nan), masked, days, settings)
    k_today, n_today = _last(hits, days), _last(trials, days)
    known = _known(n, settings)
    whole = np.nansum(n, axis=1)
    share = np.where(known > 0, (np.nansum(k, axis=1) + 0.5) / (whole + 1), np.nan)
    expected, one = n * share[:, None, :], (share * (1 - share))[:, None, :]
    off = np.abs(k - expected) / np.sqrt(n * one)
    wide = _nanmedian(off.reshape(len(off), -1)) / NORMAL_MAD / _shrink(known)
    usual, base = share[:, 0], np.maximum(whole[:, 0], 1.0)
    less = np.maximum(wide, 1.0) ** 2 * (1 + n_today / base)
    p = _tails(k_today / less, n_today / less, usual)
    deviation = k_today - n_today * usual
    spread = np.sqrt(np.maximum(n_today * usual * (1 - usual) * less, 1e-12))
    far = np.abs(deviation) / spread
    p = np.where(wide > 1, np.maximum(p, 2 * stats.t.sf(far, _freedom(known))), p)
    p = np.where(n_today > 0, p, np.nan)
    value = np.divide(_last(told, days), n_today, out=np.full_like(p, np.nan), where=n_today > 0)
    z = np.sign(deviation) * stats.norm.isf(np.maximum(p, 1e-300) / 2)
    return Judged(value, usual, n_today, z, p)


def _windows(values: Floats, masked: Bools, days: int, settings: Settings) -> Floats:
    """The weeks before each of the last days (days, weeks, 7), its own weekday first, NaN but for
    the last ``settings.weeks`` of each weekday that are not masked."""
    weekdays = np.arange(len(masked)) % WEEK
    further = np.bincount(weekdays, weights=masked, minlength=WEEK).max(initial=0)
    weeks = settings.weeks + int(further)
    windows = _weeks_before(values, np.nan, days, weeks)
    open_ = ~_weeks_before(masked, False, days, weeks)
    since = open_[:, ::-1].cumsum(axis=1)[:, ::-1]
    return np.where(open_ & (since <= settings.weeks), windows, np.nan)


def _weeks_before(values: NDArray, blank: float, days: int, weeks: int) -> NDArray:
    """Views of ``values`` (days, weeks, 7); ``blank`` stands before the first of them."""
    length = weeks * WEEK
    padded = np.concatenate([np.full(length + days, blank, values.dtype), values])
    views = np.lib.stride_tricks.sliding_window_view(padded, length)[-days - 1 : -1]
    return views.reshape(days, weeks, WEEK)


def _last(values: Floats, days: int) -> Floats:
    """The last days, NaN before the first of the series."""
    return np.concatenate([np.full(days, np.nan), values])[-days:]


def _known(windows: Floats, settings: Settings) -> Floats:
    """How many values each weekday has (days, 7); 0 where they are too few, and for all weekdays
    of a day whose own has too few."""
    number = (~np.isnan(windows)).sum(axis=1).astype(float)
    number[number < settings.least_weeks] = 0
    number[number[:, 0] == 0] = 0
    return number


def _medians(windows: Floats, settings: Settings) -> tuple[Floats, Floats]:
    known = _known(windows, settings)
    blank = np.where(known[:, None, :] > 0, windows, np.nan)
    return _nanmedian(blank, axis=1), known


def _nanmedian(values: Floats, axis: int = 1) -> Floats:
    """NaN, and no warning, where there is nothing but NaN."""
    ordered = np.sort(values, axis=axis)
    number = (~np.isnan(values)).sum(axis=axis, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum((number - 1) // 2, 0), axis=axis)
    high = np.take_along_axis(ordered, np.minimum(number // 2, values.shape[axis] - 1), axis=axis)
    middle = (low + high) / 2
    return np.where(number > 0, middle, np.nan).squeeze(axis)


def _by_roots(windows: Floats, today: Floats, middle: Floats) -> Floats:
    """Robust deviations of roots, without sign: they lie alike to both sides where counts and
    amounts have a long upper tail, and those of Poisson counts have the standard deviation 1/2."""
    roots, centre = np.sqrt(np.maximum(windows, 0)), np.sqrt(np.maximum(middle, 0))
    off = np.abs(roots - centre[:, None, :])
    spread = np.maximum(_nanmedian(off.reshape(len(off), -1)), NORMAL_MAD / 2)
    return NORMAL_MAD * np.abs(np.sqrt(np.maximum(today, 0)) - centre[:, 0]) / spread


def _freedom(known: Floats) -> Floats:
    return np.maximum(EFFICIENCY * (known.sum(axis=1) - (known > 0).sum(axis=1)), 1.0)


def _shrink(known: Floats) -> Floats:
    weekdays = np.maximum((known > 0).sum(axis=1), 1)
    typical = np.clip(known.sum(axis=1) / weekdays, min(SHRINKS), max(SHRINKS))
    return np.interp(typical, list(SHRINKS), list(SHRINKS.values()))


def _scale(known: Floats) -> Floats:
    """How much wider z is than Student's t: its median is uncertain, its spread too small."""
    return np.sqrt(1 + np.pi / 2 / np.maximum(known[:, 0], 1)) / _shrink(known)


def _tails(k: Floats, n: Floats, share: Floats) -> Floats:
    """Twice the smaller tail of the binomial distribution; the counts need not be whole."""
    at_least = np.where(k > 0, special.betainc(np.maximum(k, 1e-12), n - k + 1, share), 1.0)
    at_most = np.where(n > k, special.betaincc(k + 1, np.maximum(n - k, 1e-12), share), 1.0)
    return np.minimum(1.0, 2 * np.minimum(at_least, at_most))
