"""Frontage contracts and their inspections."""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.dialects.postgresql import ARRAY

revision = "2026_11_27_frontages"
down_revision = "2026_11_27_progress"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "frontage_contract",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("shop", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.Column("community_id", sa.Integer(), nullable=True),
        sa.Column("position", Geometry("POINT", srid=4326, spatial_index=False), nullable=False),
        sa.Column("geom", Geometry("GEOMETRY", srid=4326, spatial_index=False), nullable=False),
        sa.Column("measured", sa.Text(), nullable=False),
        sa.Column("length_m", sa.Float(), nullable=False),
        sa.Column("items", ARRAY(sa.Text()), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("attachment_id", sa.Integer(), nullable=True),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("updated_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("valid_from <= valid_to", name="frontage_contract_order"),
        sa.CheckConstraint("length_m > 0", name="frontage_contract_length"),
        sa.ForeignKeyConstraint(["community_id"], ["area.id"]),
        sa.ForeignKeyConstraint(["attachment_id"], ["attachment.id"]),
        sa.ForeignKeyConstraint(["person_id"], ["community_person.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )
    op.create_index("frontage_contract_community", "frontage_contract", ["community_id"])
    op.create_index(
        "frontage_contract_geom", "frontage_contract", ["geom"], postgresql_using="gist"
    )
    op.create_table(
        "frontage_inspection",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("inspected_on", sa.Date(), nullable=False),
        sa.Column("inspector", sa.Text(), nullable=False),
        sa.Column("failed", ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("rectify_by", sa.Date(), nullable=True),
        sa.Column("rectified_on", sa.Date(), nullable=True),
        sa.Column("attachment_id", sa.Integer(), nullable=True),
        sa.Column("rectified_attachment_id", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "(failed = '{}') = (rectify_by IS NULL)", name="frontage_inspection_deadline"
        ),
        sa.ForeignKeyConstraint(["contract_id"], ["frontage_contract.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["attachment_id"], ["attachment.id"]),
        sa.ForeignKeyConstraint(["rectified_attachment_id"], ["attachment.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "frontage_inspection_contract", "frontage_inspection", ["contract_id", "inspected_on"]
    )


def downgrade() -> None:
    op.drop_table("frontage_inspection")
    op.drop_table("frontage_contract")
