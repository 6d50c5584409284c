"""Publishing to a real Postgres: what arrives, and what readers see meanwhile."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
from psycopg import sql
from typer.testing import CliRunner

from interfaces.cli import app
from reverse_etl.publish import Catalogue, Relation, publish, rollback
from reverse_etl.publish.postgres import Loaded, PostgresFault, awaited, load, places
from reverse_etl.publish.views import quoted
from workspace.paths import Paths

AT = datetime(2026, 1, 1)
OURS = ["published_relations", "published_rights", "published_version"]
CATALOGUE = Catalogue(
    [
        Relation("marts", "facts", "One row per fact.", {"generation": "Which version's."}),
        Relation("marts", "numbers", "One row per number's n.", {"n": "The number."}),
        Relation("marts", "steady", "One row per row that stays."),
        Relation("pii", "people", "One row per person."),
    ]
)


@pytest.fixture
def url(postgres_url: str) -> str:
    return postgres_url.replace("+psycopg", "")


@pytest.fixture
def db(url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        yield connection


@pytest.fixture
def role(db: psycopg.Connection[Any]) -> Iterator[str]:
    """Somebody who may log in, and nothing else."""
    name = f"reader_{uuid.uuid4().hex[:8]}"
    db.execute(f"create role {name} login")
    yield name
    db.execute(f"drop owned by {name} cascade")
    db.execute(f"drop role {name}")


def world(paths: Paths, number: int, catalogue: Catalogue = CATALOGUE) -> None:
    """Publish a version in which every row of two marts says that it is of it."""
    paths.warehouse.unlink(missing_ok=True)
    with duckdb.connect(str(paths.warehouse)) as connection:
        connection.execute(
            f"""
            create schema marts; create schema pii;
            create table marts.numbers as
                select range as n, {number} as generation from range({100 + number});
            create table marts.facts as
                select range as x, {number} as generation from range({200 + number});
            create table marts.steady as select 'always' as text from range(7);
            create table pii.people as select 'ann@example.com' as email;
            """
        )
    facts = {"as_of": "2025-12-31T00:00:00Z", "snapshot_id": "abc"}
    publish(paths.warehouse, paths, catalogue, AT + timedelta(seconds=number), facts)


def put(paths: Paths, url: str, number: int, **options: Any) -> Loaded:
    world(paths, number)
    return load(paths, url, AT + timedelta(minutes=number), **options)


def of_sql(paths: Paths, url: str, query: str, **columns: str) -> Loaded:
    """Publish one mart ``odd`` that a query gives."""
    paths.warehouse.unlink(missing_ok=True)
    with duckdb.connect(str(paths.warehouse)) as connection:
        connection.execute("set TimeZone = 'UTC'; create schema marts")
        connection.execute(f"create table marts.odd as {query}")
    catalogue = Catalogue([Relation("marts", "odd", "One row.", columns)])
    publish(paths.warehouse, paths, catalogue, AT, {"as_of": "x"})
    return load(paths, url, AT)


def tables(db: psycopg.Connection[Any], schema: str = "marts") -> list[str]:
    found = db.execute(
        "select relname from pg_class where relnamespace = to_regnamespace(%s) "
        "and relkind = 'r' order by 1",
        [schema],
    )
    return [name for (name,) in found.fetchall()]


def generation(db: psycopg.Connection[Any]) -> tuple[int, int]:
    """Of `numbers`: which version's, and how many rows."""
    query = (
        "select min(generation), count(*) from marts.numbers having count(distinct generation) = 1"
    )
    return db.execute(query).fetchone()  # type: ignore[return-value]


