"""A calculation longer than its target makes a row, a line in the log, and exit code 3 of `performance`."""

import logging
import time
from pathlib import Path

import console_world as world
import pytest
from sqlalchemy import event

from models.records import METRIC_TYPES
from tasks import calculate
from tasks.fetch.task import work

LATE = 2.5  # seconds: more than 1.2 times the target of a small set of issues


def test_a_missed_target_is_a_row_a_line_and_exit_code_3(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The database answers the first metric late, and the other metrics in time."""
    world.configure(tmp_path)
    late = [LATE]
    with world.world(tmp_path) as current:
        run = world.request(current, "refresh")
        work(current, run)
        calculate.work(current, world.found(current, run))
        first, *others = METRIC_TYPES
        begun = world.found(current, run)
        event.listen(current.engine, "before_cursor_execute", lambda *_: time.sleep(late.pop() if late else 0))
        calculate.metric_step(current, begun)
        for _ in others:
            calculate.metric_step(current, world.found(current, run))
    (line,) = [record for record in caplog.records if record.message == "threshold missed"]
    assert (line.levelno, line.name) == (logging.WARNING, "flowbeat.performance")
    assert (vars(line)["metric_type"], vars(line)["threshold_status"]) == (first, "fail")
    said = world.say(tmp_path, "performance", "--failed", "--format", "json")
    assert said.code == 3
    (row,) = said.json["calculations"]
    assert (row["metric_type"], row["threshold_status"]) == (first, "fail")
    assert row["actual_duration_seconds"] == row["duration_seconds"] > LATE
    table = world.say(tmp_path, "performance")
    assert table.code == 0
    assert table.out.count("fail") == 1
    assert table.out.count("pass") == len(others)
