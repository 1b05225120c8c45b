"""Updates the database's schema for a command: shows what takes long, and says where the backup is."""

import logging

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from console.shared.output import progress_console
from models.backups import Backup
from models.database import migrate
from models.upgrades import Watch
from models.wording import format_count
from worker import runtime
from worker.database import Stored
from worker.logs import FilesHandler

log = logging.getLogger(__name__)


def update(current: Stored) -> tuple[str | None, str]:
    """Bring the schema to the newest revision; return (revision before, revision now)."""
    watch = _Watch(current)
    try:
        return migrate(current.engine, watch)
    finally:
        watch.stop()


class _Watch(Watch):
    """Shows a bar on a terminal from the first step on; an update that has nothing to do shows nothing."""

    def __init__(self, current: Stored) -> None:
        self._current = current
        self._console = progress_console()
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=28), TimeElapsedColumn())
        self._progress = Progress(*columns, console=self._console, disable=not self._console.is_terminal)
        self._task: TaskID | None = None

    def stop(self) -> None:
        """Leave the bar as it is."""
        self._progress.stop()

    def copying(self, done: int, every: int) -> None:
        """Show how much of the backup is written."""
        self._show("backup before the update", done, every)

    def backed_up(self, backup: Backup) -> None:
        """Print and log where the backup is."""
        if not any(isinstance(handler, FilesHandler) for handler in logging.getLogger().handlers):
            runtime.configure_logs(self._current.settings, console=False)
        rows = sum(backup.rows.values())
        log.info("backup written before a schema update", extra={"file": str(backup.file), "rows": rows})
        self._console.print(
            f"The database before the update is kept as {backup.file} ({format_count(rows, 'row')}).",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )

    def updating(self, to: str) -> None:
        """Show that the tables are changed; how long that takes is not known before."""
        self._task = None
        self._show(f"update to revision {to}", 0, None)

    def _show(self, description: str, done: int, every: int | None) -> None:
        if self._task is None:
            self._progress.start()
            self._task = self._progress.add_task(description, total=every)
        self._progress.update(self._task, completed=done)
