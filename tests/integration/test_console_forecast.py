"""The forecast command: it draws from the weeks that `results` shows, stores its answer, and fits the terminal."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import console_world as world
import pytest

pytestmark = pytest.mark.xdist_group("console forecast")  # one process makes what all tests here read


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a refreshed profile with twelve weeks of results, the last of which is running."""
    with world.refreshed(tmp_path_factory.mktemp("forecast")) as place:
        yield place


def _ask(folder: Path, *words: str, columns: int = 80) -> world.Said:
    return world.say(folder, "forecast", "payments", *words, columns=columns)


def _stored(folder: Path) -> list[sqlite3.Row]:
    with closing(sqlite3.connect(folder / "flowbeat.db")) as database:
        database.row_factory = sqlite3.Row
        return database.execute("SELECT * FROM forecasts ORDER BY calculated_at").fetchall()


@pytest.mark.parametrize("words", [(), ("--items", "30"), ("--until", "2026-12-31")], ids=["default", "items", "until"])
def test_the_chart_fits_and_shows_its_history(folder: Path, words: tuple[str, ...]) -> None:
    """It has four chances in ascending order with a bar each, the past weeks, and the back-test."""
    said = _ask(folder, *words, "--weeks", "40")
    assert said.code == 0
    lines = said.out.splitlines()
    assert max(len(line) for line in lines) <= 80
    assert [line.split()[0] for line in lines if "█" in line and "%" in line] == ["50", "70", "85", "95"]
    assert "past weeks, " in said.out
    assert "held in the past" in said.out
    assert lines[-1] == "As of 2026-10-14 14:00; seed 1."


def test_it_draws_from_the_weeks_that_results_shows(folder: Path) -> None:
    """It draws from the delivered items of complete weeks; the twelfth is running."""
    rows = world.say(folder, "results", "--window", "weeks", "--metric", "flow_velocity", "--format", "json").json
    counts = [row["details"]["count"] for row in rows if row["complete"]]
    assert len(counts) == 11
    assert _ask(folder, "--weeks", "11", "--format", "json").json[0]["throughput"] == counts
    assert _ask(folder, "--weeks", "5", "--format", "json").json[0]["throughput"] == counts[-5:]


def test_without_a_question_it_forecasts_the_items_in_progress(folder: Path) -> None:
    """Their number is the `flow_load` of the running week."""
    rows = world.say(folder, "results", "--window", "weeks", "--metric", "flow_load", "--format", "json").json
    load = int(rows[-1]["value"])
    assert {row["asked"] for row in _ask(folder, "--format", "json").json} == {str(load)}
    assert f"when {load} items in progress will be done" in _ask(folder).out


def test_tomorrow_is_one_day(folder: Path) -> None:
    """Days are counted from the day of the as-of, which does not count."""
    assert "items done by 2026-10-15, counted from 2026-10-14 (1 day)" in _ask(folder, "--until", "2026-10-15").out


def test_programs_get_a_row_for_each_chance(folder: Path) -> None:
    """JSON and CSV have the same fields; dates are counted from the day of the as-of."""
    rows = _ask(folder, "--items", "30", "--format", "json").json
    assert [row["percent"] for row in rows] == [50, 70, 85, 95]
    assert {(row["items"], row["state"], row["trials"]) for row in rows} == {(None, "success", 10_000)}
    assert [row["days"] for row in rows] == sorted(row["days"] for row in rows)
    today = date(2026, 10, 14)
    assert [row["date"] for row in rows] == [str(today + timedelta(days=row["days"])) for row in rows]
    table = _ask(folder, "--until", "2026-12-31", "--format", "csv").csv
    assert list(table[0]) == list(rows[0])
    assert [int(row["items"]) for row in table] == sorted((int(row["items"]) for row in table), reverse=True)


def test_the_answer_is_stored_once_for_each_question(folder: Path) -> None:
    """The same seed gives the same answer, and replaces its row."""
    first = _ask(folder, "--items", "17", "--seed", "5", "--format", "json").json
    second = _ask(folder, "--items", "17", "--seed", "5", "--format", "json").json
    assert [row["date"] for row in first] == [row["date"] for row in second]
    (row,) = [row for row in _stored(folder) if row["asked"] == "17"]
    assert (row["question"], row["seed"], row["history_weeks"], row["state"]) == ("items", 5, 12, "success")
    assert [answer["date"] for answer in json.loads(row["answers"])] == [row["date"] for row in first]
    assert json.loads(row["backtest"]) == {
        str(chance["percent"]): {"held": chance["held"], "checked": chance["checked"]} for chance in first
    }


def test_an_earlier_as_of_ignores_later_weeks(folder: Path) -> None:
    """It draws from the weeks before it, and counts from its own day."""
    now = _ask(folder, "--weeks", "11", "--format", "json").json[0]["throughput"]
    then = _ask(folder, "--weeks", "9", "--as-of", "2026-09-30T12:00+02:00", "--items", "10", "--format", "json").json[
        0
    ]
    assert then["throughput"] == now[:-2]
    assert then["as_of"] == "2026-09-30T10:00:00.000000Z"


def test_too_little_history_gives_no_number(folder: Path) -> None:
    """The answer is neither zero nor a guess: it says what is missing, and is stored too."""
    with closing(sqlite3.connect(folder / "flowbeat.db")) as database:
        ((created,),) = database.execute("SELECT datetime(min(created), '+21 days') FROM issues").fetchall()
    asked = ("--items", "5", "--as-of", created[:10])  # at most three whole weeks lie between
    said = _ask(folder, *asked, "--format", "json")
    assert [row["state"] for row in said.json] == ["no_data"]
    assert [(row["percent"], row["days"], row["items"]) for row in said.json] == [(None, None, None)]
    table = _ask(folder, *asked).out
    assert "a forecast needs 5 such weeks: ask later. As of" in " ".join(table.split())  # no further week is stored
    assert "%" not in table
    assert _stored(folder)[-1]["state"] == "no_data"


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("--items", "3", "--until", "2026-12-31"), "two questions"),
        (("--until", "2026-10-14"), "--until must lie after 2026-10-14"),
        (("--until", "2036-12-31"), "at most ten years"),
        (("--items", "0"), "--items"),
        (("--weeks", "4"), "--weeks"),
    ],
)
def test_an_impossible_question_is_a_usage_error(folder: Path, words: tuple[str, ...], fault: str) -> None:
    """The error says which values are allowed."""
    said = _ask(folder, *words)
    assert said.code == 2
    assert fault in said.err


def test_nothing_in_progress_needs_a_number(folder: Path) -> None:
    """Before the first item was started there is nothing to forecast without a number of items."""
    said = _ask(folder, "--as-of", "2020-01-01")
    assert said.code == 1
    assert "nothing is in progress; ask with --items N or --until DATE" in said.err
    assert _ask(folder, "--as-of", "2020-01-01", "--items", "3").code == 0
