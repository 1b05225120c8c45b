"""Redaction, the last pure step before a value is shown: a copy of it without secrets and without people.

Three layers, each catching what the one before cannot know: the configured secrets themselves, wherever and however
encoded they turn up (``Redactor`` only); what stands under a key that names a secret or a person, in nested values and
in any notation of text (JSON, repr, forms, TOML, environment, XML, headers, flags, escaped or percent-encoded); and
what has the shape of a secret (published token formats, credentials in URLs and base64, key blocks, e-mail addresses).

Every step takes linear time: patterns begin with a literal or at a word's start, repeats are possessive or bounded,
texts are cut at ``MAX_TEXT``. A hidden value is ``[redacted]``; redacting twice changes nothing more.
"""

import base64
import binascii
import dataclasses
import functools
import itertools
import json
import re
import reprlib
import string
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import PurePath
from typing import Any, Final, Literal
from urllib.parse import quote, quote_plus, unquote, urlsplit
from uuid import UUID

MARK: Final = "[redacted]"
MAX_TEXT: Final = 32_768  # characters of one text that are looked at and shown
_MAX_DEPTH: Final = 20
# Short texts are remembered with their answer: the same task names, ids and profiles stand in line after line.
_CACHED: Final = 128
_CACHE_SIZE: Final = 8192
_Kind = Literal["secret", "token", "weak", "pass", "auth", "header", "cookie", "code", "pin", "person", "field"]
_Cut = tuple[int, int]


def _words(several: str) -> frozenset[str]:
    return frozenset(several.split())


def redact(value: Any) -> Any:
    """A redacted copy of any value: containers keep their kind, texts and bytes theirs; nothing is changed in place.

    Numbers, None, dates, UUIDs stay; an exception becomes ``Type: text``, a dataclass a dict, any other object its
    repr. Never raises; a text longer than ``MAX_TEXT`` characters is cut, with a note of how many are missing.
    """
    return _walk(value, text, 0)


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
        self._cached = functools.lru_cache(maxsize=_CACHE_SIZE)(lambda value: _shaped(self._literal(value)))
        self._longest = 2 * max(map(len, forms), default=0) + 1

    def __call__(self, value: Any) -> Any:
        """A redacted copy, as ``redact`` gives it, without the secrets either."""
        return _walk(value, self.text, 0)

    def text(self, value: str) -> str:
        """One text without the secrets and without what ``redact`` hides."""
        if len(value) <= _CACHED:
            return self._cached(value)
        if len(value) <= 2 * MAX_TEXT or not self._whole:
            return text(self._literal(value))
        # What the cut may have torn lies at the end, behind all that is shown.
        head = self._literal(value[: 2 * MAX_TEXT])[: -self._longest]
        return f"{text(head)} [{len(value) - 2 * MAX_TEXT} characters not looked at]"

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


def text(value: str) -> str:
    """One text redacted by keys and shapes; equal to the given one when there is nothing to hide."""
    if len(value) <= _CACHED:
        return _cached(value)
    return _shaped(value if len(value) <= MAX_TEXT else _cut(value))


def plain(value: object) -> str:
    """``str(value)``, or a note instead where that raises."""
    return value if type(value) is str else _SAFE.repr_instance(_Shown(value), 0)


# --- walking ---------------------------------------------------------------------------------------------------------


def _walk(value: Any, clean: Callable[[str], str], depth: int) -> Any:
    if type(value) is str:
        return clean(value)
    if isinstance(value, str):
        return clean(str.__str__(value))
    if value is None or isinstance(value, int | float | complex | Decimal | date | time | timedelta | UUID):
        return value
    return _walk_further(value, clean, depth)


