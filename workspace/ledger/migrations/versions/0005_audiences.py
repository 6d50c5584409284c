"""Audiences know what was sent for each member; their runs and the CRM's actions are recorded."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

SYNCS, RUNS, ACTIONS = "audience_syncs", "audience_runs", "crm_actions"
COUNTERS = ("queried", "added", "changed", "removed", "unchanged", "invalid")


def upgrade() -> None:
    rows = op.get_bind().execute(sa.text(f"select count(*) from {SYNCS}")).scalar()
    if rows:
        raise RuntimeError(f"{SYNCS} holds {rows} rows of its first shape; move them by hand")
    op.drop_table(SYNCS)
    op.create_table(
        SYNCS,
        sa.Column(
            "sync_row_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("destination", sa.String(length=64), nullable=False),
        sa.Column("audience", sa.String(length=64), nullable=False),
        sa.Column("contact_id", sa.String(length=64), nullable=False),
        sa.Column("list_id", sa.String(length=200), nullable=True),
        sa.Column("operation", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("payload_hash", sa.String(length=64), nullable=False),
        sa.Column("identifiers", sa.Text(), nullable=True),
        sa.Column("former", sa.Text(), nullable=True),
        sa.Column("remote_id", sa.String(length=64), nullable=True),
        sa.Column("normaliser_version", sa.String(length=32), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("code", sa.String(length=64), nullable=True),
        sa.Column("message", sa.String(length=200), nullable=True),
        sa.Column("batch_id", sa.String(length=200), nullable=True),
        sa.Column("joined_at", sa.DateTime(), nullable=True),
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
            "contact_id",
            name=op.f("uq_audience_syncs_destination_audience_contact_id"),
        ),
    )
    op.create_index("ix_audience_syncs_updated", SYNCS, ["updated_at"], unique=False)
    op.create_table(
        RUNS,
        sa.Column("sync_id", sa.String(length=64), nullable=False),
        sa.Column("destination", sa.String(length=64), nullable=False),
        sa.Column("audience", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=True),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in COUNTERS),
        sa.Column("delivered", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("as_of", sa.DateTime(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("finished_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint(
            "status in ('done', 'planned', 'held', 'paused')",
            name=op.f("ck_audience_runs_status"),
        ),
        sa.PrimaryKeyConstraint("sync_id", name=op.f("pk_audience_runs")),
    )
    op.create_index("ix_audience_runs_finished", RUNS, ["finished_at"], unique=False)
    op.create_table(
        ACTIONS,
        sa.Column("action_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("source_kind", sa.String(length=16), nullable=False),
        sa.Column("source_key", sa.String(length=64), nullable=False),
        sa.Column("contact_id", sa.String(length=64), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("remote_id", sa.String(length=64), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("code", sa.String(length=64), nullable=True),
        sa.Column("message", sa.String(length=200), nullable=True),
        sa.Column("requested_at", sa.DateTime(), nullable=False),
        sa.Column("tried_at", sa.DateTime(), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint(
            "kind in ('task', 'ticket', 'update')", name=op.f("ck_crm_actions_kind")
        ),
        sa.CheckConstraint(
            "source_kind in ('journey', 'campaign', 'route')",
            name=op.f("ck_crm_actions_source_kind"),
        ),
        sa.CheckConstraint(
            "state in ('due', 'sending', 'delivered', 'failed', 'unknown')",
            name=op.f("ck_crm_actions_state"),
        ),
        sa.PrimaryKeyConstraint("action_id", name=op.f("pk_crm_actions")),
    )
    op.create_index("ix_crm_actions_updated", ACTIONS, ["updated_at"], unique=False)
    op.create_index("ix_crm_actions_contact", ACTIONS, ["contact_id", "source_key"], unique=False)
