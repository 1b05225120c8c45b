"""The sandbox's Data Center endpoints: pages by offset, the limits of pages, whole changelogs without field ids."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from sandbox.adapter import SandboxAdapter
from sandbox.api import Jira
from sandbox.site import Bounds, Clock
from sandbox.team import EMAIL, TOKEN, generate

START = datetime(2025, 1, 6, tzinfo=UTC)
ROOT = "https://acme.example/jira"
BASE = f"{ROOT}/rest/api/2"


@pytest.fixture(scope="module")
def jira() -> Jira:
    """Return a Data Center site of 1,200 issues under a context path."""
    site = generate(7, 1_300, START, flavour="datacenter", per_week=120)
    return Jira(site, Clock(START + timedelta(weeks=10)), context="/jira")


@pytest.fixture
def session(jira: Jira) -> Iterator[requests.Session]:
    """Yield a logged-in session whose site is the sandbox."""
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {TOKEN}"
        session.mount("https://acme.example", SandboxAdapter(jira))
        yield session


def search(session: requests.Session, **query: Any) -> Any:
    """Return one page of the search."""
    answer = session.get(f"{BASE}/search", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_page_is_cut_to_a_thousand_and_says_so(session: requests.Session) -> None:
    """The request is for 2,000, the answer has maxResults 1,000. The next page begins there. Unbounded JQL works."""
    first = search(session, jql="ORDER BY id", maxResults=2000, fields="updated")
    assert (first["startAt"], first["maxResults"], len(first["issues"])) == (0, 1000, 1000)
    rest = search(session, jql="ORDER BY id", maxResults=2000, startAt=1000, fields="updated")
    assert len(rest["issues"]) == first["total"] - 1000
    assert search(session, startAt=5000)["issues"] == []


def test_a_search_works_by_post_too(session: requests.Session) -> None:
    """Fields and expand are arrays."""
    body = {"jql": "project = PAY", "fields": ["status"], "expand": ["changelog"], "maxResults": 2}
    page = session.post(f"{BASE}/search", json=body).json()
    assert [set(issue["fields"]) for issue in page["issues"]] == [{"status"}, {"status"}]
    assert "changelog" in page["issues"][0]


def test_without_fields_come_the_navigable_ones(session: requests.Session) -> None:
    """`*navigable` is the default of Data Center, with 50 on a page."""
    page = search(session, jql="project = PAY")
    assert page["maxResults"] == len(page["issues"]) == 50
    assert "status" in page["issues"][0]["fields"]
    assert "description" not in page["issues"][0]["fields"]


def test_the_expanded_changelog_is_whole_and_oldest_first(session: requests.Session) -> None:
    """However long it is. Its items have no field id."""
    page = search(session, jql="ORDER BY id", expand="changelog", maxResults=1000, fields="updated")
    logs = [issue["changelog"] for issue in page["issues"]]
    assert max(log["total"] for log in logs) > 100
    for log in logs:
        created = [datetime.fromisoformat(history["created"]) for history in log["histories"]]
        assert created == sorted(created)
        assert len(created) == log["total"] == log["maxResults"]
    items = [item for log in logs for history in log["histories"] for item in history["items"]]
    assert items
    assert not any("fieldId" in item for item in items)


def test_people_have_names_and_texts_are_texts(session: requests.Session) -> None:
    """Without account ids and documents."""
    issue = session.get(f"{BASE}/issue/10001").json()
    assert {"name", "key", "emailAddress"} <= set(issue["fields"]["reporter"])
    assert "accountId" not in issue["fields"]["reporter"]
    assert isinstance(issue["fields"]["description"], str)


def test_beyond_the_wall_is_an_error_of_the_server(session: requests.Session) -> None:
    """A search from 10,000 on is refused with 500."""
    assert session.get(f"{BASE}/search", params={"jql": "", "startAt": "9999"}).status_code == 200
    answer = session.get(f"{BASE}/search", params={"jql": "", "startAt": "10000"})
    assert answer.status_code == 500
    assert "Search limit exceeded" in answer.json()["errorMessages"][0]


def test_the_bounds_can_be_drawn_closer() -> None:
    """So a test with few issues can reach the limits."""
    site = generate(1, 50, START, flavour="datacenter")
    site.bounds = Bounds(page_of_search=10, wall=20)
    with requests.Session() as session:
        session.auth = (EMAIL, TOKEN)
        session.mount(
            "https://acme.example", SandboxAdapter(Jira(site, Clock(START + timedelta(weeks=6)), context="/jira"))
        )
        assert search(session, startAt=19, maxResults=50)["maxResults"] == 10
        assert session.get(f"{BASE}/search", params={"startAt": 20}).status_code == 500


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/rest/api/2/search/jql"),
        ("POST", "/rest/api/2/issue/bulkfetch"),
        ("POST", "/rest/api/3/changelog/bulkfetch"),
        ("GET", "/rest/api/3/search/jql"),
        ("GET", "/rest/api/2/issue/10001/changelog"),
    ],
)
def test_endpoints_of_cloud_are_not_there(session: requests.Session, method: str, path: str) -> None:
    """404, also for the changelog of one issue, which older versions lack."""
    assert session.request(method, f"{ROOT}{path}").status_code == 404


def test_the_site_lives_under_its_context_path_alone(session: requests.Session) -> None:
    """The same endpoint without `/jira` is a 404."""
    assert session.get(f"{BASE}/serverInfo").json()["deploymentType"] == "DataCenter"
    assert session.get(f"{ROOT}/rest/api/latest/serverInfo").status_code == 200
    assert session.get("https://acme.example/rest/api/2/serverInfo").status_code == 404


def test_the_small_endpoints_answer(session: requests.Session) -> None:
    """Lists, versions, and the account with its time zone. A password is accepted like a token."""
    assert "Blocked" in {status["name"] for status in session.get(f"{BASE}/status").json()}
    assert "Rank" in {field["name"] for field in session.get(f"{BASE}/field").json()}
    assert session.get(f"{BASE}/project/PAY/versions").json()
    assert session.get(f"{BASE}/myself", auth=(EMAIL, TOKEN)).json()["timeZone"] == "America/New_York"


def test_pages_by_offset_drift_when_an_issue_changes() -> None:
    """An issue that moves to the end shifts the rows behind it, so that one is skipped, as on a real site."""
    clock = Clock(START + timedelta(weeks=20))
    jira = Jira(generate(7, 300, START, flavour="datacenter"), clock, context="/jira")
    with requests.Session() as session:
        session.auth = (EMAIL, TOKEN)
        session.mount("https://acme.example", SandboxAdapter(jira))
        query = {"jql": "ORDER BY updated", "fields": "updated", "maxResults": 20}
        before = search(session, **{**query, "maxResults": 1000})
        seen: set[str] = set()
        for start in range(0, before["total"] + 20, 20):
            seen |= {issue["id"] for issue in search(session, **query, startAt=start)["issues"]}
            clock.advance(timedelta(hours=12))
    assert {issue["id"] for issue in before["issues"]} - seen
