"""Providers that refused their key: not asked until the key changes, or somebody says so."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from workspace.ledger import Ledger, audit, schema
from workspace.ledger.audit import Entry

_TABLE = schema.provider_pauses


class Paused(NamedTuple):
    provider: str
    code: str
    fingerprint: str
    paused_at: datetime


def pause(
    connection: sa.Connection, provider: str, code: str, fingerprint: str, at: datetime
) -> None:
    """Pause a provider; one that is paused stays as it is. ``fingerprint`` is of its secrets."""
    query = sa.select(_TABLE.c.provider).where(_TABLE.c.provider == provider)
    if connection.execute(query).first() is None:
        row = Paused(provider, code[:64], fingerprint, at)._asdict()
        connection.execute(_TABLE.insert().values(**row))


def stands(connection: sa.Connection, provider: str, fingerprint: str) -> bool:
    """Whether a provider is paused; a pause under other secrets is lifted."""
    query = sa.select(_TABLE.c.fingerprint).where(_TABLE.c.provider == provider)
    found = connection.execute(query).scalar()
    if found is None:
        return False
    if found == fingerprint:
        return True
    connection.execute(sa.delete(_TABLE).where(_TABLE.c.provider == provider))
    return False


def resume(
    ledger: Ledger, provider: str, actor: str, at: datetime, reason: str | None = None
) -> bool:
    """Ask a provider again, on record in the audit chain; whether it was paused."""
    with ledger.writing() as connection:
        query = sa.select(_TABLE.c.code).where(_TABLE.c.provider == provider)
        code = connection.execute(query).scalar()
        if code is None:
            return False
        connection.execute(sa.delete(_TABLE).where(_TABLE.c.provider == provider))
        entry = Entry(
            at,
            actor,
            "provider.resume",
            f"provider:{provider}",
            before=audit.digest(code),
            reason=reason or None,
        )
        audit.append(connection, entry)
    return True


def paused(ledger: Ledger) -> list[Paused]:
    with ledger.reading() as connection:
        query = sa.select(_TABLE).order_by(_TABLE.c.provider)
        return [Paused(*row) for row in connection.execute(query)]
