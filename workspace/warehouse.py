"""The warehouse file before dbt runs: schema ``lake`` with a view a stream and the run's facts.

The views list the manifests' files and carry the cut at both clocks, so a model never sees
what was not known at ``as_of`` and never names a file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from workspace.clock import iso, parse_time
from workspace.lake import Lake, clocks, read_files
from workspace.streams import STREAMS

SCHEMA = "lake"
#: The database that compiled statements and views name.
DATABASE = "warehouse"


def connect(path: Path, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """Open the warehouse. Nobody but the pipeline does; readers open the published file."""
    # A new file in the newest storage format: text is written in a fraction of the time that the
    # default takes, which versions of DuckDB can read that never see this file. The format stays.
    newest = {} if path.exists() else {"storage_compatibility_version": "latest"}
    connection = duckdb.connect(str(path), read_only=read_only, config=newest)
    connection.execute("set TimeZone = 'UTC'")
    return connection


@contextmanager
def attached(path: Path, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse under the name by which its views know it, whatever the file is called."""
    with duckdb.connect() as connection:
        connection.execute("set global TimeZone = 'UTC'")
        place = str(path).replace("'", "''")
        connection.execute(f"set temp_directory = '{place}.tmp'")  # not where we were started
        mode = " (read_only)" if read_only else ""
        connection.execute(f"attach '{place}' as {DATABASE}{mode}; use {DATABASE}")
        yield connection
        connection.execute(f"use memory; detach {DATABASE}")


def prepare(path: Path, lake: Lake, as_of: datetime, tables: dict[str, pa.Table]) -> None:
    """Make schema ``lake`` anew: one view a stream, one table for each of ``tables``."""
    with connect(path) as connection:
        connection.execute("begin")
        connection.execute(f"drop schema if exists {SCHEMA} cascade")
        connection.execute(f"create schema {SCHEMA}")
        _make_versions(connection)
        connection.execute(f"delete from {_VERSIONS}")
        for name in STREAMS:
            if name not in tables:
                show(connection, lake, name, as_of)
        for name, table in tables.items():
            store(connection, name, table)
        connection.execute("commit")


def show(connection: duckdb.DuckDBPyConnection, lake: Lake, name: str, as_of: datetime) -> None:
    """Make the view over a stream's files as they are listed; again, after a run added to them."""
    query = lake.relation_sql(name, as_of)
    connection.execute(f"create or replace view {SCHEMA}.{name} as {query}")
    version = lake.version(name, as_of)
    _note_version(connection, name, version)
    _note_state(connection, name, version, lake.files(name), as_of)


def show_query(connection: duckdb.DuckDBPyConnection, name: str, query: str) -> None:
    """Put a SELECT that a run wrote over the lake's files into schema ``lake``, as a view."""
    connection.execute(f"create or replace view {SCHEMA}.{name} as {query}")
    _note_version(connection, name, hashlib.sha256(query.encode()).hexdigest()[:32])


def show_macro(
    connection: duckdb.DuckDBPyConnection, name: str, query: str, table: str | None = None
) -> bool:
    """Put a SELECT over the warehouse's tables into schema ``lake``, as a macro without parameters.

    What it names must stand. ``table`` is where its rows will stand, as ``schema.name``, for
    later queries to name; where it has other columns it is made anew, empty, which is returned.
    """
    connection.execute(f"create or replace macro {SCHEMA}.{name}() as table {query}")
    _note_version(connection, name, hashlib.sha256(query.encode()).hexdigest()[:32])
    if table is None:
        return False
    schema, _, bare = table.partition(".")
    wanted = connection.execute(f"describe from {SCHEMA}.{name}()").fetchall()
    standing = connection.execute(
        "select column_name, data_type from duckdb_columns() "
        "where schema_name = ? and table_name = ? order by column_index",
        [schema, bare],
    ).fetchall()
    if standing == [column[:2] for column in wanted]:
        return False
    connection.execute(f"create schema if not exists {schema}")
    connection.execute(f"create or replace table {table} as from {SCHEMA}.{name}() limit 0")
    return True


