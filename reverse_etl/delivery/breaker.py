"""A provider's circuit breaker: after failures in a row it is left alone for a while."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

FAILURES = 5
SECONDS, LONGEST_SECONDS = 15.0, 300.0


@dataclass
class Breaker:
    """Closed: requests go. Open: none does, until ``until``. Then one probes; it closes the
    breaker, or opens it for twice as long. ``clock`` gives seconds that only grow."""

    clock: Callable[[], float]
    until: float = 0.0
    _failures: int = field(default=0, init=False)
    _seconds: float = field(default=SECONDS, init=False)
    _is_probing: bool = field(default=False, init=False)

    @property
    def is_open(self) -> bool:
        return self._failures >= FAILURES and (self._is_probing or self.clock() < self.until)

    @property
    def wants_probe(self) -> bool:
        """Whether only one request may go now."""
        return self._failures >= FAILURES and not self.is_open

    def probe(self) -> None:
        self._is_probing = True

    def unprobed(self) -> None:
        """The request that was to probe did not leave."""
        self._is_probing = False

    def succeeded(self) -> None:
        self._failures, self._seconds, self._is_probing = 0, SECONDS, False

    def failed(self) -> None:
        self._failures += 1
        if self._failures < FAILURES:
            return
        if self._is_probing:
            self._seconds = min(self._seconds * 2, LONGEST_SECONDS)
        self._is_probing = False
        self.until = self.clock() + self._seconds
