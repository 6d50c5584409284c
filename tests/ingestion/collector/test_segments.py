"""Segments: whole records or none, whatever ends the writer."""

from __future__ import annotations

import errno
import os
import threading
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.collector import segments
from ingestion.collector.segments import MAGIC, Record, Segment, frame, records
from workspace import durable

NOW = datetime(2026, 6, 1, 12, 0, 0, 123456)


def record(body: bytes = b"{}", at: datetime = NOW) -> Record:
    return Record(at, "web", "/v1/track", [(b"content-type", b"application/json")], body)


def read(path: Path) -> list[Record]:
    with open(path, "rb") as handle:
        return list(records(handle))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5), st.data())
def test_any_cut_leaves_the_whole_records_before_it(
    bodies: list[bytes], data: st.DataObject
) -> None:
    import io

    frames = [frame(record(body)) for body in bodies]
    whole = MAGIC + b"".join(frames)
    cut = data.draw(st.integers(0, len(whole)))
    found = [r.body for r in records(io.BytesIO(whole[:cut]))]
    ends = [len(MAGIC) + sum(map(len, frames[: i + 1])) for i in range(len(frames))]
    assert found == bodies[: sum(end <= cut for end in ends)]


def test_a_changed_byte_ends_the_segment(tmp_path: Path) -> None:
    frames = [frame(record(b"first")), frame(record(b"second"))]
    data = bytearray(MAGIC + b"".join(frames))
    data[-1] ^= 1
    (tmp_path / "x").write_bytes(data)
    assert [r.body for r in read(tmp_path / "x")] == [b"first"]


def test_sealing_hands_a_landed_file_over(tmp_path: Path) -> None:
    segment = Segment(tmp_path, "events")
    segment.append([frame(record(b"a"))], NOW)
    segment.append([frame(record(b"b"))], NOW)
    target = segment.seal()
    assert target is not None and target.parent == tmp_path / "events"
    assert target.name.startswith("20260601T120000123456Z__")
    assert read(target) == [record(b"a"), record(b"b")]
    from hashlib import sha256

    assert sha256(target.read_bytes()).hexdigest()[:12] in target.name
    assert not list(segments.open_folder(tmp_path).glob("*.segment"))


def test_an_empty_segment_leaves_nothing(tmp_path: Path) -> None:
    assert Segment(tmp_path, "events").seal() is None
    Segment(tmp_path, "events").abandon()
    assert segments.seal_abandoned(tmp_path, "events") == []
    assert not list(tmp_path.rglob("*.segment"))


def test_a_live_segment_is_left_alone_and_a_dead_one_sealed(tmp_path: Path) -> None:
    live, dead = Segment(tmp_path, "events"), Segment(tmp_path, "events")
    for segment in (live, dead):
        segment.append([frame(record(segment.path.name.encode()))], NOW)
    with open(dead.path, "ab") as handle:
        handle.write(frame(record(b"never acknowledged"))[:-3])
    dead.abandon()
    (sealed,) = segments.seal_abandoned(tmp_path, "events")
    assert [r.body for r in read(sealed)] == [dead.path.name.encode()]
    assert segments.seal_abandoned(tmp_path, "events") == []
    assert live.path.exists()
    live.append([frame(record(b"more"))], NOW)
    sealed = live.seal()
    assert sealed is not None and len(read(sealed)) == 2


def test_abandoned_or_sealed_the_name_is_the_same(tmp_path: Path) -> None:
    names = []
    for way in ("sealed", "abandoned"):
        segment = Segment(tmp_path / way, "events")
        segment.append([frame(record(b"a")), frame(record(b"b"))], NOW)
        if way == "sealed":
            target = segment.seal()
            assert target is not None
        else:
            segment.abandon()
            (target,) = segments.seal_abandoned(tmp_path / way, "events")
        names.append(target.name)
    assert names[0] == names[1]


def test_a_run_asks_for_rotation_and_waits(tmp_path: Path) -> None:
    segment = Segment(tmp_path, "events")
    segment.append([frame(record())], NOW)
    segment.opened -= 1
    assert not segment.is_due(1 << 30, 3600)

    def worker() -> None:
        while not segment.is_due(1 << 30, 3600):
            pass
        segment.seal()

    thread = threading.Thread(target=worker)
    thread.start()
    segments.request_rotation(tmp_path, "events", seconds=10)
    assert [file.name for file in (tmp_path / "events").iterdir()]
    thread.join()


def test_rotation_by_size_and_age(tmp_path: Path) -> None:
    segment = Segment(tmp_path, "events")
    assert not segment.is_due(1, 0), "an empty segment is never due"
    segment.append([frame(record(b"x" * 100))], NOW)
    assert segment.is_due(100, 3600)
    assert segment.is_due(1 << 30, 0)
    assert not segment.is_due(1 << 30, 3600)


@pytest.mark.parametrize("call", ["write", "fdatasync"])
def test_a_failing_disk_leaves_whole_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    segment = Segment(tmp_path, "events")
    segment.append([frame(record(b"kept"))], NOW)
    real = os.write

    def broken(fd: int, data: bytes = b"") -> int:
        if call == "write":
            real(fd, bytes(data)[:7])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, broken)
    with pytest.raises(OSError, match="No space"):
        segment.append([frame(record(b"refused"))], NOW)
    monkeypatch.undo()
    segment.abandon()
    (sealed,) = segments.seal_abandoned(tmp_path, "events")
    assert [r.body for r in read(sealed)] == [b"kept"]


def test_a_run_between_making_and_locking_takes_nothing_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file without its lock looks abandoned; what is then written to it must not be lost."""
    real, calls = segments.fcntl.flock, []

    def late(fd: int, how: int) -> None:
        if not calls:
            calls.append(fd)
            segments.seal_abandoned(tmp_path, "events")
        real(fd, how)

    monkeypatch.setattr(segments.fcntl, "flock", late)
    segment = Segment(tmp_path, "events")
    segments.seal_abandoned(tmp_path, "events")
    segment.append([frame(record(b"kept"))], NOW)
    target = segment.seal()
    assert target is not None
    assert [r.body for r in read(target)] == [b"kept"]


def test_what_a_kill_left_before_the_lock_goes_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = durable.make_folder(segments.open_folder(tmp_path)) / "events.1.new"
    left.write_bytes(b"")
    segments.seal_abandoned(tmp_path, "events")
    assert left.exists()
    os.utime(left, (0, 0))
    segments.seal_abandoned(tmp_path, "events")
    assert not left.exists()


def test_a_full_disk_leaves_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    Segment(tmp_path, "events").seal()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        Segment(tmp_path, "events")
    monkeypatch.undo()
    assert list(segments.open_folder(tmp_path).iterdir()) == []


def test_a_run_does_not_wait_for_an_empty_segment(tmp_path: Path) -> None:
    segment = Segment(tmp_path, "events")
    segment.opened -= 1
    (segment.path.parent / "rotate").touch()
    assert segment.is_due(1 << 30, 3600)
    assert segment.seal() is None
