"""The results command: which stored rows it shows, with which notes, in every format."""

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import console_world as world
import pytest
from metric_rows import STATUSES, issue, time
from reference.teams import Team
from stored_team import calculated, stored

from models.records import METRIC_TYPES, MetricResult, Rules
from models.store import runs
from report.selection import newest
from worker import settings

pytestmark = pytest.mark.xdist_group("console results")  # one process makes what all tests here read

AS_OF = "2026-10-01"
TWO_WEEKS = {"FLOWBEAT_PROFILES__PAYMENTS__HISTORY_WEEKS": "2"}
WEEKS = 14  # the twelve before NOW, and the two that only the calculation of the earlier as-of has


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a profile without incidents that was refreshed at NOW, then calculated for the end of an earlier day."""
    place = tmp_path_factory.mktemp("results")
    world.configure(place, incidents="")
    with world.world(place) as current:
        world.refresh(current)
        end_of_day = datetime(2026, 10, 1, 22, 0, tzinfo=UTC)  # midnight in Zagreb
        world.carry_out(current, world.request(current, "calculate", as_of=end_of_day))
    yield place
    shutil.rmtree(place)


def test_the_period_has_a_row_per_metric_in_the_fixed_order(folder: Path) -> None:
    """The rows are those of the newest confirmed as-of, not of the last calculation."""
    rows = world.say(folder, "results", "--format", "json").json
    assert [row["metric_type"] for row in rows] == list(METRIC_TYPES)
    assert {row["as_of"] for row in rows} == {"2026-10-14T12:00:00.000000Z"}


def test_a_status_that_jira_does_not_list_is_named_with_the_values(folder: Path) -> None:
    """A misspelt status changes a number, so it is noted; a right name is not."""
    right = world.say(folder, "results").out
    assert "lists no such status" not in right
    slip = {"FLOWBEAT_PROFILES__PAYMENTS__WORKFLOW__WAITING": "in review,Blockd,Waiting for Godot"}
    said = " ".join(world.say(folder, "results", **slip).out.split())
    for word, advice in (("Blockd", " Did you mean Blocked?"), ("Waiting for Godot", "")):
        beginning = f"Note: workflow.waiting names '{word}', and Jira lists no such status."
        assert f"{beginning} No history has it either.{advice}" in said
    assert "in review" not in said


def test_a_type_that_jira_no_longer_lists_is_named_with_the_values(tmp_path: Path) -> None:
    """After a rename in Jira, or in an account's other language, no new incident would count."""
    slip = {"FLOWBEAT_PROFILES__PAYMENTS__INCIDENTS__TYPES": "Incidnt"}
    with world.refreshed(tmp_path, issues=30) as place:
        assert "lists no such" not in world.say(place, "results").out
        said = " ".join(world.say(place, "results", **slip).out.split())
    assert "Note: incidents.types names 'Incidnt', and Jira lists no such issue type." in said
    assert "It matches only issues that were read before it was renamed. Did you mean Incident?" in said


def test_a_failed_refresh_is_noted_until_one_succeeds(tmp_path: Path) -> None:
    """Old values look like any others; a successful calculation does not make the data newer."""
    world.configure(tmp_path)
    with world.world(tmp_path, issues=30) as current:
        world.refresh(current)
        noted = []
        for hours, kind, error in ((1, "refresh", "Jira refused it."), (2, "calculate", None), (3, "refresh", None)):
            run = world.request(current, kind)
            with current.sessions.begin() as session:
                runs.end(session, run.run_id, 1, current.now() + timedelta(hours=hours), error=error)
            said = " ".join(world.say(tmp_path, "results").out.split())
            noted.append("Note: the refresh that ended 2026-10-14 15:00 failed: Jira refused it." in said)
    assert noted == [True, True, False]


