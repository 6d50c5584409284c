"""The ledger's tables: promises to people and to providers, and the record of runs.

Everything here must survive: it cannot be recomputed. Times are naive UTC; people and
addresses appear as keyed hashes (`workspace.identifiers`), with the payload a provider needs
in columns of its own, so that it can be deleted without breaking the record.
A change here needs a migration in ``migrations/versions``; a test holds the two together.
"""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: The state machine of a message; `reliability.md` draws it.
MESSAGE_STATES = (
    "planned",
    "blocked",
    "pending",
    "sending",
    "accepted",
    "failed",
    "unknown",
    "failed_unknown",
)

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")  # SQLite counts up INTEGER keys only


def _one_of(column: str, values: tuple[str, ...]) -> sa.CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} in ({listed})", name=column)


runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("as_of", sa.DateTime, nullable=False),
    sa.Column("environment", sa.String(16), nullable=False),
    sa.Column("started_at", sa.DateTime, nullable=False),
)

run_steps = sa.Table(
    "run_steps",
    metadata,
    sa.Column("step_id", _ID, primary_key=True),
    sa.Column("run_id", sa.String(64), sa.ForeignKey("runs.run_id"), nullable=False, index=True),
    sa.Column("step", sa.String(200), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("started_at", sa.DateTime, nullable=False),
    sa.Column("finished_at", sa.DateTime, nullable=False),
    sa.Column("duration_ms", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.BigInteger),
    sa.Column("detail", sa.Text),
    _one_of("status", ("succeeded", "failed", "skipped")),
)

#: Who stated it: the first four are ours, asked of the person directly.
CONSENT_SOURCE_CLASSES = (
    "form",
    "preference_page",
    "one_click",
    "manual",
    "crm",
    "provider",
    "import",
)
#: ``lifted``: an organisation takes its refusal back, which grants nothing.
CONSENT_STATES = ("granted", "pending", "withdrawn", "objection", "lifted")
CONSENT_IDENTIFIERS = (
    "email",
    "phone",
    "user_id",
    "anonymous_id",
    "crm_contact",
    "external_id",
    # An organisation's, for everybody who belongs to it; it can only be refused.
    "crm_company",
    "domain",
)

#: Append-only: triggers refuse updates and deletes. `workspace.ledger.consent` writes it.
consent_events = sa.Table(
    "consent_events",
    metadata,
    sa.Column("consent_event_id", _ID, primary_key=True),
    sa.Column("event_id", sa.String(64), nullable=False, unique=True),
    sa.Column("identifier_type", sa.String(16), nullable=False),
    sa.Column("identifier_key", sa.String(64), nullable=False),
    sa.Column("purpose", sa.String(64), nullable=False),
    sa.Column("channel", sa.String(32), nullable=False),
    sa.Column("brand", sa.String(64), nullable=False, server_default=""),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("source_class", sa.String(16), nullable=False),
    sa.Column("source", sa.String(200), nullable=False),
    sa.Column("mechanism", sa.String(64)),
    sa.Column("legal_basis", sa.String(32)),
    sa.Column("text_version", sa.String(64)),
    sa.Column("text_hash", sa.String(64)),
    sa.Column("language", sa.String(16)),
    sa.Column("actor", sa.String(200)),
    sa.Column("evidence", sa.Text),
    sa.Column("occurred_at", sa.DateTime, nullable=False),
    sa.Column("known_at", sa.DateTime, nullable=False),
    sa.Column("recorded_at", sa.DateTime, nullable=False),
    sa.Index("ix_consent_events_fold", "identifier_key", "purpose", "channel", "occurred_at"),
    _one_of("identifier_type", CONSENT_IDENTIFIERS),
    _one_of("state", CONSENT_STATES),
    _one_of("source_class", CONSENT_SOURCE_CLASSES),
)

suppressions = sa.Table(
    "suppressions",
    metadata,
    sa.Column("suppression_id", _ID, primary_key=True),
    sa.Column("identifier_key", sa.String(64), nullable=False),
    sa.Column("channel", sa.String(32), nullable=False),
    sa.Column("reason", sa.String(64), nullable=False),
    sa.Column("source", sa.String(200), nullable=False),
    sa.Column("suppressed_at", sa.DateTime, nullable=False),
    sa.UniqueConstraint("identifier_key", "channel", "reason"),
)

#: `workspace.ledger.messages` writes it. ``message_id`` is the intent's id.
messages = sa.Table(
    "messages",
    metadata,
    sa.Column("message_id", sa.String(64), primary_key=True),
    sa.Column("dedup_key", sa.String(64), nullable=False, unique=True),
    sa.Column("contact_id", sa.String(64), nullable=False),
    sa.Column("destination_key", sa.String(64), nullable=False),
    sa.Column("source_kind", sa.String(16), nullable=False),
    sa.Column("source_key", sa.String(64), nullable=False),
    sa.Column("step", sa.String(64), nullable=False),
    sa.Column("occurrence", sa.String(64), nullable=False),
    sa.Column("channel", sa.String(32), nullable=False),
    sa.Column("message_class", sa.String(64), nullable=False),
    sa.Column("purpose", sa.String(64), nullable=False),
    sa.Column("priority", sa.Integer, nullable=False, server_default="0"),
    sa.Column("country", sa.String(2)),
    sa.Column("time_zone", sa.String(64)),
    # Keys by which the person is known besides, as a JSON list.
    sa.Column("aliases", sa.Text),
    sa.Column("is_test", sa.Boolean, nullable=False, server_default=sa.false()),
    # Place in a ramp: 1 goes first; NULL where there is none.
    sa.Column("ramp_step", sa.Integer),
    # The last consent event that the decision to queue it had seen.
    sa.Column("consent_seen", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("provider", sa.String(32)),
    # May only go on with that provider, which may have it already.
    sa.Column("is_pinned", sa.Boolean, nullable=False, server_default=sa.false()),
    # Attempts with that provider that it refused for the time being.
    sa.Column("rung", sa.Integer, nullable=False, server_default="0"),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.String(64)),
    sa.Column("payload_hash", sa.String(64)),
    sa.Column("template", sa.String(64)),
    sa.Column("template_version", sa.String(64)),
    sa.Column("consent_evidence_id", sa.String(64)),
    sa.Column("consent_decided_at", sa.DateTime),
    sa.Column("consent_legal_basis", sa.String(32)),
    sa.Column("consent_text_hash", sa.String(64)),
    sa.Column("consent_policy_version", sa.String(64)),
    sa.Column("approval", sa.String(64)),
    sa.Column("planned_at", sa.DateTime, nullable=False),
    sa.Column("scheduled_at", sa.DateTime, nullable=False),
    # When it may be claimed: the scheduled time, later after a refusal.
    sa.Column("due_at", sa.DateTime, nullable=False),
    sa.Column("not_after", sa.DateTime),
    sa.Column("sent_at", sa.DateTime),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("lease_epoch", sa.BigInteger),
    sa.Column("updated_at", sa.DateTime, nullable=False),
    sa.Index("ix_messages_due", "state", "channel", "due_at"),
    sa.Index("ix_messages_destination", "destination_key", "channel"),
    sa.Index("ix_messages_contact", "contact_id", "channel"),
    sa.Index("ix_messages_updated", "updated_at"),
    sa.Index("ix_messages_source", "source_key", "occurrence", "ramp_step"),
    _one_of("source_kind", ("campaign", "journey", "consent")),
    _one_of("state", MESSAGE_STATES),
)

#: What a provider is given of a message: apart, so that states change without moving it, and so
#: that it can be deleted without breaking the record. ``inputs`` is what it was rendered from.
message_payloads = sa.Table(
    "message_payloads",
    metadata,
    sa.Column(
        "message_id",
        sa.String(64),
        sa.ForeignKey("messages.message_id"),
        primary_key=True,
    ),
    sa.Column("destination", sa.Text, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("inputs", sa.LargeBinary),
)

#: One row per request that was about to leave for a message; ``result`` is empty while it is
#: underway, or where its sender died.
message_attempts = sa.Table(
    "message_attempts",
    metadata,
    sa.Column("attempt_id", _ID, primary_key=True),
    sa.Column(
        "message_id",
        sa.String(64),
        sa.ForeignKey("messages.message_id"),
        nullable=False,
    ),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("provider", sa.String(32), nullable=False),
    sa.Column("lease_epoch", sa.BigInteger, nullable=False),
    sa.Column("request_hash", sa.String(64), nullable=False),
    sa.Column("started_at", sa.DateTime, nullable=False),
    sa.Column("finished_at", sa.DateTime),
    sa.Column("result", sa.String(32)),
    sa.Column("provider_code", sa.String(64)),
    sa.Column("provider_message_id", sa.String(200)),
    # The request that several messages may have shared, and how long its answer took.
    sa.Column("call", sa.String(32)),
    sa.Column("answer_ms", sa.BigInteger),
    sa.UniqueConstraint("message_id", "attempt"),
    sa.Index("ix_message_attempts_provider_message", "provider", "provider_message_id"),
    sa.Index("ix_message_attempts_started", "started_at"),
)

#: A provider that is not asked until somebody says so, or its key has changed.
provider_pauses = sa.Table(
    "provider_pauses",
    metadata,
    sa.Column("provider", sa.String(32), primary_key=True),
    sa.Column("code", sa.String(64), nullable=False),
    # Of the secrets it was paused with.
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("paused_at", sa.DateTime, nullable=False),
)

#: How far something that is read bit by bit has been read.
cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

#: One row per member of an audience, as it stands at the destination or is due to. What was sent
#: is kept as it was sent, so that a removal takes back exactly what was added; ``former`` holds
#: what a change replaced until that is taken back. `workspace.ledger.audiences` writes it.
audience_syncs = sa.Table(
    "audience_syncs",
    metadata,
    sa.Column("sync_row_id", _ID, primary_key=True),
    sa.Column("destination", sa.String(64), nullable=False),
    sa.Column("audience", sa.String(64), nullable=False),
    sa.Column("contact_id", sa.String(64), nullable=False),
    # The list at the destination that holds the member or may.
    sa.Column("list_id", sa.String(200)),
    sa.Column("operation", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("payload_hash", sa.String(64), nullable=False),
    sa.Column("identifiers", sa.Text),
    sa.Column("former", sa.Text),
    sa.Column("remote_id", sa.String(64)),
    sa.Column("normaliser_version", sa.String(32), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("code", sa.String(64)),
    sa.Column("message", sa.String(200)),
    sa.Column("batch_id", sa.String(200)),
    sa.Column("joined_at", sa.DateTime),
    sa.Column("updated_at", sa.DateTime, nullable=False),
    sa.UniqueConstraint("destination", "audience", "contact_id"),
    sa.Index("ix_audience_syncs_updated", "updated_at"),
    _one_of("operation", ("add", "remove")),
    _one_of("state", ("due", "sent", "confirmed", "failed")),
)

AUDIENCE_COUNTERS = ("queried", "added", "changed", "removed", "unchanged", "invalid")

#: One row per audience and sync: the counters add up to ``queried``.
audience_runs = sa.Table(
    "audience_runs",
    metadata,
    sa.Column("sync_id", sa.String(64), primary_key=True),
    sa.Column("destination", sa.String(64), nullable=False),
    sa.Column("audience", sa.String(64), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("reason", sa.String(200)),
    *(sa.Column(name, sa.BigInteger, nullable=False) for name in AUDIENCE_COUNTERS),
    sa.Column("delivered", sa.BigInteger, nullable=False),
    sa.Column("failed", sa.BigInteger, nullable=False),
    sa.Column("as_of", sa.DateTime, nullable=False),
    sa.Column("started_at", sa.DateTime, nullable=False),
    sa.Column("finished_at", sa.DateTime, nullable=False),
    sa.Index("ix_audience_runs_finished", "finished_at"),
    _one_of("status", ("done", "planned", "held", "paused")),
)

CRM_ACTION_STATES = ("due", "sending", "delivered", "failed", "unknown")

#: Tasks, tickets and changes of contacts in the CRM, each once. `workspace.ledger.crm_actions`.
crm_actions = sa.Table(
    "crm_actions",
    metadata,
    sa.Column("action_id", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("source_kind", sa.String(16), nullable=False),
    sa.Column("source_key", sa.String(64), nullable=False),
    sa.Column("contact_id", sa.String(64)),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("remote_id", sa.String(64)),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("code", sa.String(64)),
    sa.Column("message", sa.String(200)),
    sa.Column("requested_at", sa.DateTime, nullable=False),
    sa.Column("tried_at", sa.DateTime),
    sa.Column("updated_at", sa.DateTime, nullable=False),
    sa.Index("ix_crm_actions_updated", "updated_at"),
    sa.Index("ix_crm_actions_contact", "contact_id", "source_key"),
    _one_of("kind", ("task", "ticket", "update")),
    _one_of("source_kind", ("journey", "campaign", "route", "rectification")),
    _one_of("state", CRM_ACTION_STATES),
)

approvals = sa.Table(
    "approvals",
    metadata,
    sa.Column("approval_id", _ID, primary_key=True),
    sa.Column("subject", sa.String(200), nullable=False),
    sa.Column("subject_hash", sa.String(64), nullable=False),
    sa.Column("decision", sa.String(16), nullable=False),
    sa.Column("actor", sa.String(200), nullable=False),
    sa.Column("decided_at", sa.DateTime, nullable=False),
    sa.Column("note", sa.Text),
    sa.Index("ix_approvals_subject", "subject", "subject_hash"),
    _one_of("decision", ("approved", "rejected", "withdrawn")),
)

PAUSE_SCOPES = ("all", "campaign", "journey")
PAUSE_EVENTS = ("pause", "resume", "stop")

#: Append-only, as consent events are: who held what back, and when. `workspace.ledger.pauses`.
pauses = sa.Table(
    "pauses",
    metadata,
    sa.Column("pause_id", _ID, primary_key=True),
    sa.Column("scope", sa.String(16), nullable=False),
    sa.Column("source_key", sa.String(64), nullable=False),
    sa.Column("event", sa.String(16), nullable=False),
    sa.Column("actor", sa.String(200), nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Index("ix_pauses_scope", "scope", "source_key"),
    _one_of("scope", PAUSE_SCOPES),
    _one_of("event", PAUSE_EVENTS),
)

tombstones = sa.Table(
    "tombstones",
    metadata,
    sa.Column("identifier_key", sa.String(64), primary_key=True),
    sa.Column("request_id", sa.String(64), nullable=False),
    sa.Column("erased_at", sa.DateTime, nullable=False),
)

REQUEST_KINDS = ("export", "erase", "rectify", "object")
REQUEST_STATES = ("open", "working", "done", "refused")

#: What people ask of their data. Requests that are worked off in one pass share a ``batch_id``;
#: ``proof_hash`` is of the certificate or of the export's manifest.
#: `workspace.ledger.privacy_requests` writes it.
privacy_requests = sa.Table(
    "privacy_requests",
    metadata,
    sa.Column("request_id", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("subject_key", sa.String(64), nullable=False),
    sa.Column("batch_id", sa.String(64)),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("requested_at", sa.DateTime, nullable=False),
    sa.Column("due_at", sa.DateTime, nullable=False),
    sa.Column("finished_at", sa.DateTime),
    sa.Column("actor", sa.String(200), nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("proof_hash", sa.String(64)),
    sa.Column("updated_at", sa.DateTime, nullable=False),
    sa.Index("ix_privacy_requests_subject", "subject_key", "kind"),
    sa.Index("ix_privacy_requests_batch", "batch_id"),
    sa.Index("ix_privacy_requests_updated", "updated_at"),
    _one_of("kind", REQUEST_KINDS),
    _one_of("state", REQUEST_STATES),
)

#: Steps of a batch that are done, with what they counted as JSON.
privacy_steps = sa.Table(
    "privacy_steps",
    metadata,
    sa.Column("batch_id", sa.String(64), primary_key=True),
    sa.Column("step", sa.String(32), primary_key=True),
    sa.Column("counts", sa.Text),
    sa.Column("finished_at", sa.DateTime, nullable=False),
)

FORWARD_STATES = ("due", "sent", "confirmed", "failed", "task", "not_held")

#: Who else has to forget an erased person. ``task``: no API does it; ``instructions`` say how.
#: ``not_held``: nothing about people is kept there.
erasure_forwards = sa.Table(
    "erasure_forwards",
    metadata,
    sa.Column("forward_id", sa.String(64), primary_key=True),
    sa.Column(
        "request_id",
        sa.String(64),
        sa.ForeignKey("privacy_requests.request_id"),
        nullable=False,
    ),
    sa.Column("destination", sa.String(64), nullable=False),
    sa.Column("action", sa.String(32), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("code", sa.String(64)),
    sa.Column("instructions", sa.Text),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("updated_at", sa.DateTime, nullable=False),
    sa.Index("ix_erasure_forwards_request", "request_id"),
    sa.Index("ix_erasure_forwards_updated", "updated_at"),
    _one_of("state", FORWARD_STATES),
)

#: Append-only, as consent events are; `workspace.ledger.audit` writes it.
audit_chain = sa.Table(
    "audit_chain",
    metadata,
    sa.Column("position", _ID, primary_key=True, autoincrement=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("actor", sa.String(200), nullable=False),
    sa.Column("action", sa.String(64), nullable=False),
    sa.Column("object", sa.String(200), nullable=False),
    sa.Column("subject_key", sa.String(64), index=True),
    sa.Column("before_hash", sa.String(64)),
    sa.Column("after_hash", sa.String(64)),
    sa.Column("reason", sa.Text),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
)

sending_lease = sa.Table(
    "sending_lease",
    metadata,
    sa.Column("lane", sa.String(64), primary_key=True),
    # Of this ledger and its copies.
    sa.Column("workspace_id", sa.String(32), nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    # Transactions that claimed messages.
    sa.Column("claims", sa.BigInteger, nullable=False, server_default="0"),
    # Taken after the ledger had gone back in time: what the witness saw sent counts.
    sa.Column("is_restored", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("holder", sa.String(200), nullable=False),
    sa.Column("taken_at", sa.DateTime, nullable=False),
)
