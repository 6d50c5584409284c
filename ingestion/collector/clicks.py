"""Links of messages: a reader is led on to what was signed, and the click is kept.

Nothing leads anywhere but what this workspace signed (`workspace.links`); all else is told apart
from no path at all by nobody. A reader always reaches the page: what cannot be kept is counted.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from ingestion.collector import envelope
from ingestion.collector.deliveries import LINKS
from ingestion.collector.envelope import Header, Refused
from ingestion.collector.segments import Record, frame
from ingestion.collector.writer import Limits, Metrics, Writer
from workspace import links
from workspace.identifiers import Keyring
from workspace.links import Link

_log = logging.getLogger(__name__)

#: The address names a recipient to whoever sees it, and each click counts by itself.
_PRIVATE: list[Header] = [(b"cache-control", b"no-store"), (b"referrer-policy", b"no-referrer")]
_PREFETCH_HEADERS = (b"sec-purpose", b"purpose", b"x-purpose", b"x-moz")


@dataclass(frozen=True)
class Recipients:
    """Whose links are good (``keyring``), and whether a click on one may still be kept
    (``may_be_seen``; it may block, and raise anything)."""

    keyring: Keyring
    may_be_seen: Callable[[Link], bool]


class Clicks:
    """Answers to ``GET /c/<token>``; without ``recipients`` there is no such path."""

    def __init__(
        self,
        recipients: Recipients | None,
        writer: Writer,
        clock: Callable[[], datetime],
        limits: Limits,
        metrics: Metrics,
    ) -> None:
        self._recipients, self._writer, self._clock = recipients, writer, clock
        self._seconds, self._counted = limits.click_seconds, metrics.clicks

    async def answer(self, scope: Mapping[str, Any]) -> tuple[int, bytes, list[Header]]:
        """Status, body and headers. Raises :class:`Refused`."""
        method, path = scope["method"], scope["path"]
        token = path.removeprefix(links.PATH)
        link = links.read(self._recipients.keyring, token) if self._recipients else None
        if link is None or method not in ("GET", "HEAD"):
            raise Refused(404, "path", "no such path")
        outcome = "looked_up"
        if method == "GET" and not _is_prefetch(scope["headers"]):
            outcome = await self._keep(link, scope)
        self._counted.labels(outcome).inc()
        return 302, b"", [(b"location", link.url.encode()), *_PRIVATE]

    async def _keep(self, link: Link, scope: Mapping[str, Any]) -> str:
        assert self._recipients is not None
        since, received_at = time.perf_counter(), self._clock()
        kept = envelope.kept(scope["headers"])
        record = Record(received_at, LINKS, scope["path"], kept, b"", uuid4().hex)
        try:
            async with asyncio.timeout(self._seconds):
                if not await asyncio.to_thread(self._recipients.may_be_seen, link):
                    return "not_seen"
                await self._writer.append(frame(record), received_at, since)
        except Exception as error:  # whatever it is, the reader goes on to the page
            _log.warning("a click was not kept: %s", type(error).__name__)
            return "lost"
        return "kept"


def _is_prefetch(headers: list[Header]) -> bool:
    """Whether a browser only prepares for a click that may come."""
    return any(
        name in _PREFETCH_HEADERS and (b"prefetch" in value.lower() or b"preview" in value.lower())
        for name, value in headers
    )
