"""Notes about names that configuration, histories and Jira do not share, shown with the values that they change."""

from dataclasses import replace
from pathlib import Path

import console_world as world
import pytest
from metric_rows import STATUSES, issue, time
from reference.teams import Team
from stored_team import stored

from console.check import histories, local
from models.records import Rules

NOTE = "1 issue was in the status 'Ghost', which Jira no longer lists; it counts as active"


def _haunted() -> Team:
    """Return a team with an issue that was in a status which Jira no longer lists."""
    item = issue(1, "10-01 → 1", "10-05 → 2", "10-07 → 4")
    ghost = item.transitions[0]._replace(to_id="66", to_name="Ghost")
    return Team((replace(item, transitions=(ghost, *item.transitions[1:])),), STATUSES)


@pytest.fixture
def folder(tmp_path: Path, migrated_file: Path) -> Path:
    """Return a folder whose profile does not name the status."""
    with stored(tmp_path, migrated_file, _haunted(), Rules(), time("11-01")):
        pass
    return tmp_path


def test_a_status_that_jira_no_longer_lists_says_what_to_write(folder: Path) -> None:
    """The note is shown with the values, but not if the profile names the status."""
    said = " ".join(world.say(folder, "results").out.split())
    assert f"Note: {NOTE}; name it under [profiles.payments.workflow]: todo, active, waiting or done." in said
    for word in ("ghost", "66"):
        named = {"FLOWBEAT_PROFILES__PAYMENTS__WORKFLOW__DONE": word}
        said = world.say(folder, "results", **named).out
        assert "no longer lists" not in said
        assert "lists no such" not in said


def test_of_many_such_statuses_the_most_frequent_are_named(tmp_path: Path, migrated_file: Path) -> None:
    """A copy of an old project may have dozens of them."""
    item = issue(1, "10-01 → 1", *(f"10-{day:02} → {day}" for day in range(12, 20)), "10-21 → 4")
    again = replace(item, issue_id="2", key="P-2", transitions=item.transitions[6:])
    with stored(tmp_path, migrated_file, Team((item, again), STATUSES), Rules(), time("11-01")):
        pass
    said = " ".join(world.say(tmp_path, "results", columns=200).out.split())
    assert [said.count(f"in the status '{day}'") for day in range(12, 20)] == [1, 1, 0, 0, 0, 1, 1, 1]
    assert "Note: 2 issues were in the status '18', which" in said
    assert "Note: 3 more statuses that Jira no longer lists count as active; name each under [" in said


def test_check_says_so_too_and_accepts_a_retired_status(tmp_path: Path, migrated_file: Path) -> None:
    """A name that only histories have is not an error; one that they do not have either is a warning."""
    with stored(tmp_path, migrated_file, _haunted(), Rules(), time("11-01")) as current:
        (line,) = [line for line in local.data(current, "payments") if "Ghost" in line.message]
        assert histories.is_in_histories(current, "payments", "GHOST")
        assert histories.is_in_histories(current, "payments", "66")
        assert not histories.is_in_histories(current, "payments", "Host")
    assert (line.state, line.message) == ("warning", NOTE)
    assert line.advice.startswith("name it under [profiles.payments.workflow]")


def test_without_a_copy_no_history_has_a_name(tmp_path: Path) -> None:
    """The check command runs before the first fetch, and makes no database."""
    world.configure(tmp_path)
    with world.world(tmp_path, issues=1) as current:
        assert not histories.is_in_histories(current, "payments", "Done")
    assert not (tmp_path / "flowbeat.db").exists()
