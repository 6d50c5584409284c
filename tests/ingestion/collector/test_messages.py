"""From a kept request to lines of the kind `events`."""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from typing import Any

import pytest

from ingestion.collector.messages import record_lines
from ingestion.collector.segments import Record

NOW = datetime(2026, 6, 1, 12)


def lines(body: bytes | dict, path: str = "/v1/track", **headers: bytes) -> list[bytes]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    pairs = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
    return list(record_lines(Record(NOW, "web", path, pairs, data)))


def one(body: bytes | dict, path: str = "/v1/track") -> dict[str, Any]:
    (line,) = lines(body, path)
    return json.loads(line)


def test_a_call_gets_its_type_and_its_receipt() -> None:
    found = one(
        {"messageId": "m", "userId": "u", "type": "page", "receivedAt": "x"}, "/v1/identify"
    )
    expected = {"messageId": "m", "userId": "u", "type": "identify"}
    assert found == expected | {"receivedAt": "2026-06-01T12:00:00Z"}


def test_the_senders_time_becomes_the_original() -> None:
    found = one({"messageId": "m", "timestamp": "2026-06-01T11:00:00Z"})
    assert found["originalTimestamp"] == "2026-06-01T11:00:00Z"
    assert "timestamp" not in found
    found = one({"messageId": "m", "timestamp": "a", "originalTimestamp": "b"})
    assert found["originalTimestamp"] == "b"


def test_a_batch_hands_down_its_clock_and_context() -> None:
    items = [
        {"messageId": "1", "type": "track"},
        {"messageId": "2", "type": "page", "sentAt": "own", "context": {"own": 1}},
    ]
    body = {"batch": items, "sentAt": "outer", "context": {"outer": 1}}
    first, second = map(json.loads, lines(body, "/v1/batch"))
    assert (first["sentAt"], first["context"], first["type"]) == ("outer", {"outer": 1}, "track")
    assert (second["sentAt"], second["context"]) == ("own", {"own": 1})


def test_payloads_are_kept_to_the_byte() -> None:
    (line,) = lines(b'{"messageId":"m","properties":{"revenue":1.10, "x" : [1e2]}}')
    assert b'{"revenue":1.10, "x" : [1e2]}' in line


def test_pretty_printing_stays_one_line() -> None:
    body = json.dumps({"messageId": "m", "properties": {"a": [1, "x\ny"]}}, indent=2).encode()
    (line,) = lines(body)
    assert b"\n" not in line
    assert json.loads(line)["properties"] == {"a": [1, "x\ny"]}


def test_a_made_id_is_the_same_each_time_and_its_own() -> None:
    body = {"batch": [{"type": "track"}, {"type": "track"}, {"type": "track", "messageId": ""}]}
    once, again = (
        [json.loads(line)["messageId"] for line in lines(body, "/v1/batch")] for _ in range(2)
    )
    assert once == again
    assert len(set(once)) == 3
    data = json.dumps(body["batch"][0]).encode()
    made = {
        json.loads(line)["messageId"]
        for request in ("r1", "r2")
        for line in record_lines(Record(NOW, "web", "/v1/track", [], data, request))
    }
    assert len(made) == 2, "two equal requests of one moment are two"


@pytest.mark.parametrize(
    "item",
    [b"5", b"[1]", b'"x"', b"NaN", b'{"a":1,"a":2}', b'{"a" :1,"a":2}', b'{"a":NaN}', b"null"],
)
def test_what_is_no_object_is_left_to_the_contract(item: bytes) -> None:
    body = b'{"batch":[' + item + b"]}"
    assert lines(body, "/v1/batch") == [item]


def test_a_line_feed_inside_a_text_is_left_to_the_contract() -> None:
    (line,) = lines(b'{"messageId":"a\nb","userId":"u"}')
    assert line == b'{"messageId":"a\0b","userId":"u"}'
    assert lines(b'{"batch":[1,,2]}', "/v1/batch") == [b"1", b"null", b"2"]


def test_white_space_before_a_colon_is_only_that() -> None:
    assert one(b'{"messageId" : "m", "userId" :"u"}')["type"] == "track"


def test_gzip_bodies() -> None:
    body = gzip.compress(b'{"messageId":"m"}')
    (line,) = lines(body, content_encoding=b"gzip")
    assert json.loads(line)["messageId"] == "m"
