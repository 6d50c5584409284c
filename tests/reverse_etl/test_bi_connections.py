"""A BI tool's connection after the SQL of `marketing bi-settings`: acceptance check 41."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from interfaces.cli import app
from reverse_etl.publish import Catalogue, Relation, publish
from workspace.paths import Paths


@pytest.fixture
def published(paths: Paths) -> Paths:
    put(paths, 1)
    return paths


def put(paths: Paths, rows: int) -> None:
    paths.warehouse.unlink(missing_ok=True)
    with duckdb.connect(str(paths.warehouse)) as connection:
        connection.execute(
            "create schema marts; create schema pii;"
            "create table marts.dim_contacts as"
            f" select 'c' || range as contact_id from range({rows});"
            "create table pii.people as select 'ann@example.com' as email;"
        )
    relations = [Relation("marts", "dim_contacts"), Relation("pii", "people")]
    at = datetime(2026, 1, 1, 0, 0, rows)
    publish(paths.warehouse, paths, Catalogue(relations), at, {"as_of": "x"})


def init_sql(paths: Paths) -> str:
    done = CliRunner().invoke(app, ["bi-settings", "--workspace", str(paths.root)])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def connection(published: Paths) -> Iterator[duckdb.DuckDBPyConnection]:
    file = published.published / "marketing.duckdb"
    with duckdb.connect(str(file), read_only=True) as opened:
        opened.execute(init_sql(published))
        yield opened


def test_marts_are_read_and_the_next_version_too(
    connection: duckdb.DuckDBPyConnection, published: Paths
) -> None:
    query = "select count(*) from marts.dim_contacts"
    assert connection.execute(query).fetchone() == (1,)
    put(published, 3)
    assert connection.execute(query).fetchone() == (3,)


REFUSED = [
    "copy (select 1) to '{tmp}/out.csv'",
    "copy marts.dim_contacts to '{tmp}/out.parquet'",
    "copy (select 1) to '{root}/out.csv'",
    "copy (select 1) to '{root}/published/../out.csv'",
    "export database '{tmp}/out'",
    "select * from read_csv('/etc/passwd')",
    "select * from read_text('/etc/passwd')",
    "select * from read_blob('/etc/passwd')",
    "select * from sniff_csv('/etc/passwd')",
    "select * from parquet_metadata('/etc/passwd')",
    "select * from '/etc/passwd'",
    "select * from glob('{root}/*')",
    "select * from read_text('{root}/published/current/../../secret.txt')",
    "select * from read_parquet('{root}/published_pii/current/people/*.parquet')",
    "select * from read_blob('{root}/published/../published_pii/current/people/all.parquet')",
    "select * from read_csv('https://example.com/x.csv')",
    "attach '{root}/published_pii/marketing_pii.duckdb' as p (read_only)",
    "attach '{root}/warehouse.duckdb' as w (read_only)",
    "attach '{tmp}/new.duckdb' as n",
    "attach 'dbname=x' as p (type postgres)",
    "install httpfs",
    "load httpfs",
    "load '{tmp}/x.duckdb_extension'",
    "set enable_external_access = true",
    "set allowed_directories = ['/']",
    "set lock_configuration = false",
    "set memory_limit = '1TB'",
    "set temp_directory = '{root}'",
    "reset enable_external_access",
    "pragma memory_limit = '1TB'",
    "create secret s (type s3, key_id 'x', secret 'y')",
    "select * from duckdb_secrets()",
    "create table t as select 1",
    "create view marts.v as select 1",
    "drop view marts.dim_contacts",
    "insert into marts.dim_contacts values ('x')",
]


@pytest.mark.parametrize("statement", REFUSED)
def test_everything_else_is_refused(
    statement: str, connection: duckdb.DuckDBPyConnection, published: Paths, tmp_path: Path
) -> None:
    (published.root / "secret.txt").write_text("hunter2")
    outside = tmp_path / "outside"
    outside.mkdir()
    with pytest.raises(duckdb.Error) as caught:
        connection.execute(statement.format(root=published.root, tmp=outside)).fetchall()
    assert "hunter2" not in str(caught.value) and "root:" not in str(caught.value)
    assert not list(outside.iterdir())
    assert connection.execute("select count(*) from marts.dim_contacts").fetchone() == (1,)


def test_a_second_connection_of_the_same_process_is_locked_already(
    connection: duckdb.DuckDBPyConnection, published: Paths
) -> None:
    file = published.published / "marketing.duckdb"
    with duckdb.connect(str(file), read_only=True) as other:
        assert other.execute("select current_setting('lock_configuration')").fetchone() == (True,)
        assert other.execute("select count(*) from marts.dim_contacts").fetchone() == (1,)
        with pytest.raises(duckdb.PermissionException):
            other.execute("select * from read_text('/etc/passwd')")


def test_identifiers_are_not_there(connection: duckdb.DuckDBPyConnection) -> None:
    schemas = "select distinct schema_name from duckdb_views() where not internal"
    assert connection.execute(schemas).fetchall() == [("marts",)]
    with pytest.raises(duckdb.CatalogException):
        connection.execute("select * from pii.people")


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
@pytest.mark.parametrize("place", ["", "/current"])
def test_a_user_of_its_own_writes_nothing_there_either(published: Paths, place: str) -> None:
    """DuckDB itself would let a COPY into the allowed folder through; the file modes do not."""
    for folder in [published.root, *published.root.parents]:
        folder.chmod(folder.stat().st_mode | 0o055)
    asked = (
        "import os, sys, duckdb\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "c = duckdb.connect(sys.argv[1], read_only=True); c.execute(sys.argv[2])\n"
        "print(c.execute('select count(*) from marts.dim_contacts').fetchone()[0])\n"
        "c.execute(f\"copy (select 1) to '{sys.argv[3]}/out.csv'\")"
    )
    views = published.published / "marketing.duckdb"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            asked,
            str(views),
            init_sql(published),
            f"{published.published}{place}",
        ],
        capture_output=True,
        text=True,
        cwd="/",
    )
    assert done.stdout == "1\n", done.stderr
    assert done.returncode != 0 and "Permission denied" in done.stderr
    assert not list(published.published.rglob("out.csv"))


def test_a_container_reads_the_mounted_folder_where_nothing_else_is(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `docs/bi/README.md` says of containers: the pipeline's own folder is not there."""
    mount = tmp_path / "mnt" / "published"
    mount.parent.mkdir()
    mount.symlink_to(paths.published)
    monkeypatch.setenv("MARKETING_VIEW_ROOT", str(mount))
    put(paths, 1)
    put(paths, 2)
    statements = init_sql(paths)
    mount.unlink()
    shutil.copytree(paths.published, mount, symlinks=True)
    paths.root.rename(tmp_path / "another machine")
    with duckdb.connect(str(mount / "marketing.duckdb"), read_only=True) as connection:
        connection.execute(statements)
        assert connection.execute("select count(*) from marts.dim_contacts").fetchone() == (2,)
        with pytest.raises(duckdb.PermissionException):
            connection.execute("select * from read_text('/etc/passwd')")


def test_without_a_publish_there_is_nothing_to_lock(paths: Paths) -> None:
    done = CliRunner().invoke(app, ["bi-settings", "--workspace", str(paths.root)])
    assert done.exit_code == 2 and "nothing is published" in done.output
