"""What a fetch asks of Jira, the same words for Cloud and Data Center; each flavour answers in its own way."""

import contextvars
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, Protocol, TypeVar

from models.configured import Kind
from models.records import Field, Issue, Status, Transition, Version
from worker.errors import UnansweredError
from worker.jira.pages import PageError

# The list of each kind of names, below the interface's version.
LISTS: Final[Mapping[Kind, str]] = {
    "status": "status",
    "issue type": "issuetype",
    "priority": "priority",
    "resolution": "resolution",
}
INCOMPLETE: Final = "its changelog came incomplete"
# An id that no issue has: a question about it is answered at once, if the question itself is a good one.
UNKNOWN_ID: Final = "0"
LEAST_LIST_PAGE: Final = 10
# What is asked for many at a time: pages of a list, whole issues, issues without multi-valued fields, histories.
Part = Literal["ids", "issues", "plain", "histories"]
A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Site:
    """What a site says of itself at the beginning of a fetch; ``now`` is its own clock.

    ``flavour`` is the API to use, ``reported`` the one it reports (None if it does not): a configured one wins.
    ``address`` is the one people use, which a gateway's ``base_url`` is not.
    """

    flavour: str
    now: datetime
    reported: str | None = None
    address: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a list: id → ``updated`` (None where it was not asked for or cannot be read), and where to continue.

    ``keys``: id → key, where Jira sent one. A project's key may change, and ``updated`` stays. ``unshown``: how many
    issues Jira counted here and did not show. ``is_warned``: Jira sent a warning, or a
    list that ends too early, so that issues may be missing.
    """

    updates: Mapping[str, datetime | None]
    after: Any | None
    keys: Mapping[str, str] = field(default_factory=dict)
    unshown: int = 0
    is_warned: bool = False


@dataclass(frozen=True, slots=True)
class PageSizes:
    """How many issues a request names: whole ones, and those without multi-valued fields. Tests take smaller numbers.

    ``few``: a refresh reads up to this many changed issues whole.
    """

    whole: int = 100
    plain: int = 1_000
    few: int = 300


@dataclass(frozen=True, slots=True)
class Plain:
    """Issues that have nothing in multi-valued fields, as the search index says; not trusted from ``recent`` on."""

    ids: Collection[str]
    recent: datetime


@dataclass(frozen=True, slots=True)
class Failed:
    """Issues that Jira could not answer for when it was asked for them together, and why.

    ``part`` is what failed: their issues or their histories. ``whole``: nothing of the request came; else the answer
    named these, and the others came.
    """

    part: Part
    ids: tuple[str, ...]
    why: str
    whole: bool = True

    @property
    def is_alone(self) -> bool:
        """Return whether one issue was requested, so that no smaller request exists."""
        return self.whole and len(self.ids) == 1


@dataclass(frozen=True, slots=True)
class Batch:
    """Issues with their whole history; ``broken`` names ids that cannot be read, with the reason.

    ``failed``: what is to be asked for again, in smaller groups. ``doubtful``: ids of ``Plain`` that are to be read
    whole, because the search index may be wrong about them.
    """

    issues: tuple[Issue, ...]
    broken: Mapping[str, str] = field(default_factory=dict)
    failed: tuple[Failed, ...] = ()
    doubtful: frozenset[str] = frozenset()


class Reader(Protocol):
    """One Jira, as a fetch sees it. Every call may raise RetryableError or FatalError."""

    lists_updates: bool
    """Whether the census tells ``updated`` too, so that no second list is needed to find what changed."""

    sizes: dict[str, int]
    """How many are asked for at a time where that is fewer than usual, by ``Part``; a list page that fails shrinks."""

    def fields(self) -> list[Field]:
        """Return the fields the site lists."""

    def statuses(self) -> list[Status]:
        """Return the statuses the site lists."""

    def names(self, kind: Kind) -> list[str]:
        """Return the names of a kind that the site lists."""

    def census(self, jql: str, position: Any | None) -> Listing:
        """Return a page of all ids of the JQL, in whatever order, from the position the last page named."""

    def changed(self, jql: str, since: datetime, position: Any | None) -> Listing:
        """Return a page of what changed at or after an instant."""

    def count(self, jql: str, since: datetime | None = None, *, recent: datetime | None = None) -> int:
        """Return about how many issues the JQL finds: of those updated at or after ``since`` if given.

        ``recent``: only those that ``multi_valued`` lists.
        """

    def multi_valued(self, jql: str, recent: datetime, since: datetime | None, position: Any | None) -> Listing:
        """Return a page of the ids that have a value in a multi-valued field, or were updated at or after ``recent``.

        ``since``: only of those updated at or after this instant.
        """

    def issues(self, *groups: Sequence[str], plain: Plain | None = None) -> Batch:
        """Return the issues of these ids, whole; those that are not visible are missing.

        The histories of a group are asked for together, and no request spans two groups. Of ``plain`` ids the
        multi-valued fields need not be asked for.
        """

    def histories(self, ids: Sequence[str]) -> Mapping[str, tuple[Transition, ...]]:
        """Return the tracked histories of these ids; one that is not visible has none.

        Ids for which Jira could not answer are missing.
        """

    def visible(self, ids: Sequence[str]) -> set[str]:
        """Return which of these ids Jira still shows, whatever the JQL says; UnansweredError as for a batch."""

    def matching(self, jql: str, ids: Sequence[str]) -> set[str]:
        """Return which of these ids, all of them visible, the JQL finds; UnansweredError as for a batch."""

    def versions(self, project: str, key: str) -> list[Version]:
        """Return the versions of a project, asked for by its id (or key); they are those of ``key``."""

    def zone(self) -> str:
        """Return the account's time zone, in which JQL's dates are read; empty where it cannot be known."""


def parallel(work: Callable[[A], B], inputs: Iterable[A], workers: int) -> list[B]:
    """Return ``work`` of every input, in the order of the inputs, several at a time; the log context goes along."""
    waiting = list(inputs)
    if len(waiting) < 2 or workers < 2:  # noqa: PLR2004 - one alone needs no thread
        return [work(item) for item in waiting]
    with ThreadPoolExecutor(min(workers, len(waiting))) as pool:
        futures = [pool.submit(contextvars.copy_context().run, work, entry) for entry in waiting]
        return [future.result() for future in futures]


def chunks(values: Sequence[A], size: int) -> list[Sequence[A]]:
    """Return the values in runs of at most ``size``."""
    return [values[start : start + size] for start in range(0, len(values), size)]


def settled(batch: Batch, failed: Iterable[Failed]) -> Batch:
    """Return the batch with what failed: an issue that was asked for alone is broken, others may be asked for again."""
    everything = (*batch.failed, *failed)
    alone = {failure.ids[0]: failure.why for failure in everything if failure.is_alone}
    return Batch(
        batch.issues,
        {**batch.broken, **alone},
        tuple(failure for failure in everything if not failure.is_alone),
        batch.doubtful,
    )


def size_of(sizes: Mapping[str, int], part: Part, most: int) -> int:
    """Return how many to ask for at a time: the size that worked on this site, at most the usual one."""
    return min(sizes.get(part, most), most)


def shrinking(ask: Callable[[int], A], sizes: dict[str, int], most: int, least: int = LEAST_LIST_PAGE) -> A:
    """Return the answer to a question for a page of a list, asked with half the size where Jira cannot answer.

    ``sizes["ids"]`` keeps a smaller size that worked. Raises UnansweredError where no size does, or where the page came
    and cannot be right.
    """
    size = usual = size_of(sizes, "ids", most)
    while True:
        try:
            answer = ask(size)
        except UnansweredError as error:
            if size // 2 < least or isinstance(error.__cause__, PageError):
                raise
            size //= 2
            continue
        if size < usual:
            sizes["ids"] = size
        return answer