KINDS = {
    "flag": ("true", "boolean"),
    "tiny": ("(-3)::tinyint", "smallint"),
    "byte": ("250::utinyint", "smallint"),
    "small": ("(-300)::smallint", "smallint"),
    "upper": ("60000::usmallint", "integer"),
    "number": ("7::integer", "integer"),
    "unsigned": ("4000000000::uinteger", "bigint"),
    "large": ("(-9223372036854775808)::bigint", "bigint"),
    "larger": ("18446744073709551615::ubigint", "numeric(20,0)"),
    "total": ("(-9007199254740993)::hugeint", "double precision"),
    "money": ("(-0.0001)::decimal(18,4)", "numeric(18,4)"),
    "precise": ("1234567890123456789012345678.0123456789::decimal(38,10)", "numeric(38,10)"),
    "single": ("1.5::float", "real"),
    "share": ("0.1::double", "double precision"),
    "endless": ("'-infinity'::double", "double precision"),
    "text": ("'é ''\"\\ %s {} $1' || chr(10) || chr(9) || '𝄞'", "text"),
    "empty": ("''", "text"),
    "json_text": ("'{\"a\": [1, null]}'::json", "text"),
    "word": ("'b'::enum('a', 'b')", "text"),
    "ident": ("'4bd0f0d6-6c4f-4a3a-9a3c-000000000001'::uuid", "text"),
    "bytes": ("'\\x00\\xff'::blob", "bytea"),
    "day": ("date '0001-01-01'", "date"),
    "moment": ("timestamp '2026-03-29 02:30:00.123456'", "timestamp without time zone"),
    "nanos": ("timestamp_ns '2026-01-01 00:00:00.000001'", "timestamp without time zone"),
    "zoned": ("timestamptz '2026-03-29 02:30:00+02'", "timestamp with time zone"),
    "hour": ("time '23:59:59.999999'", "time without time zone"),
    "span": ("interval '1 day 3 seconds'", "interval"),
    "listed": ("[1, null, 3]", "text"),
    "record": ("{'a': 1, 'b': 'x''y'}", "text"),
    "mapped": ("map {'k': 1.5}", "text"),
}
AS_TEXT = {
    "word": "b",
    "ident": "4bd0f0d6-6c4f-4a3a-9a3c-000000000001",
    "listed": "[1,null,3]",
    "record": '{"a":1,"b":"x\'y"}',
    "mapped": '{"k":1.5}',
}


def test_every_type_arrives_as_duckdb_reads_it(
    paths: Paths, url: str, db: psycopg.Connection[Any]
) -> None:
    values = ", ".join(f"{value} as {name}" for name, (value, _) in KINDS.items())
    nothing = ", ".join("null" for _ in KINDS)
    done = of_sql(paths, url, f"select {values} union all select {nothing}")
    assert done.rows == {"odd": 2} and done.nuls == {}
    found = db.execute(
        "select attname, format_type(atttypid, atttypmod) from pg_attribute "
        "where attrelid = 'marts.odd'::regclass and attnum > 0"
    ).fetchall()
    assert dict(found) == {name: kind for name, (_, kind) in KINDS.items()}
    query = f"select {', '.join(KINDS)} from marts.odd order by number nulls last"
    with duckdb.connect(str(paths.published / "marketing.duckdb"), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        wanted, missing = connection.execute(query).fetchall()
    first, second = db.execute(query).fetchall()
    assert missing == second == (None,) * len(KINDS)
    for name, ours, theirs in zip(KINDS, wanted, first, strict=True):
        assert theirs == AS_TEXT.get(name, ours), name


def test_doubles_that_are_no_numbers(paths: Paths, url: str, db: psycopg.Connection[Any]) -> None:
    of_sql(paths, url, "select 'nan'::double as a, 'inf'::double as b, -0.0::double as c")
    a, b, c = db.execute("select a, b, c from marts.odd").fetchone() or ()
    assert math.isnan(a) and b == math.inf and math.copysign(1, c) == -1


def test_names_and_descriptions_are_only_text(
    paths: Paths, url: str, db: psycopg.Connection[Any]
) -> None:
    name = "a \"b\" 'c' %s ;--\\"
    said = "it's; drop schema marts cascade; -- \\' %s"
    of_sql(paths, url, f"select 'x' as {quoted(name)}", **{name: said, "absent": "Not there."})
    found = db.execute(sql.SQL("select {} from marts.odd").format(sql.Identifier(name))).fetchone()
    assert found == ("x",)
    told = db.execute(
        "select obj_description('marts.odd'::regclass), col_description('marts.odd'::regclass, 1)"
    ).fetchone()
    assert told == ("One row.", said)


def test_a_nul_is_replaced_and_told(paths: Paths, url: str, db: psycopg.Connection[Any]) -> None:
    done = of_sql(paths, url, "select 'a' || chr(0) || 'b' || chr(0) as t union all select 'ok'")
    assert done.nuls == {"odd.t": 1}
    found = db.execute("select t from marts.odd order by 1").fetchall()
    assert found == [("a\ufffdb\ufffd",), ("ok",)]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("select timestamp 'infinity' as ends", "odd.ends holds a time"),
        ("select date '-infinity' as ends", "odd.ends holds a time"),
        ("select date '5000-01-01 (BC)' as began", "odd.began holds a time"),
        (f"select 1 as {'x' * 64}", "longer than the 63 bytes"),
        ("select 'secret' as xmin", "while marts.odd was"),
    ],
)
def test_what_postgres_cannot_hold_is_named_without_its_value(
    paths: Paths, url: str, db: psycopg.Connection[Any], query: str, told: str
) -> None:
    put(paths, url, 1)
    with pytest.raises(PostgresFault, match=told) as caught:
        of_sql(paths, url, query)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None and caught.value.__suppress_context__
    assert generation(db) == (1, 101)


