"""Who let a campaign or journey go out, and what exactly it was.

What is approved is a definition together with the version of a template: a change of either needs
a new approval. An event says who did it; the last one about the same thing is in force.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from workspace.ledger import Ledger, audit, schema
from workspace.ledger.audit import Entry

_TABLE = schema.approvals
APPROVED, REJECTED, WITHDRAWN = "approved", "rejected", "withdrawn"
_VERBS = {APPROVED: "approve", REJECTED: "reject", WITHDRAWN: "withdraw"}


def subject_hash(definition: str, template: str, template_version: str) -> str:
    """What an approval is about; `subject_hash_sql` says the same in SQL."""
    text = "\0".join([definition, template, template_version])
    return hashlib.sha256(text.encode()).hexdigest()


def subject_hash_sql(definition: str, template: str, template_version: str) -> str:
    """:func:`subject_hash` in DuckDB's SQL, of three expressions; NULL of a NULL definition."""
    parts = f"{definition}, {template}, {template_version}"
    return f"case when {definition} is not null then sha256(concat_ws(chr(0), {parts})) end"


def record(
    ledger: Ledger,
    subject: str,
    hashes: Iterable[str],
    decision: str,
    actor: str,
    at: datetime,
    note: str | None = None,
) -> int:
    """Append one event for each hash that it changes something for, and to the audit chain; how
    many.

    ``decision`` is approved, rejected or withdrawn; ``subject`` says to people what it is about,
    such as ``campaign:spring``. Raises ``ValueError`` for another decision, and for what the audit
    chain does not take.
    """
    if decision not in (APPROVED, REJECTED, WITHDRAWN):
        raise ValueError(f"no decision {decision!r}")
    with ledger.writing() as connection:
        standing = standing_of(connection)
        rows = [
            {
                "subject": subject,
                "subject_hash": one,
                "decision": decision,
                "actor": actor,
                "decided_at": at,
                "note": note,
            }
            for one in dict.fromkeys(hashes)
            if standing.get(one) != decision
        ]
        if rows:
            connection.execute(_TABLE.insert(), rows)
            changed = {row["subject_hash"]: standing.get(row["subject_hash"]) for row in rows}
            entry = Entry(
                at,
                actor,
                f"{subject.partition(':')[0]}.{_VERBS[decision]}",
                subject,
                before=audit.digest(changed) if any(changed.values()) else None,
                after=audit.digest(dict.fromkeys(changed, decision)),
                reason=note or None,
            )
            audit.append(connection, entry)
    return len(rows)


class Event(NamedTuple):
    """One decision about ``subject_hash``."""

    decision: str
    actor: str
    at: datetime
    note: str | None
    subject_hash: str


def history(ledger: Ledger, subject: str) -> list[Event]:
    """Every decision about a subject, the last first."""
    query = (
        sa.select(
            _TABLE.c.decision,
            _TABLE.c.actor,
            _TABLE.c.decided_at,
            _TABLE.c.note,
            _TABLE.c.subject_hash,
        )
        .where(_TABLE.c.subject == subject)
        .order_by(_TABLE.c.approval_id.desc())
    )
    with ledger.reading() as connection:
        return [Event(*row) for row in connection.execute(query)]


def standing(ledger: Ledger) -> dict[str, str]:
    """Hash -> what was last decided about it."""
    with ledger.reading() as connection:
        return standing_of(connection)


def standing_of(connection: sa.Connection) -> dict[str, str]:
    """:func:`standing`, within a transaction."""
    last = sa.select(sa.func.max(_TABLE.c.approval_id)).group_by(_TABLE.c.subject_hash)
    query = sa.select(_TABLE.c.subject_hash, _TABLE.c.decision).where(
        _TABLE.c.approval_id.in_(last)
    )
    return {digest: decision for digest, decision in connection.execute(query)}
