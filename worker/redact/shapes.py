"""Hides what has the shape of a secret: token formats, logins in URLs and base64, key blocks, e-mail addresses."""

import base64
import binascii
import itertools
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from worker.redact.content import EMPTY, is_mixed
from worker.redact.keys import word_set
from worker.redact.scan import MARK, Cut, splice

_KEY_BLOCK: Final = re.compile(
    r"-{4,5}[ ]?+BEGIN(?:[ +]|%20)[A-Z0-9 +%]{0,40}?PRIVATE(?:[ +]|%20)KEY[A-Z +%0-9]{0,20}?-{4,5}"
)
_KEY_END: Final = re.compile(r"-{4,5}[ ]?+END[A-Z0-9 +%]{0,60}-{4,5}")
_KEY_BODY: Final = re.compile(r"""(?:[A-Za-z0-9+/=\s:,%\-]|\\[nr])*+""")
_URL: Final = re.compile(r"""(?::\\*+/\\*+/|%(?:25)*+3[Aa]%(?:25)*+2[Ff]%(?:25)*+2[Ff])([^\s"'<>`\\]++)""")
_AUTHORITY: Final = re.compile(r"(?:[^/?#%]|%(?!(?:25)*+(?:2[Ff]|3[Ff]|23)))*+")
_AT: Final = re.compile(r"@|%(?:25)*+40")
_COLON: Final = re.compile(r":|%(?:25)*+3[Aa]")
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
# The word before a long random word that is not a secret.
_OPAQUE: Final = re.compile(
    r"(?:page_?token|cursor|etag|integrity|sha\d*|digest|checksum|fingerprint|nonce|boundary)\W{0,6}\Z", re.IGNORECASE
)
_NEAR: Final = re.compile(r"jira|atlassian|confluence|bitbucket|token|api.?key|secret|pat\b", re.IGNORECASE)


def hide_key_blocks(value: str) -> str:
    """Hide private key blocks, whole or cut, with real, written or encoded line breaks."""
    return splice(value, _key_block_cuts(value))


def _key_block_cuts(value: str) -> Iterator[Cut]:
    match = _KEY_BLOCK.search(value)
    while match is not None:
        body = _KEY_BODY.match(value, match.end())
        closing = _KEY_END.search(value, match.end(), match.end() + 16_384)
        end = closing.end() if closing else (body.end() if body else match.end())
        yield match.start(), end, MARK
        match = _KEY_BLOCK.search(value, end)


def hide_url_passwords(value: str) -> str:
    """Hide the password of ``scheme://user:password@host``, also where it was written without quoting."""
    return _URL.sub(_url, value)


def _url(match: re.Match[str]) -> str:
    rest = match[1]
    authority = _AUTHORITY.match(rest)
    end = authority.end() if authority else 0
    ats = list(_AT.finditer(rest, 0, end)) or _late_ats(rest, end)
    if not ats:
        return match[0]
    info = rest[: ats[-1].start()]
    colon = _COLON.search(info)
    if colon is None:
        return match[0] if not is_mixed(info, 16) else match[0].replace(info, MARK, 1)
    password = info[colon.end() :]
    if EMPTY.fullmatch(password):
        return match[0]
    head = match[0][: len(match[0]) - len(rest)]
    return head + info[: colon.end()] + MARK + rest[ats[-1].start() :]


def _late_ats(rest: str, end: int) -> list[re.Match[str]]:
    """Return each @ behind a slash or hash within a password; none where the colon before it introduces a port."""
    colon = rest.rfind(":", 0, end)
    if colon < 0 or rest[:1] == "[" or rest[colon + 1 : end].isdigit() or colon + 1 == end:
        return []
    return list(_AT.finditer(rest, end))


def hide_runs(value: str) -> str:
    """Hide published token formats, base64 logins and long random words; only runs of 16 token characters can be."""
    return _RUN.sub(_run, value)


def hide_quoted_runs(value: str) -> str:
    """Hide the same where base64's signs are percent-encoded."""
    return _QUOTED_RUN.sub(_quoted_run, value)


def _quoted_run(match: re.Match[str]) -> str:
    run = match["run"]
    if "%" not in run or len(run) < 16:  # noqa: PLR2004 - as above
        return match[0]
    decoded = unquote(unquote(run))
    return match[0] if _RUN.sub(_run, decoded) == decoded else (match["before"] or "") + MARK


# Paths, module names, UUIDs and hashes: runs that are long and common, and cannot be a token.
_CALM: Final = re.compile(
    r"(?:[._/=~\-]*+(?:[A-Za-z][a-z]{0,15}+\d{0,2}+|[A-Z]{1,12}+|\d{1,14}+)(?![A-Za-z0-9+]))*+[._/=~\-]*+"
    r"|[0-9a-f]{32,}+|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[\d\-T.]++Z?+"
)


def _run(match: re.Match[str]) -> str:
    run = match[0]
    if _CALM.fullmatch(run):
        return run
    kept = _PUBLISHED.sub(MARK, run)
    before = match.string[max(0, match.start() - 40) : match.start()]
    return _PIECE.sub(lambda piece: _piece(piece, before), kept)


def _piece(match: re.Match[str], before: str) -> str:
    return MARK if _is_opaque(match[0], before + match.string[: match.start()]) else match[0]


def _is_opaque(piece: str, before: str) -> bool:
    if piece.islower() or piece.isupper() or piece.isdigit():
        return False
    if is_login(piece):
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
    """Return whether the kind of character changes as often as in random text: names change it only at their words."""
    kinds = ["d" if c.isdigit() else "l" if c.islower() else "u" if c.isupper() else "o" for c in piece]
    changes = sum(a != b for a, b in itertools.pairwise(kinds))
    return changes >= 0.42 * len(piece)


def is_login(piece: str) -> bool:
    """Return whether base64 hides ``user:password``."""
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
_LOCAL_TAIL: Final = re.compile(r"[\w.+'-]+\Z")
_NO_MAILBOX: Final = frozenset(["git", "hg", "svn", "celery", "flower", "beat", "worker", "root", "localhost"])
_NO_HOSTS: Final = word_set(
    """
    local internal localdomain lan py js ts so cpu cluster svc service
    """
)


def hide_mails(value: str) -> str:
    """Hide e-mail addresses, but neither ``git@host:path`` nor the names of Celery's nodes."""
    return splice(value, _mail_cuts(value))


def _mail_cuts(value: str) -> Iterator[Cut]:
    done = 0
    for domain in _DOMAIN.finditer(value):
        head = value[max(done, domain.start() - 64) : domain.start()]
        local = _LOCAL_TAIL.search(head)
        if local is not None and _is_mailbox(local[0], domain[1]):
            done = domain.end()
            yield domain.start() - len(local[0]), done, MARK


def _is_mailbox(local: str, domain: str) -> bool:
    last = domain.rpartition(".")[2].lower()
    return local.lower() not in _NO_MAILBOX and last not in _NO_HOSTS and not re.fullmatch(r"gen\d+", local)
