"""The issue command: visits to statuses, what set the instants, and the numbers that use or leave out the issue."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import console_world as world
import pytest
from metric_rows import STATUSES, issue, time
from reference.teams import Team
from stored_team import stored

from models.metrics.catalogue import METRICS
from models.records import IncidentRules, Rules
from models.store import issues as stored_issues

pytestmark = pytest.mark.xdist_group("console issue")  # one process makes what all tests here read


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a folder with a refreshed profile."""
    with world.refreshed(tmp_path_factory.mktemp("issue")) as place:
        yield place


def life_of(folder: Path, *words: str) -> Any:
    """Return what the command prints as JSON."""
    return world.say(folder, "issue", *words, "--format", "json").json


def delivered(folder: Path) -> Any:
    """Return the part of a deployed item, as explain shows it."""
    return world.say(folder, "explain", "payments", "lead_time", "--format", "json").json["used"][0]


def test_the_stays_are_the_whole_life(folder: Path) -> None:
    """The stays follow each other from the creation to the as-of, and the last has no end."""
    key = delivered(folder)["key"]
    sheets = life_of(folder, key)
    stays = sheets["stays"]
    assert [stay["visit"] for stay in stays] == list(range(1, len(stays) + 1))
    assert [stay["left_at"] for stay in stays[:-1]] == [stay["entered_at"] for stay in stays[1:]]
    assert stays[-1]["left_at"] is None
    born = datetime.fromisoformat(stays[0]["entered_at"])
    assert sum(stay["days"] for stay in stays) == pytest.approx((world.NOW - born) / timedelta(days=1))
    assert {stay["url"] for stay in stays} == {f"https://sandbox.example/browse/{key}"}
    out = " ".join(world.say(folder, "issue", key, columns=200).out.split())
    assert all(f"{stay['status']} " in out for stay in stays[:-1])
    assert f"{stays[-1]['status']}, for" in out
    assert world.say(folder, "issue", key.lower(), "--format", "csv").csv[0]["status"] == stays[0]["status"]


def test_what_set_the_instants_is_what_explain_says(folder: Path) -> None:
    """They are the same history entries, and the release for the deployment."""
    part = delivered(folder)
    setters = {row["what"]: row["evidence"] for row in life_of(folder, part["key"])["set_by"]}
    assert setters["deployed"] == part["set_by"]["deployed"]
    assert setters["committed"] == part["set_by"]["committed"]
    assert setters["started"]["source"] == "history"
    out = world.say(folder, "issue", part["key"]).out
    assert "release date" in out
    assert max(map(len, out.splitlines())) <= 80


def test_the_numbers_are_those_whose_explanation_names_the_issue(folder: Path) -> None:
    """They are the metrics of the period and of the week in which it was done, each with the same part."""
    part = delivered(folder)
    numbers = life_of(folder, part["key"])["numbers"]
    mine = {row["metric_type"]: row for row in numbers if row["window"] == "period"}
    for metric in METRICS:
        lists = world.say(folder, "explain", "payments", metric, "--format", "json").json
        rows = [row for row in (*lists["used"], *lists["left_out"]) if row["subject_id"] == part["subject_id"]]
        assert [mine[metric]["contribution"]] == [row["contribution"] for row in rows] if rows else metric not in mine
    weeks = {row["window"] for row in numbers} - {"period"}
    done = datetime.fromisoformat(life_of(folder, part["key"])["issue"][0]["instants"]["done"])
    assert f"{done.isocalendar().year}-W{done.isocalendar().week:02}" in weeks


def test_an_issue_that_is_left_out_says_why(folder: Path) -> None:
    """The table has the reason too."""
    lists = world.say(folder, "explain", "payments", "flow_velocity", "--format", "json").json
    (left_out, *_) = lists["left_out"]
    rows = life_of(folder, left_out["key"])["numbers"]
    assert ("flow_velocity", "period", False, "not_delivered", None) in {
        (row["metric_type"], row["window"], row["counts"], row["reason"], row["contribution"]) for row in rows
    }
    assert "left out: not delivered" in " ".join(world.say(folder, "issue", left_out["key"], columns=120).out.split())


