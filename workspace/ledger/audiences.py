"""What stands in audiences at their destinations, what is due there, and the record of syncs.

A member is marked before anything is sent and settled after the answer, so that a kill leaves it
due: additions and removals are idempotent and are sent again. Nothing is forgotten before its
removal was confirmed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from workspace.lake import Lake
from workspace.ledger import CHUNK_ROWS, Ledger, audit, schema
from workspace.ledger.audit import Entry
from workspace.ledger.exporting import export_changes

STREAM, RUNS = "audience_syncs", "audience_runs"
ADD, REMOVE = "add", "remove"
DUE, SENT, CONFIRMED, FAILED = "due", "sent", "confirmed", "failed"

#: Identifiers by type, as a destination was or will be given them.
Identifiers = Mapping[str, Sequence[str]]

_TABLE = schema.audience_syncs
#: Rows whose lines the database puts together at once.
_LINES = 50_000
#: Columns of :func:`standing`.
STANDING = pa.schema(
    [
        ("contact_id", pa.string()),
        ("payload_hash", pa.string()),
        ("is_current", pa.bool_()),
        ("has_joined", pa.bool_()),
        ("remove_due", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class Place:
    """An audience at a destination."""

    destination: str
    audience: str


@dataclass(frozen=True)
class Marked:
    """A member as it is to be: ``identifiers`` are those that it will have there (JSON), or None
    for a removal, and ``list_id`` where; a removal is from where it is."""

    contact_id: str
    payload_hash: str = ""
    identifiers: str | None = None
    normaliser_version: str = ""
    list_id: str | None = None


@dataclass(frozen=True)
class Held:
    """What the destination may hold of a member, in which list. ``is_leaving``: it has taken the
    removal and not yet said how it ended."""

    identifiers: Identifiers
    former: Identifiers
    remote_id: str | None
    list_id: str | None = None
    is_leaving: bool = False

    @property
    def everything(self) -> dict[str, list[str]]:
        return merged(self.identifiers, self.former)


@dataclass(frozen=True)
class Outcome:
    """How a member's row of a request ended. ``message`` holds no personal data; ``is_partial`` is
    one of which some rows may not have been taken."""

    state: str
    code: str | None = None
    message: str | None = None
    batch_id: str | None = None
    remote_id: str | None = None
    is_partial: bool = False


def merged(*parts: Identifiers) -> dict[str, list[str]]:
    found: dict[str, dict[str, None]] = {}
    for part in parts:
        for name, values in part.items():
            found.setdefault(name, {}).update(dict.fromkeys(values))
    return {name: list(values) for name, values in found.items()}


def standing(ledger: Ledger, place: Place, list_id: str | None = None) -> pa.Table:
    """Members that the destination holds or may hold, but for those whose removal it has taken:
    contact_id, payload_hash, is_current (it was taken as it is, by this list), has_joined (it was
    once), remove_due."""
    t = _TABLE.c
    is_here = sa.func.coalesce(t.list_id, "") == (list_id or "")
    is_current = sa.and_(t.operation == ADD, t.state.in_((SENT, CONFIRMED)), is_here)
    flags = [is_current, t.joined_at.is_not(None), t.operation == REMOVE]
    line = sa.literal("", sa.Text)
    for flag in flags:
        line += sa.case((flag, "1"), else_="0")
    # The database puts the lines together: a row of its own for each would take three times as
    # long as all the rest.
    line += t.payload_hash + "|" + t.contact_id
    query = (
        sa.select(sa.func.aggregate_strings(line, "\n"))
        .where(*_of(place), sa.not_(sa.and_(t.operation == REMOVE, t.state.in_((SENT, CONFIRMED)))))
        .group_by(t.sync_row_id // sa.literal_column(str(_LINES), sa.Integer))
    )
    with ledger.reading() as connection:
        parts = [_parsed(text) for text in connection.execute(query).scalars()]
    return pa.Table.from_batches(parts, STANDING)


def _parsed(text: str) -> pa.RecordBatch:
    lines = pc.split_pattern(pa.array([text]), "\n").flatten()
    both = pc.split_pattern(lines, "|", max_splits=1).flatten()
    first, ids = both.take(_every(len(lines), 0)), both.take(_every(len(lines), 1))
    flags = [pc.equal(pc.utf8_slice_codeunits(first, n, n + 1), "1") for n in range(3)]
    columns = [ids, pc.utf8_slice_codeunits(first, 3), *flags]
    return pa.RecordBatch.from_arrays(columns, schema=STANDING)


def _every(count: int, start: int) -> pa.Array:
    """Every second place."""
    return pa.array(range(start, 2 * count, 2), pa.int32())


def held(ledger: Ledger, place: Place, contact_ids: Sequence[str]) -> dict[str, Held]:
    """By contact, of those that have a row."""
    t, found = _TABLE.c, {}
    with ledger.reading() as connection:
        for some in _chunks(contact_ids):
            is_leaving = sa.and_(t.operation == REMOVE, t.state == SENT)
            query = sa.select(
                t.contact_id, t.identifiers, t.former, t.remote_id, t.list_id, is_leaving
            )
            for row in connection.execute(query.where(*_of(place), t.contact_id.in_(some))):
                found[row[0]] = Held(_read(row[1]), _read(row[2]), row[3], row[4], bool(row[5]))
    return found


def mark(
    ledger: Ledger, place: Place, operation: str, rows: Sequence[Marked], at: datetime
) -> None:
    """Say that these members are due. What they had and will not have becomes ``former``."""
    for some in _chunks(rows):
        with ledger.writing() as connection:
            _mark(connection, place, operation, some, at)


def _mark(
    connection: sa.Connection, place: Place, operation: str, rows: Sequence[Marked], at: datetime
) -> None:
    t = _TABLE.c
    before = {
        row.contact_id: row
        for row in connection.execute(
            sa.select(
                t.sync_row_id,
                t.contact_id,
                t.list_id,
                t.identifiers,
                t.former,
                t.normaliser_version,
            ).where(*_of(place), t.contact_id.in_([row.contact_id for row in rows]))
        )
    }
    new, changed = [], []
    for row in rows:
        known = before.get(row.contact_id)
        if operation == REMOVE:
            if known is not None:
                changed.append(
                    {
                        "key": known.sync_row_id,
                        "p_former": known.former,
                        "p_identifiers": known.identifiers,
                        "p_hash": row.payload_hash,
                        "p_version": known.normaliser_version,
                        "p_list": known.list_id,
                    }
                )
            continue
        if known is None:
            new.append(
                {
                    "destination": place.destination,
                    "audience": place.audience,
                    "contact_id": row.contact_id,
                    "list_id": row.list_id,
                    "operation": ADD,
                    "state": DUE,
                    "payload_hash": row.payload_hash,
                    "identifiers": row.identifiers,
                    "normaliser_version": row.normaliser_version,
                    "updated_at": at,
                }
            )
            continue
        replaced = _without(
            merged(_read(known.former), _read(known.identifiers)), _read(row.identifiers)
        )
        changed.append(
            {
                "key": known.sync_row_id,
                "p_former": _written(replaced),
                "p_identifiers": row.identifiers,
                "p_hash": row.payload_hash,
                "p_version": row.normaliser_version,
                "p_list": row.list_id,
            }
        )
    if new:
        connection.execute(_TABLE.insert(), new)
    if changed:
        connection.execute(
            _TABLE.update()
            .where(t.sync_row_id == sa.bindparam("key"))
            .values(
                operation=operation,
                state=DUE,
                former=sa.bindparam("p_former"),
                identifiers=sa.bindparam("p_identifiers"),
                payload_hash=sa.bindparam("p_hash"),
                normaliser_version=sa.bindparam("p_version"),
                list_id=sa.bindparam("p_list"),
                batch_id=None,
                updated_at=at,
            ),
            changed,
        )


def settle(
    ledger: Ledger, place: Place, operation: str, outcomes: Mapping[str, Outcome], at: datetime
) -> None:
    """Write down how rows of a request ended. What was removed for good loses its payload."""
    t = _TABLE.c
    for some in _chunks(list(outcomes.items())):
        with ledger.writing() as connection:
            for state in (DUE, SENT, CONFIRMED, FAILED):
                of_state = [(key, one) for key, one in some if one.state == state]
                if not of_state:
                    continue
                values: dict[str, Any] = {
                    "state": state,
                    "code": sa.bindparam("p_code"),
                    "message": sa.bindparam("p_message"),
                    "batch_id": sa.bindparam("p_batch"),
                    "remote_id": sa.func.coalesce(sa.bindparam("p_remote"), t.remote_id),
                    "attempts": t.attempts + 1,
                    "updated_at": at,
                }
                if state in (SENT, CONFIRMED) and operation == ADD:
                    values["joined_at"] = sa.func.coalesce(t.joined_at, at)
                if state == CONFIRMED and operation == REMOVE:
                    values |= {
                        "identifiers": None,
                        "former": None,
                        "remote_id": None,
                        "list_id": None,
                        "joined_at": None,
                    }
                connection.execute(
                    _TABLE.update()
                    .where(
                        *_of(place), t.contact_id == sa.bindparam("key"), t.operation == operation
                    )
                    .values(**values),
                    [
                        {
                            "key": key,
                            "p_code": _cut(one.code, 64),
                            "p_message": _cut(one.message, 200),
                            "p_batch": one.batch_id,
                            "p_remote": one.remote_id,
                        }
                        for key, one in of_state
                    ],
                )


def forget_former(ledger: Ledger, place: Place, contact_ids: Sequence[str], at: datetime) -> None:
    """What a change replaced was taken back."""
    for some in _chunks(contact_ids):
        with ledger.writing() as connection:
            connection.execute(
                _TABLE.update()
                .where(*_of(place), _TABLE.c.contact_id.in_(some))
                .values(former=None, updated_at=at)
            )


def places(ledger: Ledger, destination: str) -> dict[str, int]:
    """The audiences of which a destination holds members or has yet to confirm that it does not:
    how many of each stand there."""
    t = _TABLE.c
    stands = sa.not_(sa.and_(t.operation == REMOVE, t.state == SENT))
    query = (
        sa.select(t.audience, sa.func.count().filter(stands))
        .where(
            t.destination == destination,
            sa.not_(sa.and_(t.operation == REMOVE, t.state == CONFIRMED)),
        )
        .group_by(t.audience)
        .order_by(t.audience)
    )
    with ledger.reading() as connection:
        return {audience: count for audience, count in connection.execute(query)}


def kept_by_others(
    ledger: Ledger, place: Place, list_id: str, contact_ids: Sequence[str]
) -> set[str]:
    """Identifiers with which these contacts are in the same list for another audience."""
    t, found = _TABLE.c, set()
    with ledger.reading() as connection:
        for some in _chunks(contact_ids):
            query = sa.select(t.identifiers).where(
                t.destination == place.destination,
                t.audience != place.audience,
                t.list_id == list_id,
                t.operation == ADD,
                t.contact_id.in_(some),
            )
            found |= identifier_values(_read(text) for text in connection.execute(query).scalars())
    return found


def outstanding(ledger: Ledger, place: Place) -> list[tuple[str, str]]:
    """Batches that the destination took and has not yet answered for: batch and operation."""
    t = _TABLE.c
    query = sa.select(t.batch_id, t.operation).where(
        *_of(place), t.state == SENT, t.batch_id.is_not(None)
    )
    with ledger.reading() as connection:
        return [tuple(row) for row in connection.execute(query.distinct().order_by(t.batch_id))]


def members_of_batch(ledger: Ledger, place: Place, batch_id: str, operation: str) -> list[str]:
    t = _TABLE.c
    query = sa.select(t.contact_id).where(
        *_of(place), t.state == SENT, t.batch_id == batch_id, t.operation == operation
    )
    with ledger.reading() as connection:
        return list(connection.execute(query).scalars())


def record_run(
    ledger: Ledger,
    row: Mapping[str, Any],
    actor: str = audit.PIPELINE,
    reason: str | None = None,
) -> None:
    """Append one sync: the columns of ``audience_runs``; and to the audit chain where anybody was
    given to the destination or taken back, for ``actor`` and their ``reason``."""
    entry = Entry(
        row["as_of"],
        actor,
        "audience.sync",
        f"audience:{row['destination']}/{row['audience']}",
        after=audit.digest({name: row[name] for name in (*schema.AUDIENCE_COUNTERS, "sync_id")}),
        reason=reason or None,
    )
    with ledger.writing() as connection:
        connection.execute(schema.audience_runs.insert(), [dict(row)])
        if row["delivered"] or row["failed"]:
            audit.append(connection, entry)


def export(ledger: Ledger, lake: Lake) -> int:
    """Commit what is new since the last export, without identifiers; returns how many rows."""
    members = ("destination", "audience", "contact_id")
    return export_changes(ledger, lake, STREAM, _TABLE, members, "updated_at") + export_changes(
        # A sync is known from the moment it looked from; its times are the machine's.
        ledger,
        lake,
        RUNS,
        schema.audience_runs,
        ("sync_id",),
        "finished_at",
        "as_of",
    )


def _of(place: Place) -> tuple[sa.ColumnElement[bool], ...]:
    return (_TABLE.c.destination == place.destination, _TABLE.c.audience == place.audience)


def _read(text: str | None) -> dict[str, list[str]]:
    return json.loads(text) if text else {}


def _written(identifiers: Identifiers) -> str | None:
    found = {name: list(values) for name, values in identifiers.items() if values}
    return json.dumps(found, ensure_ascii=False, sort_keys=True) if found else None


def _without(all_: Identifiers, kept: Identifiers) -> dict[str, list[str]]:
    return {
        name: [value for value in values if value not in kept.get(name, ())]
        for name, values in all_.items()
    }


def _cut(text: str | None, length: int) -> str | None:
    return text[:length] if text else None


Some = TypeVar("Some")


def _chunks(rows: Sequence[Some]) -> Iterator[Sequence[Some]]:
    for start in range(0, len(rows), CHUNK_ROWS):
        yield rows[start : start + CHUNK_ROWS]


def identifier_values(parts: Iterable[Identifiers]) -> set[str]:
    return {value for part in parts for values in part.values() for value in values}
