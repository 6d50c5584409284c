"""The connection's own limits: how large a request's head may be, and how long it may take.

uvicorn bounds neither, so a sender that trickles header lines would hold a connection, and its
memory, for ever.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEADERS = 100
MAX_HEAD_BYTES = 32_768
HEAD_SECONDS = 10.0

_ANSWER = (
    b"HTTP/1.1 %s\r\ncontent-type: text/plain\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a limit on the head of each request."""

    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _in_head = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
        elif self._is_idle() and self._head_timer is None:
            self._start_timer()  # line feeds between requests keep no connection open
        super().data_received(data)
        if self._in_head and self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(b"431 Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if not self._in_head:
            self._start_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            self._refuse(b"400 Bad Request")
            raise ValueError("trailers are not taken")
        super().on_header(name, value)
        if len(self.headers) > MAX_HEADERS:
            self._refuse(b"431 Request Header Fields Too Large")
            raise ValueError("too many headers")

    def on_headers_complete(self) -> None:
        self._stop_timer()
        self._in_head, self._head_bytes = False, 0
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        if not self.transport.is_closing():
            super().send_400_response(msg)

    def _is_idle(self) -> bool:
        return self.cycle is not None and self.cycle.response_complete

    def _start_head(self) -> None:
        self._in_head, self._head_bytes = True, 0
        self._start_timer()

    def _start_timer(self) -> None:
        self._stop_timer()
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _too_slow(self) -> None:
        self._refuse(b"408 Request Timeout")

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, status: bytes) -> None:
        transport: Any = self.transport
        if transport is not None and not transport.is_closing():
            transport.write(_ANSWER % status)
            transport.close()
