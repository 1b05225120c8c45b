"""The client: what each answer leads to, when a request is sent again, and that no message has a secret."""

import base64
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests
from jira_gate import Gate
from requests.adapters import BaseAdapter
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProxyError

from worker.errors import FatalError, RetryableError
from worker.jira.client import (
    Client,
    backoff,
    open_session,
    slot_wait,
)
from worker.jira.faults import AstrayError, ForbiddenError, LoginError, MissingError, RefusedError
from worker.limiter import NoSlotError
from worker.settings import Connection
from worker.task import MAX_TRIES

TOKEN = "ATATT3xFfGF0-very-secret-token"
EMAIL = "metrics@acme.example"
PATH = "/rest/api/3/search/jql"
BODY = {"jql": "assignee = 'ana.horvat@acme.example'"}
SECRETS = (TOKEN, EMAIL, "ana.horvat", base64.b64encode(f"{EMAIL}:{TOKEN}".encode()).decode())


@dataclass(frozen=True)
class Answer:
    """An answer of Jira, or the error that ends the request."""

    status: int = 200
    body: str = "{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    error: Exception | None = None


class Wire(BaseAdapter):
    """A transport adapter that gives one answer after another, repeats the last one, and records the requests."""

    def __init__(self, *answers: Answer) -> None:
        """Answers in their order."""
        super().__init__()
        self.answers = list(answers)
        self.seen: list[requests.PreparedRequest] = []
        self.timeouts: list[tuple[float, float]] = []

    def send(self, request: requests.PreparedRequest, *_args: Any, **kwargs: Any) -> requests.Response:
        """Record the request and return the next answer."""
        self.seen.append(request)
        self.timeouts.append(kwargs["timeout"])
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer.error:
            raise answer.error
        response = requests.Response()
        response.status_code = answer.status
        response.headers.update(answer.headers)
        response.raw = BytesIO(answer.body.encode())
        response.request, response.url = request, str(request.url)
        return response

    def close(self) -> None:
        """Do nothing: no connection is open."""


@dataclass
class Setting:
    """A client with the wire, the limiter and the sleeps that it uses."""

    client: Client
    wire: Wire
    gate: Gate
    naps: list[float]


def setting(
    *answers: Answer, token: str | None = TOKEN, email: str | None = EMAIL, context: str = "", **past: Any
) -> Setting:
    """Return a client that gets these answers; ``past``: what its run went through before."""
    connection = Connection("acme", f"https://acme.example{context}", email=email)
    wire, gate = Wire(*answers), Gate()
    naps: list[float] = []
    session = open_session(1)
    session.mount("https://acme.example", wire)
    return Setting(Client(connection, token, gate, session=session, sleep=naps.append, **past), wire, gate, naps)


def ask(setup: Setting) -> Any:
    """Send the request that all tests send."""
    return setup.client.post(PATH, BODY)


def error_of(setup: Setting) -> FatalError | RetryableError:
    """Return the error of that request, after a check that it is one line without a secret."""
    with pytest.raises((FatalError, RetryableError)) as caught:
        ask(setup)
    error = caught.value
    assert isinstance(error, FatalError | RetryableError)
    message = str(error)
    assert not [secret for secret in SECRETS if secret in message]
    assert "\n" not in message
    return error


# --- good answers ---------------------------------------------------------------------------------------------------


def test_a_good_answer_is_its_json() -> None:
    """One call is counted."""
    setup = setting(Answer(body='{"issues": []}'))
    assert ask(setup) == {"issues": []}
    assert setup.client.traffic.take() == (1, 0)
    assert setup.client.traffic.take() == (0, 0)


def test_a_request_says_who_asks_and_wants_json() -> None:
    """With the query of a GET and the body of a POST, also below a context path."""
    setup = setting(Answer(), context="/jira/")
    setup.client.get("/rest/api/2/field", {"startAt": 5})
    ask(setup)
    get, post = setup.wire.seen
    assert (get.method, get.url) == ("GET", "https://acme.example/jira/rest/api/2/field?startAt=5")
    assert get.headers["Accept"] == "application/json"
    assert (get.headers["Accept-Language"], get.headers["X-Force-Accept-Language"]) == ("en", "true")
    assert str(get.headers["User-Agent"]).startswith("flowbeat/")
    assert json.loads(post.body or b"") == BODY


