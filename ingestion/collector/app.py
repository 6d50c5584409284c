"""The collector as an ASGI application: events, webhooks, and the group commit behind them.

A request is answered with 2xx only when its bytes are on disk. All that arrive while the disk is
busy with one group make the next group. When the disk refuses, they get 503 and may come again.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from prometheus_client import CollectorRegistry

from ingestion.collector import envelope
from ingestion.collector.bodies import Bodies, Receive, Scope, Send
from ingestion.collector.clicks import Clicks, Recipients
from ingestion.collector.deliveries import PATH
from ingestion.collector.envelope import CONSENTS, MAX_BODY_BYTES, Header, Refused
from ingestion.collector.segments import Record, frame, seal_abandoned
from ingestion.collector.signatures import Request, Verifier, subscribe_url
from ingestion.collector.writer import Limits, Metrics, Unavailable, Writer
from ingestion.consent.requests import MAX_BODY_BYTES as MAX_REQUEST_BYTES
from ingestion.consent.requests import Desk
from workspace import links

_SUCCESS = b'{"success":true}'

#: The kinds of landed files that requests become.
EVENTS, DELIVERIES = "events", "delivery_events"
MAX_WEBHOOK_BYTES = 1_000_000
MAX_FORM_BYTES = 65_536


@dataclass(frozen=True)
class Source:
    """Who sends: its name, its write key, and the web origins that may use the key."""

    name: str
    write_key: str = field(repr=False)
    origins: tuple[str, ...] = ()


class Collector:
    """The tracking API, requests for consent, webhooks, links of messages, `/health`, `/ready`. All
    else gets 404.

    ``webhooks`` holds each provider's verifier; ``public_url`` is where providers think they
    send to, which some of them sign. Without ``recipients`` no link leads anywhere, without
    ``consents`` nobody takes requests for consent.
    """

    def __init__(
        self,
        landing: Path,
        sources: Sequence[Source],
        clock: Callable[[], datetime],
        registry: CollectorRegistry | None = None,
        limits: Limits | None = None,
        webhooks: Mapping[str, Verifier] | None = None,
        public_url: str = "",
        confirm: Callable[[str], None] | None = None,
        recipients: Recipients | None = None,
        consents: Desk | None = None,
    ) -> None:
        self._landing, self._clock = landing, clock
        self._limits = limits or Limits()
        self._sources = {source.write_key: source for source in sources}
        self._origins = {origin.encode() for source in sources for origin in source.origins}
        self._metrics = Metrics(registry or CollectorRegistry())
        self._webhooks, self._public_url = webhooks or {}, public_url
        self._confirm, self._consents = confirm, consents
        self._bodies = Bodies(self._limits)
        self._writer, self._webhook_writer = (
            Writer(landing, kind, self._limits, self._metrics) for kind in (EVENTS, DELIVERIES)
        )
        self._clicks = Clicks(recipients, self._webhook_writer, clock, self._limits, self._metrics)
        self._ticker: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Seal what dead workers left, and begin to watch the clock."""
        for kind in (EVENTS, DELIVERIES):
            await asyncio.to_thread(seal_abandoned, self._landing, kind)
        self._ticker = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        """Make everything durable and hand it to landing."""
        if self._ticker is not None:
            self._ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticker
        await self._writer.close()
        await self._webhook_writer.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        pairs = tuple(scope["headers"])
        headers: dict[bytes, bytes] = dict(pairs)
        scope = {**scope, "headers": pairs}
        is_link = scope["path"].startswith((links.PATH, links.PIXEL_PATH))
        more: list[Header] = [] if is_link else self._cors(headers.get(b"origin"))
        reason = ""
        try:
            if is_link:
                status, body, more = await self._clicks.answer(scope)
            else:
                status, body = await self._answer(scope, headers, receive)
        except Refused as refused:
            status, reason = refused.status, refused.reason
            body = b'{"success":false,"error":"%s"}' % refused.message.encode()
        except Unavailable:
            status, reason, body = 503, "disk", b'{"success":false,"error":"try again"}'
            more = [*more, (b"retry-after", b"5")]
        self._metrics.requests.labels(status, reason).inc()
        if status == 204:
            body = b""
        if status >= 400:  # the rest of a body is not waited for
            more = [*more, (b"connection", b"close")]
        if not any(name == b"content-type" for name, _ in more):
            more = [(b"content-type", b"application/json"), *more]
        answer = [(b"content-length", str(len(body)).encode()), *more]
        # The sender may be gone by now; what it sent is kept all the same.
        with contextlib.suppress(RuntimeError):
            await send({"type": "http.response.start", "status": status, "headers": answer})
            await send({"type": "http.response.body", "body": body})

    async def _answer(
        self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive
    ) -> tuple[int, bytes]:
        path, method = scope["path"], scope["method"]
        call = envelope.PATHS.get(path)
        is_request = path == CONSENTS and self._consents is not None
        if call is None and not is_request:
            if path.startswith(PATH):
                return await self._webhook(scope, headers, receive)
            return await self._probe(path)
        if method == "OPTIONS":
            return 204, b""
        if method != "POST":
            raise Refused(405, "method", "send POST")
        envelope.check_type(headers.get(b"content-type"))
        source = self._by_authorization(headers.get(b"authorization"))
        limit = MAX_REQUEST_BYTES if is_request else MAX_BODY_BYTES
        body = await self._bodies.read(headers, receive, limit)
        since = time.perf_counter()
        unpacked = envelope.unpacked(body, headers.get(b"content-encoding"))
        count, key = envelope.check(call or "identify", unpacked)
        source = source or self._by_key(key)
        origin = headers.get(b"origin")
        if origin is not None and source.origins and origin.decode("latin-1") not in source.origins:
            raise Refused(403, "origin", "this origin may not use this write key")
        received_at = self._clock()
        kept = envelope.kept(scope["headers"])
        record = Record(received_at, source.name, path, kept, body, uuid4().hex)
        event = None
        if is_request and self._consents is not None:
            request_id = record.request_id
            event = self._consents.check(unpacked, source.name, request_id, received_at)
        await self._writer.append(frame(record), received_at, since)
        if event is not None and self._consents is not None:
            await asyncio.to_thread(self._consents.record, event, received_at)
        self._metrics.messages.labels(source.name).inc(count)
        self._metrics.bytes.inc(len(body))
        return 200, _SUCCESS

    async def _webhook(
        self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive
    ) -> tuple[int, bytes]:
        provider = scope["path"].removeprefix(PATH)
        verify = self._webhooks.get(provider)
        if verify is None:
            raise Refused(404, "path", "no such path")
        if scope["method"] != "POST":
            raise Refused(405, "method", "send POST")
        if getattr(verify, "needs_no_body", False):
            verify(Request("POST", "", headers, b"", 0.0))
        limit = MAX_FORM_BYTES if provider == "twilio" else MAX_WEBHOOK_BYTES
        body = await self._bodies.read(headers, receive, limit)
        since = time.perf_counter()
        query = scope["query_string"].decode("latin-1")
        path = scope["path"] + (f"?{query}" if query else "")
        request = Request("POST", self._public_url + path, headers, body, time.time())
        await asyncio.to_thread(verify, request)  # it may fetch a certificate
        received_at = self._clock()
        kept = envelope.kept(scope["headers"])
        record = Record(received_at, provider, path, kept, body, uuid4().hex)
        await self._webhook_writer.append(frame(record), received_at, since)
        self._metrics.messages.labels(provider).inc()
        self._metrics.bytes.inc(len(body))
        if provider == "ses" and self._confirm is not None:
            url = subscribe_url(body)
            if url is not None:
                try:
                    await asyncio.to_thread(self._confirm, url)
                except OSError:
                    raise Unavailable from None  # SNS asks again
        return 200, _SUCCESS

    async def _probe(self, path: str) -> tuple[int, bytes]:
        if path == "/health":
            return 200, b'{"status":"alive"}'
        if path == "/ready":
            try:
                free = await asyncio.to_thread(lambda: shutil.disk_usage(self._landing).free)
            except OSError:
                free = 0
            healthy = self._writer.healthy and self._webhook_writer.healthy
            if healthy and free > self._limits.free_bytes:
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

    def _cors(self, origin: bytes | None) -> list[Header]:
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
            await self._webhook_writer.tick()
