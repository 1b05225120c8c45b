"""Faults that a test orders at the sandbox look like those of a real site."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests
from site_copies import made_up

from sandbox import faults, living
from sandbox.adapter import SandboxAdapter
from sandbox.api import Jira
from sandbox.shapes import Flavour
from sandbox.site import Clock
from sandbox.team import EMAIL, TOKEN

START = datetime(2025, 1, 6, tzinfo=UTC)
SEARCH = "https://acme.example/rest/api/3/search/jql"


def a_jira(flavour: Flavour = "cloud") -> Jira:
    """Return a site of fifty issues."""
    return Jira(made_up(1, 50, START, flavour=flavour), Clock(START + timedelta(weeks=6)))


@pytest.fixture
def jira() -> Jira:
    """Return a Cloud site."""
    return a_jira()


@pytest.fixture
def session(jira: Jira) -> Iterator[requests.Session]:
    """Yield a logged-in session whose site is the sandbox."""
    with requests.Session() as session:
        session.auth = (EMAIL, TOKEN)
        session.mount("https://acme.example", SandboxAdapter(jira))
        yield session


def ask(session: requests.Session, **more: object) -> requests.Response:
    """Return one search of five issues."""
    return session.post(SEARCH, json={"jql": "id > 0 ORDER BY id", "maxResults": 5, **more}, timeout=5)


def test_a_fault_strikes_its_endpoint_so_often_and_no_more(jira: Jira, session: requests.Session) -> None:
    """It skips one request, then affects two, at the search alone."""
    jira.faults.append(faults.failing(502, endpoint="search", times=2, after=1))
    assert session.get("https://acme.example/rest/api/3/status").status_code == 200
    assert [ask(session).status_code for _ in range(4)] == [200, 502, 502, 200]
    assert [seen.status for seen in jira.log] == [200, 200, 502, 502, 200]
    assert jira.faults[0].hits == 2


def test_too_many_requests_come_with_a_time_or_without(jira: Jira, session: requests.Session) -> None:
    """Jira sends the wait and the reason. A gateway sends neither, and no JSON."""
    jira.faults += [faults.too_many(7), faults.too_many(None)]
    polite, rude, fine = ask(session), ask(session), ask(session)
    assert (polite.status_code, polite.headers["Retry-After"]) == (429, "7")
    assert polite.headers["RateLimit-Reason"] == "jira-burst-based"
    assert (rude.status_code, "Retry-After" in rude.headers) == (429, False)
    assert rude.text.startswith("<html>")
    assert fine.status_code == 200


def test_a_server_error_may_name_a_wait(jira: Jira, session: requests.Session) -> None:
    """503 with Retry-After and an HTML page."""
    jira.faults.append(faults.failing(retry_after=3))
    answer = ask(session)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "3")
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_a_connection_can_be_reset(jira: Jira, session: requests.Session) -> None:
    """The client sees an error of requests. The request was counted."""
    jira.faults.append(faults.reset())
    with pytest.raises(requests.ConnectionError):
        ask(session)
    assert len(jira.log) == 1


def test_a_body_can_be_cut(jira: Jira, session: requests.Session) -> None:
    """It ends before the announced length."""
    jira.faults.append(faults.cut())
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        ask(session)


@pytest.mark.parametrize("fault", [faults.half_json(), faults.not_json(), faults.login_page()])
def test_a_body_can_be_no_json(jira: Jira, session: requests.Session, fault: faults.Fault) -> None:
    """The status is 200, but the body cannot be read."""
    jira.faults.append(fault)
    answer = ask(session)
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_a_page_can_lack_what_it_must_have(jira: Jira, session: requests.Session) -> None:
    """A key, or its issues."""
    jira.faults += [faults.without("issues"), faults.empty_page()]
    assert set(ask(session).json()) == {"isLast", "nextPageToken"}
    empty = ask(session).json()
    assert (empty["issues"], empty["isLast"], "nextPageToken" in empty) == ([], False, True)


def test_a_token_can_repeat(jira: Jira, session: requests.Session) -> None:
    """The second page has the token of the first page."""
    jira.faults.append(faults.repeated_token(times=2))
    first = ask(session).json()
    second = ask(session, nextPageToken=first["nextPageToken"]).json()
    assert second["nextPageToken"] == first["nextPageToken"]
    assert second["isLast"] is False


def test_damage_leaves_a_refusal_alone(jira: Jira, session: requests.Session) -> None:
    """A refusal is not a page and has no token to repeat."""
    jira.faults.append(faults.repeated_token())
    assert set(ask(session, jql="nonsense").json()) == {"errorMessages", "errors"}


def test_an_answer_can_be_late(jira: Jira, session: requests.Session) -> None:
    """After the client's limit it is a time-out, before it an answer."""
    jira.faults += [faults.slow(60), faults.slow(0.01)]
    with pytest.raises(requests.ReadTimeout):
        ask(session)
    assert ask(session).status_code == 200


def test_the_limit_holds_in_any_window_and_counts_on_arrival(jira: Jira, session: requests.Session) -> None:
    """Three in ten seconds. A refused request uses up nothing, but is logged."""
    now = [0.0]
    jira.limit = faults.Limit(3, 10.0, ticks=lambda: now[0])
    times = (0.0, 1.0, 2.0, 3.0, 9.9, 10.0, 10.5, 11.0)
    statuses = []
    for now[0] in times:
        answer = ask(session)
        statuses.append(answer.status_code)
        if now[0] == 3.0:
            assert answer.headers["Retry-After"] == "7"
    assert statuses == [200, 200, 200, 429, 429, 200, 429, 200]
    assert (jira.limit.refused, jira.limit.most) == (3, 6)


