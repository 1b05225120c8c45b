"""The explain command: the parts add up to the stored number, and every issue left out has its reason."""

import re
import shutil
import statistics
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import console_world as world
import pytest
from explained_parts import value_of_explained
from metric_rows import STATUSES, issue, time
from reference.teams import Team
from stored_team import stored

from models.records import METRIC_TYPES, Rules
from models.store import quality

pytestmark = pytest.mark.xdist_group("console explain")  # one process makes what all tests here read

DAYS = 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a folder with a refreshed profile."""
    with world.refreshed(tmp_path_factory.mktemp("explain")) as place:
        yield place


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield the same team with the resolution Done excluded, so that a done item is not delivered."""
    with world.refreshed(tmp_path_factory.mktemp("strict"), keys='excluded_resolutions = ["Done"]') as place:
        yield place


@pytest.mark.parametrize("metric", METRIC_TYPES)
def test_the_parts_add_up_to_the_stored_number(folder: Path, metric: str) -> None:
    """The values of all metrics are computed here again from the contributions."""
    (stored,) = world.say(folder, "results", "--metric", metric, "--format", "json").json
    explained = world.say(folder, "explain", "payments", metric, "--format", "json").json
    (result,) = explained["result"]
    assert (
        result["value"]
        == stored["value"]
        == pytest.approx(value_of_explained(metric, explained["used"], DAYS), rel=1e-12)
    )
    assert len(explained["used"]) == stored["n_used"] > 0
    assert len(explained["left_out"]) == stored["n_excluded"]
    assert result["warning"] is None


@pytest.mark.parametrize("metric", METRIC_TYPES)
@pytest.mark.parametrize("columns", [80, 120])
def test_the_tables_fit_and_say_how_it_adds_up(folder: Path, metric: str, columns: int) -> None:
    """The sentence with the figures ends with the value."""
    said = world.say(folder, "explain", "payments", metric, columns=columns).out
    (result,) = world.say(folder, "explain", "payments", metric, "--format", "json").json["result"]
    assert max(len(line) for line in said.splitlines()) <= columns
    assert " ".join(result["adds_up"].split()) in " ".join(said.split())
    figure = float(result["adds_up"].rpartition("= ")[2].split()[0].replace(",", ""))
    assert figure == pytest.approx(result["value"], abs=0.0001)


@pytest.mark.parametrize("metric", ["lead_time", "mttr", "flow_time"])
@pytest.mark.parametrize("window", [(), ("--week", "2026-W40"), ("--week", "2026-W41")])
def test_a_median_names_the_places_it_comes_from(folder: Path, metric: str, window: tuple[str, ...]) -> None:
    """Places are counted from the shortest: the one in the middle, or the two around the middle."""
    explained = world.say(folder, "explain", "payments", metric, *window, "--format", "json").json
    (result,) = explained["result"]
    places = [int(place) for place in re.findall(r"(\d+)(?:st|nd|rd|th)\b", result["adds_up"])]
    spans = sorted(part["contribution"] for part in explained["used"])
    assert len(places) == (0 if not spans else 1 if len(spans) % 2 else 2)
    if places:
        assert result["value"] == pytest.approx(statistics.mean(spans[place - 1] for place in places), rel=1e-12)


def test_left_out_issues_are_listed_with_their_reason(strict: Path) -> None:
    """If Done is excluded, every done item is a candidate left out; none is counted."""
    explained = world.say(strict, "explain", "payments", "flow_velocity", "--format", "json").json
    assert {part["reason"] for part in explained["left_out"]} == {"not_delivered"}
    assert len(explained["left_out"]) == explained["result"][0]["n_excluded"] > 0
    assert not any(part["reason"] for part in explained["used"])
    said = world.say(strict, "explain", "payments", "flow_velocity").out
    assert f"Left out: {len(explained['left_out'])}" in said
    assert "not delivered" in said


