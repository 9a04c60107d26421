"""Alembic's entry: runs on the connection that ``gis_service.db.migrate`` hands over."""

from alembic import context
from geoalchemy2 import alembic_helpers

from gis_service.db.migrate import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata(),
    include_object=alembic_helpers.include_object,
    render_item=alembic_helpers.render_item,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
