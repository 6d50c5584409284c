"""The ledger's part of an erasure: who is buried, what is not sent, and rows without the person.

Consent events, suppressions, tombstones and the audit chain keep their keyed hashes: they prove
what somebody refused and that it is respected. Everything else is deleted or gets stand-ins.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from reverse_etl.privacy.stand_ins import StandIns
from workspace import catalogue
from workspace.ledger import Ledger, lease, outbox, schema

_MESSAGES = schema.messages
_PAYLOADS = schema.message_payloads
_ATTEMPTS = schema.message_attempts
_SYNCS = schema.audience_syncs
#: States in which a message has not left and never will.
_STOPPED = ("planned", "pending")
_KEYS = 500
#: Tables of which a row may have held an identifier or key of the erased.
_VACUUMED = ("messages", "message_payloads", "message_attempts", "audience_syncs", "crm_actions")
#: Rows that stay until a destination has confirmed that it removed the member.
_AT_DESTINATIONS = frozenset({"audience_syncs"})


def bury(
    connection: sa.Connection,
    witnesses: Path,
    keys_of: Mapping[str, Collection[str]],
    at: datetime,
) -> int:
    """Tombstones for the keys of each request, within a write transaction; how many are new.

    The witness outside the workspace is told first: what it knows more than the ledger is buried
    again, what it did not know could come back with a backup.
    """
    table = schema.tombstones
    keys = {key: request for request, listed in keys_of.items() for key in listed}
    lease.witness_of(connection, witnesses, at).bury(sorted(keys))
    known = {
        key
        for some in _some(sorted(keys))
        for key in connection.execute(
            sa.select(table.c.identifier_key).where(table.c.identifier_key.in_(some))
        ).scalars()
    }
    new = [
        {"identifier_key": key, "request_id": request, "erased_at": at}
        for key, request in keys.items()
        if key not in known
    ]
    if new:
        connection.execute(table.insert(), new)
    return len(new)


def erase(ledger: Ledger, stand_ins: StandIns, at: datetime, residual: bool = True) -> Counter[str]:
    """Take the people out of the ledger's tables; rows of each that changed or went.

    Call it where nobody sends (:func:`workspace.ledger.lease.no_sender`).
    """
    counts: Counter[str] = Counter()
    with ledger.writing() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("pragma secure_delete = on")
        ids = _messages_of(connection, stand_ins)
        counts["message_payloads"] += _stop(connection, ids, at)
        for holding in catalogue.HOLDINGS:
            if holding.store != "ledger" or holding.stays == "keyed" or not holding.owners:
                continue
            if holding.name in _AT_DESTINATIONS:
                continue
            table = schema.metadata.tables[holding.name]
            gone = holding.stays == "none" or (not residual and holding.name not in _KEPT)
            counts[holding.name] += _table(connection, table, holding, stand_ins, gone)
    _vacuum(ledger)
    return +counts


#: Others hold on to these rows: attempts, and what a provider reports.
_KEPT = frozenset({"messages"})


def members(ledger: Ledger, keys: Iterable[str]) -> list[dict[str, Any]]:
    """The people's rows at destinations: destination, audience, operation and state."""
    with ledger.reading() as connection:
        return [
            dict(row)
            for some in _some(sorted(keys))
            for row in connection.execute(
                sa.select(
                    _SYNCS.c.contact_id,
                    _SYNCS.c.destination,
                    _SYNCS.c.audience,
                    _SYNCS.c.operation,
                    _SYNCS.c.state,
                ).where(_SYNCS.c.contact_id.in_(some))
            ).mappings()
        ]


def forget_members(ledger: Ledger, keys: Iterable[str]) -> int:
    """Delete the rows of members that a destination has confirmed to be removed; how many."""
    gone = 0
    with ledger.writing() as connection:
        for some in _some(sorted(keys)):
            gone += connection.execute(
                sa.delete(_SYNCS).where(
                    _SYNCS.c.contact_id.in_(some),
                    _SYNCS.c.operation == "remove",
                    _SYNCS.c.state == "confirmed",
                )
            ).rowcount
    if gone:
        _vacuum(ledger)
    return gone


