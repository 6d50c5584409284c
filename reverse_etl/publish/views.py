"""The DuckDB file of views: made anew each time, renamed into place, read-only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import duckdb

from reverse_etl.publish.catalogue import Relation
from workspace import durable

ROOT_FILE = "view_root.txt"
#: Macros that go into the file of views: SQL files whose first line names the views they read.
MACROS = Path(__file__).parent / "macros"
READS = "-- reads: "


def write_views(target: Path, root: Path, relations: list[Relation], mode: int) -> None:
    """Write a DuckDB file whose views read ``<root>/<view>/*.parquet``, with comments.

    ``root`` is an absolute path as readers see it, and must exist when this runs: DuckDB looks
    at the files when a view is made.
    """
    staging = target.with_name(f".{target.name}.{os.getpid()}")
    staging.unlink(missing_ok=True)
    with duckdb.connect(str(staging)) as connection:
        connection.execute("begin")  # one commit, not one for each of a thousand comments
        make_views(connection, root, relations)
        for relation in relations:
            view = f"{quoted(relation.schema)}.{quoted(relation.name)}"
            present = {row[0] for row in connection.execute(f"describe {view}").fetchall()}
            for statement in comments(relation, "view", present):
                connection.execute(statement)
        connection.execute("commit")
    os.chmod(staging, mode)
    durable.replace(staging, target)
    durable.write(target.parent / ROOT_FILE, str(root).encode())


def make_views(
    connection: duckdb.DuckDBPyConnection, root: Path, relations: list[Relation]
) -> None:
    """Views that read ``<root>/<view>/*.parquet``, and the macros over them, without comments."""
    for relation in relations:
        view = f"{quoted(relation.schema)}.{quoted(relation.name)}"
        connection.execute(f"create schema if not exists {quoted(relation.schema)}")
        pattern = literal(f"{root}/{relation.name}/*.parquet")
        connection.execute(f"create view {view} as select * from read_parquet({pattern})")
    for macro in macros({relation.name for relation in relations}):
        connection.execute(macro)


def comments(relation: Relation, kind: str, present: set[str]) -> Iterator[str]:
    """Statements that describe a view or table and those of its columns that it has."""
    name = f"{quoted(relation.schema)}.{quoted(relation.name)}"
    if relation.description:
        yield f"comment on {kind} {name} is {literal(relation.description)}"
    for column, description in relation.columns.items():
        if column in present:
            yield f"comment on column {name}.{quoted(column)} is {literal(description)}"


def macros(views: set[str]) -> list[str]:
    """The statements of the macros that can be made over these views, by file name."""
    found = []
    for path in sorted(MACROS.glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        first = text.partition("\n")[0]
        if not first.startswith(READS):
            raise ValueError(f"{path}: the first line names the views it reads: {READS}view, ...")
        if {name.strip() for name in first.removeprefix(READS).split(",")} <= views:
            found.append(text)
    return found


def stored_root(folder: Path) -> Path | None:
    try:
        return Path((folder / ROOT_FILE).read_text())
    except FileNotFoundError:
        return None


def quoted(text: str) -> str:
    """A name, as SQL has it."""
    return '"' + text.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text, as SQL has it."""
    return "'" + text.replace("'", "''") + "'"