def test_the_items_without_points_are_named(folder: Path) -> None:
    """The sum alone looks complete; the details count those items, and explain lists them."""
    explained = world.say(folder, "explain", "payments", "flow_velocity", "--format", "json").json
    details = explained["result"][0]["details"]
    keys = [part["key"] for part in explained["used"] if part["points"] is None]
    assert len(keys) == details["without_points"] > 0
    assert sum(part["points"] for part in explained["used"] if part["points"] is not None) == details["points"] > 0
    said = " ".join(world.say(folder, "explain", "payments", "flow_velocity", columns=160).out.split())
    assert f"{len(keys)} of {len(explained['used'])} delivered items have no points: {keys[0]}" in said
    others = world.say(folder, "explain", "payments", "flow_time", "--format", "json").json["used"]
    assert {part["points"] for part in others} == {None}
    assert "no points" not in world.say(folder, "explain", "payments", "flow_time").out


def test_a_missing_value_is_explained_too(strict: Path) -> None:
    """The message is shown instead of a value."""
    (result,) = world.say(strict, "explain", "payments", "flow_time", "--format", "json").json["result"]
    assert (result["state"], result["value"]) == ("no_data", None)
    said = world.say(strict, "explain", "payments", "flow_time").out
    assert "no data; used 0 of" in said
    assert "candidates were left out" in " ".join(said.split())


def test_instants_are_shown_in_the_profiles_zone(folder: Path) -> None:
    """JSON has them in UTC; the table has Zagreb's summer time, two hours later."""
    explained = world.say(folder, "explain", "payments", "mttr", "--format", "json").json
    first = explained["used"][0]
    hour = int(first["instants"]["restored"][11:13])
    said = world.say(folder, "explain", "payments", "mttr", columns=120).out
    (table_row,) = [line for line in said.splitlines() if line.startswith(first["key"])]
    assert int(table_row.split()[4][:2]) == (hour + 2) % 24
    assert first["summary"] in table_row


def test_csv_holds_used_and_left_out(strict: Path) -> None:
    """CSV is one list for a spreadsheet, with the reason of each row."""
    rows = world.say(strict, "explain", "payments", "flow_velocity", "--format", "csv").csv
    explained = world.say(strict, "explain", "payments", "flow_velocity", "--format", "json").json
    assert [row["reason"] for row in rows if row["used"] == "false"] == ["not_delivered"] * len(explained["left_out"])
    assert [row["reason"] for row in rows if row["used"] == "true"] == [""] * len(explained["used"])


def test_top_cuts_each_list_and_says_how_many_there_are(folder: Path) -> None:
    """Every format is cut; the result still counts all parts."""
    words = ("explain", "payments", "flow_velocity")
    whole = world.say(folder, *words, "--format", "json").json
    cut = world.say(folder, *words, "--top", "2", "--format", "json").json
    assert cut["used"] == whole["used"][:2]
    assert cut["result"] == whole["result"]
    rows = world.say(folder, *words, "--top", "2", "--format", "csv").csv
    assert [row["key"] for row in rows if row["used"] == "true"] == [part["key"] for part in cut["used"]]
    said = world.say(folder, *words, "--top", "2").out
    assert f"Behind it: {len(whole['used'])}, the first 2 of them" in said
    behind, _, left_out = said[said.index("Behind it") :].partition("Left out")
    assert sum(line.startswith("PAY-") for line in behind.splitlines()) == 2
    assert sum(line.startswith("PAY-") for line in left_out.splitlines()) == min(2, len(whole["left_out"]))


def test_the_largest_or_the_newest_come_first(folder: Path) -> None:
    """`--sort` sets the order; without it the oldest come first."""
    words = ("explain", "payments", "flow_time", "--format", "json")
    rows = world.say(folder, *words).json["used"]
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    largest = world.say(folder, *words, "--sort", "contribution").json["used"]
    lengths = [row["contribution"] for row in rows]
    assert [row["contribution"] for row in largest] == sorted(lengths, reverse=True) != lengths
    newest = world.say(folder, *words, "--sort", "date", "--top", "1").json["used"]
    assert [row["at"] for row in newest] == [rows[-1]["at"]]