def test_marts_arrive_with_comments_and_their_version_and_people_do_not(
    paths: Paths, url: str, db: psycopg.Connection[Any]
) -> None:
    done = put(paths, url, 1)
    assert done.rows == {"facts": 201, "numbers": 101, "steady": 7}
    assert tables(db) == ["facts", "numbers", *OURS, "steady"]
    assert tables(db, "marts_next") == [] and tables(db, "pii") == []
    version = db.execute(
        "select version, as_of, snapshot_id, published_at from marts.published_version"
    )
    assert version.fetchall() == [
        (done.version, datetime(2025, 12, 31), "abc", AT + timedelta(minutes=1))
    ]
    said = db.execute("select col_description('marts.numbers'::regclass, 1)").fetchone()
    assert said == ("The number.",)
    bare = db.execute(
        "select relname from pg_class where relnamespace = 'marts'::regnamespace "
        "and obj_description(oid, 'pg_class') is null"
    )
    assert bare.fetchall() == []


def test_what_has_the_same_rows_stays_where_it_is(
    paths: Paths, url: str, db: psycopg.Connection[Any]
) -> None:
    first = put(paths, url, 1)
    where = "select 'marts.steady'::regclass::oid"
    before = db.execute(where).fetchone()
    second = put(paths, url, 2)
    assert set(second.rows) == {"facts", "numbers"} and second.kept == ("steady",)
    assert db.execute(where).fetchone() == before and generation(db) == (2, 102)
    loaded = "select loaded_version from marts.published_relations order by relation"
    assert [name for (name,) in db.execute(loaded)] == [second.version] * 2 + [first.version]
    again = load(paths, url, AT)
    assert again.rows == {} and len(again.kept) == 3
    rollback(paths)
    assert set(load(paths, url, AT).rows) == {"facts", "numbers"} and generation(db) == (1, 101)
    everything = load(paths, url, AT, everything=True)
    assert len(everything.rows) == 3 and db.execute(where).fetchone() != before
    db.execute("drop table marts.steady")
    assert set(load(paths, url, AT).rows) == {"steady"}


