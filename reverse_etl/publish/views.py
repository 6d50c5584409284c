"""The DuckDB file of views: made anew each time, renamed into place, read-only."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from reverse_etl.publish.catalogue import Relation
from workspace import durable

ROOT_FILE = "view_root.txt"


def write_views(target: Path, root: Path, relations: list[Relation], mode: int) -> None:
    """Write a DuckDB file whose views read ``<root>/<view>/*.parquet``, with comments.

    ``root`` is an absolute path as readers see it, and must exist when this runs: DuckDB looks
    at the files when a view is made.
    """
    staging = target.with_name(f".{target.name}.{os.getpid()}")
    staging.unlink(missing_ok=True)
    with duckdb.connect(str(staging)) as connection:
        connection.execute("begin")  # one commit, not one for each of a thousand comments
        for relation in relations:
            view = f"{_name(relation.schema)}.{_name(relation.name)}"
            connection.execute(f"create schema if not exists {_name(relation.schema)}")
            pattern = _text(f"{root}/{relation.name}/*.parquet")
            connection.execute(f"create view {view} as select * from read_parquet({pattern})")
            if relation.description:
                connection.execute(f"comment on view {view} is {_text(relation.description)}")
            present = {row[0] for row in connection.execute(f"describe {view}").fetchall()}
            for column, description in relation.columns.items():
                if column in present:
                    connection.execute(
                        f"comment on column {view}.{_name(column)} is {_text(description)}"
                    )
        connection.execute("commit")
    os.chmod(staging, mode)
    durable.replace(staging, target)
    durable.write(target.parent / ROOT_FILE, str(root).encode())


def stored_root(folder: Path) -> Path | None:
    try:
        return Path((folder / ROOT_FILE).read_text())
    except FileNotFoundError:
        return None


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
