"""Log entries are read over archives, in order of time, filtered, and followed over rotations."""

import json
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from models.records import MAX_LOG_BYTES
from worker import logs
from worker.redact import Redactor

START = datetime(2026, 11, 21, 12, tzinfo=UTC)


def line(second: float, message: str, level: str = "INFO", **context: str) -> str:
    at = (START + timedelta(seconds=second)).replace(tzinfo=None).isoformat(timespec="microseconds")
    entry: dict[str, Any] = {"timestamp": f"{at}Z", "level": level, "module": "m", "function": "f", "line": 1}
    return json.dumps({**entry, "message": message, "context": context}) + "\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return two archives and a live file, with two lines out of order across the last rotation."""
    (tmp_path / "app.log.2").write_text(line(0, "a", task_id="t1") + line(1, "b", "ERROR", profile="payments"))
    (tmp_path / "app.log.1").write_text(line(2, "c", "DEBUG") + line(4, "e", "WARNING", task_id="t1"))
    (tmp_path / "app.log").write_text(line(3, "d", profile="payments") + line(5, "f", "CRITICAL"))
    return tmp_path


def said(entries: Iterator[dict[str, Any]]) -> str:
    return "".join(entry["message"] for entry in entries)


def test_entries_are_in_order_of_time_over_archives(folder: Path) -> None:
    """The oldest entry comes first, whatever file has it."""
    assert said(logs.read(folder)) == "abcdef"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"level": "WARNING"}, "bef"),
        ({"task": "t1"}, "ae"),
        ({"profile": "payments"}, "bd"),
        ({"since": START + timedelta(seconds=3)}, "def"),
        ({"level": "INFO", "profile": "payments", "since": START + timedelta(seconds=2)}, "d"),
    ],
)
def test_entries_are_chosen_by_level_task_profile_and_time(folder: Path, wanted: dict[str, Any], expected: str) -> None:
    """Each filter works alone and with the others."""
    assert said(logs.read(folder, **wanted)) == expected


def test_since_in_another_zone_is_the_same_instant(folder: Path) -> None:
    """Instants are compared, not their texts."""
    assert said(logs.read(folder, since=(START + timedelta(seconds=4)).astimezone())) == "ef"


def test_a_line_that_is_not_an_entry_is_reported(folder: Path) -> None:
    """The warning names the file and the position of the line."""
    place = (folder / "app.log").stat().st_size
    with (folder / "app.log").open("a") as file:
        file.write("what is this\n" + line(6, "g"))
    warnings = [entry["message"] for entry in logs.read(folder, level="WARNING")]
    assert f"app.log holds a line at byte {place} that is not a log entry" in warnings


def test_a_folder_without_logs_has_no_entries(tmp_path: Path) -> None:
    """It is not an error, because nothing has run yet."""
    assert list(logs.read(tmp_path / "nowhere")) == []


def test_a_rotation_while_reading_loses_and_repeats_no_entry(folder: Path) -> None:
    """All files are opened before the first entry is returned."""
    entries = logs.read(folder)
    first = next(entries)["message"]
    (folder / "app.log.2").rename(folder / "app.log.3")
    (folder / "app.log.1").rename(folder / "app.log.2")
    (folder / "app.log").rename(folder / "app.log.1")
    (folder / "app.log").write_text(line(9, "later"))
    assert first + said(entries) == "abcdef"


def test_follow_gives_new_entries_over_several_rotations(folder: Path) -> None:
    """Entries written between two reads are found in the archives."""
    following = logs.follow(folder, since=START, poll_seconds=0.01)
    got: list[str] = []
    done = threading.Event()

    def listen() -> None:
        for entry in following:
            got.append(entry["message"].split()[0])
            if got[-1] == "last":
                break
        done.set()

    handler = logs.FilesHandler(folder, Redactor(), console=False)
    listener = threading.Thread(target=listen)
    listener.start()
    expected = []
    for number in range(40):
        if number in {10, 11, 25}:
            with (folder / "app.log").open("ab") as file:
                file.truncate(MAX_LOG_BYTES - 40)
                file.seek(0, 2)
                file.write(b"\n")
        expected.append(f"n{number}")
        handler.handle(logging.makeLogRecord({"name": "a.b", "msg": f"n{number}", "levelno": 20}))
        done.wait(0.005)
    handler.handle(logging.makeLogRecord({"name": "a.b", "msg": "last", "levelno": 20}))
    assert done.wait(20)
    listener.join()
    handler.close()
    following.close()
    assert [word for word in got if word.startswith("n")] == expected


def test_follow_begins_with_the_entries_since_an_instant(folder: Path) -> None:
    """Without an instant it begins at the end."""
    following = logs.follow(folder, since=START + timedelta(seconds=1), poll_seconds=0.01)
    assert [next(following)["message"] for _ in range(5)] == ["b", "c", "e", "d", "f"]
    following.close()


def test_follow_waits_for_a_folder_that_does_not_exist_yet(tmp_path: Path) -> None:
    """A user may follow the log before the first worker has started."""
    following = logs.follow(tmp_path / "logs", poll_seconds=0.01)

    def write_the_first_line() -> None:
        (tmp_path / "logs").mkdir()
        (tmp_path / "logs" / "app.log").write_text(line(1, "a"))

    timer = threading.Timer(0.1, write_the_first_line)
    timer.start()
    assert next(following)["message"] == "a"
    following.close()
    timer.join()
