"""The client: what each answer leads to, and when a request is sent again."""

import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
import requests
from jira_wire import BODY, EMAIL, PATH, TOKEN, Answer, ask, error_of, setting
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProxyError

from worker.errors import FatalError, RetryableError
from worker.jira.client import (
    backoff,
    open_session,
    slot_wait,
)
from worker.limiter import NoSlotError
from worker.settings import Connection
from worker.task import MAX_TRIES

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


def test_a_session_takes_proxies_and_certificates_from_the_environment() -> None:
    """Companies use both between Flowbeat and Jira."""
    assert open_session(3).trust_env
