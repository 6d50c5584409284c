"""The audit chain is written once and never changed."""

from alembic import op

revision = "0006"
down_revision = "0005"

TABLE = "audit_chain"
REFUSAL = "the audit chain is append-only"


def upgrade() -> None:
    for statement in _triggers(op.get_bind().dialect.name):
        op.execute(statement)


def _triggers(dialect: str) -> list[str]:
    """A batch operation that remakes the table on SQLite must make these again."""
    if dialect == "sqlite":
        return [
            f"create trigger {TABLE}_no_{verb} before {verb} on {TABLE} "
            f"begin select raise(abort, '{REFUSAL}'); end"
            for verb in ("update", "delete")
        ]
    return [
        f"create function {TABLE}_refuse() returns trigger language plpgsql as "
        f"$$ begin raise exception '{REFUSAL}' using errcode = 'integrity_constraint_violation'; "
        "end $$",
        f"create trigger {TABLE}_no_change before update or delete or truncate on {TABLE} "
        f"for each statement execute function {TABLE}_refuse()",
    ]
