"""Marts as other definitions would make them: the project's own compiled SQL over the last run.

What reads a parameter that differs, and what stands behind it, is computed again in a database of
its own; everything else is read from the warehouse, which is opened read-only and stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.compiled import Compiled
from dagster_project.relations import Relations
from workspace import warehouse
from workspace.definitions.reading import Row
from workspace.definitions.store import table

#: The schema of what is computed again.
THEN = "memory.main"
_PARAMETERS = "lake.parameters"


class NoWarehouse(LookupError):
    """There is no warehouse that a run has finished; the message says what makes one."""


@contextmanager
def opened(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse as the last run left it, read-only. Hold the run lock meanwhile.

    Raises :class:`NoWarehouse`.
    """
    if not path.exists():
        raise NoWarehouse("there is no warehouse yet; 'marketing run' builds it")
    with warehouse.attached(path, read_only=True) as connection:
        found = connection.execute(
            "select count(*) from duckdb_tables() where database_name = $1 and "
            "(schema_name, table_name) in (('lake', 'run_context'), ('operations', 'doubts'))",
            [warehouse.DATABASE],
        ).fetchone()
        if found != (2,):
            raise NoWarehouse("no run has built the warehouse yet; 'marketing run' does")
        unfinished = connection.execute(
            "select name from operations.doubts where detail = 'did not finish'"
        ).fetchone()
        if unfinished:
            raise NoWarehouse("the last run did not finish; 'marketing run' builds what is missing")
        yield connection


def recompute(
    connection: duckdb.DuckDBPyConnection,
    compiled: Compiled,
    rows: Mapping[str, Sequence[Row]],
    wanted: Sequence[str],
) -> dict[str, str]:
    """Compute the models named ``wanted`` with other parameters; name -> relation.

    ``rows`` are those of whole definitions, by name; all others stay as in force. A model that
    reads nothing that differs is left out. ``connection`` is one of :func:`opened`.
    """
    differing = _give_parameters(connection, rows)
    if not differing:
        return {}
    relations = Relations(compiled.manifest, compiled.statements)
    ids = [relations.known[name] for name in wanted]
    affected = _affected(relations, ids, differing)
    for name, value in compiled.settings.items():
        connection.execute(f"set global {name} = '{value}'")
    parts = {relations.known[_PARAMETERS]: f"select * from {THEN}.parameters"}
    for unique_id in affected:
        text = relations.replace(relations.text(unique_id).sql, parts)
        relation = f'{THEN}."{relations.nodes[unique_id]["alias"]}"'
        connection.execute(f"create or replace table {relation} as (\n{text}\n)")
        parts[unique_id] = f"select * from {relation}"
    return {
        name: f'{THEN}."{name}"'
        for name, unique_id in zip(wanted, ids, strict=True)
        if unique_id in parts
    }


def _give_parameters(
    connection: duckdb.DuckDBPyConnection, rows: Mapping[str, Sequence[Row]]
) -> set[str]:
    """Make the table of parameters as they would be; the collections that differ."""
    as_of = connection.execute("select as_of from lake.run_context").fetchone()
    assert as_of is not None
    given = table({name: list(its) for name, its in rows.items()}, as_of[0])
    connection.register("given_parameters", given)
    connection.execute(
        f"""
        create or replace table {THEN}.parameters as
        select * from lake.parameters where definition not in (select unnest($1))
        union all by name select * from given_parameters
        """,
        [list(rows)],
    )
    connection.unregister("given_parameters")
    content = "select collection, key, position, value from"
    differing = connection.execute(
        f"""
        select distinct collection from (
            ({content} lake.parameters except {content} {THEN}.parameters)
            union all ({content} {THEN}.parameters except {content} lake.parameters)
        )
        """
    ).fetchall()
    return {name for (name,) in differing}


def _affected(relations: Relations, wanted: Sequence[str], collections: set[str]) -> list[str]:
    """The tables among ``wanted`` and their ancestors that read what differs, parents first."""
    before: dict[str, frozenset[str]] = {}
    waiting = list(wanted)
    while waiting:
        unique_id = waiting.pop()
        if unique_id not in before and _is_model(relations.nodes.get(unique_id)):
            before[unique_id] = relations.text(unique_id).reads
            waiting += before[unique_id]
    found: list[str] = []
    for unique_id in TopologicalSorter(before).static_order():
        if unique_id not in before:
            continue
        text = relations.text(unique_id).sql
        asks = any(f"'{name}'" in text for name in collections)
        if asks or not before[unique_id].isdisjoint(found):
            found.append(unique_id)
    return found


def _is_model(node: Mapping[str, Any] | None) -> bool:
    return node is not None and node["resource_type"] == "model"
