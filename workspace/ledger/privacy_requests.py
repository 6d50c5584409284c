"""Requests about a person's data: when each is due, how far it is, and how it ended.

A request names its subject by a keyed hash, never by an identifier. Several requests of one pass
share a batch, whose steps are noted when they are done, so that a pass that was killed goes on
where it stopped.
"""

from __future__ import annotations

import calendar
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from workspace.lake import Lake
from workspace.ledger import Ledger, schema
from workspace.ledger.exporting import columns_of, export_rows

STREAM = "privacy_requests"
_TABLE = schema.privacy_requests
_STEPS = schema.privacy_steps
OPEN, WORKING, DONE, REFUSED = schema.REQUEST_STATES


@dataclass(frozen=True)
class Request:
    """One row of ``privacy_requests``."""

    request_id: str
    kind: str
    subject_key: str
    batch_id: str | None
    state: str
    requested_at: datetime
    due_at: datetime
    finished_at: datetime | None
    actor: str
    reason: str | None
    proof_hash: str | None
    updated_at: datetime


def due(requested_at: datetime) -> datetime:
    """One calendar month later (GDPR Art. 12(3)); the last day of a month that is too short."""
    year, month = divmod(requested_at.month, 12)
    year, month = requested_at.year + year, month + 1
    last = calendar.monthrange(year, month)[1]
    return requested_at.replace(year=year, month=month, day=min(requested_at.day, last))


def add(
    connection: sa.Connection,
    kind: str,
    subject_key: str,
    at: datetime,
    actor: str,
    reason: str | None = None,
    *,
    batch_id: str | None = None,
    requested_at: datetime | None = None,
    request_id: str | None = None,
) -> str:
    """Record a request, within a write transaction; its id.

    ``requested_at``: when the person asked, where that was before ``at``; the month runs from then.
    """
    asked = requested_at or at
    request_id = request_id or uuid.uuid4().hex
    connection.execute(
        _TABLE.insert().values(
            request_id=request_id,
            kind=kind,
            subject_key=subject_key,
            batch_id=batch_id,
            state=OPEN if batch_id is None else WORKING,
            requested_at=asked,
            due_at=due(asked),
            actor=actor,
            reason=reason,
            updated_at=at,
        )
    )
    return request_id


def set_state(
    connection: sa.Connection,
    request_ids: Sequence[str],
    state: str,
    at: datetime,
    proof_hash: str | None = None,
) -> None:
    """Change the state of requests; one that is done or refused gets its time."""
    values: dict[str, Any] = {"state": state, "updated_at": at}
    if state in (DONE, REFUSED):
        values["finished_at"] = at
    if proof_hash is not None:
        values["proof_hash"] = proof_hash
    connection.execute(
        sa.update(_TABLE).where(_TABLE.c.request_id.in_(list(request_ids))).values(**values)
    )


def find(
    connection: sa.Connection,
    *,
    kind: str | None = None,
    states: Iterable[str] = (),
    batch_id: str | None = None,
    subject_key: str | None = None,
) -> list[Request]:
    """The requests that fit, oldest first."""
    query = sa.select(_TABLE).order_by(_TABLE.c.requested_at, _TABLE.c.request_id)
    if kind is not None:
        query = query.where(_TABLE.c.kind == kind)
    if states:
        query = query.where(_TABLE.c.state.in_(list(states)))
    if batch_id is not None:
        query = query.where(_TABLE.c.batch_id == batch_id)
    if subject_key is not None:
        query = query.where(_TABLE.c.subject_key == subject_key)
    return [Request(**row) for row in connection.execute(query).mappings()]


def note_step(
    connection: sa.Connection, batch_id: str, step: str, counts: Mapping[str, Any], at: datetime
) -> None:
    """A step of a batch is done; noting it again keeps what was counted first."""
    if step not in steps(connection, batch_id):
        connection.execute(
            _STEPS.insert().values(
                batch_id=batch_id,
                step=step,
                counts=json.dumps(counts, sort_keys=True),
                finished_at=at,
            )
        )


def steps(connection: sa.Connection, batch_id: str) -> dict[str, dict[str, Any]]:
    """The steps of a batch that are done, in their order, with what they counted."""
    query = (
        sa.select(_STEPS.c.step, _STEPS.c.counts)
        .where(_STEPS.c.batch_id == batch_id)
        .order_by(_STEPS.c.finished_at)
    )
    return {step: json.loads(counts or "{}") for step, counts in connection.execute(query)}


def export(ledger: Ledger, lake: Lake) -> int:
    """Commit the requests that changed since the lake last knew them; how many."""

    def query(since: datetime | None) -> sa.Select[Any]:
        forwards = schema.erasure_forwards
        done = (
            sa.select(sa.func.count())
            .where(_STEPS.c.batch_id == _TABLE.c.batch_id)
            .scalar_subquery()
        )
        open_ = (
            sa.select(sa.func.count())
            .where(
                forwards.c.request_id == _TABLE.c.request_id,
                forwards.c.state.not_in(("confirmed", "not_held")),
            )
            .scalar_subquery()
        )
        names = [n for n in columns_of(STREAM) if n not in ("steps", "forwards")]
        found = sa.select(
            *(_TABLE.c[name] for name in names),
            done.label("steps"),
            open_.label("forwards"),
            _TABLE.c.updated_at.label("known_at"),
        ).order_by(_TABLE.c.updated_at, _TABLE.c.request_id)
        return found if since is None else found.where(_TABLE.c.updated_at >= since)

    told = ("request_id", "state", "steps", "forwards", "updated_at")
    return export_rows(ledger, lake, STREAM, query, told, "updated_at")
