"""The results command: which stored rows it shows, with which notes, in every format."""

import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import console_world as world
import pytest
from metric_rows import STATUSES, issue, time
from reference.teams import Team
from results_world import TWO_WEEKS, WEEKS
from stored_team import calculated, stored

from models.records import METRIC_TYPES, MetricResult, Rules
from models.store import runs
from report.selection import newest
from worker import settings

pytestmark = pytest.mark.xdist_group("console results")  # one process makes what all tests here read


def test_the_period_has_a_row_per_metric_in_the_fixed_order(results_folder: Path) -> None:
    """The rows are those of the newest confirmed as-of, not of the last calculation."""
    rows = world.say(results_folder, "results", "--format", "json").json
    assert [row["metric_type"] for row in rows] == list(METRIC_TYPES)
    assert {row["as_of"] for row in rows} == {"2026-10-14T12:00:00.000000Z"}


def test_a_status_that_jira_does_not_list_is_named_with_the_values(results_folder: Path) -> None:
    """A misspelt status changes a number, so it is noted; a right name is not."""
    right = world.say(results_folder, "results").out
    assert "lists no such status" not in right
    slip = {"FLOWBEAT_PROFILES__PAYMENTS__WORKFLOW__WAITING": "in review,Blockd,Waiting for Godot"}
    said = " ".join(world.say(results_folder, "results", **slip).out.split())
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


def test_the_table_shows_value_unit_level_and_coverage(results_folder: Path) -> None:
    """The values are those of the JSON, rounded."""
    (row,) = world.say(results_folder, "results", "--metric", "flow_velocity", "--format", "json").json
    lines = world.say(results_folder, "results").out.splitlines()
    (words,) = [line.split() for line in lines if line.startswith("flow_velocity")]
    assert float(words[1]) == pytest.approx(row["value"], rel=0.01)
    assert words[3:] == ["per", "week", f"{row['n_used']}/{row['n_used'] + row['n_excluded']}"]
    assert lines[0] == "payments: 2026-09-14 to 2026-10-13 (30 days, Europe/Zagreb)"
    assert lines[-1].startswith("As of 2026-10-14 14:00; fetched ")
    assert lines[-1].endswith(" ago, verified up to 2026-10-14 14:00.")
    assert row["verified_up_to"] == "2026-10-14T12:00:00.000000Z"


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("window", ["period", "weeks"])
def test_the_table_fits_the_terminal(results_folder: Path, columns: int, window: str) -> None:
    """No line is wider than the terminal, and no metric's name is broken."""
    said = world.say(results_folder, "results", "--window", window, columns=columns)
    assert max(len(line) for line in said.out.splitlines()) <= columns
    assert all(any(line.startswith(metric) for line in said.out.splitlines()) for metric in METRIC_TYPES)


def test_a_message_is_shown_once_below_the_table(results_folder: Path) -> None:
    """The advice is shown once, even if twelve weeks need it."""
    period, weeks = (world.say(results_folder, "results", "--window", window).out for window in ("period", "weeks"))
    for said in (period, weeks):
        assert said.count("mttr: Nothing says what an incident is") == 1
        assert "[profiles.payments.incidents]" in said
        assert "<name>" not in said
    assert "missing mapping" in period


def test_weeks_of_one_metric_are_listed_and_the_running_one_is_marked(results_folder: Path) -> None:
    """Every stored week is listed; the last one contains NOW."""
    said = world.say(results_folder, "results", "payments", "--window", "weeks", "--metric", "flow_load").out
    weeks = [line for line in said.splitlines() if line.startswith("2026-W")]
    assert len(weeks) == WEEKS
    assert [line.split()[0] for line in weeks if "(running)" in line] == ["2026-W42"]
    assert weeks[-1].startswith("2026-W42")


def test_weeks_of_all_metrics_are_a_line_each_with_their_last_values(results_folder: Path) -> None:
    """The sparkline has a mark for every week; the columns after it are the largest value and the last two."""
    rows = world.say(results_folder, "results", "--window", "weeks", "--metric", "flow_load", "--format", "json").json
    said = world.say(results_folder, "results", "--window", "weeks").out
    (words,) = [line.split() for line in said.splitlines() if line.startswith("flow_load")]
    assert len(words[1]) == WEEKS
    values = [row["value"] for row in rows][words[1].count("–") :]
    assert list(map(float, words[2:5])) == [max(values), values[-2], values[-1]]
    (least,) = said.splitlines()[said[: said.index("flow_load")].count("\n") + 1].split()
    assert float(least) == min(values)