def test_another_description_is_told_without_loading(
    paths: Paths, url: str, db: psycopg.Connection[Any]
) -> None:
    put(paths, url, 1)
    told = [
        replace(relation, description="One row per row.") if relation.name == "steady" else relation
        for relation in CATALOGUE.relations
    ]
    world(paths, 2, Catalogue(told))
    assert "steady" in load(paths, url, AT).kept
    assert db.execute("select obj_description('marts.steady'::regclass)").fetchone() == (
        "One row per row.",
    )


def test_a_mart_that_is_gone_goes_and_what_is_somebodys_stays(
    paths: Paths, url: str, db: psycopg.Connection[Any]
) -> None:
    put(paths, url, 1)
    db.execute("create table marts.my_notes as select 1 as a")
    world(paths, 2, Catalogue([r for r in CATALOGUE.relations if r.name != "facts"]))
    assert load(paths, url, AT).dropped == ("facts",)
    assert tables(db) == ["my_notes", "numbers", *OURS, "steady"]
    db.execute("create table marts.facts as select 'mine' as a")
    with pytest.raises(PostgresFault, match=r"no publish made marts\.facts"):
        put(paths, url, 3)
    assert db.execute("select a from marts.facts").fetchall() == [("mine",)]
    assert generation(db) == (2, 102)


def acl(db: psycopg.Connection[Any], role: str, table: str) -> dict[str, bool]:
    found = db.execute(
        "select one, has_table_privilege(%s, %s, one) "
        "from unnest(array['select', 'insert', 'select with grant option']) as one",
        [role, f"marts.{table}"],
    )
    return dict(found.fetchall())


def test_grants_outlive_publishes(
    paths: Paths, url: str, db: psycopg.Connection[Any], role: str
) -> None:
    world(paths, 1, Catalogue(CATALOGUE.relations[:2]))
    load(paths, url, AT)
    as_reader = url.replace("postgres@", f"{role}@")

    def refused(query: str) -> bool:
        with psycopg.connect(as_reader, autocommit=True) as reader:
            try:
                reader.execute(query)
            except psycopg.errors.InsufficientPrivilege:
                return True
            return False

    assert refused("select * from marts.numbers")
    db.execute(
        f"grant usage on schema marts to {role};"
        f"grant select on marts.numbers to {role} with grant option;"
        f"grant select (x) on marts.facts to {role};"
        "grant select on marts.published_version to public;"
        f"alter default privileges in schema marts grant select on tables to {role};"
        f"alter default privileges grant insert on tables to {role}"
    )
    for number in (2, 3):
        new = Relation("marts", "steady", "One row.")
        kept = [*CATALOGUE.relations[:2], new] if number == 3 else CATALOGUE.relations[:2]
        world(paths, number, Catalogue(kept))
        load(paths, url, AT)
        assert generation(db) == (number, 100 + number)
        numbers = {"select": True, "insert": False, "select with grant option": True}
        assert acl(db, role, "numbers") == numbers
        assert refused("select generation from marts.facts")
        assert not refused("select x from marts.facts")
        assert not refused("select * from marts.published_version")
        assert refused("select * from marts.published_relations")
    assert acl(db, role, "steady") == {
        "select": True,
        "insert": True,
        "select with grant option": False,
    }