def test_the_table_shows_value_unit_level_and_coverage(folder: Path) -> None:
    """The values are those of the JSON, rounded."""
    (row,) = world.say(folder, "results", "--metric", "flow_velocity", "--format", "json").json
    lines = world.say(folder, "results").out.splitlines()
    (words,) = [line.split() for line in lines if line.startswith("flow_velocity")]
    assert float(words[1]) == pytest.approx(row["value"], rel=0.01)
    assert words[3:] == ["per", "week", f"{row['n_used']}/{row['n_used'] + row['n_excluded']}"]
    assert lines[0] == "payments: 2026-09-14 to 2026-10-13 (30 days, Europe/Zagreb)"
    assert lines[-1].startswith("As of 2026-10-14 14:00; fetched ")
    assert lines[-1].endswith(" ago, verified up to 2026-10-14 14:00.")
    assert row["verified_up_to"] == "2026-10-14T12:00:00.000000Z"


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("window", ["period", "weeks"])
def test_the_table_fits_the_terminal(folder: Path, columns: int, window: str) -> None:
    """No line is wider than the terminal, and no metric's name is broken."""
    said = world.say(folder, "results", "--window", window, columns=columns)
    assert max(len(line) for line in said.out.splitlines()) <= columns
    assert all(any(line.startswith(metric) for line in said.out.splitlines()) for metric in METRIC_TYPES)


def test_a_message_is_shown_once_below_the_table(folder: Path) -> None:
    """The advice is shown once, even if twelve weeks need it."""
    period, weeks = (world.say(folder, "results", "--window", window).out for window in ("period", "weeks"))
    for said in (period, weeks):
        assert said.count("mttr: Nothing says what an incident is") == 1
        assert "[profiles.payments.incidents]" in said
        assert "<name>" not in said
    assert "missing mapping" in period


def test_weeks_of_one_metric_are_listed_and_the_running_one_is_marked(folder: Path) -> None:
    """Every stored week is listed; the last one contains NOW."""
    said = world.say(folder, "results", "payments", "--window", "weeks", "--metric", "flow_load").out
    weeks = [line for line in said.splitlines() if line.startswith("2026-W")]
    assert len(weeks) == WEEKS
    assert [line.split()[0] for line in weeks if "(running)" in line] == ["2026-W42"]
    assert weeks[-1].startswith("2026-W42")


def test_weeks_of_all_metrics_are_a_line_each_with_their_last_values(folder: Path) -> None:
    """The sparkline has a mark for every week; the columns after it are the largest value and the last two."""
    rows = world.say(folder, "results", "--window", "weeks", "--metric", "flow_load", "--format", "json").json
    said = world.say(folder, "results", "--window", "weeks").out
    (words,) = [line.split() for line in said.splitlines() if line.startswith("flow_load")]
    assert len(words[1]) == WEEKS
    values = [row["value"] for row in rows][words[1].count("–") :]
    assert list(map(float, words[2:5])) == [max(values), values[-2], values[-1]]
    (least,) = said.splitlines()[said[: said.index("flow_load")].count("\n") + 1].split()
    assert float(least) == min(values)


def test_several_profiles_and_metrics_may_be_named(folder: Path) -> None:
    """The output is one table, or a list of weeks for each metric; JSON and CSV are one list."""
    names = ["flow_time", "cfr"]
    words = ("results", "payments", "payments", "--metric", names[0], "--metric", names[1])
    rows = world.say(folder, *words, "--format", "json").json
    assert sorted(row["metric_type"] for row in rows) == sorted(names)
    said = world.say(folder, *words, "--window", "weeks").out
    assert [line for line in said.splitlines() if ", by week" in line] == [
        "payments: cfr, percent, by week (Europe/Zagreb)",
        "payments: flow_time, days, by week (Europe/Zagreb)",
    ]
    weeks = world.say(folder, *words, "--window", "weeks", "--format", "csv").csv
    assert len(weeks) == len(names) * WEEKS


