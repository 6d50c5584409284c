"""One request, one answer: whether a byte of it left, and nothing by itself."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from reverse_etl.delivery import transport as module
from reverse_etl.delivery.protocol import Kind, Outcome
from reverse_etl.delivery.transport import Answer, Transport, by_status
from sandbox.servers.base import serving
from sandbox.servers.messaging import Said
from tests.reverse_etl.delivery.harness import NOW, Scripted, closed_port


def ask(url: str, body: bytes = b"{}", seconds: float = 30) -> Answer | Outcome:
    async def asked() -> Answer | Outcome:
        transport = Transport(lambda: NOW, answer_seconds=seconds, connect_seconds=seconds)
        try:
            return await transport.request("POST", url, {}, body)
        finally:
            await transport.close()

    return asyncio.run(asked())


@contextmanager
def raw(*answers: bytes | None) -> Iterator[tuple[str, list[bytes]]]:
    """A server that reads a request's beginning, says what it is told to and closes."""
    read: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for answer in answers:
                connection, _ = listener.accept()
                with connection:
                    read.append(connection.recv(65536))
                    if answer is not None:
                        connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/", read
        thread.join(5)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n123",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc",
        b"not HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
)
def test_what_cannot_be_read_may_have_been_taken(answer: bytes | None) -> None:
    with raw(answer) as (url, read):
        found = ask(url)
    assert isinstance(found, Outcome) and found.kind is Kind.AMBIGUOUS
    assert len(read) == 1


def test_nobody_there_takes_nothing() -> None:
    for url in (
        f"http://127.0.0.1:{closed_port()}/",
        "http://nobody.invalid/",
    ):
        found = ask(url)
        assert isinstance(found, Outcome) and found.kind is Kind.UNREACHABLE
    assert "127.0.0.1" not in repr(ask(f"http://127.0.0.1:{closed_port()}/"))


def test_tls_that_nobody_vouches_for_takes_nothing() -> None:
    with serving(server := Scripted()) as url:  # speaks no TLS at all
        found = ask(url.replace("http://", "https://"))
    assert isinstance(found, Outcome) and found.kind is Kind.UNREACHABLE
    assert not server.requests


def test_redirects_are_not_followed() -> None:
    with serving(inside := Scripted()) as hidden, serving(server := Scripted()) as url:
        for status in (301, 302, 303, 307, 308):
            server.said = Said(status, b"", {"location": hidden})
            found = ask(url)
            assert isinstance(found, Answer) and found.status == status
        assert len(server.requests) == 5 and not inside.requests


def test_a_long_answer_is_cut() -> None:
    with serving(server := Scripted()) as url:
        for size in (module.ANSWER_BYTES, module.ANSWER_BYTES + 1, 5 * module.ANSWER_BYTES):
            server.said = Said(200, b'"%s"' % (b"1" * (size - 2)))
            found = ask(url)
            assert isinstance(found, Answer)
            assert len(found.body) == module.ANSWER_BYTES
            assert found.is_cut == (size > module.ANSWER_BYTES)
            assert found.object() == {} and (found.json() is None) == found.is_cut


def test_cookies_are_not_kept() -> None:
    async def twice(url: str) -> None:
        transport = Transport(lambda: NOW)
        for _ in range(2):
            await transport.request("POST", url, {}, b"")
        await transport.close()

    with serving(server := Scripted()) as url:
        server.said = Said(200, b"", {"set-cookie": "a=b"})
        asyncio.run(twice(url))
    assert all("cookie" not in headers for _, _, headers, _ in server.requests)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, Kind.AMBIGUOUS),
        (204, Kind.AMBIGUOUS),
        (301, Kind.DENIED),
        (302, Kind.DENIED),
        (307, Kind.DENIED),
        (400, Kind.REJECTED),
        (401, Kind.DENIED),
        (402, Kind.DENIED),
        (403, Kind.DENIED),
        (404, Kind.DENIED),
        (405, Kind.DENIED),
        (407, Kind.DENIED),
        (408, Kind.AMBIGUOUS),
        (409, Kind.REJECTED),
        (410, Kind.DENIED),
        (413, Kind.REJECTED),
        (422, Kind.REJECTED),
        (429, Kind.THROTTLED),
        (500, Kind.AMBIGUOUS),
        (502, Kind.AMBIGUOUS),
        (503, Kind.AMBIGUOUS),
        (599, Kind.AMBIGUOUS),
    ],
)
def test_what_a_status_says_alone(status: int, kind: Kind) -> None:
    assert by_status(Answer(status, {}, b"")).kind is kind


@pytest.mark.parametrize(
    ("given", "wait"),
    [
        ("7", 7),
        ("0", 0),
        ("2.5", 2.5),
        ("Sun, 22 Nov 2026 09:30:41 GMT", 41),
        ("Sun, 22 Nov 2026 09:00:00 GMT", 0),
        ("-5", None),
        ("1e9", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_how_long_to_wait(given: str | None, wait: float | None) -> None:
    headers = {} if given is None else {"retry-after": given}
    assert Transport(lambda: NOW).wait(Answer(429, headers, b"")) == wait
