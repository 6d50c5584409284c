"""Links and pixels of messages: a reader is led on to what was signed, and is seen where that is
allowed at that moment.

Nothing leads anywhere but what this workspace signed (`workspace.links`); all else is told apart
from no path at all by nobody. A reader always reaches the page, and always gets the picture: what
cannot be kept is counted.
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
from workspace.links import Link, Pixel

_log = logging.getLogger(__name__)

#: The address names a recipient to whoever sees it, and each click counts by itself.
_PRIVATE: list[Header] = [(b"cache-control", b"no-store"), (b"referrer-policy", b"no-referrer")]
#: One transparent pixel, a GIF of 43 bytes.
GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00"
    b"\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
_PICTURE: list[Header] = [
    (b"content-type", b"image/gif"),
    (b"x-content-type-options", b"nosniff"),
    *_PRIVATE,
]
_PREFETCH_HEADERS = (b"sec-purpose", b"purpose", b"x-purpose", b"x-moz")


@dataclass(frozen=True)
class Recipients:
    """Whose links and pixels are good (``keyring``), and whether a click or an opening may still
    be kept (``may_be_seen``; it may block, and raise anything)."""

    keyring: Keyring
    may_be_seen: Callable[[Link | Pixel], bool]


class Clicks:
    """Answers to ``GET /c/<token>`` and ``GET /i/<token>``; without ``recipients`` no link leads
    anywhere, and nobody is seen."""

    def __init__(
        self,
        recipients: Recipients | None,
        writer: Writer,
        clock: Callable[[], datetime],
        limits: Limits,
        metrics: Metrics,
    ) -> None:
        self._recipients, self._writer, self._clock = recipients, writer, clock
        self._seconds = limits.click_seconds
        self._clicked, self._opened = metrics.clicks, metrics.opens

    async def answer(self, scope: Mapping[str, Any]) -> tuple[int, bytes, list[Header]]:
        """Status, body and headers. Raises :class:`Refused`."""
        if scope["path"].startswith(links.PIXEL_PATH):
            return await self._picture(scope)
        method, path = scope["method"], scope["path"]
        token = path.removeprefix(links.PATH)
        link = links.read(self._recipients.keyring, token) if self._recipients else None
        if link is None or method not in ("GET", "HEAD"):
            raise Refused(404, "path", "no such path")
        outcome = "looked_up"
        if method == "GET" and not _is_prefetch(scope["headers"]):
            outcome = await self._keep(link, scope)
        self._clicked.labels(outcome).inc()
        return 302, b"", [(b"location", link.url.encode()), *_PRIVATE]

    async def _picture(self, scope: Mapping[str, Any]) -> tuple[int, bytes, list[Header]]:
        """The same for every token, so that nobody learns which are good."""
        if scope["method"] not in ("GET", "HEAD"):
            raise Refused(404, "path", "no such path")
        token = scope["path"].removeprefix(links.PIXEL_PATH)
        pixel = links.read_pixel(self._recipients.keyring, token) if self._recipients else None
        outcome = "looked_up" if pixel else "forged"
        if pixel and scope["method"] == "GET" and not _is_prefetch(scope["headers"]):
            outcome = await self._keep(pixel, scope)
        self._opened.labels(outcome).inc()
        return 200, GIF, _PICTURE

    async def _keep(self, link: Link | Pixel, scope: Mapping[str, Any]) -> str:
        assert self._recipients is not None
        since, received_at = time.perf_counter(), self._clock()
        kept = envelope.kept(scope["headers"])
        record = Record(received_at, LINKS, scope["path"], kept, b"", uuid4().hex)
        try:
            async with asyncio.timeout(self._seconds):
                if not await asyncio.to_thread(self._recipients.may_be_seen, link):
                    return "not_seen"
                await self._writer.append(frame(record), received_at, since)
        except Exception as error:  # whatever it is, the reader gets the page or the picture
            _log.warning("a click or opening was not kept: %s", type(error).__name__)
            return "lost"
        return "kept"


def _is_prefetch(headers: list[Header]) -> bool:
    """Whether a browser only prepares for a click that may come."""
    return any(
        name in _PREFETCH_HEADERS and (b"prefetch" in value.lower() or b"preview" in value.lower())
        for name, value in headers
    )
