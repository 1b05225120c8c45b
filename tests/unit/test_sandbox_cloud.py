"""The sandbox's Cloud endpoints: pages, limits and repeats as in Jira Cloud, and who may call them."""

import itertools
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import requests
from cloud_calls import BASE, NOW, START, pages, search

from sandbox.adapter import SandboxAdapter
from sandbox.api import Jira
from sandbox.site import Clock
from sandbox.team import EMAIL, TOKEN, generate


@pytest.fixture(scope="module")
def jira() -> Jira:
    """Return a Cloud site with the issues of thirty weeks."""
    return Jira(generate(7, 400, START), Clock(NOW))


@pytest.fixture
def session(jira: Jira) -> Iterator[requests.Session]:
    """Yield a logged-in session whose site is the sandbox."""
    with requests.Session() as session:
        session.auth = (EMAIL, TOKEN)
        session.mount("https://acme.example", SandboxAdapter(jira))
        jira.log.clear()
        yield session


def test_a_search_without_fields_gives_ids_alone_and_no_total(session: requests.Session) -> None:
    """The default field is `id`, and all issues fit on a page."""
    body = search(session, jql="id > 0 ORDER BY id", maxResults=5000)
    assert set(body) == {"issues", "isLast"}
    assert body["isLast"] is True
    assert len(body["issues"]) > 250
    assert {tuple(issue) for issue in body["issues"]} == {("id",)}


def test_the_key_is_given_where_it_is_asked_for(session: requests.Session) -> None:
    """As the only field or with others, and up to 5,000 on a page."""
    body = search(session, jql="id > 0 ORDER BY id", fields=["key"], maxResults=5000)
    assert set(body["issues"][0]) == {"expand", "id", "self", "key"}
    assert len(body["issues"]) > 250
    assert set(search(session, jql="id > 0", fields=["updated"])["issues"][0]) > {"id", "key", "fields"}


def test_a_search_with_a_field_gives_at_most_a_hundred(session: requests.Session) -> None:
    """The request is for 5,000; the answer has 100 and a token. The pages together have each issue once."""
    bodies = pages(session, "search/jql", jql="id > 0 ORDER BY updated", maxResults=5000, fields=["updated"])
    sizes = [len(page["issues"]) for page in bodies]
    assert set(sizes[:-1]) == {100}
    assert [page["isLast"] for page in bodies] == [False] * (len(bodies) - 1) + [True]
    ids = [issue["id"] for page in bodies for issue in page["issues"]]
    assert sorted(set(ids)) == sorted(i["id"] for i in search(session, jql="id > 0", maxResults=5000)["issues"])
    assert len(ids) == len(set(ids))
    assert set(bodies[0]["issues"][0]["fields"]) == {"updated"}


def test_a_search_works_by_get_too(session: requests.Session) -> None:
    """Fields and expand are comma-separated lists."""
    query = {"jql": "project = PAY", "fields": "status,updated", "expand": "changelog", "maxResults": "3"}
    body = session.get(f"{BASE}/search/jql", params=query).json()
    assert len(body["issues"]) == 3
    assert set(body["issues"][0]["fields"]) == {"status", "updated"}
    assert "histories" in body["issues"][0]["changelog"]


@pytest.mark.parametrize("token", ["made-up", "None"])
def test_a_token_that_was_never_given_is_refused(session: requests.Session, token: str) -> None:
    """A token of another JQL is refused too."""
    answer = session.post(f"{BASE}/search/jql", json={"jql": "project = PAY", "nextPageToken": token})
    assert answer.status_code == 400
    token = search(session, jql="project = PAY", maxResults=1)["nextPageToken"]
    answer = session.post(f"{BASE}/search/jql", json={"jql": "project = OPS", "nextPageToken": token})
    assert (answer.status_code, "token" in answer.json()["errorMessages"][0]) == (400, True)


def test_a_null_token_is_refused(session: requests.Session) -> None:
    """The schema requires a string, so `null` must be left out."""
    answer = session.post(f"{BASE}/search/jql", json={"jql": "project = PAY", "nextPageToken": None})
    assert answer.status_code == 400


