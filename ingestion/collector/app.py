"""The collector as an ASGI application, and the group commit behind it.

A request is answered with 2xx only when its bytes are on disk. All that arrive while the disk is
busy with one group make the next group. When the disk refuses, they get 503 and may come again.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import logging
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram

from ingestion.collector import envelope
from ingestion.collector.envelope import MAX_BODY_BYTES, Refused
from ingestion.collector.segments import Record, Segment, frame, seal_abandoned

_log = logging.getLogger(__name__)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

#: Not kept with a request: they are credentials, or a browser's cookies of other pages.
_SECRET_HEADERS = frozenset((b"authorization", b"cookie", b"proxy-authorization"))
_SUCCESS = b'{"success":true}'


class Unavailable(Exception):
    """The bytes could not be made durable."""


@dataclass(frozen=True)
class Source:
    """Who sends: its name, its write key, and the web origins that may use the key."""

    name: str
    write_key: str = field(repr=False)
    origins: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limits:
    """When segments are sealed, and how long a request may take to arrive (seconds)."""

    segment_bytes: int = 64 << 20
    segment_seconds: float = 60.0
    body_seconds: float = 10.0
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
        self.commit = Histogram(
            "collector_commit_seconds",
            "Time to make one group of requests durable.",
            registry=registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5),
        )


class Writer:
    """Group commit: one thread writes, everyone who waits is answered together."""

    def __init__(self, landing: Path, limits: Limits, metrics: Metrics) -> None:
        self._landing, self._limits, self._metrics = landing, limits, metrics
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="collector-disk")
        self._segment: Segment | None = None
        self._waiting: list[tuple[bytes, datetime, asyncio.Future[None]]] = []
        self._waiting_bytes = 0
        self._task: asyncio.Task[None] | None = None
        self.healthy = True

    async def append(self, data: bytes, received_at: datetime) -> None:
        """Return when the record is on disk. Raises :class:`Unavailable`."""
        if self._waiting_bytes + len(data) > self._limits.waiting_bytes:
            raise Unavailable
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((data, received_at, future))
        self._waiting_bytes += len(data)
        if self._task is None:
            self._task = asyncio.create_task(self._commit())
        await future

    async def tick(self) -> None:
        """Seal what is due while nothing arrives."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._seal_if_due)

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
                except OSError as error:
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
            self._segment = Segment(self._landing)
        try:
            self._segment.append(frames, received_at)
        except OSError:
            # What it holds is whole, but its descriptor has lost our trust.
            segment, self._segment = self._segment, None
            segment.abandon()
            raise
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
            segment.seal()
        except OSError as error:  # its rows are safe, and sealed by whoever looks next
            self._report(error)
            segment.abandon()

    def _report(self, error: OSError) -> None:
        if self.healthy:
            _log.error("the collector cannot write: %s", error.strerror)
        self.healthy = False


