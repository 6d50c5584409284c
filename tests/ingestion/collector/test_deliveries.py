"""Eight providers, one vocabulary: the same suite over all of them."""

from __future__ import annotations

import json
import random
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ingestion import load_pending
from ingestion.collector import deliveries
from ingestion.collector.deliveries import PROVIDERS, record_lines
from ingestion.collector.segments import Record, Segment, frame
from ingestion.contracts.tables import EVENT_TYPES
from tests.ingestion.collector.samples import (
    SAMPLES,
    body_of,
    path_of,
    postmark,
    sendgrid,
    ses,
)
from tests.ingestion.collector.serving import KEYRING
from workspace.lake import Lake

NOW = datetime(2026, 6, 1)


def record(provider: str, body: bytes) -> Record:
    return Record(NOW, provider, path_of(provider), [], body)


def events(provider: str, body: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in record_lines(record(provider, body))]


@pytest.mark.parametrize(("provider", "sample", "expected"), SAMPLES)
def test_samples(provider: str, sample: Any, expected: list) -> None:
    found = events(provider, body_of(sample))
    assert [event["event_type"] for event in found] == [kind for kind, _ in expected]
    for event, (_, columns) in zip(found, expected, strict=True):
        assert {name: event.get(name) for name in columns} == columns
        assert event["provider"] == provider
        assert event["event_type"] in EVENT_TYPES
        assert event["channel"] in ("email", "sms", "push", "crm")
        assert json.loads(event["payload"])
    assert len({event["provider_event_id"] for event in found}) == len(found)
    assert events(provider, body_of(sample)) == found


def test_every_provider_has_samples() -> None:
    assert {provider for provider, _, _ in SAMPLES} == set(PROVIDERS)


def test_every_word_is_of_the_vocabulary() -> None:
    names = [value for key, value in vars(deliveries).items() if key[1:2].isupper()]
    tables = [value for value in names if isinstance(value, dict) and value]
    assert len(tables) >= 8
    for table in tables:
        if all(isinstance(word, str) for word in table.values()):
            assert set(table.values()) <= set(EVENT_TYPES)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "body",
    [
        *[b"", b"null", b"5", b"[]", b"{}", b"[5]", b"[{}]", b'[null,{"event":5}]', b"\xff"],
        *[b"[" * 5000, b'{"data":{}}', b'{"Type":"Notification","Message":"5"}'],
        b'{"event":"open","timestamp":1e300}',
        b'[{"event":"open","timestamp":NaN}]',
    ],
)
def test_rubbish_becomes_rejected_rows(tmp_path: Path, provider: str, body: bytes) -> None:
    results = load(tmp_path, [record(provider, body)])
    assert all(result.balanced and result.good == 0 for result in results)
    if body not in (b"[]", b"{}"):
        assert sum(result.bad for result in results) >= 1


def test_one_bad_item_leaves_its_neighbours(tmp_path: Path) -> None:
    sample = next(sample for provider, sample, _ in SAMPLES if provider == "sendgrid")
    body = json.dumps([{"event": "open"}, *sample, {"event": "new_kind", "timestamp": 1}]).encode()
    (result,) = load(tmp_path, [record("sendgrid", body)])
    assert (result.good, result.bad) == (len(sample), 2)


@pytest.mark.parametrize(
    "poison", [b"NaN", b'{"x":1e400}', b"9" * 5000, b'{"x":"\xff"}', b"[" * 2000 + b"]" * 2000]
)
def test_one_bad_token_leaves_its_neighbours(tmp_path: Path, poison: bytes) -> None:
    good = [json.dumps(sendgrid(kind)).encode() for kind in ("open", "delivered")]
    body = b"[" + good[0] + b"," + poison + b"," + good[1] + b"]"
    (result,) = load(tmp_path, [record("sendgrid", body)])
    assert (result.good, result.bad) == (2, 1)


def test_two_links_at_once_are_two_clicks(tmp_path: Path) -> None:
    kept = []
    for link in ("https://x.example/a", "https://x.example/b"):
        click = postmark("Click", "ReceivedAt", Recipient="a@x", OriginalLink=link)
        kept.append(record("postmark", body_of(click)))
        kept.append(record("ses", body_of(ses("Click", {"link": link}))))
    (result,) = load(tmp_path, kept)
    assert (result.good, result.quarantined) == (6, 0)


def test_damage_in_a_segment_is_seen(tmp_path: Path) -> None:
    segment = Segment(tmp_path / "landing", "delivery_events")
    frames = [frame(record("sendgrid", body_of([sendgrid(k)]))) for k in ("open", "click")]
    segment.append(frames, NOW)
    path = segment.seal()
    assert path is not None
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    lake = Lake(tmp_path / "lake")
    (result,) = load_pending("delivery_events", tmp_path / "landing", lake, KEYRING, guard=False)
    assert (result.received, result.good, result.bad) == (2, 1, 1)
    assert "damaged_segment" in result.examples[0]


def load(folder: Path, kept: list[Record]) -> list[Any]:
    segment = Segment(folder / "landing", "delivery_events")
    segment.append([frame(one) for one in kept], NOW)
    segment.seal()
    lake = Lake(folder / "lake")
    return load_pending("delivery_events", folder / "landing", lake, KEYRING, guard=False)


def rows(folder: Path) -> list[tuple]:
    import pyarrow.parquet as pq

    found = []
    for file in Lake(folder / "lake").files("delivery_events"):
        for row in pq.read_table(file).to_pylist():
            for name in ("landed_at", "landing_file", "landing_line"):
                del row[name]
            found.append(tuple(row.items()))
    return sorted(found, key=lambda row: (row[0], row[1]))


def test_three_times_and_shuffled_is_the_same(tmp_path: Path) -> None:
    kept = [record(provider, body_of(sample)) for provider, sample, _ in SAMPLES]
    (once,) = load(tmp_path / "once", kept)
    assert once.bad == once.quarantined == 0
    rng = random.Random(3)
    for turn in range(3):
        shuffled = kept * 3
        rng.shuffle(shuffled)
        (result,) = load(tmp_path / str(turn), shuffled)
        assert (result.good, result.duplicate) == (once.good, 2 * once.received + once.duplicate)
        assert rows(tmp_path / str(turn)) == rows(tmp_path / "once")


def test_addresses_are_hashed_beside(tmp_path: Path) -> None:
    kept = [record(provider, body_of(sample)) for provider, sample, _ in SAMPLES]
    load(tmp_path, kept)
    found = [dict(row) for row in rows(tmp_path)]
    mail = {row["email_key"] for row in found if row["recipient"] == "jane@example.com"}
    assert mail == {KEYRING.key("email", "jane@example.com")}
    phones = {row["phone_key"] for row in found if row["recipient"] == "+33612345678"}
    assert phones == {KEYRING.key("phone", "+33612345678")}
