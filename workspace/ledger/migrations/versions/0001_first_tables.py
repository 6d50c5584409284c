"""The first tables: runs, consent, suppressions, outbox, audiences, approvals, audit, lease."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "approvals",
        sa.Column(
            "approval_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("subject_hash", sa.String(length=64), nullable=False),
        sa.Column("decision", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("decided_at", sa.DateTime(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "decision in ('approved', 'rejected', 'withdrawn')", name=op.f("ck_approvals_decision")
        ),
        sa.PrimaryKeyConstraint("approval_id", name=op.f("pk_approvals")),
    )
    op.create_index("ix_approvals_subject", "approvals", ["subject", "subject_hash"], unique=False)
    op.create_table(
        "audience_syncs",
        sa.Column(
            "sync_row_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("destination", sa.String(length=64), nullable=False),
        sa.Column("audience", sa.String(length=64), nullable=False),
        sa.Column("identifier_key", sa.String(length=64), nullable=False),
        sa.Column("normaliser_version", sa.String(length=32), nullable=False),
        sa.Column("operation", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("batch_id", sa.String(length=64), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint(
            "operation in ('add', 'remove')", name=op.f("ck_audience_syncs_operation")
        ),
        sa.CheckConstraint(
            "state in ('due', 'sent', 'confirmed', 'failed')", name=op.f("ck_audience_syncs_state")
        ),
        sa.PrimaryKeyConstraint("sync_row_id", name=op.f("pk_audience_syncs")),
        sa.UniqueConstraint(
            "destination",
            "audience",
            "identifier_key",
            name=op.f("uq_audience_syncs_destination_audience_identifier_key"),
        ),
    )
    op.create_table(
        "audit_chain",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("object", sa.String(length=200), nullable=False),
        sa.Column("subject_key", sa.String(length=64), nullable=True),
        sa.Column("before_hash", sa.String(length=64), nullable=True),
        sa.Column("after_hash", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_audit_chain")),
        sa.UniqueConstraint("digest", name=op.f("uq_audit_chain_digest")),
    )
    op.create_index(
        op.f("ix_audit_chain_subject_key"), "audit_chain", ["subject_key"], unique=False
    )
    op.create_table(
        "consent_events",
        sa.Column(
            "consent_event_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("identifier_key", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("brand", sa.String(length=64), server_default="", nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("legal_basis", sa.String(length=32), nullable=True),
        sa.Column("decided_at", sa.DateTime(), nullable=False),
        sa.Column("received_at", sa.DateTime(), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("mechanism", sa.String(length=64), nullable=True),
        sa.Column("text_version", sa.String(length=64), nullable=True),
        sa.Column("text_hash", sa.String(length=64), nullable=True),
        sa.Column("language", sa.String(length=16), nullable=True),
        sa.Column("actor", sa.String(length=200), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("source_event_id", sa.String(length=200), nullable=False),
        sa.CheckConstraint(
            "status in ('granted', 'withdrawn', 'pending')", name=op.f("ck_consent_events_status")
        ),
        sa.PrimaryKeyConstraint("consent_event_id", name=op.f("pk_consent_events")),
        sa.UniqueConstraint("source_event_id", name=op.f("uq_consent_events_source_event_id")),
    )
    op.create_index(
        "ix_consent_events_state",
        "consent_events",
        ["identifier_key", "purpose", "channel", "decided_at"],
        unique=False,
    )
    op.create_table(
        "messages",
        sa.Column("message_id", sa.String(length=64), nullable=False),
        sa.Column("dedup_key", sa.String(length=64), nullable=False),
        sa.Column("contact_id", sa.String(length=64), nullable=False),
        sa.Column("destination_key", sa.String(length=64), nullable=False),
        sa.Column("campaign", sa.String(length=64), nullable=False),
        sa.Column("step", sa.String(length=64), nullable=False),
        sa.Column("occurrence", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.Column("payload", sa.LargeBinary(), nullable=True),
        sa.Column("payload_hash", sa.String(length=64), nullable=True),
        sa.Column("template_version", sa.String(length=64), nullable=True),
        sa.Column(
            "consent_event_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("planned_at", sa.DateTime(), nullable=False),
        sa.Column("scheduled_at", sa.DateTime(), nullable=False),
        sa.Column("not_after", sa.DateTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_epoch", sa.BigInteger(), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint(
            "state in ('planned', 'blocked', 'pending', 'sending', 'accepted', 'failed', 'unknown', 'failed_unknown')",
            name=op.f("ck_messages_state"),
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_messages")),
        sa.UniqueConstraint("dedup_key", name=op.f("uq_messages_dedup_key")),
    )
    op.create_index(
        "ix_messages_destination", "messages", ["destination_key", "channel"], unique=False
    )
    op.create_index("ix_messages_due", "messages", ["state", "scheduled_at"], unique=False)
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("as_of", sa.DateTime(), nullable=False),
        sa.Column("environment", sa.String(length=16), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_runs")),
    )
    op.create_table(
        "sending_lease",
        sa.Column("lane", sa.String(length=64), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.String(length=200), nullable=False),
        sa.Column("taken_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("lane", name=op.f("pk_sending_lease")),
    )
    op.create_table(
        "suppressions",
        sa.Column(
            "suppression_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("identifier_key", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("suppressed_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("suppression_id", name=op.f("pk_suppressions")),
        sa.UniqueConstraint(
            "identifier_key",
            "channel",
            "reason",
            name=op.f("uq_suppressions_identifier_key_channel_reason"),
        ),
    )
    op.create_table(
        "tombstones",
        sa.Column("identifier_key", sa.String(length=64), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("erased_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("identifier_key", name=op.f("pk_tombstones")),
    )
    op.create_table(
        "message_attempts",
        sa.Column(
            "attempt_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("message_id", sa.String(length=64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("lease_epoch", sa.BigInteger(), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        sa.Column("result", sa.String(length=32), nullable=True),
        sa.Column("provider_code", sa.String(length=64), nullable=True),
        sa.Column("provider_message_id", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.message_id"], name=op.f("fk_message_attempts_message_id")
        ),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_message_attempts")),
        sa.UniqueConstraint(
            "message_id", "attempt", name=op.f("uq_message_attempts_message_id_attempt")
        ),
    )
    op.create_table(
        "run_steps",
        sa.Column("step_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("step", sa.String(length=200), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("finished_at", sa.DateTime(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "status in ('succeeded', 'failed', 'skipped')", name=op.f("ck_run_steps_status")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_run_steps_run_id")),
        sa.PrimaryKeyConstraint("step_id", name=op.f("pk_run_steps")),
    )
    op.create_index(op.f("ix_run_steps_run_id"), "run_steps", ["run_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_run_steps_run_id"), table_name="run_steps")
    op.drop_table("run_steps")
    op.drop_table("message_attempts")
    op.drop_table("tombstones")
    op.drop_table("suppressions")
    op.drop_table("sending_lease")
    op.drop_table("runs")
    op.drop_index("ix_messages_due", table_name="messages")
    op.drop_index("ix_messages_destination", table_name="messages")
    op.drop_table("messages")
    op.drop_index("ix_consent_events_state", table_name="consent_events")
    op.drop_table("consent_events")
    op.drop_index(op.f("ix_audit_chain_subject_key"), table_name="audit_chain")
    op.drop_table("audit_chain")
    op.drop_table("audience_syncs")
    op.drop_index("ix_approvals_subject", table_name="approvals")
    op.drop_table("approvals")
