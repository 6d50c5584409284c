"""How fast, and when again: a token bucket, and the waits between attempts.

Used by whatever asks a vendor's API. Clocks and sleeping are parameters, so tests take no time.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

#: A vendor may ask for any wait; beyond this the next run is the better time.
MAX_WAIT_SECONDS = 300.0


class Limiter:
    """A token bucket: ``burst`` calls at once, then ``per_second``. Safe between threads."""

    def __init__(
        self,
        per_second: float,
        burst: int = 1,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if per_second <= 0 or burst < 1:
            raise ValueError("a rate is more than 0 a second, a burst at least 1")
        self.per_second, self._burst = per_second, burst
        self._clock, self._sleep = clock, sleep
        self._tokens, self._last = float(burst), clock()
        self._lock = threading.Lock()

    @classmethod
    def unlimited(cls) -> Limiter:
        """No waiting at all, for stand-ins on this machine."""
        return cls(math.inf)

    def slower(self, per_second: float) -> Limiter:
        """Another bucket, for calls that a vendor counts by themselves."""
        if math.isinf(self.per_second):
            return self
        return Limiter(min(per_second, self.per_second), 1, self._clock, self._sleep)

    def acquire(self, turns: int = 1) -> float:
        """Wait for so many turns; the seconds waited."""
        if math.isinf(self.per_second):
            return 0.0
        with self._lock:
            now = self._clock()
            gained = max(0.0, now - self._last) * self.per_second
            # Below zero: turns already given away to callers that are still waiting.
            self._tokens = min(self._burst, self._tokens + gained) - turns
            self._last = max(now, self._last)
            wait = max(0.0, -self._tokens / self.per_second)
        if wait:
            self._sleep(wait)
        return wait

    def missing(self) -> float:
        """Take a turn where there is one: 0. Else take none; the seconds until there is."""
        if math.isinf(self.per_second):
            return 0.0
        with self._lock:
            now = self._clock()
            gained = max(0.0, now - self._last) * self.per_second
            self._tokens = min(self._burst, self._tokens + gained)
            self._last = max(now, self._last)
            if self._tokens < 1:
                return (1 - self._tokens) / self.per_second
            self._tokens -= 1
            return 0.0


def retry_after(value: str | None, now: datetime) -> float | None:
    """The seconds of a Retry-After header, given as a number or as an HTTP date; ``now`` is
    naive UTC. None when there is none or it cannot be read; never below zero."""
    if value is None:
        return None
    text = value.strip()
    try:
        return max(0.0, float(text)) if text.replace(".", "", 1).isdigit() else _until(text, now)
    except (ValueError, OverflowError, TypeError):
        return None


def _until(text: str, now: datetime) -> float:
    when = parsedate_to_datetime(text)
    if when.tzinfo is not None:
        when = when.astimezone(UTC).replace(tzinfo=None)
    return max(0.0, (when - now).total_seconds())


def backoff(attempt: int, base: float = 1.0, draw: Callable[[], float] = random.random) -> float:
    """Seconds before attempt number ``attempt`` + 1, counted from 1: doubling, half of it drawn."""
    longest = min(base * 2 ** (attempt - 1), MAX_WAIT_SECONDS)
    return longest * (0.5 + 0.5 * draw())