def test_several_profiles_and_metrics_may_be_named(results_folder: Path) -> None:
    """The output is one table, or a list of weeks for each metric; JSON and CSV are one list."""
    names = ["flow_time", "cfr"]
    words = ("results", "payments", "payments", "--metric", names[0], "--metric", names[1])
    rows = world.say(results_folder, *words, "--format", "json").json
    assert sorted(row["metric_type"] for row in rows) == sorted(names)
    said = world.say(results_folder, *words, "--window", "weeks").out
    assert [line for line in said.splitlines() if ", by week" in line] == [
        "payments: cfr, percent, by week (Europe/Zagreb)",
        "payments: flow_time, days, by week (Europe/Zagreb)",
    ]
    weeks = world.say(results_folder, *words, "--window", "weeks", "--format", "csv").csv
    assert len(weeks) == len(names) * WEEKS


def test_the_period_before_and_the_85th_percentile_are_beside_the_value(results_folder: Path) -> None:
    """The earlier value is that of explain at the same as-of; metrics that have a percentile show it."""
    rows = {row["metric_type"]: row for row in world.say(results_folder, "results", "--format", "json").json}
    for metric in METRIC_TYPES:
        (result,) = world.say(
            results_folder, "explain", "payments", metric, "--against", "previous", "--format", "json"
        ).json["result"]
        row = rows[metric]
        assert [row["before_value"], row["before_state"]] == [result["against_value"], result["against_state"]]
    lines = world.say(results_folder, "results").out.splitlines()
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


def test_weeks_in_csv_name_their_week(results_folder: Path) -> None:
    """Every metric and week has a row, with the ISO name and the instants."""
    rows = world.say(results_folder, "results", "--window", "weeks", "--format", "csv").csv
    assert len(rows) == len(METRIC_TYPES) * WEEKS
    assert {row["week"] for row in rows} >= {"2026-W29", "2026-W42"}


def test_a_quiet_week_is_a_dot_in_the_overview_and_explained_in_the_list(results_folder: Path) -> None:
    """The advice about a single week without data is shown only with the list of that metric."""
    overview = world.say(results_folder, "results", "--window", "weeks").out
    assert "A dot is a week without a value." in overview
    assert "here; check" not in overview
    weeks = world.say(results_folder, "results", "--window", "weeks", "--metric", "lead_time", "--format", "json").json
    quiet = {row["message"] for row in weeks if row["state"] == "no_data"}
    listed = " ".join(world.say(results_folder, "results", "--window", "weeks", "--metric", "lead_time").out.split())
    assert quiet
    assert all(message in listed for message in quiet)


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (["results", "payment"], "did you mean payments?"),
        (["results", "--metric", "leadtime"], "did you mean lead_time?"),
        (["results", "--as-of", "gestern"], "Error: as-of 'gestern' is neither a day"),
    ],
)
def test_an_unknown_name_is_a_usage_error(results_folder: Path, words: list[str], advice: str) -> None:
    """The error names the nearest known one."""
    said = world.say(results_folder, *words)
    assert said.code == 2
    assert advice in said.err


def test_data_quality_is_shown_below_with_the_issues(results_folder: Path, tmp_path: Path) -> None:
    """Findings are named in words, sorted by the number of issues, with their keys."""
    shutil.copytree(results_folder, tmp_path, dirs_exist_ok=True)
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


def test_a_metric_without_its_mapping_has_no_coverage(results_folder: Path) -> None:
    """Without a mapping the number of candidates is unknown, so 0 of 0 would be wrong."""
    lines = world.say(results_folder, "results").out.splitlines()
    (words,) = [line.split() for line in lines if line.startswith("mttr ")]
    assert words[1:] == ["–", "–", "hours", "missing", "mapping", "–"]
    said = world.say(results_folder, "explain", "payments", "mttr").out
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
    results_folder: Path, words: tuple[str, ...], change: dict[str, str], says: str
) -> None:
    """Notes name a changed rule, another stored field, or one that needs a full fetch; explain also checks facts."""
    said = " ".join(world.say(results_folder, *words, **change).out.split())
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
    results_folder: Path, words: tuple[str, ...], change: dict[str, str], says: str
) -> None:
    """Nothing else shows that the copy is of another query."""
    said = " ".join(world.say(results_folder, *words, **change).out.split())
    sentence = f"Note: flowbeat.toml names {says} than these issues were fetched with. To update, run: flowbeat"
    assert (f"{sentence} calculate payments" in said) is bool(says)
    assert ("these issues were fetched with" in said) is bool(says)


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


def test_the_newest_row_is_the_one_the_views_show(results_folder: Path) -> None:
    """Rows are compared by instant of confirmation, then by instant of calculation, then by hash."""
    with world.world(results_folder) as current, current.engine.connect() as connection:
        viewed = connection.exec_driver_sql("SELECT metric_type, as_of FROM latest_results").all()
    rows = world.say(results_folder, "results", "--format", "json").json
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
