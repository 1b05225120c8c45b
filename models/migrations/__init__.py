"""The history of the schema, as Alembic revisions inside the package."""
