"""Log files on disk: rotation, limits of number, age and size, and disks or folders that refuse writes."""

import json
import logging
import os
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.records import MAX_LOG_BYTES
from worker import logs
from worker.redact import Redactor

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def handler(tmp_path: Path) -> Iterator[logs.FilesHandler]:
    """Yield a handler without a console."""
    made = logs.FilesHandler(tmp_path, Redactor(), console=False)
    yield made
    made.close()


def say(handler: logs.FilesHandler, message: str, level: int = 20) -> None:
    handler.handle(logging.makeLogRecord({"name": "worker.test", "msg": message, "levelno": level}))


def sparse(path: Path, size: int, age: timedelta = timedelta(0)) -> Path:
    """Return a sparse file of a size, last modified `age` before now."""
    with path.open("wb") as file:
        file.truncate(size)
    at = (NOW - age).timestamp()
    os.utime(path, (at, at))
    return path


def messages(folder: Path) -> list[str]:
    return [json.loads(line)["message"] for line in (folder / "app.log").read_text().splitlines()]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_that_would_exceed_its_limit_is_rotated_first(handler: logs.FilesHandler, tmp_path: Path) -> None:
    """No live file is ever larger than 10,485,760 bytes, and a line is not split over two files."""
    (tmp_path / "app.log").write_bytes(b"x" * (MAX_LOG_BYTES - 51) + b"\n")
    say(handler, "the first line of a new file")
    assert names(tmp_path) == ["app.log", "app.log.1"]
    assert json.loads((tmp_path / "app.log").read_text())["message"] == "the first line of a new file"
    assert (tmp_path / "app.log.1").stat().st_size == MAX_LOG_BYTES - 50


def test_five_archives_are_kept_and_the_oldest_is_deleted(handler: logs.FilesHandler, tmp_path: Path) -> None:
    """Each number increases by one; the fourth replaces the fifth."""
    for number in range(1, 6):
        (tmp_path / f"app.log.{number}").write_text(f"{number}\n")
    (tmp_path / "app.log").write_bytes(b"0" * MAX_LOG_BYTES + b"\n")
    say(handler, "x")
    assert [(tmp_path / f"app.log.{n}").read_text()[:1] for n in range(1, 6)] == ["0", "1", "2", "3", "4"]
    assert len(names(tmp_path)) == 6


def test_a_gap_left_by_a_killed_rotation_costs_no_archive(handler: logs.FilesHandler, tmp_path: Path) -> None:
    """Only the archives before the gap are renumbered."""
    for number in (1, 2, 4, 5):
        (tmp_path / f"app.log.{number}").write_text(f"{number}\n")
    (tmp_path / "app.log").write_bytes(b"0" * MAX_LOG_BYTES + b"\n")
    say(handler, "x")
    assert [(tmp_path / f"app.log.{n}").read_text()[:1] for n in range(1, 6)] == ["0", "1", "2", "4", "5"]


def test_the_oldest_archive_is_deleted_when_the_folder_would_exceed_its_limit(
    handler: logs.FilesHandler, tmp_path: Path
) -> None:
    """The size is that of all files while they are written; no more archives than needed are deleted."""
    for number in range(1, 6):
        sparse(tmp_path / f"app.log.{number}", 10_000_000, timedelta(hours=number))
        sparse(tmp_path / f"errors.log.{number}", 9_990_000, timedelta(hours=number, minutes=30))
    say(handler, "x")
    assert "errors.log.5" not in names(tmp_path)
    assert len(names(tmp_path)) == 10
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= logs.MAX_FOLDER_BYTES


def test_the_folder_never_exceeds_its_limit_while_lines_are_written(handler: logs.FilesHandler, tmp_path: Path) -> None:
    """After every line the folder is within its limit."""
    for number in range(1, 6):
        sparse(tmp_path / f"app.log.{number}", 10_000_000, timedelta(hours=number))
        sparse(tmp_path / f"errors.log.{number}", 9_900_000, timedelta(hours=number, minutes=30))
    for _ in range(150):
        say(handler, "words " * 4_000, logging.ERROR)
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= logs.MAX_FOLDER_BYTES