@pytest.mark.parametrize("metric", ["flow_time", "lead_time", "flow_efficiency"])
def test_the_time_in_each_status_adds_up_to_the_duration(folder: Path, metric: str) -> None:
    """The times cover the first instant to the last, and the table names the statuses."""
    rows = world.say(folder, "explain", "payments", metric, "--format", "json").json["used"]
    assert rows
    for row in rows:
        start, *_ = row["instants"].values()
        length = datetime.fromisoformat(row["at"]) - datetime.fromisoformat(start)
        days = sum(time["days"] for time in row["time_in_statuses"])
        assert days == pytest.approx(length / timedelta(days=1))
        assert metric != "flow_time" or days == pytest.approx(row["contribution"])
    assert "In Progress" in world.say(folder, "explain", "payments", metric, columns=160).out


def test_an_issue_leads_to_its_page_in_jira(folder: Path) -> None:
    """JSON and CSV have its address; a table has a link only on a terminal that supports links."""
    words = ("explain", "payments", "flow_time")
    (row, *_) = world.say(folder, *words, "--format", "json").json["used"]
    assert row["url"] == f"https://sandbox.example/browse/{row['key']}"
    assert world.say(folder, *words, "--format", "csv").csv[0]["url"] == row["url"]
    assert "\x1b" not in world.say(folder, *words).out
    terminal = world.say(folder, *words, FORCE_COLOR="1", TERM="xterm-256color").out
    assert re.search(rf"\x1b\]8;id=\d+;{re.escape(row['url'])}\x1b\\", terminal)
    releases = world.say(folder, "explain", "payments", "deployment_frequency", "--format", "json").json["used"]
    assert {release["url"] for release in releases} == {None}


def test_a_week_is_explained_by_its_name(folder: Path) -> None:
    """The running week is calculated up to the as-of, and equals its stored row."""
    (result,) = world.say(folder, "explain", "payments", "flow_load", "--week", "2026-w42", "--format", "json").json[
        "result"
    ]
    assert (result["window_kind"], result["window_start"]) == ("week", "2026-10-11T22:00:00.000000Z")
    assert result["warning"] is None
    assert "2026-10-14, running" in world.say(folder, "explain", "payments", "flow_load", "--week", "2026-W42").out


@pytest.mark.parametrize(
    ("words", "code", "advice"),
    [
        (["payments", "cfr", "--week", "2020-W01"], 2, "it has 2026-W31 to 2026-W42"),
        (["payment", "cfr"], 2, "did you mean payments?"),
        (["payments", "crf"], 2, "did you mean cfr?"),
        (["payments", "cfr", "--as-of", "2026-11-01"], 1, "once that instant is past: flowbeat refresh payments"),
    ],
)
def test_what_cannot_be_explained_says_why(folder: Path, words: list[str], code: int, advice: str) -> None:
    """A wrong name is a usage error (code 2); missing data is code 1."""
    said = world.say(folder, "explain", *words)
    assert said.code == code
    assert advice in said.err


def test_an_instant_without_a_stored_result_says_so(folder: Path) -> None:
    """The value is computed, without a request to Jira."""
    said = world.say(folder, "explain", "payments", "flow_time", "--as-of", "2026-10-10", "--format", "json").json
    assert "to store one, run: flowbeat calculate payments --as-of 2026-10-10" in said["result"][0]["warning"]
    assert said["result"][0]["as_of"] == "2026-10-10T22:00:00.000000Z"


@pytest.mark.parametrize("metric", METRIC_TYPES)
def test_the_history_entry_behind_every_instant_is_shown_on_request(folder: Path, metric: str) -> None:
    """Each entry of the JSON has a line with the instant that it set, within eighty columns, below the number."""
    explained = world.say(folder, "explain", "payments", metric, "--format", "json").json
    lines = world.say(folder, "explain", "payments", metric, "--history").out.splitlines()
    assert explained["result"][0]["adds_up"].split()[0] in " ".join(lines)
    assert max(map(len, lines)) <= 80
    for part in (*explained["used"], *explained["left_out"]):
        entries = [*part["set_by"].items(), *(("failed", incident) for incident in part["failed_by"])]
        for what, entry in entries:
            number = entry.get("history_id", "–")
            assert any(f" {what} " in line and f" {number} " in line for line in lines), (part["key"], what, number)
        assert not entries or any(line.startswith(f"{part['key']} ") for line in lines)


