"""Hides people in texts: values of telling keys, members of JQL lists, JQL's history clauses, Jira's user keys."""

import itertools
import re
from collections.abc import Iterator
from typing import Final

from worker.redact.content import PROSE, is_secret
from worker.redact.scan import (
    CALL,
    MARK,
    OPENING,
    QUOTE,
    Cut,
    Span,
    balanced_end,
    closing_end,
    hide_after,
    operand_span,
    splice,
)

_FURTHER_NAMES: Final = re.compile(
    r"(?:[ ](?:(?:van|von|der|den|de|la|da|di|del|bin|al|le)[ ])*+(?!\w++\s?[:=])"
    r"[A-ZÀ-Þ][\w.'’-]*?[a-zà-ÿ][\w.'’-]*+){1,3}+"
)


def person_cut(value: str, start: int, end: int, *, bare: bool) -> tuple[int, int, str] | None:
    """Return what to cut of a person's value: a JQL list keeps its functions; a bare name has further parts."""
    content = value[start:end]
    if content[:1] == "(":
        return _members(value, start, end)
    if not is_secret("person", "", content, bare=bare):
        return None
    if bare and content.endswith("("):
        return None
    further = _FURTHER_NAMES.match(value, end) if bare else None
    return start, further.end() if further else end, MARK


_MARKED: Final = re.compile(r"""\w++\((?:[^()]*+)\)|\\*+"[^"]*+"|\\*+'[^']*+'|[^\s,()"'][^,()"']*+""")


def _members(value: str, start: int, end: int) -> tuple[int, int, str] | None:
    stop = end - 1 if value[end - 1] == ")" else end  # a list that was cut does not close
    content = value[start + 1 : stop]
    kept = _MARKED.sub(_member, content)
    return (start + 1, stop, kept) if kept != content else None


_OF_PEOPLE: Final = r"(?:assignee|reporter|creator|author|worklogauthor|watcher|voter|reviewer|approver)s?"
_AMONG: Final = re.compile(
    rf"\b{_OF_PEOPLE}{QUOTE}?+[ ]{{1,4}}+"
    r"(?:(?:not[ ]++)?+in[ ]{0,4}+(?=\()|was[ ]++(?:not[ ]++)?+(?:in[ ]*+(?=\())?+)",
    re.IGNORECASE,
)


def hide_among(value: str) -> str:
    """Hide the people of JQL's ``assignee in (…)`` and ``was``; functions stay."""
    return splice(value, _cuts_among(value))


def _cuts_among(value: str) -> Iterator[Cut]:
    match = _AMONG.search(value)
    while match is not None:
        at = match.end()
        start, end = (at, balanced_end(value, at)) if value[at : at + 1] == "(" else operand_span(value, at)
        cut = person_cut(value, start, end, bare=value[start - 1] == " ")
        if cut is not None:
            yield cut
            end = max(end, cut[1])
        match = _AMONG.search(value, end)


def _member(match: re.Match[str]) -> str:
    content = match[0].strip("\\\"' ")
    kept = match[0].endswith(")") or not is_secret("person", "", content, bare=True)
    return match[0] if kept else MARK


_CHANGE: Final = re.compile(
    rf"field(?:Id)?{QUOTE}\s?:\s?{QUOTE}(?:assignee|reporter|creator|customfield_\d+){QUOTE}", re.IGNORECASE
)
_SIDE: Final = re.compile(rf"({QUOTE}(?:from|to)(?:String|_id|_name)?{QUOTE}\s?:\s?)({QUOTE})", re.IGNORECASE)


def hide_changes(value: str) -> str:
    """Hide both sides of a history item that names people: ``{"field": "assignee", "from": …, "toString": …}``."""
    return splice(value, _change_cuts(value))


def _change_cuts(value: str) -> Iterator[Cut]:
    done = 0
    changes = list(_CHANGE.finditer(value))
    for change, following in itertools.zip_longest(changes, changes[1:]):
        limit = following.start() if following else len(value)
        stop = value.find("}", change.end(), limit)
        for side in _SIDE.finditer(value, max(done, change.end()), stop if stop >= 0 else limit):
            done = closing_end(value, side.end(), side[2])
            yield side.end(), done, MARK


