"""Reading a request's body: not too large, not too slow, and not too many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ingestion.collector.envelope import MAX_BODY_BYTES, Refused
from ingestion.collector.writer import Limits, Unavailable

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Bodies:
    """Reads bodies; what is unfinished of all connections together has a limit."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._receiving = 0  # bytes

    async def read(
        self, headers: Mapping[bytes, bytes], receive: Receive, limit: int = MAX_BODY_BYTES
    ) -> bytes:
        """The whole body, of at most ``limit`` bytes. Raises :class:`Refused` (413, 408, 400) and
        :class:`Unavailable`."""
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > limit:
            raise Refused(413, "too_large", f"at most {limit:,} bytes")
        parts, size, more = [], 0, True
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Refused(400, "disconnected", "the sender went away")
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    self._receiving += len(parts[-1])
                    if self._receiving > self._limits.waiting_bytes:
                        raise Unavailable
                    if size > limit:
                        raise Refused(413, "too_large", f"at most {limit:,} bytes")
                    more = message.get("more_body", False)
        except TimeoutError:
            raise Refused(408, "slow", "the body took too long") from None
        finally:
            self._receiving -= size
        return b"".join(parts)
