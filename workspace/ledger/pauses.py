"""What is held back by hand: everything, a campaign, a journey.

An event says who did it; the last one of a scope is in force, and a stop is for good. The gates
read it, and so does whoever claims a message.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from workspace.ledger import Ledger, audit, schema
from workspace.ledger.audit import Entry

_TABLE = schema.pauses
ALL = "all"


class Held(NamedTuple):
    """``event`` is pause or stop; ``source_key`` is empty for the scope ``all``."""

    scope: str
    source_key: str
    event: str
    actor: str
    at: datetime


class Stopped(ValueError):
    """What was stopped is not resumed."""


def record(
    ledger: Ledger,
    scope: str,
    source_key: str,
    event: str,
    actor: str,
    at: datetime,
    reason: str | None = None,
) -> bool:
    """Append one event, and to the audit chain; False where it changes nothing.

    ``scope`` is ``all`` (with an empty ``source_key``), ``campaign`` or ``journey``; ``event`` is
    ``pause``, ``resume`` or, for a campaign or journey, ``stop``. Raises :class:`Stopped` for
    anything but a stop after a stop, and ``ValueError`` for what does not fit, in the audit chain
    as well.
    """
    if scope not in schema.PAUSE_SCOPES or event not in schema.PAUSE_EVENTS:
        raise ValueError(f"no event {event!r} of scope {scope!r}")
    if (scope == ALL) != (source_key == "") or (scope == ALL and event == "stop"):
        raise ValueError("everything is paused and resumed as a whole, one source by its key")
    with ledger.writing() as connection:
        before = next(
            (h for h in held_by(connection) if (h.scope, h.source_key) == (scope, source_key)), None
        )
        standing = before.event if before else "resume"
        if standing == "stop" and event != "stop":
            raise Stopped(f"{scope} {source_key} was stopped and cannot be taken up again")
        if standing == event:
            return False
        row = {"scope": scope, "source_key": source_key, "event": event, "actor": actor}
        connection.execute(_TABLE.insert().values(**row, reason=reason, at=at))
        entry = Entry(
            at,
            actor,
            f"{scope}.{event}",
            f"{scope}:{source_key}" if source_key else scope,
            before=audit.digest(standing),
            after=audit.digest(event),
            reason=reason or None,
        )
        audit.append(connection, entry)
    return True


def held(ledger: Ledger) -> list[Held]:
    """What is paused or stopped now, in the order in which it was."""
    with ledger.reading() as connection:
        return held_by(connection)


def held_by(connection: sa.Connection) -> list[Held]:
    """:func:`held`, within a transaction."""
    last = sa.select(sa.func.max(_TABLE.c.pause_id)).group_by(_TABLE.c.scope, _TABLE.c.source_key)
    query = (
        sa.select(_TABLE.c.scope, _TABLE.c.source_key, _TABLE.c.event, _TABLE.c.actor, _TABLE.c.at)
        .where(_TABLE.c.pause_id.in_(last), _TABLE.c.event != "resume")
        .order_by(_TABLE.c.pause_id)
    )
    return [Held(*row) for row in connection.execute(query)]
