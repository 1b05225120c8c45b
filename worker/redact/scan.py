"""Finds where things begin and end in a text: quotes, brackets, words; and puts marks in place of what is cut out."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

MARK: Final = "[redacted]"
Span = tuple[int, int]
Cut = tuple[int, int, str]  # start, end, and what is put there


QUOTE: Final = r"""(?:\\*+(?:\"{3}|'{3}|["'`])|&quot;|&\#3[49];|&apos;|%(?:25)*+2[27]|\\++u002[27])"""
OPENING: Final = re.compile(rf"[bBrRuUfF]{{0,2}}({QUOTE})")
_AFTER: Final = r"""(?:\s|\Z|[,;|)\]}"'`<>&:]|\\|/|amp;|quot;|\#\d|[\w.\-\[\]%]{1,64}+(?:\\*+["'])?+(?:=|:\s|\s=))"""
WORD: Final = re.compile(
    rf"""(?: [^\s,;&|)\]}}"'`<>\\]++ | [,;&|)\]}}"'`<>](?!{_AFTER}) | \\++(?![rnt"'\s]|\Z) )++""", re.VERBOSE
)
CALL: Final = re.compile(r"[A-Za-z_][\w.]{0,80}+\(")


def closing_end(value: str, start: int, token: str) -> int:
    """Return where the quote opened by ``token`` closes: at the same quote, escaped as often; else the line's end."""
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


def balanced_end(value: str, at: int) -> int:
    """Return where the bracket at ``at`` closes, quoted ones apart; the text's end when it does not."""
    depth = 0
    bracket = _BRACKET.search(value, at)
    while bracket:
        here, following = bracket.start(), bracket.end()
        if bracket[0] in "\"'":
            token = "\\" * _slashes_before(value, at, here) + bracket[0]
            following = min(closing_end(value, following, token) + len(token), len(value))
        else:
            depth += 1 if bracket[0] in "([{" else -1
            if depth == 0:
                return following
        bracket = _BRACKET.search(value, following)
    return len(value)


def splice(value: str, cuts: Iterable[Cut]) -> str:
    """Return the text with each (start, end, replacement) put in; cuts come in order and do not overlap."""
    pieces: list[str] = []
    done = 0
    for start, end, replacement in cuts:
        pieces += (value[done:start], replacement)
        done = end
    return "".join((*pieces, value[done:])) if pieces else value


def hide_after(value: str, pattern: re.Pattern[str], is_wanted: Callable[[re.Match[str], str], bool]) -> str:
    """Hide the quoted or bare word after each match of ``pattern`` for which ``is_wanted(match, word)`` is true."""
    return splice(value, _cuts_after(value, pattern, is_wanted))


def _cuts_after(value: str, pattern: re.Pattern[str], is_wanted: Callable[[re.Match[str], str], bool]) -> Iterator[Cut]:
    match = pattern.search(value)
    while match is not None:
        start, end = operand_span(value, match.end())
        at = match.end()
        if end > start and not value.startswith(MARK, start) and is_wanted(match, value[start:end]):
            yield start, end, MARK
            at = end
        match = pattern.search(value, at)


def operand_span(value: str, at: int) -> Span:
    """Return where the quoted or bare word at ``at`` begins and ends, without its quotes."""
    opening = OPENING.match(value, at)
    if opening:
        return opening.end(), closing_end(value, opening.end(), opening[1])
    word = WORD.match(value, at)
    return at, word.end() if word else at
