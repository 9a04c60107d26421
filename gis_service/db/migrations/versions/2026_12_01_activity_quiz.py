"""What a quiz at an activity showed, and the survey round that was asked there."""

import sqlalchemy as sa
from alembic import op

revision = "2026_12_01_activity_quiz"
down_revision = "2026_11_30_dropped_moments"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("activity", sa.Column("quizzed", sa.Integer()))
    op.add_column("activity", sa.Column("passed", sa.Integer()))
    op.add_column("activity", sa.Column("round_id", sa.Integer()))
    op.create_foreign_key(
        "activity_round_id_fkey", "activity", "survey_round", ["round_id"], ["id"]
    )
    op.create_check_constraint(
        "activity_passed",
        "activity",
        "passed IS NULL OR (quizzed IS NOT NULL AND passed <= quizzed)",
    )


def downgrade() -> None:
    op.drop_constraint("activity_passed", "activity")
    op.drop_column("activity", "round_id")
    op.drop_column("activity", "passed")
    op.drop_column("activity", "quizzed")
