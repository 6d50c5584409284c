"""Packs: whole and pseudonymous, made beside readers, opened by a plain client, verified."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from reverse_etl.packing import PackError, pack, verify, writer
from reverse_etl.publish import Catalogue, NothingPublished, Relation, publish
from workspace.paths import Paths

AT = datetime(2026, 1, 1)
RELATIONS = [
    Relation(
        "marts",
        "dim_contacts",
        "One row per contact.",
        {"contact_id": "Id of a contact.", "note": "What was said."},
    ),
    Relation("marts", "fct_events", "One row per event."),
    Relation("marts", "nothing", "One row per nothing."),
    Relation(
        "marts",
        "own",
        "One row per own.",
        {},
        None,
        {"shown": "keep", "ref": "key", "n": "leave_out"},
    ),
    Relation("pii", "people", "One row per person."),
]


def publish_some(paths: Paths, contacts: int = 3, second: int = 0) -> None:
    paths.warehouse.unlink(missing_ok=True)
    with duckdb.connect(str(paths.warehouse)) as connection:
        connection.execute(
            f"""
            create schema marts; create schema pii;
            create table marts.dim_contacts as
                select 'c' || range as contact_id, 'Dr Ann Bee ' || range as note,
                    'FR' as country, range as age_years, 1.5::decimal(18, 4) as spend_eur,
                    case range when 1 then 'who: ann@example.com' else 'web' end as channel
                from range({contacts});
            create table marts.fct_events as
                select 'c' || range % {contacts} as contact_id, 'm' || range as message_id,
                    'page' as event, timestamp '2026-01-01' as occurred_at, ['x'] as tags
                from range(100);
            create table marts.nothing (note varchar);
            create table marts.own as select 'a' as shown, 'c1' as ref, 'b' as other, 1 as n;
            create table pii.people as select 'c1' as contact_id, 'ann@example.com' as email;
            """
        )
    at = AT.replace(second=second)
    facts = {"as_of": "2026-01-01T00:00:00Z", "snapshot_id": "s", "run_id": "r"}
    publish(paths.warehouse, paths, Catalogue(RELATIONS), at, facts)


@pytest.fixture
def published(paths: Paths) -> Paths:
    publish_some(paths)
    return paths


@pytest.fixture
def definitions(tmp_path: Path) -> Path:
    folder = tmp_path / "marketing"
    (folder / "templates" / "hello").mkdir(parents=True)
    (folder / "caps.yml").write_text("caps: []\n")
    (folder / "senders.yml").write_text("name: Ann Bee\n")
    (folder / "templates" / "hello" / "subject.txt").write_text("Hello from bee@example.com")
    (folder / "logo.png").write_bytes(b"\x89PNG")
    return folder


def make(paths: Paths, definitions: Path, name: str, whole: bool = False) -> Path:
    target = paths.root.parent / name
    pack(paths, definitions, target, AT, "ann", whole)
    return target


def ask(path: Path, query: str) -> list[tuple]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_a_whole_pack_is_the_published_version(published: Paths, definitions: Path) -> None:
    file = make(published, definitions, "whole.duckdb", whole=True)
    views = published.published / "marketing.duckdb"
    for name in ("dim_contacts", "fct_events", "nothing", "own"):
        query = f"select * from marts.{name} order by all"
        assert ask(file, query) == ask(views, query)
    assert ask(file, "select * from pii.people") == [("c1", "ann@example.com")]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    comments = "select comment from duckdb_columns() where table_name = 'dim_contacts'"
    assert ("Id of a contact.",) in ask(file, comments)
    tables = "select comment from duckdb_tables() where table_name = 'fct_events'"
    assert ask(file, tables) == [("One row per event.",)]


def test_the_manifest_says_what_it_is(published: Paths, definitions: Path) -> None:
    file = make(published, definitions, "p.duckdb")
    columns = "kind, version, as_of, snapshot_id, run_id, made_at, made_by, tables"
    assert ask(file, f"select {columns} from pack.manifest") == [
        (
            *("pseudonymous", "v20260101T000000000000Z", "2026-01-01T00:00:00Z", "s", "r"),
            *("2026-01-01T00:00:00Z", "ann", 4),
        )
    ]
    counts = "select table_name, \"rows\" from pack.tables where schema_name = 'marts'"
    assert dict(ask(file, counts)) == {"dim_contacts": 3, "fct_events": 100, "nothing": 0, "own": 1}
    told = "select path, text, reason from pack.definitions order by path"
    assert ask(file, told) == [
        ("caps.yml", "caps: []\n", None),
        ("logo.png", None, "not a text"),
        ("senders.yml", None, "names people or organisations"),
        ("templates/hello/subject.txt", None, "holds an address"),
    ]


def test_a_pseudonymous_pack_names_nobody(published: Paths, definitions: Path) -> None:
    file = make(published, definitions, "p.duckdb")
    assert ask(file, "select distinct schema_name from duckdb_tables() order by 1") == [
        ("marts",),
        ("pack",),
    ]
    left = "select table_name, column_name, reason from pack.columns where treatment = 'left_out'"
    assert set(ask(file, left)) == {
        ("dim_contacts", "note", "may name somebody"),
        ("dim_contacts", "channel", "holds an address"),
        ("fct_events", "tags", "may name somebody"),
        ("nothing", "note", "may name somebody"),
        ("own", "other", "may name somebody"),
        ("own", "n", "by its meta.pack"),
    }
    assert ask(file, "select country, age_years from marts.dim_contacts where age_years = 1") == [
        ("FR", 1)
    ]
    assert ask(file, "describe marts.nothing")[0][0] == "is_row"
    assert b"ann@example" not in file.read_bytes() and b"Ann Bee" not in file.read_bytes()


def test_ids_join_within_a_pack_and_never_between_two(published: Paths, definitions: Path) -> None:
    first, second = (make(published, definitions, f"{n}.duckdb") for n in (1, 2))
    joined = "select count(*) from marts.fct_events join marts.dim_contacts using (contact_id)"
    assert ask(first, joined) == [(100,)]
    assert ask(first, "select count(*) from marts.own, marts.dim_contacts where ref = contact_id")
    ids = "select contact_id from marts.dim_contacts"
    one, two = set(ask(first, ids)), set(ask(second, ids))
    assert len(one) == len(two) == 3 and not one & two
    assert not one & set(ask(published.published / "marketing.duckdb", ids))
    assert all(len(value) == 32 for (value,) in one)


def test_nothing_is_replaced(published: Paths, definitions: Path, tmp_path: Path) -> None:
    target = tmp_path / "mine.duckdb"
    target.write_text("precious")
    with pytest.raises(PackError, match="is there already"):
        pack(published, definitions, target, AT, "ann")
    assert target.read_text() == "precious"
    assert not list(tmp_path.glob(".mine*"))


def test_nothing_is_replaced_that_came_meanwhile(
    published: Paths, definitions: Path, tmp_path: Path
) -> None:
    target = tmp_path / "mine.duckdb"
    with pytest.raises(PackError, match="is there already"):
        pack(
            published,
            definitions,
            target,
            AT,
            "ann",
            progress=lambda *_: None if target.exists() else [target.write_text("precious")][0:0],
        )
    assert target.read_text() == "precious"
    assert not list(tmp_path.glob(".mine*"))


def test_a_pack_that_fails_leaves_nothing(
    published: Paths, definitions: Path, tmp_path: Path
) -> None:
    version = (published.published / "current").resolve()
    os.chmod(version / "fct_events", 0o755)
    (version / "fct_events" / "all.parquet").unlink()
    with pytest.raises(duckdb.IOException):
        pack(published, definitions, tmp_path / "p.duckdb", AT, "ann")
    assert not list(tmp_path.glob("*.duckdb*")) and not list(tmp_path.glob(".p.duckdb*"))


@pytest.mark.parametrize("table", ["dim_contacts", "own"])
def test_a_killed_pack_is_none_and_the_next_one_clears_up(
    published: Paths, definitions: Path, tmp_path: Path, table: str
) -> None:
    target = tmp_path / "p.duckdb"
    child = os.fork()
    if child == 0:

        def die(name: str, *_: int) -> None:
            if name == table:
                os.kill(os.getpid(), signal.SIGKILL)

        pack(published, definitions, target, AT, "ann", whole=True, progress=die)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert not target.exists()
    (left,) = (path for path in tmp_path.glob(".p.duckdb.*") if not path.name.endswith(".wal"))
    assert stat.S_IMODE(left.stat().st_mode) == 0o600
    pack(published, definitions, target, AT, "ann", whole=True)
    assert verify(target).faults == [] and not list(tmp_path.glob(".p.duckdb.*"))


def test_without_a_publish_there_is_nothing_to_pack(paths: Paths, definitions: Path) -> None:
    with pytest.raises(NothingPublished):
        pack(paths, definitions, paths.root.parent / "p.duckdb", AT, "ann")


def test_it_is_one_version_whatever_is_published_meanwhile(
    published: Paths, definitions: Path, tmp_path: Path
) -> None:
    seen = []

    def meanwhile(name: str, rows: int, total: int) -> None:
        if not seen:
            publish_some(published, contacts=50, second=1)
        seen.append((name, rows, total))

    file = tmp_path / "p.duckdb"
    done = pack(published, definitions, file, AT, "ann", whole=True, progress=meanwhile)
    assert done.version == "v20260101T000000000000Z"
    assert ask(file, "select count(*) from marts.dim_contacts") == [(3,)]
    assert seen[0] == ("dim_contacts", 3, 104)


def test_a_reader_stays_connected_meanwhile(published: Paths, definitions: Path) -> None:
    with duckdb.connect(str(published.published / "marketing.duckdb"), read_only=True) as reader:
        reader.execute("select count(*) from marts.fct_events").fetchall()
        make(published, definitions, "p.duckdb")
        assert reader.execute("select count(*) from marts.fct_events").fetchall() == [(100,)]


def test_a_plain_client_opens_it(published: Paths, definitions: Path) -> None:
    """Another process, without this project, in another folder."""
    file = make(published, definitions, "a pack.duckdb", whole=True)
    published.published.rename(published.root / "gone")
    asked = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=True);"
        "print(c.execute('select count(*) from marts.fct_events').fetchone()[0])"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", asked, str(file)],
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "100\n"


@pytest.mark.parametrize("whole", [True, False])
def test_a_pack_verifies_until_it_is_changed(
    published: Paths, definitions: Path, whole: bool
) -> None:
    file = make(published, definitions, "p.duckdb", whole)
    assert verify(file).faults == []
    for statement, fault in [
        ("update marts.dim_contacts set age_years = 7 where age_years = 2", "has other rows"),
        ("delete from marts.fct_events where rowid = 5", "99 rows, and had 100"),
        ("create table marts.more as select 1 as x", "marts.more was added"),
        ("drop table marts.own", "marts.own is missing"),
        ("update pack.definitions set text = 'caps: none' where path = 'caps.yml'", "definitions"),
        ("delete from pack.tables where table_name = 'own'", "not what pack.manifest counts"),
    ]:
        os.chmod(file, 0o600)
        with duckdb.connect(str(file)) as connection:
            connection.execute(statement)
        assert any(fault in found for found in verify(file).faults), statement


def test_the_digest_is_of_rows_and_not_of_their_order() -> None:
    with duckdb.connect() as connection:
        connection.execute(
            """
            create table a as from (values (1, 'x'), (2, null), (2, null)) as t (n, s);
            create table b as select * from a order by n desc;
            create table c as from (values (1, 'x'), (3, null), (3, null)) as t (n, s);
            create table d as from (values (1, 'x'), (2, ''), (2, '')) as t (n, s);
            """
        )
        found = [writer.measure(connection, "main", name) for name in "abcd"]
    assert found[0] == found[1]
    assert len({digest for _, digest in found}) == 3


def test_what_is_no_pack_is_told(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database")
    with duckdb.connect(str(tmp_path / "other.duckdb")) as connection:
        connection.execute("create table t as select 1 as x")
    for name in ("missing", "text", "other.duckdb"):
        with pytest.raises(PackError):
            verify(tmp_path / name)
