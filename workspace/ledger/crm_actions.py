"""Tasks, tickets and changes that the CRM is asked for, each once.

``due`` waits to be created, ``sending`` was written down before the request and ``unknown`` is one
whose answer never came: it is looked up by our id before anything is created again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from workspace.lake import Lake
from workspace.ledger import CHUNK_ROWS, Ledger, schema
from workspace.ledger.exporting import export_changes

STREAM = "crm_action_states"
OPEN = ("due", "sending", "unknown")
_TABLE = schema.crm_actions


@dataclass(frozen=True)
class Action:
    """What is asked for; what it says stands in the marts. Times are naive UTC."""

    action_id: str
    kind: str
    source_kind: str
    source_key: str
    contact_id: str | None
    requested_at: datetime


@dataclass(frozen=True)
class Open(Action):
    """An action that has not ended."""

    state: str
    attempts: int
    tried_at: datetime | None


def plan(ledger: Ledger, actions: Iterable[Action], at: datetime) -> int:
    """Write down those that are not yet known, as due; how many that were."""
    found = list({action.action_id: action for action in actions}.values())
    new = 0
    for start in range(0, len(found), CHUNK_ROWS):
        some = found[start : start + CHUNK_ROWS]
        with ledger.writing() as connection:
            known = set(
                connection.execute(
                    sa.select(_TABLE.c.action_id).where(
                        _TABLE.c.action_id.in_([action.action_id for action in some])
                    )
                ).scalars()
            )
            rows = [
                {**asdict(action), "state": "due", "updated_at": at}
                for action in some
                if action.action_id not in known
            ]
            if rows:
                connection.execute(_TABLE.insert(), rows)
        new += len(rows)
    return new


def open_actions(ledger: Ledger) -> list[Open]:
    """Those that have not ended, the longest waiting first."""
    t = _TABLE.c
    query = (
        sa.select(*(t[field.name] for field in fields(Open)))
        .where(t.state.in_(OPEN))
        .order_by(t.requested_at, t.action_id)
    )
    with ledger.reading() as connection:
        return [Open(*row) for row in connection.execute(query)]


def asked_since(ledger: Ledger, source_kind: str, since: datetime) -> set[tuple[str | None, str]]:
    """Contact and source of the actions that were asked for at ``since`` or later."""
    t = _TABLE.c
    query = sa.select(t.contact_id, t.source_key).where(
        t.source_kind == source_kind, t.requested_at >= since
    )
    with ledger.reading() as connection:
        return {tuple(row) for row in connection.execute(query)}


def begin(ledger: Ledger, action_ids: Sequence[str], at: datetime) -> None:
    """The request goes out after this is on disk."""
    _set(ledger, action_ids, at, state="sending", tried_at=at, attempts=_TABLE.c.attempts + 1)


def settle(
    ledger: Ledger,
    action_id: str,
    state: str,
    at: datetime,
    remote_id: str | None = None,
    code: str | None = None,
    message: str | None = None,
) -> None:
    """``state`` is delivered, failed, unknown or due; ``message`` holds no personal data."""
    short = {"code": code[:64] if code else None, "message": message[:200] if message else None}
    _set(ledger, [action_id], at, state=state, remote_id=remote_id, **short)


def export(ledger: Ledger, lake: Lake) -> int:
    """Commit what changed since the last export; returns how many rows."""
    return export_changes(ledger, lake, STREAM, _TABLE, ("action_id",), "updated_at")


def _set(ledger: Ledger, action_ids: Sequence[str], at: datetime, **values: Any) -> None:
    for start in range(0, len(action_ids), CHUNK_ROWS):
        some = action_ids[start : start + CHUNK_ROWS]
        with ledger.writing() as connection:
            connection.execute(
                _TABLE.update().where(_TABLE.c.action_id.in_(some)).values(updated_at=at, **values)
            )
