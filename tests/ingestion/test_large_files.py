"""Files in chunks: helpers, line numbers across chunks, and the Parquet that comes out."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ingestion import loading, workers
from ingestion.chunks import Origin
from ingestion.workers import Span, Task, plan, read_ndjson
from tests.ingestion.conftest import KEYRING, LANDED_AT, Desk, event

SMALL = {"chunk_bytes": 3000, "parallel_bytes": 0}


def mixed(count: int) -> bytes:
    """Messages with a bad line every 50 and a blank one every 70."""
    lines = []
    for i in range(count):
        if i % 50 == 7:
            lines.append(b'{"bad": %d}' % i)
        elif i % 70 == 9:
            lines.append(b"")
        else:
            lines.append(json.dumps(event(f"m{i}")).encode())
    return b"\n".join(lines)


def flat(chunks: list[Any]) -> tuple[int, list[dict], list[dict]]:
    good = [row for c in chunks for t in c.tables.values() for row in t.to_pylist()]
    bad = [row for c in chunks for row in c.rejected.to_pylist()]
    return sum(c.received for c in chunks), good, bad


@pytest.mark.parametrize("kind", ["events", "crm", "content"])
def test_helpers_change_nothing(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "f.ndjson"
    if kind == "events":
        path.write_bytes(mixed(500))
    elif kind == "crm":
        rows = [
            {"id": i, "objectType": "deals", "updatedAt": "2026-05-01T00:00:00Z"}
            for i in range(300)
        ]
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        path.write_text("".join(f'{{"content_id":"{i}","NAME":"t"}}\n' for i in range(300)))
    task = Task(path, Origin(kind, "k/f", "f.ndjson", LANDED_AT), {"NAME": "title"})
    whole = read_ndjson(task, KEYRING, tmp_path)
    split = read_ndjson(task, KEYRING, tmp_path, chunk_bytes=800, parallel_bytes=0)
    assert len(whole) == 1
    assert len(split) > 8
    assert flat(split) == flat(whole)
    assert [path for path in tmp_path.iterdir() if path.suffix == ".arrow"] == []


def test_a_helper_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "f.ndjson"
    path.write_bytes(mixed(500))
    task = Task(path, Origin("events", "k/f", "f.ndjson", LANDED_AT), {})
    spans = plan(path, path.stat().st_size, 20_000)
    todo, done = deque(enumerate(spans)), {}
    helper = workers._Helper(task, KEYRING, tmp_path, todo, done)
    helper.join()
    helper.close()
    assert sorted(done) == list(range(len(spans)))
    assert not todo


def test_a_helper_that_dies_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f.ndjson"
    path.write_bytes(mixed(500))
    task = Task(path, Origin("events", "k/f", "f.ndjson", LANDED_AT), {})
    expected = flat(read_ndjson(task, KEYRING, tmp_path))
    monkeypatch.setattr(workers.sys, "executable", "/bin/false")
    assert flat(read_ndjson(task, KEYRING, tmp_path, **SMALL)) == expected


def test_serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """What a helper does, in this process."""
    path = tmp_path / "f.ndjson"
    path.write_bytes(mixed(20))
    first = {
        "pepper": KEYRING.pepper.hex(),
        "path": str(path),
        "staging": str(tmp_path),
        "origin": {
            "kind": "events",
            "landing_file": "k/f",
            "file_name": "f",
            "landed_at": LANDED_AT.isoformat(),
        },
        "column_map": {},
    }
    span = {"start": 0, "size": path.stat().st_size, "too_long": False}
    tasks = iter(json.dumps(m) + "\n" for m in (first, span, {"start": "x"}))

    class Input:
        def readline(self) -> str:
            return next(tasks)

        def __iter__(self) -> Any:
            return tasks

    monkeypatch.setattr(workers.sys, "stdin", Input())
    monkeypatch.setattr(workers.sys, "meta_path", list(workers.sys.meta_path))
    workers.serve()
    done, failed = map(json.loads, capsys.readouterr().out.splitlines())
    assert (done["received"], done["lines"]) == (19, 19)
    chunk = workers._read_stored(done)
    assert chunk.tables["events"].num_rows == 18
    assert "TypeError" in failed["error"]


@pytest.mark.parametrize("chunk_bytes", [1, 7, 100, 10_000])
def test_spans_cover_the_file_and_end_at_lines(tmp_path: Path, chunk_bytes: int) -> None:
    path = tmp_path / "f"
    data = b"a\n\nbb\n" + b"c" * 500 + b"\n" + b"d" * 30
    path.write_bytes(data)
    spans = plan(path, len(data), chunk_bytes)
    assert b"".join(data[s.start : s.start + s.size] for s in spans) == data
    for span in spans[:-1]:
        assert data[span.start + span.size - 1 : span.start + span.size] == b"\n"
    assert plan(path, 0, chunk_bytes) == []


def test_a_line_too_long_for_a_chunk(tmp_path: Path) -> None:
    path = tmp_path / "f"
    data = b"a\n" + b"x" * 5_000_000 + b"\nb\n"
    path.write_bytes(data)
    assert plan(path, len(data), 1000) == [
        Span(0, 2),
        Span(2, 5_000_001, too_long=True),
        Span(5_000_003, 2),
    ]


def test_many_rows_are_written_by_two_threads(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "ROW_GROUP_ROWS", 100)
    monkeypatch.setattr(
        loading, "read_ndjson", lambda *a, **k: read_ndjson(*a, **k, chunk_bytes=10_000)
    )
    repeated = mixed(1000) + b"\n" + json.dumps(event("m0")).encode()
    conflict = json.dumps(event("m1", event="Other")).encode()
    result = desk.ingest("events", repeated + b"\n" + conflict)
    assert (result.duplicate, result.quarantined) == (1, 1)
    assert desk.rejected(result)[-1] == (1002, "id_conflict", None)
    assert desk.rejected_rows(result)[-1]["original"] == conflict
    written = [pq.read_metadata(path) for path in desk.lake.files("events")]
    assert len(written) == 2 and all(file.num_row_groups > 1 for file in written)
    assert sum(file.num_rows for file in written) == result.good == desk.lake.rows("events")
    lines = desk.column("events", "landing_line")
    assert lines == sorted(lines)
    ids = desk.column("events", "message_id")
    assert ids[:3] == ["m0", "m1", "m2"]
    assert [int(i[1:]) + 1 for i in ids] == lines
