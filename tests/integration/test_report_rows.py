"""Results from Python: the rows of `flowbeat results --format json`, found as the command finds them."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir
from datetime import date, datetime
from pathlib import Path
from typing import Any

import console_world as world
import pytest

from models.records import METRIC_TYPES
from report import rows
from worker.errors import FatalError

pytestmark = pytest.mark.xdist_group("report rows")  # one process makes what all tests here read

CASES: dict[str, dict[str, Any]] = {
    "": {},
    "--window weeks": {"window": "weeks"},
    "--metric lead_time": {"metric": "lead_time"},
    "--window weeks --metric mttr": {"window": "weeks", "metric": "mttr"},
    "--window weeks --metric flow_time --metric cfr": {"window": "weeks", "metric": ["flow_time", "cfr"]},
    "--as-of 2026-10-01": {"as_of": date(2026, 10, 1)},
    "--as-of 2026-10-01T12:00+02:00": {"as_of": datetime.fromisoformat("2026-10-01T12:00+02:00")},
    "--window weeks --as-of 2026-10-01": {"window": "weeks", "as_of": "2026-10-01"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a folder with a refreshed profile."""
    with world.refreshed(tmp_path_factory.mktemp("rows")) as place:
        yield place


@pytest.mark.parametrize("options", CASES)
@pytest.mark.parametrize("profiles", [(), ("payments",)])
def test_the_rows_are_those_of_the_command(folder: Path, profiles: tuple[str, ...], options: str) -> None:
    """The same keys in the same order with the same values, whatever is asked for."""
    said = world.say(folder, "results", *profiles, *options.split(), "--format", "json")
    plain = rows.results(*profiles, **CASES[options], config=folder / "flowbeat.toml")
    computed_now = {"calculated_at"} if "as_of" in CASES[options] else set()
    assert [_without(row, computed_now) for row in plain] == [_without(row, computed_now) for row in said.json]
    assert [list(row) for row in plain] == [list(row) for row in said.json]
    assert plain


def _without(row: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def test_the_configuration_is_that_of_the_folder_and_a_path_may_be_text(folder: Path) -> None:
    """As commands find it."""
    with chdir(folder):
        assert rows.results("payments") == rows.results("payments", config=str(folder / "flowbeat.toml"))


def test_the_keys_and_the_types_of_their_values_are_as_documented(folder: Path) -> None:
    """A reader's program relies on each of them."""
    (row,) = rows.results("payments", metric="flow_time", config=folder / "flowbeat.toml")
    text, number = (str,), (float, int)
    assert {name: type(value) for name, value in row.items() if not isinstance(value, text + number)} == {
        "message": type(None),
        "level": type(None),
        "exclusions": dict,
        "details": dict,
    }
    assert datetime.fromisoformat(row["window_start"]).utcoffset() is not None
    assert {row["metric_type"] for row in rows.results(config=folder / "flowbeat.toml")} == set(METRIC_TYPES)


@pytest.mark.parametrize(
    ("profile", "wanted", "message"),
    [
        ("paymets", {}, "profile 'paymets'; did you mean payments?"),
        ("payments", {"metric": "leadtime"}, "metric 'leadtime'; did you mean lead_time?"),
        ("payments", {"window": "week"}, "window 'week'; did you mean weeks?"),
        ("payments", {"as_of": "soon"}, "^as-of 'soon' is neither a day"),
    ],
)
def test_an_unknown_name_is_a_value_error_with_the_nearest_one(
    folder: Path, profile: str, wanted: dict[str, Any], message: str
) -> None:
    """Nothing is shown that was not asked for."""
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        rows.results(profile, **wanted, config=folder / "flowbeat.toml")


def test_a_day_after_the_data_is_refused_without_an_option_that_python_does_not_have(folder: Path) -> None:
    """The advice holds for a parameter and for an option of any name."""
    with pytest.raises(FatalError, match=r"^the as-of 2026-12-24 is later than the data of 'payments': leave it out"):
        rows.results("payments", as_of=date(2026, 12, 24), config=folder / "flowbeat.toml")


def test_nothing_stored_is_an_error_and_creates_no_database(tmp_path: Path) -> None:
    """An empty list would look like a team without results."""
    with pytest.raises(FatalError, match="no database exists yet"):
        rows.results(config=world.configure(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["flowbeat.toml"]


def test_the_function_needs_no_command_and_no_library_of_workers() -> None:
    """A notebook imports what it uses."""
    program = "import sys\nfrom report import rows\nprint(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()).isdisjoint({"console", "tasks", "celery", "redis", "rich", "numpy", "pandas"})
