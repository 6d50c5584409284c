"""Alerts: what is worth telling, and a webhook that is told it over HTTP."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from workspace import alerts
from workspace.alerts import AlertError, Memory, Seen, send

HOUR = 3600.0
STALE = Seen(False, "too old", "WARN", asset="lake/events", check="is_fresh")
FRESH = Seen(True, "", "WARN", asset="lake/events", check="is_fresh")
STEP = Seen(False, "broke", step="load_crm")


class Receiver:
    """A webhook on this machine: what it was sent, and what it answers."""

    def __init__(self) -> None:
        self.status, self.headers = 200, {}
        self.received: list[tuple[str, dict]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append((self.path, json.loads(body)))
                self.send_response(receiver.status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hooks/hunter2?token=hunter3"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


def tell(memory: Memory, at: float, *seen: Seen) -> list[str]:
    """What a run that ended at a time brings to tell, each as ``state key``."""
    faults, memory.faults = memory.news(seen, at)
    return [f"{f.state} {f.check or f.step or 'run'}" for f in faults]


def test_a_fault_is_told_when_it_appears_daily_and_when_it_is_gone() -> None:
    memory = Memory(0)
    told = {at: tell(memory, at * HOUR, STALE) for at in range(50)}
    assert {at: texts for at, texts in told.items() if texts} == {
        0: ["appeared is_fresh"],
        23: ["stays is_fresh"],
        46: ["stays is_fresh"],
    }
    assert tell(memory, 50 * HOUR, FRESH) == ["gone is_fresh"]
    assert tell(memory, 51 * HOUR, FRESH) == [] and memory.faults == {}
    assert tell(memory, 52 * HOUR, STALE) == ["appeared is_fresh"]


def test_what_a_run_does_not_say_stays_as_it_was() -> None:
    memory = Memory(0)
    assert tell(memory, 0, STALE, STEP) == ["appeared is_fresh", "appeared load_crm"]
    assert tell(memory, HOUR, STEP) == []
    assert tell(memory, 2 * HOUR, FRESH) == ["gone is_fresh"]
    assert list(memory.faults) == ["load_crm"]


def test_what_nobody_asks_about_is_forgotten() -> None:
    memory = Memory(0)
    tell(memory, 0, STALE, STEP)
    tell(memory, 29 * 24 * HOUR, STALE)
    tell(memory, 31 * 24 * HOUR, FRESH)
    assert memory.faults == {}


def test_memory_survives_the_cursor() -> None:
    memory = Memory(1_000.5)
    tell(memory, 0, STALE, STEP, Seen(False, "broke"))
    memory.pass_by("one", 1_000.5, memory.faults)
    memory.attempts = 3
    assert Memory.read(memory.text) == memory


@pytest.mark.parametrize(
    "cursor", [None, "", "x", "[]", "3", "{}", '{"since": 1, "runs": [], "faults": {}}']
)
def test_a_cursor_that_nobody_can_read_begins_anew(cursor: str | None) -> None:
    assert Memory.read(cursor) is None


def test_runs_that_end_at_one_time_are_told_apart() -> None:
    memory = Memory(1_000)
    memory.pass_by("one", 1_100, {})
    assert memory.knows("one", 1_100) and not memory.knows("two", 1_100)
    assert not memory.knows("late", 1_100 - alerts.OVERLAP_SECONDS)
    assert memory.knows("long_ago", 1_000)
    memory.pass_by("three", 1_200, {})
    assert list(memory.runs) == ["three"]
    memory.pass_by("four", 1_190, {})
    assert memory.since == 1_200 and set(memory.runs) == {"three", "four"}


def test_a_document_arrives(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        send(receiver.url, {"run_id": "r", "faults": ["é"]})
        send(receiver.url.replace("127.0.0.1", "localhost"), {})
    assert receiver.received[0] == (
        "/hooks/hunter2?token=hunter3",
        {"run_id": "r", "faults": ["é"]},
    )
    assert len(receiver.received) == 2
    assert "hunter" not in caplog.text


@pytest.mark.parametrize("status", [302, 307, 400, 404, 500])
def test_an_answer_that_is_no_yes(receiver: Receiver, status: int) -> None:
    receiver.status, receiver.headers = status, {"Location": receiver.url}
    with pytest.raises(AlertError, match=f"^answered {status}$"):
        send(receiver.url, {})
    assert len(receiver.received) == 1


def test_nobody_there(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with caplog.at_level(logging.DEBUG), pytest.raises(AlertError) as caught:
        send(f"http://127.0.0.1:{port}/hunter2", {})
    assert "hunter2" not in str(caught.value) + caplog.text


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/hunter2",
        "http://10.0.0.1/hunter2",
        "http://localhost.example.com/hunter2",
        "ftp://127.0.0.1/hunter2",
        "file:///hunter2",
        "https:///hunter2",
        "https://[hunter2/",
        "https://127.0.0.1:hunter2/",
        "https://169.254.169.254/hunter2",
        "https://user:hunter2@hooks.example.com/",
        "hunter2",
    ],
)
def test_an_address_that_is_not_used(url: str) -> None:
    with pytest.raises(AlertError) as caught:
        send(url, {})
    assert "hunter2" not in str(caught.value)


def test_proxies_of_the_environment_are_not_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    send(receiver.url, {})
    assert len(receiver.received) == 1
