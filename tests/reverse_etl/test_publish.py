"""Publishing: versions, views, links, rollback, and readers that never meet the pipeline."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from reverse_etl.publish import (
    Catalogue,
    Made,
    NothingPublished,
    Relation,
    ensure_root,
    fingerprints,
    publish,
    publish_as_of,
    publisher,
    read_catalogue,
    rollback,
)
from reverse_etl.publish import reader as questions
from workspace.paths import Paths

AT = datetime(2026, 1, 1)


@pytest.fixture(autouse=True)
def months_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """The facts of these tests are few, and split all the same."""
    monkeypatch.setattr(publisher, "MONTHLY_ROWS", 1)


CATALOGUE = Catalogue(
    [
        Relation("marts", "numbers", "One row per number's n.", {"n": "The number."}),
        Relation("marts", "facts", "One row per fact.", {}, month_column="day"),
        Relation("marts", "nothing", "One row per nothing."),
        Relation("pii", "people", "One row per person."),
    ]
)


def warehouse(paths: Paths, n: int = 3, january: int = 10) -> Path:
    paths.warehouse.unlink(missing_ok=True)
    with duckdb.connect(str(paths.warehouse)) as connection:
        connection.execute(
            f"""
            create schema marts; create schema pii;
            create table marts.numbers as
                select range as n, range / 3 as third, range % 2 as month from range({n});
            create table marts.facts as
                select date '2026-01-01' + (range % 31)::int as day, range as x
                from range({january})
                union all select date '2026-02-01', 1 union all select null, 2;
            create table marts.nothing (a integer, b varchar);
            create table pii.people as select 'ann@example.com' as email;
            """
        )
    return paths.warehouse


def at(number: int) -> datetime:
    return AT + timedelta(seconds=number)


def put(paths: Paths, number: int = 0, **kwargs: int):
    return publish(warehouse(paths, **kwargs), paths, CATALOGUE, at(number), {"as_of": "x"})


def ask(path: Path, query: str) -> list[tuple]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(query).fetchall()


def marketing(paths: Paths) -> Path:
    return paths.published / "marketing.duckdb"


def test_readers_see_views_types_and_comments(paths: Paths) -> None:
    done = put(paths)
    assert done.rows == {"numbers": 3, "facts": 12, "nothing": 0}
    assert ask(marketing(paths), "select count(*), sum(n) from marts.numbers") == [(3, 3)]
    assert ask(marketing(paths), "select * from marts.nothing") == []
    assert ask(marketing(paths), "select count(*) from marts.facts where day is null") == [(1,)]
    comments = "select comment from duckdb_columns() where table_name = 'numbers'"
    assert ("The number.",) in ask(marketing(paths), comments)
    views = "select view_name, comment from duckdb_views() where not internal order by 1"
    assert ask(marketing(paths), views)[-1] == ("numbers", "One row per number's n.")


def test_what_identifies_people_lies_apart(paths: Paths) -> None:
    put(paths)
    schemas = "select distinct schema_name from duckdb_views() where not internal"
    assert ask(marketing(paths), schemas) == [("marts",)]
    pii = paths.published_pii / "marketing_pii.duckdb"
    assert ask(pii, "select email from pii.people") == [("ann@example.com",)]
    assert not any(b"ann@example" in p.read_bytes() for p in paths.published.rglob("*.parquet"))


def test_modes(paths: Paths) -> None:
    put(paths)
    modes = {
        path: stat.S_IMODE(path.stat().st_mode)
        for path in (*paths.published.rglob("*"), *paths.published_pii.rglob("*"))
        if not path.is_symlink()
    }
    current = paths.published / "current"
    assert modes[marketing(paths)] == 0o444
    assert modes[(current / "numbers" / "all.parquet").resolve()] == 0o444
    assert modes[current.resolve()] == 0o555
    assert modes[paths.published_pii / "marketing_pii.duckdb"] == 0o400
    assert stat.S_IMODE(paths.published_pii.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_an_unprivileged_reader_reads_marts_and_neither_writes_nor_sees_people(
    paths: Paths,
) -> None:
    put(paths)
    # Let the other user through to the workspace; pytest keeps its own folders closed.
    for folder in (paths.root, *paths.root.parents):
        if folder.name.startswith(("pytest-", "popen-", "test_")) or folder == paths.root:
            folder.chmod(folder.stat().st_mode | 0o055)
    script = f"""