def store(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    """Put a small Arrow table into schema ``lake``, replacing what was there."""
    view = connection.execute(
        "select view_name from duckdb_views() where schema_name = ? and view_name = ?",
        [SCHEMA, name],
    ).fetchone()
    if view is not None:  # a table does not replace a view
        connection.execute(f"drop view {SCHEMA}.{name}")
    connection.register("incoming", table)
    connection.execute(f"create or replace table {SCHEMA}.{name} as select * from incoming")
    connection.unregister("incoming")
    _note_version(connection, name, content(connection, f"{SCHEMA}.{name}"))


# ---- what changed since the build before -----------------------------------------------------

_VERSIONS = "operations.lake_versions"


def content(connection: duckdb.DuckDBPyConnection, relation: str) -> str:
    """A fingerprint of a relation's columns and rows, whatever their order."""
    columns = connection.execute(f"describe {relation}").fetchall()
    row = connection.execute(
        f"select count(*), bit_xor(hash(t)), sum(hash(t)::hugeint) from {relation} as t"
    ).fetchone()
    text = f"{duckdb.__version__} {[column[:2] for column in columns]} {row}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def lake_versions(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Name in schema ``lake`` -> version; the same version means the same rows."""
    _make_versions(connection)
    return dict(connection.execute(f"select name, version from {_VERSIONS}").fetchall())


def _make_versions(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create schema if not exists operations")
    connection.execute(f"create table if not exists {_VERSIONS} (name varchar, version varchar)")


def _note_version(connection: duckdb.DuckDBPyConnection, name: str, version: str) -> None:
    _make_versions(connection)
    connection.execute(f"delete from {_VERSIONS} where name = ?", [name])
    connection.execute(f"insert into {_VERSIONS} values (?, ?)", [name, version])


_STATES = "operations.lake_states"
#: States of a stream that are remembered: a table may be as old as some runs that did not make it.
_STATES_KEPT = 8


def came_since(connection: duckdb.DuckDBPyConnection, name: str, version: str) -> str | None:
    """A SELECT of a stream's rows of today that it did not show at an earlier ``version``.

    None where that version is not remembered or where rows of it may have gone.
    """
    _make_states(connection)
    rows = connection.execute(
        f"select version, files, as_of from {_STATES} where name = ? order by noted", [name]
    ).fetchall()
    states = {found: (json.loads(files), parse_time(as_of)) for found, files, as_of in rows}
    if version not in states:
        return None
    stream = STREAMS[name]
    files, as_of = states[rows[-1][0]]
    before, as_of_before = states[version]
    known = {Path(file).name for file in before}
    new = [file for file in files if Path(file).name not in known]
    old = [file for file in files if Path(file).name in known]
    if len(old) < len(known) or as_of < as_of_before:
        return None
    shown = f"select * from {read_files(stream, new)}{clocks(stream, as_of)}"
    if old and as_of > as_of_before:  # what lay ahead then
        shown += (
            f" union all select * from {read_files(stream, old)}{clocks(stream, as_of)}"
            f" and not coalesce(({clocks(stream, as_of_before).removeprefix(' where ')}), false)"
        )
    return shown


def _note_state(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    version: str,
    files: list[Path],
    as_of: datetime,
) -> None:
    _make_states(connection)
    connection.execute(f"delete from {_STATES} where name = ? and version = ?", [name, version])
    listed = json.dumps([str(path) for path in files])
    connection.execute(
        f"insert into {_STATES} select ?, ?, ?, ?, coalesce(max(noted), 0) + 1 from {_STATES}",
        [name, version, listed, iso(as_of)],
    )
    connection.execute(
        f"delete from {_STATES} where name = $1 and noted not in (select noted from {_STATES} "
        f"where name = $1 order by noted desc limit {_STATES_KEPT})",
        [name],
    )


def _make_states(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create schema if not exists operations")
    connection.execute(
        f"create table if not exists {_STATES} "
        "(name varchar, version varchar, files varchar, as_of varchar, noted bigint)"
    )


# ---- what stands against publishing ----------------------------------------------------------

_DOUBTS = "operations.doubts"


def doubts(path: Path) -> dict[str, str]:
    """Blocking checks that failed when last run, and builds that never ended, with details.

    They outlive a run, so that publishing by itself cannot get round what an earlier run found.
    """
    with connect(path) as connection:
        _make_doubts(connection)
        rows = connection.execute(f"select name, detail from {_DOUBTS} order by name").fetchall()
    return dict(rows)


def begin_build(path: Path, build: str) -> None:
    """From here until :func:`end_build` the tables may be half made."""
    with connect(path) as connection:
        _make_doubts(connection)
        connection.execute(
            f"insert or replace into {_DOUBTS} values (?, 'did not finish')", [build]
        )


def end_build(path: Path, build: str, passed: list[str], failed: dict[str, str]) -> None:
    """``passed`` and ``failed`` name models and blocking checks; failures say what happened.

    The end of ``build`` is also the end of its parts, which are named ``build (…)``.
    """
    with connect(path) as connection:
        connection.execute("begin")
        connection.execute(
            f"delete from {_DOUBTS} where name in ? or starts_with(name, ?)", [passed, build]
        )
        for row in failed.items():
            connection.execute(f"insert or replace into {_DOUBTS} values (?, ?)", row)
        connection.execute("commit")


def _make_doubts(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(f"create schema if not exists {_DOUBTS.partition('.')[0]}")
    connection.execute(
        f"create table if not exists {_DOUBTS} (name varchar primary key, detail varchar)"
    )


def run_context_table(
    run_id: str, as_of: datetime, snapshot_id: str, time_zone: str, base_currency: str
) -> pa.Table:
    """The one row of ``lake.run_context``."""
    row = {
        "run_id": run_id,
        "as_of": as_of,
        "snapshot_id": snapshot_id,
        "time_zone": time_zone,
        "base_currency": base_currency,
    }
    schema = pa.schema(
        [
            ("run_id", pa.string()),
            ("as_of", pa.timestamp("us")),
            ("snapshot_id", pa.string()),
            ("time_zone", pa.string()),
            ("base_currency", pa.string()),
        ]
    )
    return pa.Table.from_pylist([row], schema=schema)
