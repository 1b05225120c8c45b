"""The explain command with two numbers: their difference, and the parts that were added, removed and changed."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import console_world as world
import pytest

from models.metrics.catalogue import METRICS
from models.records import METRIC_TYPES

pytestmark = pytest.mark.xdist_group("console against")  # one process makes what all tests here read

KINDS = ("came", "left", "changed", "same")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a folder with a refreshed profile."""
    with world.refreshed(tmp_path_factory.mktemp("against")) as place:
        yield place


def compared(folder: Path, *words: str) -> Any:
    """Return what the command prints as JSON."""
    return world.say(folder, "explain", "payments", *words, "--format", "json").json


@pytest.mark.parametrize("metric", METRIC_TYPES)
def test_a_week_against_another_is_the_difference_of_their_values(folder: Path, metric: str) -> None:
    """Both values are those of separate explanations, and the exact parts add up to their difference."""
    sheets = compared(folder, metric, "--week", "2026-W41", "--against", "2026-W40")
    (result,) = sheets["result"]
    alone = [compared(folder, metric, "--week", week)["result"][0]["value"] for week in ("2026-W41", "2026-W40")]
    assert [result["value"], result["against_value"]] == alone
    if None in alone:
        assert result["difference"] is None
        return
    assert result["difference"] == pytest.approx(alone[0] - alone[1])
    parts = [row["part_exact"] for kind in KINDS for row in sheets[kind]]
    if METRICS[metric].adds_up.how == "median":
        assert set(parts) <= {None}
    else:
        assert sum(map(Fraction, parts)) == Fraction(result["difference_exact"])


def test_previous_is_the_week_before_or_as_many_days_before_the_period(folder: Path) -> None:
    """Both have the same as-of."""
    (week,) = compared(folder, "flow_time", "--week", "2026-W41", "--against", "previous")["result"]
    (named,) = compared(folder, "flow_time", "--week", "2026-W41", "--against", "2026-W40")["result"]
    assert week == named
    (period,) = compared(folder, "flow_time", "--against", "previous")["result"]
    assert (period["against_window_end"], period["against_as_of"]) == (period["window_start"], period["as_of"])
    assert period["against_window_start"] == "2026-08-14T22:00:00.000000Z"
    assert period["against_warning"] is None  # no calculation stores that window


def test_the_same_window_as_it_was_at_an_earlier_instant(folder: Path) -> None:
    """Items that were done since are listed as added."""
    sheets = compared(folder, "flow_velocity", "--against-as-of", "2026-10-09")
    (result,) = sheets["result"]
    assert result["against_window_start"] == result["window_start"]
    assert result["against_as_of"] == "2026-10-09T22:00:00.000000Z"
    assert sheets["came"]
    assert all(row["at"] >= "2026-10-09T22" for row in sheets["came"] if row["reason"] is None)
    assert all(row["at"] < "2026-10-09T22" for row in sheets["same"])


def test_the_table_says_which_parts_were_added_and_how_much_they_add(folder: Path) -> None:
    """It fits eighty columns, has the largest first, and says how many there are."""
    words = ("explain", "payments", "flow_velocity", "--against", "previous")
    sheets = compared(folder, "flow_velocity", "--against", "previous")
    said = world.say(folder, *words, "--top", "2", "--sort", "contribution").out
    assert max(map(len, said.splitlines())) <= 80
    assert f"Only in the first: {len(sheets['came'])}, the first 2 of them" in said
    assert f"Only in the second: {len(sheets['left'])}, the first 2 of them" in said
    (result,) = sheets["result"]
    sign = "+" if result["difference"] > 0 else "−"
    assert f"the difference is {sign}" in " ".join(said.split())
    rows = world.say(folder, *words, "--format", "csv").csv
    assert [row["key"] for row in rows] == [row["key"] for kind in KINDS for row in sheets[kind]]
    assert all(row["url"].endswith(row["key"]) for row in rows)


def test_the_newest_come_first_on_request(folder: Path) -> None:
    """Parts that only the second number has are sorted too."""
    words = ("flow_velocity", "--against", "previous", "--sort", "date")
    left = [row["against_at"] for row in compared(folder, *words)["left"]]
    assert left == sorted(left, reverse=True)
    assert len(left) > 1


def test_a_median_has_lists_only(folder: Path) -> None:
    """The output says so."""
    said = world.say(folder, "explain", "payments", "lead_time", "--against", "2026-W41").out
    assert "A median has no parts that add up" in " ".join(said.split())
    assert " adds " not in said


@pytest.mark.parametrize(
    ("words", "code", "advice"),
    [
        (["--against", "2020-W01"], 2, "it has 2026-W31 to 2026-W42"),
        (["--against", "previous", "--against-as-of", "2026-10-01"], 2, "cannot be combined"),
        (["--week", "2026-W41", "--against-as-of", "2026-10-01"], 2, "not after the window's start"),
        (["--against-as-of", "soon"], 2, "Error: as-of 'soon' is neither a day"),
        (["--against-as-of", "2026-12-01"], 1, "flowbeat: the as-of 2026-12-01T23:00:00"),
    ],
)
def test_what_cannot_be_compared_says_why(folder: Path, words: list[str], code: int, advice: str) -> None:
    """A wrong name is a usage error (code 2); missing data is code 1."""
    said = world.say(folder, "explain", "payments", "flow_time", *words)
    assert said.code == code
    assert advice in " ".join(said.err.split())


def test_missing_values_are_listed_without_a_difference(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Both messages are shown; nothing counts as zero."""
    with world.refreshed(tmp_path_factory.mktemp("bare"), incidents="") as place:
        said = world.say(place, "explain", "payments", "mttr", "--against", "previous").out
        (result,) = compared(place, "mttr", "--against", "previous")["result"]
    assert (result["difference"], result["value"]) == (None, None)
    assert "a difference needs both values" in " ".join(said.split())
    assert "[profiles.payments.incidents]" in " ".join(said.split())