import duckdb, os
os.setgid(65534); os.setuid(65534)
c = duckdb.connect({str(marketing(paths))!r}, read_only=True)
assert c.execute("select count(*) from marts.numbers").fetchone() == (3,)
for sql in ("create table marts.t (a int)",
            "copy (select 1) to '{paths.published}/current/numbers/x.parquet'"):
    try:
        c.execute(sql)
    except Exception:
        continue
    raise SystemExit("could write: " + sql)
try:
    duckdb.connect({str(paths.published_pii / "marketing_pii.duckdb")!r}, read_only=True)
except Exception:
    raise SystemExit(0)
raise SystemExit("could read people")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_locked_reader(paths: Paths) -> None:
    put(paths)
    with duckdb.connect(str(marketing(paths)), read_only=True) as connection:
        connection.execute(f"set allowed_directories = ['{paths.published}/']")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        assert connection.execute("select count(*) from marts.numbers").fetchone() == (3,)
        for refused in (
            "select * from read_text('/etc/passwd')",
            "copy (select 1) to '/tmp/x.csv'",
            f"attach '{paths.published_pii}/marketing_pii.duckdb'",
            "set enable_external_access = true",
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(refused)


def test_unchanged_parts_are_links(paths: Paths) -> None:
    put(paths, 0)
    again = put(paths, 1)
    assert (again.written, again.linked) == (0, 5)
    changed = put(paths, 2, january=11)
    assert changed.linked == 4 and changed.written == 1
    folder = changed.folder / "facts"
    assert sorted(p.name for p in folder.iterdir()) == [
        "2026-01.parquet",
        "2026-02.parquet",
        "undated.parquet",
    ]
    assert (folder / "2026-01.parquet").stat().st_nlink == 1
    assert (folder / "2026-02.parquet").stat().st_nlink > 1
    assert ask(marketing(paths), "select count(*) from marts.facts") == [(13,)]


def test_three_versions_are_kept_and_rollback_goes_back(paths: Paths) -> None:
    with pytest.raises(NothingPublished, match="marketing run"):
        rollback(paths)
    for number in range(5):
        put(paths, number, n=number)
    assert len([p for p in paths.published.glob("v*") if p.is_dir()]) == 3
    count = "select count(*) from marts.numbers"
    assert ask(marketing(paths), count) == [(4,)]
    rollback(paths)
    assert ask(marketing(paths), count) == [(3,)]
    rollback(paths)
    assert ask(marketing(paths), count) == [(2,)]
    with pytest.raises(NothingPublished, match="oldest"):
        rollback(paths)
    put(paths, 9, n=9)
    assert ask(marketing(paths), count) == [(9,)]


def test_rollback_passes_over_what_a_killed_publish_left(paths: Paths) -> None:
    first = put(paths, 0)
    last = put(paths, 1)
    shutil.copytree(first.folder, first.folder.with_name(f"{first.version}b"), symlinks=True)
    assert last.version > f"{first.version}b"
    assert rollback(paths) == first.version


def test_rollback_over_a_change_of_columns(paths: Paths) -> None:
    put(paths, 0)
    with duckdb.connect(str(paths.warehouse)) as connection:
        connection.execute("alter table marts.numbers rename third to other")
    publish(paths.warehouse, paths, CATALOGUE, at(1), {})
    assert ask(marketing(paths), "select other from marts.numbers limit 1")
    rollback(paths)
    assert ask(marketing(paths), "select third from marts.numbers limit 1")


def test_a_reader_that_stays_connected_sees_the_next_version(paths: Paths) -> None:
    put(paths, 0)
    with duckdb.connect(str(marketing(paths)), read_only=True) as reader:
        assert reader.execute("select count(*) from marts.numbers").fetchone() == (3,)
        put(paths, 1, n=7)
        assert reader.execute("select count(*) from marts.numbers").fetchone() == (7,)


def test_two_processes_read_while_versions_are_published(paths: Paths) -> None:
    """Every answer is that of a whole version; no reader is ever refused."""
    put(paths, 0, n=1, january=1)
    script = f"""
import duckdb, sys, time
stop = time.monotonic() + 120
seen = set()
stays = duckdb.connect({str(marketing(paths))!r}, read_only=True)
while len(seen) < 5 and time.monotonic() < stop:
    fresh = duckdb.connect({str(marketing(paths))!r}, read_only=True)
    for c in (stays, fresh):
        n, m = c.execute("select count(*), max(n) from marts.numbers").fetchone()
        assert m == n - 1, (n, m)
        seen.add(n)
    fresh.close()
print(len(seen))
"""
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    number = 1
    while any(reader.poll() is None for reader in readers):
        put(paths, number, n=number % 50 + 1, january=1)
        number += 1
        # Three versions are kept: give a running query time to end on its own.
        time.sleep(0.1)
    for reader in readers:
        out, err = reader.communicate()
        assert reader.returncode == 0, err.decode()
        assert int(out) == 5


def test_the_views_follow_a_moved_workspace(paths: Paths) -> None:
    put(paths)
    past = publish_as_of(warehouse(paths, n=5), paths, CATALOGUE, at(0), {}).folder.name
    assert not ensure_root(paths)
    moved = Paths(paths.root.with_name("it has moved"))
    shutil.move(paths.root, moved.root)
    with pytest.raises(duckdb.Error):
        ask(marketing(moved), "select * from marts.numbers")
    assert ensure_root(moved) and not ensure_root(moved)
    assert ask(marketing(moved), "select count(*) from marts.numbers") == [(3,)]
    seen_then = moved.published / "as_of" / past / "marketing.duckdb"
    assert ask(seen_then, "select count(*) from marts.numbers") == [(5,)]
    assert ask(moved.published_pii / "marketing_pii.duckdb", "select count(*) from pii.people") == [
        (1,)
    ]


def test_the_view_root_is_settable(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount = tmp_path / "mnt"
    mount.symlink_to(paths.published)
    monkeypatch.setenv("MARKETING_VIEW_ROOT", str(mount))
    put(paths)
    sql = ask(marketing(paths), "select sql from duckdb_views() where view_name = 'numbers'")
    assert f"{mount}/current/numbers" in sql[0][0]
    assert ask(marketing(paths), "select count(*) from marts.numbers") == [(3,)]


def test_a_past_time_has_its_own_place(paths: Paths) -> None:
    put(paths, 0)
    before = os.readlink(paths.published / "current")
    for n in (5, 6):
        done = publish_as_of(warehouse(paths, n=n), paths, CATALOGUE, at(0), {})
        assert done.folder.parent == paths.published / "as_of"
        assert ask(done.folder / "marketing.duckdb", "select count(*) from marts.numbers") == [(n,)]
    assert os.readlink(paths.published / "current") == before
    assert ask(marketing(paths), "select count(*) from marts.numbers") == [(3,)]


def test_what_is_known_to_stand_is_not_read(paths: Paths) -> None:
    def made(version: str, since: str | None = None) -> dict[str, Made]:
        changes = "main.changed" if since else None
        return {"marts.facts": Made(version, since, changes), "marts.numbers": Made("one")}

    def published(number: int, known: dict[str, Made]) -> dict[str, int]:
        with duckdb.connect(str(paths.warehouse)) as connection:  # behind everybody's back
            connection.execute("update marts.facts set x = x + 100")
            connection.execute(
                "create or replace table changed as select day from marts.facts "
                "where month(day) = 2 or day is null"
            )
        publish(paths.warehouse, paths, CATALOGUE, at(number), {}, known)
        query = "select coalesce(month(day), 0), max(x) from marts.facts group by 1 order by 1"
        return dict(ask(marketing(paths), query))

    warehouse(paths)
    assert published(0, made("a")) == {0: 102, 1: 109, 2: 101}
    # The same version: nothing is looked at. Another: the months of its changes, and of them only.
    assert published(1, made("a")) == {0: 102, 1: 109, 2: 101}
    assert published(2, made("b", since="a")) == {0: 302, 1: 109, 2: 301}
    # Changes since something else than what is published, a file that is gone, or no knowledge.
    assert published(3, made("d", since="c")) == {0: 402, 1: 409, 2: 401}
    gone = paths.published / "current" / "facts" / "2026-01.parquet"
    for folder in (gone.parent, gone.parent.parent):
        folder.chmod(0o755)
    gone.unlink()
    assert published(4, made("d")) == {0: 402, 1: 509, 2: 401}
    assert published(5, {}) == {0: 602, 1: 609, 2: 601}


def test_fingerprints_ignore_order_and_tell_values(paths: Paths) -> None:
    first = fingerprints(put(paths, 0).folder)
    with duckdb.connect(str(paths.warehouse)) as connection:
        connection.execute(
            "create or replace table marts.facts as from marts.facts order by x desc"
        )
        connection.execute("update marts.numbers set third = third * (1 + 1e-13)")
    second = fingerprints(publish(paths.warehouse, paths, CATALOGUE, at(1), {}).folder)
    assert first == second
    with duckdb.connect(str(paths.warehouse)) as connection:
        connection.execute("update marts.numbers set third = 0.5 where n = 0")
    third = fingerprints(publish(paths.warehouse, paths, CATALOGUE, at(2), {}).folder)
    assert {name for name in first if first[name] != third[name]} == {"numbers"}


def test_kill_9_leaves_a_whole_version(paths: Paths) -> None:
    put(paths, 0, n=1)
    rng = random.Random(3)
    for number in range(1, 21):
        child = os.fork()
        if child == 0:
            os.close(1), os.close(2)
            put(paths, number, n=number + 1)
            os._exit(0)
        time.sleep(rng.uniform(0.02, 0.25))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        count, top = ask(marketing(paths), "select count(*), max(n) from marts.numbers")[0]
        assert top == count - 1
        ask(paths.published_pii / "marketing_pii.duckdb", "select * from pii.people")
    put(paths, 99, n=99)
    assert ask(marketing(paths), "select count(*) from marts.numbers") == [(99,)]
    assert not [p for p in paths.published.iterdir() if p.name.startswith(".")]


def test_the_catalogue_is_read_from_the_manifest(tmp_path: Path) -> None:
    node = {
        "resource_type": "model",
        "schema": "marts",
        "alias": "a",
        "description": " One row per a. ",
        "columns": {"x": {"description": "X."}, "y": {"description": ""}},
        "config": {"enabled": True, "meta": {"month_column": "x"}},
    }
    others = [{**node, "schema": "staging"}, {**node, "resource_type": "test"}]
    nodes = {str(n): other for n, other in enumerate([node, *others])}
    (tmp_path / "manifest.json").write_text(json.dumps({"nodes": nodes}))
    assert read_catalogue(tmp_path / "manifest.json").relations == [
        Relation("marts", "a", "One row per a.", {"x": "X."}, "x")
    ]


def test_two_questions_at_once(paths: Paths) -> None:
    """What locks the one's connection does not lock the other's."""
    put(paths)
    with questions(paths) as first, questions(paths) as second:
        for connection in (first, second):
            assert connection.execute("select count(*) from duckdb_views()").fetchone()
            with pytest.raises(duckdb.Error):
                connection.execute("set memory_limit = '1GB'")
            with pytest.raises(duckdb.Error):
                connection.execute("select * from read_csv('/etc/passwd')")
