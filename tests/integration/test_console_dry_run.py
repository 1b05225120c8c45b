"""`flowbeat refresh --dry-run`: what a refresh would cost, and what it then costs; nothing is enqueued."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from console_world import NOW, Said, configure, say_apart

from sandbox.api import Jira
from sandbox.server import Options, build, running


@pytest.fixture
def jira() -> Jira:
    """Return a Cloud of 120 issues whose clock is stopped."""
    made = build(Options(issues=120), NOW)
    made.clock = lambda: NOW
    return made


@pytest.fixture
def folder(tmp_path: Path, jira: Jira) -> Iterator[Path]:
    """Yield a folder that is configured for the Jira, without a database."""
    with running(jira) as url:
        configure(tmp_path, base_url=url)
        yield tmp_path


def dry_run(folder: Path, redis_url: str, *words: str) -> Said:
    """Run the command in a process of its own, because it attaches logs."""
    return say_apart(folder, "refresh", *words, "--dry-run", FLOWBEAT_REDIS_URL=redis_url)


def test_a_person_reads_requests_and_time_before_they_are_spent(folder: Path, jira: Jira, redis_url: str) -> None:
    """The last sentence says what the estimate cost."""
    said = dry_run(folder, redis_url)
    assert (said.code, said.err) == (0, "")
    (row,) = [line.split() for line in said.out.splitlines() if "payments" in line]
    assert row[1] == "full"
    assert f"took {len(jira.log)} requests to Jira" in said.out
    assert "Nothing was enqueued" in said.out
    assert not any("bulkfetch" in seen.endpoint for seen in jira.log)


def test_a_program_reads_the_figures_as_json(folder: Path, jira: Jira, redis_url: str) -> None:
    """Of each profile; ``spent`` is what Jira was asked."""
    (row,) = dry_run(folder, redis_url, "payments", "--format", "json").json
    assert row["profile"] == "payments"
    assert row["spent"] == len(jira.log)
    assert row["read"] == row["issues"] > 0
    assert row["requests"] > 0 < row["seconds"]


def test_no_run_is_left_behind(folder: Path, redis_url: str) -> None:
    """``status`` shows none."""
    dry_run(folder, redis_url)
    assert say_apart(folder, "status", "--format", "json", FLOWBEAT_REDIS_URL=redis_url).json == []


def test_options_that_do_not_go_together_are_refused(folder: Path) -> None:
    """Before anything is asked or created."""
    said = say_apart(folder, "refresh", "--no-wait", "--dry-run")
    assert said.code == 2
    assert "leave out --no-wait" in said.err
    assert not (folder / "flowbeat.db").exists()


def test_a_jira_that_does_not_answer_fails_the_estimate_soon(tmp_path: Path, redis_url: str) -> None:
    """With one sentence, as a refresh would."""
    configure(tmp_path, base_url="http://127.0.0.1:9")
    said = dry_run(tmp_path, redis_url)
    assert said.code == 1
    assert "127.0.0.1:9" in said.err
