"""What people ask of their data, how far it is done, and who else has to be told."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

REQUESTS, STEPS, FORWARDS = "privacy_requests", "privacy_steps", "erasure_forwards"


def upgrade() -> None:
    op.create_table(
        REQUESTS,
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject_key", sa.String(length=64), nullable=False),
        sa.Column("batch_id", sa.String(length=64), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("requested_at", sa.DateTime(), nullable=False),
        sa.Column("due_at", sa.DateTime(), nullable=False),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("proof_hash", sa.String(length=64), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint(
            "kind in ('export', 'erase', 'rectify', 'object')",
            name=op.f("ck_privacy_requests_kind"),
        ),
        sa.CheckConstraint(
            "state in ('open', 'working', 'done', 'refused')",
            name=op.f("ck_privacy_requests_state"),
        ),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_privacy_requests")),
    )
    op.create_index("ix_privacy_requests_subject", REQUESTS, ["subject_key", "kind"])
    op.create_index("ix_privacy_requests_batch", REQUESTS, ["batch_id"])
    op.create_index("ix_privacy_requests_updated", REQUESTS, ["updated_at"])
    op.create_table(
        STEPS,
        sa.Column("batch_id", sa.String(length=64), nullable=False),
        sa.Column("step", sa.String(length=32), nullable=False),
        sa.Column("counts", sa.Text(), nullable=True),
        sa.Column("finished_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "step", name=op.f("pk_privacy_steps")),
    )
    op.create_table(
        FORWARDS,
        sa.Column("forward_id", sa.String(length=64), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("destination", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("code", sa.String(length=64), nullable=True),
        sa.Column("instructions", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint(
            "state in ('due', 'sent', 'confirmed', 'failed', 'task', 'not_held')",
            name=op.f("ck_erasure_forwards_state"),
        ),
        sa.ForeignKeyConstraint(
            ["request_id"],
            [f"{REQUESTS}.request_id"],
            name=op.f("fk_erasure_forwards_request_id"),
        ),
        sa.PrimaryKeyConstraint("forward_id", name=op.f("pk_erasure_forwards")),
    )
    op.create_index("ix_erasure_forwards_request", FORWARDS, ["request_id"])
    op.create_index("ix_erasure_forwards_updated", FORWARDS, ["updated_at"])
