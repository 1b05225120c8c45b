"""Redaction of the configured secrets, in any place and any encoding."""

import base64
import html
import json
import re
import textwrap
from urllib.parse import quote, quote_plus

import pytest

from worker.redact import MARK, Redactor, redact

SECRET = "zq7 t&r/Pä\"w'k\\m+9"
FORMS = {
    "itself": SECRET,
    "quoted": quote(SECRET, safe=""),
    "quoted but slashes": quote(SECRET),
    "quoted with plus": quote_plus(SECRET),
    "quoted in small letters": re.sub("%..", lambda code: code[0].lower(), quote(SECRET, safe="")),
    "quoted twice": quote(quote(SECRET, safe=""), safe=""),
    "json": json.dumps(SECRET)[1:-1],
    "json in json": json.dumps(json.dumps(SECRET))[1:-1],
    "json unescaped": json.dumps(SECRET, ensure_ascii=False)[1:-1],
    "repr": repr(SECRET)[1:-1],
    "bytes repr": repr(SECRET.encode())[2:-1],
    "xml": html.escape(SECRET, quote=False).replace('"', "&quot;"),
    "hex": SECRET.encode().hex(),
    "base64": base64.b64encode(SECRET.encode()).decode(),
    **{f"login of {user}": base64.b64encode(f"{user}:{SECRET}".encode()).decode() for user in ("a", "bo", "bot")},
    "url-safe login": base64.urlsafe_b64encode(f"xy:{SECRET}".encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_configured_secret_is_hidden_in_every_form(form: str) -> None:
    """Neither a key nor a shape shows that it is a secret."""
    redacted = Redactor([SECRET])(f"got <<{form}>> there")
    assert form[4:12] not in redacted
    assert MARK in redacted
    assert redacted.startswith("got <<")
    assert redacted.endswith("there")


@pytest.mark.parametrize("name", ["itself", "quoted", "json", "base64", "login of bo", "login of bot"])
@pytest.mark.parametrize("brk", ["\n", "\r\n    ", "\\n", '"\n  "', "\n> "])
def test_a_configured_secret_is_hidden_when_cut_across_lines(name: str, brk: str) -> None:
    """Wrapped by a mail program, a terminal, or a repr of several lines."""
    form = FORMS[name]
    cut = brk.join((form[:9], form[9:16], form[16:]))
    assert form[10:15] not in Redactor([SECRET])(f"got {cut} there")


def test_wrapped_base64_of_a_login_is_hidden() -> None:
    """Base64 tools wrap their output."""
    wrapped = "\n".join(textwrap.wrap(base64.b64encode(f"metrics@acme.example:{SECRET * 3}".encode()).decode(), 20))
    redacted = Redactor([SECRET * 3])(wrapped)
    assert not any(line in redacted for line in wrapped.splitlines()[2:-1])


def test_the_password_of_a_configured_url_counts_by_itself() -> None:
    """The broker's URL is configured, and a driver repeats its password alone."""
    redacted = Redactor(["redis://:open-sesame-1@cache:6379/0"])("AUTH open-sesame-1 refused by cache:6379")
    assert redacted == f"AUTH {MARK} refused by cache:6379"


def test_short_secrets_are_hidden_as_whole_words_only() -> None:
    """A password "flow" must not cut the word flowbeat. Secrets of under four characters are not replaced."""
    assert Redactor(["flow"])("flow of flowbeat") == f"{MARK} of flowbeat"
    assert Redactor(["abc", ""])("abc of abcdef") == "abc of abcdef"


def test_values_and_keys_of_nested_data_are_searched_too() -> None:
    """A secret may be a key, for example of a cache."""
    assert Redactor(["open-sesame-1"])({"x-open-sesame-1": [b"open-sesame-1"]}) == {f"x-{MARK}": [MARK.encode()]}


def test_a_secret_at_the_cut_of_a_long_text_is_not_shown_in_part() -> None:
    """Long texts are cut after the search, so that no part of a secret is left."""
    redactor = Redactor(["open-sesame-1"])
    for length in (*range(32_750, 32_770), *range(65_520, 65_540)):
        assert "open-se" not in redactor("x " * (length // 2) + "y" * (length % 2) + "open-sesame-1" + " z" * 40_000)


def test_without_secrets_it_is_redact() -> None:
    """Both hide values by keys and shapes."""
    assert Redactor([])("password=x1 of PAY-1") == redact("password=x1 of PAY-1") == f"password={MARK} of PAY-1"
