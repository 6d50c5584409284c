"""Messages know their source, class and proof of consent; what is paused is recorded."""

import sqlalchemy as sa
from alembic import op

from workspace.ledger.append_only import triggers

revision = "0003"
down_revision = "0002"

PAUSES = "pauses"
REFUSAL = "pauses are append-only"


def upgrade() -> None:
    rows = op.get_bind().execute(sa.text("select count(*) from messages")).scalar()
    if rows:
        raise RuntimeError(f"messages holds {rows} rows of its first shape; move them by hand")
    with op.batch_alter_table("messages") as batch:
        batch.drop_column("campaign")
        batch.drop_column("consent_event_id")
        batch.add_column(sa.Column("source_kind", sa.String(length=16), nullable=False))
        batch.add_column(sa.Column("source_key", sa.String(length=64), nullable=False))
        batch.add_column(sa.Column("message_class", sa.String(length=64), nullable=False))
        batch.add_column(sa.Column("purpose", sa.String(length=64), nullable=False))
        batch.add_column(sa.Column("priority", sa.Integer(), server_default="0", nullable=False))
        batch.add_column(sa.Column("template", sa.String(length=64), nullable=True))
        batch.add_column(sa.Column("consent_evidence_id", sa.String(length=64), nullable=True))
        batch.add_column(sa.Column("approval", sa.String(length=64), nullable=True))
        batch.add_column(sa.Column("sent_at", sa.DateTime(), nullable=True))
        batch.create_check_constraint(
            op.f("ck_messages_source_kind"), "source_kind in ('campaign', 'journey')"
        )
        batch.create_index("ix_messages_contact", ["contact_id", "channel"], unique=False)
        batch.create_index("ix_messages_updated", ["updated_at"], unique=False)
    op.create_table(
        PAUSES,
        sa.Column("pause_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("source_key", sa.String(length=64), nullable=False),
        sa.Column("event", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.CheckConstraint(
            "scope in ('all', 'campaign', 'journey')", name=op.f("ck_pauses_scope")
        ),
        sa.CheckConstraint("event in ('pause', 'resume', 'stop')", name=op.f("ck_pauses_event")),
        sa.PrimaryKeyConstraint("pause_id", name=op.f("pk_pauses")),
    )
    op.create_index("ix_pauses_scope", PAUSES, ["scope", "source_key"], unique=False)
    for statement in triggers(op.get_bind().dialect.name, PAUSES, REFUSAL):
        op.execute(statement)
