"""The fast readers give the same answer as the strict one, over hostile lines."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingestion import events, quick, strict
from ingestion.chunks import Builder, Chunk, Origin
from ingestion.contracts import events as contract
from ingestion.contracts.model import KeyCache
from ingestion.errors import RowError
from tests.ingestion.conftest import KEYRING, LANDED_AT, event

ORIGIN = Origin("events", "events/f.ndjson", "f.ndjson", LANDED_AT)


def slow(data: bytes) -> Chunk:
    """Every line by the contract alone."""
    builder, keys = Builder(ORIGIN), KeyCache(KEYRING)
    for number, line in enumerate(data.split(b"\n"), 1):
        if strict.is_blank(line):
            continue
        builder.received += 1
        try:
            columns = contract.row(strict.parse(line), line, LANDED_AT, keys)
        except RowError as error:
            builder.rejects.add(number, line, error)
        else:
            builder.add("events", number, columns)
    return builder.chunk()


def assert_same(data: bytes) -> None:
    fast, expected = events.read_events(data, 1, ORIGIN, KeyCache(KEYRING)), slow(data)
    assert fast.received == expected.received
    assert fast.rejected.to_pylist() == expected.rejected.to_pylist()
    assert rows(fast) == rows(expected)


def rows(chunk: Chunk) -> list[dict[str, Any]]:
    table = chunk.tables.get("events")
    if table is None:
        return []
    assert isinstance(table, pa.Table)
    table.validate(full=True)
    return table.to_pylist()


texts = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["", " lead", 'a":b', '"', "\\", "a\0b", "é", "😀", "x" * 300, "EUR", "12.5", "null", "]}"]
    ),
)
numbers = st.one_of(
    st.integers(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, -0.0, 1e-320, 12.50, 99.99, 2**63, 10**15, 0.00001]),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), texts, numbers),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)
times = st.one_of(
    st.datetimes(datetime(1890, 1, 1), datetime(2030, 1, 1)).map(lambda t: t.isoformat() + "Z"),
    st.datetimes(datetime(2020, 1, 1), datetime(2026, 6, 3)).map(
        lambda t: t.isoformat(timespec="milliseconds") + "Z"
    ),
    st.sampled_from(
        [
            "2026-05-01",
            "2026-05-01T10:00:00+02:00",
            "2026-05-01T10:00:00.123456789Z",
            "2026-05-01 10:00:00Z",
            "2026-05-01T24:00:00Z",
            "2026-05-01T23:59:60Z",
            "2026-02-29T00:00:00Z",
            "20260501T100000Z",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59.999Z",
            "0000-01-01T00:00:00Z",
            "2026-05-01t10:00:00z",
            "２０２６-05-01T10:00:00Z",
        ]
    ),
    values,
)
objects = st.dictionaries(
    st.sampled_from(
        ["revenue", "total", "currency", "order_id", "url", "path", "title", "referrer", "x", "y"]
    ),
    st.one_of(values, st.sampled_from(["EUR", "eur", "EUX", "12.50", 12.5, 3, "1e3", "NaN"])),
    max_size=4,
)
traits = st.dictionaries(
    st.sampled_from(["email", "phone", "name"]),
    st.one_of(values, st.sampled_from(["a@x.example", " A@X.example ", "01 99 00 00 01", ""])),
    max_size=3,
)
contexts = st.fixed_dictionaries(
    {},
    optional={
        "traits": st.one_of(values, traits),
        "page": st.one_of(values, objects),
        "campaign": st.one_of(
            values,
            st.dictionaries(
                st.sampled_from(["source", "medium", "name", "term", "content", "z"]), values
            ),
        ),
        "userAgent": values,
        "ip": values,
        "locale": texts,
        "library": objects,
    },
)
messages = st.fixed_dictionaries(
    {
        "messageId": st.one_of(st.uuids().map(str), texts, values),
        "type": st.one_of(st.sampled_from(contract.TYPES), values),
    },
    optional={
        "event": st.one_of(texts, values),
        "name": st.one_of(texts, values),
        "userId": st.one_of(texts, values),
        "anonymousId": st.one_of(texts, st.integers(0, 9)),
        "groupId": texts,
        "previousId": texts,
        "timestamp": times,
        "originalTimestamp": times,
        "sentAt": times,
        "receivedAt": times,
        "properties": st.one_of(objects, values),
        "traits": st.one_of(objects, traits, values),
        "context": st.one_of(contexts, values),
        "integrations": st.one_of(objects, values),
        "channel": values,
        "writeKey": texts,
        "version": values,
        "_metadata": objects,
    },
)
likely = st.fixed_dictionaries(
    {
        "messageId": st.uuids().map(str),
        "type": st.sampled_from(contract.TYPES),
        "event": st.just("E"),
        "userId": st.sampled_from(["u1", "u2", None]),
        "anonymousId": st.sampled_from(["a1", "é"]),
        "groupId": st.just("g"),
        "previousId": st.just("p"),
    },
    optional={
        "timestamp": times,
        "receivedAt": times,
        "sentAt": times,
        "originalTimestamp": times,
        "properties": objects,
        "traits": st.one_of(objects, traits),
        "context": contexts,
        "integrations": objects,
    },
)


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """A message as JSON in some style, sometimes damaged."""
    message = draw(st.one_of(likely, likely, messages, values))
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,", " : "), (",\t", "\t:")]))
    line = json.dumps(
        message, ensure_ascii=draw(st.booleans()), separators=separators, allow_nan=True
    ).encode("utf-8", "surrogatepass")
    damage = draw(st.integers(0, 7))
    if damage == 0 and line:
        at = draw(st.integers(0, len(line)))
        line = line[:at] + draw(st.binary(max_size=3)) + line[at + draw(st.integers(0, 2)) :]
    elif damage == 1:
        line = line.replace(b"{", b'{"x":1,"x":2,', 1)
    elif damage == 2:
        line = line.replace(b'"x"', draw(st.sampled_from([b'"\\u0078"', b'"y"', b'"x" '])))
    elif damage == 3:
        number = draw(st.sampled_from([b"1e400", b"NaN", b"1e-99999999999999999999", b"9" * 4301]))
        line = line.replace(b"null", number)
    return line


@settings(max_examples=300, deadline=None)
@given(st.lists(lines(), max_size=5))
@example([b'{"a":1,"a":2}', b'"\\ud800"', b"", b"\r"])
@example([json.dumps(event(integrations={"All": False}, channel=None)).encode()])
@example([json.dumps(event(context={"page": {"url": 5}}, type="page", properties={})).encode()])
def test_events_fast_is_strict(data: list[bytes]) -> None:
    assert_same(b"\n".join(data))


@settings(max_examples=200, deadline=None)
@given(lines())
def test_quick_parse_is_strict(line: bytes) -> None:
    def outcome(reader: Any) -> Any:
        try:
            return repr(reader(line))
        except RowError as error:
            return error.reason

    assert outcome(quick.parse) == outcome(strict.parse)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_byte_soup(data: bytes) -> None:
    assert_same(data)


@pytest.mark.parametrize("digits", [4300, 4301])
def test_the_digit_limit_is_the_same(digits: int) -> None:
    line = json.dumps(event(properties={"x": "HERE"})).replace('"HERE"', "9" * digits).encode()
    assert_same(line)
    assert (slow(line).rejected.num_rows == 0) == (digits == 4300)


def test_most_lines_take_the_fast_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The strict reader is for doubt: ordinary messages do not meet it."""
    rng = random.Random(1)
    made = [
        event(
            f"m{i}",
            timestamp=(LANDED_AT - timedelta(seconds=i)).isoformat(timespec="milliseconds") + "Z",
            anonymousId=rng.choice([None, "a1"]),
            context={"page": {"url": f"https://x.example/{i}?q=é"}, "library": {"name": "js"}},
            properties={"products": [{"sku": "1", "price": 2.5}], "revenue": 12.5},
            integrations={},
        )
        for i in range(50)
    ]
    data = b"\n".join(json.dumps(m, separators=(",", ":")).encode() for m in made)
    expected = rows(slow(data))
    monkeypatch.setattr(strict, "parse", lambda line: pytest.fail("read strictly"))
    assert rows(events.read_events(data, 1, ORIGIN, KeyCache(KEYRING))) == expected


