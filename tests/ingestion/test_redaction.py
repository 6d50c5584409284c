"""Erased people out of landed files of every format, and nothing else with them."""

from __future__ import annotations

import gzip
import json
import os
import random
import zlib
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
from ingestion.sources.lines import KEPT_LINES
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


# ---- thoroughness --------------------------------------------------------------------------------


def redacted(paths: Paths, kind: str, name: str, data: bytes) -> bytes:
    """What becomes of a file that no load has read."""
    path = paths.landing / kind / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    stand_ins = StandIns.draw([SUBJECT], world.RING)
    redact(paths.landing, Lake(paths.lake), world.RING, stand_ins, {})
    return path.read_bytes()


def test_unreadable_lines_go_however_they_name_somebody(paths: Paths) -> None:
    named = [
        f'{{"mail": "{world.ANNE.upper()}',
        '{"url": "?m=anne.canary%2540clinic.example',
        '{"mail": "anne.canary\\u0040clinic.example',
        '{"said": "call 06 11 22 33 44',
        '{"said": "call 06\\u00a011\\u202f22\\u00a033\\u00a044',
        '{"said": "call 06\\u00a011\\u00a0223\\u00a0344',
    ]
    others = [
        f'{{"mail": "{world.JOAN}',
        '{"url": "?a=1%202%2e5',
        '{"mail": "anne.canary@clinic.example.com',
        '{"number": "9911223344',
        '{"said": "5\\u00a0rooms',
        "",
        "",
    ]
    lines = [line.encode() for pair in zip(named, others, strict=False) for line in pair]
    data = redacted(paths, "events", "bad.ndjson", b"\n".join([*lines, b"end\xff"]))
    wanted = [b" " * len(line) if line.decode() in named else line for line in lines]
    assert data.split(b"\n") == [*wanted, b"end\xff"]


@pytest.mark.parametrize(("event", "tail"), [(4, world.JOAN), (3, world.JOAN), (None, world.ANNE)])
def test_the_cut_end_of_a_packed_file(paths: Paths, event: int | None, tail: str) -> None:
    """What is behind the last whole line goes where it names her, and where a line changes."""
    other = {**world.EVENTS[0], "anonymousId": "device-joan"}
    lines = [json.dumps(other), json.dumps(other if event is None else world.EVENTS[event])]
    dice = random.Random(1)
    noise = "".join(dice.choices("abcdef01", k=4000))
    text = "".join(f"{line}\n" for line in lines) + f'{{"mail": "{tail}", "x": "{noise}'
    packed = gzip.compress(text.encode())[:-1200]
    assert tail.encode() in zlib.decompressobj(wbits=31).decompress(packed)
    found = gzip.decompress(redacted(paths, "events", "cut.ndjson.gz", packed)).decode()
    first, second, end = found.split("\n")
    assert (first, end) == (lines[0], "")
    assert (second == lines[1]) == (event is None)
    assert world.ANNE not in second


def test_a_file_that_names_nobody_is_not_written(paths: Paths) -> None:
    packed = gzip.compress(json.dumps({**world.EVENTS[0], "anonymousId": "x"}).encode(), 9)
    before = packed[:-20]  # broken, and somebody else's
    assert redacted(paths, "events", "a.ndjson.gz", before) == before
    assert redacted(paths, "events", "b.ndjson.gz", packed) == packed
    surveys = world.SURVEYS.replace(world.ANNE, world.JOAN).encode()
    assert redacted(paths, "surveys", "c.csv", surveys) == surveys


def test_records_over_several_lines_in_packed_csv(paths: Paths) -> None:
    head = "response_id;question_type;email;score;comment;occurred_at\n"
    rows = [
        's0;nps;nobody@x.example;1;"never closed;2026-09-01\n',
        f's1;nps;{world.ANNE};9;"two\nlines, ""quoted""\n";2026-09-01\r\n',
        f's2;nps;{world.JOAN};7;"hers\nask {world.ANNE}\n";2026-09-02\n',
        f"s3;nps;{world.JOAN};7;ask nobody;2026-09-02\n",
        f"s4;nps;{world.ANNE};7;last;2026-09-02",
    ]
    packed = gzip.compress("".join([head, *rows]).encode())
    text = gzip.decompress(redacted(paths, "surveys", "s.csv.gz", packed)).decode()
    assert len(text) == sum(map(len, [head, *rows]))
    lines = text.split("\n")
    assert lines[:2] == [head[:-1], rows[0][:-1]]
    assert [line.strip() for line in lines[2:5]] == ["", "", ""]
    assert lines[5] == rows[2].split("\n")[0] and lines[6].startswith("ask ")
    assert lines[7:9] == ['";2026-09-02', rows[3][:-1]] and not lines[9].strip()
    assert not hits(paths.landing)


def test_records_of_segments_without_lines_do_not_shift_the_others(paths: Paths) -> None:
    segment = segments.Segment(paths.landing, "events")
    own = json.dumps(world.EVENTS[1]).encode()
    kept = [
        Record(world.NOW, "x", KEPT_LINES, [], body, str(number))
        for number, body in enumerate([b"{}", b"", b'{"a": 1}\n\n' + own])
    ]
    segment.append([segments.frame(record) for record in kept], world.NOW)
    path = segment.seal()
    assert path is not None
    stand_ins = StandIns.draw([SUBJECT], world.RING)
    unnamed = StandIns(keys=stand_ins.keys, values=stand_ins.values)
    lines = {path.relative_to(paths.landing).as_posix(): frozenset({4})}
    found = redact(paths.landing, Lake(paths.lake), world.RING, unnamed, lines)
    with open(path, "rb") as handle:
        bodies = [record.body for record in segments.records(handle)]
    assert found.files == 1
    assert bodies[:2] == [b"{}", b""]
    assert bodies[2] == b'{"a": 1}\n\n' + b" " * len(own)


def test_files_larger_than_a_block_have_every_line_looked_at(paths: Paths) -> None:
    dice = random.Random(2)
    events = [
        {**world.EVENTS[dice.choice([0, 3])], "messageId": f"m{n}", "pad": "x" * 900}
        for n in range(6_000)
    ]
    lines = [json.dumps(event).encode() for event in events]
    data = redacted(paths, "events", "many.ndjson.gz", gzip.compress(b"\n".join(lines), 1))
    found = gzip.decompress(data).split(b"\n")
    assert len(found) == len(lines)
    for old, new, event in zip(lines, found, events, strict=True):
        if "anonymousId" in event:
            assert new == b" " * len(old)
        else:
            assert json.loads(new)["messageId"] == event["messageId"]
            assert world.ANNE.encode() not in new
