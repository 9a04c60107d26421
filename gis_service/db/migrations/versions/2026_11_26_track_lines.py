"""The cleaned line of a track, with the seconds since 1970 as measure of every vertex."""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry

revision = "2026_11_26_track_lines"
down_revision = "2026_11_26_tracks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "track",
        sa.Column("mercator", Geometry("LINESTRINGM", 3857, dimension=3, spatial_index=False)),
    )
    op.create_index("track_mercator", "track", ["mercator"], postgresql_using="gist")


def downgrade() -> None:
    op.drop_index("track_mercator", table_name="track")
    op.drop_column("track", "mercator")