@pytest.mark.parametrize(
    "time", ["2026-05-01T10Z", "2026-05-01 10Z", "2026-05-01T10+02", "2026-05-01T10:00:00+02"]
)
@pytest.mark.parametrize("key", ["timestamp", "sentAt", "receivedAt", "originalTimestamp"])
def test_times_that_only_arrow_reads(key: str, time: str) -> None:
    line = json.dumps(event(**{key: time})).encode()
    assert_same(line)
    assert slow(line).rejected.num_rows == 1


@pytest.mark.parametrize(
    ("message", "email", "phone"),
    [
        ({"type": "identify", "traits": {"email": "A@x.example", "phone": "0199000001"}}, 1, 1),
        ({"type": "identify", "context": {"traits": {"email": "a@x.example"}}}, 1, 0),
        ({"context": {"traits": {"email": " a@x.example"}}}, 1, 0),
        ({"type": "group", "groupId": "g", "traits": {"email": "a@x.example"}}, 0, 0),
        ({"traits": {"email": "a@x.example"}}, 0, 0),
        ({"type": "identify", "traits": {"email": "no address", "phone": 199000001}}, 0, 0),
        ({"type": "identify", "traits": {"email": ""}, "context": {"traits": {"email": 5}}}, 0, 0),
    ],
)
def test_whose_traits_become_keys(message: dict[str, Any], email: int, phone: int) -> None:
    """A person's: of an identify, or of any message's context; a group's are not."""
    line = json.dumps(event(**message)).encode()
    assert_same(line)
    row = rows(slow(line))[0]
    assert row["email_key"] == (KEYRING.key("email", "a@x.example") if email else None)
    assert row["phone_key"] == (KEYRING.key("phone", "+33199000001") if phone else None)


def test_an_alias_is_known_under_both_kinds() -> None:
    line = json.dumps(event(type="alias", previousId="old", userId="new")).encode()
    assert_same(line)
    row = rows(slow(line))[0]
    assert row["previous_user_key"] == KEYRING.key("user_id", "old")
    assert row["previous_anonymous_key"] == KEYRING.key("anonymous_id", "old")


def test_a_host_behind_any_scheme() -> None:
    line = json.dumps(event(context={"page": {"url": "capacitor://localhost/page"}})).encode()
    assert_same(line)
    assert [row["page_host"] for row in rows(slow(line))] == ["localhost"]


@pytest.mark.parametrize("number", ["0e99999999999999999999", "1e-99999999999999999999"])
def test_exponents_beyond_a_decimal(number: str) -> None:
    text = json.dumps(event(properties={"revenue": "HERE"})).replace('"HERE"', number)
    assert_same(text.encode())
