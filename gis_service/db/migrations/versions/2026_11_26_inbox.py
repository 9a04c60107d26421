"""Indexes of the inbox."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26_inbox"
down_revision = "2026_11_26_watches"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("incident_street", "incident", ["street_id", "reported_at", "id"])
    op.create_index("incident_class_reported", "incident", ["class_id", "reported_at", "id"])
    op.create_index(
        "incident_open",
        "incident",
        ["reported_at", "id"],
        postgresql_where=sa.text(
            "state <> ALL ('{closed,not_accepted,merged,transferred,cancelled}'::text[])"
        ),
    )


def downgrade() -> None:
    for name in ("incident_street", "incident_class_reported", "incident_open"):
        op.drop_index(name, "incident")
