"""What officers keep off duty, what was sent on leave, and which days wait for their visits."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26_tracks"
down_revision = "2026_11_26_patrols"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "device",
        sa.Column("keep_off_duty", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.add_column(
        "received_day",
        sa.Column("on_leave", sa.Integer(), server_default=sa.text("0"), nullable=False),
    )
    op.add_column(
        "received_day",
        sa.Column("pending", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.create_index(
        "received_day_pending",
        "received_day",
        ["officer_id", "day"],
        unique=False,
        postgresql_where=sa.text("pending"),
    )


def downgrade() -> None:
    op.drop_index("received_day_pending", table_name="received_day")
    op.drop_column("received_day", "pending")
    op.drop_column("received_day", "on_leave")
    op.drop_column("device", "keep_off_duty")
