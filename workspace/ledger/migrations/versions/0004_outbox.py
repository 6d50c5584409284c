"""Messages can be claimed, retried and settled; what is sent stands in a table of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    with op.batch_alter_table("messages") as batch:
        batch.add_column(sa.Column("country", sa.String(length=2), nullable=True))
        batch.add_column(sa.Column("time_zone", sa.String(length=64), nullable=True))
        batch.add_column(sa.Column("aliases", sa.Text(), nullable=True))
        batch.add_column(
            sa.Column("is_test", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch.add_column(sa.Column("ramp_step", sa.Integer(), nullable=True))
        batch.add_column(
            sa.Column("consent_seen", sa.BigInteger(), server_default="0", nullable=False)
        )
        batch.add_column(
            sa.Column("is_pinned", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch.add_column(sa.Column("rung", sa.Integer(), server_default="0", nullable=False))
        batch.add_column(sa.Column("due_at", sa.DateTime(), nullable=True))
        batch.drop_index("ix_messages_due")
    # What was queued before this version has no address with it: it cannot be sent, and says so.
    op.execute("update messages set due_at = scheduled_at")
    op.execute(
        "update messages set state = 'failed', reason = 'queued_without_address' "
        "where state in ('planned', 'pending')"
    )
    with op.batch_alter_table("messages") as batch:
        batch.alter_column("due_at", existing_type=sa.DateTime(), nullable=False)
        batch.drop_column("payload")
        batch.create_index("ix_messages_due", ["state", "channel", "due_at"], unique=False)
        batch.create_index(
            "ix_messages_source", ["source_key", "occurrence", "ramp_step"], unique=False
        )
    op.create_table(
        "message_payloads",
        sa.Column("message_id", sa.String(length=64), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("inputs", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["messages.message_id"],
            name=op.f("fk_message_payloads_message_id_messages"),
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_message_payloads")),
    )
    op.add_column("message_attempts", sa.Column("call", sa.String(length=32), nullable=True))
    op.add_column("message_attempts", sa.Column("answer_ms", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_message_attempts_provider_message",
        "message_attempts",
        ["provider", "provider_message_id"],
        unique=False,
    )
    op.create_index("ix_message_attempts_started", "message_attempts", ["started_at"], unique=False)
    op.create_table(
        "provider_pauses",
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("paused_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("provider", name=op.f("pk_provider_pauses")),
    )
    op.create_table(
        "cursors",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_cursors")),
    )
    # Nothing was ever sent under the lease's first shape.
    op.drop_table("sending_lease")
    op.create_table(
        "sending_lease",
        sa.Column("lane", sa.String(length=64), nullable=False),
        sa.Column("workspace_id", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("claims", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("is_restored", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("holder", sa.String(length=200), nullable=False),
        sa.Column("taken_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("lane", name=op.f("pk_sending_lease")),
    )
