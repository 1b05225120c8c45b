"""The commands status and performance: the state, result and duration of runs, and missed targets."""

import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from zoneinfo import ZoneInfo

import console_world as world
import pytest
from rich.console import Console
from store_rows import run as new_run

from console.refresh import progress, wait, withdrawal
from models.records import METRIC_TYPES, CalculationPerformance, FetchOperation, PerformanceThreshold, Run, RunProgress
from models.store import operations, runs
from tasks import calculate
from tasks.fetch.task import work
from worker.cron import next_due
from worker.errors import FatalError
from worker.runtime import Runtime

pytestmark = pytest.mark.xdist_group("console status")  # one process makes what all tests here read

WHY = "acme.example refused the login; check email and token of connection 'acme'"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a completed refresh, a failed one, and one of another profile that is paused at 45 of 100 issues."""
    place = tmp_path_factory.mktemp("status")
    world.configure(place)
    with world.world(place, issues=60) as current:
        done = world.refresh(current)
        with current.sessions.begin() as session:
            for run in (_failed(done), _waiting(done)):
                runs.request(session, run)
            operations.save_fetch(session, _failed_fetch())
    yield place
    shutil.rmtree(place)


@pytest.fixture
def slow(folder: Path, tmp_path: Path) -> Path:
    """Return the same with a calculation that missed its target."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    with world.world(tmp_path) as current, current.sessions.begin() as session:
        measured = CalculationPerformance(
            metric_type="cfr",
            start_time=world.NOW,
            end_time=world.NOW + timedelta(seconds=7),
            duration_seconds=7.0,
            input_data_size=900,
            result_data_size=10,
            cache_hits=0,
            cache_misses=900,
            run_id="slow",
            profile="payments",
        )
        operations.save_performance(session, measured, PerformanceThreshold.of(measured))
    return tmp_path


def test_live_runs_come_first_with_their_progress(folder: Path) -> None:
    """The line has a bar, the present activity, and the time since the last heartbeat."""
    lines = world.say(folder, "status").out.splitlines()
    assert lines[2].startswith("aaaaaaaa  orders")
    assert "32 %" in lines[2]  # 45 of 100 issues are that share of the fetch's 70 %
    assert "retrying soon" in lines[2]  # its pause is over, and no worker answers
    assert any("completed" in line and "100 %" in line for line in lines)


def test_it_says_who_asked_and_when_each_profile_is_due_next(tmp_path: Path) -> None:
    """The runs of a person and of the schedule, and the next night of the profile with a schedule."""
    world.configure(tmp_path)
    with world.world(tmp_path, issues=60) as current:
        done = world.refresh(current)
        due = replace(_failed(done), due_at=world.NOW - timedelta(hours=3), run_id="bbbbbbbb-nightly")
        with current.sessions.begin() as session:
            runs.request(session, due)
    config = tmp_path / "flowbeat.toml"
    text = config.read_text(encoding="utf-8")
    scheduled = '[profiles.payments]\nschedule = "0 2 * * *"'
    config.write_text(text.replace("[profiles.payments]", scheduled), encoding="utf-8")
    said = world.say(tmp_path, "status").out
    kinds = {line.split()[0]: line.split()[2] for line in said.splitlines()[2:4]}
    assert kinds == {"bbbbbbbb": "scheduled", done.run_id[:8]: "refresh"}
    zone = ZoneInfo("Europe/Zagreb")
    night = next_due("0 2 * * *", zone, datetime.now(UTC)).astimezone(zone)
    assert f"Next by schedule: payments {night:%Y-%m-%d %H:%M} (Europe/Zagreb)." in " ".join(said.split())
    nightly = " ".join(world.say(tmp_path, "status", "bbbbbbbb").out.split())
    assert f"by the schedule of {(world.NOW - timedelta(hours=3)).astimezone(zone):%Y-%m-%d %H:%M}" in nightly
    assert "by a command" in " ".join(world.say(tmp_path, "status", done.run_id[:8]).out.split())


@pytest.mark.parametrize(
    "words", [["status"], ["results"], ["results", "--format", "json"], ["performance"], ["explain", "payments", "cfr"]]
)
def test_a_reading_command_imports_no_module_that_only_work_needs(folder: Path, words: list[str]) -> None:
    """Modules for queue, network and migrations would double the time of the command."""
    heavy = "{'celery', 'kombu', 'redis', 'requests', 'alembic', 'tornado'}"
    program = f"import sys; from console.cli import run; run({words!r}); print({heavy} & sys.modules.keys())"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=world.environment(folder), capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "set()"


