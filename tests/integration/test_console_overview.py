"""The overview command: a row for each profile, and its problems."""

from collections.abc import Iterator
from pathlib import Path

import console_world as world
import pytest

from models.records import METRIC_TYPES

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


def test_another_configuration_and_a_failed_refresh_are_problems(folder: Path) -> None:
    """Each is described in few words, with the command to run."""
    (payments, _) = world.say(
        folder, "overview", "--format", "json", FLOWBEAT_PROFILES__PAYMENTS__TIME_PERIOD_DAYS="14"
    ).json
    assert "calculated with an older configuration; run: flowbeat calculate payments" in payments["problems"]
    (payments, _) = world.say(
        folder, "overview", "--format", "json", FLOWBEAT_PROFILES__PAYMENTS__JQL="project = ELSE"
    ).json
    assert any("names another source" in problem for problem in payments["problems"])


@pytest.mark.parametrize("columns", [80, 240])
def test_the_table_fits_the_terminal(folder: Path, columns: int) -> None:
    """A wide terminal has one table, a narrow one a table per group of metrics; every profile is in each."""
    out = world.say(folder, "overview", columns=columns).out
    assert max(map(len, out.splitlines())) <= columns
    assert sum(line.startswith("payments ") for line in out.splitlines()) == (1 if columns == 240 else 4)
    rows = world.say(folder, "overview", "--format", "csv").csv
    assert [row["profile"] for row in rows] == ["payments", "orders"]