def test_the_period_before_and_the_85th_percentile_are_beside_the_value(folder: Path) -> None:
    """The earlier value is that of explain at the same as-of; metrics that have a percentile show it."""
    rows = {row["metric_type"]: row for row in world.say(folder, "results", "--format", "json").json}
    for metric in METRIC_TYPES:
        (result,) = world.say(folder, "explain", "payments", metric, "--against", "previous", "--format", "json").json[
            "result"
        ]
        row = rows[metric]
        assert [row["before_value"], row["before_state"]] == [result["against_value"], result["against_state"]]
    lines = world.say(folder, "results").out.splitlines()
    (line,) = [line.split() for line in lines if line.startswith("flow_time")]
    assert line[3] == f"{rows['flow_time']['details']['p85']:.3g}"
    assert max(map(len, lines)) <= 80


def test_an_earlier_period_without_data_is_unknown(tmp_path: Path, migrated_file: Path) -> None:
    """If the first issue was created after that period began, it has a dash instead of a number."""
    item = issue(1, "10-01 → 2", "10-20 → 4")
    with stored(tmp_path, migrated_file, Team((item,), STATUSES), Rules(), time("11-01")):
        pass
    rows = world.say(tmp_path, "results", "--format", "json").json
    assert {(row["before_value"], row["before_state"]) for row in rows} == {(None, None)}


def test_weeks_in_csv_name_their_week(folder: Path) -> None:
    """Every metric and week has a row, with the ISO name and the instants."""
    rows = world.say(folder, "results", "--window", "weeks", "--format", "csv").csv
    assert len(rows) == len(METRIC_TYPES) * WEEKS
    assert {row["week"] for row in rows} >= {"2026-W29", "2026-W42"}


def test_a_quiet_week_is_a_dot_in_the_overview_and_explained_in_the_list(folder: Path) -> None:
    """The advice about a single week without data is shown only with the list of that metric."""
    overview = world.say(folder, "results", "--window", "weeks").out
    assert "A dot is a week without a value." in overview
    assert "here; check" not in overview
    weeks = world.say(folder, "results", "--window", "weeks", "--metric", "lead_time", "--format", "json").json
    quiet = {row["message"] for row in weeks if row["state"] == "no_data"}
    listed = " ".join(world.say(folder, "results", "--window", "weeks", "--metric", "lead_time").out.split())
    assert quiet
    assert all(message in listed for message in quiet)


def test_as_of_finds_what_was_calculated_for_the_end_of_a_day(folder: Path) -> None:
    """A day means its end in the profile's time zone."""
    rows = world.say(folder, "results", "--as-of", AS_OF, "--format", "json").json
    assert len(rows) == len(METRIC_TYPES)
    assert {row["as_of"] for row in rows} == {"2026-10-01T22:00:00.000000Z"}


@pytest.mark.parametrize("words", [[], ["--window", "weeks"], ["--metric", "flow_time"]])
def test_a_day_between_two_stored_instants_is_computed_with_the_command_that_stores_it(
    folder: Path, words: list[str]
) -> None:
    """The values are those of explain, which computes them too; neither command stores them."""
    said = world.say(folder, "results", "--as-of", "2026-10-02", *words)
    assert said.code == 0
    assert "computed now and not stored" in " ".join(said.out.split())
    assert "flowbeat calculate payments --as-of 2026-10-02" in " ".join(said.out.split())
    rows = world.say(folder, "results", "--as-of", "2026-10-02", "--format", "json", *words).json
    assert {row["run_id"] for row in rows} >= {""}
    explained = world.say(folder, "explain", "payments", "flow_time", "--as-of", "2026-10-02", "--format", "json").json
    values = [row["value"] for row in rows if row["metric_type"] == "flow_time" and row["window_kind"] == "period"]
    assert values in ([], [explained["result"][0]["value"]])


def test_the_week_of_a_past_day_is_computed_and_marked(folder: Path, tmp_path: Path) -> None:
    """A later calculation replaced its row; the last line shows the requested instant."""
    folder = shutil.copytree(folder, tmp_path / "copy")
    world.configure(folder, incidents="")
    with closing(sqlite3.connect(folder / "flowbeat.db")) as connection, connection:
        connection.execute("DELETE FROM metric_results WHERE window_kind = 'week' AND complete = 0")
    said = world.say(folder, "results", "--as-of", AS_OF, "--window", "weeks", "--metric", "flow_velocity")
    text = " ".join(said.out.split())
    assert "(running)" in said.out
    assert "a later calculation replaces the week that was running then" in text
    assert "As of 2026-10-02 00:00" in text


