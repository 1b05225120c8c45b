"""The sandbox over real HTTP: keep-alive, parallel requests, broken connections, and its command."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import requests

from sandbox import faults
from sandbox.api import Jira
from sandbox.server import Options, build, running
from sandbox.site import Clock
from sandbox.team import EMAIL, TOKEN, generate

START = datetime(2025, 1, 6, tzinfo=UTC)


@pytest.fixture
def jira() -> Jira:
    """Return a Jira of a hundred issues."""
    return Jira(generate(1, 100, START), Clock(START + timedelta(weeks=12)))


@pytest.fixture
def url(jira: Jira) -> Iterator[str]:
    """Yield the sandbox's base URL."""
    with running(jira) as url:
        yield url


@pytest.fixture
def session() -> Iterator[requests.Session]:
    """Yield a logged-in session."""
    with requests.Session() as session:
        session.auth = (EMAIL, TOKEN)
        yield session


def test_it_answers_over_http_as_in_process(jira: Jira, url: str, session: requests.Session) -> None:
    """Body and content type are equal, and the Date is that of the sandbox's clock."""
    answer = session.post(f"{url}/rest/api/3/search/jql", json={"jql": "id > 0", "fields": ["key"], "maxResults": 3})
    assert len(answer.json()["issues"]) == 3
    assert answer.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert answer.headers["Date"] == "Mon, 31 Mar 2025 00:00:00 GMT"
    assert answer.json()["issues"][0]["self"].startswith(url)
    assert jira.log[-1].returned == 3


def test_it_keeps_its_connections_and_serves_many_at_once(url: str, session: requests.Session) -> None:
    """Each of eight readers gets its own answer, and latencies of parallel requests do not add up."""
    ids = [f"{number}" for number in range(10_001, 10_041)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: session.get(f"{url}/rest/api/3/issue/{i}").json()["id"], ids))
    assert answers == ids


def test_latency_is_per_request_and_not_for_all_together(jira: Jira, session: requests.Session) -> None:
    """Ten requests of 0.2 seconds at once take far less than two."""
    with running(jira, latency=0.2) as url, ThreadPoolExecutor(10) as pool:
        began = time.monotonic()
        codes = [a.status_code for a in pool.map(session.get, [f"{url}/rest/api/3/status"] * 10)]
        took = time.monotonic() - began
    assert codes == [200] * 10
    assert 0.2 <= took < 1.5


def test_the_log_of_requests_is_read_and_cleared_over_http(url: str, session: requests.Session) -> None:
    """A test in another process can count the requests."""
    session.get(f"{url}/rest/api/3/status")
    seen = session.get(f"{url}/_sandbox/requests").json()["requests"]
    assert [(seen_request["method"], seen_request["endpoint"], seen_request["status"]) for seen_request in seen] == [
        ("GET", "/rest/api/3/status", 200)
    ]
    assert session.delete(f"{url}/_sandbox/requests").status_code == 204
    assert session.get(f"{url}/_sandbox/requests").json() == {"requests": []}
    assert session.get(f"{url}/_sandbox/health").json() == {"status": "ok"}


def test_connections_break_as_real_ones_do(jira: Jira, url: str, session: requests.Session) -> None:
    """There are a reset, a body shorter than its length and a late answer; then requests succeed."""
    jira.faults += [faults.reset(), faults.cut(), faults.slow(2)]
    endpoint = f"{url}/rest/api/3/field"
    with pytest.raises(requests.ConnectionError):
        session.get(endpoint)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        session.get(endpoint)
    with pytest.raises(requests.ReadTimeout):
        session.get(endpoint, timeout=0.2)
    assert session.get(endpoint).status_code == 200


def test_a_context_path_is_part_of_the_url(session: requests.Session) -> None:
    """Many Data Center sites have one."""
    jira = build(Options(issues=20, flavour="datacenter", context="/jira"), START)
    with running(jira) as url:
        assert url.endswith("/jira")
        assert session.get(f"{url}/rest/api/2/serverInfo").json()["baseUrl"] == url


def test_a_port_that_is_taken_is_an_error_at_once(jira: Jira, url: str) -> None:
    """The server neither waits nor uses another port."""
    with pytest.raises(OSError, match="in use"), running(jira, port=int(url.rpartition(":")[2])):
        pass


def test_options_describe_a_team_around_now() -> None:
    """The requested number of issues is before the anchor, whatever the size; later changes follow after it."""
    jira = build(Options(issues=150), START)
    jira.site.advance(int(START.timestamp() * 1000))
    assert 140 <= len(jira.site.indexed) <= 155
    jira.site.advance(int((START + timedelta(weeks=12)).timestamp() * 1000))
    assert len(jira.site.indexed) >= 260


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_prints_its_url_and_stops_at_a_signal(number: signal.Signals, session: requests.Session) -> None:
    """It prints a line with URL and login and one with its projects, serves until the signal, and exits with code 0."""
    words = [sys.executable, "-m", "sandbox", "--issues", "30", "--start", "2025-01-06", "--latency", "1"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            url_match = re.search(r"http://127\.0\.0\.1:\d+", line)
            assert url_match, line
            assert (EMAIL in line, TOKEN in line) == (True, True)
            held = process.stdout.readline()
            sizes = dict(re.findall(r"(\w+) \((\d+) issues\)", held))
            assert held.endswith('; in flowbeat.toml: jql = "project = PAY"\n')
            for project, size in sizes.items():
                answer = session.post(
                    f"{url_match[0]}/rest/api/3/search/approximate-count", json={"jql": f"project = {project}"}
                )
                assert answer.json() == {"count": int(size)}
            assert sizes.keys() == {"PAY", "OPS"}
            assert session.get(f"{url_match[0]}/rest/api/3/myself").status_code == 200
        finally:
            process.send_signal(number)
        assert process.wait(10) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
