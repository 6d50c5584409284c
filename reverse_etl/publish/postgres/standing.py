"""Whether every Postgres that a workspace was published to has its current version alone."""

from __future__ import annotations

from typing import Any

import psycopg

from reverse_etl.publish.catalogue import OPEN
from reverse_etl.publish.postgres import notes, places
from reverse_etl.publish.postgres.loading import control, place
from reverse_etl.publish.postgres.swap import NEXT
from reverse_etl.publish.postgres.told import PostgresFault, kind
from reverse_etl.publish.publisher import NothingPublished, current_version
from workspace.paths import Paths


def behind(paths: Paths, url: str) -> tuple[str, str | None]:
    """The database at ``url``, and what it has that is not of the current version; None where it
    has nothing else. Raises :class:`PostgresFault`."""
    with control(url) as connection:
        name = place(connection)
        try:
            return name, _other(paths, connection, name)
        except psycopg.Error as error:
            raise PostgresFault(f"{name} was not asked: {kind(error)}") from None


def _other(paths: Paths, connection: psycopg.Connection[Any], name: str) -> str | None:
    left = connection.execute(
        "select 1 from pg_tables where schemaname = %s limit 1", [NEXT]
    ).fetchone()
    if left is not None:
        return f"what a killed publish left in {NEXT}"
    known = places.read(paths)
    owner = notes.owner(connection)
    if owner is not None and (known is None or owner != known.workspace):
        return None  # another workspace replaced everything
    version = notes.loaded_version(connection)
    if version is None and known is not None and name in known.databases:
        marts = connection.execute(
            "select 1 from pg_tables where schemaname = %s limit 1", [OPEN]
        ).fetchone()
        return f"tables in {OPEN} without their version" if marts is not None else None
    try:
        current = current_version(paths)
    except NothingPublished:
        current = None
    return None if version in (None, current) else f"version {version}"
