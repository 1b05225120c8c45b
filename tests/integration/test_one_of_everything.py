"""A team with one issue, one delivery and one week: each sentence has the singular."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import console_world as world
import pytest
from console_world import InProcess
from metric_rows import STATUSES, issue, time, version
from reference.teams import Team
from stored_team import stored

from models.records import METRIC_TYPES, DeploymentRules, IncidentRules, Rules
from models.store import issues, quality

pytestmark = pytest.mark.xdist_group("one of everything")  # one process makes what all tests here read

RULES = Rules(
    time_period_days=1,
    history_weeks=2,
    fields={"points": "cf_p"},
    deployments=DeploymentRules("versions"),
    incidents=IncidentRules(("Incident",)),
)
# "1" before a plural, except for singular words that end in s. Years and times have other figures before the 1.
ONE_OF_MANY = re.compile(r"(?<![\d.,:−-])1 (?!status\b|this\b|was\b|is\b|has\b)[a-z]+s\b")


# One item of a type without a category, done and released on the only day of the period.
ITEM = issue(1, "10-01 → 1", "10-26 → 2", "11-01 → 4", type="Oddity", resolved="11-01", fixVersions=["9"])
TEAM = Team((ITEM,), STATUSES, (version("9", date(2026, 11, 1)),))


@pytest.fixture
def current(tmp_path: Path, migrated_file: Path) -> Iterator[InProcess]:
    """Yield the team, to be changed."""
    with stored(tmp_path, migrated_file, TEAM, RULES, time("11-02")) as opened:
        yield opened


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Path:
    """Return the team's folder, to be read."""
    place = tmp_path_factory.mktemp("one")
    with stored(place, migrated_file, TEAM, RULES, time("11-02")):
        return place


@pytest.mark.parametrize("week", [(), ("--week", "2026-W44")])
@pytest.mark.parametrize("metric", METRIC_TYPES)
def test_explain_has_the_singular(folder: Path, metric: str, week: tuple[str, ...]) -> None:
    """There is one deployment in one day, and one item in one week."""
    said = world.say(folder, "explain", "payments", metric, *week, columns=200)
    assert said.code == 0
    assert not ONE_OF_MANY.findall(said.out), said.out


def test_a_rate_of_one_week_says_week(folder: Path) -> None:
    """A complete week is divided by 1 week; a period of one day by 1 day."""
    (row,) = world.say(folder, "explain", "payments", "flow_velocity", "--week", "2026-W44", "--format", "json").json[
        "result"
    ]
    assert row["adds_up"] == "1 item ÷ 1 week = 1 per week"
    (row,) = world.say(folder, "explain", "payments", "deployment_frequency", "--format", "json").json["result"]
    assert row["adds_up"] == "1 deployment ÷ 1 day = 1 per day"
    said = " ".join(world.say(folder, "explain", "payments", "flow_velocity", columns=200).out.split())
    assert "used 1 of 1 candidate;" in said
    assert "1 of 1 delivered item has no points: P-1." in said


@pytest.mark.parametrize("words", [(), ("--window", "weeks"), ("--as-of", "2026-10-31")])
def test_results_have_the_singular(folder: Path, words: tuple[str, ...]) -> None:
    """The sentences are about one item and one day."""
    said = world.say(folder, "results", *words, columns=200)
    assert said.code == 0
    assert not ONE_OF_MANY.findall(said.out), said.out


def test_the_only_item_without_a_category_is_noted_in_the_singular(folder: Path) -> None:
    """The note does not say "all 1 items are of types"."""
    said = " ".join(world.say(folder, "results").out.split())
    assert "flow_distribution: the only delivered item is of a type that no category names; name it in [" in said
    assert "(1 day, " in said


def test_old_facts_of_one_issue_have_the_singular(current: InProcess, tmp_path: Path) -> None:
    """So does a sentence about the only candidate, which was left out."""
    with current.sessions.begin() as session:
        (item,) = issues.load(session, "payments", ["1"])
        issues.save(session, "payments", [replace(item, resolution="Duplicate")])
    said = " ".join(world.say(tmp_path, "explain", "payments", "flow_time", columns=200).out.split())
    assert "the facts of 1 issue are older than the data or the rules" in said


def test_an_issue_that_was_never_read_is_named_by_its_id(current: InProcess, tmp_path: Path) -> None:
    """Names with a comma inside are separated by semicolons."""
    with current.sessions.begin() as session:
        findings = {number: {"unreadable_issue": 1} for number in ("1", "10234")}
        quality.save_findings(session, "payments", "changelog", findings)
    said = " ".join(world.say(tmp_path, "results").out.split())
    assert "unreadable issue in 2 (P-1; id 10234, never read)" in said
    assert "if at all: P-1; id 10234, never read." in " ".join(
        world.say(tmp_path, "explain", "payments", "flow_time").out.split()
    )
