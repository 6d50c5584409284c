"""What a request must be, and how a batch with a poison item is cut."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.collector import envelope
from ingestion.collector.envelope import MAX_BODY_BYTES, Refused

GOOD = b'{"messageId":"good","type":"track","event":"E","userId":"u"}'
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(
    ['"', "\\", "],[", "},{", "batch", '"batch":[']
)
values = st.recursive(
    st.none() | st.booleans() | texts | st.integers(-5, 5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(values, max_size=4),
    st.dictionaries(st.sampled_from(["sentAt", "context", "x", "integrations"]), values),
    st.booleans(),
    st.sampled_from([None, 1]),
)
def test_cutting_gives_what_parsing_gives(
    items: list, others: dict, last: bool, indent: int | None
) -> None:
    message = {**others, "batch": items} if last else {"batch": items, **others}
    body = json.dumps(message, indent=indent).encode()
    parsed, cut = envelope.batch_of(body), envelope._split(body)
    assert parsed is not None and cut is not None
    assert [json.loads(bytes(item)) for item in cut.batch] == items
    for name in ("sentAt", "context"):
        ours, theirs = bytes(getattr(cut, name)), bytes(getattr(parsed, name))
        assert (json.loads(ours) if ours else None) == (json.loads(theirs) if theirs else None)


@pytest.mark.parametrize(
    "poison",
    [
        b"NaN",
        b'{"a":NaN}',
        b'{"a":1e400}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xff"}',
        b'{"a":"\x01"}',
        b"[" * 5000 + b"]" * 5000,
        b"nothing",
        b'{"a":01}',
        b"",
    ],
)
def test_a_poison_item_leaves_its_neighbours(poison: bytes) -> None:
    body = (
        b'{"sentAt":"2026-06-01T00:00:00Z","batch":[' + GOOD + b"," + poison + b"," + GOOD + b"]}"
    )
    found = envelope.batch_of(body)
    assert found is not None
    assert [bytes(item) for item in found.batch] == [GOOD, poison or b"null", GOOD]
    assert bytes(found.sentAt) == b'"2026-06-01T00:00:00Z"'
    assert envelope.check("batch", body)[0] == 3


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"batch":5}',
        b'{"batch":{}}',
        b'{"batch":[NaN}',
        b'{"batch":[NaN]',
        b'{"batch":[NaN]}}',
        b'{"batch":[NaN]} x',
        b'x {"batch":[NaN]}',
        b'[{"batch":[NaN]}]',
        b'{"a":{"batch":[NaN]}}',
        b"]" * 10,
        b'{"batch":[1],"batch":[2]}',
        b'{"batch":["' + b'\\"' * 200_000,
    ],
)
def test_no_batch_at_all(body: bytes) -> None:
    with pytest.raises(Refused) as caught:
        envelope.check("batch", body)
    assert caught.value.status == 400


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b"\xff", b"{}x", b'\xef\xbb\xbf{"a":1}'])
def test_a_single_call_is_an_object(body: bytes) -> None:
    with pytest.raises(Refused) as caught:
        envelope.check("track", body)
    assert caught.value.status == 400


def test_gzip_is_undone_under_a_cap() -> None:
    assert envelope.unpacked(gzip.compress(GOOD), b"gzip") == GOOD
    largest = b"x" * 1000 + bytes(range(256)) * ((MAX_BODY_BYTES - 1000) // 256)
    assert envelope.unpacked(gzip.compress(largest), b"GZIP") == largest
    for bomb in (b"0" * (100 << 20), b"0" * (MAX_BODY_BYTES + 1)):
        with pytest.raises(Refused) as caught:
            envelope.unpacked(gzip.compress(bomb), b"gzip")
        assert caught.value.status == 413


@pytest.mark.parametrize("damage", ["cut", "tail", "not gzip"])
def test_damaged_gzip(damage: str) -> None:
    body = gzip.compress(GOOD)
    body = {"cut": body[:-4], "tail": body + b"x", "not gzip": GOOD}[damage]
    with pytest.raises(Refused) as caught:
        envelope.unpacked(body, b"gzip")
    assert caught.value.status == 400


def test_types_and_encodings() -> None:
    for good in (None, b"application/json", b"Application/JSON; charset=utf-8", b"text/plain"):
        envelope.check_type(good)
    for bad in (b"application/xml", b"multipart/form-data; boundary=x", b""):
        if bad:
            with pytest.raises(Refused) as caught:
                envelope.check_type(bad)
            assert caught.value.status == 415
    with pytest.raises(Refused) as caught:
        envelope.unpacked(b"", b"br")
    assert caught.value.status == 415
