"""Whether a pack is what it was when it was made, by its own manifest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from reverse_etl.packing.writer import FORM, MEMORY, PackError, Progress, measure


@dataclass(frozen=True)
class Checked:
    """The manifest's row, the file's sha256, and what is not as it was."""

    manifest: dict[str, Any]
    sha256: str
    faults: list[str] = field(default_factory=list)


def verify(path: Path, progress: Progress | None = None) -> Checked:
    """Count and hash every table anew. Raises :class:`PackError` for a file that is no pack.

    Whoever can write the file can write its manifest too: that it is the one you were told of,
    only its sha256 tells.
    """
    if not path.is_file():
        raise PackError(f"{path} is no file")
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            connection.execute(
                f"set TimeZone = 'UTC'; set memory_limit = '{MEMORY}'; "
                "set enable_external_access = false; set lock_configuration = true"
            )
            cursor = connection.execute("select * from pack.manifest")
            names = [column[0] for column in cursor.description or []]
            manifest = dict(zip(names, cursor.fetchone() or (), strict=True))
            if manifest["form"] != FORM:
                raise PackError(f"{path} is a pack of form {manifest['form']}; this reads {FORM}")
            faults = _faults(connection, manifest, progress or (lambda *_: None))
    except (duckdb.Error, ValueError) as error:
        raise PackError(f"{path} is no pack, or a broken one ({type(error).__name__})") from None
    with open(path, "rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    return Checked(manifest, digest, faults)


def _faults(
    connection: duckdb.DuckDBPyConnection, manifest: dict[str, Any], progress: Progress
) -> list[str]:
    told = {
        (schema, name): (rows, digest)
        for schema, name, rows, digest in connection.execute(
            'select schema_name, table_name, "rows", digest from pack.tables order by all'
        ).fetchall()
    }
    there = set(
        connection.execute("select schema_name, table_name from duckdb_tables()").fetchall()
    ) - {("pack", "manifest"), ("pack", "tables")}
    faults = [f"{schema}.{name} is missing" for schema, name in sorted(set(told) - there)]
    faults += [f"{schema}.{name} was added" for schema, name in sorted(there - set(told))]
    marts = [rows for (schema, _), (rows, _) in told.items() if schema != "pack"]
    if (len(marts), sum(marts)) != (manifest["tables"], manifest["rows"]):
        faults.append("pack.tables is not what pack.manifest counts")
    done = 0
    for schema, name in sorted(set(told) & there):
        rows, digest = told[schema, name]
        found, hashed = measure(connection, schema, name)
        if found != rows:
            faults.append(f"{schema}.{name} has {found:,} rows, and had {rows:,}")
        elif hashed != digest:
            faults.append(f"{schema}.{name} has other rows than it had")
        done += rows
        progress(name, done, sum(rows for rows, _ in told.values()))
    return faults
