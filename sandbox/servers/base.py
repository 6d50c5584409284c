"""What every stand-in shares: the people its data is about, faults to order, and a real server."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

#: The one secret of every stand-in.
SECRET = "stand-in-secret"

#: A vendor's data: lists of records by name, as JSON would hold them.
Data = dict[str, Any]


@dataclass(frozen=True)
class Person:
    """Somebody of the world, as far as vendors know people."""

    email: str
    first_name: str
    last_name: str
    organisation: str
    vertical: str
    crm_id: str
    user_id: str


@dataclass(frozen=True)
class Fault:
    """An answer to give instead of the right one; ``body`` as it is."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b'{"error": "ordered"}'


@dataclass
class Control:
    """What a test sees and orders: the requests so far, and the faults of the next ones.

    ``skip`` requests pass before the first fault; ``stop_at`` says of a path whether the server
    fails from there on.
    """

    requests: list[tuple[str, str]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    skip: int = 0
    stop_at: Callable[[str], bool] | None = None
    stopped: bool = False

    def next_fault(self, path: str) -> Fault | None:
        if self.stop_at is not None:
            self.stopped = self.stopped or self.stop_at(path)
            return Fault(500) if self.stopped else None
        if self.skip > 0:
            self.skip -= 1
            return None
        return self.faults.pop(0) if self.faults else None


class Controlled:
    """The app, behind its faults."""

    def __init__(self, app: ASGIApp, control: Control) -> None:
        self.app, self.control = app, control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        query = scope["query_string"].decode()
        path = scope["path"] + (f"?{query}" if query else "")
        self.control.requests.append((scope["method"], path))
        fault = self.control.next_fault(path)
        if fault is None:
            await self.app(scope, receive, send)
        else:
            await Response(fault.body, fault.status, dict(fault.headers))(scope, receive, send)


class Denied(Exception):
    """Wrong credentials."""


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(body, status, dict(headers or {}), "application/json")


def bearer(request: Request) -> None:
    """Let in who has the secret as a bearer token. Raises :class:`Denied`."""
    if request.headers.get("authorization") != f"Bearer {SECRET}":
        raise Denied


def starlette(*routes: Route | Mount) -> Starlette:
    """An app whose handlers may raise :class:`Denied`."""

    async def denied(_: Request, __: Exception) -> Response:
        return answer({"message": "unauthorized"}, 401)

    return Starlette(routes=list(routes), exception_handlers={Denied: denied})


def stream(name: str, seed: int) -> random.Random:
    """Random numbers of its own for each vendor."""
    return random.Random(f"{name} {seed}")


def iso(time: datetime, sep: str = "T") -> str:
    """UTC with milliseconds and Z."""
    return time.isoformat(sep, "milliseconds") + "Z"


def moments(rng: random.Random, end: datetime, days: int, count: int) -> list[datetime]:
    """Sorted times in the days before ``end``."""
    span = days * 86_400 - 3_600
    return sorted(end - timedelta(seconds=rng.randint(3_600, span)) for _ in range(count))


def page_of(records: Sequence[Any], offset: int, size: int) -> tuple[list[Any], int | None]:
    """Records from an offset on, and the offset of the next page when there is one."""
    found = list(records[offset : offset + size])
    following = offset + len(found)
    return found, following if following < len(records) else None


def number(value: str | None, default: int, most: int | None = None) -> int:
    """A number of a query, or its default; at most ``most``."""
    found = int(value) if value and value.isdigit() else default
    return min(found, most) if most else found


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """A real server in a thread of this process; gives its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        port = listener.getsockname()[1]
        config = uvicorn.Config(app, log_level="critical", lifespan="off", access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            # It ends by itself within a tick; nobody waits for it.
            server.should_exit = server.force_exit = True