def test_rights_outlive_an_absence(
    paths: Paths, url: str, db: psycopg.Connection[Any], role: str
) -> None:
    put(paths, url, 1)
    leaver = f"leaver_{uuid.uuid4().hex[:8]}"
    db.execute(
        f"create role {leaver}; grant usage on schema marts to {role};"
        f"grant select on marts.numbers to {role}, {leaver};"
        f"grant select (x), update (x) on marts.facts to {role};"
        f"alter default privileges in schema marts grant select on tables to {role}"
    )
    for number in (2, 3):  # through a second publish without them, too
        world(paths, number, Catalogue(CATALOGUE.relations[3:]))
        load(paths, url, AT)
        assert tables(db) == OURS
    db.execute(f"drop owned by {leaver}; drop role {leaver}; create role {leaver}")
    put(paths, url, 4)
    told = "select has_table_privilege(%s, 'marts.numbers', 'select')"
    assert db.execute(told, [role]).fetchone() == (True,)
    assert db.execute(told, [leaver]).fetchone() == (False,)  # another of that name
    of_column = "select has_column_privilege(%s, 'marts.facts', %s, 'select')"
    assert db.execute(of_column, [role, "x"]).fetchone() == (True,)
    assert db.execute(of_column, [role, "generation"]).fetchone() == (False,)
    assert acl(db, role, "steady")["select"] is False  # nobody had a right: no default now
    assert db.execute("select count(*) from marts.published_rights").fetchone() == (0,)
    db.execute(f"drop role {leaver}")


def test_another_workspace_replaces_nothing_unless_told(
    paths: Paths, url: str, db: psycopg.Connection[Any], tmp_path: Path
) -> None:
    put(paths, url, 1)
    other = Paths(tmp_path / "staging")
    other.create()
    world(other, 2, Catalogue(CATALOGUE.relations[1:2]))
    with pytest.raises(PostgresFault, match=r"another workspace published.*--take-over"):
        load(other, url, AT)
    assert tables(db) == ["facts", "numbers", *OURS, "steady"] and generation(db) == (1, 101)
    assert load(other, url, AT, take_over=True).dropped == ("facts", "steady")
    with pytest.raises(PostgresFault, match="another workspace"):
        load(paths, url, AT)
    assert load(other, url, AT).kept == ("numbers",)


def test_tables_that_do_not_say_whose_they_are_are_taken(
    paths: Paths, url: str, db: psycopg.Connection[Any]
) -> None:
    put(paths, url, 1)
    db.execute("alter table marts.published_version drop column workspace")
    load(paths, url, AT)
    found = db.execute("select workspace from marts.published_version").fetchone()
    assert found == (places.read(paths).workspace,)  # type: ignore[union-attr]


