"""What the acceptance tests share: a whole Flowbeat in a folder of its own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Final

import pytest
from databases import database_url, empty_url, migrated_file, migrated_postgres, postgres  # noqa: F401 - fixtures
from world import World, copied_world, open_world

HERE: Final = Path(__file__).parent
READERS: Final = "wait, and read the refreshed world"
OTHERS: Final = ("wait, first half", "wait, second half")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of this folder into three groups, which wait in a process each while the other tests compute.

    Most of them wait for workers, servers and clocks. In any process as they come, they would first wait all together,
    and then all others would compete for the processors. Only one process refreshes the world that some tests read.
    """
    others = cycle(OTHERS)
    for item in items:
        if item.path.parent == HERE and item.get_closest_marker("xdist_group") is None:
            reads = "refreshed_world" in getattr(item, "fixturenames", ())
            item.add_marker(pytest.mark.xdist_group(READERS if reads else next(others)))


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Make a world; at the end its processes and its embedded server are stopped."""
    with ExitStack() as stack:
        yield partial(open_world, stack, tmp_path)


@pytest.fixture(scope="session")
def refreshed_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Return a world after one refresh, to be read; a test that changes anything takes ``refreshed_copy``."""
    with ExitStack() as stack:
        world = open_world(stack, tmp_path_factory.mktemp("refreshed"))
        done = world.run("refresh")
        assert done.returncode == 0, done.stderr
        world.asked = len(world.jira.log)
        yield world


@pytest.fixture
def refreshed_copy(tmp_path: Path, refreshed_world: World) -> Iterator[World]:
    """Return a world of the test's own with the data of that refresh, at the same Jira."""
    with ExitStack() as stack:
        yield copied_world(stack, tmp_path, refreshed_world)