@pytest.mark.parametrize("form", ["json", "csv"])
def test_programs_get_the_same_with_and_without_the_option_for_histories(folder: Path, form: str) -> None:
    """Each row has its entries anyway."""
    words = ["explain", "payments", "flow_time", "--format", form]
    plain, with_history = (world.say(folder, *words, *more) for more in ([], ["--history"]))
    assert (with_history.code, with_history.out) == (0, plain.out)


def test_changed_rules_are_a_warning(folder: Path) -> None:
    """Facts of an older configuration may give another number, so the warning says what to run."""
    explained = world.say(
        folder,
        *("explain", "payments", "flow_time", "--format", "json"),
        FLOWBEAT_PROFILES__PAYMENTS__EXCLUDED_RESOLUTIONS="Done",
    )
    (result,) = explained.json["result"]
    assert "older than the data or the rules" in result["warning"]
    assert result["warning"].endswith("flowbeat calculate payments")


def test_changed_rules_that_keep_the_facts_are_a_warning_too(folder: Path) -> None:
    """With other bounds of the levels, no result is stored under these rules yet."""
    explained = world.say(
        folder,
        *("explain", "payments", "cfr", "--format", "json"),
        FLOWBEAT_PROFILES__PAYMENTS__LEVELS__CFR="1, 2, 3",
    )
    assert explained.json["result"][0]["warning"].startswith(
        "no result is stored for this instant under the present rules"
    )


def test_a_stored_result_of_other_data_is_shown(folder: Path, tmp_path: Path) -> None:
    """The stored value is shown with the new one."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    with world.world(tmp_path) as current, current.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE metric_results SET value = 99, n_used = 7 WHERE metric_type = 'flow_time'")
    (result,) = world.say(tmp_path, "explain", "payments", "flow_time", "--format", "json").json["result"]
    assert result["stored_value"] == 99
    assert "the stored result says 99" in result["warning"]


def test_data_quality_of_the_issues_is_named(folder: Path, tmp_path: Path) -> None:
    """It is named by key below the lists, and in the JSON at the issue."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    part = world.say(folder, "explain", "payments", "flow_time", "--format", "json").json["used"][0]
    with world.world(tmp_path) as current, current.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO data_quality (profile, issue_id, origin, reason, count) VALUES (?, ?, ?, ?, 1)",
            ("payments", part["subject_id"], "facts", "broken_chain"),
        )
    explained = world.say(tmp_path, "explain", "payments", "flow_time", "--format", "json").json
    assert explained["used"][0]["data_quality"] == [{"reason": "broken_chain", "details": []}]
    said = " ".join(world.say(tmp_path, "explain", "payments", "flow_time").out.split())
    assert f"Data quality: {part['key']} broken chain; " in said


def test_a_deployment_that_is_an_issue_is_shown_with_its_summary(tmp_path: Path) -> None:
    """Each entry into Done is a separate deployment; its data quality is that of its issue."""
    file = world.configure(tmp_path)
    text = file.read_text(encoding="utf-8").replace('source = "versions"', 'source = "status"\nstatuses = ["Done"]')
    file.write_text(text, encoding="utf-8")
    with world.world(tmp_path) as current:
        world.refresh(current)
    explained = world.say(tmp_path, "explain", "payments", "deployment_frequency", "--format", "json").json
    assert explained["used"]
    assert all(part["summary"] and part["key"].startswith("PAY-") for part in explained["used"])
    assert all("." in part["subject_id"] for part in explained["used"])


def test_the_table_says_below_each_instant_what_set_it(folder: Path) -> None:
    """The line has the statuses of the history entry, or the deployment; the JSON has the id of the entry."""
    (first, *_) = world.say(folder, "explain", "payments", "lead_time", "--format", "json").json["used"]
    committed, deployed = first["set_by"]["committed"], first["set_by"]["deployed"]
    assert (committed["source"], committed["at"]) == ("history", first["instants"]["committed"])
    assert (deployed["source"], deployed["key"]) == ("version", first["deployment"])
    with world.world(folder) as current, current.engine.connect() as connection:
        stored = connection.exec_driver_sql(
            "SELECT from_name, to_name FROM transitions WHERE history_id = ? AND field = 'status'",
            (committed["history_id"],),
        ).all()
    assert stored == [(committed["from"], committed["to"])]
    lines = world.say(folder, "explain", "payments", "lead_time").out.splitlines()
    (below,) = [lines[index + 1] for index, line in enumerate(lines) if line.startswith(first["key"] + " ")]
    assert f"{committed['from']} → {committed['to']}  {first['deployment']}" in below


