"""The client over a real socket: it repeats requests whose connection broke, and threads share one session."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from jira_gate import Gate

from sandbox.api import Jira
from sandbox.faults import Fault, cut, failing, half_json, reset, slow, too_many
from sandbox.server import Options, build, running
from sandbox.team import EMAIL, TOKEN
from worker.errors import RetryableError
from worker.jira.client import Client
from worker.jira.faults import LoginError
from worker.jira.parse import Wanted
from worker.jira.reader import parallel
from worker.jira.site import identify, reader
from worker.settings import Connection

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="module", params=["", "/jira", "/ex/jira/0f0f0f0f-1111-2222-3333-444455556666"])
def served(request: pytest.FixtureRequest) -> Iterator[tuple[Jira, str]]:
    """Yield a Jira on localhost and its URL: plain, with a context path, or behind the gateway of scoped tokens."""
    jira = build(Options(issues=30, context=request.param), NOW)
    with running(jira) as url:
        yield jira, url


@pytest.fixture
def jira(served: tuple[Jira, str]) -> Iterator[Jira]:
    """Yield that Jira, without faults and with an empty log."""
    jira, _ = served
    jira.log.clear()
    yield jira
    jira.faults.clear()


@pytest.fixture
def connection(served: tuple[Jira, str]) -> Connection:
    """Return a connection to it that waits a second for an answer."""
    return Connection("acme", served[1], email=EMAIL, concurrency=8, timeout_seconds=1.0)


def _client(connection: Connection, token: str = TOKEN) -> Client:
    """Return a client of a run that Jira has answered before: only then does a client wait before it repeats."""
    return Client(connection, token, Gate(), sleep=lambda _: None, heard=True)


def test_a_site_is_read_over_http(jira: Jira, connection: Connection) -> None:
    """Login, context path, GET and POST work over HTTP."""
    client = _client(connection)
    site = identify(client)
    jira_reader = reader(client, site.flavour, Wanted())
    assert site.flavour == "cloud"
    assert site.address == connection.base_url.partition("/ex/jira/")[0]
    assert len(jira_reader.census("project = PAY", None).updates) > 5
    assert len(jira.log) == 2


@pytest.mark.parametrize(
    "fault",
    [reset(), cut(), cut(0.0), half_json(), failing(500), failing(502), too_many(None), slow(1.5)],
    ids=["reset", "cut", "no body", "half JSON", "500", "502", "gateway 429", "slow"],
)
def test_a_request_with_a_broken_answer_is_repeated(jira: Jira, connection: Connection, fault: Fault) -> None:
    """The request is sent twice, and the second answer is used."""
    jira.faults.append(replace(fault, endpoint="serverInfo"))
    client = _client(connection)
    assert identify(client).flavour == "cloud"
    assert client.traffic.take()[0] == 2


def test_a_refused_connection_is_retried_later(connection: Connection) -> None:
    """Jira may be restarting; the message names only the host."""
    away = replace(connection, base_url="http://127.0.0.1:9")
    with pytest.raises(RetryableError, match=r"^127\.0\.0\.1:9 cannot be reached \(Connection refused\)$"):
        identify(_client(away))


def test_a_wrong_token_is_refused_once(jira: Jira, connection: Connection) -> None:
    """The client does not repeat it, because repeated logins lead to a CAPTCHA."""
    with pytest.raises(LoginError, match="refused the login") as caught:
        reader(_client(connection, "wrong-token"), "cloud", Wanted()).statuses()
    assert "wrong-token" not in str(caught.value)
    assert len(jira.log) == 1


def test_threads_share_one_client(jira: Jira, connection: Connection) -> None:
    """The number of connections is the concurrency, and every call is counted."""
    client = _client(connection)
    paths = [f"/rest/api/3/{name}" for name in ("status", "field", "myself")] * 10
    answers = parallel(client.get, paths, 8)
    assert [type(answer) for answer in answers] == [list, list, dict] * 10
    assert client.traffic.take()[0] == len(jira.log) == 30
