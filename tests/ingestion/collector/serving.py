"""A real server for the tests: in a thread of this process, or a process that may be killed."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import requests
import uvicorn

from ingestion import load_pending
from ingestion.collector.app import Collector, Source
from ingestion.collector.protocol import GuardedProtocol
from ingestion.collector.writer import Limits
from ingestion.loading import LoadResult
from workspace import clock
from workspace.identifiers import Keyring
from workspace.lake import Lake

ROOT = Path(__file__).resolve().parents[3]
SOURCES = [
    Source("web", "web-key", ("https://www.example.com",)),
    Source("server", "server-key"),
]
SETTINGS = {
    "MARKETING_WRITE_KEYS": "web:web-key,server:server-key",
    "MARKETING_SCORE_KEYS": "crm:score-key",
    "MARKETING_POSTMARK_WEBHOOK_LOGIN": "user:password",
}
KEYRING = Keyring(b"a pepper for tests")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Served:
    """One server's address, and the workspace behind it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.url = f"http://127.0.0.1:{port}"
        self.lake = Lake(folder / "lake")

    def post(self, path: str, body: Any, key: str | None = "server-key", **kw: Any) -> Any:
        data = body if isinstance(body, bytes) else None
        auth = None if key is None else (key, "")
        headers = {"content-type": "application/json", **kw.pop("headers", {})}
        return requests.post(
            self.url + path,
            data=data,
            json=None if data is not None else body,
            auth=auth,
            headers=headers,
            timeout=30,
            **kw,
        )

    def raw(self, *parts: bytes, pause: float = 0.0, answers: int = 1) -> bytes:
        """What the server answers to these bytes, until it closes or nothing comes for 3 s."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=3) as connection:
            found = b""
            try:
                for part in parts:
                    connection.sendall(part)
                    time.sleep(pause)
                while block := connection.recv(65536):
                    found += block
                    if found.count(b"\r\n\r\n") == answers and b"connection: close" not in found:
                        break
            except OSError:
                pass
            return found

    def load(self, kind: str = "events") -> list[LoadResult]:
        return load_pending(kind, self.folder / "landing", self.lake, KEYRING, guard=False)

    def rows(self, kind: str = "events") -> list[dict[str, Any]]:
        self.load(kind)
        files = self.lake.files(kind)
        if not files:
            return []
        import pyarrow.parquet as pq

        return [row for file in files for row in pq.read_table(file).to_pylist()]


@contextmanager
def in_thread(
    folder: Path, limits: Limits | None = None, now: Any = clock.now, **options: Any
) -> Iterator[Served]:
    """The collector and its protocol in a thread, so that a test may reach inside."""
    port = free_port()
    collector = Collector(folder / "landing", SOURCES, now, limits=limits, **options)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await collector(scope, receive, send)
            return
        await receive()
        await collector.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await collector.stop()
        await send({"type": "lifespan.shutdown.complete"})

    config = uvicorn.Config(
        app, port=port, http=GuardedProtocol, ws="none", log_level="critical", access_log=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield Served(folder, port)
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def as_process(
    folder: Path,
    workers: int = 1,
    host: str = "127.0.0.1",
    changed: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[tuple[Served, subprocess.Popen[bytes]]]:
    """`marketing serve` itself; ``changed`` are settings."""
    port = free_port()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "interfaces.cli", "serve", "--workspace", str(folder)),
            *("--host", host, "--port", str(port), "--workers", str(workers)),
        ],
        cwd=ROOT,
        env=os.environ | SETTINGS | dict(changed),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    served = Served(folder, port)
    try:
        wait_until_ready(served, process)
        yield served, process
    finally:
        kill(process, signal.SIGTERM)


def wait_until_ready(served: Served, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None, "the server ended"
        try:
            if requests.get(served.url + "/ready", timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.05)
    raise AssertionError("the server did not start")


def kill(process: subprocess.Popen[bytes], how: int) -> None:
    """Signal the server; with SIGKILL its workers too."""
    if process.poll() is None:
        if how == signal.SIGKILL:
            os.killpg(process.pid, how)
        else:
            process.send_signal(how)
    process.wait(30)


def counted(served: Served, name: str, text: str = "") -> float:
    shown = requests.get(served.url + "/metrics", timeout=5).text
    return sum(
        float(line.rpartition(" ")[2])
        for line in shown.splitlines()
        if re.match(rf"{name}(\{{|\s)", line) and text in line
    )
