"""Journeys over a warehouse of people and events: days of a back-test, and one tick of many.

    python -m benchmarks.journey_days [--contacts N] [--events N] [--days N] [--journeys N]

`back-test`: medical_welcome.yml, a tick a day, over N contacts of whom each sends the form in once
in the days, and events of which some are those that the journey waits for or asks for.
`many`: one tick of N journeys of ten nodes each (a condition, an event, a split, waits), with 500
segments defined beside them, of which each journey asks one; 200,000 contacts, each in one journey.
A tenth of the journeys also takes in whoever sent the form in.
The warehouse is made of tables with the columns that are read.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb

from reverse_etl.journeys import facts, rehearsal, running, standing
from reverse_etl.journeys.plan import Version, plan
from reverse_etl.journeys.tick import FACTS, step
from workspace import definitions
from workspace.definitions.journeys import Journey, Journeys
from workspace.definitions.segments import Segment, Segments
from workspace.paths import PROJECT, Paths

END = datetime(2026, 6, 1)
NAMES = ["form_submitted", "email_clicked", "pricing_viewed", "demo_booked"]


def warehouse(connection: duckdb.DuckDBPyConnection, contacts: int, events: int, days: int) -> None:
    """Schema marts: each contact sends the form in on some day; other events are evenly spread."""
    connection.execute("create schema if not exists marts")
    who = f"md5((n % {contacts})::varchar)"
    start = f"timestamp '{END - timedelta(days=days)}'"
    names = "['email_clicked', 'pricing_viewed', 'demo_booked', 'page', 'page', 'page', 'page']"
    moment = f"{start} + to_seconds((hash(n) % {days * 86_400})::bigint)"
    tables = {
        "dim_contacts": f"select {who} as contact_id, 'FR' as country from range({contacts}) r(n)",
        "fct_events": f"""
            select md5('e' || n) as message_id, 'track' as message_type,
                case when n < {contacts} then 'form_submitted'
                    else {names}[1 + (hash(n, 1) % 7)::integer] end as event,
                {moment} as occurred_at, cast({moment} as date) as occurred_on,
                {moment} + to_seconds((hash(n, 2) % 3600)::bigint) as known_at,
                md5(((case when n < {contacts} then n else hash(n, 3) end) % {contacts})::varchar)
                    as contact_id,
                cast(null as decimal(18, 4)) as revenue_base, 'human' as actor_class
            from range({contacts + events}) r(n)
        """,
        "contact_features": f"""
            select {who} as contact_id, md5('a' || (n // 3)) as account_id, 'medical' as vertical,
                'surgeon' as role, (hash(n, 4) % 100)::double as engagement_score
            from range({contacts}) r(n)
        """,
        "account_features": f"""
            select distinct md5('a' || (n // 3)) as account_id, 'medical' as vertical
            from range({contacts}) r(n)
        """,
        "consent_states": f"""
            select {who} as contact_id, 'product_updates' as purpose, 'email' as channel,
                case when n % 20 = 0 then 'withdrawn' else 'granted' end as state,
                'e' || n as evidence_id
            from range({contacts}) r(n)
        """,
        "fct_touchpoints": "select '' as touch_id, '' as touch_type, null::timestamp as "
        "occurred_at, null::date as occurred_on, '' as contact_id, '' as actor_class "
        "where false",
        "event_names": "select distinct message_type, event from marts.fct_events",
        "identity_map": "select '' as identifier_key, '' as contact_id where false",
        "segment_membership_history": "select '' as segment, '' as member_type, '' as member_id, "
        "null::timestamp as entered_at, null::timestamp as left_at where false",
        "field_values": "select '' as owner, '' as owner_id, '' as property, '' as value, "
        "0.0::double as number_value, null::timestamp as time_value where false",
    }
    for name, query in tables.items():
        connection.execute(f"create or replace table marts.{name} as {query}")


@dataclass(frozen=True)
class Stage(rehearsal.Stage):
    """A rehearsal over the tables above."""

    connection: duckdb.DuckDBPyConnection

    @contextmanager
    def _opened(self) -> Iterator[duckdb.DuckDBPyConnection]:
        yield self.connection


def backtest(connection: duckdb.DuckDBPyConnection, days: int) -> None:
    given = definitions.load(PROJECT / "marketing")
    journeys = Journeys(journeys={"medical_welcome": given.journeys.journeys["medical_welcome"]})
    stage = Stage(
        Paths(Path("/nowhere")),
        given.fields,
        Segments(segments={}),
        journeys,
        "Europe/Paris",
        given.caps.time_zones,
        given.consent,
        connection,
    )
    began, cpu = time.perf_counter(), time.process_time()
    end = date(END.year, END.month, END.day)
    done = stage.backtest("medical_welcome", end - timedelta(days=days), end)
    taken, used = time.perf_counter() - began, time.process_time() - cpu
    entered = sum(day.entered for day in done.days)
    print(f"back-test of {days} days       {taken:7.1f} s  ({used:.1f} s CPU)")
    print(f"  entered {entered:,}, steps {done.steps.num_rows:,}")


def journey(number: int) -> Journey:
    """Ten nodes."""
    return Journey.model_validate(
        {
            "name": f"Journey {number}",
            "version": 1,
            "trigger": {"manual": True} if number % 10 else {"event": "form_submitted"},
            "where": {"field": "contact.vertical", "is": "medical"},
            "exit_when": {"score": "engagement", "at_least": 99},
            "goal": {"event": "demo_booked"},
            "purpose": "product_updates",
            "nodes": {
                "first": {"wait": {"days": 1}, "next": "ask"},
                "ask": {"condition": {"segment": f"s{number}"}, "then": "parts", "else": "click"},
                "parts": {
                    "split": {
                        "a": {"share": 50, "next": "tag"},
                        "b": {"share": 50, "next": "click"},
                    }
                },
                "tag": {"action": "add_tag", "tag": f"t{number}", "next": "click"},
                "click": {
                    "wait": {"event": "email_clicked", "timeout": {"days": 3}},
                    "next": "morning",
                },
                "morning": {"wait": {"until": "09:00"}, "next": "again"},
                "again": {
                    "condition": {"event": "pricing_viewed", "within_days": 1 + number % 30},
                    "then": "other",
                    "else": "week",
                },
                "other": {"action": "add_tag", "tag": f"u{number}", "next": "week"},
                "week": {"wait": {"days": 7}, "next": "done"},
                "done": {"exit": "completed"},
            },
        }
    )


def many(
    connection: duckdb.DuckDBPyConnection, journeys: int, segments: int, contacts: int
) -> None:
    """One tick; of the contacts each stands at some node of one of the journeys."""
    given = definitions.load(PROJECT / "marketing")
    keys = [f"journey_{number}" for number in range(journeys)]
    versions = [
        Version(key, journey(number), END - timedelta(days=60)) for number, key in enumerate(keys)
    ]
    asked = Segments(
        segments={
            f"s{number}": Segment.model_validate(
                {
                    "name": f"Segment {number}",
                    "where": {
                        "any": [
                            {"event": "pricing_viewed", "within_days": 1 + number % 90},
                            {"score": "engagement", "at_least": number % 100},
                        ]
                    },
                }
            )
            for number in range(segments)
        }
    )
    names = connection.execute("select message_type, event from marts.event_names").fetchall()
    sources = facts.Sources(
        given.fields, asked, names, "Europe/Paris", {}, "no_changes", "no_enrolments"
    )
    connection.execute(
        "create or replace temp table no_changes (segment varchar, member_type varchar, "
        "member_id varchar, change varchar, sequence bigint, known_at timestamp)"
    )
    connection.execute(
        "create or replace temp table no_enrolments (journey varchar, contact_id varchar, "
        "request_id varchar, known_at timestamp)"
    )
    connection.execute(
        f"""
        create or replace temp table journey_state as
        select md5('x' || contact_id) as enrolment_id, 'journey_' || (n % {journeys}) as journey,
            1::bigint as version, contact_id, 1::bigint as occurrence,
            ['first', 'click', 'morning', 'week'][1 + (n // {journeys} % 4)::integer] as node,
            timestamp '{END}' - to_seconds((hash(n) % 400000)::bigint) as arrived_at,
            2::bigint as step_number, arrived_at as entered_at, arrived_at as joined_at,
            false as was_moved
        from (select row_number() over () as n, contact_id from marts.dim_contacts)
        where n <= {contacts}
        """
    )
    connection.execute(f"create or replace temp table journey_watches ({standing.WATCHES})")
    began, cpu = time.perf_counter(), time.process_time()
    planned = plan(versions)
    marks = [("plan", time.perf_counter())]
    facts.contacts(connection, sources)
    standing.number(connection, planned)
    marks.append(("numbers", time.perf_counter()))
    running.make(connection, planned, versions, sources, END)
    marks.append(("facts", time.perf_counter()))
    connection.execute(
        f"create or replace temp table journey_outcomes ({FACTS['journey_outcomes']})"
    )
    steps = step(connection, planned, END)
    marks.append(("steps", time.perf_counter()))
    taken, used = time.perf_counter() - began, time.process_time() - cpu
    print(f"one tick of {journeys} journeys    {taken:7.2f} s  ({used:.2f} s CPU)")
    print(f"  {len(asked.segments)} segments, {contacts:,} enrolments, {steps.num_rows:,} steps")
    for name, at in marks:
        print(f"  {name:10} {at - began:7.2f} s")
        began = at


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=9_000_000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--journeys", type=int, default=100)
    given = parser.parse_args(arguments)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'; set threads = 2")
        warehouse(connection, given.contacts, given.events, given.days)
        if given.days:
            backtest(connection, given.days)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'; set threads = 2")
        warehouse(connection, 200_000, 2_000_000, 90)
        many(connection, given.journeys, 500, 200_000)


if __name__ == "__main__":
    main()
