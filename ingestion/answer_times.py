"""How long HTTP answers took: what the quantiles of answer times are made of.

Each worker counts the requests of a family of routes in buckets of milliseconds and, a period at a
time, lands the counts as a file of the kind ``http_latencies``. Nothing of a request but its
family, its outcome and its time is kept. The collector counts its own (`ingestion.collector`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
import uuid
from bisect import bisect_right
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from workspace import durable
from workspace.clock import compact, iso

KIND = "http_latencies"
#: Seconds of a period: what a kill takes with it, at most.
PERIOD_SECONDS = 300.0
_STEPS = (
    1,
    1.12,
    1.25,
    1.4,
    1.6,
    1.8,
    2,
    2.24,
    2.5,
    2.8,
    3.15,
    3.55,
    4,
    4.5,
    5,
    5.6,
    6.3,
    7.1,
    8,
    9,
)
#: Bounds of the buckets, milliseconds: Renard's numbers R20 from 0.1 ms to 100 s. A bucket holds
#: the times from its bound to below the next one, the first those from 0, the last all that is
#: longer. Neighbours are at most 1/7 (14.3 %) apart.
BOUNDS_MS = (*(round(step * 10.0**decade, 6) for decade in range(-1, 5) for step in _STEPS), 1e5)
_FROM_MS = (0.0, *BOUNDS_MS)
_BELOW_MS = (*BOUNDS_MS, None)

ASGI = Callable[[dict[str, Any], Any, Any], Awaitable[None]]
_Key = tuple[str, str, int]
_log = logging.getLogger(__name__)


class AnswerTimes:
    """The counts of one worker. All but the writing happens on its event loop."""

    def __init__(
        self, landing: Path, clock: Callable[[], datetime], seconds: float = PERIOD_SECONDS
    ) -> None:
        self._folder, self._clock, self._seconds = landing / KIND, clock, seconds
        self._worker, self._period = uuid.uuid4().hex[:16], 1
        self._counts: Counter[_Key] = Counter()
        self._ended = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def add(self, family: str, status: int, seconds: float) -> None:
        """Count a request by the status of its answer."""
        self._counts[family, _outcome(status), bisect_right(BOUNDS_MS, seconds * 1000)] += 1

    def timed(self, family: str, app: ASGI) -> ASGI:
        """``app``, its requests counted: from their head to the handing over of the last of their
        answer, so that a reader who is slow to take it does not count."""

        async def answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
            since = time.perf_counter()
            status = 0

            async def told(message: dict[str, Any]) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                elif not message.get("more_body"):
                    self.add(family, status, time.perf_counter() - since)
                await send(message)

            try:
                await app(scope, receive, told)
            except Exception:
                if not status:  # the server answers for the application
                    self.add(family, 500, time.perf_counter() - since)
                raise

        return answer

    async def start(self) -> None:
        """Begin to land each period's counts."""
        self._task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Land what is counted."""
        self._ended.set()
        if self._task is not None:
            await self._task

    async def _keep(self) -> None:
        is_last = False
        while not is_last:
            with contextlib.suppress(TimeoutError):
                is_last = await asyncio.wait_for(self._ended.wait(), self._seconds)
            await self._land()

    async def _land(self) -> None:
        """Write the counts and begin anew; what cannot be written waits for the next period."""
        counts, self._counts = self._counts, Counter()
        if not counts:
            return
        at = self._clock()
        data = "".join(json.dumps(row) + "\n" for row in self._rows(counts, at)).encode()
        name = f"{compact(at)}__{sha256(data).hexdigest()[:12]}__{self._worker}.ndjson"
        try:
            await asyncio.to_thread(durable.write, self._folder / name, data)
        except OSError as error:
            # Should the file be there after all, this period's next one has the same and more.
            _log.warning("answer times wait to be written: %s", error)
            self._counts.update(counts)
            return
        self._period += 1

    def _rows(self, counts: Counter[_Key], at: datetime) -> list[dict[str, Any]]:
        return [
            {
                "worker_id": self._worker,
                "period": self._period,
                "family": family,
                "outcome": outcome,
                "from_ms": _FROM_MS[place],
                "below_ms": _BELOW_MS[place],
                "requests": requests,
                "occurred_at": iso(at),
                "known_at": iso(at),
            }
            for (family, outcome, place), requests in sorted(counts.items())
        ]


def _outcome(status: int) -> str:
    if status >= 500:
        return "failed"
    return "refused" if status >= 400 else "answered"