class Collector:
    """The tracking API, `/health` and `/ready`. Everything else gets 404."""

    def __init__(
        self,
        landing: Path,
        sources: Sequence[Source],
        clock: Callable[[], datetime],
        registry: CollectorRegistry | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._landing, self._clock = landing, clock
        self._limits = limits or Limits()
        self._sources = {source.write_key: source for source in sources}
        self._origins = {origin.encode() for source in sources for origin in source.origins}
        self._metrics = Metrics(registry or CollectorRegistry())
        self._writer = Writer(landing, self._limits, self._metrics)
        self._ticker: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Seal what dead workers left, and begin to watch the clock."""
        await asyncio.to_thread(seal_abandoned, self._landing)
        self._ticker = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        """Make everything durable and hand it to landing."""
        if self._ticker is not None:
            self._ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticker
        await self._writer.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        cors = self._cors(headers.get(b"origin"))
        try:
            status, body = await self._answer(scope, headers, receive)
            reason = ""
        except Refused as refused:
            status, reason = refused.status, refused.reason
            body = b'{"success":false,"error":"%s"}' % refused.message.encode()
        except Unavailable:
            status, reason, body = 503, "disk", b'{"success":false,"error":"try again"}'
            cors = [*cors, (b"retry-after", b"5")]
        self._metrics.requests.labels(status, reason).inc()
        if status == 204:
            body = b""
        if status in (408, 413):  # the rest of the body is not waited for
            cors = [*cors, (b"connection", b"close")]
        answer = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            *cors,
        ]
        # The sender may be gone by now; what it sent is kept all the same.
        with contextlib.suppress(RuntimeError):
            await send({"type": "http.response.start", "status": status, "headers": answer})
            await send({"type": "http.response.body", "body": body})

    async def _answer(
        self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive
    ) -> tuple[int, bytes]:
        path, method = scope["path"], scope["method"]
        call = envelope.PATHS.get(path)
        if call is None:
            return await self._probe(path)
        if method == "OPTIONS":
            return 204, b""
        if method != "POST":
            raise Refused(405, "method", "send POST")
        envelope.check_type(headers.get(b"content-type"))
        source = self._by_authorization(headers.get(b"authorization"))
        body = await self._body(headers, receive)
        unpacked = envelope.unpacked(body, headers.get(b"content-encoding"))
        count, key = envelope.check(call, unpacked)
        source = source or self._by_key(key)
        origin = headers.get(b"origin")
        if origin is not None and source.origins and origin.decode("latin-1") not in source.origins:
            raise Refused(403, "origin", "this origin may not use this write key")
        received_at = self._clock()
        kept = [pair for pair in scope["headers"] if pair[0] not in _SECRET_HEADERS]
        record = Record(received_at, source.name, path, kept, body)
        await self._writer.append(frame(record), received_at)
        self._metrics.messages.labels(source.name).inc(count)
        self._metrics.bytes.inc(len(body))
        return 200, _SUCCESS

    async def _body(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            raise Refused(413, "too_large", f"at most {MAX_BODY_BYTES:,} bytes")
        message = await self._next(receive)
        body = message.get("body", b"")
        while message.get("more_body"):
            message = await self._next(receive)
            body += message.get("body", b"")
            if len(body) > MAX_BODY_BYTES:
                break
        if len(body) > MAX_BODY_BYTES:
            raise Refused(413, "too_large", f"at most {MAX_BODY_BYTES:,} bytes")
        return body

    async def _next(self, receive: Receive) -> dict[str, Any]:
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                message = await receive()
        except TimeoutError:
            raise Refused(408, "slow", "the body took too long") from None
        if message["type"] == "http.disconnect":
            raise Refused(400, "disconnected", "the sender went away")
        return message

    async def _probe(self, path: str) -> tuple[int, bytes]:
        if path == "/health":
            return 200, b'{"status":"alive"}'
        if path == "/ready":
            free = await asyncio.to_thread(lambda: shutil.disk_usage(self._landing).free)
            if self._writer.healthy and free > self._limits.free_bytes:
                return 200, b'{"status":"ready"}'
            raise Refused(503, "not_ready", "the disk takes no events")
        raise Refused(404, "path", "no such path")

    def _by_authorization(self, given: bytes | None) -> Source | None:
        if given is None:
            return None
        scheme, _, value = given.partition(b" ")
        try:
            name = base64.b64decode(value.strip(), validate=True).partition(b":")[0].decode()
        except (binascii.Error, UnicodeDecodeError):
            name = ""
        if scheme.lower() != b"basic":
            raise Refused(401, "write_key", "send the write key as Basic user name")
        return self._by_key(name)

    def _by_key(self, key: str | None) -> Source:
        source = self._sources.get(key or "")
        if source is None:
            raise Refused(401, "write_key", "unknown write key")
        return source

    def _cors(self, origin: bytes | None) -> list[tuple[bytes, bytes]]:
        if origin is None or origin not in self._origins:
            return []
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-methods", b"POST"),
            (b"access-control-allow-headers", b"authorization, content-type, content-encoding"),
            (b"access-control-max-age", b"3600"),
            (b"vary", b"origin"),
        ]

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            await self._writer.tick()
