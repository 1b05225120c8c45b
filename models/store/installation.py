"""The id of this database: it distinguishes a worker of another database on the same Redis."""

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from models.tables.installation import InstallationRow


def load_id(session: Session) -> str | None:
    """Return the id that the first migration gave this database; None where it has none of Flowbeat's schemas yet."""
    if not inspect(session.connection()).has_table(InstallationRow.__tablename__):
        return None
    return session.scalar(select(InstallationRow.installation_id))
