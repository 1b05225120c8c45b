"""What the integration tests share: a private, real Redis-compatible server for each test process."""

from collections.abc import Iterator

import pytest
from dashboard_world import dashboard_places  # noqa: F401 - a fixture
from databases import (  # noqa: F401 - fixtures
    database_url,
    empty_url,
    engine,
    migrated_file,
    migrated_postgres,
    new_postgres,
    postgres,
    sessions,
)
from redis import Redis
from results_world import results_folder  # noqa: F401 - a fixture

from sandbox.shapes import Flavour
from worker import embedded


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the URL, as redis-py takes it, of an embedded server that lives as long as this test process."""
    handle = embedded.ensure(tmp_path_factory.mktemp("state"))
    yield handle.client_url
    handle.close()


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[Redis]:
    """Yield a client of that server, its database emptied before the test."""
    with Redis.from_url(redis_url) as client:
        client.flushall()
        yield client


@pytest.fixture(params=["cloud", "datacenter"])
def flavour(request: pytest.FixtureRequest) -> Flavour:
    """Return both kinds of Jira."""
    requested: Flavour = request.param
    return requested
