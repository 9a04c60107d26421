"""Officers, patrol contracts, and what phones sent: fixes, tracks, visits, coverage."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_26_patrols"
down_revision = "2026_11_25_dispatch"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "fix",
        sa.Column("device_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lon", sa.Float(), nullable=False),
        sa.Column("lat", sa.Float(), nullable=False),
        sa.Column("accuracy_m", sa.REAL(), nullable=True),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("device_id", "at"),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_table(
        "officer",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("squad_id", sa.Integer(), nullable=True),
        sa.Column("account_id", sa.Integer(), nullable=True),
        sa.Column("certified", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("transport", sa.Text(), server_default="foot", nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.ForeignKeyConstraint(
            ["squad_id"],
            ["squad.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account_id"),
        sa.UniqueConstraint("code"),
    )
    op.create_table(
        "device",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("officer_id", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["officer_id"],
            ["officer.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("device_officer", "device", ["officer_id"], unique=False)
    op.create_index("device_token", "device", ["token_hash"], unique=True)
    op.create_table(
        "officer_absence",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("officer_id", sa.Integer(), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("to_day", sa.Date(), nullable=False),
        sa.Column("stand_in_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.Text(), server_default="leave", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("from_day <= to_day", name="officer_absence_order"),
        sa.CheckConstraint("stand_in_id <> officer_id", name="officer_absence_other"),
        sa.ForeignKeyConstraint(
            ["officer_id"],
            ["officer.id"],
        ),
        sa.ForeignKeyConstraint(
            ["stand_in_id"],
            ["officer.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "officer_absence_officer", "officer_absence", ["officer_id", "from_day"], unique=False
    )
    op.create_table(
        "patrol_contract",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("officer_id", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False),
        sa.Column("closed_from", sa.Date(), nullable=True),
        sa.Column("superseded_by", sa.Integer(), nullable=True),
        sa.Column("promised_days", sa.Integer(), nullable=True),
        sa.Column("visits_per_week", sa.Integer(), nullable=True),
        sa.Column("min_stay_s", sa.Integer(), nullable=True),
        sa.Column("min_length_m", sa.Float(), nullable=True),
        sa.Column("weekdays", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.Column("hours_from", sa.Time(), nullable=False),
        sa.Column("hours_to", sa.Time(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("attachment_id", sa.BigInteger(), nullable=True),
        sa.Column("created_by", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "num_nonnulls(promised_days, visits_per_week) = 1", name="patrol_contract_one_promise"
        ),
        sa.CheckConstraint("valid_from <= valid_to", name="patrol_contract_order"),
        sa.ForeignKeyConstraint(
            ["attachment_id"],
            ["attachment.id"],
        ),
        sa.ForeignKeyConstraint(
            ["officer_id"],
            ["officer.id"],
        ),
        sa.ForeignKeyConstraint(
            ["superseded_by"],
            ["patrol_contract.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code", "version"),
    )
    op.create_index("patrol_contract_officer", "patrol_contract", ["officer_id"], unique=False)
    op.create_table(
        "received_day",
        sa.Column("officer_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("fixes", sa.Integer(), nullable=False),
        sa.Column("dropped_off_duty", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(
            ["officer_id"],
            ["officer.id"],
        ),
        sa.PrimaryKeyConstraint("officer_id", "day"),
    )
    op.create_table(
        "grid_coverage",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("area_id", sa.Integer(), nullable=False),
        sa.Column("contract_id", sa.Integer(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("overlapping", sa.Boolean(), nullable=False),
        sa.Column("out_of_hours", sa.Boolean(), nullable=False),
        sa.Column("outside_area", sa.Boolean(), nullable=False),
        sa.Column("last_visit_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("overdue_days", sa.Integer(), nullable=True),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["area_id"],
            ["area.id"],
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"],
            ["patrol_contract.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("grid_coverage_area", "grid_coverage", ["area_id"], unique=False)
    op.create_table(
        "patrol_contract_duty",
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("duty", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contract_id"],
            ["patrol_contract.id"],
        ),
        sa.PrimaryKeyConstraint("contract_id", "duty"),
    )
    op.create_table(
        "patrol_contract_grid",
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("area_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["area_id"],
            ["area.id"],
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"],
            ["patrol_contract.id"],
        ),
        sa.PrimaryKeyConstraint("contract_id", "area_id"),
    )
    op.create_index("patrol_contract_grid_area", "patrol_contract_grid", ["area_id"], unique=False)
    op.create_table(
        "patrol_contract_member",
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("officer_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contract_id"],
            ["patrol_contract.id"],
        ),
        sa.ForeignKeyConstraint(
            ["officer_id"],
            ["officer.id"],
        ),
        sa.PrimaryKeyConstraint("contract_id", "officer_id"),
    )
    op.create_index(
        "patrol_contract_member_officer", "patrol_contract_member", ["officer_id"], unique=False
    )
    op.create_table(
        "track",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("officer_id", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fixes", sa.Integer(), nullable=False),
        sa.Column("length_m", sa.Float(), nullable=False),
        sa.Column(
            "report", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["device.id"],
        ),
        sa.ForeignKeyConstraint(
            ["officer_id"],
            ["officer.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("track_officer", "track", ["officer_id", "started_at"], unique=False)
    op.create_table(
        "visit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("officer_id", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=True),
        sa.Column("track_id", sa.BigInteger(), nullable=True),
        sa.Column("area_id", sa.Integer(), nullable=False),
        sa.Column("grid_code", sa.Text(), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stay_s", sa.Integer(), nullable=False),
        sa.Column("length_m", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["area_id"],
            ["area.id"],
        ),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["device.id"],
        ),
        sa.ForeignKeyConstraint(
            ["officer_id"],
            ["officer.id"],
        ),
        sa.ForeignKeyConstraint(
            ["track_id"],
            ["track.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("officer_id", "area_id", "entered_at"),
    )
    op.create_index("visit_area", "visit", ["area_id", "entered_at"], unique=False)
    op.create_index("visit_officer", "visit", ["officer_id", "entered_at"], unique=False)


def downgrade() -> None:
    op.drop_index("visit_officer", table_name="visit")
    op.drop_index("visit_area", table_name="visit")
    op.drop_table("visit")
    op.drop_index("track_officer", table_name="track")
    op.drop_table("track")
    op.drop_index("patrol_contract_member_officer", table_name="patrol_contract_member")
    op.drop_table("patrol_contract_member")
    op.drop_index("patrol_contract_grid_area", table_name="patrol_contract_grid")
    op.drop_table("patrol_contract_grid")
    op.drop_table("patrol_contract_duty")
    op.drop_index("grid_coverage_area", table_name="grid_coverage")
    op.drop_table("grid_coverage")
    op.drop_table("received_day")
    op.drop_index("patrol_contract_officer", table_name="patrol_contract")
    op.drop_table("patrol_contract")
    op.drop_index("officer_absence_officer", table_name="officer_absence")
    op.drop_table("officer_absence")
    op.drop_index("device_token", table_name="device")
    op.drop_index("device_officer", table_name="device")
    op.drop_table("device")
    op.drop_table("officer")
    op.drop_table("fix")
