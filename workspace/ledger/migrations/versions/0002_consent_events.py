"""Consent events as evidence: whose statement, what state, both clocks; never changed again."""

import sqlalchemy as sa
from alembic import op

from workspace.ledger.append_only import triggers

revision = "0002"
down_revision = "0001"

TABLE = "consent_events"
REFUSAL = "consent events are append-only"


def upgrade() -> None:
    rows = op.get_bind().execute(sa.text(f"select count(*) from {TABLE}")).scalar()
    if rows:
        raise RuntimeError(f"{TABLE} holds {rows} rows of its first shape; move them by hand")
    op.drop_index("ix_consent_events_state", table_name=TABLE)
    op.drop_table(TABLE)
    op.create_table(
        TABLE,
        sa.Column(
            "consent_event_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("identifier_type", sa.String(length=16), nullable=False),
        sa.Column("identifier_key", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("brand", sa.String(length=64), server_default="", nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("source_class", sa.String(length=16), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("mechanism", sa.String(length=64), nullable=True),
        sa.Column("legal_basis", sa.String(length=32), nullable=True),
        sa.Column("text_version", sa.String(length=64), nullable=True),
        sa.Column("text_hash", sa.String(length=64), nullable=True),
        sa.Column("language", sa.String(length=16), nullable=True),
        sa.Column("actor", sa.String(length=200), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(), nullable=False),
        sa.Column("known_at", sa.DateTime(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint(
            "identifier_type in ('email', 'phone', 'user_id', 'anonymous_id', 'crm_contact', "
            "'external_id')",
            name=op.f("ck_consent_events_identifier_type"),
        ),
        sa.CheckConstraint(
            "state in ('granted', 'pending', 'withdrawn', 'objection')",
            name=op.f("ck_consent_events_state"),
        ),
        sa.CheckConstraint(
            "source_class in ('form', 'preference_page', 'one_click', 'manual', 'crm', "
            "'provider', 'import')",
            name=op.f("ck_consent_events_source_class"),
        ),
        sa.PrimaryKeyConstraint("consent_event_id", name=op.f("pk_consent_events")),
        sa.UniqueConstraint("event_id", name=op.f("uq_consent_events_event_id")),
    )
    op.create_index(
        "ix_consent_events_fold",
        TABLE,
        ["identifier_key", "purpose", "channel", "occurred_at"],
        unique=False,
    )
    for statement in triggers(op.get_bind().dialect.name, TABLE, REFUSAL):
        op.execute(statement)