def _messages_of(connection: sa.Connection, stand_ins: StandIns) -> list[str]:
    found: set[str] = set()
    for some in _some(sorted(stand_ins.keys)):
        query = sa.select(_MESSAGES.c.message_id).where(
            sa.or_(_MESSAGES.c.contact_id.in_(some), _MESSAGES.c.destination_key.in_(some))
        )
        found.update(connection.execute(query).scalars())
    return sorted(found)


def _stop(connection: sa.Connection, ids: Sequence[str], at: datetime) -> int:
    """Nothing of these messages leaves any more, and what a provider was given of them goes."""
    deleted = 0
    for some in _some(ids):
        query = sa.select(_MESSAGES.c.message_id, _MESSAGES.c.state).where(
            _MESSAGES.c.message_id.in_(some)
        )
        states = {ident: state for ident, state in connection.execute(query)}
        stopped = [i for i, state in states.items() if state in _STOPPED]
        outbox.block(connection, dict.fromkeys(stopped, "erased"), at)
        lost = [i for i, state in states.items() if state == "sending"]
        outbox.park(connection, dict.fromkeys(lost, "sender_died"), at)
        deleted += connection.execute(
            sa.delete(_PAYLOADS).where(_PAYLOADS.c.message_id.in_(some))
        ).rowcount
        connection.execute(
            sa.update(_ATTEMPTS)
            .where(_ATTEMPTS.c.message_id.in_(some))
            .values(provider_message_id=None)
        )
        for ident in some:  # made of the address's key
            connection.execute(
                sa.update(_MESSAGES)
                .where(_MESSAGES.c.message_id == ident)
                .values(dedup_key=secrets.token_hex(32))
            )
    return deleted


def _table(
    connection: sa.Connection,
    table: sa.Table,
    holding: catalogue.Holding,
    stand_ins: StandIns,
    gone: bool,
) -> int:
    """One table's rows that have one of the keys: deleted, or mapped and cleared."""
    (key,) = table.primary_key.columns
    named = [name for name, kind in holding.owners.items() if kind == "key"]
    lists = [name for name, kind in holding.owners.items() if kind == "keys"]
    found: set[Any] = set()
    for some in _some(sorted(stand_ins.keys)):
        tests = [table.c[name].in_(some) for name in named]
        # A JSON list of keys, which are hexadecimal: a text search finds whole ones only.
        tests += [table.c[name].contains(one) for name in lists for one in some]
        found.update(connection.execute(sa.select(key).where(sa.or_(*tests))).scalars())
    columns = [table.c[name] for name in (*named, *lists)]
    changed = 0
    for some_rows in _some(sorted(found)):
        if gone:
            changed += connection.execute(sa.delete(table).where(key.in_(some_rows))).rowcount
            continue
        for row in connection.execute(sa.select(key, *columns).where(key.in_(some_rows))):
            ident, values = row[0], row[1:]
            new = {
                column.name: stand_ins.of(holding.owners[column.name], value)
                for column, value in zip(columns, values, strict=True)
            }
            new |= {name: None for name in holding.cleared if table.c[name].nullable}
            connection.execute(sa.update(table).where(key == ident).values(**new))
            changed += 1
    return changed


def _vacuum(ledger: Ledger) -> None:
    """Bytes that no row holds any more leave the files, too."""
    with ledger.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            raw = connection.connection.driver_connection
            assert raw is not None
            raw.execute("pragma wal_checkpoint(truncate)")
            raw.execute("vacuum")
            raw.execute("pragma wal_checkpoint(truncate)")
        else:
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            for name in _VACUUMED:
                connection.execute(sa.text(f"vacuum full {name}"))


def _some(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    for start in range(0, len(values), _KEYS):
        yield values[start : start + _KEYS]
