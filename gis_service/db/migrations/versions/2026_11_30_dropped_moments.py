"""When fixes were dropped off duty, so that the same batch sent again is not counted again."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_30_dropped_moments"
down_revision = "2026_11_27_frontages"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dropped_moment",
        sa.Column("device_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("device_id", "at"),
    )


def downgrade() -> None:
    op.drop_table("dropped_moment")