def test_a_token_may_be_used_again(session: requests.Session) -> None:
    """A client that repeats a request gets the same page."""
    first = search(session, jql="project = PAY ORDER BY id", maxResults=10)
    again = [
        search(session, jql="project = PAY ORDER BY id", maxResults=10, nextPageToken=first["nextPageToken"])
        for _ in range(2)
    ]
    assert again[0] == again[1] != first


def test_refusals_of_a_jql_come_in_jiras_words(session: requests.Session) -> None:
    """400 with errorMessages for an unbounded query, an unknown id and eight ORDER BY fields."""
    for jql, words in (
        ("ORDER BY key", "Unbounded JQL queries are not allowed here."),
        ("id in (10001, 77)", "A value with ID '77' does not exist for the field 'id'."),
        ("id > 0 ORDER BY id,key,type,status,created,updated,project,summary", "ordered by at most 7 fields."),
    ):
        answer = session.post(f"{BASE}/search/jql", json={"jql": jql})
        assert answer.status_code == 400
        assert words in answer.json()["errorMessages"][0]
        assert answer.json()["errors"] == {}


def test_the_embedded_changelog_is_cut_to_the_newest_forty(session: requests.Session) -> None:
    """Newest first, and `total` counts all of them."""
    bodies = pages(session, "search/jql", jql="id > 0", fields=["updated"], expand="changelog", maxResults=100)
    logs = [issue["changelog"] for page in bodies for issue in page["issues"]]
    longest = max(logs, key=lambda log: log["total"])
    assert longest["total"] > 100
    assert len(longest["histories"]) == longest["maxResults"] == 40
    assert all(len(log["histories"]) == log["total"] for log in logs if log["total"] <= 40)
    created = [history["created"] for history in longest["histories"]]
    assert created == sorted(created, key=datetime.fromisoformat, reverse=True)


def test_an_issues_own_changelog_comes_oldest_first_by_hundreds(session: requests.Session) -> None:
    """The answer has the limit and marks the last page. The pages together are the whole changelog."""
    ids = [issue["id"] for issue in search(session, jql="id > 0", maxResults=5000)["issues"]]
    totals = {i: session.get(f"{BASE}/issue/{i}/changelog", params={"maxResults": 0}).json()["total"] for i in ids}
    longest = max(totals, key=totals.__getitem__)
    first = session.get(f"{BASE}/issue/{longest}/changelog", params={"maxResults": 1000}).json()
    rest = session.get(first["nextPage"]).json()
    assert (first["startAt"], first["maxResults"], first["isLast"]) == (0, 100, False)
    assert (rest["startAt"], rest["isLast"], "nextPage" in rest) == (100, True, False)
    values = first["values"] + rest["values"]
    assert len(values) == first["total"] == totals[longest]
    assert [v["id"] for v in values] == sorted((v["id"] for v in values), key=int)


def test_the_bulk_changelog_goes_by_date_and_repeats_the_last_history(session: requests.Session) -> None:
    """An issue's histories are spread over the pages. Each page begins with the last history of the one before."""
    ids = [issue["id"] for issue in search(session, jql="id > 0", maxResults=5000)["issues"]]
    bodies = pages(session, "changelog/bulkfetch", issueIdsOrKeys=ids, maxResults=500)
    rows = [
        sorted(
            (history["created"], int(log["issueId"]), int(history["id"]))
            for log in page["issueChangeLogs"]
            for history in log["changeHistories"]
        )
        for page in bodies
    ]
    assert len(rows) > 3
    assert [len(page) for page in rows[:-1]] == [500, *[501] * (len(rows) - 2)]
    assert all(after[0] == before[-1] for before, after in itertools.pairwise(rows))
    together = [*rows[0], *(row for page in rows[1:] for row in page[1:])]
    assert together == sorted(together)
    assert all(isinstance(row[0], int) for row in together)
    spread = {log["issueId"] for log in bodies[0]["issueChangeLogs"]} & {
        log["issueId"] for log in bodies[1]["issueChangeLogs"]
    }
    assert len(spread) > 1