def test_an_incident_says_when_it_was_detected_and_restored(tmp_path: Path, migrated_file: Path) -> None:
    """The output has its role, and the number that it counts in."""
    incident = issue(1, "10-05 → 1", "10-06 → 4", type="Incident")
    rules = Rules(incidents=IncidentRules(("Incident",)))
    with stored(tmp_path, migrated_file, Team((incident,), STATUSES), rules, time("11-01")):
        pass
    sheets = life_of(tmp_path, "P-1")
    assert sheets["issue"][0]["role"] == "incident"
    assert {row["what"] for row in sheets["set_by"]} >= {"detected", "restored"}
    assert ("mttr", "period", True) in {(row["metric_type"], row["window"], row["counts"]) for row in sheets["numbers"]}
    assert "It is an incident." in world.say(tmp_path, "issue", "P-1").out


def test_a_former_key_leads_to_the_issue_and_a_finding_is_named(tmp_path: Path, migrated_file: Path) -> None:
    """The new key is shown; an issue of an ignored type says that no number uses it."""
    item = issue(1, "10-01 → 1", "10-05 → 2", "10-07 → 4")
    odd = replace(item, transitions=(item.transitions[0]._replace(to_id="66", to_name="Ghost"), *item.transitions[1:]))
    epic = issue(2, "10-01 → 1", type="Epic")
    team = Team((odd, epic), STATUSES)
    with stored(tmp_path, migrated_file, team, Rules(), time("11-01")) as current, current.sessions.begin() as session:
        stored_issues.save(session, "payments", [replace(odd, key="Q-9")])
    (row,) = life_of(tmp_path, "P-1")["issue"]
    assert row["key"] == "Q-9"
    assert {finding["reason"] for finding in row["data_quality"]} >= {"broken_chain"}
    out = world.say(tmp_path, "issue", "p-1").out
    assert "P-1 is now Q-9." in out
    assert "broken chain" in out
    assert "left out of every number" in world.say(tmp_path, "issue", "P-2").out
    assert "It is in no number" in world.say(tmp_path, "issue", "P-2").out


@pytest.mark.parametrize(
    ("gone_issues", "counts"),
    [("drop", "It counts in no number."), ("keep_done", "It counts as it was last read.")],
)
def test_an_issue_that_is_gone_says_so_and_whether_it_counts(
    tmp_path: Path, migrated_file: Path, gone_issues: Literal["drop", "keep_done"], counts: str
) -> None:
    """Its life is shown all the same; the reason and whether it counts are in JSON and below the title."""
    gone, present = (issue(number, "10-01 → 1", "10-05 → 2", "10-07 → 4") for number in (1, 2))
    team, rules = Team((present,), STATUSES, gone=(gone,)), Rules(gone_issues=gone_issues)
    with stored(tmp_path, migrated_file, team, rules, time("11-01")):
        (row,) = life_of(tmp_path, "P-1")["issue"]
        assert (row["gone_at"], row["gone_reason"]) == ("2026-11-01T00:00:00.000000Z", "hidden")
        assert f"Note: gone from Jira (hidden). {counts}" in world.say(tmp_path, "issue", "P-1").out
        assert bool(life_of(tmp_path, "P-1")["numbers"]) is (gone_issues == "keep_done")
        assert "gone from Jira" not in world.say(tmp_path, "issue", "P-2").out


def test_a_past_day_shows_the_life_until_then(folder: Path) -> None:
    """A day before its creation is an error."""
    part = delivered(folder)
    whole, past = life_of(folder, part["key"])["stays"], life_of(folder, part["key"], "--as-of", "2026-09-20")["stays"]
    assert [stay["entered_at"] for stay in past] == [
        s["entered_at"] for s in whole if s["entered_at"] < "2026-09-20T22"
    ]
    early = world.say(folder, "issue", part["key"], "--as-of", "2026-01-01")
    assert (early.code, "did not exist yet" in early.out) == (0, True)


@pytest.mark.parametrize(
    ("words", "code", "advice"),
    [
        (["PAY-99999"], 1, "flowbeat refresh"),
        (["PAY-109", "--profile", "payment"], 2, "did you mean payments?"),
    ],
)
def test_an_unknown_issue_says_what_to_do(folder: Path, words: list[str], code: int, advice: str) -> None:
    """Standard output is empty."""
    said = world.say(folder, "issue", *words)
    assert (said.code, said.out) == (code, "")
    assert advice in said.err