# What Jira says of a person in a JQL that it does not know.
_UNKNOWN: Final = re.compile(
    rf"""\bvalue[ ]{{1,4}}+{QUOTE}(?P<of_field>.{{1,200}}?)(?={QUOTE}[^'"]{{1,60}}\bfield[ ]{{1,4}}+{QUOTE}
    (?:{_OF_PEOPLE}|cf\[\d+\]|customfield_\d+){QUOTE})
    |\busers?[ ]{{1,4}}+{QUOTE}(?P<user>.{{1,200}}?)(?={QUOTE}[ ](?:does|do|doesn't|is|was|could|cannot)\b)""",
    re.VERBOSE | re.IGNORECASE,
)


def hide_unknown(value: str) -> str:
    """Hide the people of Jira's answer that a value or user of a JQL does not exist."""
    return splice(value, ((*match.span(match.lastgroup or 0), MARK) for match in _UNKNOWN.finditer(value)))


_UPDATED_BY: Final = re.compile(r"updatedBy\(|membersOf\(", re.IGNORECASE)
# JQL's history clauses: a field that has a history, what is asked of it, and its predicates.
_HISTORY: Final = re.compile(
    rf"""\b(?P<field>status|priority|resolution|fixVersion|assignee|reporter){QUOTE}?+[ \t]{{1,4}}+
    (?:changed\b|was\b(?:[ \t]{{1,4}}+not\b)?+(?:[ \t]{{1,4}}+in\b)?+)""",
    re.VERBOSE | re.IGNORECASE,
)
_PREDICATE: Final = re.compile(r"[ \t]{1,4}+(from|to|after|before|on|during|by)(?:[ \t]{1,4}+|(?=\())", re.IGNORECASE)


def hide_authors(value: str) -> str:
    """Hide the people that JQL names in ``updatedBy``, ``membersOf`` and in the clauses about a field's history."""
    value = hide_after(value, _UPDATED_BY, lambda _, word: not word.startswith("currentUser"))
    return splice(value, _history_cuts(value))


def _history_cuts(value: str) -> Iterator[Cut]:
    match = _HISTORY.search(value)
    while match is not None:
        cuts, at = _history_people(value, match)
        yield from cuts
        match = _HISTORY.search(value, at)


def _history_people(value: str, match: re.Match[str]) -> tuple[list[tuple[int, int, str]], int]:
    """Return the people of one clause and its end: after BY, and after FROM and TO where the field holds people."""
    hidden: list[tuple[int, int, str]] = []
    at = match.end()
    if not match[0].lower().endswith("changed"):
        start, at = _history_operand(value, at)
        if start == at or (value[start].islower() and not value.startswith(" BY ", at)):
            return hidden, at  # "status was set by …" is a sentence; a status begins with a capital, or is quoted
    while predicate := _PREDICATE.match(value, at):
        start, at = _history_operand(value, predicate.end())
        word, is_bare = predicate[1].lower(), value[start : start + 1] not in {"(", '"', "'", "\\"}
        if word == "by" or (word in {"from", "to"} and match["field"].lower() in {"assignee", "reporter"}):
            person = _history_person(value, start, at, bare=is_bare)
            hidden += [person] if person else []
    return hidden, at


def _history_operand(value: str, at: int) -> Span:
    """Return where the next operand lies, with its brackets or quotes."""
    while value[at : at + 1] in {" ", "\t"}:
        at += 1
    if value[at : at + 1] == "(":
        return at, balanced_end(value, at)
    called = CALL.match(value, at)
    if called:
        return at, balanced_end(value, called.end() - 1)
    start, end = operand_span(value, at)
    return at, min(end + start - at, len(value))  # the closing quote is as long as the opening one


def _history_person(value: str, start: int, end: int, *, bare: bool) -> tuple[int, int, str] | None:
    if value[start : start + 1] == "(":
        return _members(value, start, end)
    opening = OPENING.match(value, start)
    if opening:
        start, end = opening.end(), end - len(opening[1])
    content = value[start:end]
    if content.endswith(")") or (bare and content.lower() in PROSE):
        return None
    return (start, end, MARK) if is_secret("person", "", content, bare=bare) else None


_PERSON_SHAPES: Final = re.compile(
    r"JIRAUSER\d{4,}+|\[~[^\]\s]{1,100}+\]|(?<=accountid:)[\w:\-]{8,}+|(?<=/user\?key=)[^\s&\"'\\]++"
)


_ACCOUNT: Final = re.compile(r"(?:qm|\d{4,6}):[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?::[0-9a-f\-]{36})?")


def hide_people(value: str) -> str:
    """Hide Jira's user keys and mentions."""
    return _PERSON_SHAPES.sub(MARK, value)


def hide_accounts(value: str) -> str:
    """Hide account ids that carry their site's number, as they do since 2018."""
    return _ACCOUNT.sub(MARK, value)