def test_the_bulk_changelog_filters_items_by_field(session: requests.Session) -> None:
    """Only items of the requested fields, and no history without an item."""
    ids = [issue["id"] for issue in search(session, jql="project = PAY", maxResults=100)["issues"]]
    (page,) = pages(session, "changelog/bulkfetch", issueIdsOrKeys=ids, fieldIds=["status"], maxResults=10000)
    items = [i for log in page["issueChangeLogs"] for h in log["changeHistories"] for i in h["items"]]
    assert {item["fieldId"] for item in items} == {"status"}
    assert all(h["items"] for log in page["issueChangeLogs"] for h in log["changeHistories"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"issueIdsOrKeys": []},
        {"issueIdsOrKeys": [str(n) for n in range(1001)]},
        {"issueIdsOrKeys": ["1"], "fieldIds": [str(n) for n in range(11)]},
        {"issueIdsOrKeys": ["1"], "fieldIds": ["status", "status"]},
        {"issueIdsOrKeys": ["1"], "maxResults": 10001},
        {"issueIdsOrKeys": ["1"], "maxResults": 0},
        {"issueIdsOrKeys": ["1"], "nextPageToken": "made-up"},
        {"issueIdsOrKeys": "10001"},
    ],
)
def test_the_bulk_changelog_holds_its_limits(session: requests.Session, wrong: dict[str, Any]) -> None:
    """1,000 ids, 10 different fields, 10,000 histories, and tokens of its own."""
    assert session.post(f"{BASE}/changelog/bulkfetch", json=wrong).status_code == 400


def test_a_bulk_token_belongs_to_its_request(session: requests.Session) -> None:
    """The same token with other ids is refused."""
    ids = [issue["id"] for issue in search(session, jql="project = PAY", maxResults=100)["issues"]]
    body = {"issueIdsOrKeys": ids, "maxResults": 1}
    token = session.post(f"{BASE}/changelog/bulkfetch", json=body).json()["nextPageToken"]
    wrong = {"issueIdsOrKeys": ids[:5], "maxResults": 1, "nextPageToken": token}
    assert session.post(f"{BASE}/changelog/bulkfetch", json=wrong).status_code == 400


def test_bulk_fetch_gives_whom_it_knows_in_ascending_order(session: requests.Session, jira: Jira) -> None:
    """Unknown ids are in neither list. A moved issue is found by its old key and has its new one."""
    moved = next(i for i in jira.site.indexed if i.key.startswith("OPS") and f"PAY-{i.id - 10_000}" in jira.site.keys)
    body = {"issueIdsOrKeys": ["10009", "10001", "99999", f"PAY-{moved.id - 10_000}"], "fields": ["summary"]}
    answer = session.post(f"{BASE}/issue/bulkfetch", json=body).json()
    ids = [issue["id"] for issue in answer["issues"]]
    assert ids == [str(n) for n in sorted({10001, 10009, moved.id})]
    assert answer["issues"][ids.index(str(moved.id))]["key"] == moved.key
    assert answer["issueErrors"] == []


def test_bulk_fetch_takes_a_hundred_and_expands_by_array(session: requests.Session) -> None:
    """101 ids and a comma-separated string are refused. Without `fields`, the navigable ones are returned."""
    many = {"issueIdsOrKeys": [str(n) for n in range(10001, 10102)]}
    assert session.post(f"{BASE}/issue/bulkfetch", json=many).status_code == 400
    text = {"issueIdsOrKeys": ["10001"], "expand": "changelog"}
    assert session.post(f"{BASE}/issue/bulkfetch", json=text).status_code == 400
    body = {"issueIdsOrKeys": ["10001"], "expand": ["changelog"]}
    (issue,) = session.post(f"{BASE}/issue/bulkfetch", json=body).json()["issues"]
    assert issue["changelog"]["total"] > 0
    assert "status" in issue["fields"]
    assert "description" not in issue["fields"]


