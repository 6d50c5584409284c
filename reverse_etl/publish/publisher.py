"""Writing a version, moving ``current`` to it, and moving it back.

A version folder is complete before ``current`` points at it; killed at any moment, readers
see the old version or the new one. Parts whose rows did not change are hard links to the
previous version's files.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from reverse_etl.publish.catalogue import CLOSED, OPEN, Catalogue, Relation
from reverse_etl.publish.views import stored_root, write_views
from workspace import durable
from workspace.clock import compact, iso, parse_time
from workspace.paths import Paths
from workspace.settings import view_root

KEPT_VERSIONS = 3
VERSION_FILE = "version.json"
CURRENT = "current"
WHOLE = "all"
UNDATED = "undated"
#: A relation of fewer rows is one file, month column or not.
MONTHLY_ROWS = 1_000_000


class NothingPublished(RuntimeError):
    """There is no version to read or to go back to."""


@dataclass(frozen=True)
class Room:
    """A published folder: its schema, its file of views, and who may read it."""

    schema: str
    root: Path
    database: str
    folder_mode: int
    file_mode: int


@dataclass(frozen=True)
class Made:
    """From what a relation was made: of the same ``version``, it has the same rows.

    ``changes`` is a table of the rows by which it differs from what it was at ``since``.
    """

    version: str
    since: str | None = None
    changes: str | None = None


@dataclass(frozen=True)
class Published:
    """``rows`` by view; ``written`` and ``linked`` count Parquet files."""

    version: str
    folder: Path
    rows: dict[str, int]
    written: int
    linked: int


def rooms(paths: Paths) -> list[Room]:
    return [
        Room(OPEN, paths.published, "marketing.duckdb", 0o555, 0o444),
        Room(CLOSED, paths.published_pii, "marketing_pii.duckdb", 0o500, 0o400),
    ]


def publish(
    warehouse: Path,
    paths: Paths,
    catalogue: Catalogue,
    at: datetime,
    facts: dict[str, Any],
    made: Mapping[str, Made] | None = None,
) -> Published:
    """Publish the warehouse's marts as a new version and make it current.

    ``facts`` (as_of, input snapshot, run) are stored in the version's ``version.json``. What is
    known of relations (``made``, by ``schema.name``) saves reading those that did not change.
    """
    version = f"v{compact(at)}"
    results = []
    for room in rooms(paths):
        clean(room)
        results.append(_write_version(room, warehouse, version, catalogue, facts, made or {}))
    for room in rooms(paths):
        point_to(room, version)
        _forget_old(room)
    return results[0]


def publish_as_of(
    warehouse: Path, paths: Paths, catalogue: Catalogue, as_of: datetime, facts: dict[str, Any]
) -> Published:
    """Publish to ``published/as_of/<time>/`` with its own file of views; ``current`` stays."""
    results = []
    for room in rooms(paths):
        inner = Room(room.schema, room.root / "as_of", "", room.folder_mode, room.file_mode)
        durable.make_folder(inner.root)
        clean(inner)
        name = iso(as_of).replace(":", "")
        old = inner.root / name
        if old.exists():
            remove_version(old)
        results.append(_write_version(inner, warehouse, name, catalogue, facts, {}))
        folder = inner.root / name
        with _writable(folder, room.folder_mode):
            write_views(folder / room.database, folder, catalogue.of(room.schema), room.file_mode)
    return results[0]


def rollback(paths: Paths) -> str:
    """Point ``current`` at the version before it; returns that version's name.

    Raises :class:`NothingPublished` when there is none.
    """
    now = current_version(paths)
    # A publish that was killed may have left a version in one room only.
    whole = set.intersection(*(set(versions_of(room)) for room in rooms(paths)))
    older = sorted(version for version in whole if version < now)
    if not older:
        raise NothingPublished(f"{now} is the oldest version kept; there is nothing to go back to")
    for room in rooms(paths):
        point_to(room, older[-1])
    return older[-1]


def current_version(paths: Paths) -> str:
    link = paths.published / CURRENT
    if not link.is_symlink():
        raise NothingPublished(
            f"nothing is published in {paths.published} yet; 'marketing run' publishes"
        )
    return os.readlink(link)


def published_as_of(paths: Paths) -> datetime:
    """The ``as_of`` of the current version. Raises :class:`NothingPublished`."""
    folder = paths.published / current_version(paths)
    return parse_time(json.loads((folder / VERSION_FILE).read_bytes())["as_of"])


def ensure_root(paths: Paths) -> bool:
    """Rewrite the files of views when the workspace has moved; True when it did."""
    moved = False
    for room in rooms(paths):
        link = room.root / CURRENT
        if not link.exists():
            continue
        if stored_root(room.root) != _view_root(room) or not (room.root / room.database).exists():
            _write_views(room, room.root / os.readlink(link))
            moved = True
        for folder in (room.root / "as_of").glob("[0-9]*"):
            if stored_root(folder) not in (None, folder):
                with _writable(folder, room.folder_mode):
                    write_views(
                        folder / room.database, folder, relations_of(folder), room.file_mode
                    )
                moved = True
    return moved


def _view_root(room: Room) -> Path:
    """Where readers find the files; ``MARKETING_VIEW_ROOT`` is a mount path for ``published/``."""
    override = view_root() if room.schema == OPEN else None
    return (override or room.root) / CURRENT


def _write_views(room: Room, version: Path) -> None:
    write_views(room.root / room.database, _view_root(room), relations_of(version), room.file_mode)


def relations_of(version: Path) -> list[Relation]:
    """What a version's folder holds."""
    described = json.loads((version / VERSION_FILE).read_bytes())["relations"]
    return [Relation(**relation) for relation in described]