def test_a_stored_metric_that_this_version_does_not_have_is_skipped_with_a_note(folder: Path, tmp_path: Path) -> None:
    """A newer worker with the same database may have stored it."""
    folder = shutil.copytree(folder, tmp_path / "copy")
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
def test_computed_rows_are_marked_and_stored_rows_are_preferred(folder: Path, tmp_path: Path, form: str) -> None:
    """One stored row of the instant is shown with the other metrics, which are computed."""
    folder = shutil.copytree(folder, tmp_path / "copy")
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


def test_rows_of_an_older_configuration_are_not_shown_for_the_present_one(folder: Path) -> None:
    """The value is the one that explain computes with the present configuration."""
    shorter = {"FLOWBEAT_PROFILES__PAYMENTS__TIME_PERIOD_DAYS": "7"}
    words = ("--as-of", AS_OF, "--format", "json")
    (row,) = world.say(folder, "results", "--metric", "flow_velocity", *words, **shorter).json
    explained = world.say(folder, "explain", "payments", "flow_velocity", *words, **shorter).json
    (stored_row,) = world.say(folder, "results", "--metric", "flow_velocity", *words).json
    assert (row["stored"], row["value"]) == (False, explained["result"][0]["value"])
    assert (stored_row["stored"], stored_row["window_start"] < row["window_start"]) == (True, True)


def test_facts_of_an_older_configuration_are_not_used(folder: Path) -> None:
    """Numbers of old facts under new rules would look right but be wrong."""
    changed = {"FLOWBEAT_PROFILES__PAYMENTS__WORKFLOW__WAITING": "Blocked"}
    said = world.say(folder, "results", "--as-of", "2026-10-02", **changed)
    assert (said.code, "issues are older than the data or the rules" in said.err) == (1, True)
    assert "flowbeat calculate payments --as-of 2026-10-02" in said.err


def test_a_profile_without_any_stored_row_is_computed(folder: Path, tmp_path: Path) -> None:
    """Only its copy is needed."""
    folder = shutil.copytree(folder, tmp_path / "copy")
    with closing(sqlite3.connect(folder / "flowbeat.db")) as connection, connection:
        connection.execute("DELETE FROM metric_results")
    for words in ((), ("payments",)):
        rows = world.say(folder, "results", *words, "--as-of", AS_OF, "--format", "json").json
        assert [(row["metric_type"], row["stored"]) for row in rows] == [(metric, False) for metric in METRIC_TYPES]


def test_zeros_of_a_jql_that_finds_no_issue_have_a_note(folder: Path, tmp_path: Path) -> None:
    """A mistake in the JQL would look like a team without work."""
    note = "The JQL of payments finds no issue, so a 0 here means no data; check profiles.payments.jql."
    assert note not in " ".join(world.say(folder, "results").out.split())
    world.configure(tmp_path)
    config = tmp_path / "flowbeat.toml"
    config.write_text(config.read_text().replace("project = PAY", "project = PAY AND created > 2099-01-01"))
    with world.world(tmp_path, issues=30) as current:
        world.refresh(current)
    assert note in " ".join(world.say(tmp_path, "results").out.split())


def test_a_day_after_the_data_asks_for_a_refresh(folder: Path) -> None:
    """A calculation would refuse the day."""
    said = world.say(folder, "results", "--as-of", "2026-12-24")
    assert said.code == 1
    assert (
        "is later than the data of 'payments': leave it out, or once it is past: flowbeat refresh payments" in said.err
    )


