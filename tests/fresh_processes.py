"""Fresh processes that share nothing with the test: forks of one that has only imported what all of them need."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import Final

IMPORTED: Final = (
    *("alembic.autogenerate", "alembic.command", "alembic.ddl.postgresql", "alembic.ddl.sqlite"),
    *("models.store.runs", "sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.dialects.sqlite"),
)


def pool(number: int) -> ProcessPoolExecutor:
    """Return a pool of that many processes."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(IMPORTED))
    return ProcessPoolExecutor(number, context)