def _write_version(
    room: Room,
    warehouse: Path,
    version: str,
    catalogue: Catalogue,
    facts: dict[str, Any],
    made: Mapping[str, Made],
) -> Published:
    staging = room.root / f".{version}"
    durable.make_folder(staging, mode=0o700)
    previous, old_parts, old_versions = _previous_parts(room)
    parts: dict[str, dict[str, Any]] = {}
    versions: dict[str, str] = {}
    written = linked = 0
    relations = catalogue.of(room.schema)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for relation in relations:
            folder = staging / relation.name
            folder.mkdir()
            source = f'"{relation.schema}"."{relation.name}"'
            known = made.get(f"{relation.schema}.{relation.name}")
            if known is not None:
                versions[relation.name] = known.version
            old = {
                key.partition("/")[2].removesuffix(".parquet"): content
                for key, content in old_parts.items()
                if key.startswith(f"{relation.name}/") and previous and (previous / key).exists()
            }
            same = _unchanged(connection, relation, known, old_versions.get(relation.name), old)
            found = _parts(connection, relation, source, same)
            for part, condition, content in found:
                key = f"{relation.name}/{part}.parquet"
                parts[key] = content
                target = staging / key
                if previous and old_parts.get(key) == content and (previous / key).exists():
                    os.link(previous / key, target)
                    linked += 1
                    continue
                quoted = str(target).replace("'", "''")
                connection.execute(
                    f"copy (select * from {source} where {condition}) to '{quoted}' "
                    "(format parquet, compression zstd)"
                )
                os.chmod(target, room.file_mode)
                durable.fsync_file(target)
                written += 1
            durable.fsync_folder(folder)
            os.chmod(folder, room.folder_mode)
    body = {
        "version": version,
        **facts,
        "duckdb": duckdb.__version__,
        "relations": [asdict(relation) for relation in relations],
        "parts": parts,
        "versions": versions,
    }
    seal(room, staging, body)
    rows: dict[str, int] = {relation.name: 0 for relation in relations}
    for key, content in parts.items():
        rows[key.split("/")[0]] += content["rows"]
    return Published(version, room.root / version, rows, written, linked)


def seal(room: Room, staging: Path, body: dict[str, Any]) -> None:
    """A version's folder, complete but for what describes it, gets its name."""
    durable.write(staging / VERSION_FILE, json.dumps(body, indent=1).encode(), room.file_mode)
    folder = room.root / body["version"]
    os.rename(staging, folder)
    os.chmod(folder, room.folder_mode)
    durable.fsync_folder(room.root)


