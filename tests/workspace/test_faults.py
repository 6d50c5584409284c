"""What an error says of a value does not reach a log."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from workspace.faults import said, without_values

ADDRESS = "Anna d'Été <anna@example.fr> +33 6 12 34 56 78"
QUERIES = (
    "select cast($1 as integer)", "select cast($1 as date)", "select strptime($1, '%Y')",
    "select json_extract($1, '$.a')", "select error('boom ' || $1)", "select cast($1 as json)",
    "select cast($1 as decimal(3, 2))", "select regexp_matches('x', $1 || '(')",
    "insert into once values ($1)", "select cast($1 as time)",
)  # fmt: skip


@pytest.mark.parametrize("query", QUERIES)
def test_duckdb_names_no_value(query: str) -> None:
    with duckdb.connect() as connection:
        connection.execute("create table once (a varchar primary key)")
        connection.execute("insert into once values ($1)", [ADDRESS])
        with pytest.raises(duckdb.Error) as raised:
            connection.execute(query, [ADDRESS]).fetchall()
    for part in ("Anna", "Été", "anna", "example.fr", "12 34"):
        assert part not in said(raised.value)
        assert part not in str(without_values(raised.value))
    assert type(without_values(raised.value)) is type(raised.value)


def test_pyarrow_names_no_value() -> None:
    with pytest.raises(pa.ArrowInvalid) as raised:
        pa.array([ADDRESS]).cast(pa.int64())
    assert "anna" not in said(raised.value) and "Failed to parse" in said(raised.value)


def test_what_went_wrong_is_still_told() -> None:
    with duckdb.connect() as connection, pytest.raises(duckdb.Error) as raised:
        connection.execute("select cast(a as integer) from (select 'x@y.z' as a)").fetchall()
    assert said(raised.value) == (
        "Conversion Error: Could not convert string … to INT32 when casting from source column a"
    )


def test_errors_of_statements_stay_whole() -> None:
    with duckdb.connect() as connection, pytest.raises(duckdb.Error) as raised:
        connection.execute("select nosuch")
    assert without_values(raised.value) is raised.value
    assert 'column "nosuch"' in said(raised.value)
    plain = ValueError("x")
    assert without_values(plain) is plain
