"""The report page of a configuration: written after a calculation, and warnings when it cannot be."""

import logging
import os
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path

import console_world as world
import pytest
from rich.console import Console

from console.check import reports
from console.check.local import Line
from console.refresh import wait
from tasks import report_file
from worker.errors import FatalError

KEY = 'report = "reports/payments.html"'


def lines(current: world.InProcess) -> list[Line]:
    """Return the lines of check about the page of payments."""
    return [*reports.page(current, "payments")]


def test_a_profile_without_a_file_has_no_page(tmp_path: Path) -> None:
    """No page is written, and check has no line about it."""
    world.configure(tmp_path)
    with world.world(tmp_path, issues=30) as current:
        world.refresh(current)
        report_file.write(current, "payments")
        assert lines(current) == []
    assert not [*tmp_path.glob("**/*.html")]


def test_the_page_is_that_of_the_report_command(tmp_path: Path) -> None:
    """It is next to the configuration, in a new folder; check says if it is missing, old, or up to date."""
    world.configure(tmp_path, keys=KEY)
    file = tmp_path / "reports" / "payments.html"
    with world.world(tmp_path, issues=30) as current:
        assert [line.state for line in lines(current)] == ["ok"]  # nothing was calculated yet
        world.refresh(current)
        (missing,) = lines(current)
        assert (missing.state, missing.message) == ("warning", f"{file} does not exist")
        assert f"flowbeat report payments -o {file}" in missing.advice
        report_file.write(current, "payments")
        assert [line.state for line in lines(current)] == ["ok"]
        before = (world.NOW - timedelta(hours=1)).timestamp()
        os.utime(file, (before, before))
        (old,) = lines(current)
        assert (old.state, old.message) == ("warning", f"{file} is older than the last calculation")
    assert file.read_text(encoding="utf-8") == world.say(tmp_path, "report", "payments", "-o", "-").out


@pytest.mark.parametrize("is_folder", [True, False], ids=["a folder in its place", "no folder to write to"])
def test_a_page_that_cannot_be_written_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *, is_folder: bool
) -> None:
    """The log has the file and the reason; check says what to do, and the results are stored."""
    world.configure(tmp_path, keys=KEY)
    if is_folder:
        (tmp_path / "reports" / "payments.html").mkdir(parents=True)
    else:
        (tmp_path / "reports").write_text("a file", encoding="utf-8")
    with world.world(tmp_path, issues=30) as current:
        run = world.refresh(current)
        with caplog.at_level(logging.WARNING, "tasks.report_file"):
            report_file.write(current, "payments")
        assert run.state == "completed"
        (line,) = lines(current)
        assert (line.what, line.state) == ("report payments", "bad")
        assert "profiles.payments.report" in line.advice
    (entry,) = caplog.records
    assert (entry.levelname, entry.message) == ("WARNING", "report page not written")
    assert entry.__dict__["file"] == str(tmp_path / "reports" / "payments.html")
    assert entry.__dict__["reason"]
    assert world.say(tmp_path, "results").code == 0


def test_a_page_without_results_is_a_warning_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Any error of the page is a warning; here the profile has no data."""
    world.configure(tmp_path, keys=KEY)
    with world.world(tmp_path, issues=30) as current:
        world.request(current, "calculate")
        report_file.write(current, "payments")
    (entry,) = caplog.records
    assert entry.__dict__["reason"] == FatalError.__name__
    assert not [*tmp_path.glob("**/*.html")]


def test_a_wait_for_a_run_lasts_until_its_page_is_written(tmp_path: Path, redis_url: str) -> None:
    """The run is not reported as completed before; the page is written after the end of the run, which it shows."""
    world.configure(tmp_path, keys=KEY)
    file, out, seen = tmp_path / "reports" / "payments.html", StringIO(), []
    with world.world(tmp_path, issues=30) as current, ExitStack() as ending:
        current.settings = replace(current.settings, redis_url=redis_url)
        run = world.request(current, "refresh")
        ending.enter_context(report_file.announced(current, run))
        assert world.carry_out(current, run).state == "completed"

        def keep() -> None:
            seen.append((file.exists(), "completed" in out.getvalue()))
            if len(seen) == 3:
                report_file.write(current, "payments")
                ending.close()

        wait.until_ended(current, [run.run_id], Console(file=out), keep)
    assert seen == [(False, False)] * 3
    assert "payments: completed" in out.getvalue()


def test_a_wait_for_a_page_that_does_not_come_ends(tmp_path: Path, redis_url: str) -> None:
    """Its worker may have died. A profile without a page is not waited for."""
    for keys, seconds in ((KEY, 0.4), ("", 3_600.0)):
        folder = tmp_path / str(seconds)
        folder.mkdir()
        world.configure(folder, keys=keys)
        with world.world(folder, issues=30) as current:
            current.settings = replace(current.settings, redis_url=redis_url)
            run = world.request(current, "refresh")
            with report_file.announced(current, run):
                world.carry_out(current, run)
                (ended,) = wait.until_ended(current, [run.run_id], Console(file=StringIO()), page_seconds=seconds)
        assert ended.state == "completed"
