"""Refusals of Jira, from headers and bodies of every shape that real sites send."""

import json
from collections.abc import Mapping

import pytest

from worker.jira.refusals import advice, is_page, login_fault, redirect_host, said, title
from worker.redact import redact

HTML = {"Content-Type": "text/html;charset=UTF-8"}
JSON = {"Content-Type": "application/json"}
CAPTCHA = "CAPTCHA_CHALLENGE; login-url=https://jira.acme.example/login.jsp"


@pytest.mark.parametrize(
    ("headers", "fault"),
    [
        ({}, ""),
        ({"X-Seraph-LoginReason": "OK"}, ""),
        ({"X-Seraph-LoginReason": "ok"}, ""),
        ({"X-Seraph-LoginReason": "OK, OK"}, ""),
        ({"X-Seraph-LoginReason": "OUT, OK"}, ""),
        ({"X-Seraph-LoginReason": ""}, ""),
        ({"X-Seraph-LoginReason": " , "}, ""),
        ({"X-Seraph-LoginReason": "OUT"}, "X-Seraph-LoginReason: OUT"),
        ({"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}, "X-Seraph-LoginReason: AUTHENTICATED_FAILED"),
        ({"X-Seraph-LoginReason": "authentication_denied"}, "X-Seraph-LoginReason: AUTHENTICATION_DENIED"),
        ({"X-Seraph-LoginReason": "AUTHORISATION_FAILED"}, "X-Seraph-LoginReason: AUTHORISATION_FAILED"),
        ({"X-Seraph-LoginReason": "OUT,AUTHENTICATED_FAILED"}, "X-Seraph-LoginReason: AUTHENTICATED_FAILED"),
        ({"X-Seraph-LoginReason": "OK; OUT"}, "X-Seraph-LoginReason: OUT"),
        ({"X-Seraph-LoginReason": "<ana@acme.example>"}, "X-Seraph-LoginReason: unknown"),
        ({"X-AUSERNAME": "anonymous"}, "X-AUSERNAME: anonymous"),
        ({"X-AUSERNAME": " ANONYMOUS "}, "X-AUSERNAME: anonymous"),
        ({"X-AUSERNAME": "anonymous, anonymous"}, "X-AUSERNAME: anonymous"),
        ({"X-AUSERNAME": "anonymous.reader"}, ""),
        ({"X-AUSERNAME": "metrics"}, ""),
        ({"X-AUSERNAME": "anonymous", "X-Seraph-LoginReason": "OK"}, "X-AUSERNAME: anonymous"),
    ],
)
def test_a_login_that_was_not_accepted_is_known_by_its_headers(headers: Mapping[str, str], fault: str) -> None:
    """The last word of a list counts."""
    assert login_fault(headers) == fault


@pytest.mark.parametrize(
    ("headers", "body", "words"),
    [
        (JSON, '{"errorMessages":["Login denied"],"errors":{"jql":"bad"}}', "Login denied. bad"),
        (JSON, '{"code":401,"message":"Unauthorized; scope does not match"}', "Unauthorized; scope does not match"),
        (JSON, '{"error":"Failed to parse Connect Session Auth Token"}', "Failed to parse Connect Session Auth Token"),
        (JSON, '{"error":"invalid","error_description":"expired"}', "invalid. expired"),
        (JSON, '{"error":{"code":7,"message":"No"}}', "No"),
        (JSON, '{"message":"Twice","errorMessages":["Twice."]}', "Twice"),
        (JSON, '{"message":7,"errorMessages":[5],"errors":[]}', "5"),
        (JSON, '"Basic auth with password is not allowed"', "Basic auth with password is not allowed"),
        (JSON, "[]", ""),
        (JSON, "null", ""),
        ({}, "", ""),
        (
            HTML,
            "Client must be authenticated to access this resource.",
            "Client must be authenticated to access this resource",
        ),
        (HTML, "<html><head><title>Unauthorized (401)</title></head><body>x</body></html>", ""),
        (HTML, "<html><head><title>403 Forbidden</title></head></html>", ""),
        (HTML, "<html><head><title>Zugriff verweigert</title></head></html>", "Zugriff verweigert"),
        (HTML, "<html><body>no title</body></html>", ""),
        (HTML | {"X-Authentication-Denied-Reason": CAPTCHA}, "<html/>", CAPTCHA),
        ({}, "two\r\nlines\x00 here", "two lines here"),
        (
            {"Content-Type": "text/plain; charset=latin-1"},
            "Zugriff f\u00fcr ana@acme.example",
            "Zugriff f\u00fcr [redacted]",
        ),
        ({"Content-Type": "text/plain; charset=nonsense"}, "plain", "plain"),
    ],
)
def test_the_words_of_a_refusal(headers: Mapping[str, str], body: str, words: str) -> None:
    """Redacted, on one line, each sentence once."""
    encoding = "latin-1" if "latin-1" in headers.get("Content-Type", "") else "utf-8"
    assert said(headers, body.encode(encoding), redact) == words


def test_long_words_are_cut_and_bytes_that_are_no_text_left_out() -> None:
    """A message is one sentence, whatever a proxy adds."""
    assert len(said(JSON, json.dumps({"message": "x " * 5_000}).encode(), redact)) == 500
    assert said({}, b"\x1f\x8b\xff\xfe", redact) == ""


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (CAPTCHA, "browser"),
        ("X-Seraph-LoginReason: AUTHENTICATION_DENIED", "browser"),
        ("Unauthorized; scope does not match", "read:jira-work and read:jira-user"),
        ("Failed to parse Connect Session Auth Token", "email"),
        ("Basic Authentication has been disabled on this instance.", "personal access token"),
        ("Basic auth with password is not allowed on this instance", "API token"),
        ("The IP address 192.0.2.7 has been rejected by the allowlist.", "address of this machine"),
        ("something else", "as usual"),
    ],
)
def test_a_known_refusal_comes_with_what_helps(words: str, wanted: str) -> None:
    """With the name of the connection to check."""
    text = advice(words, "acme", "as usual for 'acme'")
    assert wanted in text
    assert "'acme'" in text


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        (HTML, "<!DOCTYPE html><html>", True),
        ({}, "\n\n\ufeff <HTML lang='de'>", True),
        ({}, "<!-- old browsers --><html>", True),
        (JSON, "<?xml version='1.0'?><!DOCTYPE html><html>", True),
        (HTML, "<center>Log in</center>", True),
        ({}, "<center>Log in</center>", False),
        ({}, "<?xml version='1.0'?><status>5</status>", False),
        (HTML, "", False),
        (HTML, "Please log in", False),
        (HTML, '{"issues": ["<html>"', False),
    ],
)
def test_a_page_for_people_is_told_from_half_an_answer(
    headers: Mapping[str, str], body: str, *, expected: bool
) -> None:
    """By its markup, because many sites send a wrong content type."""
    assert is_page(headers, body.encode()) is expected


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<title>You are already logged in - Jira</title>", "You are already logged in - Jira"),
        ("<TITLE data-x='1'>\n Anmelden &ndash; Jira\n</TITLE >", "Anmelden – Jira"),
        ("<title>Hello ana.horvat@acme.example</title>", "Hello [redacted]"),
        ("<title></title>", ""),
        ("<p>none</p>", ""),
        ("<title>never closed", ""),
    ],
)
def test_the_title_of_a_page(page: str, expected: str) -> None:
    """On one line, unescaped, redacted."""
    assert title(HTML, page.encode(), redact) == expected


def test_a_long_title_is_shortened() -> None:
    """To a hundred characters."""
    shortened = title(HTML, f"<title>{'long ' * 50}</title>".encode(), redact)
    assert (len(shortened), shortened[-1]) == (100, "…")


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("https://sso.acme.example/saml?RelayState=x", "sso.acme.example"),
        ("https://ana:secret@sso.acme.example:8443/", "sso.acme.example:8443"),
        ("//login.acme.example/x", "login.acme.example"),
        ("/login.jsp?os_destination=%2Frest", "jira.acme.example"),
        ("login.jsp", "jira.acme.example"),
        ("https://[::1]:8080/", "[::1]:8080"),
        ("https://b\u00fccher.example/", "b\u00fccher.example"),
        ("", ""),
        ("https://[broken/", ""),
        ("https://acme.example:port/", ""),
        ("mailto:ana@acme.example", ""),
    ],
)
def test_a_redirect_names_the_host_and_nothing_else(location: str, host: str) -> None:
    """A path or a query may contain a session."""
    assert redirect_host("https://jira.acme.example/rest/api/2/field", {"Location": location}) == host
