"""What the stand-in for Jira Cloud answers while its issues change."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import requests
from cloud_calls import BASE, NOW, START, search

from sandbox import living
from sandbox.adapter import SandboxAdapter
from sandbox.api import Jira
from sandbox.site import Clock
from sandbox.team import EMAIL, TOKEN, generate
from sandbox.wire import Request


def test_an_issue_that_changes_while_it_is_read_is_seen_again_and_hides_none() -> None:
    """A token continues behind the last issue. An issue that moves to the end comes twice, and none is skipped."""
    clock = Clock(START + timedelta(weeks=20))
    jira = Jira(generate(7, 300, START), clock)
    with requests.Session() as session:
        session.auth = (EMAIL, TOKEN)
        session.mount("https://acme.example", SandboxAdapter(jira))
        before = {i["id"] for i in search(session, jql="id > 0", maxResults=5000)["issues"]}
        body = {"jql": "id > 0 ORDER BY updated", "maxResults": 20}
        page = search(session, **body)
        seen = [issue["id"] for issue in page["issues"]]
        while not page["isLast"]:
            clock.advance(timedelta(hours=6))
            page = search(session, **body, nextPageToken=page["nextPageToken"])
            seen += [issue["id"] for issue in page["issues"]]
    assert before <= set(seen)
    assert len(seen) > len(set(seen))


def test_an_answer_is_as_new_as_the_clock() -> None:
    """A change is found and shown within the minute. A late index lists issues that are gone; the answer omits them."""
    clock = Clock(NOW.astimezone(ZoneInfo("Asia/Tokyo")))
    jira = Jira(generate(7, 100, START), clock)
    jira.handle(Request("GET", "/rest/api/3/serverInfo"))
    changed, gone = jira.site.issues[10_001], jira.site.issues[10_002]
    with requests.Session() as session:
        session.auth = (EMAIL, TOKEN)
        session.mount("https://acme.example", SandboxAdapter(jira))
        query = {"jql": "labels = brandnew", "fields": ["labels"], "maxResults": 100}
        old = session.get(f"{BASE}/issue/10001").json()
        assert search(session, **query)["issues"] == []
        living.edit(jira.site, changed, "labels", ["brandnew"], NOW + timedelta(seconds=1))
        clock.advance(timedelta(seconds=1))
        assert [issue["id"] for issue in search(session, **query)["issues"]] == ["10001"]
        assert session.get(f"{BASE}/issue/10001").json()["fields"]["labels"] != old["fields"]["labels"]
        jira.site.lag_behind(60_000)
        living.delete(jira.site, gone, NOW + timedelta(seconds=2))
        clock.advance(timedelta(seconds=1))
        page = search(session, jql="id <= 10003 ORDER BY id", fields=["labels"])
        assert [issue["id"] for issue in page["issues"]] == ["10001", "10003"]
        assert session.get(f"{BASE}/serverInfo").headers["Date"] == "Mon, 04 Aug 2025 00:00:02 GMT"
