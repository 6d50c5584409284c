"""What the occasion of a message says: the values ``event.…`` of its template.

Constants come from the campaign or journey; what the event or touch of its trigger says goes
before them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import duckdb
import pyarrow as pa

from reverse_etl.content.values import Primitive
from reverse_etl.publish import dicts
from workspace.lake import Lake

EVENT, TOUCH = "event", "touch"


def occasions(
    connection: duckdb.DuckDBPyConnection, lake: Lake, intents: Iterable[Mapping[str, Any]]
) -> dict[str, dict[str, Primitive]]:
    """Intent id -> its values by source, ``event.amount`` and the like.

    Intents have ``occasion`` (``event:`` or ``touch:`` and an id, or None) and ``given`` (JSON or
    None). Only texts, numbers and booleans at an event's first level are values.
    """
    rows = list(intents)
    wanted: dict[str, set[str]] = {EVENT: set(), TOUCH: set()}
    for row in rows:
        kind, _, ident = (row["occasion"] or "").partition(":")
        if kind in wanted:
            wanted[kind].add(ident)
    said = {
        **{f"{EVENT}:{key}": value for key, value in _events(connection, lake, wanted[EVENT])},
        **{f"{TOUCH}:{key}": value for key, value in _touches(connection, wanted[TOUCH])},
    }
    found = {}
    for row in rows:
        values = {**json.loads(row["given"] or "{}"), **said.get(row["occasion"] or "", {})}
        if values:
            found[row["intent_id"]] = {f"event.{name}": value for name, value in values.items()}
    return found


def _events(
    connection: duckdb.DuckDBPyConnection, lake: Lake, wanted: set[str]
) -> list[tuple[str, dict[str, Primitive]]]:
    if not wanted:
        return []
    connection.register("wanted_events", pa.table({"message_id": sorted(wanted)}))
    rows = connection.execute(
        f"select e.message_id, any_value(e.properties) from ({lake.relation_sql('events')}) as e "
        "semi join wanted_events as w on e.message_id = w.message_id group by e.message_id"
    ).fetchall()
    connection.unregister("wanted_events")
    return [(ident, _plain(json.loads(text or "{}"))) for ident, text in rows]


def _touches(
    connection: duckdb.DuckDBPyConnection, wanted: set[str]
) -> list[tuple[str, dict[str, Primitive]]]:
    if not wanted:
        return []
    connection.register("wanted_touches", pa.table({"touch_id": sorted(wanted)}))
    rows = dicts(
        connection,
        """
        select t.touch_id, t.channel, t.campaign, t.content_id, t.source, e.event_name
        from marts.fct_touchpoints as t
        semi join wanted_touches as w on t.touch_id = w.touch_id
        left join (
            select event_key, any_value(event_name) as event_name
            from marts.event_performance group by event_key
        ) as e on t.campaign = e.event_key
        """,
    )
    connection.unregister("wanted_touches")
    return [(row.pop("touch_id"), _plain(row)) for row in rows]


def _plain(values: Any) -> dict[str, Primitive]:
    if not isinstance(values, dict):
        return {}
    return {
        str(name): value for name, value in values.items() if isinstance(value, str | int | float)
    }
