"""The overview command: a row for each profile, and its problems."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import console_world as world
import pytest
from console_world import InProcess

from models.records import METRIC_TYPES
from models.store import runs
from tasks import steps

pytestmark = pytest.mark.xdist_group("console overview")  # one process makes what all tests here read

SECOND = """
[profiles.orders]
connection = "sandbox"
jql = "project = OPS"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a folder with a refreshed profile and one that was never fetched."""
    with world.refreshed(tmp_path_factory.mktemp("overview"), incidents=f"{world.INCIDENTS}{SECOND}") as place:
        yield place


def test_the_values_and_levels_are_those_of_the_results(folder: Path) -> None:
    """Each metric has its value; a profile without a result has none, which is not zero."""
    payments, orders = world.say(folder, "overview", "--format", "json").json
    for result in world.say(folder, "results", "payments", "--format", "json").json:
        name = result["metric_type"]
        assert [payments[name], payments[f"{name}_level"]] == [result["value"], result["level"]]
        assert payments[f"{name}_state"] == result["state"]
    assert (orders["profile"], orders["data_as_of"], {orders[name] for name in METRIC_TYPES}) == (
        "orders",
        None,
        {None},
    )


def test_a_problem_is_shown_with_the_command_to_run(folder: Path) -> None:
    """The data of the first profile is old; the second has no data."""
    payments, orders = world.say(folder, "overview", "--format", "json").json
    assert orders["problems"] == ["no data yet; run: flowbeat refresh orders"]
    assert any(problem.endswith("old; run: flowbeat refresh payments") for problem in payments["problems"])
    out = " ".join(world.say(folder, "overview").out.split())
    assert "orders: no data yet; run: flowbeat refresh orders." in out


def test_another_configuration_is_a_problem(folder: Path) -> None:
    """Each is described in few words, with the command to run."""
    (payments, _) = world.say(
        folder, "overview", "--format", "json", FLOWBEAT_PROFILES__PAYMENTS__TIME_PERIOD_DAYS="14"
    ).json
    assert "calculated with an older configuration; run: flowbeat calculate payments" in payments["problems"]
    (payments, _) = world.say(
        folder, "overview", "--format", "json", FLOWBEAT_PROFILES__PAYMENTS__JQL="project = ELSE"
    ).json
    assert any("names another source" in problem for problem in payments["problems"])


def test_a_failed_refresh_is_a_problem_until_the_next_one_succeeds(folder: Path, tmp_path: Path) -> None:
    """In the words of the run that ended last, although the values of an earlier one are still shown."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    with world.world(tmp_path) as current:
        run, _ = steps.request(current.sessions, "payments", "refresh", current.now())
        with current.sessions.begin() as session:
            ended_at = current.now() + timedelta(minutes=1)
            runs.end(session, run.run_id, run.attempt, ended_at, error="Jira refused the login (401).")
        problem = "the last refresh failed: Jira refused the login (401)"
        payments, _ = world.say(tmp_path, "overview", "--format", "json").json
        assert payments["problems"][0] == problem
        assert payments["flow_velocity"] is not None
        assert f"payments: {problem}." in " ".join(world.say(tmp_path, "overview").out.split())
        later = InProcess(current.settings, lambda: ended_at + timedelta(minutes=1), jira=current.jira)
        world.refresh(later)
        later.close()
        payments, _ = world.say(tmp_path, "overview", "--format", "json").json
        assert problem not in payments["problems"]


@pytest.mark.parametrize("columns", [80, 240])
def test_the_table_fits_the_terminal(folder: Path, columns: int) -> None:
    """A wide terminal has one table, a narrow one a table per group of metrics; every profile is in each."""
    out = world.say(folder, "overview", columns=columns).out
    assert max(map(len, out.splitlines())) <= columns
    assert sum(line.startswith("payments ") for line in out.splitlines()) == (1 if columns == 240 else 4)
    rows = world.say(folder, "overview", "--format", "csv").csv
    assert [row["profile"] for row in rows] == ["payments", "orders"]
