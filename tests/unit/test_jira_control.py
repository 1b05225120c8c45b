"""An answer that is wrong each time: when the client gives up, and when it waits for a Jira that is not available."""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from jira_gate import Gate
from requests.adapters import BaseAdapter

from worker.errors import AnswerError, FatalError, RetryableError, UnansweredError
from worker.jira.client import SERVER_INFO, Client, Control, open_session
from worker.jira.faults import LoginError, RefusedError
from worker.settings import Connection

PATH = "/rest/api/3/issue/bulkfetch"
QUESTION: dict[str, Any] = {"issueIdsOrKeys": ["1", "2"]}
CONTROL = Control({"issueIdsOrKeys": ["0"]}, is_batch=True)
GOOD = (200, "{}")
Reply = tuple[int, str]


@dataclass
class Site(BaseAdapter):
    """An adapter that answers by ``reply`` of path and body, and records the requests."""

    reply: Callable[[str, Any], Reply | Exception]
    asked: list[tuple[str, Any]] = field(default_factory=list)
    naps: list[float] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def send(self, request: requests.PreparedRequest, *_args: Any, **_more: Any) -> requests.Response:
        """Record the request and answer it, or raise the error."""
        body = json.loads(request.body) if request.body else None
        path = request.path_url
        self.asked.append((path, body))
        reply = self.reply(path, body)
        if isinstance(reply, Exception):
            raise reply
        response = requests.Response()
        response.status_code, text = reply
        response._content = text.encode()
        response.headers.update(self.headers)
        response.request, response.url = request, str(request.url)
        return response

    def close(self) -> None:
        """Do nothing: no connection is open."""

    def client(self, **past: Any) -> Client:
        """Return a client whose requests all end here."""
        session = open_session(1)
        session.mount("https://acme.example", self)
        connection = Connection("acme", "https://acme.example", email="bot@acme.example")
        return Client(connection, "token", Gate(), session=session, sleep=self.naps.append, **{"heard": True, **past})


def poisoned(status: int = 500, text: str = "") -> Site:
    """Return a Jira that fails for one question and answers all others."""
    return Site(lambda _, body: (status, text) if body == QUESTION else GOOD)


@pytest.mark.parametrize(
    ("status", "text"), [(500, ""), (504, ""), (502, ""), (503, ""), (413, ""), (200, '{"issues": [')]
)
def test_the_same_wrong_answer_twice_is_final_if_the_control_is_answered(status: int, text: str) -> None:
    """After one short wait, so that the caller can request less."""
    site = poisoned(status, text)
    with pytest.raises(UnansweredError, match=r"each time, and answers other requests.*Jira's administrator"):
        site.client().post(PATH, QUESTION, read=dict, control=CONTROL)
    assert [body for _, body in site.asked] == [QUESTION, QUESTION, CONTROL.body]
    assert len(site.naps) == 1


def test_a_refusal_is_final_at_once_if_the_control_is_accepted() -> None:
    """A payload limit is often a 400. If the control is refused too, the request itself is wrong."""
    site = poisoned(400, '{"errorMessages": ["Payload too large."]}')
    with pytest.raises(UnansweredError, match="Payload too large"):
        site.client().post(PATH, QUESTION, read=dict, control=CONTROL)
    assert len(site.asked) == 2
    refusing = Site(lambda *_: (400, '{"errorMessages": ["Unknown field."]}'))
    with pytest.raises(RefusedError, match="Unknown field"):
        refusing.client().post(PATH, QUESTION, read=dict, control=CONTROL)


def test_a_refusal_is_no_size_where_the_control_does_not_say_so() -> None:
    """A JQL that Jira refuses is refused once."""
    site = poisoned(400)
    with pytest.raises(RefusedError):
        site.client().post(PATH, QUESTION, read=dict, control=Control(CONTROL.body))
    assert len(site.asked) == 1


