"""What cases say is found by an index, in words of any length."""

from alembic import op

revision = "2026_12_02_words"
down_revision = "2026_11_30_dropped_moments"
branch_labels = None
depends_on = None

# an index needs its function, so it is made here and not with the others
_FUNCTION = """
    CREATE FUNCTION incident_words(address text, description text, class_name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT 'x' || array_to_string(string_to_array(
            lower(concat_ws(E'\\n', address, description, class_name)), NULL), 'x') || 'x'
    $$
"""


def upgrade() -> None:
    op.execute(_FUNCTION)
    op.execute(
        "CREATE INDEX incident_words ON incident "
        "USING gin (incident_words(address, description, class_name) gin_trgm_ops)"
    )
    op.execute("CREATE INDEX incident_code ON incident (code text_pattern_ops)")


def downgrade() -> None:
    op.execute("DROP INDEX incident_words")
    op.execute("DROP INDEX incident_code")
    op.execute("DROP FUNCTION incident_words(text, text, text)")
