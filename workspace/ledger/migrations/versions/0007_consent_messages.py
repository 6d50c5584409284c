"""Messages may also ask for the confirmation of a request for consent."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_BEFORE = "source_kind in ('campaign', 'journey')"
_AFTER = "source_kind in ('campaign', 'journey', 'consent')"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f("ck_messages_source_kind"), "messages", type_="check")
        op.create_check_constraint(op.f("ck_messages_source_kind"), "messages", _AFTER)
        return
    # SQLite cannot change a check, and rows of other tables refer to this one, which therefore
    # cannot be made anew. Its own documentation (lang_altertable, 7) gives this way for checks.
    connection = op.get_bind()
    version = connection.execute(sa.text("pragma schema_version")).scalar()
    connection.execute(sa.text("pragma writable_schema = on"))
    changed = connection.execute(
        sa.text(
            "update sqlite_master set sql = replace(sql, :before, :after) "
            "where type = 'table' and name = 'messages' and instr(sql, :before) > 0"
        ),
        {"before": _BEFORE, "after": _AFTER},
    ).rowcount
    assert changed == 1, "the table messages is not the one that was made"
    connection.execute(sa.text(f"pragma schema_version = {version + 1}"))
    connection.execute(sa.text("pragma writable_schema = off"))
