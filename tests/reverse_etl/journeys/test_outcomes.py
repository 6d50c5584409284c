"""How a message ended reaches those who wait for it, and nobody else's messages are looked at."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from reverse_etl.journeys import checkpoint, facts, intents, running, standing, versions
from reverse_etl.journeys.plan import plan
from reverse_etl.journeys.tick import FACTS, step
from workspace.definitions.journeys import Journey, Journeys
from workspace.lake import Lake
from workspace.streams import STREAMS

T = datetime(2026, 6, 1)
SEND = {"action": "send", "channel": "email", "template": "x", "next": "again"}
JOURNEY = Journey.model_validate(
    {
        "name": "x",
        "version": 1,
        "trigger": {"manual": True},
        "nodes": {
            "first": {**SEND, "next": "second", "send_time": "best"},
            "second": {**SEND, "next": "done", "on_failure": "failed"},
            "done": {"exit": "completed"},
            "failed": {"exit": "criteria"},
        },
    }
)


def decisions(connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """Of the contacts' second messages a's was queued, b's blocked, c's is not decided."""
    rows = connection.execute(
        "select intent_id, contact_id from journey_arrivals where step = 'second'"
    ).fetchall()
    schema = STREAMS[intents.DECISIONS].schema
    told = {"a": "queued", "b": "blocked"}
    given = [
        {name: None for name in schema.names}
        | {"intent_id": intent, "decision": told[one], "sequence": 1, "known_at": T}
        | {"gate": "consent" if one == "b" else None}
        for intent, one in rows
        if one in told
    ]
    lake.commit(intents.DECISIONS, "decided", pa.Table.from_pylist(given, schema=schema))


def test_those_who_wait_hear_of_their_own(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    versions.store(Journeys(journeys={"j": JOURNEY}), lake, T, tmp_path)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'; create schema marts")
        connection.execute(
            "create table marts.contact_features as "
            "select unnest(['a', 'b', 'c']) as contact_id, 'x' as account_id, 'y' as vertical"
        )
        connection.execute(
            "create table marts.identity_map (identifier_key varchar, contact_id varchar); "
            "create table marts.dim_contacts as select contact_id, null::varchar as country "
            "from marts.contact_features"
        )
        for table, columns in FACTS.items():
            connection.execute(f"create temp table {table} ({columns})")
        sources = facts.Sources(None, None, [], "UTC", {})  # type: ignore[arg-type]
        facts.contacts(connection, sources)
        outcomes = {}
        for day in range(2):
            at = T + timedelta(days=day)
            planned = plan(versions.in_use(lake, at, {("j", 1)}))
            checkpoint.load(connection, lake, at, may_write=True)
            running.load_log(connection, lake, at)
            standing.number(connection, planned)
            if day == 0:
                connection.execute(
                    "insert into journey_triggers select 0, cid, $1, 'x' from journey_contacts",
                    [at],
                )
            running._outcomes(connection, lake, at)
            steps = running.numbered(step(connection, planned, at), lake)
            running.store(steps, lake, at, "s")
            outcomes = {
                (row["contact_id"], row["node"], row["outcome"]) for row in steps.to_pylist()
            }
            if day == 0:
                running.load_log(connection, lake, at)
                intents.arrivals(connection, lake, at)
                decisions(connection, lake)
        steps_of = connection.execute(
            "select distinct step, send_time from journey_arrivals"
        ).fetchall()
    assert outcomes == {
        ("a", "second", "done"),
        ("a", "done", "completed"),
        ("b", "second", "failed"),
        ("b", "failed", "criteria"),
    }
    assert sorted(steps_of) == [("first", "best"), ("second", None)]
