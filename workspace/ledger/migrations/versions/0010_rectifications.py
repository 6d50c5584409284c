"""The CRM is told what a person had corrected."""

from alembic import op

revision = "0010"
down_revision = "0009"

CHECK = "ck_crm_actions_source_kind"


def upgrade() -> None:
    with op.batch_alter_table("crm_actions") as batch:
        batch.drop_constraint(op.f(CHECK), type_="check")
        batch.create_check_constraint(
            op.f(CHECK), "source_kind in ('journey', 'campaign', 'route', 'rectification')"
        )
