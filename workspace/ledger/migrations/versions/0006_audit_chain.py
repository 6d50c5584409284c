"""The audit chain is written once and never changed."""

from alembic import op

from workspace.ledger.append_only import triggers

revision = "0006"
down_revision = "0005"

TABLE = "audit_chain"
REFUSAL = "the audit chain is append-only"


def upgrade() -> None:
    for statement in triggers(op.get_bind().dialect.name, TABLE, REFUSAL):
        op.execute(statement)
