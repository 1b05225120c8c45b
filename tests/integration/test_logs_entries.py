"""Records, warnings and uncaught errors of any thread become redacted Log Entries in the right files."""

import json
import logging
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from models.records import LogEntry
from worker import logs
from worker.redact import MARK, Redactor


@pytest.fixture
def logger(tmp_path: Path) -> Iterator[logging.Logger]:
    """Yield a logger that only writes to files in `tmp_path`."""
    handler = logs.FilesHandler(tmp_path, Redactor(["open-sesame-1"]), console=False)
    made = logging.Logger("worker.test", logging.DEBUG)  # noqa: LOG001 - a logger without other handlers
    made.addHandler(handler)
    yield made
    handler.close()


def entries(folder: Path, name: str = "app.log") -> list[dict[str, Any]]:
    path = folder / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def run(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process that logs to `folder`."""
    head = f"import logging\nfrom worker import logs\nlogs.configure({str(folder)!r}, secrets=['open-sesame-1'])\n"
    return subprocess.run(
        [sys.executable, "-c", head + textwrap.dedent(code)], capture_output=True, text=True, check=False, timeout=60
    )


def test_a_line_is_a_log_entry_exactly(logger: logging.Logger, tmp_path: Path) -> None:
    """A line has the fields of the entity, and the entity accepts them."""
    logger.info("fetched %d issues", 3, extra={"pages": 2})
    (entry,) = entries(tmp_path)
    assert LogEntry(**entry).message == "fetched 3 issues"
    assert list(entry) == ["timestamp", "level", "module", "function", "line", "message", "context"]
    assert (entry["level"], entry["module"], entry["context"]) == ("INFO", "worker.test", {"pages": 2})
    assert entry["function"] == "test_a_line_is_a_log_entry_exactly"


def test_the_timestamp_is_that_of_the_event(logger: logging.Logger, tmp_path: Path) -> None:
    """The timestamp is not that of the writing; it is UTC with six digits and Z."""
    record = logging.makeLogRecord({"name": "worker.test", "msg": "x", "levelno": 20, "created": 1_790_000_000.000_001})
    logger.handle(record)
    assert entries(tmp_path)[0]["timestamp"] == "2026-09-21T14:13:20.000001Z"


def test_each_file_gets_its_lines(logger: logging.Logger, tmp_path: Path) -> None:
    """app.log has all lines, errors.log the errors, and performance.log those of the performance logger."""
    logger.warning("a")
    logger.error("b")
    logger.name = logs.PERFORMANCE_LOGGER
    logger.info("c")
    messages = {
        name: [e["message"] for e in entries(tmp_path, name)] for name in ("app.log", "errors.log", "performance.log")
    }
    assert messages == {"app.log": ["a", "b", "c"], "errors.log": ["b"], "performance.log": ["c"]}


def test_bound_fields_are_in_every_entry_inside_and_in_none_outside(logger: logging.Logger, tmp_path: Path) -> None:
    """Inner fields add to outer ones and end with their block; a field that is None is left out."""
    with logs.bind(run_id="r", profile="payments", task_id=None):
        with logs.bind(task_id="t"):
            logger.info("in")
        logger.info("between")
    logger.info("out")
    assert [e.get("context") for e in entries(tmp_path)] == [
        {"run_id": "r", "profile": "payments", "task_id": "t"},
        {"run_id": "r", "profile": "payments"},
        None,
    ]
    assert logs.context() == {}


def test_an_exception_is_shown_with_its_traceback(logger: logging.Logger, tmp_path: Path) -> None:
    """Its text and the source lines are redacted."""
    try:
        int("password='hunter2'")
    except ValueError:
        logger.exception("failed")
    (entry,) = entries(tmp_path)
    assert entry["exception"].startswith("Traceback")
    assert entry["exception"].count(MARK) == 2
    assert "hunter2" not in entry["exception"]


HIDING: list[tuple[str, Callable[[logging.Logger], None]]] = [
    ("message", lambda log: log.info("password=hunter2")),
    ("argument", lambda log: log.info("sent %s", "token=hunter2")),
    ("dict argument", lambda log: log.info("sent %s", {"password": "hunter2"})),
    ("named argument", lambda log: log.info("as %(user)s with %(password)s", {"user": "x", "password": "hunter2"})),
    ("repr argument", lambda log: log.info("sent %r", {"a": [{"password": "hunter2"}]})),
    ("object argument", lambda log: log.info("sent %s", type("Odd", (), {"__str__": lambda _: "password=hunter2"})())),
    ("exception argument", lambda log: log.info("failed: %s", ValueError("password=hunter2"))),
    ("wrong arguments", lambda log: log.info("sent %d", "password=hunter2")),
    ("message object", lambda log: log.info({"password": "hunter2"})),
    ("message exception", lambda log: log.info(ValueError("password=hunter2"))),
    ("extra", lambda log: log.info("x", extra={"data": {"kwargs": {"token": "hunter2"}}})),
    ("extra text", lambda log: log.info("x", extra={"data": {"kwargs": "{'token': 'hunter2'}"}})),
    ("bytes in extra", lambda log: log.info("x", extra={"body": b'{"password": "hunter2"}'})),
    ("stack", lambda log: log.info("x", extra={"password": "hunter2"}, stack_info=True)),
]


@pytest.mark.parametrize(("place", "use"), HIDING, ids=[place for place, _ in HIDING])
def test_a_secret_is_hidden_anywhere_in_a_record(
    place: str, use: Callable[[logging.Logger], None], logger: logging.Logger, tmp_path: Path
) -> None:
    """Celery, urllib3 and SQLAlchemy log secrets in each of these places."""
    use(logger)
    written = (tmp_path / "app.log").read_text()
    assert "hunter2" not in written, place
    assert MARK in written


def test_a_configured_secret_is_hidden_without_any_key(logger: logging.Logger, tmp_path: Path) -> None:
    """The first layer of redaction replaces the configured values."""
    logger.info("the server said open-sesame-1", extra={"open-sesame-1": 1})
    assert "sesame" not in (tmp_path / "app.log").read_text()


def test_records_of_other_handlers_are_unchanged(logger: logging.Logger) -> None:
    """Redaction changes a copy."""
    arguments = {"password": "hunter2", "nested": [{"token": "x1"}]}
    record = logger.makeRecord(
        "worker.test", 20, "x.py", 1, "%(password)s", (arguments,), None, extra={"data": arguments}
    )
    before = repr(record.__dict__)
    logger.handle(record)
    assert repr(record.__dict__) == before


def test_hostile_records_are_logged(logger: logging.Logger, tmp_path: Path) -> None:
    """Objects that cannot be shown, surrogates, NaN, odd keys, and unknown levels and names lose no record."""

    class Hostile:
        def __repr__(self) -> str:
            raise RuntimeError

        def __str__(self) -> str:
            raise RuntimeError

    logger.info("%s %r", Hostile(), Hostile())
    logger.info("\udcff", extra={"n": float("nan"), "odd": {(1, 2): {3}}, "o": Hostile()})
    logger.log(25, "a level of its own")
    logger.name = "9-lives.x y"
    logger.info("%s too few %s", *["a"])
    assert [e["level"] for e in entries(tmp_path)] == ["INFO"] * 4
    assert entries(tmp_path)[1]["context"]["odd"] == {"(1, 2)": [3]}
    for entry in entries(tmp_path):
        LogEntry(**entry)


def test_warnings_and_uncaught_exceptions_of_any_thread_become_entries(tmp_path: Path) -> None:
    """All output of libraries and threads is redacted."""
    ended = run(
        tmp_path,
        """
        import threading, warnings
        warnings.warn("password=hunter2 is old")
        def fail(): raise ValueError("password=hunter2 in a thread")
        thread = threading.Thread(target=fail, name="reader"); thread.start(); thread.join()
        class Odd:
            def __del__(self): raise ValueError("password=hunter2 unraisable")
        Odd()
        raise KeyError("password=hunter2 at the end")
        """,
    )
    logged = [(e["level"], e["message"][:40]) for e in entries(tmp_path)]
    assert [level for level, _ in logged] == ["WARNING", "CRITICAL", "ERROR", "CRITICAL"]
    assert "thread reader" in logged[1][1]
    assert ended.returncode == 1
    assert "hunter2" not in (tmp_path / "app.log").read_text() + ended.stderr + ended.stdout
    assert all(MARK in json.dumps(e) for e in entries(tmp_path))


def test_the_console_shows_a_short_line_for_a_person(tmp_path: Path) -> None:
    """The line has time, level, message and the exception; the files have the rest."""
    ended = run(
        tmp_path,
        """
        try: 1 / 0
        except ZeroDivisionError: logging.getLogger("worker.x").exception("no rate for %s", {"token": "abc"})
        """,
    )
    (line,) = ended.stderr.splitlines()
    assert line[8:] == f" ERROR   no rate for {{'token': '{MARK}'}} | ZeroDivisionError: division by zero"


def test_a_second_configuration_replaces_the_first(tmp_path: Path) -> None:
    """A line is written once, in the folder of the last configuration."""
    run(
        tmp_path / "old",
        f"logs.configure({str(tmp_path / 'new')!r}, 'WARNING')\nlogging.warning('once')\nlogging.info('never')",
    )
    assert [e["message"] for e in entries(tmp_path / "new")] == ["once"]
    assert not entries(tmp_path / "old")


def test_a_level_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    """The error names the levels that exist."""
    with pytest.raises(ValueError, match="log level 'LOUD' is none of DEBUG, INFO"):
        logs.configure(tmp_path, "LOUD")


def test_a_logger_without_dots_is_named_by_its_file(tmp_path: Path) -> None:
    """Lines of the root logger name the module that they come from."""
    run(
        tmp_path,
        "import runpy\nlogging.warning('x')\nimport celery.utils.log as l\nlogging.getLogger('celery').warning('y')",
    )
    assert [e["module"].isidentifier() for e in entries(tmp_path)] == [True, True]


def test_importing_the_module_does_nothing(tmp_path: Path) -> None:
    """Handlers, hooks and files are made by `configure`, not by the import."""
    code = (
        "import sys, logging; hook = sys.excepthook; import worker.logs;"
        "assert sys.excepthook is hook; assert not logging.getLogger().handlers"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert not list(tmp_path.iterdir())
