"""When a message goes out: after quiet hours, at the contact's best hour, and not too far ahead.

The time is chosen before the caps are asked, since they count a message at the moment at which it
goes out.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb
import pyarrow as pa

from reverse_etl.gates import choosing
from reverse_etl.gates.facts import Facts
from reverse_etl.gates.hours import LONGEST_QUIET, allowed_spans, rules_for
from workspace.clock import iso
from workspace.definitions.caps import Caps

_TIME = pa.timestamp("us")


def set_times(
    connection: duckdb.DuckDBPyConnection,
    intents: str,
    facts: Facts,
    caps: Caps,
    as_of: datetime,
) -> None:
    """Set ``due_at`` in ``gate_asked`` to when a message goes out; answer for those that wait."""
    _open_hours(connection, caps)
    horizon = as_of + timedelta(hours=caps.queue_ahead_hours)
    limit = f"timestamp '{iso(horizon).removesuffix('Z').replace('T', ' ')}'"
    connection.execute(
        """
        create or replace temp table gate_quiet as
        select asked.number, greatest(asked.due_at, spans.starts_at) as due_at
        from (
            select asked.number, asked.due_at, calendars.calendar
            from gate_asked as asked
            inner join gate_calendars as calendars
                on asked.channel = calendars.channel
                and asked.message_class = calendars.message_class
                and asked.time_zone = calendars.time_zone
                and asked.country is not distinct from calendars.country
            where asked.gate is null
        ) as asked
        asof left join gate_spans as spans
            on asked.calendar = spans.calendar and asked.due_at < spans.ends_at
        """
    )
    # Where nothing is ever allowed, no span is found: the message is held without an end.
    connection.execute(
        f"""
        update gate_asked as asked set
            due_at = coalesce(quiet.due_at, asked.due_at),
            held_until = quiet.due_at,
            gate = case
                when quiet.due_at is null or quiet.due_at > {limit}
                    or quiet.due_at >= asked.not_after then 'quiet_hours'
            end
        from gate_quiet as quiet
        where asked.number = quiet.number and quiet.due_at is distinct from asked.due_at
        """
    )
    if _any_chooses(connection):
        choosing.choose_hours(connection, intents, facts, caps)
    connection.execute(
        f"""
        update gate_asked set
            held_until = due_at,
            gate = 'scheduled',
            detail = null
        where gate is null and due_at > {limit}
        """
    )


def _any_chooses(connection: duckdb.DuckDBPyConnection) -> bool:
    return bool(
        connection.execute(
            "select 1 from gate_asked where gate is null and chooses_hour limit 1"
        ).fetchone()
    )


def _open_hours(connection: duckdb.DuckDBPyConnection, caps: Caps) -> None:
    """Tables ``gate_calendars`` (whom which quiet hours concern) and ``gate_spans``."""
    kinds = connection.execute(
        """
        select channel, message_class, country, time_zone, min(due_at), max(due_at)
        from gate_asked where gate is null group by all order by all
        """
    ).fetchall()
    calendars, spans = [], []
    for number, (channel, message_class, country, zone, first, last) in enumerate(kinds):
        rules = rules_for(caps, channel, country, message_class)
        if not rules:
            continue
        calendars.append(
            {
                "calendar": number,
                "channel": channel,
                "message_class": message_class,
                "country": country,
                "time_zone": zone,
            }
        )
        found = allowed_spans(
            rules, caps.holidays.get(country or ""), zone, first, last + LONGEST_QUIET
        )
        spans += [{"calendar": number, "starts_at": a, "ends_at": b} for a, b in found]
    texts = [(n, pa.string()) for n in ("channel", "message_class", "country", "time_zone")]
    _table(connection, "gate_calendars", calendars, [("calendar", pa.int64()), *texts])
    _table(
        connection,
        "gate_spans",
        spans,
        [("calendar", pa.int64()), ("starts_at", _TIME), ("ends_at", _TIME)],
    )


def _table(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    rows: list[dict[str, object]],
    columns: list[tuple[str, pa.DataType]],
) -> None:
    connection.register("gate_given", pa.Table.from_pylist(rows, schema=pa.schema(columns)))
    connection.execute(f"create or replace temp table {name} as from gate_given")
    connection.unregister("gate_given")
