"""The tables of a publish itself: what is there, and what of it the next one can keep."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg

from reverse_etl.publish.catalogue import OPEN, Relation
from reverse_etl.publish.postgres.columns import FORMAT
from reverse_etl.publish.postgres.swap import NEXT, Refused
from reverse_etl.publish.publisher import VERSION_FILE
from reverse_etl.publish.views import comments, quoted
from workspace.clock import parse_time

VERSION, RELATIONS, RIGHTS = "published_version", "published_relations", "published_rights"

_COLUMNS = {
    VERSION: {
        "version": ("text", "Name of the version in published/"),
        "as_of": ("timestamp", "Time the run looked from (UTC)"),
        "snapshot_id": ("text", "State of the lake that it was made of"),
        "published_at": ("timestamp", "When it was loaded into this database (UTC)"),
        "workspace": ("text", "Id of the workspace that published it"),
    },
    RELATIONS: {
        "relation": ("text", "Name of the table"),
        "row_count": ("bigint", "Its rows"),
        "loaded_version": ("text", "Version it was loaded by; later ones had the same rows"),
        "content_hash": ("text", "Of its rows and columns"),
        "text_hash": ("text", "Of its descriptions"),
    },
    RIGHTS: {
        "relation": ("text", "Name of the table"),
        "grantee": ("text", "Role as SQL writes it, or public; null where nobody had a right"),
        "grantee_id": ("oid", "Its id: another role of that name gets nothing"),
        "privilege": ("text", "What it may do"),
        "column_name": ("text", "With which column; null for the whole table"),
        "is_grantable": ("boolean", "Whether it may grant it"),
    },
}
_GRAIN = {
    VERSION: "One row: the published version that the tables of this schema are of.",
    RELATIONS: "One row per mart in this schema: what the next publish sees changes by.",
    RIGHTS: "One row per right to a mart that is absent from this version: it gets them back.",
}
TABLES = frozenset(_COLUMNS)


@dataclass(frozen=True)
class Mart:
    """A table to have, and where its files are."""

    relation: Relation
    files: Path
    row_count: int
    loaded_version: str
    content_hash: str
    text_hash: str

    @property
    def name(self) -> str:
        return self.relation.name


@dataclass(frozen=True)
class Version:
    """A published version: its marts by name, and when and of what it was made."""

    name: str
    as_of: datetime | None
    snapshot_id: str | None
    marts: dict[str, Mart]


def read_version(folder: Path) -> Version:
    """Raises :class:`Refused` for a mart that nobody may see there, or of a name that is taken."""
    facts = json.loads((folder / VERSION_FILE).read_bytes())
    parts: dict[str, list[Any]] = {}
    for key, content in sorted(facts["parts"].items()):
        parts.setdefault(key.partition("/")[0], []).append([key, content])
    marts = {}
    for relation in (Relation(**described) for described in facts["relations"]):
        if relation.schema != OPEN or relation.name in TABLES:
            raise Refused(f"{relation.schema}.{relation.name} is not for Postgres")
        files = parts.get(relation.name, [])
        marts[relation.name] = Mart(
            relation,
            folder / relation.name,
            sum(content["rows"] for _, content in files),
            facts["version"],
            # A part's hash is one of this version of DuckDB.
            _hash([FORMAT, facts["duckdb"], files]),
            _hash([relation.description, sorted(relation.columns.items())]),
        )
    try:
        as_of = parse_time(facts["as_of"])
    except (KeyError, ValueError):
        as_of = None
    return Version(facts["version"], as_of, facts.get("snapshot_id"), marts)


def _hash(content: list[Any]) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]


def loaded_version(connection: psycopg.Connection[Any]) -> str | None:
    if not _exists(connection, VERSION):
        return None
    row = connection.execute(f"select version from {OPEN}.{VERSION}").fetchone()
    return row[0] if row else None


def loaded_marts(connection: psycopg.Connection[Any]) -> dict[str, dict[str, Any]]:
    """What publishes loaded, by name, where the table is still there."""
    if not _exists(connection, RELATIONS):
        return {}
    names = list(_COLUMNS[RELATIONS])
    found = connection.execute(
        f"select {', '.join(names)} from {OPEN}.{RELATIONS} "
        f"where to_regclass('{OPEN}.' || quote_ident(relation)) is not null"
    ).fetchall()
    return {row[0]: dict(zip(names, row, strict=True)) for row in found}


def own(connection: psycopg.Connection[Any]) -> set[str]:
    """Which of :data:`TABLES` are there."""
    return {name for name in _COLUMNS if _exists(connection, name)}


def owner(connection: psycopg.Connection[Any]) -> str | None:
    """Id of the workspace whose tables these are; None where nobody's are, or it does not say."""
    if not _exists(connection, VERSION):
        return None
    row = connection.execute(
        f"select to_jsonb(one) ->> 'workspace' from {OPEN}.{VERSION} as one"
    ).fetchone()
    return row[0] if row else None


def rights(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    """What is noted of the rights to marts that are absent, as `rights.held` gives them."""
    if not _exists(connection, RIGHTS):
        return []
    names = ", ".join(_COLUMNS[RIGHTS])
    return connection.execute(f"select {names} from {OPEN}.{RIGHTS}").fetchall()


def _exists(connection: psycopg.Connection[Any], table: str) -> bool:
    found = connection.execute("select to_regclass(%s)", [f"{OPEN}.{table}"]).fetchone()
    return found is not None and found[0] is not None


def write(
    connection: psycopg.Connection[Any],
    version: Version,
    at: datetime,
    marts: list[Mart],
    workspace: str,
    kept_rights: list[tuple[Any, ...]],
) -> None:
    """Make the tables in :data:`NEXT`. They are committed before the swap, as all are: to a
    transaction that is older than a row the row is not there."""
    rows: dict[str, list[Any]] = {
        VERSION: [(version.name, version.as_of, version.snapshot_id, at, workspace)],
        RELATIONS: [
            (mart.name, mart.row_count, mart.loaded_version, mart.content_hash, mart.text_hash)
            for mart in marts
        ],
        RIGHTS: kept_rights,
    }
    for name, columns in _COLUMNS.items():
        listed = ", ".join(f"{column} {kind}" for column, (kind, _) in columns.items())
        connection.execute(f"create table {NEXT}.{name} ({listed})")
        marks = ", ".join(["%s"] * len(columns))
        if rows[name]:
            with connection.cursor() as cursor:
                cursor.executemany(f"insert into {NEXT}.{name} values ({marks})", rows[name])
        texts = {column: text for column, (_, text) in columns.items()}
        describe(connection, NEXT, Relation(OPEN, name, _GRAIN[name], texts))


def describe(connection: psycopg.Connection[Any], schema: str, relation: Relation) -> None:
    """Comment a table and its columns, in one round trip."""
    found = connection.execute(
        "select attname from pg_attribute where attrelid = to_regclass(%s) and attnum > 0",
        [f"{quoted(schema)}.{quoted(relation.name)}"],
    ).fetchall()
    placed = replace(relation, schema=schema)
    statements = list(comments(placed, "table", {name for (name,) in found}))
    if statements:
        connection.execute("; ".join(statements))
