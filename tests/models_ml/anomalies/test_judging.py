"""The statistic by hand, its distribution under nothing, and what cannot be judged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from models_ml.anomalies.judging import NORMAL_MAD, SHRINKS, Judged, counts, rates
from models_ml.anomalies.settings import Settings

ASKED = Settings()
OPEN = np.zeros(0, bool)


def judged(values: list[float] | np.ndarray, days: int = 1, masked: np.ndarray = OPEN) -> Judged:
    given = np.asarray(values, float)
    return counts(given, masked if len(masked) else np.zeros(len(given), bool), days, ASKED)


def test_by_hand() -> None:
    """Nine weeks whose weekdays are 100, 200, ... 700, each day off by 3 roots, up and down."""
    weekdays = np.array([100.0, 200, 300, 400, 500, 600, 700])
    signs = np.where(np.arange(8) % 2, 3, -3)
    weeks = weekdays + signs[:, None] * np.sqrt(weekdays)
    found = judged([*weeks.ravel(), 10.0])
    assert found.expected[0] == pytest.approx(100) and found.volume[0] == pytest.approx(100)
    assert found.z[0] == pytest.approx(NORMAL_MAD * (10 - 100) / (3 * 10))
    freedom, scale = 0.37 * (56 - 7), np.sqrt(1 + np.pi / 2 / 8) / SHRINKS[8]
    # A drop is further off by roots than by itself, and a rise nearer.
    assert found.p[0] == pytest.approx(2 * stats.t.cdf(found.z[0] / scale, freedom))
    rise = judged([*weeks.ravel(), 190.0])
    spread = np.median(np.abs(np.sqrt(weeks) - np.sqrt(weekdays)))
    far = NORMAL_MAD * (np.sqrt(190) - 10) / spread / scale
    assert rise.z[0] == pytest.approx(-found.z[0])
    assert rise.p[0] == pytest.approx(2 * stats.t.sf(far, freedom)) and rise.p[0] > found.p[0]


def test_the_spread_is_never_less_than_that_of_a_count() -> None:
    found = judged([*[100.0] * 56, 135.0])
    assert found.z[0] == pytest.approx(NORMAL_MAD * 35 / 10)


def slow(values: list[float], masked: list[bool], day: int) -> tuple[float, float]:
    """Expected and z of a day, one value after the other: of each weekday the last eight that are
    not masked, where they have a value."""
    weekdays: dict[int, list[float]] = {}
    for n in range(day):
        if not masked[n]:
            weekdays.setdefault((day - n) % 7, []).append(values[n])
    weekdays = {
        key: [value for value in its[-8:] if not np.isnan(value)] for key, its in weekdays.items()
    }
    weekdays = {key: its for key, its in weekdays.items() if len(its) >= 4}
    if 0 not in weekdays:
        return float("nan"), float("nan")
    middles = {key: float(np.median(its)) for key, its in weekdays.items()}
    off = [
        abs(value - middles[key]) / max(middles[key], 1) ** 0.5
        for key, its in weekdays.items()
        for value in its
    ]
    mad = max(float(np.median(off)), 1.0) * max(middles[0], 1) ** 0.5
    return middles[0], NORMAL_MAD * (values[day] - middles[0]) / mad


@given(
    st.integers(0, 2**32),
    st.integers(1, 150),
    st.sampled_from([0.0, 0.1, 0.5]),
    st.integers(1, 20),
    st.lists(st.tuples(st.integers(0, 149), st.integers(1, 40)), max_size=2),
)
def test_the_slow_way_agrees(
    seed: int, length: int, missing: float, days: int, seasons: list[tuple[int, int]]
) -> None:
    """Seasons are so many days from one on."""
    draw = np.random.default_rng(seed)
    drawn = np.where(draw.random(length) < missing, np.nan, draw.integers(0, 500, length))
    values = [float(value) for value in drawn]
    masked = [any(0 <= n - first < length for first, length in seasons) for n in range(len(values))]
    found = judged(values, days, np.array(masked))
    for n in range(days):
        day = len(values) - days + n
        expected = slow(values, masked, day) if day >= 0 else (float("nan"), float("nan"))
        assert (found.expected[n], found.z[n]) == pytest.approx(expected, nan_ok=True)


def test_too_few_weeks_and_masked_days_say_nothing() -> None:
    assert np.isnan(judged([100.0] * 28).p[0])
    assert np.isfinite(judged([100.0] * 29).p[0])
    masked = np.zeros(57, bool)
    masked[:56:7] = True
    assert np.isnan(judged([100.0] * 57, masked=masked).p[0])
    # The weeks before stand in for those that are masked.
    longer = np.r_[[100.0] * 56, [300.0] * 35, 100]
    found = judged(longer, masked=longer > 100)
    assert found.expected[0] == 100 and found.z[0] == 0
    # A masked day is judged itself.
    masked = np.arange(57) == 56
    assert np.isfinite(judged([100.0] * 57, masked=masked).p[0])


@pytest.mark.parametrize("weeks", [5, 8])
@pytest.mark.parametrize("noise", ["normal", "poisson", "negative_binomial", "clusters"])
def test_p_values_hold_what_they_say(weeks: int, noise: str) -> None:
    """Of series in which nothing happens, a share p at most is below p."""
    draw, days = np.random.default_rng(7), weeks * 7 + 1
    usual = np.tile([900.0, 800, 850, 900, 1000, 300, 200], weeks + 1)[:days]
    below = {0.05: 0, 0.01: 0, 0.001: 0}
    series = 8000
    for _ in range(series):
        if noise == "normal":
            values = draw.normal(usual, 6 * np.sqrt(usual)).clip(0)
        elif noise == "poisson":
            values = draw.poisson(usual).astype(float)
        elif noise == "clusters":  # a few clicks a day, each of many impressions
            values = draw.gamma(2 * draw.poisson(usual / 100) + 1e-9, 50)
        else:  # with ten times the variance of a Poisson count
            values = draw.negative_binomial(usual / 9, 0.1).astype(float)
        p = judged(values).p[0]
        for level in below:
            below[level] += p < level
    for level, count in below.items():
        assert count <= series * level + 4 * np.sqrt(series * level), (level, count)
    if noise == "normal":  # and not much less
        assert below[0.05] > 0.5 * series * 0.05


def rated(hits: np.ndarray, trials: np.ndarray, settings: Settings = ASKED) -> Judged:
    return rates(hits.astype(float), trials.astype(float), np.zeros(len(hits), bool), 1, settings)


def test_a_share_that_varies_as_binomial_counts_do_has_their_tail() -> None:
    """With an endless past the tail is that of 30 of 1,000 at 5 %."""
    trials = np.array([*[10_000_000] * 56, 1000])
    found = rated(np.array([*[500_000] * 56, 30]), trials)
    assert found.expected[0] == pytest.approx(0.05, rel=1e-4)
    assert found.p[0] == pytest.approx(2 * stats.binom.cdf(30, 1000, 0.05), rel=1e-2)
    high = rated(np.array([*[500_000] * 56, 75]), trials)
    assert high.p[0] == pytest.approx(2 * stats.binom.sf(74, 1000, 0.05), rel=1e-2)
    assert found.z[0] < 0 < high.z[0]
    assert stats.norm.sf(high.z[0]) * 2 == pytest.approx(high.p[0])


@pytest.mark.parametrize("spread", [0.0, 0.25])
def test_shares_hold_what_they_say(spread: float) -> None:
    """Also where the share itself moves from day to day."""
    draw, series, below = np.random.default_rng(3), 6000, {0.05: 0, 0.01: 0, 0.001: 0}
    for _ in range(series):
        trials = draw.poisson(2000, 57)
        share = 0.04 * draw.lognormal(-(spread**2) / 2, spread, 57)
        found = rated(draw.binomial(trials, np.minimum(share, 1)), trials)
        for level in below:
            below[level] += found.p[0] < level
    for level, count in below.items():
        # A share that moves is not symmetrical; the last places are not exact.
        room = 1.0 if spread == 0 else 2.0
        assert count <= room * series * level + 4 * np.sqrt(series * level), (level, count)


def test_days_without_trials_are_not_judged() -> None:
    trials = np.array([*[100] * 56, 0])
    assert np.isnan(rated(np.zeros(57), trials).p[0])
    never = rated(np.array([*[0] * 56, 6]), np.full(57, 100))
    assert never.p[0] < 1e-6  # a share that was 0 all along


@pytest.mark.filterwarnings("error")
def test_more_hits_than_trials_are_judged_as_all_of_them() -> None:
    """Conversions without a click: told as what they are, and no reason for silence afterwards."""
    trials = np.full(57, 100)
    usual = rated(np.array([*[110, 90] * 28, 150]), trials)
    clipped = rated(np.array([*[100, 90] * 28, 100]), trials)
    assert usual.value[0] == 1.5 and clipped.value[0] == 1
    assert (usual.expected[0], usual.z[0], usual.p[0]) == pytest.approx(
        (clipped.expected[0], clipped.z[0], clipped.p[0])
    )
    assert usual.expected[0] <= 1 and 0.05 < usual.p[0] <= 1
    # Once all, and most of the time: a day without any is found.
    drop = rated(np.array([*[130] * 56, 0]), trials)
    assert drop.p[0] < 1e-6 and drop.z[0] < 0
    once = np.full(57, 5)
    once[30] = 130
    assert rated(np.array([*once[:56], 60]), trials).p[0] < 1e-6
