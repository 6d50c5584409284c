"""Erased people out of landed files of every format, and nothing else with them."""

from __future__ import annotations

import gzip
import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ingestion import load_pending
from ingestion.accounts import recount, unbalanced
from ingestion.collector import segments
from ingestion.collector.segments import Record
from ingestion.contracts import KINDS
from ingestion.files import ingest_files
from ingestion.redaction import redact
from reverse_etl.privacy import streams
from reverse_etl.privacy.forms import Identifier
from reverse_etl.privacy.scanning import scan
from reverse_etl.privacy.stand_ins import StandIns
from reverse_etl.privacy.subjects import Subject
from tests.reverse_etl.privacy import small_world as world
from workspace.lake import Lake
from workspace.paths import Paths

SUBJECT = Subject(
    world.RING.key("crm_contact", "9001001"),
    frozenset(world.keys_of()),
    {k: frozenset({*v, world.ANNE} if k == "email" else v) for k, v in world.IDENTIFIERS.items()},
)


def erase(paths: Paths, lake: Lake, stand_ins: StandIns | None = None) -> StandIns:
    stand_ins = stand_ins or StandIns.draw([SUBJECT], world.RING)
    lines = streams.landed_lines(lake, stand_ins).of
    streams.erase(lake, stand_ins)
    redact(paths.landing, lake, world.RING, stand_ins, lines)
    recount(lake)
    return stand_ins


def hits(folder: Path) -> list[Any]:
    found = scan(
        folder,
        [Identifier(kind, value) for kind, values in world.IDENTIFIERS.items() for value in values],
    )
    return [*found.hits, *found.unread]


def assert_accounted(lake: Lake) -> None:
    assert not [fault for kind in KINDS for fault in unbalanced(lake, kind)]


def test_a_reload_from_zero_has_everybody_else(paths: Paths, tmp_path: Path) -> None:
    lake = world.ingest(paths, tmp_path / "files")
    erase(paths, lake)
    assert not hits(paths.landing) and not hits(paths.lake)
    assert_accounted(lake)
    again = Lake(tmp_path / "another lake")
    results = [
        result
        for kind in KINDS
        for result in load_pending(kind, paths.landing, again, world.RING, guard=False)
    ]
    assert sum(result.bad + result.quarantined for result in results) == 0
    for stream in streams.streams():
        rows = [e.rows for e in lake.entries(stream) if not e.residual]
        assert again.rows(stream) == sum(rows), stream
    first, second = (store.read("crm_deals").to_pylist() for store in (lake, again))
    assert [row["contact_crm_id"] for row in first] == [row["contact_crm_id"] for row in second]


def test_nothing_is_pending_and_nothing_changes_the_second_time(
    paths: Paths, tmp_path: Path
) -> None:
    lake = world.ingest(paths, tmp_path / "files")
    stand_ins = erase(paths, lake)
    files = [path for path in paths.landing.rglob("*") if path.is_file()]
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}
    for kind in KINDS:
        assert load_pending(kind, paths.landing, lake, world.RING) == []
    erase(paths, lake, stand_ins)
    assert {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in files} == before
    assert_accounted(lake)


def test_what_was_dropped_by_hand_and_packed_stays_loaded(paths: Paths) -> None:
    folder = paths.landing / "events"
    folder.mkdir(parents=True)
    text = "".join(json.dumps(event) + "\n" for event in world.EVENTS)
    (folder / "dropped.ndjson.gz").write_bytes(gzip.compress(text.encode()))
    os.utime(folder / "dropped.ndjson.gz", (1_790_000_000, 1_790_000_000))
    lake = Lake(paths.lake)
    (loaded,) = load_pending("events", paths.landing, lake, world.RING)
    assert loaded.good == 5
    erase(paths, lake)
    assert not hits(paths.landing)
    assert load_pending("events", paths.landing, lake, world.RING) == []
    assert_accounted(lake)


