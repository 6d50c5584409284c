"""The group commit: requests that arrive while the disk is busy are made durable together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram

from ingestion.collector.latency import Latencies
from ingestion.collector.segments import Segment

_log = logging.getLogger(__name__)


class Unavailable(Exception):
    """The bytes could not be made durable."""


@dataclass(frozen=True)
class Limits:
    """When segments are sealed, how long a request may take to arrive, and how long a reader waits
    for a click to be kept (seconds)."""

    segment_bytes: int = 64 << 20
    segment_seconds: float = 900.0
    body_seconds: float = 10.0
    click_seconds: float = 2.0
    waiting_bytes: int = 256 << 20
    free_bytes: int = 64 << 20


class Metrics:
    """What the collector counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "collector_requests_total",
            "Requests by answer.",
            ["status", "reason"],
            registry=registry,
        )
        self.messages = Counter(
            "collector_messages_total", "Messages acknowledged.", ["source"], registry=registry
        )
        self.bytes = Counter(
            "collector_bytes_total", "Bytes of acknowledged bodies.", registry=registry
        )
        self.clicks = Counter(
            "collector_clicks_total",
            "Links followed: kept, lost (disk or ledger refused), not_seen (the recipient does not "
            "want it), looked_up (no reader: HEAD, a prefetch).",
            ["outcome"],
            registry=registry,
        )
        self.opens = Counter(
            "collector_opens_total",
            "Pixels fetched, with the outcomes of collector_clicks_total, and forged ones.",
            ["outcome"],
            registry=registry,
        )
        self.commit = Histogram(
            "collector_commit_seconds",
            "Time to make one group of requests durable.",
            registry=registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5),
        )


class Writer:
    """Group commit: one thread writes, everyone who waits is answered together."""

    def __init__(self, landing: Path, kind: str, limits: Limits, metrics: Metrics) -> None:
        self._landing, self._kind, self._limits, self._metrics = landing, kind, limits, metrics
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="collector-disk")
        self._segment: Segment | None = None
        self._latencies = Latencies()
        self._waiting: list[tuple[bytes, datetime, asyncio.Future[None]]] = []
        self._waiting_bytes = 0
        self._task: asyncio.Task[None] | None = None
        self.healthy = True

    async def append(self, data: bytes, received_at: datetime, since: float) -> None:
        """Return when the record is on disk; ``since`` is when its request was whole, by the
        performance counter. Raises :class:`Unavailable`."""
        if self._waiting_bytes + len(data) > self._limits.waiting_bytes:
            raise Unavailable
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((data, received_at, future))
        self._waiting_bytes += len(data)
        if self._task is None:
            self._task = asyncio.create_task(self._commit())
        await future
        self._latencies.add(time.perf_counter() - since)

    async def tick(self) -> None:
        """Seal what is due while nothing arrives; after a fault, try whether the disk is back."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._look)

    async def close(self) -> None:
        """Write what waits and seal."""
        while self._task is not None:
            await self._task
        await asyncio.get_running_loop().run_in_executor(self._thread, self._seal)
        self._thread.shutdown()

    async def _commit(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                group, self._waiting, self._waiting_bytes = self._waiting, [], 0
                frames = [data for data, _, _ in group]
                try:
                    with self._metrics.commit.time():
                        await loop.run_in_executor(self._thread, self._write, frames, group[0][1])
                except Exception as error:
                    self._report(error)
                    for _, _, future in group:
                        if not future.cancelled():
                            future.set_exception(Unavailable())
                    continue
                self.healthy = True
                for _, _, future in group:
                    if not future.cancelled():
                        future.set_result(None)
        finally:
            self._task = None

    def _write(self, frames: Sequence[bytes], received_at: datetime) -> None:
        if self._segment is None:
            self._segment = Segment(self._landing, self._kind)
        try:
            self._segment.append(frames, received_at)
        except OSError:
            # What it holds is whole, but its descriptor has lost our trust.
            segment, self._segment = self._segment, None
            segment.abandon()
            raise
        self._seal_if_due()

    def _look(self) -> None:
        if not self.healthy and self._segment is None:
            try:
                self._segment = Segment(self._landing, self._kind)
            except OSError:
                return
            self.healthy = True
        self._seal_if_due()

    def _seal_if_due(self) -> None:
        limits = self._limits
        if self._segment and self._segment.is_due(limits.segment_bytes, limits.segment_seconds):
            self._seal()

    def _seal(self) -> None:
        segment, self._segment = self._segment, None
        if segment is None:
            return
        try:
            sealed = segment.seal()
        except OSError as error:  # its rows are safe, and sealed by whoever looks next
            self._report(error)
            segment.abandon()
            return
        if sealed is not None and segment.received_at is not None:
            with contextlib.suppress(OSError):
                self._latencies.land(self._landing, sealed, self._kind, segment.received_at)

    def _report(self, error: Exception) -> None:
        if self.healthy:
            _log.error("the collector cannot write: %s", error)
        self.healthy = False
