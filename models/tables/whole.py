"""All tables in one metadata, for migrations and documents: a command maps only the tables that it reads."""

from importlib import import_module
from pathlib import Path
from typing import Final

from sqlalchemy import MetaData

from models.tables.base import Base


def _whole() -> MetaData:
    """Import all modules of this package, and make the partial indexes partial on PostgreSQL too.

    Not where they are declared: an option of PostgreSQL makes SQLAlchemy import that dialect, for SQLite as well.
    """
    for module in Path(__file__).parent.glob("[a-z]*.py"):
        if module.stem != "whole":
            import_module(f"models.tables.{module.stem}")
    for index in (index for table in Base.metadata.sorted_tables for index in table.indexes):
        index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]
    return Base.metadata


METADATA: Final = _whole()
