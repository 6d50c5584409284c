"""What the published marts say about one contact."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb

from reverse_etl.privacy.trail_event import Event, event
from reverse_etl.publish import dicts, is_published
from reverse_etl.publish.publisher import current_version
from workspace.paths import Paths

_Row = dict[str, Any]


@dataclass(frozen=True)
class Found:
    """What was told, which the ledger need not tell again: ``evidence_ids`` of consent, the status
    of each message by its id, and ``attempts``, message ids with a number."""

    events: list[Event] = field(default_factory=list)
    evidence_ids: frozenset[str] = frozenset()
    statuses: Mapping[str, str] = field(default_factory=dict)
    attempts: frozenset[tuple[str, int]] = frozenset()


def version_of(paths: Paths) -> str:
    """The version that readers see."""
    return current_version(paths)


def listed(keys: Iterable[str]) -> str:
    """Keys as literals, which the Parquet reader can skip row groups by."""
    quoted = ["'" + key.replace("'", "''") + "'" for key in keys]
    return ", ".join(quoted) or "null"


def events(connection: duckdb.DuckDBPyConnection, contact_id: str, keys: Iterable[str]) -> Found:
    """Everything that names the contact; what is not yet published is left out."""

    def rows(view: str, where: str = f"contact_id = '{contact_id}'") -> list[_Row]:
        if not is_published(connection, view):
            return []
        return dicts(connection, f"select * from marts.{view} where {where}")

    consents = rows("consent_records")
    messages = rows("message_queue")
    ids = [row["intent_id"] for row in messages]
    logs = rows(
        "delivery_logs",
        f"message_id in ({listed(ids)}) or recipient_key in ({listed(keys)})",
    )
    gates = {row["intent_id"]: row["gate_text"] for row in rows("why_not_sent")}
    told: list[tuple[Callable[[_Row], Iterator[Event]], list[_Row]]] = [
        (_identity, rows("identity_map")),
        (_consent, consents),
        (_segment, rows("segment_membership_history")),
        (_journey, rows("journey_executions")),
        (_experiment, rows("experiment_assignments")),
        (lambda row: _message(row, gates.get(row["intent_id"])), messages),
        (_delivery, logs),
        (_proof, rows("message_proofs")),
    ]
    return Found(
        [one for tell, its in told for row in its for one in tell(row)],
        frozenset(row["evidence_id"] for row in consents),
        {row["intent_id"]: row["status"] for row in messages},
        frozenset((row["message_id"], row["attempt"]) for row in logs if row["attempt"]),
    )


def _identity(row: _Row) -> Iterator[Event]:
    if row["first_seen_at"] is not None:
        kind = row["identifier_type"]
        merged = row["evidence"] in ("crm_merge", "alias")
        yield event(
            row["first_seen_at"],
            "identity",
            f"{kind} of before a merge" if merged else f"known by {kind}",
            "identity_map",
            identifier_key=row["identifier_key"],
            evidence=row["evidence"],
            tied_to=row["evidence_key"],
            last_seen_at=row["last_seen_at"],
        )


def _consent(row: _Row) -> Iterator[Event]:
    names = (
        *("brand", "reason", "authority", "source_class", "source", "mechanism", "legal_basis"),
        *("text_version", "text_hash", "evidence_reference", "evidence_id", "known_at"),
        "is_in_force",
    )
    yield event(
        row["decided_at"] or row["known_at"],
        "consent",
        f"{row['state']}: {row['purpose']}, {row['channel']}",
        "consent_records",
        **{name: row.get(name) for name in names},
    )


def _segment(row: _Row) -> Iterator[Event]:
    segment = row["segment"]
    source = "segment_membership_history"
    definition = row["entered_by_definition"]
    yield event(row["entered_at"], "segment", f"enters {segment}", source, definition=definition)
    if row["left_at"] is not None:
        definition = row["left_by_definition"]
        yield event(row["left_at"], "segment", f"leaves {segment}", source, definition=definition)


def _journey(row: _Row) -> Iterator[Event]:
    source = "journey_executions"
    known = {"enrolment_id": row["enrolment_id"], "version": row["version"]}
    evidence = row["trigger_evidence"]
    yield event(
        row["entered_at"], "journey", f"enters {row['journey']}", source, **known, evidence=evidence
    )
    if row["ended_at"] is not None:
        yield event(
            row["ended_at"],
            "journey",
            f"{row['status']} in {row['journey']}",
            source,
            **known,
            ended_by=row["ended_by"],
            node=row["node"],
        )


def _experiment(row: _Row) -> Iterator[Event]:
    yield event(
        row["assigned_at"],
        "experiment",
        f"drawn for {row['experiment']}: {row['variant']}",
        "experiment_assignments",
        is_control=row["is_control"],
    )


def _message(row: _Row, gate_text: str | None) -> Iterator[Event]:
    source, ident = "message_queue", row["intent_id"]
    name = f"{row['source_kind']} {row['source_key']}, {row['channel']}"
    if row["intended_at"] is not None:
        yield event(
            row["intended_at"],
            "message",
            f"intended: {name}",
            source,
            message_id=ident,
            message_class=row["message_class"],
            template=row["template"],
            template_version=row["template_version"],
            planned_for_at=row["planned_for_at"],
        )
    if row["decided_at"] is not None:
        outcome = f"not sent ({row['gate']})" if row["gate"] else "allowed"
        yield event(
            row["decided_at"],
            "message",
            f"{outcome}: {name}",
            source,
            message_id=ident,
            why=gate_text,
            gate_detail=row["detail"],
            deferred_until_at=row["deferred_until_at"],
            consent_evidence_id=row["consent_evidence_id"],
        )
    if row["sent_at"] is not None:
        yield event(
            row["sent_at"],
            "message",
            f"{row['status']}: {name}",
            source,
            message_id=ident,
            provider=row["provider"],
            outcome=row["outcome"],
        )


def _delivery(row: _Row) -> Iterator[Event]:
    is_attempt = row["entry_kind"] == "attempt"
    what = f"attempt {row['attempt']}: {row['event_type']}" if is_attempt else row["event_type"]
    yield event(
        row["occurred_at"],
        "delivery",
        f"{what} ({row['provider']})",
        "delivery_logs",
        message_id=row["message_id"],
        provider_code=row["provider_code"],
        provider_event_id=row["provider_event_id"],
        bounce_type=row["bounce_type"],
        reason=row["reason"],
        is_machine=row["is_machine"] or None,
        is_test=row["is_test"] or None,
    )


#: Columns of ``message_proofs`` that its message tells.
_TOLD = ("contact_id", "source_kind", "source_key", "channel", "purpose", "sent_at", "state_then")


def _proof(row: _Row) -> Iterator[Event]:
    if row["sent_at"] is not None:
        shown = {name: value for name, value in row.items() if name not in _TOLD}
        what = f"rests on consent: {row['state_then']}"
        yield event(row["sent_at"], "proof", what, "message_proofs", **shown)
