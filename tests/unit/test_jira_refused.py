"""Which answers of Jira are final, and what is said about them."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
import requests
from jira_wire import TOKEN, Answer, ask, error_of, jira_says, setting

from worker.errors import FatalError
from worker.jira.faults import AstrayError, ForbiddenError, LoginError, MissingError, RefusedError

# --- what is final --------------------------------------------------------------------------------------------------


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