def test_a_calculation_of_a_day_that_is_not_over_is_refused_before_anything_is_queued(folder: Path) -> None:
    """The error has the day as it was typed."""
    said = world.say_apart(folder, "calculate", "payments", "--as-of", "2999-01-01")
    assert said.code == 2
    assert "--as-of 2999-01-01 is not over yet" in said.err
    assert "2999" not in world.say(folder, "status", "--format", "json").out
    said = world.say_apart(folder, "calculate", "payments", "--as-of", "tomorrow")
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


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (["results", "payment"], "did you mean payments?"),
        (["results", "--metric", "leadtime"], "did you mean lead_time?"),
        (["results", "--as-of", "gestern"], "Error: --as-of 'gestern' is neither a day"),
    ],
)
def test_an_unknown_name_is_a_usage_error(folder: Path, words: list[str], advice: str) -> None:
    """The error names the nearest known one."""
    said = world.say(folder, *words)
    assert said.code == 2
    assert advice in said.err


def test_data_quality_is_shown_below_with_the_issues(folder: Path, tmp_path: Path) -> None:
    """Findings are named in words, sorted by the number of issues, with their keys."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    with world.world(tmp_path) as current, current.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO data_quality (profile, issue_id, origin, reason, count)"
            " SELECT profile, issue_id, 'facts', 'broken_chain', 1 FROM issues ORDER BY issue_id LIMIT 3"
        )
        keys = [key for (key,) in connection.exec_driver_sql("SELECT key FROM issues ORDER BY issue_id LIMIT 3")]
    said = " ".join(world.say(tmp_path, "results").out.split())
    assert f"Data quality, by issues: broken chain in 3 ({', '.join(keys)}), moved backwards in " in said


def test_no_result_yet_says_what_to_run(tmp_path: Path) -> None:
    """The database has a schema and no rows."""
    world.configure(tmp_path)
    assert world.say_apart(tmp_path, "migrate").code == 0
    said = world.say(tmp_path, "results", "payments")
    assert (said.code, said.err) == (
        1,
        "flowbeat: no result of 'payments' is stored yet; flowbeat refresh payments makes the first\n",
    )


def test_a_metric_without_its_mapping_has_no_coverage(folder: Path) -> None:
    """Without a mapping the number of candidates is unknown, so 0 of 0 would be wrong."""
    lines = world.say(folder, "results").out.splitlines()
    (words,) = [line.split() for line in lines if line.startswith("mttr ")]
    assert words[1:] == ["–", "–", "hours", "missing", "mapping", "–"]
    said = world.say(folder, "explain", "payments", "mttr").out
    assert "missing mapping; as of 2026-10-14 14:00" in said
    assert "add [profiles.payments.incidents]" in said
    assert "candidates" not in said


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"FLOWBEAT_PROFILES__PAYMENTS__EXCLUDED_RESOLUTIONS": "Done"},
            "calculated with an older configuration",
        ),
        ({"FLOWBEAT_PROFILES__PAYMENTS__FIELDS__POINTS": "customfield_10016"}, ""),  # the same field by its id
        (
            {"FLOWBEAT_PROFILES__PAYMENTS__FIELDS__DETECTED_AT": "Story point estimate"},
            "calculated with an older configuration",
        ),
        (
            {"FLOWBEAT_PROFILES__PAYMENTS__FIELDS__DETECTED_AT": "Detected"},
            "maps a field that was never fetched",
        ),
    ],
)
@pytest.mark.parametrize("words", [("results",), ("results", "--window", "weeks"), ("explain", "payments", "cfr")])
def test_values_of_an_older_configuration_say_what_to_run(
    folder: Path, words: tuple[str, ...], change: dict[str, str], says: str
) -> None:
    """Notes name a changed rule, another stored field, or one that needs a full fetch; explain also checks facts."""
    said = " ".join(world.say(folder, *words, **change).out.split())
    assert says in said or (words[0] == "explain" and "older than the data or the rules" in said)
    assert ("Note: " in said) is bool(says)
    if says:
        assert "flowbeat calculate payments" in said
    if "never" in says:
        assert "To read all 91 issues from Jira again, once" in said


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"FLOWBEAT_PROFILES__PAYMENTS__JQL": "project = PAY AND type = Bug"}, "another JQL or login"),
        ({"FLOWBEAT_CONNECTIONS__SANDBOX__EMAIL": "other@acme.example"}, "another JQL or login"),
        ({"FLOWBEAT_CONNECTIONS__SANDBOX__BASE_URL": "https://other.example"}, "another Jira"),
        ({"FLOWBEAT_PROFILES__PAYMENTS__JQL": "project  =  PAY"}, ""),  # the same, with other blanks
        ({"FLOWBEAT_PROFILES__PAYMENTS__TIME_PERIOD_DAYS": "29"}, ""),  # other rules, the same issues
    ],
)
@pytest.mark.parametrize("words", [("results",), ("results", "--window", "weeks"), ("explain", "payments", "cfr")])
def test_values_of_another_query_than_the_configured_one_say_so(
    folder: Path, words: tuple[str, ...], change: dict[str, str], says: str
) -> None:
    """Nothing else shows that the copy is of another query."""
    said = " ".join(world.say(folder, *words, **change).out.split())
    sentence = f"Note: flowbeat.toml names {says} than these issues were fetched with. To update, run: flowbeat"
    assert (f"{sentence} calculate payments" in said) is bool(says)
    assert ("these issues were fetched with" in said) is bool(says)


def test_recommended_commands_repeat_the_as_of(folder: Path) -> None:
    """Without it they would show, or calculate, another day."""
    words = ("results", "--window", "weeks", "--as-of", AS_OF)
    changed = {"FLOWBEAT_PROFILES__PAYMENTS__EXCLUDED_RESOLUTIONS": "Done"}
    said = " ".join(world.say(folder, *words, **changed).out.split())
    assert f"--window weeks --as-of {AS_OF} --metric M" in said
    assert f"flowbeat calculate payments --as-of {AS_OF}" in said


def test_all_weeks_are_shown_on_one_or_more_lines(tmp_path: Path, migrated_file: Path) -> None:
    """A year needs several lines with their weeks as headings at eighty columns, and one line at 120."""
    item = issue(1, "01-05 → 2", "10-20 → 4")
    with stored(tmp_path, migrated_file, Team((item,), STATUSES), Rules(history_weeks=52), time("11-01")):
        pass
    for columns, size in ((80, 18), (120, 52)):
        lines = world.say(tmp_path, "results", "--window", "weeks", columns=columns).out.splitlines()
        (first,) = [index for index, line in enumerate(lines) if line.startswith("flow_load")]
        marks = [
            "".join(re.findall("[–▁-█]+", line[20:46] if size < 52 else line)) for line in lines[first : first + 3]
        ]
        assert len(marks[0]) == size
        assert "".join(marks if size < 52 else marks[:1]) == "–" * 9 + "█" * 41 + "▁▁"
        assert max(map(len, lines)) <= columns
        assert any("2025-W45 – 2026-W10" in line for line in lines[:4]) is (size < 52)


def test_weeks_that_were_never_calculated_are_a_gap(tmp_path: Path, migrated_file: Path) -> None:
    """The gap between two weeks of 2024 and three of 2026 is a blank, a line in the list, and counted."""
    item = issue(1, "10-01 → 2", "10-20 → 4")
    with stored(tmp_path, migrated_file, Team((item,), STATUSES), Rules(history_weeks=3), time("11-01")) as current:
        other = replace(current, settings=settings.load(tmp_path / "flowbeat.toml", TWO_WEEKS))
        calculated(other, datetime(2024, 3, 31, 12, tzinfo=UTC))
    for columns in (60, 80):
        overview = world.say(tmp_path, "results", "--window", "weeks", columns=columns).out
        assert overview.startswith("payments: 2024-W12 to 2026-W44, 5 of 137 weeks\n")
        assert "flow_load             –– █▁▁  " in overview
        assert "A blank is a week without a stored result." in " ".join(overview.split())
    words = ("results", "--window", "weeks", "--metric", "flow_load")
    listed = [line.split() for line in world.say(tmp_path, *words).out.splitlines()[3:9]]
    assert [line[0] for line in listed] == ["2024-W12", "2024-W13", "132", "2026-W42", "2026-W43", "2026-W44"]
    assert listed[2] == ["132", "weeks", "–", "–", "no", "stored", "value"]
    assert len(world.say(tmp_path, *words, "--format", "json").json) == 5
    assert len(world.say(tmp_path, *words, "--format", "csv").csv) == 5


def test_weeks_before_the_first_issue_are_marked(tmp_path: Path, migrated_file: Path) -> None:
    """They have a dash instead of 0, because the copy has no data about them."""
    item = issue(1, "10-14 → 2", "10-20 → 4")
    with stored(tmp_path, migrated_file, Team((item,), STATUSES), Rules(history_weeks=5), time("11-01")):
        pass
    said = world.say(tmp_path, "results", "--window", "weeks", "--metric", "flow_velocity").out
    weeks = {line.split()[0]: line.split()[1] for line in said.splitlines() if line.startswith("2026-W")}
    assert weeks == {"2026-W40": "–", "2026-W41": "–", "2026-W42": "0", "2026-W43": "1", "2026-W44": "(running)"}
    assert "first stored issue was created on 2026-10-14" in said
    period = " ".join(world.say(tmp_path, "results").out.split())
    assert "The copy has no data about earlier days." in period


def test_a_distribution_of_only_unmapped_types_is_noted(tmp_path: Path, migrated_file: Path) -> None:
    """Two Spikes with 0 % features say nothing about the team."""
    spikes = [issue(number, "10-01 → 2", "10-20 → 4", type="Spike") for number in (1, 2)]
    with stored(tmp_path, migrated_file, Team(tuple(spikes), STATUSES), Rules(), time("11-01")):
        pass
    said = " ".join(world.say(tmp_path, "results").out.split())
    assert "flow_distribution: all 2 delivered items are of types that no category names" in said
    assert "[profiles.payments.categories]" in said
    explained = world.say(tmp_path, "explain", "payments", "flow_distribution").out
    assert re.search(r"unmapped.*\n.*Spike", explained)


def test_a_profile_without_weeks_says_why(tmp_path: Path, migrated_file: Path) -> None:
    """It has results, but none by week."""
    team = Team((issue(1, "10-01 → 2"),), STATUSES)
    with stored(tmp_path, migrated_file, team, Rules(), time("11-01")) as current, current.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM metric_results WHERE window_kind = 'week'")
    said = world.say(tmp_path, "results", "--window", "weeks")
    assert (said.code, "history_weeks is 0" in said.err) == (1, True)


def test_the_newest_row_is_the_one_the_views_show(folder: Path) -> None:
    """Rows are compared by instant of confirmation, then by instant of calculation, then by hash."""
    with world.world(folder) as current, current.engine.connect() as connection:
        viewed = connection.exec_driver_sql("SELECT metric_type, as_of FROM latest_results").all()
    rows = world.say(folder, "results", "--format", "json").json
    assert {(row["metric_type"], row["as_of"][:19]) for row in rows} == {
        (metric, str(as_of).replace(" ", "T")[:19]) for metric, as_of in viewed
    }
    hour = timedelta(hours=1)
    old, late = _row("b", world.NOW, world.NOW + 2 * hour), _row("a", world.NOW + hour, world.NOW)
    assert newest([late, old]) == newest([old, late]) == [late]
    again = replace(late, value=2.0, calculated_at=world.NOW + 3 * hour)
    assert newest([again, late]) == newest([late, again]) == [again]
    assert newest([_row("b", world.NOW, world.NOW), _row("a", world.NOW, world.NOW)])[0].rules_hash == "a"


def _row(rules_hash: str, confirmed: datetime, calculated: datetime) -> MetricResult:
    day = timedelta(days=1)
    return MetricResult(
        profile="payments",
        metric_type="flow_load",
        window_kind="period",
        window_start=world.NOW - day,
        window_end=world.NOW,
        rules_hash=rules_hash,
        as_of=world.NOW,
        confirmed_as_of=confirmed,
        value=1.0,
        unit="items",
        level=None,
        state="success",
        message=None,
        n_used=1,
        n_excluded=0,
        exclusions={},
        details={},
        complete=True,
        run_id="r",
        calculated_at=calculated,
    )
