"""Everything that a run publishes, in Postgres: the same rows, of the types that were promised."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime
from pathlib import Path

import psycopg

from reverse_etl.publish import reader
from reverse_etl.publish.postgres import load
from tests.end_to_end.runner import Finished

KINDS = {
    "VARCHAR": "text",
    "JSON": "text",
    "BIGINT": "bigint",
    "INTEGER": "integer",
    "DOUBLE": "double precision",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP": "timestamp without time zone",
}


def test_every_mart_is_there_as_duckdb_reads_it(
    finished: Finished, tmp_path: Path, postgres_url: str
) -> None:
    opened = finished.copied(tmp_path / "w")
    url = postgres_url.replace("+psycopg", "")
    done = load(opened.paths, url, datetime(2026, 1, 1))
    with reader(opened.paths) as ours, psycopg.connect(url, autocommit=True) as theirs:
        wanted = ours.execute(
            "select table_name, column_name, data_type, comment from duckdb_columns() "
            "where schema_name = 'marts'"
        ).fetchall()
        found = theirs.execute(
            """
            select relname::text, attname::text, format_type(atttypid, atttypmod),
                col_description(attrelid, attnum)
            from pg_attribute join pg_class on pg_class.oid = attrelid
            where relnamespace = 'marts'::regnamespace and attnum > 0
                and relname not in ('published_version', 'published_relations', 'published_rights')
            """
        ).fetchall()
        assert sorted(found) == sorted(
            (table, column, _kind(kind), comment) for table, column, kind, comment in wanted
        )
        names = sorted({table for table, *_ in wanted})
        assert set(names) == set(done.rows) and len(names) > 100
        for name in names:
            query = f'select * from marts."{name}"'
            rows = Counter(ours.execute(query).fetchall())
            assert rows == Counter(theirs.execute(query).fetchall()), name
            assert rows.total() == done.rows[name]


def _kind(kind: str) -> str:
    return KINDS.get(kind) or re.sub("DECIMAL", "numeric", kind)