def test_clean_deletes_archives_older_than_thirty_days_or_beyond_the_fifth(tmp_path: Path) -> None:
    """The age is that of the last change; live files and files of other programs are kept."""
    sparse(tmp_path / "app.log.1", 10, timedelta(days=29, hours=23))
    sparse(tmp_path / "app.log.2", 10, timedelta(days=30, hours=1))
    sparse(tmp_path / "errors.log.6", 10)
    sparse(tmp_path / "notes.txt", 10, timedelta(days=90))
    removed = logs.clean(tmp_path, NOW)
    assert sorted(Path(path).name for path in removed) == ["app.log.2", "errors.log.6"]
    assert names(tmp_path) == ["app.log.1", "notes.txt"]


def test_clean_keeps_archives_as_long_as_is_configured(tmp_path: Path) -> None:
    """`[retention] logs_days` may be shorter or longer than the default of 30 days."""
    for number, days in ((1, 2), (2, 29), (3, 45)):
        sparse(tmp_path / f"app.log.{number}", 10, timedelta(days=days))
    assert logs.clean(tmp_path, NOW, timedelta(days=90)) == ()
    logs.clean(tmp_path, NOW, timedelta(days=30))
    assert names(tmp_path) == ["app.log.1", "app.log.2"]
    logs.clean(tmp_path, NOW, timedelta(days=1))
    assert names(tmp_path) == []


def test_a_process_that_starts_deletes_by_the_configured_age(tmp_path: Path) -> None:
    """Each process cleans the folder when it sets up its logs."""
    old = tmp_path / "app.log.1"
    old.write_text("{}\n")
    os.utime(old, (time.time() - 3 * 86_400,) * 2)
    config = tmp_path / "flowbeat.toml"
    config.write_text(f'log_dir = "{tmp_path}"\n[retention]\nlogs_days = 2\n')
    script = (
        "import os; from worker import runtime, settings; "
        "runtime.configure_logs(settings.load(None, os.environ), console=False)"
    )
    environment = {**os.environ, "FLOWBEAT_CONFIG": str(config)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)
    assert not old.exists()


def test_clean_rotates_a_live_file_that_began_thirty_days_ago(tmp_path: Path) -> None:
    """The age is that of its first entry, because the last one may be recent."""
    for name, days in (("app.log", 31), ("errors.log", 29)):
        first = {"timestamp": (NOW - timedelta(days=days)).isoformat().replace("+00:00", ".000000Z"), "level": "INFO"}
        (tmp_path / name).write_text(json.dumps(first) + "\n")
    logs.clean(tmp_path, NOW)
    assert names(tmp_path) == ["app.log.1", "errors.log"]


def test_files_describes_live_files_and_archives(handler: logs.FilesHandler, tmp_path: Path) -> None:
    """A Log File has its sequence, its size, its beginning and its level."""
    say(handler, "x", logging.ERROR)
    sparse(tmp_path / "errors.log.2", 77, timedelta(days=2))
    files = {Path(file.file_path).name: file for file in logs.files(tmp_path)}
    assert list(files) == ["app.log", "errors.log", "errors.log.2"]
    assert (files["errors.log.2"].rotation_sequence, files["errors.log.2"].size_bytes) == (2, 77)
    assert files["errors.log.2"].last_modified == NOW - timedelta(days=2)
    assert (files["errors.log"].log_level_filter, files["app.log"].log_level_filter) == ("ERROR", None)
    assert files["app.log"].state == "active"
    assert logs.files(tmp_path / "nowhere") == ()


