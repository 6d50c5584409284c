"""Quiet hours: when a message may go out, in the local time of whoever receives it.

There is one answer to "when next", :func:`allowed_spans`; everything else asks it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from workspace.definitions.caps import WEEKDAYS, Caps, Holidays, QuietHours

#: A half-open span [start, end), naive UTC.
Span = tuple[datetime, datetime]
#: Rules that leave nothing open for so long leave nothing open.
LONGEST_QUIET = timedelta(days=31)
_DAY = timedelta(days=1)
_NO_HOLIDAYS = Holidays()


def rules_for(
    caps: Caps, channel: str, country: str | None, message_class: str
) -> tuple[QuietHours, ...]:
    """The rules that hold for a message; none where its class skips them."""
    kind = caps.classes.get(message_class)
    if kind is not None and "quiet_hours" in kind.skips:
        return ()
    return tuple(r for r in caps.quiet_hours if r.matches(channel, country, message_class))


def allowed_spans(
    rules: Sequence[QuietHours],
    holidays: Holidays | None,
    zone: str,
    since: datetime,
    until: datetime,
) -> list[Span]:
    """The spans within [since, until) in which no rule asks for quiet, in order.

    Where clocks are put back an hour happens twice, and quiet that begins or ends within it lasts
    from the first beginning to the second end; where they are put forward, quiet ends no earlier
    than the hour that does not happen.
    """
    spans, start = [], since
    for quiet_from, quiet_to in sorted(
        _quiet_spans(rules, holidays or _NO_HOLIDAYS, zone, since, until)
    ):
        if quiet_from > start:
            spans.append((start, min(quiet_from, until)))
        start = max(start, quiet_to)
        if start >= until:
            break
    if start < until:
        spans.append((start, until))
    return spans


def next_allowed(spans: Sequence[Span], at: datetime) -> datetime | None:
    """``at``, or the beginning of the first span after it; None where there is none."""
    n = bisect_right(spans, at, key=lambda span: span[1])
    return max(at, spans[n][0]) if n < len(spans) else None


def _quiet_spans(
    rules: Sequence[QuietHours], holidays: Holidays, zone: str, since: datetime, until: datetime
) -> Iterator[Span]:
    where = ZoneInfo(zone)
    day = _local_day(since, where) - _DAY
    last = _local_day(until, where) + _DAY
    free: dict[int, set[date]] = {}
    while day <= last:
        is_holiday = day in free.setdefault(day.year, holidays.of(day.year))
        for rule in rules:
            midnight = datetime.combine(day, time())
            if WEEKDAYS[day.weekday()] in rule.weekdays or (rule.holidays and is_holiday):
                yield _span(midnight, midnight + _DAY, where)
            if rule.from_ is not None and rule.to is not None:
                begin = datetime.combine(day, time.fromisoformat(rule.from_))
                end = datetime.combine(day, time.fromisoformat(rule.to))
                yield _span(begin, end if begin < end else end + _DAY, where)
        day += _DAY


def _span(begin: datetime, end: datetime, zone: ZoneInfo) -> Span:
    """Local times as UTC: the earlier reading of the beginning, the later one of the end."""
    return min(_readings(begin, zone)), max(_readings(end, zone))


def _readings(local: datetime, zone: ZoneInfo) -> list[datetime]:
    return [
        local.replace(tzinfo=zone, fold=fold).astimezone(UTC).replace(tzinfo=None)
        for fold in (0, 1)
    ]


def _local_day(at: datetime, zone: ZoneInfo) -> date:
    return at.replace(tzinfo=UTC).astimezone(zone).date()
