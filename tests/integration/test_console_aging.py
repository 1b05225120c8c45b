"""The aging command: the items in progress, their ages and blocked times, and the ages of finished items."""

import itertools
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import console_world as world
import pytest
from metric_rows import STATUSES, issue, time
from reference.teams import Team
from stored_team import stored

from models.records import Rules, ServiceLevelRules

pytestmark = pytest.mark.xdist_group("console aging")  # one process makes what all tests here read

NOW = datetime.fromisoformat("2026-10-14T12:00:00+00:00")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a folder with a refreshed profile that blocks work by a status and a flag, and promises ten days."""
    sections = f'{world.INCIDENTS}\n[profiles.payments.blocked]\nstatuses = ["Blocked"]'
    with world.refreshed(tmp_path_factory.mktemp("aging"), incidents=sections) as place:
        yield place


def test_the_items_are_those_of_the_flow_load_oldest_first(folder: Path) -> None:
    """They are those of the running week, whose end is the as-of."""
    rows = world.say(folder, "aging", "payments", "--format", "json").json
    weeks = world.say(
        folder, "results", "payments", "--window", "weeks", "--metric", "flow_load", "--format", "json"
    ).json
    (running,) = [week for week in weeks if not week["complete"]]
    assert len(rows) == running["value"] > 5
    ages = [row["days_in_progress"] for row in rows]
    assert ages == sorted(ages, reverse=True)
    for row in rows:
        assert (NOW - datetime.fromisoformat(row["started_at"])) / timedelta(days=1) == row["days_in_progress"]
        assert row["days_in_status"] <= row["days_in_progress"]
        assert row["stage"] in ("active", "waiting")
        assert row["url"] == f"https://sandbox.example/browse/{row['key']}"


def test_an_item_in_a_blocked_status_says_since_when(folder: Path) -> None:
    """The instant is when it entered that status or was flagged, but not before it was in progress."""
    rows = world.say(folder, "aging", "--format", "json").json
    blocked = {row["key"]: row["blocked_since"] for row in rows if row["blocked_since"]}
    in_status = {row["key"]: row["status_since"] for row in rows if row["status"] == "Blocked"}
    assert in_status
    assert all(blocked[key] <= since for key, since in in_status.items())
    assert all(row["started_at"] <= row["blocked_since"] for row in rows if row["blocked_since"])
    assert "blocked since" in world.say(folder, "aging", "payments", columns=120).out


def test_an_item_older_than_the_line_is_marked(folder: Path) -> None:
    """The mark is a word and, on a terminal with colours, a colour; the line itself is named."""
    rows = world.say(folder, "aging", "payments", "--format", "json").json
    late = [row["key"] for row in rows if row["is_late"]]
    assert 0 < len(late) < len(rows)
    out = world.say(folder, "aging", "payments", columns=120).out
    pairs = itertools.pairwise(out.splitlines())  # the mark is below the line of its item
    assert [above.split()[0] for above, line in pairs if "beyond 85 %" in line] == late
    line = re.search(r"85 % of the (\d+) items done since 2026-07-27 took at most ([\d.]+) days\.", out)
    assert line
    assert all((row["days_in_progress"] > float(line[2])) == row["is_late"] for row in rows)
    assert "\x1b" not in out
    terminal = world.say(folder, "aging", "payments", FORCE_COLOR="1", TERM="xterm-256color").out
    assert re.search(r"\x1b\]8;id=\d+;https://sandbox\.example/browse/PAY-", terminal)


@pytest.mark.parametrize("columns", [80, 99, 100, 120])
def test_a_line_of_the_table_fits_and_no_status_is_broken(folder: Path, columns: int) -> None:
    """A narrow terminal leaves out the summaries, which JSON and CSV always have."""
    rows = world.say(folder, "aging", "payments", "--format", "json").json
    out = world.say(folder, "aging", "payments", columns=columns).out
    assert max(map(len, out.splitlines())) <= columns
    for row in rows:
        assert any(line.startswith(f"{row['key']}  {row['status']} ") for line in out.splitlines())
    assert ("summary" in out) is (columns >= 100)


def test_the_chance_falls_to_zero_at_the_promised_days(folder: Path) -> None:
    """The chance is 0 when the age has reached the promised days."""
    rows = world.say(folder, "aging", "payments", "--format", "csv").csv
    for row in rows:
        if float(row["days_in_progress"]) >= 10:
            assert float(row["chance_percent"]) == 0
        else:
            assert not row["chance_percent"] or 0 <= float(row["chance_percent"]) <= 100
    assert "promised 10 days" in world.say(folder, "aging", "payments").out


def test_a_past_day_shows_what_was_in_progress_then(folder: Path) -> None:
    """The ages are those of that day; a day later than the data is refused."""
    rows = world.say(folder, "aging", "payments", "--as-of", "2026-10-01", "--format", "json").json
    assert {row["as_of"] for row in rows} == {"2026-10-01T22:00:00.000000Z"}
    assert rows != world.say(folder, "aging", "payments", "--format", "json").json
    refused = world.say(folder, "aging", "payments", "--as-of", "2027-01-01")
    assert refused.code == 1
    assert "later than the data" in refused.err


def test_an_empty_table_says_that_nothing_is_in_progress(tmp_path: Path, migrated_file: Path) -> None:
    """Without finished items no age is compared."""
    team = Team((issue(1, "10-01 → 1"),), STATUSES)
    with stored(tmp_path, migrated_file, team, Rules(), time("11-01")):
        pass
    out = world.say(tmp_path, "aging", "payments").out
    assert "Nothing is in progress." in out
    assert "no age can be compared" in " ".join(out.split())
    assert world.say(tmp_path, "aging", "payments", "--format", "json").json == []


def test_an_item_without_finished_ones_to_compare_has_no_pace(tmp_path: Path, migrated_file: Path) -> None:
    """Unknown is never zero: neither the pace nor the chance."""
    team = Team((issue(1, "10-01 → 1", "10-05 → 2"),), STATUSES)
    rules = Rules(service_level=ServiceLevelRules(days=60))
    with stored(tmp_path, migrated_file, team, rules, time("11-01")):
        pass
    (row,) = world.say(tmp_path, "aging", "payments", "--format", "json").json
    assert (row["pace_percent"], row["chance_percent"], row["is_late"]) == (None, None, None)
    assert row["days_in_progress"] == 27
    out = world.say(tmp_path, "aging", "payments").out
    assert "No item was finished since" in " ".join(out.split())
    assert re.search(r"^P-1 .*–.*–", out, re.MULTILINE)


def test_an_unknown_profile_is_bad_usage(folder: Path) -> None:
    """The error names the nearest profile."""
    said = world.say(folder, "aging", "payment")
    assert (said.code, "did you mean payments?" in said.err) == (2, True)
