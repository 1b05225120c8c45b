"""What comes before an update of the schema: a backup of a SQLite file that has data, beside it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, func, inspect, select, table

from models import backups
from models.backups import Backup, BackupError

_OWN: Final = frozenset(("alembic_version", "installation"))  # what an empty database has rows in


class Watch:
    """Is called while a schema is updated; a subclass shows or logs it."""

    def copying(self, done: int, every: int) -> None:
        """See how many pages of all the backup has."""

    def backed_up(self, backup: Backup) -> None:
        """See that the backup is written."""

    def updating(self, to: str) -> None:
        """See that the tables are changed from now on."""


def back_up(connection: Connection, to: str, watch: Watch) -> Backup | None:
    """Write a backup of the file that a connection is about to update; None where the file has no data yet.

    The connection holds the write lock, so the backup has what the update begins with. Raises BackupError, so that
    nothing is updated, where no backup can be written.
    """
    file = connection.engine.url.database
    if connection.dialect.name != "sqlite" or not file or file == ":memory:" or not has_data(connection):
        return None
    try:
        backup = _write(Path(file), to, watch)
    except BackupError as error:
        raise BackupError(f"the schema was not updated to {to}, because {error}") from error
    watch.backed_up(backup)
    return backup


@contextlib.contextmanager
def withdrawn_on_error(backup: Backup | None) -> Iterator[None]:
    """Delete a backup if the update fails: nothing has changed, and each further try would add a copy."""
    try:
        yield
    except BaseException:
        if backup is not None:
            backup.file.unlink(missing_ok=True)
        raise


def has_data(connection: Connection) -> bool:
    """Return whether a table has a row that Flowbeat or a person has stored."""
    names = set(inspect(connection).get_table_names()) - _OWN
    return any(connection.execute(select(func.count()).select_from(table(name))).scalar() for name in sorted(names))


def _write(source: Path, to: str, watch: Watch) -> Backup:
    """Write it under the first name that is free, and only once where a killed update has written the same."""
    earlier = [path for path in _names(source, to) if path.exists()]
    target = _names(source, to, len(earlier) + 1)[-1]
    backup = backups.write(source, target, watch.copying)
    twin = next((path for path in earlier if backups.same(path, target)), None)
    if twin is None:
        return backup
    target.unlink()
    return Backup(twin, backup.size_bytes, backup.rows)


def _names(source: Path, to: str, most: int = 100) -> list[Path]:
    first = source.with_name(f"{source.name}.before-{to}")
    return [first, *(first.with_name(f"{first.name}-{number}") for number in range(2, most + 1))][:most]