def test_a_run_without_a_heartbeat_of_its_worker_says_so() -> None:
    """A worker sends a heartbeat every two seconds; a user should see if it has sent none for ten."""
    run = Run(str(uuid.uuid4()), "payments", "refresh", "running", "fetch", 1, world.NOW, world.NOW)
    assert progress.words(run, world.NOW + timedelta(seconds=9)) == "fetching issues"
    assert progress.words(run, world.NOW + timedelta(seconds=16)).startswith("its worker has not responded for 16 s")


def test_the_bar_of_a_run_never_goes_back(tmp_path: Path) -> None:
    """The number of read issues does not become the number of computed ones between fetch and facts."""
    world.configure(tmp_path)
    seen = []
    with world.world(tmp_path, issues=60) as current:
        run = world.request(current, "refresh")
        work(current, run)
        seen.append(world.found(current, run))
        calculate.work(current, seen[-1])
        seen.append(world.found(current, run))
        while seen[-1].step != "finish":
            calculate.metric_step(current, seen[-1])
            seen.append(world.found(current, run))
    activities = [progress.words(replace(run_seen, state="running"), world.NOW) for run_seen in seen]
    shares = [progress.percent(run_seen) for run_seen in seen]
    assert shares == sorted(shares)
    assert (seen[0].step, shares[0], activities[0]) == ("facts", 70, "computing facts")
    assert (activities[1], activities[-1]) == ("calculating deployment frequency", "finishing")


def test_the_reason_of_a_pause_is_shown_once_above_the_bar(folder: Path, tmp_path: Path) -> None:
    """It fits the terminal and says what Ctrl-C does; the bar only counts down."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    out = StringIO()
    screen = Console(file=out, force_terminal=True, width=80, color_system=None)
    with world.world(tmp_path) as current:
        (run_id,) = [run.run_id for run in _stored(current) if run.state == "paused"]
        rounds = iter(range(3))

        def keep() -> None:
            if next(rounds, None) is None:
                with current.sessions.begin() as session:
                    runs.end(session, run_id, 1, world.NOW, error="given up")

        wait.until_ended(current, [run_id], screen, keep)
    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line) for line in re.split(r"[\r\n]+", out.getvalue())]
    assert max(map(len, lines)) <= 80
    assert " ".join(lines).count("Ctrl-C stop") == 1
    assert any("paused for" in line and "━" in line for line in lines)


def test_a_wait_for_a_run_that_was_withdrawn_fails(folder: Path, tmp_path: Path) -> None:
    """Another command requested it, and withdrew it because Redis or its worker failed; no work was done."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    with world.world(tmp_path) as current:
        with current.sessions.begin() as session:
            asked, _ = runs.request(session, new_run(profile="ops"))

        def withdraw() -> None:
            with current.sessions.begin() as session:
                assert runs.withdraw(session, asked.run_id)

        with pytest.raises(FatalError, match="withdrawn"):
            wait.until_ended(current, [asked.run_id], Console(file=StringIO()), withdraw)


@pytest.mark.parametrize(
    ("error", "kept"), [(FatalError("refused"), 0), (KeyError("unexpected"), 0), (KeyboardInterrupt(), 1)]
)
def test_a_command_that_fails_leaves_no_run_that_no_worker_has_begun(
    tmp_path: Path, error: BaseException, kept: int
) -> None:
    """Whatever the reason. After Ctrl-C the run stays queued, as the command says."""
    world.configure(tmp_path)
    with world.world(tmp_path) as current:
        run = world.request(current, "refresh")
        with pytest.raises(type(error)), withdrawal.withdrawn_on_error(current, [run.run_id]):
            raise error
        assert len(_stored(current)) == kept


def _stored(current: Runtime) -> list[Run]:
    with current.reads() as session:
        return runs.load_newest(session, 10)


