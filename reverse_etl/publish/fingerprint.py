"""When two marts are identical: a hash over their rows, whatever the order.

Doubles are rounded to 9 significant digits; money is DECIMAL and exact. Relations and columns
that say when a run happened, and not what it found, are left out.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import duckdb

#: What a run says about itself.
RUN_RELATIONS = frozenset({"run_log", "watermarks"})
RUN_COLUMNS = frozenset({"run_id", "landed_at", "landing_file", "evidence_reference"})


def fingerprints(version: Path) -> dict[str, str]:
    """View name -> hash, for one published version folder."""
    with duckdb.connect() as connection:
        return {
            folder.name: _fingerprint(connection, folder)
            for folder in sorted(version.iterdir())
            if folder.is_dir() and folder.name not in RUN_RELATIONS
        }


def _fingerprint(connection: duckdb.DuckDBPyConnection, folder: Path) -> str:
    pattern = str(folder / "*.parquet").replace("'", "''")
    source = f"read_parquet('{pattern}')"
    described = connection.execute(f"describe select * from {source}").fetchall()
    columns = sorted((name, kind) for name, kind, *_ in described if name not in RUN_COLUMNS)
    row = row_text(columns)
    found = connection.execute(
        f"""
        select count(*), coalesce(sha256(string_agg(digest, '' order by digest)), '')
        from (select md5({row}) as digest from {source})
        """
    ).fetchone()
    assert found is not None
    rows, digest = found
    shape = hashlib.sha256(repr(columns).encode()).hexdigest()[:16]
    return f"{rows}:{shape}:{digest}"


def row_text(columns: list[tuple[str, str]]) -> str:
    """An expression of SQL: a row of these columns (name, DuckDB's type) as one text."""
    return " || chr(31) || ".join(_text(name, kind) for name, kind in columns) or "''"


def _text(name: str, kind: str) -> str:
    quoted = '"' + name.replace('"', '""') + '"'
    value = f"printf('%.9g', {quoted} + 0.0)" if kind in ("DOUBLE", "FLOAT") else quoted
    return f"coalesce({value}::varchar, chr(0))"
