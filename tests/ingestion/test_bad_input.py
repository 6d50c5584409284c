"""Each kind of broken input: its verdict by file and line, and its good neighbours in the lake."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from ingestion import IngestError, ingest_files, strict, unpack
from tests.ingestion.conftest import KEYRING, LANDED_AT, Desk, Verdict, event

GOOD = [json.dumps(event(f"m{i}")).encode() for i in range(1, 4)]


def between(bad: bytes) -> bytes:
    """The bad line as line 2, good ones around it."""
    return GOOD[0] + b"\n" + bad + b"\n" + GOOD[1] + b"\n" + GOOD[2]


def message(text: str) -> bytes:
    """A fitting message with ``text`` as the value of properties.x."""
    return json.dumps(event("bad", properties={"x": "HERE"})).replace('"HERE"', text).encode()


def keyed(text: str) -> bytes:
    return json.dumps(event("bad", properties={})).replace("{}", text).encode()


LINES: dict[str, tuple[bytes, str, str | None]] = {
    "100,000 brackets": (b"[" * 100_000, "too_deep", None),
    "100,000 brackets in a payload": (
        message("[" * 100_000 + "]" * 100_000),
        "too_deep",
        None,
    ),
    "65 levels": (message("[" * 63 + "]" * 63), "too_deep", None),
    "65 levels of objects": (message('{"a":' * 63 + "1" + "}" * 63), "too_deep", None),
    "5,000 digits": (message("9" * 5000), "number_range", None),
    "1e400": (message("1e400"), "number_range", None),
    "-1e400": (message("-1e400"), "number_range", None),
    "1e400 in a key we ignore": (
        GOOD[0].replace(b'"type"', b'"version": 1e400, "type"'),
        "number_range",
        None,
    ),
    "NaN": (message("NaN"), "not_finite", None),
    "Infinity": (message("-Infinity"), "not_finite", None),
    "same key twice": (keyed('{"a": 1, "a": 2}'), "duplicate_key", None),
    "same key twice, hidden by space": (keyed('{"a" :1, "a" :2}'), "duplicate_key", None),
    "same key twice, spelled differently": (
        keyed('{"a": 1, "\\u0061": 2}'),
        "duplicate_key",
        None,
    ),
    "same key twice, deep": (keyed('{"b":[{"c":{"a":1,"a":1}}]}'), "duplicate_key", None),
    "same key twice on top": (
        GOOD[0].replace(b'"type"', b'"userId": "u2", "type"'),
        "duplicate_key",
        None,
    ),
    "same null twice on top": (
        GOOD[0].replace(b'"type"', b'"name": null, "name": null, "type"'),
        "duplicate_key",
        None,
    ),
    "lone surrogate": (message('"\\ud800"'), "lone_surrogate", None),
    "lone low surrogate": (message('"\\udc00 and more"'), "lone_surrogate", None),
    "lone surrogate as a key": (keyed('{"\\ud800": 1}'), "lone_surrogate", None),
    "invalid UTF-8": (message('"HERE"').replace(b"HERE", b"\xff\xfe"), "invalid_utf8", None),
    "encoded surrogate": (
        message('"HERE"').replace(b"HERE", b"\xed\xa0\x80"),
        "invalid_utf8",
        None,
    ),
    "raw NUL": (message('"HERE"').replace(b"HERE", b"a\0b"), "invalid_json", None),
    "trailing comma": (keyed('{"a": 1,}'), "invalid_json", None),
    "cut short": (GOOD[0][:-10], "invalid_json", None),
    "two values": (GOOD[0] + GOOD[0], "invalid_json", None),
    "not an object": (b"[1]", "not_an_object", None),
    "longer than a megabyte": (message('"' + "x" * 1_000_001 + '"'), "too_long", None),
    "year 287168": (
        json.dumps(event("bad", timestamp="287168-01-01T00:00:00Z")).encode(),
        "time_range",
        "timestamp",
    ),
    "epoch of year 287168": (
        json.dumps(event("bad", timestamp=9_000_000_000_000_000_000)).encode(),
        "not_a_time",
        "timestamp",
    ),
    "day after tomorrow": (
        json.dumps(event("bad", timestamp="2026-06-03T00:00:00.000Z")).encode(),
        "time_range",
        "timestamp",
    ),
    "1899": (
        json.dumps(event("bad", timestamp="1899-12-31T23:59:59.999Z")).encode(),
        "time_range",
        "timestamp",
    ),
    "31 February": (
        json.dumps(event("bad", timestamp="2026-02-31T00:00:00Z")).encode(),
        "not_a_time",
        "timestamp",
    ),
    "received in the future": (
        json.dumps(event("bad", receivedAt="2027-01-01T00:00:00Z")).encode(),
        "time_range",
        "receivedAt",
    ),
    "unknown currency": (
        json.dumps(event("bad", properties={"revenue": 1, "currency": "EUX"})).encode(),
        "unknown_currency",
        "properties.currency",
    ),
    "five decimals": (
        json.dumps(event("bad", properties={"revenue": 1.23456})).encode(),
        "too_many_digits",
        "properties.revenue",
    ),
    "revenue in words": (
        json.dumps(event("bad", properties={"revenue": "12 EUR"})).encode(),
        "not_a_number",
        "properties.revenue",
    ),
    "no message id": (json.dumps(event("")).encode(), "missing_field", "messageId"),
    "no person": (json.dumps(event("bad", userId=None)).encode(), "missing_field", "userId"),
    "no event name": (json.dumps(event("bad", event="")).encode(), "missing_field", "event"),
    "unknown type": (json.dumps(event("bad", type="buy")).encode(), "unknown_value", "type"),
    "id of another type": (json.dumps(event("bad", userId=[1])).encode(), "wrong_type", "userId"),
    "payload of another type": (
        json.dumps(event("bad", properties=[1])).encode(),
        "wrong_type",
        "properties",
    ),
}


@pytest.mark.parametrize("name", LINES)
def test_a_bad_line_is_named_and_its_neighbours_land(desk: Desk, name: str) -> None:
    line, reason, field = LINES[name]
    result = desk.ingest("events", between(line))
    assert desk.rejected(result) == [(2, reason, field)]
    assert (result.received, result.good, result.bad) == (4, 3, 1)
    assert desk.column("events", "message_id") == ["m1", "m2", "m3"]
    (row,) = desk.rejected_rows()
    assert row["original"] == line[:1_000_000]
    assert row["landing_file"].endswith("__file.ndjson")
    assert (row["kind"], row["verdict"]) == ("events", "bad")
    assert result.examples[0].startswith("file.ndjson:2 ")


def test_all_bad_lines_in_one_file(desk: Desk) -> None:
    """The same verdicts hold when the lines stand together."""
    lines = list(LINES.values())
    result = desk.ingest("events", b"\n".join([GOOD[0], *(line for line, _, _ in lines), GOOD[1]]))
    assert desk.rejected(result) == [
        (number, reason, field) for number, (_, reason, field) in enumerate(lines, 2)
    ]
    assert desk.column("events", "message_id") == ["m1", "m2"]


ACCEPTED = {
    "64 levels": "[" * 62 + "]" * 62,
    "2^70": str(2**70),
    "300 digits": "9" * 300,
    "a NUL, escaped": '"a\\u0000b"',
    "a pair": '"\\ud83d\\ude00"',
    "brackets in a text": '"' + "[{" * 500 + '"',
    "a quote and colon in a text": '"\\":\\":"',
    "a tiny number": "1e-400",
    "many keys": json.dumps({f"k{i}": {"x": [i, {"y": None}]} for i in range(20)}),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_unusual_but_right(desk: Desk, name: str) -> None:
    text = ACCEPTED[name]
    result = desk.ingest("events", between(message(text)))
    assert (result.good, result.bad) == (4, 0), result.examples
    payload = desk.column("events", "properties")[1]
    assert payload == f'{{"x": {text}}}'  # kept as text: not one digit is lost


def test_white_space_and_blank_lines(desk: Desk) -> None:
    lines = [b"", GOOD[0] + b"\r", b"  \t ", b" " + GOOD[1] + b" ", b"", b"", GOOD[2], b""]
    result = desk.ingest("events", b"\n".join(lines))
    assert (result.received, result.good) == (3, 3)
    assert desk.column("events", "landing_line") == [2, 4, 7]


def test_byte_order_mark(desk: Desk) -> None:
    result = desk.ingest("events", b"\xef\xbb\xbf" + GOOD[0] + b"\n" + GOOD[1])
    assert desk.rejected(result) == [(1, "byte_order_mark", None)]
    assert desk.column("events", "message_id") == ["m2"]


def test_utf16(desk: Desk) -> None:
    result = desk.ingest("events", (GOOD[0] + b"\n" + GOOD[1]).decode().encode("utf-16"))
    assert [(line, reason) for line, reason, _ in desk.rejected(result)] == [
        (1, "invalid_utf8"),
        (2, "invalid_json"),
    ]
    assert result.good == 0


def test_empty_file(desk: Desk) -> None:
    for kind in ("events", "crm", "costs"):
        result = desk.ingest(kind, b"", name=f"{kind}.ndjson")
        assert (result.received, result.good) == (0, 0)
    assert desk.ingest("costs", b"", name="costs.csv").received == 0
    from ingestion import receipts

    assert receipts(desk.lake)["received"].to_pylist() == [0, 0, 0, 0]


# ---- gzip --------------------------------------------------------------------------------------


def many(count: int) -> bytes:
    return b"".join(json.dumps(event(f"m{i}")).encode() + b"\n" for i in range(count))


def test_gzip(desk: Desk) -> None:
    assert desk.ingest("events", gzip.compress(many(100)), name="a.ndjson.gz").good == 100


def test_gzip_of_several_members_and_padding(desk: Desk) -> None:
    data = many(100)
    packed = gzip.compress(data[:5000]) + gzip.compress(data[5000:]) + b"\0" * 512
    result = desk.ingest("events", packed, name="a.ndjson.gz")
    assert (result.good, result.bad) == (100, 0)


def test_truncated_gzip_keeps_the_rows_before_the_break(desk: Desk) -> None:
    data = os.urandom(0) + many(2000)
    packed = gzip.compress(data)
    result = desk.ingest("events", packed[: len(packed) // 2], name="a.ndjson.gz")
    assert result.good > 100
    assert result.bad == 1
    assert desk.rejected(result) == [(result.good + 1, "truncated_gzip", None)]
    (row,) = desk.rejected_rows()
    assert data.split(b"\n")[result.good].startswith(row["original"])


@pytest.mark.parametrize("keep", [0, 2, 5, 17, 18])
def test_gzip_cut_in_its_header_or_tail(desk: Desk, keep: int) -> None:
    packed = gzip.compress(many(3))
    cut = packed[:keep] if keep < 18 else packed[:-3]
    result = desk.ingest("events", cut, name="a.ndjson.gz")
    if keep == 0:
        assert result.received == 0
    elif keep < 18:
        assert desk.rejected(result) == [(1, "truncated_gzip", None)]
    else:
        assert desk.rejected(result) == [(4, "truncated_gzip", None)]
        assert result.good == 3


def test_damaged_gzip(desk: Desk) -> None:
    packed = bytearray(gzip.compress(many(2000)))
    packed[-5] ^= 0xFF  # the length in the trailer
    result = desk.ingest("events", bytes(packed), name="a.ndjson.gz")
    assert (result.good, result.bad) == (2000, 1)
    assert desk.rejected(result) == [(2001, "truncated_gzip", None)]


def test_bytes_after_gzip(desk: Desk) -> None:
    result = desk.ingest("events", gzip.compress(many(3)) + b"garbage", name="a.ndjson.gz")
    assert desk.rejected(result) == [(4, "truncated_gzip", None)]
    assert result.good == 3


def test_gzip_bomb_is_refused(desk: Desk) -> None:
    bomb = gzip.compress(b"\n" * (32 << 20))
    with pytest.raises(IngestError, match="200 times its size") as caught:
        desk.ingest("events", bomb, name="bomb.ndjson.gz")
    assert caught.value.path.name == "bomb.ndjson.gz"
    assert not list((desk.root / "lake" / ".staging").iterdir())
    assert not [p for p in desk.landing.rglob("*") if p.is_file()]


def test_gzip_total_cap(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "MAX_UNPACKED_BYTES", 1 << 20)
    data = os.urandom(1 << 20).hex().encode()
    with pytest.raises(IngestError, match="unpacks to more than"):
        desk.ingest("events", gzip.compress(data), name="big.ndjson.gz")


# ---- files -------------------------------------------------------------------------------------


def refused(desk: Desk, path: Path) -> IngestError:
    with pytest.raises(IngestError) as caught:
        ingest_files("events", [path], desk.landing, desk.lake, KEYRING, now=lambda: LANDED_AT)
    return caught.value


def test_a_folder(desk: Desk, tmp_path: Path) -> None:
    error = refused(desk, tmp_path)
    assert error.path == tmp_path
    assert "is a folder" in str(error)


def test_a_missing_file(desk: Desk, tmp_path: Path) -> None:
    assert "no such file" in str(refused(desk, tmp_path / "nothing.ndjson"))


def test_a_pipe(desk: Desk, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in str(refused(desk, tmp_path / "pipe"))


def test_a_file_that_changes_while_it_is_read(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "grows.ndjson"
    path.write_bytes(many(10))
    from ingestion import landing

    real = landing.hashlib.sha256

    class Growing:
        def __init__(self) -> None:
            self.inner = real()

        def update(self, block: bytes) -> None:
            self.inner.update(block)
            with open(path, "ab") as more:
                more.write(GOOD[0] + b"\n")

        def hexdigest(self) -> str:
            return self.inner.hexdigest()

    monkeypatch.setattr(landing.hashlib, "sha256", Growing)
    assert "changed while it was read" in str(refused(desk, path))
    assert not [p for p in desk.landing.rglob("*") if p.is_file()]


def test_a_line_longer_than_a_chunk_does_not_fill_memory(desk: Desk) -> None:
    """12 MB without a line feed: one bad row, and its neighbours land."""
    line = b'{"x":"' + b"y" * (12 << 20) + b'"}'
    result = desk.ingest("events", between(line))
    assert desk.rejected(result) == [(2, "too_long", None)]
    (row,) = desk.rejected_rows()
    assert row["original"] == line[: strict.MAX_ROW_BYTES]
    assert desk.column("events", "landing_line") == [1, 3, 4]


def verdicts(desk: Desk, content: bytes, name: str) -> list[Verdict]:
    return desk.rejected(desk.ingest("events", content, name=name))