def test_a_failed_run_has_its_reason_below(folder: Path) -> None:
    """The reason is one sentence, after the beginning of the run's id."""
    said = " ".join(world.say(folder, "status").out.split())
    assert "failed at fetch" in said
    assert f"ffffffff: {WHY}" in said


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("words", [["status"], ["status", "ffff"], ["performance"]])
def test_the_tables_fit_the_terminal(folder: Path, columns: int, words: list[str]) -> None:
    """No line is wider than the terminal."""
    assert max(len(line) for line in world.say(folder, *words, columns=columns).out.splitlines()) <= columns


def test_json_has_all_fields_of_a_run(folder: Path) -> None:
    """They are the columns of the database."""
    rows = world.say(folder, "status", "--format", "json").json
    assert rows[0]["wait_until"] == "2026-10-14T12:05:00.000000Z"
    assert {row["state"] for row in rows} == {"paused", "failed", "completed"}


def test_limit_keeps_live_runs(folder: Path) -> None:
    """The only row is the live run."""
    (row,) = world.say(folder, "status", "--limit", "1", "--format", "json").json
    assert row["state"] == "paused"


def test_one_run_is_shown_in_detail(slow: Path) -> None:
    """The beginning of its id shows its instants, its fetch and its calculations in their order, and no others."""
    (done,) = [run for run in world.say(slow, "status", "--format", "json").json if run["state"] == "completed"]
    details = world.say(slow, "status", done["run_id"][:6], "--format", "json").json
    assert [row["metric_type"] for row in details["calculations"]] == list(METRIC_TYPES)
    assert {row["run_id"] for rows in details.values() for row in rows} == {done["run_id"]}
    assert details["fetches"][0]["kind"] == "full"
    said = world.say(slow, "status", done["run_id"][:6]).out
    assert said.startswith(f"Run {done['run_id']}\n")
    assert "Asked for 2026-10-14 14:00" in said


def test_an_id_that_names_no_single_run_is_an_error(folder: Path) -> None:
    """The error is the same for no run and for several."""
    for run_id in ("zzz", ""):
        said = world.say(folder, "status", run_id)
        assert said.code == 1
        assert "flowbeat status lists them" in said.err


def test_performance_shows_each_calculation_with_its_target(folder: Path) -> None:
    """There is a row for each metric, and one for each fetch with its requests."""
    listed = world.say(folder, "performance", "--format", "json").json
    assert {row["metric_type"] for row in listed["calculations"]} == set(METRIC_TYPES)
    assert all(row["actual_duration_seconds"] == row["duration_seconds"] for row in listed["calculations"])
    assert {row["state"] for row in listed["fetches"]} == {"completed", "failed"}
    assert [row["metric_type"] for row in world.say(folder, "performance", "--format", "csv").csv] == [
        row["metric_type"] for row in listed["calculations"]
    ]


def test_without_a_missed_target_the_exit_code_is_0(folder: Path) -> None:
    """All metrics met their target; a failed fetch is listed, but is not a missed target."""
    said = world.say(folder, "performance", "--failed")
    assert said.code == 0
    assert "No calculation missed its target." in said.out
    assert WHY in " ".join(said.out.split())


def test_only_a_missed_target_is_listed_with_exit_code_3(slow: Path) -> None:
    """Seven seconds are too long for a small set of issues."""
    said = world.say(slow, "performance", "--failed", "--format", "json")
    assert said.code == 3
    (row,) = said.json["calculations"]
    assert (row["threshold_status"], row["target_duration_seconds"]) == ("fail", 2.0)
    assert world.say(slow, "performance").code == 0


def _failed(done: Run) -> Run:
    return replace(done, run_id="ffffffff-0000-4000-8000-000000000000", state="failed", step="fetch", error=WHY)


def _waiting(done: Run) -> Run:
    return replace(
        done,
        run_id="aaaaaaaa-0000-4000-8000-000000000000",
        profile="orders",
        state="paused",
        step="fetch",
        progress=RunProgress(45, 100),
        wait_until=world.NOW + timedelta(minutes=5),
        ended_at=None,
        error="acme.example answered 429",
    )


def _failed_fetch() -> FetchOperation:
    return FetchOperation(
        request_id=str(uuid.UUID(int=1)),
        jql_query="project = PAY",
        start_time=world.NOW,
        end_time=world.NOW,
        duration_seconds=0.0,
        error=WHY,
        run_id="ffffffff-0000-4000-8000-000000000000",
        profile="payments",
        state="failed",
    )
