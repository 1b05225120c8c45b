"""Alembic's entry: runs the migrations on the connection the program hands over."""

from alembic import context

from models.tables import VIEWS, Base

connection = context.config.attributes["connection"]


def _ours(_object: object, name: str | None, type_: str, _reflected: bool, _compare_to: object) -> bool:  # noqa: FBT001 - Alembic's signature
    return not (type_ == "table" and name in VIEWS)


context.configure(
    connection=connection, target_metadata=Base.metadata, render_as_batch=True, compare_type=True, include_object=_ours
)
with context.begin_transaction():
    context.run_migrations()
