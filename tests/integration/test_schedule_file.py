"""Beat's schedule file: a damaged one is moved aside and written again; one that cannot be written stops nothing."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from celery import Celery

from scheduler.persistent import Scheduler

ENTRY = {"requeue stalled": {"task": "tasks.maintain.requeue_stalled", "schedule": timedelta(seconds=15)}}


def begin(folder: Path) -> Scheduler:
    """Return a scheduler like that of Beat, with its file in the folder."""
    app = Celery("test", broker="memory://")
    app.conf.update(beat_schedule=ENTRY, result_expires=None)
    return Scheduler(app=app, schedule_filename=str(folder / "celerybeat-schedule"))


def run_counts(folder: Path) -> dict[str, int]:
    """Return how often each entry was sent, as the file says; this closes the file that `begin` has opened."""
    scheduler = begin(folder)
    counts = {name: entry.total_run_count for name, entry in scheduler.schedule.items()}
    scheduler.close()
    return counts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the file of a scheduler that has sent its entry once."""
    scheduler = begin(tmp_path)
    scheduler.reserve(scheduler.schedule["requeue stalled"])
    scheduler.close()
    assert run_counts(tmp_path) == {"requeue stalled": 1}
    return tmp_path


def data(folder: Path) -> Path:
    """Return the file with the entries; the others are its index."""
    return max(folder.glob("celerybeat-schedule*"), key=lambda path: path.stat().st_size)


def cut(folder: Path) -> None:
    """Cut the file, like a full disk or a power cut."""
    data(folder).write_bytes(data(folder).read_bytes()[: data(folder).stat().st_size // 2])


def empty(folder: Path) -> None:
    """Remove all its content."""
    data(folder).write_bytes(b"")


def scramble(folder: Path) -> None:
    """Replace the data by noise."""
    data(folder).write_bytes(bytes(range(256)) * 20)


def name_what_is_gone(folder: Path) -> None:
    """Write an entry of a class that does not exist."""
    content = data(folder).read_bytes()
    data(folder).write_bytes(content.replace(b"celery.beat", b"celery.boat"))


def replace_by_text(folder: Path) -> None:
    """Replace it by a file of another program."""
    for path in folder.glob("celerybeat-schedule*"):
        path.unlink()
    (folder / "celerybeat-schedule").write_text("not a database\n", encoding="utf-8")


def replace_by_folder(folder: Path) -> None:
    """Replace it by a folder, which no user can open as a file."""
    path = data(folder)
    path.unlink()
    path.mkdir()


DAMAGES = (cut, empty, scramble, name_what_is_gone, replace_by_text, replace_by_folder)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_moved_aside_and_written_again(
    folder: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    """A line says where it is; the entries exist, and the next start has nothing to report."""
    damage(folder)
    assert run_counts(folder) == {"requeue stalled": 0}
    (line,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert line.exc_info is None
    assert "damaged" in line.getMessage()
    moved = sorted(folder.glob("damaged-*"))
    assert moved
    assert moved[0].match(line.__dict__["moved_to"])
    caplog.clear()
    assert run_counts(folder) == {"requeue stalled": 0}
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_file_that_cannot_be_written_does_not_stop_the_schedule(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The folder is missing for a time: the entries stay in memory, and a line says why they are not stored."""
    scheduler = begin(folder)
    away = folder.rename(folder.with_name("away"))
    scheduler.reserve(scheduler.schedule["requeue stalled"])
    scheduler.sync()
    scheduler.reserve(scheduler.schedule["requeue stalled"])
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "schedule file not written"
    ]
    away.rename(folder)
    scheduler.close()
    assert run_counts(folder) == {"requeue stalled": 3}


def test_an_undamaged_file_keeps_when_each_entry_was_sent(folder: Path) -> None:
    """Otherwise a restart would send the nightly refresh again."""
    assert run_counts(folder) == run_counts(folder) == {"requeue stalled": 1}
