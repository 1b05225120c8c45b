"""What Jira says of a refusal, and what a page in its place says: headers and bodies read into words. Pure.

Sources: Seraph's ``LoginReason`` (OK, OUT, AUTHENTICATED_FAILED, AUTHENTICATION_DENIED, AUTHORISATION_FAILED) and
answers of real sites: Cloud serves a login it does not accept as the anonymous, with 200 and this header only.
"""

import html
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

Clean = Callable[[str], str]

LONGEST_WORDS: Final = 500
LONGEST_TITLE: Final = 100
_READ_BYTES: Final = 50_000  # of a page: its title is at the top
_OK: Final = "OK"
_NOBODY: Final = "anonymous"
_MESSAGE_KEYS: Final = ("message", "error", "error_description", "errorMessage", "reason", "detail", "title")
_MARKUP: Final = re.compile(
    r"<(?:!doctype\s+html|html|head|title|body|meta|script|form|iframe|h1|p|div)\b", re.IGNORECASE
)
_TITLE: Final = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_STATUS: Final = re.compile(r"[\w\s:()/-]*\d{3}[\w\s:()/-]*")  # a title that only repeats the status
_ADDRESS: Final = "ask Jira's administrator to allow the address of this machine; connection {name}"
# What Jira is known to say → what helps. The first that fits wins.
_ADVICE: Final = (
    ("captcha", "log in once with a browser and answer the CAPTCHA, then run it again; connection {name}"),
    ("authentication_denied", "log in once with a browser, because Jira may ask for a CAPTCHA; connection {name}"),
    ("scope", "give the token of connection {name} the scopes read:jira-work and read:jira-user"),
    ("allowlist", _ADDRESS),
    ("ip address", _ADDRESS),
    ("connect session", "an API token of Jira Cloud needs email beside it in connection {name}"),
    ("basic auth", "use an API token (Cloud), or a personal access token without email, in connection {name}"),
)


def login_fault(headers: Mapping[str, str]) -> str:
    """Return the header that says the login was not accepted, as ``name: value``; empty where none says so.

    A header that came several times is a list: its last word is the outcome, because each attempt adds one.
    """
    reasons = re.findall(r"[^,;\s]+", headers.get("X-Seraph-LoginReason", ""))
    if reasons and reasons[-1].upper() != _OK:
        return f"X-Seraph-LoginReason: {_word(reasons[-1].upper())}"
    name = headers.get("X-AUSERNAME", "").rpartition(",")[2].strip()
    return f"X-AUSERNAME: {_NOBODY}" if name.casefold() == _NOBODY else ""


def said(headers: Mapping[str, str], content: bytes, clean: Clean) -> str:
    """Return what an answer says of itself, cleaned, on one line: the reason of a denied login, then Jira's words.

    Empty where it says nothing. Of a page for people only the title is taken.
    """
    parts = [headers.get("X-Authentication-Denied-Reason", ""), *_words(headers, content)]
    folded = [_on_one_line(clean(part)).rstrip(".") for part in parts]
    return ". ".join(dict.fromkeys(part for part in folded if part))[:LONGEST_WORDS]


def advice(words: str, name: str, usual: str) -> str:
    """Return what to do about a refusal in these words; ``usual`` where nothing is known about them."""
    folded = words.casefold()
    return next((text.format(name=repr(name)) for needle, text in _ADVICE if needle in folded), usual)


def is_page(headers: Mapping[str, str], content: bytes) -> bool:
    """Return whether an answer is a page for people in place of JSON."""
    text = _text(headers, content).lstrip("\ufeff \t\r\n")
    is_html = "html" in headers.get("Content-Type", "").lower()
    return text.startswith("<") and (is_html or _MARKUP.search(text[:2_000]) is not None)


def title(headers: Mapping[str, str], content: bytes, clean: Clean) -> str:
    """Return the title of a page, cleaned and shortened; empty where it has none."""
    match = _TITLE.search(_text(headers, content))
    cleaned = _on_one_line(clean(html.unescape(match[1]))) if match else ""
    return cleaned if len(cleaned) <= LONGEST_TITLE else f"{cleaned[: LONGEST_TITLE - 1]}…"


def redirect_host(url: str, headers: Mapping[str, str]) -> str:
    """Return the host that a redirect of this URL leads to, with its port, without path and query; else empty."""
    location = headers.get("Location", "").strip()
    if not location:
        return ""
    try:
        parts = urlsplit(urljoin(url, location))
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    host = parts.hostname or ""
    text = f"[{host}]" if ":" in host else host
    return f"{text}{port}" if re.fullmatch(r"[\w.:-]{1,253}", host) else ""


def _words(headers: Mapping[str, str], content: bytes) -> Iterator[str]:
    text = _text(headers, content).strip("\ufeff \t\r\n")
    if is_page(headers, content):
        match = _TITLE.search(text)
        yield "" if match is None or _STATUS.fullmatch(match[1][:200]) else html.unescape(match[1])
        return
    try:
        yield from _messages(json.loads(text))
    except ValueError:  # plain text, as Cloud's 401; bytes that cannot be decoded are left out
        yield "" if "\ufffd" in text else text


def _messages(body: Any) -> Iterator[str]:
    """Yield the sentences of an error: Jira's lists, a gateway's keys, also one level down."""
    if isinstance(body, str):
        yield body
    if not isinstance(body, dict):
        return
    general, named = body.get("errorMessages"), body.get("errors")
    yield from (str(item) for item in (general if isinstance(general, list) else ()))
    yield from (str(entry) for entry in (named.values() if isinstance(named, dict) else ()))
    for key in _MESSAGE_KEYS:
        value = body.get(key)
        yield from (_messages(value) if isinstance(value, dict) else [value] if isinstance(value, str) else ())


def _text(headers: Mapping[str, str], content: bytes) -> str:
    """Return the beginning of a body as text, in the encoding its headers name."""
    named = re.search(r"charset=[\"']?([\w.:-]+)", headers.get("Content-Type", ""), re.IGNORECASE)
    try:
        return content[:_READ_BYTES].decode(named[1] if named else "utf-8", errors="replace")
    except LookupError:
        return content[:_READ_BYTES].decode("utf-8", errors="replace")


def _on_one_line(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _word(reason: str) -> str:
    """Return a header's one word: any that Jira may come to use, and nothing a proxy may put in its place."""
    return reason if re.fullmatch(r"[\w.-]{1,80}", reason, re.ASCII) else "unknown"
