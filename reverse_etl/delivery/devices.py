"""Where a push goes: the person as a provider may know them, and their newest device.

Apps tell a device's token in ``context.device.token`` of their events (Segment's spec). A token
that a provider no longer knows is not used again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import sqlalchemy as sa

from workspace.identifiers import KEY_LENGTH, Keyring
from workspace.lake import Lake
from workspace.ledger import Ledger, schema

#: The reason of a suppression that is about a device, not about its owner.
UNREGISTERED = "unregistered"
USER_ID, TOKEN, KEY = "user_id", "device_token", "device_key"
_ENCODE = msgspec.json.Encoder(order="sorted").encode


def destinations(
    connection: duckdb.DuckDBPyConnection,
    ledger: Ledger,
    lake: Lake,
    keyring: Keyring,
    users: Iterable[str],
) -> dict[str, str]:
    """User id -> what the outbox keeps as the destination of a push."""
    wanted = sorted(set(users))
    if not wanted:
        return {}
    gone = _gone(ledger)
    found: dict[str, dict[str, str]] = {user: {USER_ID: user} for user in wanted}
    for user, token in _tokens(connection, lake, wanted):
        key = keyring.signature(f"device:{token}")[:KEY_LENGTH]
        if key not in gone and TOKEN not in found[user]:
            found[user] |= {TOKEN: token, KEY: key}
    return {user: _ENCODE(its).decode() for user, its in found.items()}


def _tokens(
    connection: duckdb.DuckDBPyConnection, lake: Lake, users: list[str]
) -> list[tuple[str, str]]:
    """Each user's tokens, the newest first."""
    connection.register("wanted_users", pa.table({"user_id": users}))
    rows = connection.execute(
        f"""
        select user_id, token from (
            select e.user_id, json_extract_string(e.context, '$.device.token') as token,
                max(e.occurred_at) as seen_at
            from ({lake.relation_sql("events")}) as e
            semi join wanted_users as w on e.user_id = w.user_id
            where contains(e.context, '"token"')
            group by all
        ) where token != '' order by user_id, seen_at desc, token
        """
    ).fetchall()
    connection.unregister("wanted_users")
    return rows


def _gone(ledger: Ledger) -> set[str]:
    table = schema.suppressions
    query = sa.select(table.c.identifier_key).where(table.c.reason == UNREGISTERED)
    with ledger.reading() as connection:
        return set(connection.execute(query).scalars())


def part(destination: str, addressed_by: str) -> str:
    """The part of a destination that a provider addresses; empty where there is none."""
    return _read(destination).get(addressed_by, "")


def device_key(destination: str | None) -> str | None:
    return _read(destination or "").get(KEY)


def _read(destination: str) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(destination)
    except msgspec.MsgspecError:
        return {}
    return found if isinstance(found, dict) else {}
