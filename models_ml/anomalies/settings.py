"""What ``anomalies.yml`` asks for, as the warehouse holds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

WEEK = 7
#: Weeks that a month masks at most of a weekday.
WEEKS_OF_MONTH = 5


@dataclass(frozen=True)
class Settings:
    """``seasons``: vertical -> months in which an event makes days of their own."""

    weeks: int = 8
    least_weeks: int = 4
    least_z: float = 3.5
    least_volume: float = 50.0
    false_discoveries: float = 0.05
    report_days: int = 28
    shift_days: int = 3
    seasons: dict[str, frozenset[int]] = field(default_factory=dict)

    @property
    def learnt_days(self) -> int:
        """How many days before a day may tell what is expected of it: as many further weeks as the
        seasons of a vertical mask in a year."""
        months = max((len(its) for its in self.seasons.values()), default=0)
        return (self.weeks + WEEKS_OF_MONTH * months) * WEEK

    def in_season(self, vertical: str | None, day: date) -> bool:
        return day.month in self.seasons.get(vertical or "", frozenset())