@pytest.mark.parametrize(
    ("most", "more"),
    [
        (1_000, {"fields": ["summary", "updated", "customfield_10016"]}),
        (1_000, {"fields": ["summary"], "expand": ["names", "schema"]}),
        (1_000, {"fields": [f"customfield_{number}" for number in range(20_000, 20_100)]}),
        (100, {"fields": [f"customfield_{number}" for number in range(20_000, 20_101)]}),
        (100, {"fields": ["summary"], "expand": ["transitions"]}),
        (100, {"fields": ["summary", "fixVersions"]}),
        (100, {"fields": ["issuelinks"]}),
        (100, {"fields": ["customfield_10021"]}),
        (100, {"fields": ["comment"]}),
        (100, {"fields": ["*all"]}),
        (100, {"fields": ["-summary"]}),
        (100, {"fields": []}),
        (100, {}),
    ],
)
def test_bulk_fetch_takes_a_thousand_only_of_named_fields_with_one_value(
    session: requests.Session, most: int, more: dict[str, Any]
) -> None:
    """More than the request may name is refused with 400, whether or not the issues exist."""
    for number, status in ((most, 200), (most + 1, 400)):
        body = {"issueIdsOrKeys": [str(n) for n in range(90_001, 90_001 + number)], **more}
        assert session.post(f"{BASE}/issue/bulkfetch", json=body).status_code == status


def test_issues_with_links_are_found_by_the_type_of_a_link(session: requests.Session, jira: Jira) -> None:
    """`issueLinkType is not EMPTY` finds every issue with a link, on either side of it."""
    linked = {str(issue.id) for issue in jira.site.indexed if issue.fields["issuelinks"]}
    every = search(session, jql="project in (PAY, OPS) AND issueLinkType is not EMPTY", maxResults=5000)
    caused = search(session, jql='project in (PAY, OPS) AND issueLinkType = "is caused by"', maxResults=5000)
    assert {issue["id"] for issue in every["issues"]} == linked
    assert 0 < len(caused["issues"]) < len(linked)


def test_one_issue_is_found_or_404(session: requests.Session) -> None:
    """With every field, and long texts as documents. Jira does not say whether an unknown issue is gone or hidden."""
    issue = session.get(f"{BASE}/issue/10001", params={"fields": "*all,-summary,-nonsense"}).json()
    assert issue["fields"]["description"]["type"] == "doc"
    assert "summary" not in issue["fields"]
    gone = session.get(f"{BASE}/issue/424242")
    assert gone.status_code == 404
    assert "do not have permission" in gone.json()["errorMessages"][0]
    assert session.get(f"{BASE}/issue/424242/changelog").status_code == 404


def test_the_small_endpoints_answer(session: requests.Session) -> None:
    """Lists as arrays or pages, the clock, and the time zones."""
    assert {"10000", "3"} <= {status["id"] for status in session.get(f"{BASE}/status").json()}
    fields = session.get(f"{BASE}/field").json()
    points = next(field for field in fields if field["name"] == "Story point estimate")
    assert points["schema"]["custom"] == "com.pyxis.greenhopper.jira:jsw-story-points"
    assert any("schema" not in field for field in fields)
    assert session.get(f"{BASE}/field/search", params={"maxResults": 500}).json()["maxResults"] == 50
    assert "Story" in {kind["name"] for kind in session.get(f"{BASE}/issuetype").json()}
    assert session.get(f"{BASE}/myself").json()["timeZone"] == "America/New_York"
    info = session.get(f"{BASE}/serverInfo")
    assert info.json()["deploymentType"] == "Cloud"
    assert datetime.fromisoformat(info.json()["serverTime"]) == NOW
    assert info.headers["Date"] == "Mon, 04 Aug 2025 00:00:00 GMT"
    assert [p["key"] for p in session.get(f"{BASE}/project/search").json()["values"]] == ["OPS", "PAY"]
    count = session.post(f"{BASE}/search/approximate-count", json={"jql": "project = PAY"}).json()["count"]
    assert count == len(search(session, jql="project = PAY", maxResults=5000)["issues"])


