"""Which days are told: false discoveries, planted changes, late data, seasons, shifts."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models_ml.anomalies.alerts import Alert, Series, alerts, episodes, sentence
from models_ml.anomalies.settings import Settings

LAST = date(2026, 3, 15)
DAYS = 120
ASKED = Settings()
USUAL = np.tile([900.0, 800, 850, 900, 1000, 300, 200], 20)[:DAYS]


def series(
    values: np.ndarray,
    name: str = "a",
    trials: np.ndarray | None = None,
    vertical: str = "medical",
    last_on: date = LAST,
    complete_until: date | None = None,
) -> Series:
    return Series(
        ("vertical", name, "sessions"),
        vertical,
        last_on - timedelta(days=len(values) - 1),
        np.asarray(values, float),
        trials,
        complete_until or last_on,
    )


def quiet(count: int, seed: int) -> list[Series]:
    """Counts, wilder counts and shares in which nothing happens."""
    draw = np.random.default_rng(seed)
    found = []
    for n in range(count):
        if n % 3 == 0:
            found.append(series(draw.poisson(USUAL), f"p{n}"))
        elif n % 3 == 1:
            found.append(series(draw.negative_binomial(USUAL / 4, 0.2), f"n{n}"))
        else:
            trials = draw.poisson(USUAL)
            hits = draw.binomial(trials, 0.05).astype(float)
            found.append(series(hits, f"r{n}", trials.astype(float)))
    return found


def told(found: list[Alert], day: date = LAST) -> list[str]:
    return [alert.series.name[1] for alert in found if alert.day == day]


def test_false_discoveries_are_few() -> None:
    """Sixty worlds of 60 series in which nothing happens, each judged on 28 days: a day with any
    alert is a false discovery, which may be one in twenty."""
    days_with = sum(
        len({alert.day for alert in alerts(quiet(60, seed), LAST, ASKED)}) for seed in range(60)
    )
    assert days_with <= 0.05 * 60 * 28


def test_planted_changes_are_found_among_many() -> None:
    """A fifth of the volume gone on the last day, a third more, and a share that halves: of a
    hundred series, with one false one in twenty at most."""
    right = wrong = 0
    for seed in range(20):
        everything = quiet(100, 100 + seed)
        for n, factor in ((0, 0.5), (3, 1.5), (2, 0.3)):
            everything[n].values[-1] = int(everything[n].values[-1] * factor)
        found = told(alerts(everything, LAST, ASKED))
        planted = {"p0", "p3", "r2"}
        right += len(planted & set(found))
        wrong += len(set(found) - planted)
    assert right >= 0.6 * 60 and wrong <= 0.1 * max(right, 1)


@pytest.mark.parametrize(("factor", "direction"), [(0.4, "drop"), (1.7, "rise")])
def test_both_sides(factor: float, direction: str) -> None:
    values = USUAL.copy()
    values[-2] *= factor
    (alert,) = alerts([series(values)], LAST, ASKED)
    assert (alert.day, alert.direction) == (LAST - timedelta(days=1), direction)
    assert alert.expected == USUAL[-2] and alert.value == pytest.approx(USUAL[-2] * factor)
    assert not alert.is_level_shift and alert.lasts_days == 1


def test_little_volume_is_no_alert() -> None:
    values = np.full(DAYS, 45.0)
    values[-1] = 0
    assert alerts([series(values)], LAST, ASKED) == []
    values[-1] = 200  # more than 50
    assert len(alerts([series(values)], LAST, ASKED)) == 1
    trials = np.full(DAYS, 49.0)
    hits = np.where(np.arange(DAYS) == DAYS - 1, 49.0, 0.0)
    assert alerts([series(hits, trials=trials)], LAST, ASKED) == []


def test_a_level_shift_is_told_once() -> None:
    values = USUAL.copy()
    values[-10:] *= 2
    (alert,) = alerts([series(values)], LAST, ASKED)
    assert alert.day == LAST - timedelta(days=9)
    assert alert.is_level_shift and alert.lasts_days == 10
    text = sentence(alert, {"sessions": "sessions"})
    assert text.endswith("higher since, 10 days") and "vertical a" in text
    # What began before the days that are told is not told again.
    values = USUAL.copy()
    values[-32:] *= 2
    assert alerts([series(values)], LAST, ASKED) == []


def test_a_shift_back_is_one_of_its_own() -> None:
    values = USUAL.copy()
    values[-10] *= 0.3
    values[-4] *= 0.3
    found = alerts([series(values)], LAST, ASKED)
    assert [alert.day for alert in found] == [LAST - timedelta(days=d) for d in (9, 3)]


def test_late_data_is_no_drop() -> None:
    values = USUAL.copy()
    values[-2:] = 0
    until = LAST - timedelta(days=1)
    found = alerts([series(values, complete_until=until)], LAST, ASKED)
    assert [alert.day for alert in found] == [until]
    assert alerts([series(values, complete_until=until - timedelta(days=1))], LAST, ASKED) == []
    # Nothing came at all for the last days: they count as 0, once they are complete.
    (alert,) = alerts([series(USUAL[:-2], last_on=LAST - timedelta(days=2), complete_until=LAST)],
                      LAST, ASKED)  # fmt: skip
    assert alert.value == 0 and alert.day == until
    values[-2:] = 5000
    assert len(alerts([series(values, complete_until=until)], LAST, ASKED)) == 1


def test_a_season_explains_rises_and_teaches_nothing() -> None:
    asked = Settings(seasons={"public": frozenset({11})}, report_days=40)
    last = date(2026, 12, 9)
    dates = [last - timedelta(days=DAYS - 1 - n) for n in range(DAYS)]
    values = USUAL * np.where([day.month == 11 for day in dates], 3.0, 1.0)
    assert alerts([series(values, vertical="public", last_on=last)], last, asked) == []
    medical = alerts([series(values, vertical="medical", last_on=last)], last, asked)
    assert medical[0].day == date(2026, 11, 1) and medical[0].direction == "rise"
    values[dates.index(date(2026, 11, 12))] = 0
    (alert,) = alerts([series(values, vertical="public", last_on=last)], last, asked)
    assert (alert.day, alert.direction) == (date(2026, 11, 12), "drop")


@pytest.mark.parametrize("days_after", range(1, 32))
def test_every_day_after_a_season_is_judged(days_after: int) -> None:
    """November has five of two weekdays, and leaves three of the eight weeks before December."""
    asked = Settings(seasons={"public": frozenset({11})})
    last = date(2026, 11, 30) + timedelta(days=days_after)
    values = np.tile(USUAL, 2)[: asked.learnt_days + 2]
    values[-1] = 0
    (alert,) = alerts([series(values, vertical="public", last_on=last)], last, asked)
    assert (alert.day, alert.direction, alert.expected) == (last, "drop", values[-8])


@pytest.mark.parametrize("months", [{11}, {1, 2}, {3, 6, 9}, {7, 8, 9, 10}])
def test_as_many_days_are_read_as_may_be_learnt_from(months: set[int]) -> None:
    """On any day of a year, eight of its weekday outside of the season are among them."""
    asked = Settings(seasons={"public": frozenset(months)})
    for n in range(366):
        day = date(2026, 1, 1) + timedelta(days=n)
        before = [day - timedelta(days=back) for back in range(7, asked.learnt_days + 1, 7)]
        assert sum(not asked.in_season("public", its) for its in before) >= asked.weeks
    assert Settings().learnt_days == 56


def test_the_order_of_series_changes_nothing() -> None:
    everything = quiet(30, 5)
    everything[0].values[-1] = 0
    found = alerts(everything, LAST, ASKED)
    back = alerts(everything[::-1], LAST, ASKED)
    assert [(a.series.name, a.day, a.q) for a in found] == [
        (a.series.name, a.day, a.q) for a in back
    ]
    assert told(found) == ["p0"]
    assert alerts([], LAST, ASKED) == []


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([np.nan, -6.0, -2.5, -1, 0, 1, 2.5, 6]))))
def test_episodes(days: list[tuple[bool, float]]) -> None:
    found = episodes([is_told for is_told, _ in days], [z for _, z in days])
    inside = set()
    for n, (start, length) in enumerate(found):
        assert days[start][0] and days[start][1] == days[start][1]
        side = np.sign(days[start][1])
        until = found[n + 1][0] if n + 1 < len(found) else len(days)
        judged = [m for m in range(start, until) if days[m][1] == days[m][1]][:length]
        assert len(judged) == length
        assert all(days[m][1] * side >= 2 for m in judged[1:])
        inside |= set(judged)
    # No told day is left out.
    assert all(n in inside for n, (is_told, z) in enumerate(days) if is_told and z == z)
