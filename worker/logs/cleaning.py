"""Clean-up: what is too old, too many or too much is deleted, old live files are rolled."""

from datetime import datetime, timedelta
from pathlib import Path

from worker.logs.folder import LIVE, MAX_AGE, delete_stale, locked_folder, make_room
from worker.logs.live_file import LiveFile


def clean(log_dir: str | Path, now: datetime, keep: timedelta = MAX_AGE) -> tuple[str, ...]:
    """Delete what is too old, too many or too much, roll live files that began ``keep`` ago; the deleted paths.

    Archives last modified longer than ``keep`` before ``now`` (aware) go, then those beyond the fifth, then the oldest
    while the folder would pass 100,000,000 bytes. Raises ``OSError`` when the folder cannot be written.
    """
    folder = Path(log_dir)
    for name in LIVE:
        if (folder / name).is_file():
            LiveFile(folder / name).roll_if_older(now - keep)
    with locked_folder(folder):
        return (*delete_stale(folder, now - keep), *make_room(folder, 0))