def test_an_answer_that_came_too_late_is_not_waited_for_twice() -> None:
    """A second answer would take as long."""
    site = Site(lambda _, body: requests.ReadTimeout("slow") if body == QUESTION else GOOD)
    with pytest.raises(UnansweredError):
        site.client().post(PATH, QUESTION, read=dict, control=CONTROL)
    assert ([body for _, body in site.asked], site.naps) == ([QUESTION, CONTROL.body], [])


def test_a_single_thing_that_was_late_is_asked_for_once_more() -> None:
    """A smaller question does not exist, and the next answer may come in time."""
    replies: Any = iter([requests.ReadTimeout("slow"), (200, '{"a": 1}')])
    site = Site(lambda *_: next(replies))
    assert site.client().get("/rest/api/3/project/1/versions", read=dict, control=Control(path=SERVER_INFO)) == {"a": 1}


BROKEN = [requests.ConnectionError("reset"), requests.exceptions.SSLError("handshake"), (408, ""), (425, "")]


@pytest.mark.parametrize("reply", BROKEN)
def test_a_fault_that_comes_three_times_is_final_if_the_control_is_answered(reply: Reply | Exception) -> None:
    """A broken connection or a lack of time passes; the third one comes just after an answer to the control."""
    site = Site(lambda _, body: reply if body == QUESTION else GOOD)
    with pytest.raises(UnansweredError, match="each time, and answers other requests"):
        site.client().post(PATH, QUESTION, read=dict, control=CONTROL)
    assert [body for _, body in site.asked] == [QUESTION, QUESTION, CONTROL.body, QUESTION]
    assert len(site.naps) == 2


@pytest.mark.parametrize("reply", BROKEN)
def test_a_fault_that_concerns_the_control_too_is_waited_for(reply: Reply | Exception) -> None:
    """The connection or the server is at fault, not the question."""
    with pytest.raises(RetryableError):
        Site(lambda *_: reply).client().post(PATH, QUESTION, read=dict, control=CONTROL)


def test_wrong_answers_that_take_turns_are_final_in_the_end() -> None:
    """Two servers behind a gateway may fail in two ways for the same reason."""
    statuses = itertools.cycle([500, 502])
    site = Site(lambda _, body: (next(statuses), "") if body == QUESTION else GOOD)
    with pytest.raises(UnansweredError):
        site.client().post(PATH, QUESTION, read=dict, control=CONTROL)
    assert len(site.asked) == 7


@pytest.mark.parametrize("seconds", ["3", "60"])
def test_a_server_error_that_names_a_wait_each_time_is_final_after_two_waits(seconds: str) -> None:
    """The waits are kept in full: long ones are pauses of the run, which ask the control first when they are over."""
    site = poisoned(503)
    site.headers["Retry-After"] = seconds
    past: dict[str, Any] = {}
    waits = 0
    for _ in range(3):
        try:
            site.client(**past).post(PATH, QUESTION, read=dict, control=CONTROL)
        except UnansweredError:
            break
        except RetryableError as error:
            waits += 1
            past = {"tried": waits, "fault": str(error)}
    assert [body for _, body in site.asked] == [QUESTION, QUESTION, CONTROL.body, QUESTION]
    assert waits + len(site.naps) == 2


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "3"}])
@pytest.mark.parametrize("status", [429, 503])
def test_a_limit_is_not_a_fault_of_the_question(status: int, headers: dict[str, str]) -> None:
    """Jira answers so to every request of the login, and the control would be one more of them."""
    site = poisoned(status)
    site.headers.update({**headers, **({"RateLimit-Reason": "jira-burst-based"} if status == 503 else {})})
    if status == 503 and not headers:
        site.headers["Retry-After"] = "1"
    with pytest.raises(RetryableError) as caught:
        site.client().post(PATH, QUESTION, read=dict, control=CONTROL)
    assert not isinstance(caught.value, AnswerError)
    assert {json.dumps(body) for _, body in site.asked} == {json.dumps(QUESTION)}


PAGE = "<html><title>Blocked</title></html>"
REFUSALS = [(401, ""), (403, ""), (404, ""), (410, ""), (422, ""), (302, ""), (200, PAGE)]