def test_where_it_was_published_to_is_remembered_without_the_secret(
    paths: Paths, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert awaited(paths, None) is None
    put(paths, url.replace("postgres@", "postgres:hunter2@"), 1)
    text = (paths.root / places.FILE).read_text()
    (place,) = places.read(paths).databases  # type: ignore[union-attr]
    assert "hunter2" not in text and place.endswith(url.rpartition("/")[2])
    told = awaited(paths, None)
    assert told is not None and place in told and "--forget-postgres" in told
    assert awaited(paths, url) is None
    monkeypatch.delenv("MARKETING_PUBLISH_POSTGRES", raising=False)
    gone = CliRunner().invoke(
        app, ["publish", "--forget-postgres", "h:1/x", "--workspace", str(paths.root)]
    )
    assert gone.exit_code == 2 and "nothing was published" in gone.output
    done = CliRunner().invoke(
        app, ["publish", "--forget-postgres", place, "--workspace", str(paths.root)]
    )
    assert done.exit_code == 0, done.output
    assert awaited(paths, None) is None


def test_an_older_version_and_what_a_killed_publish_left_are_awaited(
    paths: Paths, url: str, db: psycopg.Connection[Any]
) -> None:
    put(paths, url, 1)
    world(paths, 2)
    assert "marketing publish --postgres" in (awaited(paths, url) or "")
    load(paths, url, AT)
    assert awaited(paths, url) is None
    db.execute("create table marts_next.contacts as select 1 as contact_id")
    assert "killed publish" in (awaited(paths, url) or "")
    db.execute("drop table marts_next.contacts; drop table marts.published_version")
    assert "without their version" in (awaited(paths, url) or "")
    db.execute("drop schema marts cascade")
    assert awaited(paths, url) is None
    unreached = "postgresql://ann:hunter2@127.0.0.1:1/x"
    assert "nobody listens" in (told := awaited(paths, unreached) or "") and "hunter2" not in told


def test_a_role_that_owns_two_empty_schemas_is_enough(
    paths: Paths, url: str, db: psycopg.Connection[Any], role: str
) -> None:
    as_owner = url.replace("postgres@", f"{role}@")
    with pytest.raises(PostgresFault, match=r"InsufficientPrivilege .*own the schemas"):
        put(paths, as_owner, 1)
    db.execute(f"create schema marts authorization {role}")
    db.execute(f"create schema marts_next authorization {role}")
    for number in (2, 3):
        put(paths, as_owner, number)
        assert generation(db) == (number, 100 + number)


@pytest.mark.parametrize(
    ("made", "named"),
    [
        ('create view "my view" as select n from marts.numbers', 'view public."my view" on'),
        ("create materialized view m as select n from marts.numbers", "view public.m on"),
        ("alter table marts.numbers enable row level security", "row level security on"),
        ("create policy p on marts.numbers using (true)", "policy p on"),
        ("create publication feed for table marts.numbers", "publication feed on"),
        ("create table kept (one marts.numbers)", "column one of table public.kept on"),
        ("create table kept (all_of marts.numbers[])", "column all_of of table public.kept on"),
    ],
)
def test_what_hangs_on_a_table_is_named_and_not_dropped(
    paths: Paths, url: str, db: psycopg.Connection[Any], made: str, named: str
) -> None:
    put(paths, url, 1)
    db.execute(made)
    with pytest.raises(PostgresFault, match=f"{named} marts.numbers"):
        put(paths, url, 2)
    assert generation(db) == (1, 101)
    if "my view" in made:
        assert db.execute('select count(*) from "my view"').fetchone() == (101,)


def test_a_view_on_a_table_that_stays_is_in_nobodys_way(
    paths: Paths, url: str, db: psycopg.Connection[Any]
) -> None:
    put(paths, url, 1)
    db.execute("create view v as select * from marts.steady")
    put(paths, url, 2)
    assert generation(db) == (2, 102) and db.execute("select count(*) from v").fetchone() == (7,)


def test_a_long_reader_holds_up_the_publish_and_no_other_reader(
    paths: Paths, url: str, db: psycopg.Connection[Any]
) -> None:
    put(paths, url, 1)
    with psycopg.connect(url) as long, psycopg.connect(url, autocommit=True) as other:
        long.execute("select * from marts.numbers limit 1")
        with pytest.raises(
            PostgresFault, match=f"readers held tables for 1 s: .*{long.info.backend_pid}"
        ):
            put(paths, url, 2, patience=1.0)
        other.execute("set statement_timeout = '5s'")
        assert generation(other) == (1, 101)
        long.rollback()
        assert load(paths, url, AT).rows == {"facts": 202, "numbers": 102}
    assert generation(db) == (2, 102)


def test_a_transaction_that_has_only_looked_elsewhere_never_finds_a_table_empty(
    paths: Paths, url: str
) -> None:
    """Its snapshot is older than the rows that were loaded meanwhile."""
    put(paths, url, 1)
    with psycopg.connect(url) as early:
        early.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        early.execute("select 1")
        with pytest.raises(PostgresFault, match=f"older than .*{early.info.backend_pid}"):
            put(paths, url, 2, patience=0.5)
        assert generation(early) == (1, 101)
        early.rollback()
        load(paths, url, AT)
        assert generation(early) == (2, 102)


READER = """
import sys, time, psycopg
url, how, stop = sys.argv[1:]
from pathlib import Path
ONE = '''select (select split_part(version, 'T', 2) from marts.published_version),
    (select count(*) from marts.numbers), (select min(generation) from marts.numbers),
    (select max(generation) from marts.numbers), (select count(*) from marts.facts),
    (select min(generation) from marts.facts), (select max(generation) from marts.facts),
    (select count(*) from marts.steady)'''
PARTS = ["select count(*), min(generation), max(generation) from marts.facts",
         "select count(*) from marts.steady",
         "select split_part(version, 'T', 2) from marts.published_version",
         "select count(*), min(generation), max(generation) from marts.numbers"]
seen, polls = set(), 0
def whole(name, numbers, low, high, facts, first, last, steady):
    assert low == high == first == last, (low, high, first, last)
    assert (numbers, facts, steady) == (100 + low, 200 + low, 7), (numbers, facts, steady, low)
    assert int(name[2:4]) * 60 + int(name[4:6]) == low, (name, low)
    seen.add(low)
with psycopg.connect(url, autocommit=how == "statement") as db:
    if how not in ("statement", "committed"):
        db.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    while not Path(stop).exists():
        time.sleep(0.002)
        polls += 1
        if how == "statement":
            whole(*db.execute(ONE).fetchone())
            continue
        if how == "early":
            db.execute("select 1")
            time.sleep(0.01)
        facts, steady, name, numbers = [db.execute(part).fetchone() for part in PARTS]
        whole(*name, *numbers, *facts, *steady)
        db.rollback()
print(polls, len(seen))
"""


def test_readers_see_whole_versions_through_fifty_publishes(
    paths: Paths, url: str, tmp_path: Path
) -> None:
    put(paths, url, 1)
    stop = tmp_path / "stop"
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READER, url, how, str(stop)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for how in ("statement", "committed", "transaction", "early")
    ]
    try:
        for number in range(2, 52):
            put(paths, url, number)
    finally:
        stop.touch()
        told = [reader.communicate() for reader in readers]
    for reader, (out, err) in zip(readers, told, strict=True):
        assert reader.returncode == 0, err.decode()
        polls, seen = map(int, out.split())
        assert polls >= seen > 10