def _collected(paths: Paths, bodies: list[tuple[str, str, Any]], kind: str) -> None:
    segment = segments.Segment(paths.landing, kind)
    frames = [
        segments.frame(
            Record(
                world.NOW,
                source,
                path,
                [(b"user-agent", b"test")],
                json.dumps(body).encode(),
                str(number),
            )
        )
        for number, (source, path, body) in enumerate(bodies)
    ]
    segment.append(frames, world.NOW)
    segment.seal()


def test_segments_keep_their_other_messages(paths: Paths) -> None:
    batch = {"batch": world.EVENTS, "sentAt": "2026-09-06T00:00:00Z"}
    single = {"userId": "usr_joan_78", "event": "x", "messageId": "e9"}
    _collected(paths, [("web", "/v1/batch", batch), ("web", "/v1/track", single)], "events")
    webhook = {
        "RecordType": "Delivery",
        "MessageID": "m-1",
        "Recipient": world.ANNE,
        "DeliveredAt": "2026-09-03T00:00:00Z",
    }
    other = {**webhook, "MessageID": "m-2", "Recipient": world.JOAN}
    hooks = [("postmark", "/webhooks/postmark", body) for body in (webhook, other)]
    _collected(paths, hooks, "delivery_events")
    lake = Lake(paths.lake)
    for kind in ("events", "delivery_events"):
        (loaded,) = load_pending(kind, paths.landing, lake, world.RING)
        assert not loaded.bad
    assert hits(paths.landing)
    erase(paths, lake)
    assert not hits(paths.landing) and not hits(paths.lake)
    assert_accounted(lake)
    again = Lake(paths.root / "again")
    (events,) = load_pending("events", paths.landing, again, world.RING)
    (deliveries,) = load_pending("delivery_events", paths.landing, again, world.RING)
    assert (events.good, events.bad) == (2, 0)
    assert (deliveries.good, deliveries.bad) == (1, 0)


def test_rejected_and_unloaded_lines_go_too(paths: Paths, tmp_path: Path) -> None:
    bad = tmp_path / "events.ndjson"
    bad.write_text('{"type": "track", "userId": "usr_anne_77"}\n{"broken": "' + world.ANNE + "\n")
    lake = Lake(paths.lake)
    ingest_files("events", [bad], paths.landing, lake, world.RING, now=lambda: world.NOW)
    waiting = paths.landing / "surveys" / "waiting.csv"
    waiting.parent.mkdir(parents=True)
    waiting.write_text(world.SURVEYS)
    assert lake.rows("rejected_rows") == 2
    erase(paths, lake)
    assert not hits(paths.landing) and not hits(paths.lake)
    assert lake.rows("rejected_rows") == 0
    assert_accounted(lake)
    (survey,) = load_pending("surveys", paths.landing, lake, world.RING)
    assert (survey.good, survey.bad) == (1, 0)


@pytest.mark.parametrize("name", ["late.ndjson", "late.ndjson.gz"])
def test_what_comes_later_is_counted_and_not_kept(paths: Paths, tmp_path: Path, name: str) -> None:
    lake = Lake(paths.lake)
    lake.bury(SUBJECT.keys)
    text = "".join(json.dumps(event) + "\n" for event in world.EVENTS).encode()
    late = tmp_path / name
    late.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    moments = iter(datetime(2026, 10, day) for day in (2, 3))
    (loaded,) = ingest_files(
        "events", [late], paths.landing, lake, world.RING, now=lambda: next(moments)
    )
    assert (loaded.received, loaded.good, loaded.erased, loaded.bad) == (5, 1, 4, 0)
    assert loaded.balanced
    assert {row["message_id"] for row in lake.read("events").to_pylist()} == {"e4"}
    held = [path for path in paths.landing.rglob("*") if path.is_file()]
    data = b"".join(
        gzip.decompress(p.read_bytes()) if p.suffix == ".gz" else p.read_bytes() for p in held
    )
    assert b"device-anne" not in data and b"usr_anne" not in data
    assert_accounted(lake)
