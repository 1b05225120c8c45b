"""Hides the configured secrets themselves, literally and as they are after the usual encodings."""

import base64
import functools
import json
import re
import string
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import quote, quote_plus, urlsplit

from worker.redact.scan import MARK, Cut, splice
from worker.redact.text import CACHE_SIZE, CACHED, MAX_TEXT, apply_steps, redact_text
from worker.redact.values import redact_with


class Redactor:
    """``redact`` that also hides given secrets, literally and as they are after the usual encodings.

    Found anywhere: the secret itself, URL-quoted, in base64 (alone, or within ``user:secret``), escaped for JSON, a
    repr or XML, in hex, and each of these cut across lines. Secrets under eight characters only as whole words, under
    four not at all: they would tear ordinary text to pieces. Of a URL the password counts too.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Work out the forms once; ``secrets`` are the configured values."""
        plain_secrets = tuple(_with_passwords(secrets))
        forms = {form for secret in plain_secrets for form in _forms(secret)}
        ordered = sorted(forms, key=len, reverse=True)
        self._whole = tuple((form, _JOINTS.sub("", form) or form, _pattern(form)) for form in ordered)
        cores = {core for secret in plain_secrets for core in _base64_cores(secret)}
        self._cores = tuple((core, _JOINTS.sub("", core), _pattern(core)[1]) for core in sorted(cores))
        self._cached = functools.lru_cache(maxsize=CACHE_SIZE)(lambda value: apply_steps(self._literal(value)))
        self._longest = 2 * max(map(len, forms), default=0) + 1

    def __call__(self, value: Any) -> Any:
        """Return a redacted copy as ``redact`` does, without the secrets either."""
        return redact_with(value, self.text, 0)

    def text(self, value: str) -> str:
        """Return one text without the secrets and without what ``redact`` hides."""
        if len(value) <= CACHED:
            return self._cached(value)
        if len(value) <= 2 * MAX_TEXT or not self._whole:
            return redact_text(self._literal(value))
        # A part that the cut may have torn is at the end, behind all that is shown.
        head = self._literal(value[: 2 * MAX_TEXT])[: -self._longest]
        return f"{redact_text(head)} [{len(value) - 2 * MAX_TEXT} characters not looked at]"

    def _literal(self, value: str) -> str:
        broken = "\n" in value or "\r" in value or "\\n" in value or "\\r" in value
        joined = _JOINTS.sub("", value) if broken else ""
        for form, bones, (plain, across) in self._whole:
            if form in value:
                value = plain.sub(MARK, value)
            if bones in joined:
                value = across.sub(MARK, value)
        for core, bones, across in self._cores:
            if core in value or bones in joined:
                value = _without_words_around(value, across)
        return value


_JOINTS: Final = re.compile(r"""\\++[rn]|[\s"'>|+\\]""")
_BREAK: Final = r"""(?:["']?[ \t]*(?:\\++[rn]|[\r\n])[\s>|+"']*)?"""


def _with_passwords(secrets: Iterable[str]) -> Iterator[str]:
    for secret in secrets:
        if len(secret) >= _LEAST and "://" not in secret:
            yield secret
        elif "://" in secret:
            yield from _url_passwords(secret)


_LEAST: Final = 4
_FREE: Final = 8


def _url_passwords(url: str) -> Iterator[str]:
    try:
        password = urlsplit(url).password
    except ValueError:
        return
    if password and len(password) >= _LEAST:
        yield password


def _forms(secret: str) -> Iterator[str]:
    escaped = json.dumps(secret)[1:-1]
    raw = secret.encode("utf-8", "surrogateescape")
    yield from (secret, escaped, json.dumps(escaped)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    yield from (repr(secret)[1:-1], repr(raw)[2:-1])
    for quoted in (
        quote(secret, safe="", errors="replace"),
        quote(secret, errors="replace"),
        quote_plus(secret, errors="replace"),
    ):
        yield from (quoted, re.sub("%..", lambda code: code[0].lower(), quoted), quoted.replace("%", "%25"))
    yield secret.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    yield from (raw.hex(), raw.hex().upper(), base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode())


def _base64_cores(secret: str) -> Iterator[str]:
    """Yield what base64 of any text around the secret must contain: a core for each of the three alignments."""
    raw = secret.encode("utf-8", "surrogateescape")
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
        core = encoded[(0, 2, 3)[shift] : len(encoded) - (1 if (shift + len(raw)) % 3 else 0)]
        if len(core) >= _FREE:
            yield core
            yield core.translate(str.maketrans("+/", "-_"))


def _pattern(form: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    left, right = ("", "") if len(form) >= _FREE else (r"(?<!\w)", r"(?!\w)")
    across = _BREAK.join(re.escape(c) for c in form)
    return re.compile(left + re.escape(form) + right), re.compile(left + across + right)


def _without_words_around(value: str, core: re.Pattern[str]) -> str:
    """Hide each base64 word that holds the core: what precedes it in the word is the user's name."""
    return splice(value, _word_cuts(value, core))


def _word_cuts(value: str, core: re.Pattern[str]) -> Iterator[Cut]:
    done = 0
    for match in core.finditer(value):
        head = value[done : match.start()]
        tail = value[match.end() : match.end() + 4096]
        start = done + len(head.rstrip(_BASE64_SIGNS))
        done = match.end() + len(tail) - len(tail.lstrip(_BASE64_SIGNS + "="))
        yield start, done, MARK


_BASE64_SIGNS: Final = string.ascii_letters + string.digits + "+/-_"
