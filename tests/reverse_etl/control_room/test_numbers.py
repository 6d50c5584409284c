"""Figures whose statements are easily wrong, over rows made for it."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from reverse_etl.control_room import definitions


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute("create schema marts")
        yield opened


def test_what_is_usual_is_of_the_six_months_before(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        """
        create table marts.kpi_monthly as
        select 'public' as vertical, metric as metric_name, metric, month::date as month,
            value::double as value, 'count' as unit, true as is_complete,
            'month' as metric_window, 'measured' as status
        from (values
            ('gaps', '2025-01-01', 1), ('gaps', '2025-02-01', 1), ('gaps', '2026-03-01', 1000),
            ('gaps', '2026-05-01', 10), ('gaps', '2026-07-01', 10), ('gaps', '2026-08-01', 10),
            ('gaps', '2026-09-01', 20),
            ('young', '2026-07-01', 1), ('young', '2026-08-01', 1), ('young', '2026-09-01', 9)
        ) as given (metric, month, value)
        """
    )
    found = connection.execute(definitions.sql("overview", "changes")).pl().to_dicts()
    assert [(one["metric_name"], one["usual"], one["change"]) for one in found] == [("gaps", 10, 1)]


def test_who_refused_two_brands_is_one(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        """
        create table marts.consent_states as
        select 'newsletter' as purpose, 'email' as channel, state, subject_id, brand, true
            as has_conflict
        from (values ('withdrawn', 'a', 'one'), ('withdrawn', 'a', 'two'), ('granted', 'b', 'one'))
            as given (state, subject_id, brand)
        """
    )
    found = connection.execute(definitions.sql("consent", "states")).pl().to_dicts()
    assert {(one["state"], one["subjects"], one["conflicts"]) for one in found} == {
        ("granted", 1, 1),
        ("withdrawn", 1, 1),
    }
