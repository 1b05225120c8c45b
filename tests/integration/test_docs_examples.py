"""The examples of docs/questions.md and docs/sql.md are commands that work."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import console_world as world
import pytest

from console.cli import TABLE

pytestmark = pytest.mark.xdist_group("docs examples")  # one process makes what all tests here read

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = re.findall(r"^flowbeat .*$", (DOCS / "questions.md").read_text(), re.MULTILINE)
# The command that opens a browser has tests of its own.
BESIDE_SQL = re.findall(r"^flowbeat (?!browse).*$", (DOCS / "sql.md").read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a folder with a refreshed profile."""
    with world.refreshed(tmp_path_factory.mktemp("examples")) as place:
        yield place


@pytest.mark.parametrize("line", [*EXAMPLES, *BESIDE_SQL])
def test_an_example_works_as_written(folder: Path, line: str) -> None:
    """The command exits with code 0, prints output and no warning."""
    done = world.say(folder, *shlex.split(line, comments=True)[1:])
    assert (done.code, done.err) == (0, "")
    assert done.out.strip()


def test_the_page_has_an_example_of_each_of_its_commands() -> None:
    """A question without an example would have an untested command."""
    named = {shlex.split(line)[1] for line in EXAMPLES}
    assert named <= {name for group in TABLE.values() for name in group}
    assert {"aging", "explain", "issue", "overview"} <= named
    assert {"aging", "explain", "performance", "results"} == {shlex.split(line)[1] for line in BESIDE_SQL}
