"""Results of past days and of other rules: what is stored is shown, what is not is computed and marked."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import console_world as world
import pytest
from metric_rows import STATUSES, issue, time
from reference.teams import Team
from results_world import AS_OF
from stored_team import calculated, stored

from models.records import METRIC_TYPES, Rules
from worker import settings

pytestmark = pytest.mark.xdist_group("console results")  # one process makes what all tests here read


def test_as_of_finds_what_was_calculated_for_the_end_of_a_day(results_folder: Path) -> None:
    """A day means its end in the profile's time zone."""
    rows = world.say(results_folder, "results", "--as-of", AS_OF, "--format", "json").json
    assert len(rows) == len(METRIC_TYPES)
    assert {row["as_of"] for row in rows} == {"2026-10-01T22:00:00.000000Z"}


@pytest.mark.parametrize("words", [[], ["--window", "weeks"], ["--metric", "flow_time"]])
def test_a_day_between_two_stored_instants_is_computed_with_the_command_that_stores_it(
    results_folder: Path, words: list[str]
) -> None:
    """The values are those of explain, which computes them too; neither command stores them."""
    said = world.say(results_folder, "results", "--as-of", "2026-10-02", *words)
    assert said.code == 0
    assert "computed now and not stored" in " ".join(said.out.split())
    assert "flowbeat calculate payments --as-of 2026-10-02" in " ".join(said.out.split())
    rows = world.say(results_folder, "results", "--as-of", "2026-10-02", "--format", "json", *words).json
    assert {row["run_id"] for row in rows} >= {""}
    explained = world.say(
        results_folder, "explain", "payments", "flow_time", "--as-of", "2026-10-02", "--format", "json"
    ).json
    values = [row["value"] for row in rows if row["metric_type"] == "flow_time" and row["window_kind"] == "period"]
    assert values in ([], [explained["result"][0]["value"]])


def test_the_week_of_a_past_day_is_computed_and_marked(results_folder: Path, tmp_path: Path) -> None:
    """A later calculation replaced its row; the last line shows the requested instant."""
    folder = shutil.copytree(results_folder, tmp_path / "copy")
    world.configure(folder, incidents="")
    with closing(sqlite3.connect(folder / "flowbeat.db")) as connection, connection:
        connection.execute("DELETE FROM metric_results WHERE window_kind = 'week' AND complete = 0")
    said = world.say(folder, "results", "--as-of", AS_OF, "--window", "weeks", "--metric", "flow_velocity")
    text = " ".join(said.out.split())
    assert "(running)" in said.out
    assert "a later calculation replaces the week that was running then" in text
    assert "As of 2026-10-02 00:00" in text


def test_a_stored_metric_that_this_version_does_not_have_is_skipped_with_a_note(
    results_folder: Path, tmp_path: Path
) -> None:
    """A newer worker with the same database may have stored it."""
    folder = shutil.copytree(results_folder, tmp_path / "copy")
    with closing(sqlite3.connect(folder / "flowbeat.db")) as connection, connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(metric_results)")]
        values = ", ".join("'tempo'" if name == "metric_type" else name for name in columns)
        connection.execute(
            f"INSERT INTO metric_results ({', '.join(columns)}) SELECT {values} FROM metric_results"  # noqa: S608
            " WHERE metric_type = 'cfr' AND window_kind = 'period'"
        )
        connection.execute(
            "UPDATE calculation_performance SET metric_type = 'tempo' WHERE id = (SELECT min(id) FROM"
            " calculation_performance)"
        )
    said = world.say(folder, "results", "payments")
    assert (said.code, "another version of Flowbeat stored them: tempo" in " ".join(said.out.split())) == (0, True)
    assert world.say(folder, "explain", "payments", "cfr").code == 0
    measured = world.say(folder, "performance")
    said_there = " ".join(measured.out.split())
    assert (measured.code, "another version of Flowbeat stored them: tempo" in said_there) == (0, True)


@pytest.mark.parametrize("form", ["json", "csv"])
def test_computed_rows_are_marked_and_stored_rows_are_preferred(
    results_folder: Path, tmp_path: Path, form: str
) -> None:
    """One stored row of the instant is shown with the other metrics, which are computed."""
    folder = shutil.copytree(results_folder, tmp_path / "copy")
    with closing(sqlite3.connect(folder / "flowbeat.db")) as connection, connection:
        connection.execute("DELETE FROM metric_results WHERE metric_type <> 'flow_load' AND window_kind = 'period'")
    said = world.say(folder, "results", "--as-of", AS_OF, "--format", form)
    rows = said.json if form == "json" else said.csv
    assert {row["metric_type"]: str(row["stored"]).lower() for row in rows} == {
        metric: str(metric == "flow_load").lower() for metric in METRIC_TYPES
    }
    table = world.say(folder, "results", "--as-of", AS_OF, columns=120).out
    assert f"{len(METRIC_TYPES) - 1} of the {len(METRIC_TYPES)} values are computed now and not stored" in " ".join(
        table.split()
    )
    marked = {line.split()[0] for line in table.splitlines() if line.endswith("not stored")}
    assert marked == {*METRIC_TYPES} - {"flow_load"}