def _unchanged(
    connection: duckdb.DuckDBPyConnection,
    relation: Relation,
    known: Made | None,
    published: str | None,
    old: dict[str, Any],
) -> dict[str, Any]:
    """Of a relation's parts as they were published, those whose rows cannot have changed."""
    if known is None or published is None:
        return {}
    if known.version == published:
        return old
    if known.since != published or known.changes is None or WHOLE in old:
        return {}
    rows = connection.execute(
        f"select distinct {_month_of(relation.month_column)} from {known.changes}"
    ).fetchall()
    touched = {name or UNDATED for (name,) in rows}
    return {part: content for part, content in old.items() if part not in touched}


def _parts(
    connection: duckdb.DuckDBPyConnection, relation: Relation, source: str, same: dict[str, Any]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """File name, condition and content fingerprint of each part of a relation.

    Those of the parts in ``same`` are as they were.
    """
    columns = str(connection.execute(f"describe {source}").fetchall())
    column = relation.month_column
    row = connection.execute(f"select count(*) from {source}").fetchone()
    assert row is not None
    by_month = column is not None and row[0] >= MONTHLY_ROWS
    if any(content["columns"] != columns for content in same.values()):
        same = {}
    kept = sum(content["rows"] for content in same.values())
    if by_month == (WHOLE in same) or (WHOLE in same and kept != row[0]):
        same = {}
    yield from ((part, "true", content) for part, content in same.items())
    if same and kept == row[0]:
        return
    month = _month_of(column) if by_month else "null"
    others = f"where coalesce({month}, '{UNDATED}') not in ?" if same else "where ? is not null"
    found = connection.execute(
        f"""
        select {month}, count(*), bit_xor(hash(t)), sum(hash(t)::hugeint)
        from {source} as t {others} group by 1 order by 1 nulls last
        """,
        [list(same)],
    ).fetchall()
    if not found and not same:
        yield WHOLE, "true", {"rows": 0, "xor": "", "sum": "", "columns": columns}
    for name, rows, xor, total in found:
        content = {"rows": rows, "xor": str(xor), "sum": str(total), "columns": columns}
        if not by_month:
            yield WHOLE, "true", content
        elif name is None:
            yield UNDATED, f"{column} is null", content
        else:
            first = f"date '{name}-01'"
            yield name, f"{column} >= {first} and {column} < {first} + interval 1 month", content


def _month_of(column: str | None) -> str:
    return f"strftime({column}, '%Y-%m')"


def _previous_parts(room: Room) -> tuple[Path | None, dict[str, Any], dict[str, str]]:
    link = room.root / CURRENT
    if not link.exists():
        return None, {}, {}
    folder = room.root / os.readlink(link)
    body = json.loads((folder / VERSION_FILE).read_bytes())
    if body["duckdb"] != duckdb.__version__:  # hash() is stable within a version only
        return None, {}, {}
    return folder, body["parts"], body.get("versions", {})


def point_to(room: Room, version: str) -> None:
    """Make a version current, which its folder is complete for."""
    durable.swap_link(room.root / CURRENT, version)
    _write_views(room, room.root / version)


def versions_of(room: Room) -> list[str]:
    """The versions there are, oldest first."""
    return sorted(path.name for path in room.root.glob("v*") if path.is_dir())


def _forget_old(room: Room) -> None:
    current = os.readlink(room.root / CURRENT)
    for version in versions_of(room)[:-KEPT_VERSIONS]:
        if version != current:
            remove_version(room.root / version)


def clean(room: Room) -> None:
    """Remove what a killed publish left: unfinished versions and unfinished files of views."""
    durable.make_folder(room.root)
    for path in room.root.glob(".*"):
        if path.is_dir():
            remove_version(path)
        else:
            path.unlink()


def remove_version(folder: Path) -> None:
    """Delete a version, read-only as its folders are."""
    for current, _, _ in os.walk(folder):
        os.chmod(current, 0o755)
    shutil.rmtree(folder)


@contextmanager
def _writable(folder: Path, mode: int) -> Iterator[None]:
    os.chmod(folder, 0o755)
    try:
        yield
    finally:
        os.chmod(folder, mode)
