"""What a fetch asks of Jira, the same words for Cloud and Data Center; each flavour answers in its own way."""

import contextvars
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol, TypeVar

from models.configured import Kind
from models.records import Field, Issue, Status, Transition, Version

# The list of each kind of names, below the interface's version.
LISTS: Final[Mapping[Kind, str]] = {
    "status": "status",
    "issue type": "issuetype",
    "priority": "priority",
    "resolution": "resolution",
}
INCOMPLETE: Final = "its changelog came incomplete"
A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Site:
    """What a site says of itself at the beginning of a fetch; ``now`` is its own clock.

    ``flavour`` is how to speak to it, ``told`` what it says it is (None where it does not): a configured one wins.
    ``address`` is the one people use, which a gateway's ``base_url`` is not.
    """

    flavour: str
    now: datetime
    told: str | None = None
    address: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a list: id → ``updated`` (None where it was not asked for or cannot be read), and where to go on.

    ``keys``: id → key, where Jira sent one. A project's key may change, and ``updated`` stays.
    """

    updates: Mapping[str, datetime | None]
    after: Any | None
    keys: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batch:
    """Issues with their whole history; ``broken`` names ids that came but cannot be read, with the reason."""

    issues: tuple[Issue, ...]
    broken: Mapping[str, str] = field(default_factory=dict)


class Reader(Protocol):
    """One Jira, as a fetch sees it. Every call may raise RetryableError or FatalError."""

    lists_updates: bool
    """Whether the census tells ``updated`` too, so that no second list is needed to find what changed."""

    def fields(self) -> list[Field]:
        """The fields the site lists."""

    def statuses(self) -> list[Status]:
        """The statuses the site lists."""

    def names(self, kind: Kind) -> list[str]:
        """Return the names of a kind that the site lists."""

    def census(self, jql: str, position: Any | None) -> Listing:
        """A page of all ids of the JQL, in whatever order, from the position the last page named."""

    def changed(self, jql: str, since: datetime, position: Any | None) -> Listing:
        """A page of what changed at or after an instant."""

    def issues(self, ids: Sequence[str]) -> Batch:
        """The issues of these ids, whole; those that are not visible are missing."""

    def histories(self, ids: Sequence[str]) -> Mapping[str, tuple[Transition, ...]]:
        """The tracked histories of these ids, all of them; one that is not visible has none."""

    def visible(self, ids: Sequence[str]) -> set[str]:
        """Which of these ids Jira still shows, whatever the JQL says."""

    def matching(self, jql: str, ids: Sequence[str]) -> set[str]:
        """Which of these ids, all of them visible, the JQL finds."""

    def versions(self, project: str, key: str) -> list[Version]:
        """Return the versions of a project, asked for by its id (or key); they are those of ``key``."""

    def zone(self) -> str:
        """The account's time zone, in which JQL's dates are read; empty where it cannot be known."""


def parallel(work: Callable[[A], B], inputs: Iterable[A], workers: int) -> list[B]:
    """``work`` of every input, in the order of the inputs, several at a time; the log context goes along."""
    waiting = list(inputs)
    if len(waiting) < 2 or workers < 2:  # noqa: PLR2004 - one alone needs no thread
        return [work(each) for each in waiting]
    with ThreadPoolExecutor(min(workers, len(waiting))) as pool:
        futures = [pool.submit(contextvars.copy_context().run, work, each) for each in waiting]
        return [future.result() for future in futures]


def chunks(values: Sequence[A], size: int) -> list[Sequence[A]]:
    """The values in runs of at most ``size``."""
    return [values[start : start + size] for start in range(0, len(values), size)]