HELD = """
import sys, time
from datetime import datetime
from pathlib import Path
import psycopg
from reverse_etl.publish.postgres import load, loading
from workspace.paths import Paths
root, url, where, reached = sys.argv[1:]
def wait(*_):
    Path(reached).touch()
    time.sleep(600)
if where == "loading":
    real = loading.storable
    def storable(name, batches, nuls, faults):
        ready = real(name, batches, nuls, faults)
        def each():
            if name == "numbers":
                wait()
            yield from ready
        return type(ready).from_batches(ready.schema, each())
    loading.storable = storable
elif where == "loaded":
    loading.perform = wait
else:
    psycopg.Transaction.__exit__ = wait
load(Paths(Path(root)), url, datetime(2026, 1, 2))
"""


@pytest.fixture
def held(paths: Paths, url: str, tmp_path: Path) -> Iterator[Callable[[str], Any]]:
    """Starts a publish that comes as far as asked, and stays there."""
    started: list[subprocess.Popen[bytes]] = []

    def start(where: str) -> subprocess.Popen[bytes]:
        reached = tmp_path / f"reached {where}"
        arguments = [str(paths.root), url, where, str(reached)]
        process = subprocess.Popen([sys.executable, "-c", HELD, *arguments], stderr=subprocess.PIPE)
        started.append(process)
        while not reached.exists():
            assert process.poll() is None, process.stderr.read().decode()  # type: ignore[union-attr]
            time.sleep(0.02)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("where", ["loading", "loaded", "before the commit"])
def test_kill_9_leaves_the_old_version_and_the_next_publish_clears_up(
    paths: Paths,
    url: str,
    db: psycopg.Connection[Any],
    held: Callable[[str], subprocess.Popen[bytes]],
    where: str,
) -> None:
    put(paths, url, 1)
    world(paths, 2)
    process = held(where)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert generation(db) == (1, 101)
    assert "facts" in tables(db, "marts_next")
    put(paths, url, 3)
    assert generation(db) == (3, 103) and tables(db, "marts_next") == []
    assert tables(db) == ["facts", "numbers", *OURS, "steady"]