@pytest.mark.parametrize(("status", "text"), REFUSALS)
def test_a_batch_is_refused_for_one_of_its_members_if_the_control_is_answered(status: int, text: str) -> None:
    """A firewall or a security level may refuse what one issue contains. Without a batch it is refused as a whole."""
    site = poisoned(status, text)
    with pytest.raises(UnansweredError):
        site.client().post(PATH, QUESTION, read=dict, control=CONTROL)
    assert [body for _, body in site.asked] == [QUESTION, CONTROL.body]
    for other, control in ((site, Control(CONTROL.body)), (Site(lambda *_: (status, text)), CONTROL)):
        with pytest.raises(FatalError) as caught:
            other.client().post(PATH, QUESTION, read=dict, control=control)
        assert not isinstance(caught.value, UnansweredError)


def test_a_jira_that_answers_nothing_is_away_and_waited_for() -> None:
    """The control fails too, so the fault passes, however often it repeats."""
    site = Site(lambda *_: (500, ""))
    with pytest.raises(AnswerError) as caught:
        site.client().post(PATH, QUESTION, read=dict, control=CONTROL)
    assert caught.value.tries == 4
    assert caught.value.retry_after is not None


def test_two_different_wrong_answers_are_not_final() -> None:
    """The third answer may be right."""
    replies = iter([(500, ""), (502, ""), (200, '{"a": 1}')])
    site = Site(lambda *_: next(replies))
    assert site.client().post(PATH, QUESTION, read=dict, control=CONTROL) == {"a": 1}


def test_what_reads_a_page_may_find_it_wrong() -> None:
    """The page is requested again, like any other answer that cannot be used."""
    replies = iter([(200, "{}"), (200, '{"issues": [1]}')])

    def read(body: Any) -> list[int]:
        if "issues" not in body:
            raise AnswerError("no issues")
        return list(body["issues"])

    assert Site(lambda *_: next(replies)).client().post(PATH, QUESTION, read=read) == [1]


def test_without_a_control_the_same_answer_after_a_pause_is_final() -> None:
    """Tries for 14 seconds, a pause, one more try. If Jira answers another question then, the client gives up."""
    site = Site(lambda path, _: GOOD if path == SERVER_INFO else (500, ""))
    with pytest.raises(AnswerError) as caught:
        site.client().get("/rest/api/3/status")
    again = site.client(tried=caught.value.tries, fault=str(caught.value))
    with pytest.raises(FatalError, match="status answered 500 each time"):
        again.get("/rest/api/3/status")
    assert [path for path, _ in site.asked] == ["/rest/api/3/status"] * 5 + [SERVER_INFO]


def test_after_a_pause_another_fault_or_a_jira_that_is_away_is_waited_for() -> None:
    """Only the same answer shows that waiting changes nothing."""
    away = Site(lambda *_: (500, ""))
    fault = "acme.example/rest/api/3/status answered 500"
    for site, past in ((away, fault), (poisoned(), "acme.example cannot be reached (Connection refused)")):
        with pytest.raises(RetryableError):
            site.client(tried=4, fault=past).post("/rest/api/3/status", QUESTION)


def test_a_site_that_closes_its_server_info_answers_all_the_same() -> None:
    """A refusal shows that Jira is available."""
    site = Site(lambda path, _: (403, "") if path == SERVER_INFO else (500, ""))
    fault = "acme.example/rest/api/3/status answered 500"
    with pytest.raises(FatalError, match="each time"):
        site.client(tried=4, fault=fault).get("/rest/api/3/status")


def test_a_login_that_is_lost_meanwhile_is_what_the_control_tells() -> None:
    """The lost login explains more than the question that failed."""

    def reply(_: str, body: Any) -> Reply:
        if body == QUESTION:
            return 500, ""
        site.headers["X-Seraph-LoginReason"] = "AUTHENTICATED_FAILED"
        return GOOD

    site = Site(reply)
    with pytest.raises(LoginError):
        site.client().post(PATH, QUESTION, read=dict, control=CONTROL)
