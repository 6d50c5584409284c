"""Suppressions that answers and reports of providers call for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from reverse_etl.delivery import devices
from reverse_etl.delivery.claiming import Held
from reverse_etl.delivery.protocol import Kind, Outcome
from workspace.ledger import outbox, schema

_TABLE = schema.suppressions
#: What is recorded where a provider does not say why.
INVALID, UNWANTED = "invalid_address", "provider_list"


class Suppression(NamedTuple):
    identifier_key: str
    channel: str
    reason: str
    source: str


def suppress(connection: sa.Connection, ended: Iterable[tuple[Held, Outcome]], at: datetime) -> int:
    """Record what answers say about recipients: nothing more is sent to them on that channel."""
    return record(
        connection,
        [
            Suppression(
                _whom(held, outcome),
                held.due.channel,
                (outcome.reason or (INVALID if outcome.kind is Kind.INVALID else UNWANTED))[:64],
                f"provider:{held.provider}",
            )
            for held, outcome in ended
            if outcome.kind in (Kind.INVALID, Kind.SUPPRESSED)
        ],
        at,
    )


def _whom(held: Held, outcome: Outcome) -> str:
    """A device that is gone says nothing about its owner's others."""
    device = devices.device_key(held.due.destination) if held.due.channel == "push" else None
    return device if device and outcome.reason == devices.UNREGISTERED else held.due.destination_key


def record(connection: sa.Connection, found: list[Suppression], at: datetime) -> int:
    """Record what is not yet known; how many were new."""
    if not found:
        return 0
    keys = sorted({one.identifier_key for one in found})
    known = {
        tuple(row)
        for some in outbox.chunks(keys)
        for row in connection.execute(
            sa.select(_TABLE.c.identifier_key, _TABLE.c.channel, _TABLE.c.reason).where(
                _TABLE.c.identifier_key.in_(some)
            )
        )
    }
    new = {one[:3]: one for one in found if one[:3] not in known}
    if new:
        rows = [{**one._asdict(), "suppressed_at": at} for one in new.values()]
        connection.execute(_TABLE.insert(), rows)
    return len(new)
