"""What advertising cost where not all of it is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from reverse_etl.control_room import definitions

# Known months, a month of unknown spend, a campaign that ended, tagged links, unknown won deals.
ROWS = """
select
    campaign_id, 'public' as vertical, channel, 'ads' as platform, month::date as month,
    spend_base::decimal(18, 4) as spend_base, impressions::bigint as impressions,
    1 as sessions, leads as sourced_leads, 1 as sourced_new_customers,
    won::decimal(18, 4) as sourced_won_base
from (values
    ('known', 'search', '2026-08-01', 100, 10, 5, 300),
    ('known', 'search', '2026-09-01', 100, 10, 5, 300),
    ('partly', 'social', '2026-08-01', null, 10, 5, 300),
    ('partly', 'social', '2026-09-01', 100, 10, 5, 300),
    ('ended', 'display', '2026-07-01', 50, 10, 1, 10),
    ('ended', 'display', '2026-09-01', null, null, 4, null),
    ('tagged', 'email', '2026-09-01', null, null, 7, 20)
) as given (campaign_id, channel, month, spend_base, impressions, leads, won)
"""


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute("create schema marts")
        opened.execute(f"create table marts.campaign_performance as {ROWS}")
        opened.execute(
            "create table marts.kpi_monthly as select date '2026-09-01' as month, "
            "true as is_complete"
        )
        opened.execute(
            "create table marts.dim_campaigns as select distinct campaign_id, "
            "campaign_id as campaign_name from marts.campaign_performance"
        )
        yield opened


def rows(connection: duckdb.DuckDBPyConnection, figure: str) -> list[dict[str, Any]]:
    found = connection.execute(definitions.sql("campaigns", figure))
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def test_spend_of_an_unknown_month_makes_no_campaign_cheap(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    found = {one["campaign_name"]: one for one in rows(connection, "advertising")}
    assert (found["known"]["spend_base"], found["known"]["cost_per_lead"]) == (200, 20)
    assert found["known"]["roi"] == 2
    for name in ("partly", "tagged"):
        told = found[name]
        assert [told[one] for one in ("spend_base", "cost_per_lead", "roi")] == [None] * 3, name
    # It spent nothing more after its end; what was won by then is not all known.
    assert (found["ended"]["spend_base"], found["ended"]["cost_per_lead"]) == (50, 10)
    assert found["ended"]["sourced_won_base"] is found["ended"]["roi"] is None


def test_advertising_by_month(connection: duckdb.DuckDBPyConnection) -> None:
    found = {(one["channel"], one["month"].month): one for one in rows(connection, "ad_spend")}
    assert set(found) == {
        ("search", 8), ("search", 9), ("social", 8), ("social", 9), ("display", 7), ("display", 9),
    }  # fmt: skip
    assert found["social", 8]["spend_base"] is None and found["social", 8]["sourced_leads"] == 5
    ended = found["display", 9]
    assert (ended["spend_base"], ended["sourced_leads"]) == (0, 4)
    assert ended["sourced_won_base"] is None
