"""Landing: exact bytes, names, files dropped by hand, and what waits to be loaded."""

from __future__ import annotations

import os
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import pytest

from ingestion import IngestError, ingest_files, landing, load, load_pending, receipts
from ingestion.landing import land, landed, pending
from ingestion.loading import suite_results
from tests.ingestion.conftest import KEYRING, LANDED_AT, Desk, as_bytes, event


def drop(desk: Desk, kind: str, name: str, data: bytes, at: datetime) -> Path:
    """What a user does who copies a file into the landing folder."""
    path = desk.landing / kind / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    seconds = (at - datetime(1970, 1, 1)).total_seconds()
    os.utime(path, (seconds, seconds))
    return path


def test_the_bytes_and_the_name(desk: Desk, tmp_path: Path) -> None:
    data = os.urandom(3 << 20)
    source = tmp_path / "Été 2026.ndjson"
    source.write_bytes(data)
    file = land("events", source, desk.landing, LANDED_AT)
    assert file.path.read_bytes() == data
    assert file.sha256 == sha256(data).hexdigest()
    assert file.path.name == f"20260601T000000000000Z__{file.sha256[:12]}___t_2026.ndjson"
    assert file.landing_file == f"events/{file.path.name}"
    assert file.file_name == "_t_2026.ndjson"
    assert (file.received_at, file.size_bytes) == (LANDED_AT, len(data))
    assert not list((desk.landing / ".staging").iterdir())
    again = landed("events", file.path, desk.landing)
    assert again.batch == file.batch == file.path.name
    assert again.received_at == LANDED_AT


def test_files_dropped_by_hand(desk: Desk) -> None:
    at = datetime(2026, 5, 20, 12)
    drop(desk, "events", "my file.ndjson", as_bytes([event("m1"), event("m2")]), at)
    drop(desk, "events", ".hidden", b"", at)
    (file,) = pending("events", desk.landing, desk.lake)
    assert file.received_at == at
    (result,) = load_pending("events", desk.landing, desk.lake, KEYRING, guard=False)
    assert (result.good, result.landed_at) == (2, at)
    assert result.landing_file == "events/my file.ndjson"
    assert pending("events", desk.landing, desk.lake) == []
    assert load_pending("events", desk.landing, desk.lake, KEYRING) == []
    # Other content under the same name is another file.
    later = datetime(2026, 5, 21)
    drop(desk, "events", "my file.ndjson", as_bytes([event("m2"), event("m3")]), later)
    (result,) = load_pending("events", desk.landing, desk.lake, KEYRING, guard=False)
    assert (result.good, result.duplicate) == (1, 1)


def test_a_name_that_only_looks_landed(desk: Desk) -> None:
    at = datetime(2026, 5, 20)
    name = "20269901T000000000000Z__0123456789ab__x.ndjson"
    drop(desk, "events", name, as_bytes([event("m1")]), at)
    (file,) = pending("events", desk.landing, desk.lake)
    assert file.received_at == at


def test_pending_files_load_in_the_order_of_receipt(desk: Desk) -> None:
    drop(desk, "content", "b.csv", b"content_id,title\n1,second\n", datetime(2026, 5, 2))
    drop(desk, "content", "a.csv", b"content_id,title\n1,third\n", datetime(2026, 5, 3))
    drop(desk, "content", "c.csv", b"content_id,title\n1,first\n", datetime(2026, 5, 1))
    results = load_pending("content", desk.landing, desk.lake, KEYRING, guard=False)
    assert [result.file_name for result in results] == ["c.csv", "b.csv", "a.csv"]
    assert [r["title"] for r in desk.rows("content_items")] == ["first", "second", "third"]
    assert load_pending("crm", desk.landing, desk.lake, KEYRING) == []


def test_a_refused_file_stops_no_other(desk: Desk) -> None:
    drop(desk, "content", "bad.csv", b"name,words\n1,x\n", datetime(2026, 5, 1))
    drop(desk, "content", "good.csv", b"content_id,title\n1,x\n", datetime(2026, 5, 2))
    bad, good = load_pending("content", desk.landing, desk.lake, KEYRING, guard=False)
    assert (bad.received, bad.bad, bad.refused) == (1, 1, True)
    assert desk.rejected(bad) == [(1, "refused_file", "content_id")]
    assert "no column 'id'" in desk.rejected_rows()[0]["detail"]
    assert good.good == 1
    assert load_pending("content", desk.landing, desk.lake, KEYRING) == []
    assert receipts(desk.lake)["bad"].to_pylist() == [1, 0]


def test_a_file_that_is_still_being_written_waits(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = drop(desk, "events", "f.ndjson", as_bytes([event("m1")]), datetime(2026, 5, 1))
    real = landing.read_unchanged

    def and_more(read: Path) -> object:
        yield from real(read)
        with open(path, "ab") as handle:
            handle.write(as_bytes([event("m2")]))

    monkeypatch.setattr("ingestion.loading.read_unchanged", and_more)
    assert load_pending("events", desk.landing, desk.lake, KEYRING, guard=False) == []
    assert desk.lake.rows("events") == 0
    monkeypatch.undo()
    (result,) = load_pending("events", desk.landing, desk.lake, KEYRING, guard=False)
    assert result.good == 2


def test_loading_a_loaded_file_gives_its_counts(desk: Desk, tmp_path: Path) -> None:
    source = tmp_path / "f.ndjson"
    source.write_bytes(as_bytes([event("m1"), event("m1")]))
    file = land("events", source, desk.landing, LANDED_AT)
    first = load("events", file, desk.lake, KEYRING, guard=False)
    assert load("events", file, desk.lake, KEYRING, guard=False) == first
    assert desk.lake.rows("events") == 1


def test_several_files_land_one_after_the_other(desk: Desk, tmp_path: Path) -> None:
    paths = []
    for name in ("a.csv", "b.csv"):
        paths.append(tmp_path / name)
        paths[-1].write_text(f"content_id,title\n1,{name}\n")
    results = ingest_files(
        "content", paths, desk.landing, desk.lake, KEYRING, now=lambda: LANDED_AT, guard=False
    )
    assert [result.good for result in results] == [1, 1]  # a restatement, not a conflict
    assert results[0].landed_at < results[1].landed_at
    with pytest.raises(ValueError, match="unknown kind 'pigeons'"):
        ingest_files("pigeons", paths, desk.landing, desk.lake, KEYRING)


def test_the_column_mapping_is_kept_with_the_file(desk: Desk, tmp_path: Path) -> None:
    """A load that was interrupted reads the file the same way later."""
    source = tmp_path / "old.csv"
    source.write_text("ID,MAIL\n1,a@b.example\n")
    mapping = {"ID": "external_id", "MAIL": "email"}
    land("contacts", source, desk.landing, LANDED_AT, mapping)
    (result,) = load_pending("contacts", desk.landing, desk.lake, KEYRING, guard=False)
    assert result.good == 1
    assert result.column_map == mapping
    # Read another way, the same bytes are another file.
    other = {"ID": "external_id", "MAIL": "phone"}
    land("contacts", source, desk.landing, datetime(2026, 6, 2), other)
    (result,) = load_pending("contacts", desk.landing, desk.lake, KEYRING, guard=False)
    assert (result.good, result.same_as) == (1, None)


def test_a_refused_file_leaves_nothing(desk: Desk) -> None:
    with pytest.raises(IngestError):
        desk.ingest("contacts", b"x,y\n", name="f.csv", column_map={"x": "email"})
    assert not [path for path in desk.landing.rglob("*") if path.is_file()]
    assert suite_results(desk.lake, "contacts") == []