def test_data_center_tells_its_limit_on_every_answer() -> None:
    """`retry-after: 0` while tokens remain does not mean a wait."""
    jira = a_jira("datacenter")
    jira.limit = faults.Limit(2, 10.0, ticks=lambda: 0.0)
    with requests.Session() as session:
        session.auth = (EMAIL, TOKEN)
        session.mount("https://acme.example", SandboxAdapter(jira))
        answers = [session.get("https://acme.example/rest/api/2/status") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert answers[0].headers["Retry-After"] == "0"


def test_an_empty_bucket_names_the_time_until_there_is_room() -> None:
    """Less than a whole interval, because the first request leaves the window sooner."""
    now = [0.0]
    limit = faults.Limit(2, 10.0, ticks=lambda: now[0])
    for now[0] in (0.0, 3.0):
        assert limit.refusal() is None
    assert limit.headers()["Retry-After"] == "7"
    now[0] = 10.0
    assert (limit.headers()["X-RateLimit-Remaining"], limit.headers()["Retry-After"]) == ("1", "0")


# --- what hangs on what is asked for ---------------------------------------------------------------------------------

BULK = "https://acme.example/rest/api/3/issue/bulkfetch"


def read(session: requests.Session, *numbers: int) -> requests.Response:
    """Return one bulk fetch of these issues."""
    return session.post(BULK, json={"issueIdsOrKeys": list(map(str, numbers)), "fields": ["key"]}, timeout=5)


def a_few(jira: Jira, session: requests.Session) -> list[int]:
    """Return the ids of some issues."""
    ask(session)
    return [issue.id for issue in jira.site.indexed[:4]]


def test_a_poisoned_issue_takes_every_batch_it_is_in_with_it(jira: Jira, session: requests.Session) -> None:
    """The other issues are returned in a request without it."""
    bad, *others = a_few(jira, session)
    jira.faults.append(faults.poisoned(bad, endpoint="bulkfetch"))
    assert [read(session, bad, *others).status_code, read(session, bad).status_code] == [500, 500]
    assert [issue["id"] for issue in read(session, *others).json()["issues"]] == list(map(str, others))
    jira.faults[:] = [faults.poisoned_cut(bad)]
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        read(session, bad, *others)


def test_an_issue_in_issue_errors_is_left_out_and_named(jira: Jira, session: requests.Session) -> None:
    """With Jira's message."""
    bad, *others = a_few(jira, session)
    jira.faults.append(faults.named_in_errors(bad))
    body = read(session, bad, *others).json()
    assert [issue["id"] for issue in body["issues"]] == list(map(str, others))
    assert [(error["id"], bool(error["errorMessage"])) for error in body["issueErrors"]] == [(str(bad), True)]
    assert read(session, *others).json()["issueErrors"] == []


def test_a_batch_beyond_the_limit_is_refused(jira: Jira, session: requests.Session) -> None:
    """A search by ids counts as a batch."""
    numbers = a_few(jira, session)
    jira.faults.append(faults.too_large(2))
    assert [read(session, *numbers[:count]).status_code for count in (1, 2, 3)] == [200, 200, 413]
    assert ask(session, jql=f"id in ({','.join(map(str, numbers))})").status_code == 413


def test_versions_are_refused_of_the_named_projects(jira: Jira, session: requests.Session) -> None:
    """By id or key, as in the path."""
    jira.faults.append(faults.closed_versions("10000", status=403))
    url = "https://acme.example/rest/api/3/project/{}/versions"
    assert [session.get(url.format(name), timeout=5).status_code for name in ("10000", "10001", "PAY")] == [
        403,
        200,
        200,
    ]


def test_veiled_issues_take_places_on_pages_and_are_not_shown(jira: Jira, session: requests.Session) -> None:
    """A page of only hidden issues is empty and has a token. Data Center counts them in its total."""
    ask(session)
    jira.site.veiled = {issue.id for issue in jira.site.indexed[:5]}
    jira.site.renew()
    page = ask(session).json()
    assert (page["issues"], page["isLast"]) == ([], False)
    assert len(ask(session, nextPageToken=page["nextPageToken"]).json()["issues"]) == 5
    assert read(session, *jira.site.veiled).json()["issues"] == []


def test_a_page_that_says_it_is_the_last_may_carry_a_token(jira: Jira, session: requests.Session) -> None:
    """The page contradicts itself."""
    jira.faults.append(faults.contradicting_end())
    page = ask(session).json()
    assert page["isLast"] is True
    assert page["nextPageToken"]


def test_a_renamed_project_is_found_by_both_keys_until_the_old_one_is_forgotten(
    jira: Jira, session: requests.Session
) -> None:
    """Ids and `updated` do not change."""
    before = ask(session, fields=["updated"]).json()["issues"]
    living.rename_project(jira.site, "PAY", "BILL")
    after = ask(session, fields=["updated"]).json()["issues"]
    assert [(issue["id"], issue["fields"]) for issue in before] == [(issue["id"], issue["fields"]) for issue in after]
    assert [issue["key"].replace("PAY", "BILL") for issue in before] == [issue["key"] for issue in after]
    url = "https://acme.example/rest/api/3/issue/PAY-1"
    assert session.get(url, timeout=5).json()["key"] == "BILL-1"
    old, new = (ask(session, jql=f"project = {key}").json()["issues"] for key in ("PAY", "BILL"))
    assert old == new != []
    living.forget_project_key(jira.site, "PAY")
    assert session.get(url, timeout=5).status_code == 404
    assert ask(session, jql="project = PAY").status_code == 400
