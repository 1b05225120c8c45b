"""Hides the values of telling keys in any notation of text: JSON, repr, forms, TOML, XML, headers, flags, calls."""

import re
from collections.abc import Iterator
from typing import Final

from worker.redact.content import CODE, EMPTY, is_mixed, is_prose, is_secret
from worker.redact.keys import CERTAIN, Kind, kind_of
from worker.redact.people import person_cut
from worker.redact.scan import CALL, MARK, OPENING, QUOTE, WORD, Cut, balanced_end, closing_end, hide_after, splice
from worker.redact.shapes import is_login

_NAME: Final = r"[A-Za-z_]\w*+(?:[.\-]\w++)*+"
_KEYED: Final = re.compile(
    rf"""
    (?: (?<!\w)(?<!\w[.\-]) | (?<=%[0-9A-Fa-f][0-9A-Fa-f]) | (?<=%25[0-9A-Fa-f][0-9A-Fa-f]) )
    (?P<key>{_NAME})
    (?:
        {QUOTE}?+ \]?+ [ \t]{{0,8}}+
        (?: => | := | -> | ==?+ | : | (?P<unlike> != | !?~ )
          | (?P<percent> (?:%(?:25)*+20|\+)?+ %(?:25)*+3[AaDd] (?:%(?:25)*+20|\+)?+ ) )
        [ \t]{{0,8}}+
      | {QUOTE} \s{{0,8}}+ ,?+ \s{{0,8}}+ {QUOTE}?+ [Vv]alue {QUOTE}?+ \s{{0,4}}+ [:=] \s{{0,4}}+
      | {QUOTE} [ \t]{{0,4}}+ (?P<pair>,) \s{{0,8}}+ (?=[bBrRuU]?{QUOTE})
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_WORD_IN_PERCENT: Final = re.compile(
    r"""(?: [^\s"'<>&%\\]++ | %(?!(?:25)*+(?:26|2[27]|2[Cc]|7[Dd]|20|0[AaDd]|3[Bb])) )++""", re.VERBOSE
)
_HOLE: Final = re.compile(r"\$\{[^{}\s]*+\}|\$\([^()\s]*+\)|%\(\w*+\)s|<[^<>\s]++>")
_HEADER_LINE: Final = re.compile(r"""[^\n\r"'\\]*+(?:\\(?![rn"'])[^\n\r"'\\]*+)*+""")
_REST_OF_LINE: Final = re.compile(r"""(?:[ \t]{1,4}+[^\s=:,"'()\[\]{}]++){1,7}+[ \t]*+(?=\n|\Z)""")
_BLOCK: Final = re.compile(r"[|>][+-]?+[ \t]*+\n(?:[ \t]++[^\n]*+(?:\n|\Z))++")
SCHEMED: Final = re.compile(
    r"(Basic|Bearer|Negotiate|NTLM|Token|ApiKey|GenieKey|JWT|OAuth|SSWS|Bot|Digest|AWS4-HMAC-SHA256)"
    r"(?:[ \t]++|\+|%20)(?=\S)",
    re.IGNORECASE,
)
_PARAMETERS: Final = frozenset({"digest", "oauth", "aws4-hmac-sha256"})


def hide_keyed(value: str) -> str:
    """Hide the values of telling keys, in whatever notation they stand."""
    return splice(value, _keyed_cuts(value))


def _keyed_cuts(value: str) -> Iterator[Cut]:
    match = _KEYED.search(value)
    while match is not None:
        at = match.end()
        cut = _value_of(value, match)
        if cut is not None:
            yield cut
            at = cut[1]
        match = _KEYED.search(value, at)


def _value_of(value: str, match: re.Match[str]) -> tuple[int, int, str] | None:
    """Return where the value of a telling key begins and ends, and what to show instead; None when it may stay."""
    name = _name_of(value, match)
    kind = kind_of(name)
    if kind is None or (kind != "person" and match["unlike"]):
        return None
    start, end, bare = _extent(value, match, kind)
    content = value[start:end]
    if match["pair"] and (not _is_pair(value, match, end)):
        return None
    if kind == "person":
        return person_cut(value, start, end, bare=bare)
    if kind == "cookie" and bare and "=" not in content and not is_mixed(content, 8):
        return None
    return (start, end, MARK) if is_secret(kind, name, content, bare=bare) else None


def _name_of(value: str, match: re.Match[str]) -> str:
    """Return the key without what an escape before it left on it: the n of a written line break."""
    name = match["key"]
    before = value[match.start() - 1] if match.start() else ""
    if before == "\\" and name[0] in "nrtbfNRT" and len(name) > 1:
        return name[1:]
    return name[2:] if before == "%" and len(name) > 2 else name  # noqa: PLR2004 - two digits of an escape


_PAIR_BEFORE: Final = re.compile(rf"[(\[]\s{{0,4}}[bBrRuU]{{0,2}}{QUOTE}\Z")
_PAIR_AFTER: Final = re.compile(rf"{QUOTE}\s{{0,4}},?\s{{0,4}}[)\]]")


def _is_pair(value: str, match: re.Match[str], end: int) -> bool:
    """Return whether the key opens and the value ends a pair: ``("password", "…")``."""
    before = _PAIR_BEFORE.search(value, max(0, match.start() - 16), match.start())
    if before is None or _PAIR_AFTER.match(value, end) is None:
        return False
    # ["password", "email"] is a list of names; a pair in a list is a header or holds no plain word.
    return before[0][0] == "(" or not value[match.end() : end].strip("\\\"' ").replace("_", "").isalpha()


_DOUBTFUL: Final = frozenset({"weak", "code", "pin"})
_REMARK: Final = re.compile(r"\([A-Za-z][A-Za-z ,.\-]{0,80}\)")


def _extent(value: str, match: re.Match[str], kind: Kind) -> tuple[int, int, bool]:
    """Return start and end of a value's content, and whether it stands bare: without quotes or brackets."""
    at = match.end()
    opening = OPENING.match(value, at)
    if opening:
        start, end = opening.end(), closing_end(value, opening.end(), opening[1])
        scheme = SCHEMED.match(value, start, end) if kind == "header" else None
        return (scheme.end() if scheme else start), end, False
    if kind == "header" and (scheme := SCHEMED.match(value, at)):
        return scheme.end(), _header_end(value, scheme), True
    # A container is hidden whole: to look into it and then let it stand would cost the square of the length.
    if value[at : at + 1] in {"(", "[", "{"} and kind not in _DOUBTFUL and not _REMARK.match(value, at):
        return at, balanced_end(value, at), False
    if kind == "cookie" and not match["percent"] and (line := _HEADER_LINE.match(value, at, at + 4096)):
        return at, line.end(), True
    return at, _bare_end(value, match, kind), True


def _header_end(value: str, scheme: re.Match[str]) -> int:
    pattern = _HEADER_LINE if scheme[1].lower() not in _PARAMETERS else re.compile(r"[^\n\r']*+")
    word = (WORD if pattern is _HEADER_LINE else pattern).match(value, scheme.end())
    return word.end() if word else scheme.end()


def _bare_end(value: str, match: re.Match[str], kind: Kind) -> int:
    at = match.end()
    block = _BLOCK.match(value, at)
    if block:
        return block.end()
    hole = _HOLE.match(value, at)
    if hole:
        return hole.end()
    if CALL.match(value, at):
        return at  # code, not a value
    limit = at + 256 if kind in _DOUBTFUL else len(value)
    word = (_WORD_IN_PERCENT if match["percent"] else WORD).match(value, at, limit)
    if word is None:
        return at
    spaced = value[at - 1] in " \t"
    if spaced and kind in {"secret", "pass"} and _begins_line(value, match.start()) and not is_prose("", word[0]):
        rest = _REST_OF_LINE.match(value, word.end())
        return rest.end() if rest else word.end()
    return word.end()


def _begins_line(value: str, at: int) -> bool:
    start = value.rfind("\n", max(0, at - 40), at) + 1
    return (start > 0 or at <= 40) and value[start:at].strip(" \t-") in {"", "export", "set", "ENV"}  # noqa: PLR2004 - as above


_ELEMENT: Final = re.compile(
    rf"<(?:\w++:)?+({_NAME})((?:\s[^<>]{{0,400}}+)?+)>((?:[^<]{{1,8192}}+|<!\[CDATA\[[^\]]{{0,8192}}+\]\]>))(?=</)"
)
_ATTRIBUTE: Final = re.compile(r"""(?:key|name|id)\s?=\s?["']([\w.\-]{1,100})["']""")
_FLAG: Final = re.compile(
    rf"""(?<![\w\-])--?([A-Za-z]\w*+(?:[.\-]\w++)*+)(?:[ \t]++|{QUOTE},[ ]*+(?={QUOTE}))(?![\s\-])"""
)
_LOGIN: Final = re.compile(
    rf"""(?<![\w\-])(?:-u|-U|--user|--proxy-user)(?:[ =]|{QUOTE},[ ]*+)?+{QUOTE}?+([^\s:"']{{1,100}}+):"""
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


def hide_elements(value: str) -> str:
    """Hide the content of XML elements whose name or key attribute tells."""

    def replace(match: re.Match[str]) -> str:
        attribute = _ATTRIBUTE.search(match[2])
        name = attribute[1] if attribute and kind_of(attribute[1]) else match[1]
        kind = kind_of(name)
        if kind is None or not is_secret(kind, name, match[3].strip().removeprefix("<![CDATA["), bare=False):
            return match[0]
        return match[0][: -len(match[3])] + MARK

    return _ELEMENT.sub(replace, value)


def hide_flags(value: str) -> str:
    """Hide what follows ``--password``, ``-u user:`` and the short flags of a few well-known commands."""
    value = hide_after(value, _FLAG, _is_flagged)
    value = hide_after(value, _LOGIN, lambda _, word: not EMPTY.fullmatch(word) and not word.startswith("//"))
    return hide_after(
        value, _COMMAND, lambda _, word: not word.isdigit() and not EMPTY.fullmatch(word) and word[:1] != "["
    )


def _is_flagged(match: re.Match[str], word: str) -> bool:
    kind = kind_of(match[1])
    return kind in CERTAIN | {"person"} and not is_prose("", word) and is_secret(kind, match[1], word, bare=True)


def hide_talk(value: str) -> str:
    """Hide what looks like a secret after a telling word of a sentence: ``the password is hunter2``."""

    def is_wanted(_: re.Match[str], word: str) -> bool:
        if EMPTY.fullmatch(word) or _UUID.fullmatch(word) or CODE.fullmatch(word):
            return False
        if is_mixed(word.rstrip(".,:;"), 6):  # a path that begins the next line does not belong to it
            return True
        return len(word) > 5 and any(c in "!$%^*#@&+" for c in word[:-1]) and "://" not in word  # noqa: PLR2004 - the same six

    return hide_after(value, _TALK, is_wanted)


def hide_calls(value: str) -> str:
    """Hide the arguments of ``HTTPBasicAuth('bot', …)`` and similar calls."""
    return splice(value, _call_cuts(value))


def _call_cuts(value: str) -> Iterator[Cut]:
    match = _CALL.search(value)
    while match is not None:
        end = balanced_end(value, match.end() - 1)
        yield match.end(), end, f"{MARK})"
        match = _CALL.search(value, end)


def hide_cookie_jars(value: str) -> str:
    """Hide the values in the repr of a cookie jar."""
    return _JAR.sub(rf"\1{MARK}", value)


_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")


def hide_schemes(value: str) -> str:
    """Hide credentials after Basic, Bearer and their like wherever no header names them."""

    def is_wanted(match: re.Match[str], word: str) -> bool:
        scheme = match[1].lower()
        if scheme in {"token", "bot", "oauth"} and _UUID.fullmatch(word):
            return False
        if scheme == "basic":
            return is_login(word) or is_mixed(word, 12)
        return is_mixed(word, 8) or (scheme == "bearer" and len(word) > 24)  # noqa: PLR2004 - no word of a sentence

    return hide_after(value, _SCHEME_WORD, is_wanted)


_SCHEME_WORD: Final = re.compile(rf"(?<![\w\-]){SCHEMED.pattern.replace('Token|', 'Token|token |')}", re.IGNORECASE)