def test_a_failed_deployment_names_the_incident(folder: Path) -> None:
    """The incident has the instant of its creation, and the affected version or the linked change."""
    explained = world.say(folder, "explain", "payments", "cfr", "--format", "json").json["used"]
    failed = [part for part in explained if part["contribution"]]
    assert failed
    for part in failed:
        shared = {(incident["field"], incident["value"].partition("-")[0]) for incident in part["failed_by"]}
        assert shared <= {("versions", part["key"]), ("links", "PAY")}
        assert all(incident["source"] == "incident" and incident["at"] for incident in part["failed_by"])
    said = world.say(folder, "explain", "payments", "cfr").out
    assert all(incident["key"] in said for part in failed for incident in part["failed_by"])


def test_left_out_as_not_delivered_names_the_resolution(strict: Path) -> None:
    """The resolution is shown with the reason, in the table too."""
    explained = world.say(strict, "explain", "payments", "flow_velocity", "--format", "json").json
    assert {part["set_by"]["resolution"]["value"] for part in explained["left_out"]} == {"Done"}
    said = world.say(strict, "explain", "payments", "flow_velocity").out
    assert said.count("not delivered") == len(explained["left_out"])
    assert re.search(r"→ Done +Done *$", said, re.MULTILINE)


def test_an_unmapped_status_is_named(tmp_path: Path, migrated_file: Path) -> None:
    """The finding names the status, in the JSON and below the lists."""
    item = issue(1, "10-01 → 1", "10-05 → 2", "10-07 → 4")
    ghost = item.transitions[0]._replace(to_id="66", to_name="Ghost")
    odd = replace(item, transitions=(ghost, *item.transitions[1:]))
    with stored(tmp_path, migrated_file, Team((odd,), STATUSES), Rules(), time("11-01")):
        pass
    explained = world.say(tmp_path, "explain", "payments", "flow_time", "--format", "json").json
    assert explained["used"][0]["data_quality"] == [
        {"reason": "broken_chain", "details": ["after history 100"]},
        {"reason": "unmapped_status", "details": ["Ghost"]},
    ]
    said = " ".join(world.say(tmp_path, "explain", "payments", "flow_time").out.split())
    assert "Data quality: P-1 broken chain (after history 100), unmapped status (Ghost)." in said


def test_missing_days_and_issues_are_noted(tmp_path: Path, migrated_file: Path) -> None:
    """The notes name days before the first issue, and issues that could not be read."""
    item = issue(1, "10-14 → 2", "10-20 → 4")
    team = Team((item,), STATUSES)
    with stored(tmp_path, migrated_file, team, Rules(), time("11-01")) as current, current.sessions.begin() as session:
        quality.save_findings(session, "payments", "changelog", {"77": {"unreadable_issue": 1}})
    words = ("explain", "payments", "flow_velocity")
    said = " ".join(world.say(tmp_path, *words).out.split())
    assert "The first stored issue was created on 2026-10-14. The copy has no data about earlier days." in said
    assert "Not readable when last fetched, and as it was before, if at all: id 77, never read." in said
    notes = world.say(tmp_path, *words, "--week", "2026-W43", "--format", "json").json["result"][0]["notes"]
    assert len(notes) == 1


def test_an_incident_that_marks_a_deployment_twice_is_listed_once_in_the_table(folder: Path) -> None:
    """It is linked to a carried issue, and names the version; JSON has both marks."""
    rows = world.say(folder, "explain", "payments", "cfr", "--format", "json").json["used"]
    (marks,) = [row["failed_by"] for row in rows if len(row["failed_by"]) > 1]
    assert [(mark["key"], mark["field"]) for mark in marks] == [("PAY-175", "links"), ("PAY-175", "versions")]
    assert world.say(folder, "explain", "payments", "cfr", columns=200).out.count("PAY-175") == 1
