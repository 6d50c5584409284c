"""The world's clock: its start and fixed end, months, seasons, working hours, session slots.

Times are int64 milliseconds since 1970 in UTC; `NEVER` marks a time that does not come. All
human times lie between 06:00 and 20:45 UTC, so a day and a month are the same in UTC and in
Paris, and totals by month do not depend on the reader's zone.
"""

from __future__ import annotations

from datetime import date

import numpy as np

from sandbox.world.draws import Ints

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

N_MONTHS = 24
NEVER = np.iinfo(np.int64).max


def day_ms(year: int, month: int, day: int = 1) -> int:
    """Midnight UTC of a day."""
    return (date(year, month, day) - date(1970, 1, 1)).days * DAY


#: First instants of the months -12..36 around the world's start; FIRSTS[12] is the start.
FIRSTS = np.array(
    [day_ms(2023 + (9 + i) // 12, (9 + i) % 12 + 1) for i in range(50)], dtype=np.int64
)
START = int(FIRSTS[12])  # 2024-10-01T00:00:00Z
END = int(FIRSTS[12 + N_MONTHS])  # 2026-10-01T00:00:00Z

#: Calendar month (1..12) of world month m >= -12.
CALENDAR_MONTH = np.array([(9 + i) % 12 + 1 for i in range(49)], dtype=np.int64)

#: Relative activity by calendar month, January first: November's congresses and Salon des
#: Maires, the summer low.
SEASON = {
    "medical": np.array([1.0, 1.0, 1.1, 1.0, 0.95, 0.95, 0.7, 0.45, 1.05, 1.15, 1.75, 0.9]),
    "public": np.array([1.0, 1.0, 1.1, 0.95, 0.95, 1.0, 0.65, 0.4, 1.05, 1.15, 1.85, 0.9]),
}


def month_first(month: int) -> int:
    """First instant of world month 0..23 (or -12..36)."""
    return int(FIRSTS[12 + month])


def month_of(times: Ints) -> Ints:
    """World month of each time: 0 is October 2024, negative before."""
    return np.searchsorted(FIRSTS, times, side="right").astype(np.int64) - 13


def season_weights(vertical: str, first_month: int, months: int) -> np.ndarray:
    """Seasonal weights of consecutive world months, growing; year 2 starts where year 1 ends."""
    index = np.arange(first_month, first_month + months)
    low, high = (0.85, 1.15) if first_month < 12 else (0.65, 1.35)
    growth = np.linspace(low, high, months)
    return SEASON[vertical][CALENDAR_MONTH[12 + index] - 1] * growth


def month_label(month: int) -> str:
    """`2024-10` for world month 0."""
    return str(np.datetime64(month_first(month), "ms").astype("datetime64[M]"))


def weekday(times: Ints) -> Ints:
    """0 is Monday."""
    return (times // DAY + 3) % 7


def in_month(rng: np.random.Generator, months: Ints, *, working: bool = True) -> Ints:
    """A random working time (07:00-16:00 UTC) in each given world month."""
    first = FIRSTS[12 + months]
    days = (FIRSTS[13 + months] - first) // DAY
    day = first + (rng.random(len(months)) * days).astype(np.int64) * DAY
    if working:
        # A weekend becomes the Friday before, or the Monday after at the start of a month.
        back = np.maximum(weekday(day) - 4, 0)
        day = np.where(day - back * DAY >= first, day - back * DAY, day + (3 - back) * DAY)
    return day + office_hours(rng, len(months))


def office_hours(rng: np.random.Generator, size: int) -> Ints:
    """Times of day between 07:00 and 16:00 UTC, whole seconds."""
    return (7 * HOUR + (rng.random(size) * 9 * 3600).astype(np.int64) * SECOND).astype(np.int64)


def before(rng: np.random.Generator, times: Ints, median_days: float, spread: float) -> Ints:
    """A working time at least one day before each given time, log-normal gap."""
    gap = np.exp(rng.normal(np.log(median_days), spread, len(times))).round().astype(np.int64)
    day = times // DAY * DAY - np.maximum(gap, 1) * DAY
    day = day - np.maximum(weekday(day) - 4, 0) * DAY
    return day + office_hours(rng, len(times))


def after(rng: np.random.Generator, times: Ints, median_days: float, spread: float) -> Ints:
    """A working time at least one day after each given time, log-normal gap; NEVER stays."""
    gap = np.exp(rng.normal(np.log(median_days), spread, len(times))).round().astype(np.int64)
    base = np.where(times == NEVER, START, times)
    day = base // DAY * DAY + np.maximum(gap, 1) * DAY
    day = day + np.where(weekday(day) > 4, 7 - weekday(day), 0) * DAY
    return np.where(times == NEVER, NEVER, day + office_hours(rng, len(times)))


#: A session starts in the first 105 minutes of a three-hour slot and lasts under 40 minutes, so
#: two sessions of one device are more than 30 minutes apart when they are in different slots.
SLOT = 3 * HOUR
SLOT_START_SPAN = 105 * MINUTE


def into_slot(rng: np.random.Generator, times: Ints) -> Ints:
    """Move times into session-start windows between 06:00 and 19:45 UTC, never earlier days."""
    day = times // DAY * DAY
    slot = (times - day) // SLOT
    late = slot > 6
    day = np.where(late, day + DAY, day)
    slot = np.where(late, 2, np.maximum(slot, 2))
    return day + slot * SLOT + (rng.random(len(times)) * SLOT_START_SPAN).astype(np.int64)


def slot_of(times: Ints) -> Ints:
    """Number of the three-hour slot since 1970."""
    return times // SLOT


def day_text(times: Ints) -> np.ndarray:
    """ISO dates."""
    return np.datetime_as_string(times.astype("datetime64[ms]").astype("datetime64[D]"))


def second_text(times: Ints) -> np.ndarray:
    """ISO times with a Z, whole seconds."""
    text = np.datetime_as_string(times.astype("datetime64[ms]").astype("datetime64[s]"))
    return np.char.add(text, "Z")
