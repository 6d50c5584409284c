"""Attempts to send, on their way into the lake."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from workspace.lake import Lake
from workspace.ledger import Ledger, schema
from workspace.ledger.exporting import columns_of, export_rows
from workspace.ledger.outbox import PROVEN

STREAM = "message_attempts"
_ATTEMPTS, _MESSAGES = schema.message_attempts, schema.messages
_OF_MESSAGES = ("channel", "destination_key", "is_test")
#: What tells a row that the lake has. A ledger that went back in time counts its ids anew.
_TOLD = ("message_id", "attempt", "result", "provider_code")


def export(ledger: Ledger, lake: Lake) -> int:
    """Commit attempts that are new or have another result than the lake knows; how many.

    An attempt counts from when it ended, or began where it has not; one that was proven later, by
    a webhook or a look-up, from then on.
    """
    when = sa.case(
        # A message that was proven is accepted, and nothing changes it any more.
        (_ATTEMPTS.c.provider_code.in_(PROVEN), _MESSAGES.c.updated_at),
        else_=sa.func.coalesce(_ATTEMPTS.c.finished_at, _ATTEMPTS.c.started_at),
    )
    columns = [
        (_MESSAGES if name in _OF_MESSAGES else _ATTEMPTS).c[name] for name in columns_of(STREAM)
    ]

    def query(since: datetime | None) -> sa.Select[Any]:
        found = (
            sa.select(*columns, when.label("known_at"))
            .join(_MESSAGES, _MESSAGES.c.message_id == _ATTEMPTS.c.message_id)
            .order_by(_ATTEMPTS.c.attempt_id)
        )
        if since is None:
            return found
        # By its own index, and by what ended late.
        return found.where(sa.or_(_ATTEMPTS.c.started_at >= since, when >= since))

    return export_rows(ledger, lake, STREAM, query, _TOLD, "known_at")
