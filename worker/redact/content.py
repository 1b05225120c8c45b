"""What a value says of itself: whether what stands under a telling key has to be hidden."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from worker.redact.keys import Kind, word_set
from worker.redact.scan import MARK

EMPTY: Final = re.compile(
    r"\s*|(?:none|null|nil|true|false|undefined|nan|empty|unset|n/?a|notset|not_set)|[*x.•·#-]{2,}|-|\.{3}|…"
    r"|%s|%r|%\(\w*\)s|\$\w+|\$\{[^{}]*\}|\$\([^()]*\)|\{\{?\s?[\w.]*\s?\}?\}|<[^<>]*>|\[?redacted\]?|\[filtered\]|\[hidden\]"
    r"|\[removed\]|\[email\]|\*+[\w ]*\*+|os\.environ\S*|env[:.]\S+|\(\)|\[\]",
    re.IGNORECASE,
)
# What follows a telling word in prose ("token: expired"), or is a type in code ("password: str").
PROSE: Final = word_set(
    """
    missing required expired expires invalid incorrect wrong not no is was are were for the a an and or of in
    to from with without by on at has have had must should can cannot could will if when then this that it ok
    okay yes set unset given provided present absent found valid unknown unauthorized forbidden denied
    rejected refused accepted refreshed rotated revoked renewed changed updated removed deleted created added
    used unused loaded read hidden masked secret password token check checked see use using enter try again
    please failed failure error success successful succeeded mismatch match matches too short long str int
    bytes bool float object any optional string integer number secretstr list dict tuple type self cls basic
    bearer digest disabled enabled default no-check nocheck anonymous pending active inactive loading stored
    saved cached written configured unconfigured authentication authorization credentials reset bucket
    """
)
_NOBODY: Final = word_set(
    """
    unassigned automatic anonymous nobody currentuser empty notified cleared not changed removed added missing
    unknown set is was in and or order by membersof to from left
    """
)
CODE: Final = re.compile(
    r"(?:self|cls|settings|config|conf|cfg|os|request|response|options|opts|args|kwargs|env|ctx|context|app|credentials"
    r"|connection|session|data|params|payload|secrets|getpass|keyring|environ|profile|user|client)\.[A-Za-z_][\w.]*+"
    r"(?:[(\[].*)?|[A-Za-z_][\w.]*+\((?:.*)",
    re.DOTALL,
)
_ISSUE_KEY_OR_NUMBER: Final = re.compile(
    r"[A-Z][A-Z0-9_]{1,9}-\d+|[\d.,:+TZ-]+|v?\d+(?:\.\d+)+\S*|\d+\w{1,2}|[/~.][\w./-]*"
)


def is_secret(kind: Kind, name: str, value: str, *, bare: bool) -> bool:
    """Return whether a value under a telling key has to be hidden; ``bare``: it has no quotes around it."""
    if EMPTY.fullmatch(value) or value.startswith(MARK):
        return False
    if kind == "field":
        return True
    if kind == "person":
        return not _impersonal(value, bare=bare)
    if bare and is_prose(name, value):
        return False
    return _RULES[kind](value)


def _impersonal(value: str, *, bare: bool) -> bool:
    low = value.rstrip(".,;:!?").lower()
    return value.isdigit() or (bare and low in _NOBODY) or low in {"unassigned", "currentuser()", "automatic"}


def is_prose(name: str, value: str) -> bool:
    low = value.rstrip(".,;:!?)").lower()
    return low in PROSE or low == name.lower() or CODE.fullmatch(value) is not None


_DIGIT: Final = re.compile(r"\d")
_LETTER: Final = re.compile(r"[^\W\d_]")


def is_mixed(value: str, least: int) -> bool:
    """Return whether it is long enough, has letters and digits, and is not a key, number, version or path."""
    if len(value) < least or _ISSUE_KEY_OR_NUMBER.fullmatch(value):
        return False
    return _DIGIT.search(value) is not None and _LETTER.search(value) is not None


_RULES: Final[Mapping[Kind, Callable[[str], bool]]] = {
    "secret": lambda value: not (value.isdigit() and len(value) < 4),  # noqa: PLR2004 - a count, not a secret
    "token": lambda value: not (value.isdigit() and len(value) < 6),  # noqa: PLR2004 - a count, not a token
    "pass": lambda value: not value.replace(".", "").isdigit() and value.lower() not in {"fail", "pass", "warning"},
    "weak": lambda value: is_mixed(value, 12),
    "auth": lambda value: value[:1] in "([{" or ":" in value.strip(":") or is_mixed(value, 8),
    "header": lambda _: True,
    "cookie": lambda _: True,
    "code": lambda value: is_mixed(value, 10) and any(c.islower() for c in value),
    "pin": lambda value: len(value) >= 4,  # noqa: PLR2004 - shorter is a count
}
