"""What the ledger says about one person, by all keys that they are or were known by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from reverse_etl.privacy.trail_event import Event, event
from reverse_etl.privacy.trail_published import Found
from workspace.ledger import audit, schema

#: The request that a restored ledger's tombstones name (`workspace.ledger.lease`).
FROM_WITNESS = "witness"
_MESSAGES, _ATTEMPTS = schema.messages, schema.message_attempts
_KEYS_A_QUERY = 10_000  # SQLite takes 32,766 parameters


def events(connection: sa.Connection, keys: Sequence[str], told: Found) -> list[Event]:
    """Everything that any of the keys names, but for what was ``told``."""
    found: list[Event] = []
    messages = [
        *_rows(connection, _MESSAGES, _MESSAGES.c.contact_id, keys),
        *_rows(connection, _MESSAGES, _MESSAGES.c.destination_key, keys),
    ]
    once = {row["message_id"]: row for row in messages}
    for row in once.values():
        found += _message(row, told.statuses.get(row["message_id"]))
    for row in _rows(connection, _ATTEMPTS, _ATTEMPTS.c.message_id, list(once)):
        if (row["message_id"], row["attempt"]) not in told.attempts:
            found += _attempt(row)
    tables: list[tuple[sa.Column[Any], Callable[[Any], Iterable[Event]]]] = [
        (schema.consent_events.c.identifier_key, _consent),
        (schema.suppressions.c.identifier_key, _suppression),
        (schema.audience_syncs.c.contact_id, _audience),
        (schema.crm_actions.c.contact_id, _crm_action),
        (schema.tombstones.c.identifier_key, _tombstone),
        (schema.privacy_requests.c.subject_key, _request),
    ]
    for column, tell in tables:
        for row in _rows(connection, column.table, column, keys):
            if row.get("event_id") not in told.evidence_ids:
                found += tell(row)
    for link in audit.of_subject(connection, keys):
        found += _link(link)
    return found


def _rows(
    connection: sa.Connection,
    table: Any,
    column: sa.ColumnElement[Any],
    values: Sequence[str],
) -> Iterator[Any]:
    for start in range(0, len(values), _KEYS_A_QUERY):
        some = values[start : start + _KEYS_A_QUERY]
        yield from connection.execute(sa.select(table).where(column.in_(some))).mappings()


def _message(row: Any, status: str | None) -> Iterator[Event]:
    name = f"{row['source_kind']} {row['source_key']}, {row['channel']}"
    test = " (test)" if row["is_test"] else ""
    because = f" ({row['reason']})" if row["reason"] else ""
    common = {"message_id": row["message_id"], "template_version": row["template_version"]}
    if status is None:
        yield event(
            row["planned_at"],
            "message",
            f"queued{test}: {name}",
            "ledger.messages",
            **common,
            scheduled_at=row["scheduled_at"],
            consent_evidence_id=row["consent_evidence_id"],
            approval=row["approval"],
        )
    if row["state"] not in ("pending", status):
        yield event(
            row["updated_at"],
            "message",
            f"{row['state']}{because}{test}: {name}",
            "ledger.messages",
            **common,
            provider=row["provider"],
            payload_hash=row["payload_hash"],
        )


def _attempt(row: Any) -> Iterator[Event]:
    yield event(
        row["finished_at"] or row["started_at"],
        "delivery",
        f"attempt {row['attempt']}: {row['result'] or 'unanswered'} ({row['provider']})",
        "ledger.message_attempts",
        message_id=row["message_id"],
        provider_code=row["provider_code"],
        provider_message_id=row["provider_message_id"],
        request_hash=row["request_hash"],
    )


def _consent(row: Any) -> Iterator[Event]:
    names = (
        *("brand", "source_class", "source", "mechanism", "legal_basis", "text_version"),
        *("text_hash", "language", "actor", "evidence", "event_id", "known_at", "recorded_at"),
    )
    yield event(
        row["occurred_at"],
        "consent",
        f"{row['state']}: {row['purpose']}, {row['channel']}",
        "ledger.consent_events",
        **{name: row[name] for name in names},
    )


def _suppression(row: Any) -> Iterator[Event]:
    yield event(
        row["suppressed_at"],
        "consent",
        f"suppressed: {row['channel']}",
        "ledger.suppressions",
        reason=row["reason"],
        source=row["source"],
    )


def _audience(row: Any) -> Iterator[Event]:
    place = f"{row['audience']} at {row['destination']}"
    if row["joined_at"] is not None:
        yield event(row["joined_at"], "audience", f"joins {place}", "ledger.audience_syncs")
    yield event(
        row["updated_at"],
        "audience",
        f"{row['operation']} {row['state']}: {place}",
        "ledger.audience_syncs",
        code=row["code"],
        normaliser_version=row["normaliser_version"],
    )


def _crm_action(row: Any) -> Iterator[Event]:
    source = f"{row['source_kind']} {row['source_key']}"
    yield event(
        row["tried_at"] or row["requested_at"],
        "crm",
        f"{row['kind']} {row['state']} ({source})",
        "ledger.crm_actions",
        action_id=row["action_id"],
        remote_id=row["remote_id"],
        code=row["code"],
        requested_at=row["requested_at"],
    )


def _tombstone(row: Any) -> Iterator[Event]:
    yield event(
        row["erased_at"],
        "request",
        "erased: this key alone is kept, so that nobody comes back",
        "ledger.tombstones",
        identifier_key=row["identifier_key"],
        request_id=row["request_id"],
    )


def _request(row: Any) -> Iterator[Event]:
    common = {"request_id": row["request_id"], "actor": row["actor"], "reason": row["reason"]}
    yield event(
        row["requested_at"],
        "request",
        f"{row['kind']} asked for",
        "ledger.privacy_requests",
        **common,
        due_at=row["due_at"],
    )
    if row["finished_at"] is not None:
        yield event(
            row["finished_at"],
            "request",
            f"{row['kind']} {row['state']}",
            "ledger.privacy_requests",
            **common,
            proof_hash=row["proof_hash"],
        )


def _link(link: audit.Link) -> Iterator[Event]:
    yield event(
        link.at,
        "audit",
        f"{link.action}: {link.object}",
        "ledger.audit_chain",
        position=link.position,
        actor=link.actor,
        reason=link.reason,
        before_hash=link.before_hash,
        after_hash=link.after_hash,
        digest=link.digest,
    )
