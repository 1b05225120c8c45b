"""Alembic's entry: runs the migrations on the connection the program hands over."""

from alembic import context

from models.tables.whole import METADATA
from models.views import create_views, release_views

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=METADATA, render_as_batch=True, compare_type=True)
with context.begin_transaction():
    release_views(connection)
    context.run_migrations()
    create_views(connection)
