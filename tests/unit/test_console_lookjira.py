"""The check of a Jira that cannot be reached, and of JQL whose relative dates make past results shrink."""

from typing import Any

import pytest
import requests
from fakeredis import FakeRedis
from requests.adapters import HTTPAdapter

from console.check.jira import IMPATIENT, identify_site, moving
from worker.errors import FatalError, RetryableError
from worker.jira.client import Client
from worker.limiter import Limiter
from worker.settings import Connection


class Failing(HTTPAdapter):
    """A transport adapter that raises the same error each time."""

    def __init__(self, error: requests.RequestException) -> None:
        """Store the error and set the count to zero."""
        super().__init__()
        self.error = error
        self.tried = 0

    def send(self, *_: Any, **__: Any) -> requests.Response:
        """Count the request and raise the error."""
        self.tried += 1
        raise self.error


def asked(error: requests.RequestException) -> tuple[Client, Connection, Failing]:
    """Return a client of a Jira that cannot be reached, as the check command makes it."""
    connection, way, session = Connection("acme", "https://jira.acme.example"), Failing(error), requests.Session()
    session.mount("https://", way)
    limiter = Limiter(FakeRedis(), key="check", requests=100, per_seconds=1.0, timeout=10.0)
    return Client(connection, None, limiter, session=session, tried=IMPATIENT), connection, way


def test_a_certificate_nobody_trusts_is_told_with_what_to_do() -> None:
    """A second try would fail too. The client's own sentence is for a log, this one for a person."""
    client, connection, _ = asked(requests.exceptions.SSLError())
    with pytest.raises(FatalError, match=r"not trusted here; .* REQUESTS_CA_BUNDLE"):
        identify_site(client, connection)


def test_a_check_tries_but_once() -> None:
    """A person waits for the answer."""
    client, connection, way = asked(requests.exceptions.ReadTimeout())
    with pytest.raises(RetryableError):
        identify_site(client, connection)
    assert way.tried == 1


@pytest.mark.parametrize(
    ("jql", "part"),
    [
        ("project = PAY AND updated >= -30d", "-30d"),
        ('created > "-4w 2d"', "-4w"),
        ("created >= startOfMonth(-6)", "startOfMonth"),
        ("sprint in openSprints()", "openSprints"),
        ("Sprint not in CLOSEDSPRINTS ()", "CLOSEDSPRINTS"),
        ("due < now()", "now"),
    ],
)
def test_relative_dates_and_sprint_functions_move(jql: str, part: str) -> None:
    """In quotes or without, in upper or lower case."""
    assert moving(jql) == part


@pytest.mark.parametrize(
    "jql",
    [
        "project = PAY",
        "created >= 2026-01-01",
        'created >= "2026-01-01 12:00"',
        'fixVersion = "release-3d"',
        "key = PAY-12",
        "labels = now",
        "issuetype in standardIssueTypes()",
    ],
)
def test_fixed_dates_keys_and_names_do_not(jql: str) -> None:
    """Text that only looks like a relative date is not reported."""
    assert moving(jql) is None
