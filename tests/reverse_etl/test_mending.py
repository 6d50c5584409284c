"""A version made of the current one, in which some rows are others."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from reverse_etl.publish import Catalogue, Relation, publish, reader
from reverse_etl.publish.mending import Change, Changed, mend
from reverse_etl.publish.publisher import current_version
from workspace.paths import Paths

AT = datetime(2026, 10, 1, 8)
FACTS = {"as_of": "2026-10-01T08:00:00Z"}
CATALOGUE = Catalogue(
    [
        Relation("marts", "one", "One row."),
        Relation("marts", "two", "One row."),
        Relation("pii", "contacts", "One row."),
    ]
)


@pytest.fixture
def published(paths: Paths) -> Paths:
    paths.root.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(paths.warehouse)) as connection:
        connection.execute("create schema marts; create schema pii")
        for table in ("marts.one", "marts.two", "pii.contacts"):
            row = f"select '{table}' as name, 1.5::decimal(18, 4) as x"
            connection.execute(f"create table {table} as {row}")
    publish(paths.warehouse, paths, CATALOGUE, AT, FACTS)
    return paths


def only(relation: str) -> Change:
    def change(schema: str, name: str, source: Path, target: Path) -> Changed:
        if name != relation:
            return Changed(0, 1)
        query = f"select 'other' as name, x from '{source}'"
        with duckdb.connect() as connection:
            connection.execute(f"copy ({query}) to '{target}' (format parquet)")
        return Changed(1, 1)

    return change


def inode(paths: Paths, version: str, relation: str) -> int:
    return (paths.published / version / relation / "all.parquet").stat().st_ino


def test_what_changed_is_new_and_the_rest_is_the_same_file(published: Paths) -> None:
    before = current_version(published)
    done = mend(published, only("one"))
    assert done is not None and done.changed == {"marts.one": 1} and done.linked == 2
    assert current_version(published) == done.version > before
    with reader(published) as connection:
        rows = connection.execute("select name, x::varchar from marts.one").fetchall()
        assert rows == [("other", "1.5000")]
        assert connection.execute("select name from marts.two").fetchall() == [("marts.two",)]
    assert inode(published, before, "two") == inode(published, done.version, "two")
    assert inode(published, before, "one") != inode(published, done.version, "one")
    assert oct(os.stat(published.published / done.version).st_mode)[-3:] == "555"
    assert (published.published_pii / "current").resolve().name == done.version


def test_the_next_publish_writes_what_it_has(published: Paths) -> None:
    mend(published, only("one"))
    publish(published.warehouse, published, CATALOGUE, AT + timedelta(hours=2), FACTS)
    with reader(published) as connection:
        assert connection.execute("select name from marts.one").fetchall() == [("marts.one",)]


def test_a_version_is_later_than_any_other(published: Paths) -> None:
    names = [current_version(published)]
    for _ in range(3):
        done = mend(published, only("none"))
        assert done is not None
        names.append(done.version)
    assert names == sorted(set(names))
    body = json.loads((published.published / names[-1] / "version.json").read_bytes())
    assert body["version"] == names[-1] and body["as_of"] == FACTS["as_of"]


def test_where_nothing_is_published_nothing_is_made(paths: Paths) -> None:
    assert mend(paths, only("one")) is None
    assert not paths.published.exists()
