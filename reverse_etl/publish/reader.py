"""A connection for questions: to what is published, and to nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from reverse_etl.publish.publisher import CURRENT, NothingPublished, relations_of
from reverse_etl.publish.views import literal, make_views
from workspace.clock import iso
from workspace.paths import Paths
from workspace.settings import view_root

MEMORY = "4GB"
SECONDS = 120.0


class TookTooLong(RuntimeError):
    """A question ran into its time limit."""


@contextmanager
def reader(
    paths: Paths, as_of: datetime | None = None, seconds: float = SECONDS
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the current version, or that of a past ``as_of``, read-only and locked.

    No other file can be read, nothing written, no setting changed. Raises
    :class:`NothingPublished`, and :class:`TookTooLong` after ``seconds``.
    """
    folder, files = paths.published, view_root() or paths.published
    if as_of is not None:
        folder = files = paths.published / "as_of" / iso(as_of).replace(":", "")
        if not folder.exists():
            raise NothingPublished(
                f"nothing is published for {iso(as_of)}; make it with: "
                f"marketing run --as-of {iso(as_of)}"
            )
    elif not (folder / CURRENT).is_symlink():
        raise NothingPublished(f"nothing is published in {folder} yet; 'marketing run' publishes")
    with _locked(folder / "marketing.duckdb", {folder, files}, seconds) as connection:
        yield connection


@contextmanager
def pii_reader(paths: Paths, seconds: float = SECONDS) -> Iterator[duckdb.DuckDBPyConnection]:
    """The same for what identifies people: schema ``pii``, for who may read the file.

    Raises :class:`NothingPublished`, and :class:`TookTooLong` after ``seconds``.
    """
    folder = paths.published_pii
    if not (folder / CURRENT).is_symlink():
        raise NothingPublished(f"nothing is published in {folder} yet; 'marketing run' publishes")
    with _locked(folder / "marketing_pii.duckdb", {folder}, seconds) as connection:
        yield connection


def held(paths: Paths, version: str, memory: str = MEMORY) -> duckdb.DuckDBPyConnection:
    """A locked connection to a database of memory, with the views and macros of ``version``.

    It stays with that version when another is published, and tables may be made in it. Schema
    ``marts`` only. The caller closes it. Raises :class:`NothingPublished` where the version is
    gone.
    """
    folder = paths.published / version
    try:
        described = relations_of(folder)
    except FileNotFoundError:
        raise NothingPublished(f"version {version} is no longer published") from None
    connection = duckdb.connect(config={"memory_limit": memory, "temp_directory": ""})
    connection.execute("set TimeZone = 'UTC'")
    make_views(connection, folder, described)
    for statement in _lock({folder}):
        connection.execute(statement)
    return connection


def bi_settings(paths: Paths) -> list[str]:
    """What a BI tool's connection executes first: from then on it reads the published views, and
    no other file; it attaches nothing, installs nothing and changes no setting.

    Raises :class:`NothingPublished`.
    """
    if not (paths.published / CURRENT).is_symlink():
        raise NothingPublished(
            f"nothing is published in {paths.published} yet; 'marketing run' publishes"
        )
    # Not `current` alone: DuckDB follows the link once, and would refuse the next version.
    files = view_root() or paths.published
    return [
        "set TimeZone = 'UTC'",
        f"set memory_limit = '{MEMORY}'",
        # Queries may read and write whatever is in the folder for spilling: there is none.
        "set temp_directory = ''",
        *_lock({files}),
    ]


def _lock(folders: set[Path]) -> list[str]:
    allowed = ", ".join(literal(f"{path}/") for path in sorted(folders))
    return [
        f"set allowed_directories = [{allowed}]",
        "set enable_external_access = false",
        "set lock_configuration = true",
    ]


@contextmanager
def _locked(file: Path, folders: set[Path], seconds: float) -> Iterator[duckdb.DuckDBPyConnection]:
    # Attached to a database of its own: one process has one instance of a file that is opened, and
    # what locks it here would lock it for the next who asks at the same time.
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"set memory_limit = '{MEMORY}'")
        connection.execute(f"set temp_directory = {literal(f'{file}.tmp')}")
        connection.execute(f"attach {literal(str(file))} as {file.stem} (read_only)")
        connection.execute(f"use {file.stem}")
        for statement in _lock(folders):
            connection.execute(statement)
        timer = threading.Timer(seconds, connection.interrupt)
        timer.daemon = True
        timer.start()
        try:
            yield connection
        except duckdb.InterruptException as error:
            raise TookTooLong(f"no answer within {seconds:.0f} s") from error
        finally:
            timer.cancel()


def need(connection: duckdb.DuckDBPyConnection, *views: str) -> None:
    """Raises :class:`NothingPublished` where a view of schema ``marts`` is not published."""
    for view in views:
        if not is_published(connection, view):
            raise NothingPublished(
                f"the published version has no {view}; 'marketing run' builds and publishes it"
            )


def is_published(connection: duckdb.DuckDBPyConnection, view: str, schema: str = "marts") -> bool:
    row = connection.execute(
        "select count(*) from duckdb_views() where schema_name = ? and view_name = ?",
        [schema, view],
    ).fetchone()
    return row is not None and row[0] > 0


def dicts(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    values: list[Any] | dict[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """A query's rows, each by its columns' names."""
    cursor = connection.execute(query, values or [])
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
