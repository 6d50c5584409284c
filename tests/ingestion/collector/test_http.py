"""The collector over real HTTP: what it takes, what it refuses, and that it outlives both."""

from __future__ import annotations

import base64
import errno
import gzip
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from ingestion.collector import messages, protocol
from ingestion.collector.writer import Limits
from tests.ingestion.collector.serving import Served, in_thread

EVENT = {"messageId": "m1", "userId": "u1", "event": "E"}
BASIC = b"Basic " + base64.b64encode(b"server-key:")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    limits = Limits(segment_seconds=0.2, body_seconds=1.0)
    with in_thread(tmp_path_factory.mktemp("collector"), limits) as served:
        yield served
        # Whatever the tests did, it still takes events.
        assert served.post("/v1/track", {**EVENT, "messageId": "last"}).status_code == 200


def head(method: bytes = b"POST", path: bytes = b"/v1/track", **headers: bytes) -> bytes:
    lines = [method + b" " + path + b" HTTP/1.1", b"host: x", b"authorization: " + BASIC]
    for name, value in headers.items():
        lines.append(name.replace("_", "-").encode() + b": " + value)
    return b"\r\n".join(lines) + b"\r\n\r\n"


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


@pytest.mark.parametrize("call", ["track", "identify", "page", "screen", "group", "alias"])
def test_every_call_lands_once(server: Served, call: str) -> None:
    body = {**EVENT, "messageId": f"call-{call}", "groupId": "g", "previousId": "p"}
    for _ in range(2):
        answer = server.post(f"/v1/{call}", body)
        assert (answer.status_code, answer.json()) == (200, {"success": True})
    found = [row for row in server.rows() if row["message_id"] == f"call-{call}"]
    assert [(row["type"], row["user_id"]) for row in found] == [(call, "u1")]


def test_a_poison_event_takes_no_neighbour_with_it(server: Served) -> None:
    good = [json.dumps({**EVENT, "type": "track", "messageId": f"p{i}"}) for i in range(2)]
    poison = [
        '{"a":NaN}',
        '{"messageId":"d","messageId":"d","type":"track","event":"E","userId":"u"}',
        '{"messageId":"n","type":"track","event":"E","userId":"u","properties":{"x":1e400}}',
        '"text"',
        '{"type":"track","event":"E"}',
        '{"type":"track","event":"E","userId":"u","messageId":"a\nb"}',
    ]
    items = ",".join([poison[0], good[0], *poison[1:], good[1]])
    assert server.post("/v1/batch", f'{{"batch":[{items}]}}'.encode()).status_code == 200
    time.sleep(0.3)
    results = server.load()
    assert sum(r.bad for r in results) == len(poison)
    assert all(r.balanced for r in results)
    found = {row["message_id"] for row in server.rows()}
    assert {"p0", "p1"} <= found


def test_clocks_are_set_right(server: Served) -> None:
    body = {
        "batch": [
            {**EVENT, "type": "track", "messageId": "c", "timestamp": "2020-01-01T00:00:00.000Z"}
        ],
        "sentAt": "2020-01-01T00:00:10.000Z",
    }
    assert server.post("/v1/batch", body).status_code == 200
    (row,) = [row for row in server.rows() if row["message_id"] == "c"]
    assert (row["known_at"] - row["occurred_at"]).total_seconds() == 10


@pytest.mark.parametrize("key", [None, "", "wrong", "web-key "])
def test_without_a_known_key(server: Served, key: str | None) -> None:
    assert server.post("/v1/track", EVENT, key=key).status_code == 401


def test_the_key_may_be_in_the_body(server: Served) -> None:
    assert server.post("/v1/track", {**EVENT, "writeKey": "web-key"}, key=None).status_code == 200
    body = {"batch": [], "writeKey": "web-key"}
    assert server.post("/v1/batch", body, key=None).status_code == 200
    assert server.post("/v1/track", {**EVENT, "writeKey": 5}, key=None).status_code in (400, 401)


@pytest.mark.parametrize("given", [b"Bearer x", b"Basic !!!", b"Basic", b"Basic /w=="])
def test_odd_authorization(server: Served, given: bytes) -> None:
    headers = {"authorization": given.decode("latin-1")}
    assert server.post("/v1/track", EVENT, key=None, headers=headers).status_code == 401


