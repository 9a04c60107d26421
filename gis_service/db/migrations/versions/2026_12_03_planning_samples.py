"""Own indicators with period, sample sizes and a minimum; experience notes that were changed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "2026_12_03_planning_samples"
down_revision = "2026_12_01_activity_quiz"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "planning_indicator", sa.Column("least", sa.Integer(), nullable=False, server_default="1")
    )
    op.add_column("planning_indicator", sa.Column("first_day", sa.Date()))
    op.add_column("planning_indicator", sa.Column("last_day", sa.Date()))
    op.add_column("planning_value", sa.Column("sample", sa.Float()))
    op.add_column("experience_note", sa.Column("proposed", JSONB()))
    op.add_column("experience_note", sa.Column("changed_by", sa.Text()))
    op.add_column("experience_note", sa.Column("changed_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    for name in ("changed_at", "changed_by", "proposed"):
        op.drop_column("experience_note", name)
    op.drop_column("planning_value", "sample")
    for name in ("last_day", "first_day", "least"):
        op.drop_column("planning_indicator", name)
