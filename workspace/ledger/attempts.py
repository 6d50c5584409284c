"""Attempts to send, on their way into the lake."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from workspace.lake import Lake
from workspace.ledger import Ledger, schema
from workspace.ledger.messages import OVERLAP
from workspace.ledger.outbox import PROVEN
from workspace.streams import STREAMS

STREAM = "message_attempts"
_ATTEMPTS, _MESSAGES = schema.message_attempts, schema.messages
_OF_MESSAGES = ("channel", "destination_key", "is_test")
_COUNTED_HERE = ("sequence", "known_at")
#: What tells a row that the lake has. A ledger that went back in time counts its ids anew.
_TOLD = ("message_id", "attempt", "result", "provider_code")


def export(ledger: Ledger, lake: Lake) -> int:
    """Commit attempts that are new or have another result than the lake knows; how many.

    An attempt counts from when it ended, or began where it has not; one that was proven later, by
    a webhook or a look-up, from then on.
    """
    since, known = _exported(lake)
    names = [n for n in STREAMS[STREAM].schema.names if n not in _COUNTED_HERE]
    when = sa.case(
        # A message that was proven is accepted, and nothing changes it any more.
        (_ATTEMPTS.c.provider_code.in_(PROVEN), _MESSAGES.c.updated_at),
        else_=sa.func.coalesce(_ATTEMPTS.c.finished_at, _ATTEMPTS.c.started_at),
    )
    query = (
        sa.select(
            *((_MESSAGES if name in _OF_MESSAGES else _ATTEMPTS).c[name] for name in names),
            when.label("known_at"),
        )
        .join(_MESSAGES, _MESSAGES.c.message_id == _ATTEMPTS.c.message_id)
        .order_by(_ATTEMPTS.c.attempt_id)
    )
    if since is not None:
        # By its own index, and by what ended late.
        query = query.where(sa.or_(_ATTEMPTS.c.started_at >= since, when >= since))
    sequence = len(lake.entries(STREAM)) + 1
    with ledger.reading() as connection:
        rows = [
            {**row, "sequence": sequence}
            for row in connection.execute(query).mappings()
            if tuple(row[name] for name in _TOLD) not in known
        ]
    if not rows:
        return 0
    table = pa.Table.from_pylist(rows, schema=STREAMS[STREAM].schema)
    last = max(row["known_at"] for row in rows)
    lake.commit(STREAM, f"{sequence}:{last.isoformat()}", table)
    return len(rows)


def _exported(lake: Lake) -> tuple[datetime | None, set[tuple[str | int | None, ...]]]:
    """From when on to look, and what the lake holds since then."""
    last = lake.latest(STREAM, "known_at")
    if last is None:
        return None, set()
    since = last - OVERLAP
    table = lake.read(STREAM, [*_TOLD, "known_at"])
    recent = table.filter(pc.greater_equal(table["known_at"], pa.scalar(since)))
    return since, {tuple(row[name] for name in _TOLD) for row in recent.to_pylist()}