def test_paths_and_methods(server: Served) -> None:
    assert requests.get(server.url + "/v1/track", timeout=5).status_code == 405
    assert requests.post(server.url + "/v1/nothing", timeout=5).status_code == 404
    assert requests.get(server.url + "/health", timeout=5).json() == {"status": "alive"}
    assert requests.get(server.url + "/ready", timeout=5).json() == {"status": "ready"}


def test_cors(server: Served) -> None:
    ours, other = "https://www.example.com", "https://evil.example"
    allowed = "access-control-allow-origin"
    url = server.url + "/v1/track"
    for origin, expected in ((ours, ours), (other, None)):
        answer = requests.options(url, headers={"origin": origin}, timeout=5)
        assert (answer.status_code, answer.headers.get(allowed)) == (204, expected)
    answer = server.post("/v1/track", EVENT, key="web-key", headers={"origin": ours})
    assert (answer.status_code, answer.headers[allowed]) == (200, ours)
    answer = server.post("/v1/track", EVENT, key="web-key", headers={"origin": other})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"[" * 100_000, 400),
        (b'{"a":' + b"9" * 5000 + b"}", 200),  # one value of an event: judged from landing
        (b'{"a":NaN}', 400),
        (b"\xff\xfe{}", 400),
        ('{"a":1}'.encode("utf-16"), 400),
        (b"", 400),
        (b"x" * 512_001, 413),
        (b" " * (10 << 20), 413),
    ],
)
def test_rubbish(server: Served, body: bytes, expected: int) -> None:
    try:
        assert server.post("/v1/track", body).status_code == expected
    except requests.ConnectionError:
        assert expected == 413  # the server need not read to the end of what it refused


def test_a_gzip_bomb_and_odd_encodings(server: Served) -> None:
    bomb = gzip.compress(b"0" * (300 << 20), 9)
    headers = {"content-encoding": "gzip"}
    sent = server.post("/v1/track", bomb, headers=headers)
    assert sent.status_code == 413
    good = gzip.compress(json.dumps({**EVENT, "messageId": "zipped"}).encode())
    assert server.post("/v1/track", good, headers=headers).status_code == 200
    assert server.post("/v1/track", good[:-2], headers=headers).status_code == 400
    headers = {"content-encoding": "br"}
    assert server.post("/v1/track", good, headers=headers).status_code == 415
    headers = {"content-type": "application/xml"}
    assert server.post("/v1/track", b"<a/>", headers=headers).status_code == 415


def test_a_body_without_a_length(server: Served) -> None:
    event = json.dumps({**EVENT, "messageId": "chunked"}).encode()
    chunk = b"%x\r\n%s\r\n"
    start = head(transfer_encoding=b"chunked")
    assert status(server.raw(start + chunk % (len(event), event) + b"0\r\n\r\n")) == 200
    big = chunk % (100_000, b" " * 100_000)
    assert status(server.raw(start, *[big] * 8)) in (0, 413)


@pytest.mark.parametrize(
    "request_bytes",
    [
        head(content_length=b"2", transfer_encoding=b"chunked") + b"0\r\n\r\n",
        head(content_length=b"2").replace(b"\r\n\r\n", b"\r\ncontent-length: 3\r\n\r\n") + b"{}",
        head(content_length=b"-1"),
        head(content_length=b"1e3"),
        head(transfer_encoding=b"chunked, identity") + b"{}",
        head(transfer_encoding=b"chunked") + b"xyz\r\n",
        b"nonsense\r\n\r\n",
        head().replace(b"host: x", b"host x"),
        head(x=b"a" * 400_000),
        head().replace(
            b"host: x", b"host: x\r\n" + b"\r\n".join(b"h%d: 1" % i for i in range(10_000))
        ),
    ],
)
def test_requests_that_are_not_http(server: Served, request_bytes: bytes) -> None:
    assert 400 <= status(server.raw(request_bytes)) < 500


def test_slow_senders(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    assert status(server.raw(head(content_length=b"100"), b"{", pause=1.2)) == 408
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.3)
    assert status(server.raw(b"POST /v1/track HTTP/1.1\r\n", pause=0.6)) == 408


def test_a_pipelined_second_request_is_answered(server: Served) -> None:
    body = json.dumps(EVENT).encode()
    one = head(content_length=str(len(body)).encode()) + body
    last = one.replace(b"host: x", b"host: x\r\nconnection: close")
    assert server.raw(one + last, answers=2).count(b"HTTP/1.1 200") == 2


