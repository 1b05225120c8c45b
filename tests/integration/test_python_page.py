"""The Python of docs/python.md runs as written, with pandas, on a team's stored results in both databases."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import console_world as world
import pytest

pytestmark = pytest.mark.xdist_group("python page")  # one process makes what all tests here read

PAGE: Final = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
BLOCKS: Final = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS: Final = re.findall(r"^(flowbeat .*) > (\S+)$", PAGE, re.MULTILINE)
# What a notebook shows of each print of the page, in order.
PRINTED: Final = ("2026-W", "flow_velocity", "lead_time", "Story")


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a folder with a refreshed profile in a SQLite file."""
    with world.refreshed(tmp_path_factory.mktemp("sqlite")) as place:
        yield place


@pytest.fixture(scope="module")
def on_postgresql(
    tmp_path_factory: pytest.TempPathFactory, new_postgres: Callable[[], AbstractContextManager[str]]
) -> Iterator[tuple[Path, str]]:
    """Yield a folder with a profile whose data is in PostgreSQL, and the address of that database."""
    place = tmp_path_factory.mktemp("postgresql")
    with new_postgres() as url:
        file = world.configure(place)
        file.write_text(f'database_url = "{url}"\n{file.read_text()}')
        with world.world(place, issues=200) as current:
            world.refresh(current)
        yield place, url


def _run(folder: Path, left_out: str, **environ: str) -> str:
    """Return what the page's program prints in a folder; the block that contains ``left_out`` is not part of it."""
    for command, file in COMMANDS:
        said = world.say(folder, *shlex.split(command)[1:])
        assert (said.code, said.err) == (0, "")
        (folder / file).write_text(said.out, encoding="utf-8")
    program = "\n".join(block for block in BLOCKS if left_out not in block)
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=folder,
        env={**os.environ, **environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_program_runs_on_sqlite(on_sqlite: Path) -> None:
    """Each block in its order, in one interpreter, as in a notebook."""
    printed = _run(on_sqlite, "FLOWBEAT_DATABASE_URL")
    assert all(part in printed for part in PRINTED), printed
    in_json, in_csv = printed.split()[-2:]
    assert in_json == in_csv
    assert int(in_json) > 100


def test_the_program_runs_on_postgresql_and_prints_the_same(on_sqlite: Path, on_postgresql: tuple[Path, str]) -> None:
    """The same team in the other database."""
    folder, url = on_postgresql
    printed = _run(folder, "mode=ro", FLOWBEAT_DATABASE_URL=url)
    assert printed == _run(on_sqlite, "FLOWBEAT_DATABASE_URL")


@pytest.mark.parametrize("written", ["mode=ro", "FLOWBEAT_DATABASE_URL"])
def test_the_engines_of_the_page_cannot_write(on_sqlite: Path, on_postgresql: tuple[Path, str], written: str) -> None:
    """Both refuse a deletion."""
    (block,) = [block for block in BLOCKS if written in block]
    attempt = """
from sqlalchemy import text
with engine.connect() as connection:
    connection.execute(text("DELETE FROM issues"))
"""
    done = subprocess.run(
        [sys.executable, "-c", block + attempt],
        cwd=on_sqlite,
        env={**os.environ, "FLOWBEAT_DATABASE_URL": on_postgresql[1]},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert re.search(r"readonly database|read-only transaction", done.stderr), done.stderr