def test_rows_of_an_older_configuration_are_not_shown_for_the_present_one(results_folder: Path) -> None:
    """The value is the one that explain computes with the present configuration."""
    shorter = {"FLOWBEAT_PROFILES__PAYMENTS__TIME_PERIOD_DAYS": "7"}
    words = ("--as-of", AS_OF, "--format", "json")
    (row,) = world.say(results_folder, "results", "--metric", "flow_velocity", *words, **shorter).json
    explained = world.say(results_folder, "explain", "payments", "flow_velocity", *words, **shorter).json
    (stored_row,) = world.say(results_folder, "results", "--metric", "flow_velocity", *words).json
    assert (row["stored"], row["value"]) == (False, explained["result"][0]["value"])
    assert (stored_row["stored"], stored_row["window_start"] < row["window_start"]) == (True, True)


def test_facts_of_an_older_configuration_are_not_used(results_folder: Path) -> None:
    """Numbers of old facts under new rules would look right but be wrong."""
    changed = {"FLOWBEAT_PROFILES__PAYMENTS__WORKFLOW__WAITING": "Blocked"}
    said = world.say(results_folder, "results", "--as-of", "2026-10-02", **changed)
    assert (said.code, "issues are older than the data or the rules" in said.err) == (1, True)
    assert "flowbeat calculate payments --as-of 2026-10-02" in said.err


def test_a_profile_without_any_stored_row_is_computed(results_folder: Path, tmp_path: Path) -> None:
    """Only its copy is needed."""
    folder = shutil.copytree(results_folder, tmp_path / "copy")
    with closing(sqlite3.connect(folder / "flowbeat.db")) as connection, connection:
        connection.execute("DELETE FROM metric_results")
    for words in ((), ("payments",)):
        rows = world.say(folder, "results", *words, "--as-of", AS_OF, "--format", "json").json
        assert [(row["metric_type"], row["stored"]) for row in rows] == [(metric, False) for metric in METRIC_TYPES]


def test_zeros_of_a_jql_that_finds_no_issue_have_a_note(results_folder: Path, tmp_path: Path) -> None:
    """A mistake in the JQL would look like a team without work."""
    note = "The JQL of payments finds no issue, so a 0 here means no data; check profiles.payments.jql."
    assert note not in " ".join(world.say(results_folder, "results").out.split())
    world.configure(tmp_path)
    config = tmp_path / "flowbeat.toml"
    config.write_text(config.read_text().replace("project = PAY", "project = PAY AND created > 2099-01-01"))
    with world.world(tmp_path, issues=30) as current:
        world.refresh(current)
    assert note in " ".join(world.say(tmp_path, "results").out.split())


def test_a_day_after_the_data_asks_for_a_refresh(results_folder: Path) -> None:
    """A calculation would refuse the day."""
    said = world.say(results_folder, "results", "--as-of", "2026-12-24")
    assert said.code == 1
    assert (
        "is later than the data of 'payments': leave it out, or once it is past: flowbeat refresh payments" in said.err
    )


def test_a_calculation_of_a_day_that_is_not_over_is_refused_before_anything_is_queued(results_folder: Path) -> None:
    """The error has the day as it was typed."""
    said = world.say_apart(results_folder, "calculate", "payments", "--as-of", "2999-01-01")
    assert said.code == 2
    assert "--as-of 2999-01-01 is not over yet" in said.err
    assert "2999" not in world.say(results_folder, "status", "--format", "json").out
    said = world.say_apart(results_folder, "calculate", "payments", "--as-of", "tomorrow")
    assert (said.code, said.err.startswith("flowbeat: as-of 'tomorrow' is neither a day")) == (2, True)


def test_results_of_days_and_rules_are_kept_separately(tmp_path: Path, migrated_file: Path) -> None:
    """The rows of two days under two rules are each found by the day and the present configuration."""
    items = [issue(1, "10-01 → 2", "10-10 → 4", resolution="Done"), issue(2, "10-01 → 2", "10-20 → 4")]
    strict = {"FLOWBEAT_PROFILES__PAYMENTS__EXCLUDED_RESOLUTIONS": "Done"}
    days = {"2026-10-15": time("10-16"), "2026-10-31": None}
    with stored(tmp_path, migrated_file, Team(tuple(items), STATUSES), Rules(), time("11-01")) as current:
        calculated(current, days["2026-10-15"])
        other = replace(current, settings=settings.load(tmp_path / "flowbeat.toml", strict))
        for day in days.values():
            calculated(other, day)
    counts = {
        (day, bool(rules)): world.say(tmp_path, *words, "--as-of", day, "--format", "json", **rules).json
        for day in days
        for rules in ({}, strict)
        for words in [("results", "--metric", "flow_velocity")]
    }
    delivered = {key: row["details"]["count"] for key, (row,) in counts.items()}
    assert delivered == {
        ("2026-10-15", False): 1,
        ("2026-10-15", True): 0,
        ("2026-10-31", False): 2,
        ("2026-10-31", True): 1,
    }


def test_recommended_commands_repeat_the_as_of(results_folder: Path) -> None:
    """Without it they would show, or calculate, another day."""
    words = ("results", "--window", "weeks", "--as-of", AS_OF)
    changed = {"FLOWBEAT_PROFILES__PAYMENTS__EXCLUDED_RESOLUTIONS": "Done"}
    said = " ".join(world.say(results_folder, *words, **changed).out.split())
    assert f"--window weeks --as-of {AS_OF} --metric M" in said
    assert f"flowbeat calculate payments --as-of {AS_OF}" in said
