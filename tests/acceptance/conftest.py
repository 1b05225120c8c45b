"""What the acceptance tests share: a whole Flowbeat in a folder of its own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from databases import database_url, empty_url, migrated_file, migrated_postgres, postgres  # noqa: F401 - fixtures
from world import World, copied_world, open_world


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