def test_versions_come_as_an_array_and_as_pages(session: requests.Session) -> None:
    """Released versions with their day, and unreleased ones."""
    versions = session.get(f"{BASE}/project/PAY/versions").json()
    page = session.get(f"{BASE}/project/pay/version", params={"startAt": 20, "maxResults": 1000}).json()
    assert page["values"] == versions[20:70]
    assert (page["total"], page["maxResults"], page["isLast"]) == (len(versions), 50, False)
    assert {version["released"] for version in versions} == {True, False}
    assert {version["archived"] for version in versions} == {True, False}
    assert session.get(f"{BASE}/project/NOPE/versions").status_code == 404


def test_version_two_has_the_search_too_with_what_others_expand(session: requests.Session) -> None:
    """Issues have no comments or transitions, and the changelog is cut as usual."""
    asked = {"jql": "project = PAY", "fields": "*all", "expand": "changelog,transitions,names", "maxResults": "3"}
    body = session.get("https://acme.example/rest/api/2/search/jql", params=asked).json()
    assert (len(body["issues"]), body["isLast"]) == (3, False)
    for issue in body["issues"]:
        assert issue["fields"]["comment"] == {"comments": [], "maxResults": 0, "total": 0, "startAt": 0}
        assert (issue["transitions"], issue["changelog"]["startAt"]) == ([], 0)
    assert session.get("https://acme.example/rest/api/2/myself").json()["timeZone"]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("version", ["2", "3"])
def test_the_old_search_is_gone_for_good(session: requests.Session, method: str, version: str) -> None:
    """410, with a message that names the change."""
    answer = session.request(method, f"https://acme.example/rest/api/{version}/search")
    assert answer.status_code == 410
    assert "CHANGE-2046" in answer.json()["errorMessages"][0]


@pytest.mark.parametrize("path", ["/rest/api/2/status", "/rest/api/3/nonsense", "/", "/rest/agile/1.0/board"])
def test_an_endpoint_that_is_not_there_is_404(session: requests.Session, path: str) -> None:
    """The body is JSON, like all others."""
    answer = session.get(f"https://acme.example{path}")
    assert (answer.status_code, list(answer.json())) == (404, ["errorMessages", "errors"])


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_object_is_refused(session: requests.Session, body: bytes) -> None:
    """400 with Jira's advice."""
    answer = session.post(f"{BASE}/search/jql", data=body)
    assert (answer.status_code, "Invalid request payload" in answer.text) == (400, True)


@pytest.mark.parametrize(
    "wrong", [{"maxResults": "many"}, {"maxResults": -1}, {"maxResults": True}, {"jql": ["project = PAY"]}]
)
def test_an_argument_of_the_wrong_kind_is_refused(session: requests.Session, wrong: dict[str, Any]) -> None:
    """400 with the name of the argument."""
    answer = session.post(f"{BASE}/search/jql", json={"jql": "project = PAY", **wrong})
    assert answer.status_code == 400
    assert next(iter(wrong)) in answer.json()["errorMessages"][0]


def test_a_bearer_token_is_a_login_too(jira: Jira) -> None:
    """The same token, without the e-mail address."""
    with requests.Session() as session:
        session.mount("https://acme.example", SandboxAdapter(jira))
        answer = session.get(f"{BASE}/myself", headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.json()["emailAddress"] == EMAIL


def test_every_request_is_in_the_log(session: requests.Session, jira: Jira) -> None:
    """With its endpoint, its arguments, its status and the number of results."""
    search(session, jql="project = PAY", maxResults=3)
    session.get(f"{BASE}/issue/424242")
    session.get(f"{BASE}/search/jql", params={"jql": "id > 0"}, auth=("x", "wrong"))
    first, second, third = jira.log
    assert (first.method, first.endpoint, first.status, first.returned) == ("POST", "/rest/api/3/search/jql", 200, 3)
    assert first.asked == {"jql": "project = PAY", "maxResults": 3}
    assert first.at == NOW.isoformat()
    assert (second.endpoint, second.status) == ("/rest/api/3/issue/{issue}", 404)
    assert (third.status, third.asked, third.returned) == (200, {"jql": "id > 0"}, 0)
    assert TOKEN not in json.dumps([str(seen) for seen in jira.log])
