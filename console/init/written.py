"""The text of a flowbeat.toml: the commented template, with answers and proposals in the places of its examples."""

import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from console.init.records import Proposal
from console.init.template import TEMPLATE

CONNECTION: Final = "connections.jira"
PROFILE: Final = "profiles.team"
_WIDTH: Final = 116
_HEADING: Final = re.compile(r"#?\[([\w.]+)\]$")
_KEY: Final = re.compile(r"#?([a-z_]+) = ")
_COMMENT: Final = re.compile(r"\s{2,}# .*$")
# Headings of the template that say what to fill in.
_TO_FILL_IN: Final = {
    ": fill in base_url and email, and put the token into the environment: export JIRA_TOKEN=... ": " ",
    ": fill in jql; rename [profiles.team] in all its lines ": ": what flowbeat init read is in the comments ",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """What a line of the template becomes: its value, the reasons above it, and whether it is active.

    Without a value the template's line stays, switched off where the entry is; the reasons are added above it.
    """

    value: str | float | tuple[str, ...] | None = None
    reasons: tuple[str, ...] = ()
    is_on: bool = True


Entries = Mapping[tuple[str, str], Entry]


def entries_of(proposals: Iterable[Proposal]) -> dict[tuple[str, str], Entry]:
    """Return the entries of a profile's proposals, by section and key."""
    return {
        (f"{PROFILE}.{proposal.section}" if proposal.section else PROFILE, proposal.key): Entry(
            proposal.value, proposal.reasons, proposal.is_on
        )
        for proposal in proposals
    }


def fill(entries: Entries, profile: str) -> str:
    """Return the template with these entries, its profile renamed. Raise KeyError if an entry has no place in it."""
    active = {section for (section, _), entry in entries.items() if entry.is_on and entry.value is not None}
    lines: list[str] = []
    used: set[tuple[str, str]] = set()
    section, template = "", iter(TEMPLATE.splitlines())
    for line in template:
        if heading := _HEADING.match(line):
            section = heading[1]
            lines.append(f"[{section}]" if section in active else line)
            continue
        key = _KEY.match(line)
        entry = entries.get((section, key[1])) if key else None
        if key is None or entry is None:
            lines.append(line)
            continue
        whole = [line, *_rest_of_list(line, template)]
        lines.extend(_written(key[1], entry, whole))
        used.add((section, key[1]))
    if missing := entries.keys() - used:
        raise KeyError(f"the template has no line of {sorted(missing)}")
    return _named("\n".join(lines) + "\n", profile)


def toml_value(value: str | float | tuple[str, ...]) -> str:
    """Return a value as TOML writes it, on one line."""
    if isinstance(value, tuple):
        return f"[{', '.join(toml_value(word) for word in value)}]"
    if isinstance(value, str) and '"' in value and "'" not in value and value.isprintable():
        return f"'{value}'"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # JSON does not escape it, TOML does
    return f"{value:g}"


def _written(key: str, entry: Entry, lines: list[str]) -> Iterator[str]:
    """Yield the lines in place of those of the template: the reasons, then the value."""
    for reason in entry.reasons:
        clean = "".join(letter if letter.isprintable() else " " for letter in reason)  # no name may end the comment
        yield from textwrap.wrap(clean, _WIDTH, initial_indent="# ", subsequent_indent="#   ", break_on_hyphens=False)
    if entry.value is None:
        yield from lines if entry.is_on else (f"#{line.removeprefix('#')}" for line in lines)
        return
    line = f"{'' if entry.is_on else '#'}{key} = {toml_value(entry.value)}"
    comment = _COMMENT.search(lines[0])
    about = comment[0].strip() if comment else ""
    yield f"{line:<46}{about}" if about and max(len(line) + 2, 46) + len(about) <= _WIDTH else line


def _rest_of_list(line: str, template: Iterator[str]) -> Iterator[str]:
    """Yield the further lines of a list that begins here."""
    if line.endswith("["):
        for more in template:
            yield more
            if more in ("#]", "]"):
                return


def _named(text: str, profile: str) -> str:
    for instruction, heading in _TO_FILL_IN.items():
        text = text.replace(instruction, heading + "-" * (len(instruction) - len(heading)))
    return text.replace(PROFILE, f"profiles.{profile}")
