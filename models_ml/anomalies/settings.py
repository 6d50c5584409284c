"""What ``anomalies.yml`` asks for, as the warehouse holds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date


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

    def in_season(self, vertical: str | None, day: date) -> bool:
        return day.month in self.seasons.get(vertical or "", frozenset())
