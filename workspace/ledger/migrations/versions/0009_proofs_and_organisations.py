"""Organisations may refuse; a message carries what the consent it rests on was."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

EVENTS = "consent_events"
REFUSAL = "consent events are append-only"
CHECKS = {
    "ck_consent_events_identifier_type": "identifier_type in ('email', 'phone', 'user_id', "
    "'anonymous_id', 'crm_contact', 'external_id', 'crm_company', 'domain')",
    "ck_consent_events_state": "state in ('granted', 'pending', 'withdrawn', 'objection', "
    "'lifted')",
}


def upgrade() -> None:
    with op.batch_alter_table("messages") as batch:
        batch.add_column(sa.Column("consent_decided_at", sa.DateTime(), nullable=True))
        batch.add_column(sa.Column("consent_legal_basis", sa.String(length=32), nullable=True))
        batch.add_column(sa.Column("consent_text_hash", sa.String(length=64), nullable=True))
        batch.add_column(sa.Column("consent_policy_version", sa.String(length=64), nullable=True))
    with op.batch_alter_table(EVENTS) as batch:
        for name, condition in CHECKS.items():
            batch.drop_constraint(op.f(name), type_="check")
            batch.create_check_constraint(op.f(name), condition)
    if op.get_bind().dialect.name == "sqlite":
        # The table was remade, and its triggers went with the old one.
        for verb in ("update", "delete"):
            op.execute(
                f"create trigger {EVENTS}_no_{verb} before {verb} on {EVENTS} "
                f"begin select raise(abort, '{REFUSAL}'); end"
            )
