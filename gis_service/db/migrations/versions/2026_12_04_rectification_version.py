"""Rectifications count their changes, so that nobody's is overwritten unseen."""

import sqlalchemy as sa
from alembic import op

revision = "2026_12_04_rectification_version"
down_revision = "2026_12_03_planning_samples"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "rectification", sa.Column("version", sa.Integer(), nullable=False, server_default="1")
    )


def downgrade() -> None:
    op.drop_column("rectification", "version")
