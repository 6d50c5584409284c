"""People are found in every kind of file of a workspace; what cannot be read is told."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import pickle
import random
import sqlite3
import subprocess
import sys
import tarfile
import zipfile
import zlib
from contextlib import closing
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reverse_etl.privacy import contents, scanning
from reverse_etl.privacy.forms import Identifier
from reverse_etl.privacy.scanning import Hit, scan

ADDRESS = "anna.canary@example.fr"
ANNA = Identifier("email", ADDRESS)
OTHERS = [Identifier("email", f"nobody{n}@example.fr") for n in range(3)]


def places(root: Path) -> set[tuple[str, str]]:
    answer = scan(root, [*OTHERS, ANNA])
    assert not answer.unread
    assert {hit.identifier for hit in answer.hits} <= {len(OTHERS)}
    assert ADDRESS not in repr(answer)
    return {(hit.path, hit.place) for hit in answer.hits}


@pytest.mark.parametrize("codec", ["zstd", "snappy", "gzip", "none"])
def test_parquet_is_read_by_column(tmp_path: Path, codec: str) -> None:
    filler = [f"person{n}@example.fr" for n in range(2000)]
    nested = [{"a": [{"b": value}]} for value in [*filler, ADDRESS]]
    table = pa.table(
        {
            "clean": [*filler, "x"],
            "plain": [*filler, f'{{"to":"{ADDRESS}"}}'],
            "packed": [b"x"] * len(filler) + [gzip.compress(ADDRESS.encode())],
            "nested": pa.array(nested),
            "named": pa.array(["a", ADDRESS] * 1000 + ["a"]).dictionary_encode(),
        }
    )
    pq.write_table(table, tmp_path / "f.parquet", compression=codec, write_statistics=False)
    found = {place for _, place in places(tmp_path) if place != "bytes"}
    assert found == {"plain", "packed: gzip: bytes", "nested", "named"}


def test_a_database_is_read_by_row_and_by_what_deleting_leaves(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as database:
        database.execute("pragma secure_delete = off")
        database.execute("create table t (id integer, said text, packed blob)")
        rows = [(1, "x", zlib.compress(ADDRESS.encode())), (2, f"Hi {ADDRESS}", None)]
        database.executemany("insert into t values (?, ?, ?)", rows)
        database.commit()
        assert places(tmp_path) == {
            ("a.db", "t.said"), ("a.db", "t.packed: zlib: bytes"), ("a.db", "bytes")
        }  # fmt: skip
        database.execute("delete from t")
        database.commit()
    assert places(tmp_path) == {("a.db", "bytes")}
    with closing(sqlite3.connect(tmp_path / "a.db")) as database:
        database.execute("vacuum")
    assert places(tmp_path) == set()


def test_in_a_database_too_another_is_not_taken_for_a_person(tmp_path: Path) -> None:
    """Its bytes have no mark between values, so its rows tell what is a longer address."""
    with closing(sqlite3.connect(tmp_path / "a.db")) as database:
        database.execute("pragma secure_delete = off")
        database.execute("create table t (a text, b text)")
        database.execute("insert into t values ('jo', ?)", (f"jo{ADDRESS}",))
        database.commit()
        assert places(tmp_path) == set()
        database.execute("insert into t values ('sure', ?)", (ADDRESS,))
        database.execute("delete from t where a = 'sure'")
        database.commit()
    assert places(tmp_path) == {("a.db", "bytes")}


def test_what_a_database_has_not_written_back_is_found(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as database:
        database.execute("pragma journal_mode = wal")
        database.execute("create table t (a text)")
        database.execute("insert into t values (?)", (ADDRESS,))
        database.commit()
        assert ("a.db", "t.a") in places(tmp_path)
        assert ("a.db-wal", "bytes") in places(tmp_path)


def test_a_warehouse_is_read_table_by_table(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "w.duckdb") as warehouse:
        warehouse.execute(
            f"""create schema staging;
            create table staging.t as select range as id, 'person' || range || '@example.fr' as a,
                {{'x': ['y' || range, if(range = 7, '{ADDRESS}', null)]}} as b,
                if(range = 9, '{{"to":"{ADDRESS}"}}', '{{}}')::json as c, 'secret'::blob as d
            from range(100000)"""
        )
    found = places(tmp_path)
    assert {("w.duckdb", "staging.t.b"), ("w.duckdb", "staging.t.c")} <= found
    assert ("w.duckdb", "staging.t.a") not in found


def test_in_a_warehouse_another_is_not_taken_for_a_person(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "w.duckdb") as warehouse:
        for table in ("t", "u", "v"):
            warehouse.execute(f"create table {table} as select 'jo{ADDRESS}' as a, 1 as b")
    assert places(tmp_path) == set()


def test_archives_are_read_as_folders(tmp_path: Path) -> None:
    inner = io.BytesIO()
    pq.write_table(pa.table({"a": [ADDRESS]}), inner, compression="zstd")
    with tarfile.open(tmp_path / "pack.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("lake/a.parquet")
        member.size = len(inner.getvalue())
        archive.addfile(member, io.BytesIO(inner.getvalue()))
    with zipfile.ZipFile(tmp_path / "export.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("contacts.csv", f"email\n{ADDRESS}\n")
    found = places(tmp_path)
    assert ("pack.tar.gz", "lake/a.parquet: a") in found
    assert ("export.zip", "contacts.csv: bytes") in found


def test_a_files_name_is_not_repeated(tmp_path: Path) -> None:
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / f"{ADDRESS}.txt").write_text(f"to {ADDRESS}")
    assert places(tmp_path) == {("lists/…", "name"), ("lists/…", "bytes")}


def test_a_file_with_two_names_is_read_once_and_told_twice(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(ADDRESS)
    os.link(tmp_path / "a", tmp_path / "b")
    (tmp_path / "c").symlink_to(tmp_path / "a")
    answer = scan(tmp_path, [ANNA])
    assert answer.hits == [Hit("a", "bytes", 0, "plain", 1), Hit("b", "bytes", 0, "plain", 1)]
    assert answer.scanned_bytes == len(ADDRESS)


@pytest.mark.parametrize("cut", [-3, -1, 0, 1, len(ADDRESS) // 2, len(ADDRESS), 120, 200, 400])
def test_nothing_is_lost_or_counted_twice_between_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    monkeypatch.setattr(contents, "PIECE_BYTES", 5000)
    monkeypatch.setattr(contents, "_STREAM_BYTES", 5000)
    (tmp_path / "a").write_bytes(b" " * (5000 - cut) + ADDRESS.encode() + b" " * 9000)
    table = pa.table({"a": [" " * (5000 - cut) + ADDRESS + " " * 9000]})
    pq.write_table(table, tmp_path / "b.parquet", compression="zstd", write_statistics=False)
    (tmp_path / "c.gz").write_bytes(gzip.compress((tmp_path / "a").read_bytes()))
    answer = scan(tmp_path, [ANNA])
    counts = {(hit.path, hit.place): hit.count for hit in answer.hits}
    counts.pop(("b.parquet", "bytes"), None)  # a short text stands in its page as it is
    assert counts == {
        ("a", "bytes"): 1, ("b.parquet", "a"): 1, ("c.gz", "gzip: bytes"): 1
    }  # fmt: skip


@pytest.mark.parametrize(
    "data", [b"PAR1 this is none", b"SQLite format 3\0" + b"x" * 200, b"12345678DUCK" + b"x" * 9000]
)
def test_what_cannot_be_read_is_told_and_its_bytes_are_read(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "broken").write_bytes(data + f" {ADDRESS} ".encode())
    answer = scan(tmp_path, [ANNA])
    assert [path for path, _ in answer.unread] == ["broken"]
    assert [(hit.path, hit.place) for hit in answer.hits] == [("broken", "bytes")]
    assert not answer.is_clean


def test_a_warehouse_that_somebody_writes_is_told_as_unread(tmp_path: Path) -> None:
    (tmp_path / "open.py").write_text(
        "import duckdb, sys\nopened = duckdb.connect(sys.argv[1])\n"
        "opened.execute('create table t as select 1')\nprint('open', flush=True)\ninput()"
    )
    with subprocess.Popen(
        [sys.executable, tmp_path / "open.py", tmp_path / "w.duckdb"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as other:  # fmt: skip
        assert other.stdout is not None and other.stdout.readline()
        answer = scan(tmp_path, [ANNA])
        other.kill()
    assert ("w.duckdb", "IOException") in answer.unread


def test_what_is_left_out_is_left_out(tmp_path: Path) -> None:
    for name in ("keep/a", "skip/b", "c"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(ADDRESS)
    answer = scan(tmp_path, [ANNA], skip=[tmp_path / "skip", tmp_path / "c"])
    assert [hit.path for hit in answer.hits] == ["keep/a"]
    assert [hit.path for hit in scan(tmp_path / "c", [ANNA]).hits] == ["c"]
    with pytest.raises(FileNotFoundError):
        scan(tmp_path / "nowhere", [ANNA])


def test_a_stream_of_several_members_is_read_whole(tmp_path: Path) -> None:
    members = [b"x" * 70_000, ADDRESS.encode(), gzip.compress(ADDRESS.encode()), b"y"]
    (tmp_path / "a.gz").write_bytes(b"".join(map(gzip.compress, members)))
    assert places(tmp_path) == {
        ("a.gz", "gzip: bytes"), ("a.gz", "gzip: gzip: bytes")
    }  # fmt: skip


@pytest.mark.parametrize("left_out", [1, 8, 9, 1000, 60_000])
def test_of_a_broken_stream_is_read_what_is_there(tmp_path: Path, left_out: int) -> None:
    noise = random.Random(left_out).randbytes(100_000).hex().encode()
    packed = gzip.compress(ADDRESS.encode() + b" " + noise)
    (tmp_path / "a.gz").write_bytes(packed[:-left_out])
    assert places(tmp_path) == {("a.gz", "gzip: bytes")}
    broken = bytearray(packed)
    broken[-left_out - 8 :] = b"\xff" * (left_out + 8)
    (tmp_path / "a.gz").write_bytes(broken)
    assert places(tmp_path) == {("a.gz", "gzip: bytes")}


def test_a_packed_mail_and_what_is_packed_in_a_long_stream_are_read(tmp_path: Path) -> None:
    lines = base64.encodebytes(b" " * 40 + ADDRESS.encode() + b" " * 40)
    mail = b"Content-Transfer-Encoding: base64\n\n" + lines
    inner = gzip.compress(ADDRESS.encode())
    for filler in (0, 9 << 20):
        (tmp_path / "a.gz").write_bytes(gzip.compress(b" " * filler + mail + b"\n" + inner))
        assert places(tmp_path) == {
            ("a.gz", "gzip: mail"), ("a.gz", "gzip: gzip: bytes")
        }  # fmt: skip


@pytest.mark.parametrize("threads", [1, 4])
def test_files_are_read_side_by_side_and_told_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    monkeypatch.setattr(scanning, "SIDE_BY_SIDE", threads)
    expected = []
    for number in range(60):
        name = f"{number:02}"
        (tmp_path / name).write_bytes(b" ".join([ADDRESS.encode()] * number) + b" " * number * 999)
        expected += [Hit(name, "bytes", 0, "plain", number)] if number else []
    for name in ("b", "a"):
        (tmp_path / name).write_bytes(b"PAR1")
    sizes: list[int] = []
    answer = scan(tmp_path, [ANNA], progress=sizes.append)
    assert answer.hits == expected
    assert [name for name, _ in answer.unread] == ["a", "b"]
    assert answer.files == len(sizes) == 62
    assert sum(sizes) == answer.scanned_bytes


def test_trouble_with_one_file_ends_a_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []

    def trouble(path: Path, *_: object) -> None:
        read.append(path)
        raise RuntimeError("not foreseen")

    monkeypatch.setattr(contents, "read", trouble)
    for number in range(500):
        (tmp_path / str(number)).touch()
    with pytest.raises(RuntimeError, match="not foreseen"):
        scan(tmp_path, [ANNA])
    assert read


def test_pickles_and_logs_are_bytes(tmp_path: Path) -> None:
    (tmp_path / "x.pickle").write_bytes(pickle.dumps({"address": ADDRESS}))
    (tmp_path / "x.log").write_text(json.dumps({"message": f"Refused: <{ADDRESS}>\n"}))
    assert {path for path, _ in places(tmp_path)} == {"x.pickle", "x.log"}
