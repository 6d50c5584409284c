"""Things of one name, which nothing forbids, are drawn apart."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from reverse_etl.control_room import definitions

TABLES = """
create schema marts;
create table marts.campaigns as
    select campaign, 'Welcome' as campaign_name, vertical, 4 as messages, 4 as sent,
        0 as underway, 0 as unknown, 0 as waiting, 0 as not_sent
    from (values ('a', 'medical'), ('b', 'public')) as given (campaign, vertical);
create table marts.journeys as
    select campaign as journey, 'Welcome' as journey_name, vertical, 4 as entered
    from marts.campaigns;
create table marts.journey_executions as
    select journey, timestamp '2026-01-05' as entered_at, null::timestamp as ended_at,
        false as has_reached_goal, 'active' as status
    from marts.journeys;
create table marts.message_waterfall as
    select 'campaign' as source_kind, campaign as source_key, 4 as intended, 1 as position,
        'sent' as stage, 4 as messages, 0 as deferred, 0 as remaining
    from marts.campaigns;
create table marts.marketing_segments as
    select campaign as segment, 'Welcome' as segment_name, vertical, true as is_current,
        10 as contacts
    from marts.campaigns;
create table marts.segment_counts as
    select segment, vertical, 'newsletter' as purpose, 'email' as channel, 10 as members,
        5 as reachable_contacts, 5 as sendable_contacts, 0.5 as reachable_share
    from marts.marketing_segments;
create table marts.membership_overlaps as
    select 'a' as segment, 'b' as other_segment, 2 as contacts, 0.2 as share_of_segment,
        0.3 as share_of_other_segment;
create table marts.experiment_results as
    select campaign as experiment, 'Welcome' as experiment_name, 'b' as variant, vertical,
        false as is_control, 1 as measured, 0.1 as effect, 0 as effect_low, 0.2 as effect_high,
        0.5 as p_adjusted, 'open' as decision, 0 as incremental_conversions,
        0 as incremental_conversions_low, 0 as incremental_conversions_high,
        0 as incremental_revenue, 0 as incremental_revenue_low, 0 as incremental_revenue_high
    from marts.campaigns;
"""
NAMED = [
    ("campaigns", "messages", "campaign_name"),
    ("campaigns", "effects", "compared"),
    ("delivery", "waterfall", "source"),
    ("journeys", "weeks", "journey_name"),
    ("segments", "reach", "segment_name"),
    ("segments", "overlaps", "segment_name"),
]


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute(TABLES)
        yield opened


def names(connection: duckdb.DuckDBPyConnection, page: str, figure: str, column: str) -> set[str]:
    found = connection.execute(definitions.sql(page, figure)).pl()
    return set(found[column])


@pytest.mark.parametrize(("page", "figure", "column"), NAMED)
def test_two_of_one_name(
    connection: duckdb.DuckDBPyConnection, page: str, figure: str, column: str
) -> None:
    found = names(connection, page, figure, column)
    assert len(found) == 2 and all("Welcome (" in name for name in found)


@pytest.mark.parametrize(("page", "figure", "column"), NAMED)
def test_a_name_of_its_own_stays(
    connection: duckdb.DuckDBPyConnection, page: str, figure: str, column: str
) -> None:
    for table, key in (("campaigns", "campaign"), ("journeys", "journey")):
        connection.execute(f"update marts.{table} set {key}_name = {key} || '!'")
    connection.execute("update marts.marketing_segments set segment_name = segment || '!'")
    connection.execute("update marts.experiment_results set experiment_name = experiment || '!'")
    assert not any("(" in name for name in names(connection, page, figure, column))
