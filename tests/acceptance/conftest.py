"""What the acceptance tests share: a whole Flowbeat in a folder of its own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from databases import database_url, empty_url, migrated_file, migrated_postgres, postgres  # noqa: F401 - fixtures
from world import World, open_world


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Make a world; at the end its processes and its embedded server are stopped."""
    with ExitStack() as stack:
        yield partial(open_world, stack, tmp_path)
