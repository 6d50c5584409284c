"""The collector under a fixed arrival rate, and its parts against the disk.

    python -m benchmarks.collector [--rate 10000] [--seconds 10] [--workers 1]

Single events arrive at a fixed rate whatever the answers do (open loop), so a latency counts from
the moment an event was due, queueing included. Batches of 100 follow, as fast as asked for. The
peer is this disk alone: one thread that appends the same bytes and waits for fdatasync after
each group of as many as the collector had to a commit.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import deque
from pathlib import Path

import uvloop

EVENT = {
    "messageId": "5d04a83b-649e-4c7c-893b-1a2b3c4d5e6f",
    "anonymousId": "a-123",
    "event": "Product Viewed",
    "properties": {"url": "https://www.shop1.example/guides/12", "path": "/guides/12"},
    "context": {
        "page": {"url": "https://www.shop1.example/guides/12", "path": "/guides/12"},
        "library": {"name": "analytics.js", "version": "2.11.1"},
    },
    "timestamp": "2026-11-21T10:00:00.000Z",
}
_END = b'{"success":true}'


class Sender(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, load: Load) -> None:
        self.load, self.due, self.found = load, 0.0, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.load.idle.append(self)

    def send(self, due: float) -> None:
        self.due, self.found = due, b""
        self.transport.write(self.load.request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.found += data
        if not self.found.endswith(_END):
            if b" 200 " not in self.found[:20]:
                raise SystemExit(self.found.decode(errors="replace"))
            return
        self.load.latencies.append(time.perf_counter() - self.due)
        if self.load.late:
            self.send(self.load.late.popleft())
        else:
            self.load.idle.append(self)


class Load:
    def __init__(self, path: str, body: bytes) -> None:
        key = base64.b64encode(b"dev:").decode()
        self.request = (
            f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Basic {key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        ).encode() + body
        self.idle: deque[Sender] = deque()
        self.late: deque[float] = deque()
        self.latencies: list[float] = []

    async def run(self, port: int, rate: float, seconds: float, connections: int) -> float:
        loop = asyncio.get_running_loop()
        for _ in range(connections):
            await loop.create_connection(lambda: Sender(self), "127.0.0.1", port)
        total, sent = int(rate * seconds), 0
        start = time.perf_counter()
        while len(self.latencies) < total:
            now = time.perf_counter() - start
            for _ in range(sent, min(total, int(now * rate))):
                due = start + sent / rate
                sent += 1
                if self.idle:
                    self.idle.popleft().send(due)
                else:
                    self.late.append(due)
            await asyncio.sleep(0.0005)
        return time.perf_counter() - start


def measure(port: int, events: int, rate: float, seconds: float) -> str:
    event = json.dumps(EVENT, separators=(",", ":")).encode()
    if events == 1:
        load = Load("/v1/track", event)
    else:
        item = b'{"type":"track",' + event[1:]
        load = Load("/v1/batch", b'{"batch":[' + b",".join([item] * events) + b"]}")
    taken = uvloop.run(load.run(port, rate / events, seconds, 64))
    found = sorted(load.latencies)
    p50, p99, p999 = (1000 * found[int(len(found) * q)] for q in (0.5, 0.99, 0.999))
    return (
        f"{len(found) * events / taken:12,.0f} events/s in calls of {events:3}   "
        f"p50 {p50:5.1f} ms   p99 {p99:5.1f} ms   p99.9 {p999:5.1f} ms"
    )


def disk(folder: Path, size: int, group: int, seconds: float = 3.0) -> float:
    """Events a second of a thread that only appends and waits for the disk."""
    data, written = b"x" * (size * group), 0
    fd = os.open(folder / "disk", os.O_WRONLY | os.O_CREAT)
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        os.write(fd, data)
        os.fdatasync(fd)
        written += group
    os.close(fd)
    return written / (time.perf_counter() - start)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, default=10_000)
    parser.add_argument("--batch-rate", type=float, default=150_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        command = [sys.executable, "-m", "interfaces.cli", "serve", "--workspace", folder]
        command += ["--port", str(port), "--workers", str(options.workers)]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            while True:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5)
                    break
                except OSError:
                    time.sleep(0.1)
            print("single", measure(port, 1, options.rate, options.seconds))
            shown = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
            commits = float(re.search(r"collector_commit_seconds_count (\S+)", shown)[1])  # type: ignore[index]
            print("batch ", measure(port, 100, options.batch_rate, options.seconds))
        finally:
            server.terminate()
            server.wait()
        group = max(1, round(options.rate * options.seconds / commits))
        alone = disk(Path(folder), len(json.dumps(EVENT)) + 200, group)
        print(
            f"a commit held {group} events; the disk alone takes {alone:,.0f} events/s so grouped"
        )


if __name__ == "__main__":
    main()
