"""Marts that a launch asks, with segments and people."""

from __future__ import annotations

import duckdb
import pytest

MORE = {
    "segment_memberships": "segment text, contact_id text",
    "marketing_segments": "segment text, is_current boolean, is_stale boolean",
    "contact_features": "contact_id text, account_id text, vertical text",
}


@pytest.fixture
def marts(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    for name, columns in MORE.items():
        connection.execute(f"create table marts.{name} ({columns})")
    return connection