def test_a_full_disk_is_503_and_heals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with in_thread(tmp_path) as served:
        assert served.post("/v1/track", {**EVENT, "messageId": "before"}).status_code == 200

        def full(fd: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fdatasync", full)
        monkeypatch.setattr(os, "fsync", full)
        answer = served.post("/v1/track", {**EVENT, "messageId": "during"})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert requests.get(served.url + "/ready", timeout=5).status_code == 503
        assert requests.get(served.url + "/health", timeout=5).status_code == 200
        monkeypatch.undo()
        # By itself, for whoever asks /ready first sends nothing until it says so.
        for _ in range(50):
            if requests.get(served.url + "/ready", timeout=5).ok:
                break
            time.sleep(0.1)
        assert requests.get(served.url + "/ready", timeout=5).status_code == 200
        assert served.post("/v1/track", {**EVENT, "messageId": "after"}).status_code == 200
    assert {row["message_id"] for row in served.rows()} == {"before", "after"}


def test_a_folder_that_cannot_be_written_is_503(tmp_path: Path) -> None:
    (tmp_path / "landing").write_bytes(b"a file where a folder should be")
    with in_thread(tmp_path) as served:
        assert served.post("/v1/track", EVENT).status_code == 503


def test_no_credential_is_kept(tmp_path: Path) -> None:
    with in_thread(tmp_path) as served:
        headers = {"cookie": "session=secret-cookie", "user-agent": "agent"}
        assert served.post("/v1/track", EVENT, headers=headers).status_code == 200
    (segment,) = (tmp_path / "landing" / "events").iterdir()
    data = segment.read_bytes()
    assert b"agent" in data and b"application/json" in data
    for secret in (b"secret-cookie", b"server-key", BASIC.split()[1]):
        assert secret not in data


def test_many_at_once_are_each_answered(server: Served) -> None:
    codes: list[int] = []

    def send(part: int) -> None:
        with requests.Session() as session:
            for i in range(25):
                body = {**EVENT, "messageId": f"many-{part}-{i}"}
                answer = session.post(
                    server.url + "/v1/track", json=body, auth=("server-key", ""), timeout=30
                )
                codes.append(answer.status_code)

    threads = [threading.Thread(target=send, args=(part,)) for part in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [200] * 200
    found = [row["message_id"] for row in server.rows() if row["message_id"].startswith("many-")]
    assert len(found) == len(set(found)) == 200


def test_a_trailer_cannot_change_what_was_kept(tmp_path: Path) -> None:
    """Headers after the body would be kept with it and read with it."""
    event = json.dumps({**EVENT, "messageId": "trailer"}).encode()
    with in_thread(tmp_path) as served:
        assert served.post("/v1/track", EVENT).status_code == 200
        start = head(transfer_encoding=b"chunked") + b"%x\r\n%s\r\n" % (len(event), event)
        answer = served.raw(start, b"0\r\nContent-Encoding: gzip\r\n\r\n", pause=0.3)
        assert status(answer) in (0, 400)
    (result,) = served.load()
    assert (result.good, result.bad) == (1, 0)


def test_no_request_stops_the_others_from_landing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with in_thread(tmp_path) as served:
        for name in ("good", "odd"):
            assert served.post("/v1/track", {**EVENT, "messageId": name}).status_code == 200
    real = messages.record_lines

    def fault(record: Any) -> Any:
        if b"odd" in record.body:
            raise RuntimeError("a fault nobody foresaw")
        return real(record)

    monkeypatch.setattr(messages, "record_lines", fault)
    (result,) = served.load()
    assert (result.good, result.bad) == (1, 1)


def closes(served: Served, *parts: bytes, pause: float, within: float) -> bool:
    """Whether the server ends a connection over which these bytes trickle."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=within) as connection:
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)
            while connection.recv(65536):
                pass
        except TimeoutError:
            return False
        except OSError:
            return True
        return True


def test_nobody_holds_a_connection(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.5)
    trickled = [head(content_length=b"100"), *[b" "] * 6]
    assert closes(server, *trickled, pause=0.4, within=3)
    body = json.dumps(EVENT).encode()
    whole = head(content_length=b"%d" % len(body)) + body
    assert closes(server, whole, *[b"\r\n"] * 4, pause=0.3, within=3)
    unread = head(path=b"/nothing", content_length=b"100000")
    assert closes(server, unread, *[b" "] * 4, pause=0.1, within=3)
