"""The state of a stand-in Jira: its lists, versions and issues, each with a life up to the time of a clock.

An issue's or version's life is a list of events, each at an instant. `Site.advance(now)` lets everything happen
that is due; what lies later does not exist yet. The clock only moves forward.
"""

import heapq
from bisect import insort
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sandbox.catalogue import Catalogue
from sandbox.shapes import Flavour, Json, stamp

Sets = tuple[tuple[str, Any], ...]


class Item(NamedTuple):
    """One changed field of a history, as a changelog shows it; `field_id` None where Jira sends none."""

    field: str
    kind: str
    field_id: str | None
    old: str | None
    old_text: str | None
    new: str | None
    new_text: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at `at` (epoch ms): fields set, and a history if there are items.

    `key` among `sets` is a move, `shown` false hides or deletes. An event that does not touch leaves `updated`.
    `raw` is a recorded history, served as it is.
    """

    at: int
    id: int
    sets: Sets = ()
    items: tuple[Item, ...] = ()
    author: Json | None = None
    touches: bool = True
    raw: Json | None = None

    @property
    def is_history(self) -> bool:
        """Return whether a changelog lists it; a comment is not a history."""
        return bool(self.items) or self.raw is not None


@dataclass(slots=True, eq=False)
class Issue:
    """An issue: its present state and its whole life, of which the first `seen` events have happened."""

    id: int
    key: str
    born: int
    fields: Json
    events: list[Event] = field(default_factory=list)
    seen: int = 0
    updated: int = 0
    shown: bool = True
    exists: bool = False
    cache: dict[Any, Any] = field(default_factory=dict)

    @property
    def due(self) -> int | None:
        """The instant of the next event that has not happened, if there is one."""
        return self.events[self.seen].at if self.seen < len(self.events) else None

    def histories(self) -> list[Event]:
        """Return the present histories, oldest first, also dated-back ones."""
        return sorted((event for event in self.events[: self.seen] if event.is_history), key=attrgetter("at", "id"))


@dataclass(slots=True, eq=False)
class Version:
    """A version with its changes in order: `(at, sets)`. `body` is one dict, shared with its issues."""

    project: str
    born: int
    body: Json
    changes: list[tuple[int, Sets]] = field(default_factory=list)
    seen: int = 0

    @property
    def due(self) -> int | None:
        """The instant of the next change that has not happened, if there is one."""
        return self.changes[self.seen][0] if self.seen < len(self.changes) else None


@dataclass(frozen=True, slots=True)
class Account:
    """An account that may log in with Basic `email:token` or Bearer `token`; its JQL dates are in `zone` (IANA).

    `scopes`: those of a scoped token, which only the gateway takes. `locale` is the account's language.
    """

    email: str
    token: str
    zone: str
    profile: Json
    scopes: frozenset[str] | None = None
    locale: str = "en_US"


@dataclass(frozen=True, slots=True)
class Asker:
    """The account and instant of a JQL: its dates and `currentUser()`; if not strict, names may be unknown.

    If the site does not take epochs, dates must be literals.
    """

    zone: ZoneInfo
    now: int
    user: Json | None
    is_strict: bool = True
    takes_epoch: bool = True


@dataclass(slots=True)
class Clock:
    """A clock that a test moves; call it for its time."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        """Move forward."""
        self.now += by


def wall_clock() -> datetime:
    """Return the time of this machine, the default for a sandbox outside tests."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of answers: Jira's own, or smaller ones for tests with few issues."""

    page_of_ids: int = 5_000
    page_with_fields: int = 100
    page_of_search: int = 1_000
    wall: int = 10_000
    bulk_issues: int = 100
    bulk_plain_issues: int = 1_000