@pytest.mark.parametrize(
    ("token", "email", "expected"),
    [
        (TOKEN, EMAIL, f"Basic {base64.b64encode(f'{EMAIL}:{TOKEN}'.encode()).decode()}"),
        ("pässwörd", "ü@x", f"Basic {base64.b64encode('ü@x:pässwörd'.encode()).decode()}"),
        (TOKEN, None, f"Bearer {TOKEN}"),
        (None, None, None),
    ],
)
def test_the_login_follows_from_email_and_token(token: str | None, email: str | None, expected: str | None) -> None:
    """Basic with an e-mail, Bearer without one, no header for anonymous access."""
    setup = setting(Answer(), token=token, email=email)
    ask(setup)
    assert setup.wire.seen[0].headers.get("Authorization") == expected
    assert setup.client.anonymous is (token is None)


@pytest.mark.parametrize("token", [TOKEN, None])
def test_a_netrc_file_is_never_a_login(token: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``requests`` would use it by itself if no login is configured."""
    (tmp_path / "netrc").write_text("machine acme.example login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    setup = setting(Answer(), token=token, email=None)
    ask(setup)
    assert setup.wire.seen[0].headers.get("Authorization") == (f"Bearer {TOKEN}" if token else None)


def test_a_delay_at_the_limiter_is_counted() -> None:
    """It becomes ``rate_limit_delays`` of the Fetch Operation."""
    setup = setting(Answer())
    setup.gate.delay = 0.5
    ask(setup)
    assert setup.client.traffic.take() == (1, 1)


# --- what is asked again --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520, 599])
def test_a_passing_fault_is_asked_again(status: int) -> None:
    """After a short sleep. Each try counts as a call."""
    setup = setting(Answer(status, "<html>busy</html>"), Answer(body="[1]"))
    assert ask(setup) == [1]
    assert len(setup.naps) == 1
    assert setup.client.traffic.take() == (2, int(status in (429, 503)))
    assert setup.gate.held == 0


@pytest.mark.parametrize(
    "error",
    [
        requests.ConnectionError("reset"),
        requests.exceptions.ChunkedEncodingError("cut"),
        requests.exceptions.ContentDecodingError("cut gzip"),
        requests.exceptions.SSLError("handshake"),
        requests.exceptions.ProxyError("proxy"),
    ],
)
def test_a_broken_way_is_tried_again(error: Exception) -> None:
    """Reset, time-out, cut body: the request only reads, so a second one does no harm."""
    setup = setting(Answer(error=error), Answer(body="[1]"))
    assert ask(setup) == [1]
    assert len(setup.naps) == 1


POOL = HTTPConnectionPool("acme.example")
UNREACHED = [
    requests.ConnectTimeout("slow"),
    requests.ReadTimeout("silent"),
    requests.ConnectionError(MaxRetryError(POOL, PATH, NewConnectionError(HTTPConnection("acme.example"), "no"))),
]
WAYS = ["connect timeout", "silence", "no connection"]


@pytest.mark.parametrize("error", UNREACHED, ids=WAYS)
def test_a_jira_that_nothing_leads_to_gives_the_worker_back_at_once(error: Exception) -> None:
    """A person who waits reads the reason within seconds. The try counts, and the waits grow as usual."""
    tried, waits = 0, []
    while tried < MAX_TRIES:
        setup = setting(Answer(error=error), tried=tried)
        raised = error_of(setup)
        assert isinstance(raised, RetryableError)
        assert (setup.naps, raised.tries) == ([], 1)
        tried += raised.tries
        waits.append(raised.retry_after)
    assert waits[:-1] == pytest.approx([2, 4, 8, 16, 32, 64, 120], rel=0.25)


@pytest.mark.parametrize("error", UNREACHED, ids=WAYS)
def test_a_jira_that_has_answered_is_waited_for_in_place(error: Exception) -> None:
    """A fetch that is under way survives a short outage."""
    setup = setting(Answer(500), Answer(error=error), Answer(error=error), Answer(body="[1]"))
    assert ask(setup) == [1]
    assert len(setup.naps) == 3


def test_a_jira_of_which_nothing_was_heard_yet_is_not_called_for_long() -> None:
    """Ten seconds to connect at the first try, because a person waits. Later tries wait as long as for an answer."""
    setup = setting(Answer(), Answer())
    ask(setup)
    ask(setup)
    assert setup.wire.timeouts == [(10.0, 30.0), (30.0, 30.0)]
    for more in ({"tried": 1}, {"heard": True}):
        later = setting(Answer(), **more)
        ask(later)
        assert later.wire.timeouts == [(30.0, 30.0)]


def test_a_run_that_heard_of_its_jira_before_waits_in_place() -> None:
    """Each slice has a new client. A fetch that is under way survives a short outage."""
    setup = setting(Answer(error=UNREACHED[-1]), Answer(body="[1]"), heard=True)
    assert ask(setup) == [1]
    assert len(setup.naps) == 1


def test_a_dead_proxy_is_told_as_such() -> None:
    """At the first try, without the proxy's address, which may hold a password."""
    inner = NewConnectionError(HTTPConnection("acme.example"), "http://user:secret@proxy.example")
    cause = MaxRetryError(POOL, PATH, ProxyError("no", inner))
    setup = setting(Answer(error=requests.exceptions.ProxyError(cause)))
    raised = error_of(setup)
    assert str(raised).startswith("the proxy to acme.example cannot be reached (")
    assert "proxy.example" not in str(raised)
    assert setup.naps == []


@pytest.mark.parametrize("fault", ["[SSL: CERTIFICATE_VERIFY_FAILED] self-signed", "[SSL: WRONG_VERSION_NUMBER]"])
def test_a_certificate_nobody_trusts_is_no_passing_fault(fault: str) -> None:
    """One request; the message names what to check."""
    setup = setting(Answer(error=requests.exceptions.SSLError(fault)), Answer(body="[1]"))
    error = error_of(setup)
    assert isinstance(error, FatalError)
    assert "REQUESTS_CA_BUNDLE" in str(error)
    assert setup.naps == []


@pytest.mark.parametrize("body", ["", '{"issues": [', "\x00", "<?xml version='1.0'?><status/>", "Please log in"])
def test_a_good_status_without_json_is_a_fault(body: str) -> None:
    """An incomplete answer is never the end of a list. A second request may succeed."""
    assert ask(setting(Answer(body=body), Answer(body="[1]"))) == [1]


def test_a_fault_that_lasts_gives_the_worker_back() -> None:
    """The waits double from 2 s. A wait over 15 s becomes an error with the number of tries."""
    setup = setting(Answer(500))
    error = error_of(setup)
    assert isinstance(error, RetryableError)
    assert error.retry_after is not None
    assert 16 <= error.retry_after <= 20
    assert [int(nap) for nap in setup.naps] == pytest.approx([2, 4, 8], abs=2)
    assert setup.client.traffic.take() == (4, 0)
    assert error.tries == 4
    assert "acme.example/rest/api/3/search/jql answered 500" in str(error)


def test_a_request_is_tried_eight_times_over_all_slices() -> None:
    """Earlier tries of the run count, and the waits continue to double: 8 tries in about four minutes."""
    tried, waits = 0, []
    while tried < MAX_TRIES:
        setup = setting(Answer(500), tried=tried)
        error = error_of(setup)
        assert isinstance(error, RetryableError)
        tried += error.tries
        waits += [*setup.naps, error.retry_after]
    assert (tried, len(waits)) == (MAX_TRIES, 8)
    assert waits[:-1] == pytest.approx([2, 4, 8, 16, 32, 64, 120], rel=0.25)


def test_a_client_whose_run_made_progress_is_patient_again() -> None:
    """Only tries of one request count, not those of the whole fetch."""
    setup = setting(Answer(500), tried=7)
    assert vars(error_of(setup))["tries"] == 1
    setup.client.tried = 0
    assert vars(error_of(setup))["tries"] == 4


@pytest.mark.parametrize(("asked", "slept"), [("5", 5.0), ("0", 2.0), ("1", 2.0), ("15", 15.0)])
def test_what_an_answer_asks_for_is_the_least_wait(asked: str, slept: float) -> None:
    """Jitter only makes a wait longer. A Retry-After of 0 still waits."""
    setup = setting(Answer(429, headers={"Retry-After": asked}), Answer())
    ask(setup)
    assert slept <= setup.naps[0] <= max(slept, 2.5)
    assert setup.client.traffic.take() == (2, 1)


@pytest.mark.parametrize("seconds", [16, 3600, 50_000])
def test_a_long_wait_is_told_and_never_slept_nor_final(seconds: int) -> None:
    """A quota that is used up for an hour pauses the run."""
    setup = setting(Answer(429, headers={"Retry-After": str(seconds)}))
    error = error_of(setup)
    assert isinstance(error, RetryableError)
    assert (error.retry_after, error.tries) == (seconds, 1)
    assert setup.naps == []
    assert len(setup.wire.seen) == 1


def test_a_date_is_measured_against_the_clock_of_the_answer() -> None:
    """Retry-After is a date, and Jira's clock differs from the local one."""
    headers = {"Date": "Wed, 21 Oct 2026 07:00:00 GMT", "Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}
    assert vars(error_of(setting(Answer(503, headers=headers))))["retry_after"] == 28 * 60


@pytest.mark.parametrize(
    ("status", "headers", "pause"),
    [
        (429, {"Retry-After": "7", "RateLimit-Reason": "jira-burst-based"}, (7.0, "jira-burst-based")),
        (429, {"Retry-After": "7", "RateLimit-Reason": "jira-of-tomorrow"}, (7.0, "jira-of-tomorrow")),
        (429, {"Retry-After": "7", "RateLimit-Reason": f"for {EMAIL}"}, (7.0, "unnamed limit")),
        (429, {}, (2.0, "429")),
        (503, {"Retry-After": "3"}, (3.0, "503")),
        (503, {}, (2.0, "503")),
        (500, {"Retry-After": "3"}, (3.0, "500")),
        (504, {"Retry-After": "0"}, None),
        (502, {}, None),
    ],
)
def test_429_and_503_and_whoever_names_a_wait_hold_everyone(
    status: int, headers: Mapping[str, str], pause: tuple[float, str] | None
) -> None:
    """These answers concern the whole login. Other server errors concern only their request."""
    setup = setting(Answer(status, headers=headers), Answer())
    ask(setup)
    if pause is None:
        assert setup.gate.pauses == []
    else:
        ((seconds, reason),) = setup.gate.pauses
        assert reason == pause[1]
        assert pause[0] <= seconds <= 1.25 * pause[0]


def test_a_gateway_without_a_word_is_backed_off_from_by_everyone() -> None:
    """A 429 without Retry-After pauses all requests. Each pause is twice the one before."""
    setup = setting(Answer(429), Answer(429), Answer(429), Answer())
    ask(setup)
    assert [pause for pause, _ in setup.gate.pauses] == pytest.approx([2, 4, 8], rel=0.25)


@pytest.mark.parametrize("status", [200, 400, 404])
def test_an_empty_bucket_holds_everyone_whatever_the_answer(status: int) -> None:
    """Data Center sends these headers with every answer. The answer itself is used."""
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Interval-Seconds": "6", "retry-after": "5"}
    setup = setting(Answer(status, headers=headers))
    with suppress(FatalError):
        ask(setup)
    assert [pause for pause, _ in setup.gate.pauses] == [5.0]
    assert setup.naps == []


def test_a_retry_after_of_zero_on_a_good_answer_is_no_wait() -> None:
    """A longer one is ignored too while tokens remain."""
    for value in ("0", "60"):
        setup = setting(Answer(headers={"X-RateLimit-Remaining": "3", "retry-after": value}))
        ask(setup)
        assert (setup.gate.pauses, setup.naps) == ([], [])


@pytest.mark.parametrize(
    ("refusal", "delays"),
    [(NoSlotError("Redis did not answer"), 0), (NoSlotError("the limit is used up", retry_after=4.0), 1)],
)
def test_without_leave_nothing_is_sent_and_the_slice_ends_at_once(refusal: NoSlotError, delays: int) -> None:
    """The limiter has waited already, and Redis does not return because of another question."""
    setup = setting(Answer())
    setup.gate.refusal = refusal
    assert error_of(setup) is refusal
    assert (setup.wire.seen, setup.naps) == ([], [])
    assert setup.client.traffic.take() == (0, delays)


def test_tries_before_the_limiter_refused_are_not_forgotten() -> None:
    """Otherwise a run that alternates between the two faults would never end."""
    setup = setting(Answer(500), Answer(500), Answer())
    setup.gate.leave = 2
    setup.gate.refusal = NoSlotError("a pause", retry_after=60.0, tries=0)
    assert vars(error_of(setup)) == {"retry_after": 60.0, "tries": 2}


@pytest.mark.parametrize(("per_seconds", "waited"), [(10.0, 15.0), (1.0, 15.0), (60.0, 75.0), (3600.0, 75.0)])
def test_a_slot_is_waited_for_longer_than_a_window(per_seconds: float, waited: float) -> None:
    """Otherwise the run would pause each time the quota is used up. A slice still has to end."""
    assert slot_wait(Connection("acme", "https://acme.example", per_seconds=per_seconds)) == waited


def test_the_backoff_doubles_up_to_its_cap_and_jitter_only_adds() -> None:
    """2, 4, 8, 16, 32, 64, 120, 120, …, each plus at most a quarter: under six minutes for all tries."""
    bases = [2, 4, 8, 16, 32, 64, 120, 120]
    for tried, base in enumerate(bases, start=1):
        assert all(base <= backoff(tried) <= base * 1.25 for _ in range(50))
    assert sum(bases[: MAX_TRIES - 1]) * 1.25 < 360


# --- what is final --------------------------------------------------------------------------------------------------


def jira_says(*messages: str, **errors: str) -> str:
    """Return a refusal's body."""
    return json.dumps({"errorMessages": list(messages), "errors": errors})


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (Answer(401), LoginError, r"refused the login \(401\); check email and token of connection 'acme'$"),
        (
            Answer(403, jira_says("no")),
            ForbiddenError,
            r"forbids this to the account of connection 'acme' \(403\): no; ask Jira's administrator$",
        ),
        (Answer(404, jira_says("Gone for good.")), MissingError, r"is not there \(404\): Gone for good."),
        (Answer(410, jira_says("migrate")), MissingError, r"is not there \(410\): migrate"),
        (Answer(400, jira_says("Bad JQL", f="No such field")), RefusedError, r"\(400\): Bad JQL. No such field$"),
        (Answer(405), RefusedError, r"acme.example did not accept the request \(405\)$"),
        (
            Answer(302, headers={"Location": "https://sso.acme.example:8443/saml?RelayState=x"}),
            AstrayError,
            "answered 302 with a redirect to sso.acme.example:8443; check base_url and token of connection 'acme'$",
        ),
        (Answer(302), AstrayError, "answered 302 with a redirect; check base_url"),
        (Answer(error=requests.exceptions.InvalidURL(TOKEN)), FatalError, "could not be made.*check base_url"),
        (Answer(error=requests.exceptions.InvalidHeader(TOKEN)), FatalError, "could not be made.*and token"),
    ],
)
def test_a_refusal_is_final_and_says_what_to_do(answer: Answer, kind: type[FatalError], words: str) -> None:
    """One request: repeated logins end in a CAPTCHA."""
    setup = setting(answer)
    error = error_of(setup)
    assert type(error) is kind
    assert re.search(words, str(error))
    assert len(setup.wire.seen) == 1
    assert setup.naps == []


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html/>",
        "[]",
        "null",
        "\x00\x01",
        '{"errorMessages": null, "errors": null}',
        '{"errorMessages": {}, "errors": []}',
    ],
)
def test_a_refusal_without_words_is_a_refusal(body: str) -> None:
    """The shape of the body does not matter."""
    assert str(error_of(setting(Answer(400, body)))) == "acme.example did not accept the request (400)"