def test_a_half_line_of_a_killed_process_is_cut_off(handler: logs.FilesHandler, tmp_path: Path) -> None:
    """Every remaining line of the file is an entry."""
    say(handler, "whole")
    with (tmp_path / "app.log").open("ab") as file:
        file.write(b'{"timestamp": "2026')
    say(handler, "after")
    assert messages(tmp_path) == ["whole", "after"]


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_deleted_file_or_folder_is_made_again(handler: logs.FilesHandler, tmp_path: Path, what: str) -> None:
    """The next line is written to a new file, not to the deleted one."""
    say(handler, "before")
    if what == "file":
        (tmp_path / "app.log").unlink()
    else:
        shutil.rmtree(tmp_path)
    say(handler, "after")
    assert messages(tmp_path) == ["after"]


def test_lines_go_to_standard_error_while_the_folder_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is one warning, no line is lost, and the recovery is reported once."""
    folder = tmp_path / "logs"
    folder.write_text("a file where the folder should be")
    handler = logs.FilesHandler(folder, Redactor(), console=False)
    for word in ("one", "two"):
        say(handler, word)
    folder.unlink()
    for word in ("three", "four"):
        say(handler, word)
    printed = capsys.readouterr().err.splitlines()
    assert printed[0].startswith(f"WARNING log files in {folder} cannot be written (")
    assert [json.loads(line)["message"] for line in printed[1:3]] == ["one", "two"]
    assert printed[3:] == [f"log files in {folder} are written again; 2 records were shown here only"]
    assert messages(folder) == ["three", "four"]


FULL_DISK = """
    import logging, resource, sys
    from worker import logs
    logs.configure(sys.argv[1], console=False)
    logging.info("before")
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, hard))
    for number in range(20):
        logging.info("line %d %s", number, "word " * 40)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    logging.info("after")
"""


def test_a_full_disk_splits_no_line_and_loses_none(tmp_path: Path) -> None:
    """A limit of the file's size acts like a full disk: part of a line is written, then there is an error."""
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FULL_DISK), str(tmp_path)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    written = messages(tmp_path)
    warning, *printed, recovered = ended.stderr.splitlines()
    assert "cannot be written" in warning
    assert "written again" in recovered
    assert written[0] == "before"
    assert written[-1] == "after"
    assert len(written) + len(printed) == 22
    assert all(json.loads(line)["level"] == "INFO" for line in printed)


def test_configure_in_an_unwritable_place_is_not_an_error(tmp_path: Path) -> None:
    """A process works even if it cannot write log files."""
    (tmp_path / "taken").write_text("")
    code = "import logging, sys; from worker import logs; logs.configure(sys.argv[1]); logging.info('working')"
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "taken" / "logs")],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert [line.split()[0 if number == 0 else 2] for number, line in enumerate(ended.stderr.splitlines())] == [
        "WARNING",
        "working",
    ]


def test_configure_with_clean_up_takes_less_than_half_a_second(tmp_path: Path) -> None:
    """The folder has the largest allowed number and size of files."""
    for name in ("app.log", "errors.log", "performance.log"):
        for number in range(1, 6):
            sparse(tmp_path / f"{name}.{number}", MAX_LOG_BYTES, timedelta(days=number))
    code = (
        "import sys, time; from worker import logs; t = time.perf_counter();"
        "logs.configure(sys.argv[1], console=False); print(time.perf_counter() - t)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60
    )
    assert float(ended.stdout) < 0.5
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= logs.MAX_FOLDER_BYTES


def test_a_forked_child_does_not_share_its_parents_lock(handler: logs.FilesHandler, tmp_path: Path) -> None:
    """Both write at the same time, with separate handles."""
    say(handler, "parent")
    child = os.fork()
    if child == 0:
        for _ in range(200):
            say(handler, "child")
        os._exit(0)
    for _ in range(200):
        say(handler, "parent")
    assert os.waitpid(child, 0)[1] == 0
    written = messages(tmp_path)
    assert (written.count("parent"), written.count("child")) == (201, 200)
    assert time.time() - (tmp_path / "app.log").stat().st_mtime < 60
