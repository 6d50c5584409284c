"""What makes a table of the ledger refuse changes in the database itself."""

from __future__ import annotations


def triggers(dialect: str, table: str, refusal: str) -> list[str]:
    """The statements that make ``table`` refuse updates and deletes with the words ``refusal``.

    On SQLite a batch operation that remakes the table drops them: it must run these again.
    """
    if dialect == "sqlite":
        return [
            f"create trigger {table}_no_{verb} before {verb} on {table} "
            f"begin select raise(abort, '{refusal}'); end"
            for verb in ("update", "delete")
        ]
    return [
        f"create function {table}_refuse() returns trigger language plpgsql as "
        f"$$ begin raise exception '{refusal}' using errcode = 'integrity_constraint_violation'; "
        "end $$",
        f"create trigger {table}_no_change before update or delete or truncate on {table} "
        f"for each statement execute function {table}_refuse()",
    ]
