"""What stands in a warehouse and from what it was made, so that a build touches only what changed.

A node is left as it is when its text and the versions of all it reads are those of its last
build. Its version changes only when its rows do, so a parent that was made again with the same
rows leaves what stands behind it alone.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, fields

import duckdb

from workspace import warehouse

_BUILT = "operations.built"

#: Tables with more rows count as changed whenever they are made: comparing would cost too much.
COMPARED_ROWS = 5_000_000


@dataclass(frozen=True)
class Built:
    """One node as it was built: ``inputs`` made it, ``version`` names its rows.

    ``content`` fingerprints them where they were compared. What can be made again in parts knows
    ``rest``, its inputs without those whose changes tell which parts, and the versions of these
    as ``parents``. ``since`` is the version that the noted changes lead on from.
    """

    inputs: str
    version: str
    content: str | None = None
    rest: str | None = None
    parents: dict[str, str] = field(default_factory=dict)
    since: str | None = None


def hashed(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def take(connection: duckdb.DuckDBPyConnection) -> dict[str, Built]:
    """What was built before. A build that does not end leaves nothing: the next makes all anew."""
    connection.execute("create schema if not exists operations")
    connection.execute(f"create table if not exists {_BUILT} (unique_id varchar, built varchar)")
    rows = connection.execute(f"select unique_id, built from {_BUILT}").fetchall()
    connection.execute(f"delete from {_BUILT}")
    known = {unique_id: json.loads(text) for unique_id, text in rows}
    names = {field.name for field in fields(Built)}  # an earlier program noted others
    return {key: Built(**found) for key, found in known.items() if found.keys() <= names}


def look(connection: duckdb.DuckDBPyConnection) -> dict[str, Built]:
    """What stands, left as it is."""
    known = take(connection)
    put(connection, known)
    return known


def put(connection: duckdb.DuckDBPyConnection, built: dict[str, Built]) -> None:
    rows = [(name, json.dumps(vars(node))) for name, node in built.items()]
    if rows:
        connection.execute("begin")
        connection.executemany(f"insert into {_BUILT} values (?, ?)", rows)
        connection.execute("commit")


def forget(connection: duckdb.DuckDBPyConnection) -> None:
    """Somebody else builds: nothing is known of what stands."""
    take(connection)


def forget_model(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """The table of this model was not made by its build."""
    known = take(connection)
    put(connection, {key: built for key, built in known.items() if not key.endswith(f".{name}")})


def comparable(connection: duckdb.DuckDBPyConnection, relation: str) -> str | None:
    """A table's content, or None where it is too long to compare."""
    row = connection.execute(f"select count(*) from {relation}").fetchone()
    assert row is not None
    return warehouse.content(connection, relation) if row[0] <= COMPARED_ROWS else None