def test_one_publish_at_a_time(
    paths: Paths,
    url: str,
    db: psycopg.Connection[Any],
    held: Callable[[str], subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from reverse_etl.publish.postgres import loading

    world(paths, 1)
    first = held("loading")
    monkeypatch.setattr(loading, "_TURN", 0.1)
    with pytest.raises(PostgresFault, match="another publish"):
        load(paths, url, AT)
    assert "facts" in tables(db, "marts_next") and tables(db) == []
    first.kill()
    monkeypatch.undo()
    load(paths, url, AT)
    assert generation(db) == (1, 101)


def test_a_refused_password_is_told_without_the_address(
    paths: Paths, url: str, db: psycopg.Connection[Any], role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world(paths, 1)
    row = db.execute("show hba_file").fetchone()
    rules = Path(row[0])  # type: ignore[index]
    before = rules.read_text()
    db.execute(f"alter role {role} password 'right'")
    rules.write_text(f"host all {role} all scram-sha-256\n{before}")
    db.execute("select pg_reload_conf()")
    try:
        wrong = url.replace("postgres@", f"{role}:hunter2@")
        until = time.monotonic() + 30
        while "refuses the password" not in (told := fault(paths, wrong)):
            assert time.monotonic() < until, told  # the server reads its rules in a moment
        monkeypatch.setenv("MARKETING_PUBLISH_POSTGRES", wrong)
        command = ["publish", "--postgres", "--workspace", str(paths.root)]
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 1 and "refuses the password" in done.output
        for part in ("hunter2", role, "127.0.0.1", wrong):
            assert part not in told and part not in done.output
    finally:
        rules.write_text(before)
        db.execute("select pg_reload_conf()")


def fault(paths: Paths, url: str) -> str:
    try:
        load(paths, url, AT)
    except PostgresFault as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("postgresql://ann:hunter2@127.0.0.1:1/x", "nobody listens there"),
        ("postgresql://ann:hunter%zz2@127.0.0.1/x", "no address of a Postgres"),
        ("postgresql://ann:hunter2@127.0.0.1:1/x?sslmode=hunter2", "not reached"),
    ],
)
def test_an_address_is_not_repeated(paths: Paths, address: str, told: str) -> None:
    world(paths, 1)
    with pytest.raises(PostgresFault, match=told) as caught:
        load(paths, address, AT)
    assert "hunter" not in str(caught.value) and "ann" not in str(caught.value)


def test_a_missing_database_is_told(paths: Paths, url: str) -> None:
    world(paths, 1)
    assert "the database does not exist" in fault(paths, f"{url}_not_here")


def test_a_database_of_another_encoding_is_refused(
    paths: Paths, url: str, db: psycopg.Connection[Any]
) -> None:
    world(paths, 1)
    name = f"latin_{uuid.uuid4().hex[:8]}"
    db.execute(f"create database {name} encoding 'LATIN1' locale 'C' template template0")
    try:
        assert "not UTF8" in fault(paths, url.rpartition("/")[0] + f"/{name}")
    finally:
        db.execute(f"drop database {name} with (force)")


def test_the_command(paths: Paths, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["publish", "--postgres", "--workspace", str(paths.root)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 2 and "nothing is published" in done.output
    world(paths, 1)
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 2 and "MARKETING_PUBLISH_POSTGRES is not set" in done.output
    monkeypatch.setenv("MARKETING_PUBLISH_POSTGRES", "mysql://u:hunter2@h/x")
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 2 and "postgresql://" in done.output and "hunter2" not in done.output
    monkeypatch.setenv("MARKETING_PUBLISH_POSTGRES", url)
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0 and "loaded 3 tables of 309 rows; 0 were there" in done.output
    done = CliRunner().invoke(app, [*command, "--full-refresh"])
    assert done.exit_code == 0 and "loaded 3 tables" in done.output
