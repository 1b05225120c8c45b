"""Redacts one text: the steps in their order, each only where the text contains what it looks for."""

import functools
from collections.abc import Callable
from typing import Final

from worker.redact.notations import (
    hide_calls,
    hide_cookie_jars,
    hide_elements,
    hide_flags,
    hide_keyed,
    hide_schemes,
    hide_talk,
)
from worker.redact.people import hide_accounts, hide_among, hide_authors, hide_changes, hide_people, hide_unknown
from worker.redact.shapes import hide_key_blocks, hide_mails, hide_quoted_runs, hide_runs, hide_url_passwords

MAX_TEXT: Final = 32_768  # characters of one text that are looked at and shown
# Short texts are remembered with their answer: the same task names, ids and profiles stand in line after line.
CACHED: Final = 128
CACHE_SIZE: Final = 8192


def redact_text(value: str) -> str:
    """Return one text redacted by keys and shapes; the given one when there is nothing to hide."""
    if len(value) <= CACHED:
        return _redact_short(value)
    return apply_steps(value if len(value) <= MAX_TEXT else _cut(value))


def _cut(value: str) -> str:
    """Return the head of a long text, ended before a word that the cut may have torn."""
    head = value[:MAX_TEXT]
    end = max(head.rfind(mark, MAX_TEXT - 4096) for mark in " \n\t,;&")
    head = head[: end if end > 0 else MAX_TEXT - 4096]
    return f"{head} [{len(value) - len(head)} more characters]"


@functools.lru_cache(maxsize=CACHE_SIZE)
def _redact_short(value: str) -> str:
    return apply_steps(value)


def apply_steps(value: str) -> str:
    low = value.lower()
    for needles, step in _STEPS:
        for needle in needles:
            if needle in low:
                value = step(value)
                break
    return value


_Step = tuple[tuple[str, ...], Callable[[str], str]]
# Each step with what a text in lower case must contain for it; the commonest lines meet two or three of them.
_STEPS: Final[tuple[_Step, ...]] = (
    (("begin",), hide_key_blocks),
    (("://", ":\\", "%3a"), hide_url_passwords),
    (("</",), hide_elements),
    (("auth(", "oauth1("), hide_calls),
    (("<cookie ",), hide_cookie_jars),
    (("=", ":", "->", "%3", "%253", "',", '",', "value"), hide_keyed),
    ((" in (", " was ", " in("), hide_among),
    (("fromstring", "from_name"), hide_changes),
    ((" field ", "user ", "users "), hide_unknown),
    ((" -", "'-", '"-', "--"), hide_flags),
    (("pass", "pwd", "secret", "token", "pat ", "key", "cred"), hide_talk),
    ((" changed ", " was ", "updatedby", "membersof"), hide_authors),
    (("basic", "bearer", "token", "key", "auth", "ntlm", "negot", "jwt", "ssws", "bot ", "digest"), hide_schemes),
    (("%2f", "%2b", "%252"), hide_quoted_runs),
    (("",), hide_runs),
    (("@", "%40", "%2540", "u0040", "&#64;"), hide_mails),
    (("jirauser", "[~", "accountid:", "user?key="), hide_people),
    ((":",), hide_accounts),
)
