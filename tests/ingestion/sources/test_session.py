"""The bytes of an answer, however the vendor sends them."""

from __future__ import annotations

import gzip
import json
import random
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from ingestion.hubspot.client import _Pool
from ingestion.sources.session import Patience, Session
from workspace.limiter import Limiter

RECORDS = [{"id": str(i), "text": "é" * (i % 90)} for i in range(2_000)]
BODY = json.dumps({"results": RECORDS}).encode()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"

Ask = Callable[[str], bytes]


def patience() -> Patience:
    return Patience(Limiter.unlimited(), lambda _: None, 2)


def by_session(url: str) -> bytes:
    with Session(patience()) as session:
        return session.get(url).content


def by_pool(url: str) -> bytes:
    return _Pool(patience()).request("GET", url).data


def chunked(body: bytes) -> bytes:
    """In chunks of one byte and more, some of them too small to unpack to anything."""
    rng, parts = random.Random(7), []
    while body:
        size = rng.choice((1, 2, 9, 4_000))
        part, body = body[:size], body[size:]
        parts.append(b"%x\r\n%s\r\n" % (len(part), part))
    return b"".join(parts) + b"0\r\n\r\n"


def deflated(body: bytes) -> bytes:
    return zlib.compress(body)


@contextmanager
def answering(*answers: bytes) -> Iterator[str]:
    """A server that gives each connection the next of the answers, as it is."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve() -> None:
            for answer in answers:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(1 << 16)
                    for start in range(0, len(answer), 1_000):
                        connection.sendall(answer[start : start + 1_000])

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/page"


@pytest.mark.parametrize("ask", [by_session, by_pool])
@pytest.mark.parametrize("packed", [None, "gzip", "deflate"])
@pytest.mark.parametrize("in_chunks", [True, False])
def test_every_byte_arrives(ask: Ask, packed: str | None, in_chunks: bool) -> None:
    body = {"gzip": gzip.compress, "deflate": deflated, None: bytes}[packed](BODY)
    head = HEAD + (b"Content-Encoding: %s\r\n" % packed.encode() if packed else b"")
    if in_chunks:
        answer = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(body)
    else:
        answer = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    with answering(answer) as url:
        assert ask(url) == BODY


@pytest.mark.parametrize("ask", [by_session, by_pool])
@pytest.mark.parametrize("in_chunks", [True, False])
def test_half_an_answer_is_none(ask: Ask, in_chunks: bool) -> None:
    body = gzip.compress(BODY)
    head = HEAD + b"Content-Encoding: gzip\r\n"
    if in_chunks:
        whole = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(body)
    else:
        whole = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    with answering(whole[: len(whole) // 2], whole) as url:
        assert ask(url) == BODY
