"""Whether what came in is as fresh as `marketing/freshness.yml` expects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from workspace.clock import iso


@dataclass(frozen=True)
class Verdict:
    """``judged`` is False where the run could not tell; it passes then."""

    passed: bool
    text: str
    newest: datetime | None = None
    limit: timedelta | None = None
    age: timedelta | None = None
    judged: bool = True

    @property
    def facts(self) -> dict[str, str | bool]:
        """What is known of it, for people."""
        found: dict[str, str | bool] = {"verdict": self.text, "judged": self.judged}
        if self.newest is not None:
            found["newest"] = iso(self.newest)
        if self.age is not None:
            found["age"] = span(self.age)
        if self.limit is not None:
            found["limit"] = span(self.limit)
        return found


def of_stream(
    limit: timedelta | None, newest: datetime | None, as_of: datetime, is_past: bool = False
) -> Verdict:
    """A stream by its newest ``known_at``. One without a row is not stale: nothing was promised."""
    if is_past:
        return _of_the_past(limit)
    if newest is None:
        return Verdict(True, "no row yet", limit=limit)
    return _by_age("the newest row is", limit, newest, as_of)


def of_source(
    limit: timedelta | None,
    answered_at: datetime | None,
    as_of: datetime,
    missing: Sequence[str] = (),
    is_past: bool = False,
) -> Verdict:
    """A source by its last complete answer. ``missing`` are credentials that are not set."""
    if is_past:
        return _of_the_past(limit)
    if missing:
        return Verdict(True, f"skipped; not set: {', '.join(missing)}", limit=limit)
    if answered_at is None:
        return Verdict(limit is None, "has never answered completely", limit=limit)
    return _by_age("the last complete answer is", limit, answered_at, as_of)


def span(duration: timedelta) -> str:
    """A duration in its two largest units: ``3d``, ``1h 28m``; less than a minute is ``0m``."""
    minutes = int(duration.total_seconds()) // 60
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "m")]
    given = [f"{number}{unit}" for number, unit in parts if number]
    return " ".join(given[:2]) or "0m"


def _of_the_past(limit: timedelta | None) -> Verdict:
    return Verdict(True, "not judged: the run looks from a past time", limit=limit, judged=False)


def _by_age(what: str, limit: timedelta | None, newest: datetime, as_of: datetime) -> Verdict:
    # A sender's clock may run ahead.
    age = max(as_of - newest, timedelta())
    if limit is None:
        return Verdict(True, f"{what} {span(age)} old; nothing is expected", newest, None, age)
    text = f"{what} {span(age)} old; the limit is {span(limit)}"
    return Verdict(age <= limit, text, newest, limit, age)
