"""What the log says of each request."""

from contextlib import suppress
from typing import Any

import pytest
import requests
from jira_wire import BODY, PATH, SECRETS, TOKEN, Answer, ask, jira_says, setting

from worker.errors import FatalError, RetryableError


def requests_told(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Return the log's entries of requests, after a check that no entry has a secret."""
    lines = [vars(record) for record in caplog.records]
    assert not [line for line in lines for secret in SECRETS if secret in str(line)]
    return [line for line in lines if line["msg"] == "jira request"]


@pytest.mark.parametrize("status", [200, 400, 401, 404, 429, 500])
def test_every_request_is_a_line_of_the_log(status: int, caplog: pytest.LogCaptureFixture) -> None:
    """Method, path, query, status, duration, bytes and delay; neither body nor login."""
    caplog.set_level("DEBUG")
    setup = setting(Answer(status, jira_says("x"), {"Retry-After": "99"}))
    setup.gate.delay = 0.25
    setup.client.tried = 7
    with suppress(FatalError, RetryableError):
        setup.client.post(PATH, {**BODY, "issueIdsOrKeys": ["body"]})
    (line,) = requests_told(caplog)
    assert (line["method"], line["path"], line["status"], line["delay"]) == ("POST", PATH, status, 0.25)
    assert line["query"] == {"jql": "assignee = '[redacted]'"}
    assert line["bytes"] == len(jira_says("x"))
    assert line["duration"] >= 0


def test_a_query_is_logged_as_far_as_anyone_may_read_it(caplog: pytest.LogCaptureFixture) -> None:
    """The JQL stays readable without its people. Numbers stay."""
    caplog.set_level("DEBUG")
    jql = "project = PAY AND assignee in (ana.horvat, 'Jane Doe') AND updated >= 1732877091000 ORDER BY key"
    setting(Answer()).client.get("/rest/api/2/search", {"jql": jql, "startAt": 50})
    (line,) = requests_told(caplog)
    assert line["query"]["startAt"] == 50
    assert line["query"]["jql"].startswith("project = PAY AND assignee in ([redacted]")
    assert line["query"]["jql"].endswith("AND updated >= 1732877091000 ORDER BY key")
    assert "Jane" not in str(line)


def test_a_request_that_came_to_nothing_is_a_line_too(caplog: pytest.LogCaptureFixture) -> None:
    """With the kind of error in place of a status, and its duration."""
    caplog.set_level("DEBUG")
    ask(setting(Answer(error=requests.ReadTimeout(f"https://{TOKEN}@acme.example")), Answer(), heard=True))
    failed, good = requests_told(caplog)
    assert (failed["error"], failed["levelname"], "status" in failed) == ("ReadTimeout", "WARNING", False)
    assert failed["duration"] >= 0
    assert (good["status"], "error" in good) == (200, False)
