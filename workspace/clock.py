"""Times: parsing, printing and the two clocks.

Every datetime in this project is naive and UTC. A library takes ``as_of`` as a parameter;
:func:`now` is called at the doors only (command line, HTTP, schedules).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

#: Nothing earlier can be a fact of a marketing warehouse; later than a day ahead neither.
EARLIEST = datetime(1900, 1, 1)
FUTURE_TOLERANCE = timedelta(hours=24)

_COMPACT = "%Y%m%dT%H%M%S%fZ"


def now() -> datetime:
    """The current time, naive UTC. For the doors only."""
    return datetime.now(UTC).replace(tzinfo=None)


def parse_time(text: str) -> datetime:
    """An ISO 8601 date or time as naive UTC; a text without a zone is UTC.

    Raises ValueError for anything else.
    """
    parsed = datetime.fromisoformat(text.strip())
    if parsed.tzinfo is not None:
        parsed = parsed.astimezone(UTC).replace(tzinfo=None)
    return parsed


def iso(time: datetime) -> str:
    """``2026-10-01T00:00:00Z``, with microseconds only where there are any."""
    return time.isoformat() + "Z"


def compact(time: datetime) -> str:
    """A sortable form that is safe in file names: ``20261001T000000000000Z``."""
    return time.strftime(_COMPACT)


def parse_compact(text: str) -> datetime:
    """The inverse of :func:`compact`; raises ValueError."""
    return datetime.strptime(text, _COMPACT)


def moment_of(local: datetime, zone: str) -> datetime:
    """When a clock of ``zone`` shows ``local``, naive UTC.

    A time that the clock skips is its later self, one that comes twice the second.
    """
    place = ZoneInfo(zone)
    for fold in (1, 0):
        moment = local.replace(tzinfo=place, fold=fold).astimezone(UTC)
        if moment.astimezone(place).replace(tzinfo=None, fold=0) == local:
            return moment.replace(tzinfo=None)
    return local.replace(tzinfo=place, fold=0).astimezone(UTC).replace(tzinfo=None)