def test_the_words_of_jira_are_redacted_and_folded() -> None:
    """They may repeat the query with a person's name, or the request that a proxy received."""
    said = jira_says(f"The value 'ana.horvat@acme.example'\ndoes not exist; Authorization: Bearer {TOKEN}")
    message = str(error_of(setting(Answer(400, said))))
    assert "does not exist" in message
    assert len(str(error_of(setting(Answer(400, jira_says("x " * 5000)))))) < 600


@pytest.mark.parametrize("status", [200, 400, 404])
@pytest.mark.parametrize(
    "headers",
    [
        {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"},
        {"x-seraph-loginreason": "OUT, authentication_denied"},
        {"X-AUSERNAME": "Anonymous"},
    ],
)
def test_an_answer_to_somebody_else_is_a_refused_login(status: int, headers: Mapping[str, str]) -> None:
    """Whatever its status: such an answer lists only what anonymous callers may see."""
    setup = setting(Answer(status, jira_says(), headers))
    error = error_of(setup)
    assert isinstance(error, LoginError)
    assert error.is_certain
    assert "acme.example/rest/api/3/search/jql refused the login" in str(error)
    assert next(iter(headers)).upper() in str(error).upper()
    assert (len(setup.wire.seen), setup.naps) == (1, [])


def test_without_a_login_an_answer_to_the_anonymous_is_ours() -> None:
    """Data Center names anonymous callers so."""
    setup = setting(Answer(body="[1]", headers={"X-AUSERNAME": "anonymous"}), token=None, email=None)
    assert ask(setup) == [1]


def test_a_page_in_place_of_json_fails_at_once_with_its_title() -> None:
    """Another request would get the same page. The title is redacted, unescaped and cut; the rest is not shown."""
    title = f"Log in &amp; more\n ana.horvat@acme.example {TOKEN} {'x' * 200}"
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body>SAML</body></html>"
    setup = setting(Answer(200, page, {"Content-Type": "text/html;charset=UTF-8"}))
    error = error_of(setup)
    assert isinstance(error, AstrayError)
    assert "answered 200 with a login or error page with the title 'Log in & more" in str(error)
    assert "SAML" not in str(error)
    assert len(str(error)) < 400
    assert (len(setup.wire.seen), setup.naps) == (1, [])


def test_the_words_of_a_refused_login_tell_neither_token_nor_name() -> None:
    """Jira repeats the user name of a failed login, which need not look like an e-mail address."""
    setup = setting(Answer(401, f"Login failed for ana.horvat with {TOKEN}"), email="ana.horvat")
    assert re.search(r"\(401: Login failed for \[redacted\] with \[redacted\]\)", str(error_of(setup)))


def test_jiras_clock_is_that_of_its_last_answer() -> None:
    """Any answer with a date sets it."""
    setup = setting(Answer(500, headers={"Date": "Wed, 21 Oct 2026 07:00:00 GMT"}), Answer(), Answer())
    assert setup.client.jira_time is None
    ask(setup)
    assert setup.client.jira_time == datetime(2026, 10, 21, 7, tzinfo=UTC)


def test_a_context_path_is_part_of_the_place() -> None:
    """A wrong context path is the usual reason of a 404."""
    setup = setting(Answer(404), context="/jira")
    assert "acme.example/jira/rest/api/3/search/jql is not there" in str(error_of(setup))


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


def test_a_session_takes_proxies_and_certificates_from_the_environment() -> None:
    """Companies use both between Flowbeat and Jira."""
    assert open_session(3).trust_env