@dataclass(slots=True, eq=False)
class Site:
    """A whole Jira. `zone` is the site's (time stamps are written in it), an account's own may differ.

    `indexed` is what search sees; the same issues, or copies of what they were `lag` milliseconds ago.
    `strays` are issues of which only the histories were recorded, `notes` say what of a recording is not served.
    `former_projects` is the old key of a renamed project → its id. `veiled` are issues behind a security level that the
    index counts, page by page, and nobody is shown.
    `history_fields`: the ids of the fields that a recorded item without a `fieldId` may mean, by (fieldtype, name).
    """

    flavour: Flavour
    zone: ZoneInfo
    catalogue: Catalogue
    accounts: list[Account] = field(default_factory=list)
    base_url: str = "https://acme.example"
    issues: dict[int, Issue] = field(default_factory=dict)
    versions: list[Version] = field(default_factory=list)
    keys: dict[str, int] = field(default_factory=dict)
    strays: dict[str, Issue] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    history_fields: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    closed_projects: set[str] = field(default_factory=set)
    former_projects: dict[str, str] = field(default_factory=dict)
    veiled: set[int] = field(default_factory=set)
    private_projects: set[str] = field(default_factory=set)
    bounds: Bounds = Bounds()
    takes_epoch: bool = True
    lag: int = 0
    indexed: list[Issue] = field(default_factory=list)
    by_updated: list[Issue] = field(default_factory=list)
    revision: int = 0
    now: int = 0
    _index: dict[int, Issue] = field(default_factory=dict)
    _due: list[tuple[int, int, Issue | Version]] = field(default_factory=list)
    _unindexed: list[tuple[int, int]] = field(default_factory=list)
    _ticket: Iterator[int] = field(default_factory=count)

    def add(self, issues: Iterable[Issue] = (), versions: Iterable[Version] = ()) -> None:
        """Add lives; their past events appear at the next `advance`."""
        for version in versions:
            self.versions.append(version)
            self._expect(version)
        for issue in issues:
            self.issues[issue.id] = issue
            self._push(issue.born, issue)

    def advance(self, now: int) -> None:
        """Let everything happen that is due by `now` (epoch ms); the index follows `lag` later."""
        self.now = max(self.now, now)
        is_changed = False
        while self._due and self._due[0][0] <= self.now:
            at, _, entry = heapq.heappop(self._due)
            is_changed |= self._happen(at, entry)
        while self._unindexed and self._unindexed[0][0] <= self.now:
            self._take_into_index(self.issues[heapq.heappop(self._unindexed)[1]])
            is_changed = True
        if is_changed:
            self.renew()

    def renew(self) -> None:
        """Sort the index again and drop cached searches, after a change that `advance` does not notice."""
        self.revision += 1
        self.indexed = sorted(
            (index for index in self._index.values() if self._is_indexed(index)), key=attrgetter("id")
        )
        self.by_updated = sorted(self.indexed, key=attrgetter("updated", "id"))

    def forget(self) -> None:
        """Drop every rendered issue too, because something that issues share (a version, a status) has changed."""
        for issue in self.issues.values():
            issue.cache.clear()
        self.renew()

    def lag_behind(self, by: int) -> None:
        """Let the index follow changes `by` milliseconds later."""
        self.lag = by
        self._index = {number: self._picture(issue) for number, issue in self._index.items()}
        self.renew()

    def is_shown(self, issue: Issue) -> bool:
        """Return whether the readers of this site may see an issue."""
        return self._is_indexed(issue) and issue.id not in self.veiled

    def _is_indexed(self, issue: Issue) -> bool:
        return issue.shown and issue.exists and issue.fields["project"]["key"] not in self.closed_projects

    @contextmanager
    def without(self, projects: Iterable[str]) -> Iterator[None]:
        """Serve within the block as for a reader who may not see these projects."""
        closed, more = self.closed_projects, set(projects) - self.closed_projects
        if not more:
            yield
            return
        self.closed_projects = closed | more
        self.renew()
        try:
            yield
        finally:
            self.closed_projects = closed
            self.renew()

    def project_keys(self) -> set[str]:
        """Return the keys of all projects, also of those that only issues name."""
        named = {project["key"] for project in self.catalogue.projects}
        return named | {issue.fields["project"]["key"] for issue in self.issues.values()}

    def find(self, number_or_key: str) -> Issue | None:
        """Return the issue of an id or of a key (a former key too), if it may be seen; from the database, never
        late.
        """
        number = int(number_or_key) if number_or_key.isdecimal() else self.keys.get(number_or_key.upper(), 0)
        issue = self.issues.get(number)
        return issue if issue and self.is_shown(issue) else None

    def projects(self) -> list[Json]:
        """Return the projects that may be seen."""
        return [project for project in self.catalogue.projects if project["key"] not in self.closed_projects]

    def project(self, number_or_key: str) -> Json | None:
        """Return the project of an id or key, ignoring case."""
        wanted = self.former_projects.get(number_or_key.upper(), number_or_key.upper())
        return next((p for p in self.projects() if wanted in (p["id"], p["key"].upper())), None)

    def versions_of(self, project: Json) -> list[Json]:
        """Return the versions of a project that exist by now, in the order they were made."""
        return [v.body for v in self.versions if v.project == project["key"] and v.born <= self.now]

    def rename_project(self, old: str, new: str) -> None:
        """Give a project another key, and so its issues; ids and `updated` stay, and the old keys still lead there."""
        before = next(project for project in self.catalogue.projects if project["key"] == old)
        after = {**before, "key": new}
        self.catalogue.projects[self.catalogue.projects.index(before)] = after
        for issue in (*self.issues.values(), *self._index.values()):
            _rename(issue, old, after)
            self.keys[issue.key] = issue.id
        for version in self.versions:
            version.project = new if version.project == old else version.project
        self.former_projects.pop(new, None)
        self.former_projects[old] = after["id"]
        self.forget()

    def next_number(self) -> int:
        """Return a number that is larger than all earlier ones of this site."""
        return next(self._ticket)

    def happen(self, issue: Issue, event: Event) -> None:
        """Add an event to a life; it has happened at the first `advance` to its instant or later."""
        live = self.issues[issue.id]  # a caller may hold the index's copy
        insort(live.events, event, lo=live.seen, key=attrgetter("at"))
        self._push(max(event.at, live.born), live)

    def change(self, version: Version, at: int, sets: Sets) -> None:
        """Add a change to a version's life; `updated` of its issues stays."""
        insort(version.changes, (at, sets), lo=version.seen, key=itemgetter(0))
        self._push(at, version)

    def _happen(self, at: int, entry: Issue | Version) -> bool:
        if isinstance(entry, Version):
            self._change(entry)
        elif entry.exists and (entry.due is None or entry.due > self.now):
            return False  # pushed by `happen` for what has been lived through meanwhile
        else:
            self._live(entry)
            if self.lag:
                heapq.heappush(self._unindexed, (at + self.lag, entry.id))
            else:
                self._take_into_index(entry)
        self._expect(entry)
        return True

    def _expect(self, entry: Issue | Version) -> None:
        if (due := entry.due) is not None:
            self._push(due, entry)

    def _push(self, at: int, entry: Issue | Version) -> None:
        heapq.heappush(self._due, (at, next(self._ticket), entry))

    def _take_into_index(self, issue: Issue) -> None:
        self._index[issue.id] = self._picture(issue)

    def _picture(self, issue: Issue) -> Issue:
        # Without a lag the index is the issues themselves; a copy for each would double the memory.
        live = self.issues[issue.id]
        return replace(live, fields=dict(live.fields), cache={}) if self.lag else live

    def _live(self, issue: Issue) -> None:
        issue.cache.clear()
        before = issue.updated
        if not issue.exists:
            issue.exists = True
            issue.updated = before or issue.born
            self.keys[issue.key] = issue.id
        while (due := issue.due) is not None and due <= self.now:
            event = issue.events[issue.seen]
            issue.seen += 1
            self._apply(issue, event)
        if issue.updated != before:
            issue.fields["updated"] = stamp(issue.updated, self.zone)

    def _apply(self, issue: Issue, event: Event) -> None:
        for name, value in event.sets:
            if name == "key":
                issue.key = value
                self.keys[value] = issue.id
            elif name == "shown":
                issue.shown = value
            else:
                issue.fields[name] = value
        if event.touches:
            issue.updated = max(issue.updated, event.at)

    def _change(self, version: Version) -> None:
        while (due := version.due) is not None and due <= self.now:
            version.body.update(version.changes[version.seen][1])
            version.seen += 1
        for issue in self.issues.values():
            if issue.cache and _mentions(issue, version):
                issue.cache.clear()


def _rename(issue: Issue, old: str, project: Json) -> None:
    """Give an issue the new key of its project, at present and in later events."""

    def renamed(name: str, value: Any) -> Any:
        if name == "key":
            return f"{project['key']}-{value.removeprefix(f'{old}-')}" if value.startswith(f"{old}-") else value
        return project if name == "project" and value["key"] == old else value

    issue.key = renamed("key", issue.key)
    issue.fields["project"] = renamed("project", issue.fields["project"])
    issue.events = [
        replace(event, sets=tuple((name, renamed(name, value)) for name, value in event.sets)) for event in issue.events
    ]


def _mentions(issue: Issue, version: Version) -> bool:
    fields = (*(issue.fields.get("fixVersions") or ()), *(issue.fields.get("versions") or ()))
    return any(body["id"] == version.body["id"] for body in fields)
