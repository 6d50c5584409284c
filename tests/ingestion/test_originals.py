"""From a row's file and line back to the bytes it was read from."""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from pathlib import Path

import pytest

from ingestion import landing
from ingestion.originals import Original, originals
from workspace.paths import Paths

AT = datetime(2025, 1, 1)


def landed(paths: Paths, kind: str, source: Path) -> str:
    return landing.land(kind, source, paths.landing, AT).landing_file


def found(paths: Paths, tmp_path: Path, file: str, wanted: dict) -> list[tuple[int, bytes | None]]:
    staging = tmp_path / "staging"
    staging.mkdir(exist_ok=True)
    rows = list(originals({file: wanted}, paths.landing, staging))
    assert list(staging.iterdir()) == [], "what was unpacked is removed"
    assert all(isinstance(row, Original) and row.landing_file == file for row in rows)
    return [(row.landing_line, row.data) for row in rows]


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_lines(paths: Paths, tmp_path: Path, suffix: str) -> None:
    lines = [json.dumps({"messageId": n, "x": " " * (n % 7)}).encode() for n in range(50_000)]
    lines[10] = b"no json"
    data = b"\n".join([*lines[:100], b"", *lines[100:]])
    source = tmp_path / f"events.ndjson{suffix}"
    source.write_bytes(gzip.compress(data) if suffix else data)
    file = landed(paths, "events", source)
    wanted = {1: (), 11: (), 101: (), 102: (), 50_001: ()}
    assert found(paths, tmp_path, file, wanted) == [
        (1, lines[0]),
        (11, b"no json"),
        (102, lines[100]),
        (50_001, lines[-1]),
    ]


def test_records_of_a_csv_over_several_lines(paths: Paths, tmp_path: Path) -> None:
    source = tmp_path / "surveys.csv"
    record = b'r1,nps,nps,9,"two\nlines",2025-01-01'
    header = b"response_id,survey,question_type,score,comment,occurred_at"
    source.write_bytes(b"\n".join([header, record, b"r2,nps,nps,8,one,2025-01-01", b""]))
    file = landed(paths, "surveys", source)
    assert found(paths, tmp_path, file, {2: (), 4: ()}) == [
        (2, record),
        (4, b"r2,nps,nps,8,one,2025-01-01"),
    ]


def test_of_a_page_only_the_objects_asked_for(paths: Paths, tmp_path: Path) -> None:
    one, two = b'{"id": "1",  "properties": {}}', b'{"id": "2", "properties": {}}'
    source = tmp_path / "contacts.ndjson"
    source.write_bytes(b'{"results": [' + one + b", " + two + b"]}\n" + one + b"\n")
    file = landed(paths, "crm", source)
    assert found(paths, tmp_path, file, {1: {"2"}, 2: {"1"}}) == [(1, two), (2, one)]


def test_a_file_that_is_gone(paths: Paths, tmp_path: Path) -> None:
    assert found(paths, tmp_path, "events/nowhere.ndjson", {3: (), 1: ()}) == [(1, None), (3, None)]