def _walk_further(value: Any, clean: Callable[[str], str], depth: int) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return clean(bytes(value).decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    if depth >= _MAX_DEPTH:
        return f"[deeper than {_MAX_DEPTH} levels]"
    if isinstance(value, Mapping):
        return _mapping(value, clean, depth + 1)
    if isinstance(value, list | tuple | set | frozenset):
        return _sequence(value, clean, depth + 1)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
        return _mapping(fields, clean, depth + 1)
    return clean(_described(value))


def _described(value: object) -> str:
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {plain(value)}"
    return str(value) if isinstance(value, PurePath) else _SAFE.repr_instance(value, 0)


def _mapping(value: Mapping[Any, Any], clean: Callable[[str], str], depth: int) -> Any:
    names = {key for key in value if isinstance(key, str)}
    if names & _USER_MARKS and names <= _USER_KEYS:
        return dict.fromkeys(value, MARK)  # a user object: a mapping stays one, and says nothing
    hidden = _hidden_members(value)
    copy: dict[Any, Any] = {}
    for key, item in value.items():
        shown = _free(_key(key, clean, depth), copy)
        if key in hidden and item is not None:
            copy[shown] = MARK
        else:
            copy[shown] = _under(key, item, clean, depth)
    return copy


def _hidden_members(value: Mapping[Any, Any]) -> frozenset[str]:
    """Keys whose meaning another member names: ``{"name": "DB_PASSWORD", "value": …}``, a change of assignee."""
    named = value.get("name", value.get("key"))
    if isinstance(named, str) and "value" in value and _kind(named) in _CERTAIN:
        return frozenset({"value"})
    changed = value.get("field", value.get("fieldId"))
    if isinstance(changed, str) and (_kind(changed) in {"person", "field"}):
        return frozenset({"from", "fromString", "to", "toString", "from_id", "from_name", "to_id", "to_name"})
    return frozenset()


def _key(key: Any, clean: Callable[[str], str], depth: int) -> Any:
    if isinstance(key, str):
        return clean(key)
    if key is None or isinstance(key, int | float):
        return key
    cleaned = _walk(key, clean, depth)
    return cleaned if isinstance(cleaned, str | bytes | date | UUID) else repr(cleaned)


def _free(key: Any, taken: Mapping[Any, Any]) -> Any:
    if key not in taken:
        return key
    return next(name for number in range(2, len(taken) + 3) if (name := f"{key} {number}") not in taken)


def _under(key: Any, item: Any, clean: Callable[[str], str], depth: int) -> Any:
    name = key.decode("latin-1") if isinstance(key, bytes) else key
    kind = _kind(name) if isinstance(name, str) else None
    return _walk(item, clean, depth) if kind is None else _hide(kind, name, item, clean, depth)


def _hide(kind: _Kind, name: str, item: Any, clean: Callable[[str], str], depth: int) -> Any:
    """What is shown of a value under a telling key."""
    if item is None or isinstance(item, bool):
        return item
    if isinstance(item, bytes):
        shown = _hide(kind, name, item.decode("utf-8", "surrogateescape"), clean, depth)
        return shown.encode("utf-8", "surrogateescape")
    if isinstance(item, str):
        return _hidden_text(kind, name, item) or clean(item)
    if isinstance(item, int | float):
        return MARK if kind in {"secret", "pass", "pin", "field"} else item
    if kind in {"weak", "code"}:
        return _walk(item, clean, depth)
    return MARK if item or not isinstance(item, Mapping | list | tuple | set) else item


def _hidden_text(kind: _Kind, name: str, item: str) -> str | None:
    """The mark that stands for a text under a telling key; None when the text may be shown."""
    if kind == "header" and (scheme := _SCHEMED.match(item)):
        return f"{scheme[1]} {MARK}"
    return MARK if _secretive(kind, name, item, bare=False) else None


def _sequence(value: Any, clean: Callable[[str], str], depth: int) -> Any:
    items = list(value)
    if len(items) == 2 and isinstance(items[0], str | bytes) and isinstance(items[1], str | bytes | Mapping):  # noqa: PLR2004 - a pair
        copy = [_walk(items[0], clean, depth), _under(items[0], items[1], clean, depth)]
    else:
        copy = [
            MARK if isinstance(item, str) and _is_flag(before) else _walk(item, clean, depth)
            for before, item in zip([None, *items], items, strict=False)
        ]
    if isinstance(value, list):
        return copy
    if isinstance(value, tuple):
        return tuple(copy)
    return {_key(item, clean, depth) for item in copy}


def _is_flag(before: Any) -> bool:
    return isinstance(before, str) and before.startswith("--") and _kind(before[2:]) in _CERTAIN


# --- what a key says -------------------------------------------------------------------------------------------------

_CERTAIN: Final = frozenset({"secret", "token", "pass", "header", "cookie", "pin"})
_USER_MARKS: Final = frozenset({"accountId", "emailAddress", "displayName"})
_USER_KEYS: Final = _USER_MARKS | _words(
    """
    self name key accountType active timeZone locale avatarUrls groups applicationRoles expand deleted
    lastLoginTime id type
    """
)
_STRONG: Final = _words(
    """
    password passwd passphrase passcode passwort pwd secret secrets credential credentials creds apikey jwt
    authtoken accesstoken refreshtoken privatekey secretkey jsessionid phpsessid xoauth bearer
    """
)
_PHRASES: Final = re.compile(
    r"password|passwd|passphrase|apikey|api(?:access|secret)|accesskey|secretkey|secretaccess|privatekey|signingkey"
    r"|encryptionkey|decryptionkey|sharedkey|masterkey|accountkey|authkey|clientsecret|sessionid|sessionkey"
    r"|clientassertion|samlresponse|codeverifier|hmackey|servicekey|deploykey|licen[cs]ekey|webhooksecret|storagekey"
)
# A name that ends so tells about a secret without being one: where it lies, how long it lives, how many there are.
_ABOUT: Final = _words(
    """
    env file path name names type types kind count counts url uri endpoint length len size expiry expires
    expired expiration expire in at on id ids ttl policy field fields hint age min max required enabled
    disabled status state changed valid invalid version prefix suffix rotation days seconds hours stdin prompt
    format source manager provider scheme method hashes algorithm alg reset limit usage used error errors
    missing bucket buckets refill remaining rate set domain issued audience scope scopes scan scanner strength
    attempts
    """
)
_NO_TOKEN: Final = _words(
    """
    page cursor next prev previous continuation sync count max min num number total used limit prompt
    completion input output cancel cancellation lexer parser bucket per
    """
)
_PEOPLE: Final = _words(
    """
    accountid accountids displayname displaynames emailaddress emailaddresses username usernames userkey
    userkeys assignee assignees reporter reporters creator author updateauthor worklogauthor authorname
    assigneename reportername creatorname watcher watchers voter voters reviewer reviewers approver approvers
    authordisplayname assigneedisplayname reporterdisplayname
    """
)
_WORDS_OF: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_CUSTOM_FIELD: Final = re.compile(r"(?:.*\W)?customfield_\d+", re.DOTALL)


@functools.lru_cache(maxsize=4096)
def _kind(name: str) -> _Kind | None:
    """What a key says of its value: None for most keys."""
    if _CUSTOM_FIELD.fullmatch(name[:200]):
        return "field"
    words = [word.lower() for word in _WORDS_OF.findall(name[-200:])]
    while words and words[-1].isdigit():
        words.pop()
    if not words:
        return None
    return _person_kind(words) or _secret_kind(words)


def _person_kind(words: list[str]) -> _Kind | None:
    tails = {"".join(words[-1:]), "".join(words[-2:]), "".join(words[-3:])}
    return "person" if tails & _PEOPLE else None


def _secret_kind(words: list[str]) -> _Kind | None:
    last, joined = words[-1], "".join(words)
    if last in {"authorization", "authorisation"}:
        return "header"
    if last in {"cookie", "cookies"}:
        return "cookie"
    if joined.endswith("sessionid"):
        return "secret"
    if last in _ABOUT:
        return None
    if _STRONG & set(words) or joined.endswith(("secret", "passphrase")) or _PHRASES.search(joined):
        return "secret"
    return _token_kind(words, joined) or _weak_kind(last, joined)


def _token_kind(words: list[str], joined: str) -> _Kind | None:
    if not (joined.endswith(("token", "tokens")) or "token" in words) or _NO_TOKEN & set(words):
        return None
    return "token"


def _weak_kind(last: str, joined: str) -> _Kind | None:
    if last in {"pass", "pw", "pswd", "psw", "passw"}:
        return "pass"
    if last == "auth":
        return "auth"
    if last in {"otp", "totp", "pin", "mfa"} or joined in {"verificationcode", "mfacode", "otpcode"}:
        return "pin"
    if last in {"pat", "sig", "signature", "sid", "session", "assertion", "tokenkey"} or joined.endswith("tokenkey"):
        return "weak"
    return "code" if last == "code" else None


# --- what a value says -----------------------------------------------------------------------------------------------

_EMPTY: Final = re.compile(
    r"\s*|(?:none|null|nil|true|false|undefined|nan|empty|unset|n/?a|notset|not_set)|[*x.•·#-]{2,}|-|\.{3}|…"
    r"|%s|%r|%\(\w*\)s|\$\w+|\$\{[^{}]*\}|\$\([^()]*\)|\{\{?\s?[\w.]*\s?\}?\}|<[^<>]*>|\[?redacted\]?|\[filtered\]|\[hidden\]"
    r"|\[removed\]|\[email\]|\*+[\w ]*\*+|os\.environ\S*|env[:.]\S+|\(\)|\[\]",
    re.IGNORECASE,
)
# What follows a telling word in prose ("token: expired"), or stands for a type in code ("password: str").
_PROSE: Final = _words(
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
_NOBODY: Final = _words(
    """
    unassigned automatic anonymous nobody currentuser empty notified cleared not changed removed added missing
    unknown set is was in and or order by membersof to from left
    """
)
_CODE: Final = re.compile(
    r"(?:self|cls|settings|config|conf|cfg|os|request|response|options|opts|args|kwargs|env|ctx|context|app|credentials"
    r"|connection|session|data|params|payload|secrets|getpass|keyring|environ|profile|user|client)\.[A-Za-z_][\w.]*+"
    r"(?:[(\[].*)?|[A-Za-z_][\w.]*+\((?:.*)",
    re.DOTALL,
)
_ISSUE_KEY_OR_NUMBER: Final = re.compile(
    r"[A-Z][A-Z0-9_]{1,9}-\d+|[\d.,:+TZ-]+|v?\d+(?:\.\d+)+\S*|\d+\w{1,2}|[/~.][\w./-]*"
)


def _secretive(kind: _Kind, name: str, value: str, *, bare: bool) -> bool:
    """Whether a value under a telling key has to be hidden; ``bare`` for one that stood without quotes in a text."""
    if _EMPTY.fullmatch(value) or value.startswith(MARK):
        return False
    if kind == "field":
        return True
    if kind == "person":
        return not _impersonal(value, bare=bare)
    if bare and _is_talk(name, value):
        return False
    return _RULES[kind](value)


def _impersonal(value: str, *, bare: bool) -> bool:
    low = value.rstrip(".,;:!?").lower()
    return value.isdigit() or (bare and low in _NOBODY) or low in {"unassigned", "currentuser()", "automatic"}


def _is_talk(name: str, value: str) -> bool:
    low = value.rstrip(".,;:!?)").lower()
    return low in _PROSE or low == name.lower() or _CODE.fullmatch(value) is not None


_DIGIT: Final = re.compile(r"\d")
_LETTER: Final = re.compile(r"[^\W\d_]")


def _mixed(value: str, least: int) -> bool:
    """Long enough, letters and digits together, and neither a key, a number, a version nor a path."""
    if len(value) < least or _ISSUE_KEY_OR_NUMBER.fullmatch(value):
        return False
    return _DIGIT.search(value) is not None and _LETTER.search(value) is not None


_RULES: Final[Mapping[_Kind, Callable[[str], bool]]] = {
    "secret": lambda value: not (value.isdigit() and len(value) < 4),  # noqa: PLR2004 - a count, not a secret
    "token": lambda value: not (value.isdigit() and len(value) < 6),  # noqa: PLR2004 - a count, not a token
    "pass": lambda value: not value.replace(".", "").isdigit() and value.lower() not in {"fail", "pass", "warning"},
    "weak": lambda value: _mixed(value, 12),
    "auth": lambda value: value[:1] in "([{" or ":" in value.strip(":") or _mixed(value, 8),
    "header": lambda _: True,
    "cookie": lambda _: True,
    "code": lambda value: _mixed(value, 10) and any(c.islower() for c in value),
    "pin": lambda value: len(value) >= 4,  # noqa: PLR2004 - shorter is a count
}

# --- texts -----------------------------------------------------------------------------------------------------------


def _cut(value: str) -> str:
    """The head of a long text, ended before a word that the cut may have torn."""
    head = value[:MAX_TEXT]
    end = max(head.rfind(mark, MAX_TEXT - 4096) for mark in " \n\t,;&")
    head = head[: end if end > 0 else MAX_TEXT - 4096]
    return f"{head} [{len(value) - len(head)} more characters]"


@functools.lru_cache(maxsize=_CACHE_SIZE)
def _cached(value: str) -> str:
    return _shaped(value)


def _shaped(value: str) -> str:
    low = value.lower()
    for needles, step in _STEPS:
        for needle in needles:
            if needle in low:
                value = step(value)
                break
    return value


_QUOTE: Final = r"""(?:\\*+(?:\"{3}|'{3}|["'`])|&quot;|&\#3[49];|&apos;|%(?:25)*+2[27]|\\++u002[27])"""
_NAME: Final = r"[A-Za-z_]\w*+(?:[.\-]\w++)*+"
_KEYED: Final = re.compile(
    rf"""
    (?: (?<!\w)(?<!\w[.\-]) | (?<=%[0-9A-Fa-f][0-9A-Fa-f]) | (?<=%25[0-9A-Fa-f][0-9A-Fa-f]) )
    (?P<key>{_NAME})
    (?:
        {_QUOTE}?+ \]?+ [ \t]{{0,8}}+
        (?: => | := | -> | ==?+ | : | (?P<unlike> != | !?~ )
          | (?P<percent> (?:%(?:25)*+20|\+)?+ %(?:25)*+3[AaDd] (?:%(?:25)*+20|\+)?+ ) )
        [ \t]{{0,8}}+
      | {_QUOTE} \s{{0,8}}+ ,?+ \s{{0,8}}+ {_QUOTE}?+ [Vv]alue {_QUOTE}?+ \s{{0,4}}+ [:=] \s{{0,4}}+
      | {_QUOTE} [ \t]{{0,4}}+ (?P<pair>,) \s{{0,8}}+ (?=[bBrRuU]?{_QUOTE})
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_OPENING: Final = re.compile(rf"[bBrRuUfF]{{0,2}}({_QUOTE})")
_AFTER: Final = r"""(?:\s|\Z|[,;|)\]}"'`<>&:]|\\|/|amp;|quot;|\#\d|[\w.\-\[\]%]{1,64}+(?:\\*+["'])?+(?:=|:\s|\s=))"""
_WORD: Final = re.compile(
    rf"""(?: [^\s,;&|)\]}}"'`<>\\]++ | [,;&|)\]}}"'`<>](?!{_AFTER}) | \\++(?![rnt"'\s]|\Z) )++""", re.VERBOSE
)
_WORD_IN_PERCENT: Final = re.compile(
    r"""(?: [^\s"'<>&%\\]++ | %(?!(?:25)*+(?:26|2[27]|2[Cc]|7[Dd]|20|0[AaDd]|3[Bb])) )++""", re.VERBOSE
)
_CALLED: Final = re.compile(r"[A-Za-z_][\w.]{0,80}+\(")
_HOLE: Final = re.compile(r"\$\{[^{}\s]*+\}|\$\([^()\s]*+\)|%\(\w*+\)s|<[^<>\s]++>")
_HEADER_LINE: Final = re.compile(r"""[^\n\r"'\\]*+(?:\\(?![rn"'])[^\n\r"'\\]*+)*+""")
_REST_OF_LINE: Final = re.compile(r"""(?:[ \t]{1,4}+[^\s=:,"'()\[\]{}]++){1,7}+[ \t]*+(?=\n|\Z)""")
_BLOCK: Final = re.compile(r"[|>][+-]?+[ \t]*+\n(?:[ \t]++[^\n]*+(?:\n|\Z))++")
_SCHEMED: Final = re.compile(
    r"(Basic|Bearer|Negotiate|NTLM|Token|ApiKey|GenieKey|JWT|OAuth|SSWS|Bot|Digest|AWS4-HMAC-SHA256)"
    r"(?:[ \t]++|\+|%20)(?=\S)",
    re.IGNORECASE,
)
_PARAMETERS: Final = frozenset({"digest", "oauth", "aws4-hmac-sha256"})


def _keyed(value: str) -> str:
    """Hide the values of telling keys, in whatever notation they stand."""
    shown: list[str] = []
    done = 0
    found = _KEYED.search(value)
    while found is not None:
        at = found.end()
        hidden = _value_of(value, found)
        if hidden is not None:
            start, end, mark = hidden
            shown += (value[done:start], mark)
            done = at = end
        found = _KEYED.search(value, at)
    return "".join((*shown, value[done:])) if shown else value


def _value_of(value: str, found: re.Match[str]) -> tuple[int, int, str] | None:
    """Where the value of a telling key begins and ends, and what to show instead; None when it may stay."""
    name = _name_of(value, found)
    kind = _kind(name)
    if kind is None or (kind != "person" and found["unlike"]):
        return None
    start, end, bare = _extent(value, found, kind)
    content = value[start:end]
    if found["pair"] and (not _is_pair(value, found, end)):
        return None
    if kind == "person":
        return _person(value, start, end, bare=bare)
    if kind == "cookie" and bare and "=" not in content and not _mixed(content, 8):
        return None
    return (start, end, MARK) if _secretive(kind, name, content, bare=bare) else None


def _name_of(value: str, found: re.Match[str]) -> str:
    """The key without what an escape before it left on it: the n of a written line break."""
    name = found["key"]
    before = value[found.start() - 1] if found.start() else ""
    if before == "\\" and name[0] in "nrtbfNRT" and len(name) > 1:
        return name[1:]
    return name[2:] if before == "%" and len(name) > 2 else name  # noqa: PLR2004 - two digits of an escape


_PAIR_BEFORE: Final = re.compile(rf"[(\[]\s{{0,4}}[bBrRuU]{{0,2}}{_QUOTE}\Z")
_PAIR_AFTER: Final = re.compile(rf"{_QUOTE}\s{{0,4}},?\s{{0,4}}[)\]]")


def _is_pair(value: str, found: re.Match[str], end: int) -> bool:
    """Whether the key opens and the value ends a pair: ``("password", "…")``."""
    before = _PAIR_BEFORE.search(value, max(0, found.start() - 16), found.start())
    if before is None or _PAIR_AFTER.match(value, end) is None:
        return False
    # ["password", "email"] is a list of names; a pair in a list is a header or holds no plain word.
    return before[0][0] == "(" or not value[found.end() : end].strip("\\\"' ").replace("_", "").isalpha()


_DOUBTFUL: Final = frozenset({"weak", "code", "pin"})
_REMARK: Final = re.compile(r"\([A-Za-z][A-Za-z ,.\-]{0,80}\)")


def _extent(value: str, found: re.Match[str], kind: _Kind) -> tuple[int, int, bool]:
    """Start and end of a value's content, and whether it stands bare: without quotes or brackets."""
    at = found.end()
    opening = _OPENING.match(value, at)
    if opening:
        start, end = opening.end(), _closing(value, opening.end(), opening[1])
        scheme = _SCHEMED.match(value, start, end) if kind == "header" else None
        return (scheme.end() if scheme else start), end, False
    if kind == "header" and (scheme := _SCHEMED.match(value, at)):
        return scheme.end(), _header_end(value, scheme), True
    # A container is hidden whole: to look into it and then let it stand would cost the square of the length.
    if value[at : at + 1] in {"(", "[", "{"} and kind not in _DOUBTFUL and not _REMARK.match(value, at):
        return at, _balanced(value, at), False
    if kind == "cookie" and not found["percent"] and (line := _HEADER_LINE.match(value, at, at + 4096)):
        return at, line.end(), True
    return at, _bare_end(value, found, kind), True


def _header_end(value: str, scheme: re.Match[str]) -> int:
    pattern = _HEADER_LINE if scheme[1].lower() not in _PARAMETERS else re.compile(r"[^\n\r']*+")
    word = (_WORD if pattern is _HEADER_LINE else pattern).match(value, scheme.end())
    return word.end() if word else scheme.end()


def _bare_end(value: str, found: re.Match[str], kind: _Kind) -> int:
    at = found.end()
    block = _BLOCK.match(value, at)
    if block:
        return block.end()
    hole = _HOLE.match(value, at)
    if hole:
        return hole.end()
    if _CALLED.match(value, at):
        return at  # code, not a value
    limit = at + 256 if kind in _DOUBTFUL else len(value)
    word = (_WORD_IN_PERCENT if found["percent"] else _WORD).match(value, at, limit)
    if word is None:
        return at
    spaced = value[at - 1] in " \t"
    if spaced and kind in {"secret", "pass"} and _begins_line(value, found.start()) and not _is_talk("", word[0]):
        rest = _REST_OF_LINE.match(value, word.end())
        return rest.end() if rest else word.end()
    return word.end()


def _begins_line(value: str, at: int) -> bool:
    start = value.rfind("\n", max(0, at - 40), at) + 1
    return (start > 0 or at <= 40) and value[start:at].strip(" \t-") in {"", "export", "set", "ENV"}  # noqa: PLR2004 - as above


def _closing(value: str, start: int, token: str) -> int:
    """Where the quote opened by ``token`` closes: at the same quote, escaped as often; else the line's end."""
    mark = token.lstrip("\\")
    if mark[0] in "&%u":
        end = value.find(token, start)
        return end if end >= 0 else _line_end(value, start)
    slashes = len(token) - len(mark)
    at = value.find(mark, start)
    while at >= 0:
        run = _slashes_before(value, start, at)
        doubled = run == 0 and at > start and value.startswith(mark, at + 1) and len(mark) == 1
        if doubled:  # as SQL and YAML write a quote within quotes
            at = value.find(mark, at + 2)
            continue
        if run < slashes or (run % (2 * (slashes + 1)) == slashes and (run == slashes or _ENDED.match(value, at + 1))):
            return at - min(run, slashes)
        at = value.find(mark, at + 1)
    return _line_end(value, start)


# A repr of JSON doubles its backslashes: there a quote after two of them closes only where a value can end.
_ENDED: Final = re.compile(r"""\s*+(?:[,;:)\]}&'"`]|\\|\Z)""")


def _slashes_before(value: str, start: int, at: int) -> int:
    run = at
    while run > start and value[run - 1] == "\\":
        run -= 1
    return at - run


def _line_end(value: str, start: int) -> int:
    end = value.find("\n", start)
    return end if end >= 0 else len(value)


_BRACKET: Final = re.compile(r"""[()\[\]{}"']""")


def _balanced(value: str, at: int) -> int:
    """Where the bracket at ``at`` closes, quoted ones apart; the text's end when it does not."""
    depth = 0
    found = _BRACKET.search(value, at)
    while found:
        here, following = found.start(), found.end()
        if found[0] in "\"'":
            token = "\\" * _slashes_before(value, at, here) + found[0]
            following = min(_closing(value, following, token) + len(token), len(value))
        else:
            depth += 1 if found[0] in "([{" else -1
            if depth == 0:
                return following
        found = _BRACKET.search(value, following)
    return len(value)


_MEMBER: Final = re.compile(rf"""[^\s,()\[\]"'\\]++(?:[ ][^\s,()\[\]"'\\]++)*+(?!\()|{_QUOTE}""")
_FURTHER_NAMES: Final = re.compile(
    r"(?:[ ](?:(?:van|von|der|den|de|la|da|di|del|bin|al|le)[ ])*+(?!\w++\s?[:=])"
    r"[A-ZÀ-Þ][\w.'’-]*?[a-zà-ÿ][\w.'’-]*+){1,3}+"
)


def _person(value: str, start: int, end: int, *, bare: bool) -> tuple[int, int, str] | None:
    """A person's value: a JQL list keeps its functions; a bare name goes on over its further parts."""
    content = value[start:end]
    if content[:1] == "(":
        return _members(value, start, end)
    if not _secretive("person", "", content, bare=bare):
        return None
    if bare and content.endswith("("):
        return None
    further = _FURTHER_NAMES.match(value, end) if bare else None
    return start, further.end() if further else end, MARK


_MARKED: Final = re.compile(r"""\w++\((?:[^()]*+)\)|\\*+"[^"]*+"|\\*+'[^']*+'|[^\s,()"'][^,()"']*+""")


def _members(value: str, start: int, end: int) -> tuple[int, int, str] | None:
    stop = end - 1 if value[end - 1] == ")" else end  # a list that was cut does not close
    content = value[start + 1 : stop]
    shown = _MARKED.sub(_member, content)
    return (start + 1, stop, shown) if shown != content else None


_AMONG: Final = re.compile(
    rf"\b(?:assignee|reporter|creator|author|worklogauthor|watcher|voter|reviewer|approver)s?{_QUOTE}?+[ ]{{1,4}}+"
    r"(?:(?:not[ ]++)?+in[ ]{0,4}+(?=\()|was[ ]++(?:not[ ]++)?+(?:in[ ]*+(?=\())?+)",
    re.IGNORECASE,
)


def _among(value: str) -> str:
    """Hide the people of JQL's ``assignee in (…)`` and ``was``; functions stay."""
    shown: list[str] = []
    done = 0
    found = _AMONG.search(value)
    while found is not None:
        at = found.end()
        start, end = (at, _balanced(value, at)) if value[at : at + 1] == "(" else _operand(value, at)
        hidden = _person(value, start, end, bare=value[start - 1] == " ")
        if hidden is not None:
            shown += (value[done : hidden[0]], hidden[2])
            done = hidden[1]
        found = _AMONG.search(value, max(end, done))
    return "".join((*shown, value[done:])) if shown else value


def _member(found: re.Match[str]) -> str:
    content = found[0].strip("\\\"' ")
    kept = found[0].endswith(")") or not _secretive("person", "", content, bare=True)
    return found[0] if kept else MARK


_CHANGE: Final = re.compile(
    rf"field(?:Id)?{_QUOTE}\s?:\s?{_QUOTE}(?:assignee|reporter|creator|customfield_\d+){_QUOTE}", re.IGNORECASE
)
_SIDE: Final = re.compile(rf"({_QUOTE}(?:from|to)(?:String|_id|_name)?{_QUOTE}\s?:\s?)({_QUOTE})", re.IGNORECASE)


def _changes(value: str) -> str:
    """Hide both sides of a history item that tells of people: ``{"field": "assignee", "from": …, "toString": …}``."""
    shown: list[str] = []
    done = 0
    changes = list(_CHANGE.finditer(value))
    for found, following in itertools.zip_longest(changes, changes[1:]):
        limit = following.start() if following else len(value)
        stop = value.find("}", found.end(), limit)
        for side in _SIDE.finditer(value, max(done, found.end()), stop if stop >= 0 else limit):
            end = _closing(value, side.end(), side[2])
            shown += (value[done : side.end()], MARK)
            done = end
    return "".join((*shown, value[done:])) if shown else value


# --- other places of a secret ----------------------------------------------------------------------------------------

_ELEMENT: Final = re.compile(
    rf"<(?:\w++:)?+({_NAME})((?:\s[^<>]{{0,400}}+)?+)>((?:[^<]{{1,8192}}+|<!\[CDATA\[[^\]]{{0,8192}}+\]\]>))(?=</)"
)
_ATTRIBUTE: Final = re.compile(r"""(?:key|name|id)\s?=\s?["']([\w.\-]{1,100})["']""")
_FLAG: Final = re.compile(
    rf"""(?<![\w\-])--?([A-Za-z]\w*+(?:[.\-]\w++)*+)(?:[ \t]++|{_QUOTE},[ ]*+(?={_QUOTE}))(?![\s\-])"""
)
_LOGIN: Final = re.compile(
    rf"""(?<![\w\-])(?:-u|-U|--user|--proxy-user)(?:[ =]|{_QUOTE},[ ]*+)?+{_QUOTE}?+([^\s:"']{{1,100}}+):"""
)
_COMMAND: Final = re.compile(
    r"""\b(?:sshpass|mysql(?:dump|admin)?|mariadb|(?:docker|podman|helm|skopeo)[ ]++login|redis-cli|valkey-cli"""
    r"""|mongo(?:sh|dump)?|ldapsearch|rabbitmqctl|7z|unzip|zip|ansible-vault)\b[^\n]{0,200}?[\s"']-[paPw](?:["',\s]++|(?=[^\s\-]))"""
)
_TALK: Final = re.compile(
    r"""(?<![\w\-])(pass(?:word|phrase|code|wd)|pwd|secret|token|pat|api[ -]?key|credentials?|client[ ]secret)
    (?: \s++for\s++\S{1,100}?(?:\s\S{1,40}?)?\s?[:=]\s++
      | (?:\s++(?:is|was|of|to|value|set|now|with)(?=\s)){0,3}+ (?:[ ]?[:=|])?+ \s++ )""",
    re.VERBOSE | re.IGNORECASE,
)
_CALL: Final = re.compile(r"\w*(?:BasicAuth|DigestAuth|ProxyAuth|basic_auth|NTLMAuth|NtlmAuth|OAuth1)\(")
_JAR: Final = re.compile(r"(<Cookie [^=\s]{1,200}+=)([^\s]++)(?= for )")
_UPDATED_BY: Final = re.compile(r"updatedBy\(|membersOf\(", re.IGNORECASE)
# JQL's history clauses: a field that has a history, what is asked of it, and its predicates.
_HISTORY: Final = re.compile(
    rf"""\b(?P<field>status|priority|resolution|fixVersion|assignee|reporter){_QUOTE}?+[ \t]{{1,4}}+
    (?:changed\b|was\b(?:[ \t]{{1,4}}+not\b)?+(?:[ \t]{{1,4}}+in\b)?+)""",
    re.VERBOSE | re.IGNORECASE,
)
_PREDICATE: Final = re.compile(r"[ \t]{1,4}+(from|to|after|before|on|during|by)(?:[ \t]{1,4}+|(?=\())", re.IGNORECASE)


def _elements(value: str) -> str:
    """Hide the content of XML elements whose name or key attribute tells."""

    def shown(found: re.Match[str]) -> str:
        attribute = _ATTRIBUTE.search(found[2])
        name = attribute[1] if attribute and _kind(attribute[1]) else found[1]
        kind = _kind(name)
        if kind is None or not _secretive(kind, name, found[3].strip().removeprefix("<![CDATA["), bare=False):
            return found[0]
        return found[0][: -len(found[3])] + MARK

    return _ELEMENT.sub(shown, value)


def _after(value: str, pattern: re.Pattern[str], wanted: Callable[[re.Match[str], str], bool]) -> str:
    """Hide the quoted or bare word after each match of ``pattern`` when ``wanted(match, word)`` says so."""
    shown: list[str] = []
    done = 0
    found = pattern.search(value)
    while found is not None:
        start, end = _operand(value, found.end())
        at = found.end()
        if end > start and not value.startswith(MARK, start) and wanted(found, value[start:end]):
            shown += (value[done:start], MARK)
            done = at = end
        found = pattern.search(value, at)
    return "".join((*shown, value[done:])) if shown else value


def _operand(value: str, at: int) -> _Cut:
    opening = _OPENING.match(value, at)
    if opening:
        return opening.end(), _closing(value, opening.end(), opening[1])
    word = _WORD.match(value, at)
    return at, word.end() if word else at


def _flags(value: str) -> str:
    """Hide what follows ``--password``, ``-u user:`` and the short flags of a few well-known commands."""
    value = _after(value, _FLAG, _is_flagged)
    value = _after(value, _LOGIN, lambda _, word: not _EMPTY.fullmatch(word) and not word.startswith("//"))
    return _after(
        value, _COMMAND, lambda _, word: not word.isdigit() and not _EMPTY.fullmatch(word) and word[:1] != "["
    )


def _is_flagged(found: re.Match[str], word: str) -> bool:
    kind = _kind(found[1])
    return kind in _CERTAIN | {"person"} and not _is_talk("", word) and _secretive(kind, found[1], word, bare=True)


def _talk(value: str) -> str:
    """Hide what looks like a secret after a telling word of a sentence: ``the password is hunter2``."""

    def wanted(_: re.Match[str], word: str) -> bool:
        if _EMPTY.fullmatch(word) or _UUID.fullmatch(word) or _CODE.fullmatch(word):
            return False
        if _mixed(word.rstrip(".,:;"), 6):  # what follows a path that begins the next line is no part of it
            return True
        return len(word) > 5 and any(c in "!$%^*#@&+" for c in word[:-1]) and "://" not in word  # noqa: PLR2004 - the same six

    return _after(value, _TALK, wanted)


def _calls(value: str) -> str:
    """Hide the arguments of ``HTTPBasicAuth('bot', …)`` and its kind."""
    shown: list[str] = []
    done = 0
    found = _CALL.search(value)
    while found is not None:
        end = _balanced(value, found.end() - 1)
        shown += (value[done : found.end()], MARK, ")")
        done = end
        found = _CALL.search(value, end)
    return "".join((*shown, value[done:])) if shown else value


def _jars(value: str) -> str:
    """Hide the values in the repr of a cookie jar."""
    return _JAR.sub(rf"\1{MARK}", value)


def _authors(value: str) -> str:
    """Hide who is named in JQL by ``updatedBy`` and ``membersOf``, and in the clauses that look into the history."""
    value = _after(value, _UPDATED_BY, lambda _, word: not word.startswith("currentUser"))
    shown: list[str] = []
    done = 0
    found = _HISTORY.search(value)
    while found is not None:
        hidden, at = _history_people(value, found)
        for start, end, mark in hidden:
            shown += (value[done:start], mark)
            done = end
        found = _HISTORY.search(value, at)
    return "".join((*shown, value[done:])) if shown else value


def _history_people(value: str, found: re.Match[str]) -> tuple[list[tuple[int, int, str]], int]:
    """The people of one clause, after its BY, and where the field holds people after FROM and TO; and its end."""
    hidden: list[tuple[int, int, str]] = []
    at = found.end()
    if not found[0].lower().endswith("changed"):
        start, at = _history_operand(value, at)
        if start == at or (value[start].islower() and not value.startswith(" BY ", at)):
            return hidden, at  # "status was set by …" is a sentence; a status begins with a capital, or is quoted
    while predicate := _PREDICATE.match(value, at):
        start, at = _history_operand(value, predicate.end())
        word, is_bare = predicate[1].lower(), value[start : start + 1] not in {"(", '"', "'", "\\"}
        if word == "by" or (word in {"from", "to"} and found["field"].lower() in {"assignee", "reporter"}):
            person = _history_person(value, start, at, bare=is_bare)
            hidden += [person] if person else []
    return hidden, at


def _history_operand(value: str, at: int) -> _Cut:
    """The next operand with its brackets, or its quotes, around it."""
    while value[at : at + 1] in {" ", "\t"}:
        at += 1
    if value[at : at + 1] == "(":
        return at, _balanced(value, at)
    called = _CALLED.match(value, at)
    if called:
        return at, _balanced(value, called.end() - 1)
    start, end = _operand(value, at)
    return at, min(end + start - at, len(value))  # the closing quote is as long as the opening one


def _history_person(value: str, start: int, end: int, *, bare: bool) -> tuple[int, int, str] | None:
    if value[start : start + 1] == "(":
        return _members(value, start, end)
    opening = _OPENING.match(value, start)
    if opening:
        start, end = opening.end(), end - len(opening[1])
    content = value[start:end]
    if content.endswith(")") or (bare and content.lower() in _PROSE):
        return None
    return (start, end, MARK) if _secretive("person", "", content, bare=bare) else None


# --- shapes ----------------------------------------------------------------------------------------------------------

_KEY_BLOCK: Final = re.compile(
    r"-{4,5}[ ]?+BEGIN(?:[ +]|%20)[A-Z0-9 +%]{0,40}?PRIVATE(?:[ +]|%20)KEY[A-Z +%0-9]{0,20}?-{4,5}"
)
_KEY_END: Final = re.compile(r"-{4,5}[ ]?+END[A-Z0-9 +%]{0,60}-{4,5}")
_KEY_BODY: Final = re.compile(r"""(?:[A-Za-z0-9+/=\s:,%\-]|\\[nr])*+""")
_URL: Final = re.compile(r"""(?::\\*+/\\*+/|%(?:25)*+3[Aa]%(?:25)*+2[Ff]%(?:25)*+2[Ff])([^\s"'<>`\\]++)""")
_AUTHORITY: Final = re.compile(r"(?:[^/?#%]|%(?!(?:25)*+(?:2[Ff]|3[Ff]|23)))*+")
_AT: Final = re.compile(r"@|%(?:25)*+40")
_COLON: Final = re.compile(r":|%(?:25)*+3[Aa]")
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
_RUN: Final = re.compile(r"(?:%[0-9A-Fa-f]{2}|\\[nrt])?([A-Za-z0-9+/_.=~\-]{16,}+)(?:%3[Dd]){0,2}")
_PUBLISHED: Final = re.compile(
    r"""
    (?:(?<![A-Za-z])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[nrtbf]))(?:
      AT(?:ATT|CTT|STT|OA|HR|BB|BC)[A-Za-z0-9][A-Za-z0-9_\-]{14,}+(?:(?:=|%3[Dd])[0-9A-Fa-f]{8})?+
    | BBDC-[A-Za-z0-9+/_\-]{20,}+
    | (?<![\w\-])eyJ[\w\-]{6,}+\.[\w\-]{6,}+(?:\.[\w\-]*+){0,3}+
    | (?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}
    | AIza[\w\-]{30,}+ | ya29\.[\w\-.]{15,}+ | GOCSPX-[\w\-]{20,}+ | 1//0[\w\-]{30,}+
    | gh[pousr]_[A-Za-z0-9]{16,}+ | github_pat_\w{20,}+
    | gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent|imt|ffct|oas)-[\w\-.]{16,}+ | GR1348941[\w\-]{16,}+
    | xox[a-z](?:\.xox[a-z])?+-[\w\-]{8,}+ | xapp-[\w\-]{10,}+ | hooks\.slack\.com/(?:services|workflows)/[\w/]{8,}+
    | [srp]k_(?:live|test|prod)_[A-Za-z0-9]{8,}+ | whsec_[A-Za-z0-9+/=]{16,}+
    | (?<![A-Za-z0-9])sk-(?=[\w\-]{0,60}\d)[\w\-]{20,}+ | (?<![A-Za-z0-9])SG\.[\w\-]{16,}+\.[\w\-]{16,}+
    | npm_[A-Za-z0-9]{30,}+ | pypi-[\w\-]{30,}+ | (?<![A-Za-z0-9])hf_[A-Za-z0-9]{30,}+ | do[opr]_v1_[a-f0-9]{32,}+
    | shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32} | hv[sbr]\.[\w\-]{24,}+ | dckr_pat_[\w\-]{20,}+ | glsa_\w{30,}+
    | lin_api_[A-Za-z0-9]{30,}+ | PMAK-[a-f0-9\-]{40,}+ | sq0[a-z]{3}-[\w\-]{20,}+ | rubygems_[a-f0-9]{40,}+
    | xkeysib-[a-f0-9\-]{40,}+ | (?<![A-Za-z0-9])SK[0-9a-f]{32}(?![0-9a-f]) | (?<![\w\-])key-[0-9a-f]{32}
    | LS0tLS1CRUdJTi[A-Za-z0-9+/=_\-]{20,}+
    | (?:[MNO][DTjz][AEIMQUYcgk][w-z0-5]){4}O[g-v][A-Za-z0-9+/]{26}
    )
    """,
    re.VERBOSE,
)
_DATACENTER: Final = re.compile(r"[MNO][A-Za-z0-9+/]{43}")
_QUOTED_RUN: Final = re.compile(
    r"(?P<before>%(?!2[BbFf]|3[Dd])[0-9A-Fa-f]{2})?(?P<run>(?:[A-Za-z0-9_.~\-]++|%(?:25)*+(?:2[BbFf]|3[Dd]))++)"
)
_PIECE: Final = re.compile(r"(?<![A-Za-z0-9+/_\-])[A-Za-z0-9+/_\-]{20,}+={0,2}")
_LOGIN_PAIR: Final = re.compile(r"[^\s:]{1,200}:[!-~]{1,400}")
# What stands before a long random word that is no secret.
_OPAQUE: Final = re.compile(
    r"(?:page_?token|cursor|etag|integrity|sha\d*|digest|checksum|fingerprint|nonce|boundary)\W{0,6}\Z", re.IGNORECASE
)
_NEAR: Final = re.compile(r"jira|atlassian|confluence|bitbucket|token|api.?key|secret|pat\b", re.IGNORECASE)


def _blocks(value: str) -> str:
    """Hide private key blocks, whole or cut, with real, written or encoded line breaks."""
    shown: list[str] = []
    done = 0
    found = _KEY_BLOCK.search(value)
    while found is not None:
        body = _KEY_BODY.match(value, found.end())
        closing = _KEY_END.search(value, found.end(), found.end() + 16_384)
        end = closing.end() if closing else (body.end() if body else found.end())
        shown += (value[done : found.start()], MARK)
        done = end
        found = _KEY_BLOCK.search(value, end)
    return "".join((*shown, value[done:])) if shown else value


def _urls(value: str) -> str:
    """Hide the password of ``scheme://user:password@host``, also where it was written without quoting."""
    return _URL.sub(_url, value)


def _url(found: re.Match[str]) -> str:
    rest = found[1]
    authority = _AUTHORITY.match(rest)
    end = authority.end() if authority else 0
    ats = list(_AT.finditer(rest, 0, end)) or _late_ats(rest, end)
    if not ats:
        return found[0]
    info = rest[: ats[-1].start()]
    colon = _COLON.search(info)
    if colon is None:
        return found[0] if not _mixed(info, 16) else found[0].replace(info, MARK, 1)
    password = info[colon.end() :]
    if _EMPTY.fullmatch(password):
        return found[0]
    head = found[0][: len(found[0]) - len(rest)]
    return head + info[: colon.end()] + MARK + rest[ats[-1].start() :]


def _late_ats(rest: str, end: int) -> list[re.Match[str]]:
    """The @ behind a slash or hash within a password; none where the colon before it introduces a port."""
    colon = rest.rfind(":", 0, end)
    if colon < 0 or rest[:1] == "[" or rest[colon + 1 : end].isdigit() or colon + 1 == end:
        return []
    return list(_AT.finditer(rest, end))


def _schemes(value: str) -> str:
    """Hide credentials after Basic, Bearer and their like wherever no header names them."""

    def wanted(found: re.Match[str], word: str) -> bool:
        scheme = found[1].lower()
        if scheme in {"token", "bot", "oauth"} and _UUID.fullmatch(word):
            return False
        if scheme == "basic":
            return _is_login(word) or _mixed(word, 12)
        return _mixed(word, 8) or (scheme == "bearer" and len(word) > 24)  # noqa: PLR2004 - no word of a sentence

    return _after(value, _SCHEME_WORD, wanted)


_SCHEME_WORD: Final = re.compile(rf"(?<![\w\-]){_SCHEMED.pattern.replace('Token|', 'Token|token |')}", re.IGNORECASE)


def _runs(value: str) -> str:
    """Hide published token formats, base64 logins and long random words; only runs of 16 token characters can be."""
    return _RUN.sub(_run, value)


def _quoted_runs(value: str) -> str:
    """Hide the same where base64's signs are percent-encoded."""
    return _QUOTED_RUN.sub(_quoted_run, value)


def _quoted_run(found: re.Match[str]) -> str:
    run = found["run"]
    if "%" not in run or len(run) < 16:  # noqa: PLR2004 - as above
        return found[0]
    decoded = unquote(unquote(run))
    return found[0] if _RUN.sub(_run, decoded) == decoded else (found["before"] or "") + MARK


# Paths, module names, UUIDs and hashes: runs that are long and common, and cannot be a token.
_CALM: Final = re.compile(
    r"(?:[._/=~\-]*+(?:[A-Za-z][a-z]{0,15}+\d{0,2}+|[A-Z]{1,12}+|\d{1,14}+)(?![A-Za-z0-9+]))*+[._/=~\-]*+"
    r"|[0-9a-f]{32,}+|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[\d\-T.]++Z?+"
)


def _run(found: re.Match[str]) -> str:
    run = found[0]
    if _CALM.fullmatch(run):
        return run
    shown = _PUBLISHED.sub(MARK, run)
    before = found.string[max(0, found.start() - 40) : found.start()]
    return _PIECE.sub(lambda piece: _piece(piece, before), shown)


def _piece(found: re.Match[str], before: str) -> str:
    return MARK if _is_opaque(found[0], before + found.string[: found.start()]) else found[0]


def _is_opaque(piece: str, before: str) -> bool:
    if piece.islower() or piece.isupper() or piece.isdigit():
        return False
    if _is_login(piece):
        return True
    if _OPAQUE.search(before):
        return False
    if _DATACENTER.fullmatch(piece):
        return _has_all(piece, 2)
    if len(piece) == 24 and piece.isalnum() and _NEAR.search(before):  # noqa: PLR2004 - old Atlassian API tokens
        return _has_all(piece, 1)
    return len(piece) >= 32 and _has_all(piece, 2) and _restless(piece)  # noqa: PLR2004 - shorter ones are too often names


def _has_all(piece: str, digits: int) -> bool:
    return (
        sum(c.isdigit() for c in piece) >= digits
        and any(c.islower() for c in piece)
        and any(c.isupper() for c in piece)
    )


def _restless(piece: str) -> bool:
    """Whether the kind of character changes as often as in random text: names change it only at their words."""
    kinds = ["d" if c.isdigit() else "l" if c.islower() else "u" if c.isupper() else "o" for c in piece]
    changes = sum(a != b for a, b in itertools.pairwise(kinds))
    return changes >= 0.42 * len(piece)


def _is_login(piece: str) -> bool:
    """Whether base64 hides ``user:password``."""
    body = piece.rstrip("=").replace("-", "+").replace("_", "/")
    if len(body) % 4 == 1 or len(body) > 4096:  # noqa: PLR2004 - not base64
        return False
    try:
        decoded = base64.b64decode(body + "=" * (-len(body) % 4)).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return False
    return _LOGIN_PAIR.fullmatch(decoded) is not None


_DOMAIN: Final = re.compile(
    r"(?:@|%(?:25)*+40|\\++u0040|&#64;)([\w\-]{1,63}+(?:\.[\w\-]{1,63}+){0,6}?\.[^\W\d_]{2,24}+)(?![\w\-]|\.\w|\()"
)
_LOCAL: Final = re.compile(r"(?:[\w.!#$&*+/=?^{|}~'-]|%(?:25)*+2[Bb]){1,64}\Z")
_LOCAL_TAIL: Final = re.compile(r"[\w.+'-]+\Z")
_NO_MAILBOX: Final = frozenset(["git", "hg", "svn", "celery", "flower", "beat", "worker", "root", "localhost"])
_NO_HOSTS: Final = _words(
    """
    local internal localdomain lan py js ts so cpu cluster svc service
    """
)


def _mails(value: str) -> str:
    """Hide e-mail addresses, but neither ``git@host:path`` nor the names of Celery's nodes."""
    shown: list[str] = []
    done = 0
    for found in _DOMAIN.finditer(value):
        head = value[max(done, found.start() - 64) : found.start()]
        local = _LOCAL_TAIL.search(head)
        if local is None or not _is_mailbox(local[0], found[1]):
            continue
        start = found.start() - len(local[0])
        shown += (value[done:start], MARK)
        done = found.end()
    return "".join((*shown, value[done:])) if shown else value


def _is_mailbox(local: str, domain: str) -> bool:
    last = domain.rpartition(".")[2].lower()
    return local.lower() not in _NO_MAILBOX and last not in _NO_HOSTS and not re.fullmatch(r"gen\d+", local)


_PERSON_SHAPES: Final = re.compile(
    r"JIRAUSER\d{4,}+|\[~[^\]\s]{1,100}+\]|(?<=accountid:)[\w:\-]{8,}+|(?<=/user\?key=)[^\s&\"'\\]++"
)


_ACCOUNT: Final = re.compile(r"(?:qm|\d{4,6}):[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?::[0-9a-f\-]{36})?")


def _people(value: str) -> str:
    """Hide Jira's user keys and mentions."""
    return _PERSON_SHAPES.sub(MARK, value)


def _accounts(value: str) -> str:
    """Hide account ids that carry their site's number, as they do since 2018."""
    return _ACCOUNT.sub(MARK, value)


_Step = tuple[tuple[str, ...], Callable[[str], str]]
# Each step with what a text in lower case must contain for it; the commonest lines meet two or three of them.
_STEPS: Final[tuple[_Step, ...]] = (
    (("begin",), _blocks),
    (("://", ":\\", "%3a"), _urls),
    (("</",), _elements),
    (("auth(", "oauth1("), _calls),
    (("<cookie ",), _jars),
    (("=", ":", "->", "%3", "%253", "',", '",', "value"), _keyed),
    ((" in (", " was ", " in("), _among),
    (("fromstring", "from_name"), _changes),
    ((" -", "'-", '"-', "--"), _flags),
    (("pass", "pwd", "secret", "token", "pat ", "key", "cred"), _talk),
    ((" changed ", " was ", "updatedby", "membersof"), _authors),
    (("basic", "bearer", "token", "key", "auth", "ntlm", "negot", "jwt", "ssws", "bot ", "digest"), _schemes),
    (("%2f", "%2b", "%252"), _quoted_runs),
    (("",), _runs),
    (("@", "%40", "%2540", "u0040", "&#64;"), _mails),
    (("jirauser", "[~", "accountid:", "user?key="), _people),
    ((":",), _accounts),
)


# --- configured secrets ----------------------------------------------------------------------------------------------

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
    """What base64 of any text around the secret must contain: one core for each of the three alignments."""
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
    """Hide each base64 word that holds the core: what stands before it in the word is the user's name."""
    shown: list[str] = []
    done = 0
    for found in core.finditer(value):
        head = value[done : found.start()]
        shown += (head.rstrip(_BASE64_SIGNS), MARK)
        tail = value[found.end() : found.end() + 4096]
        done = found.end() + len(tail) - len(tail.lstrip(_BASE64_SIGNS + "="))
    return "".join((*shown, value[done:]))


_BASE64_SIGNS: Final = string.ascii_letters + string.digits + "+/-_"


class _Shown:
    """Lends an object's str to ``reprlib``, which survives one that raises."""

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def __repr__(self) -> str:
        return str(self._value)


_SAFE: Final = reprlib.Repr()
_SAFE.maxother = MAX_TEXT * 2
