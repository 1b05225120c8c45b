"""Jira Data Center, REST v2: (id, updated) by pages below the wall, changed issues with embedded histories.

Jira Server answers the same.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from models.configured import Kind
from models.records import Field, Status, Transition, Version, instant, micros
from worker.errors import FatalError, UnansweredError
from worker.jira import jql as language
from worker.jira import parse
from worker.jira.client import Client, Control
from worker.jira.cloud import build, read_keys, read_update, read_versions, read_zone
from worker.jira.jql import combined
from worker.jira.pages import Offset, PageError, is_warned, next_offset, required, rows
from worker.jira.reader import (
    INCOMPLETE,
    LISTS,
    UNKNOWN_ID,
    Batch,
    Failed,
    Listing,
    Plain,
    chunks,
    parallel,
    settled,
    shrinking,
    size_of,
)

log = logging.getLogger(__name__)

API: Final = "/rest/api/2"
IDS_PAGE: Final = 1_000
ISSUES_PAGE: Final = 50  # with whole histories: small pages spare the server's memory
LOOK_PAGE: Final = 100
WALL: Final = 10_000  # a deeper startAt is an error on newer platforms
SHORT: Final = ["created", "updated"]
ORDER: Final = "created ASC, key ASC"
# What turns a search into one that finds nothing, whatever it asks for.
_NOTHING: Final[dict[str, Any]] = {
    "jql": f"id in ({UNKNOWN_ID})",
    "maxResults": 1,
    "startAt": 0,
    "validateQuery": False,
}


class DataCenter:
    """Reads a Data Center or Server site through one client."""

    lists_updates = True

    def __init__(
        self,
        client: Client,
        wanted: parse.Wanted,
        *,
        zone: str | None = None,
        sizes: Mapping[str, int] | None = None,
        page: int = IDS_PAGE,
        wall: int = WALL,
    ) -> None:
        """Bind the client, what to ask of every issue, how instants are written (``jql.instant``), and the sizes."""
        self.sizes = dict(sizes or {})
        self._zone = zone
        self._page = page
        self._wall = wall
        self._client = client
        # Levels depend there on a plug-in: the issue's type says by ``subtask`` and its name what it is.
        self._wanted = replace(wanted, levels=False)
        self._workers = client.connection.concurrency

    def fields(self) -> list[Field]:
        """Return the fields the site lists: one request."""
        return self._client.get(f"{API}/field", read=lambda body: rows(body, parse.field, "fields"))

    def statuses(self) -> list[Status]:
        """Return the statuses the site lists: one request."""
        return self._client.get(f"{API}/status", read=lambda body: rows(body, parse.status, "statuses"))

    def names(self, kind: Kind) -> list[str]:
        """Return the names of a kind that the site lists: one request."""
        path = f"{API}/{LISTS[kind]}"
        return self._client.get(path, read=lambda body: rows(body, parse.name, f"{kind} names"))

    def census(self, jql: str, position: Mapping[str, Any] | None) -> Listing:
        """Return a page of up to 1,000 (id, updated); below the wall a new list begins, created at or after the last.

        The order is by creation, which never changes: an edit moves no issue to another page. Ids would do as well,
        but JQL reads and sorts ``id`` as the key, project by project.
        """
        place = _Place(**(position or {}))
        beyond = f"created >= {language.instant(instant(place.since * 1000), self._zone)}" if place.since else ""
        query = combined(jql, beyond, ORDER)
        try:
            return shrinking(lambda size: self._listed(query, place, size), self.sizes, self._page, least=1)
        except UnansweredError as error:
            if isinstance(error.__cause__, PageError):
                raise
            return self._passed(query, place, error)

    def changed(self, jql: str, since: datetime, position: Any | None) -> Listing:
        """Refuse: the census of Data Center tells ``updated`` of every issue."""
        message = f"the census of Data Center tells what changed since {since}; {jql!r} at {position} was not needed"
        raise AssertionError(message)

    def count(self, jql: str, since: datetime | None = None, *, recent: datetime | None = None) -> int:  # noqa: ARG002 - no field is asked for apart
        """Return the total of a search for no issue: one request."""
        clause = f"updated >= {language.instant(since, self._zone)}" if since else ""
        body = {"jql": combined(jql, clause, ORDER), "fields": ["updated"], "maxResults": 0, "startAt": 0}
        return self._client.post(f"{API}/search", body, read=_read_total)

    def multi_valued(self, jql: str, recent: datetime, since: datetime | None, position: Any | None) -> Listing:
        """Refuse: Data Center returns every field of an issue with its history."""
        message = f"{jql!r} at {position} was not needed, neither of {recent} nor of {since}"
        raise AssertionError(message)

    def issues(self, *groups: Sequence[str], plain: Plain | None = None) -> Batch:  # noqa: ARG002 - all come whole
        """Return issues with their whole histories: 50 a request, several requests at a time."""
        size = size_of(self.sizes, "issues", ISSUES_PAGE)
        pages = parallel(self._attempt, [page for group in groups for page in chunks(group, size)], self._workers)
        raw = {issue_id: member for page, _ in pages for issue_id, member in page.items()}
        histories = {issue_id: member["changelog"]["histories"] for issue_id, member in raw.items()}
        batch = build({key: item for key, item in raw.items() if _is_whole(item)}, self._wanted, histories)
        cut = {key: INCOMPLETE for key, entry in raw.items() if not _is_whole(entry)}
        for issue_id in cut:
            log.warning("history is incomplete", extra={"issue_id": issue_id})
        whole = Batch(batch.issues, {**batch.broken, **cut})
        return settled(whole, [failure for _, failure in pages if failure])

    def histories(self, ids: Sequence[str]) -> dict[str, tuple[Transition, ...]]:
        """Return histories, 50 issues a request; an issue that is gone, or whose history came cut, has none."""
        size = size_of(self.sizes, "issues", ISSUES_PAGE)
        pages = parallel(lambda value: self._attempt(value, ["updated"]), chunks(ids, size), self._workers)
        whole = {issue_id: entry for page, _ in pages for issue_id, entry in page.items() if _is_whole(entry)}
        lost = {issue_id for _, failure in pages if failure for issue_id in failure.ids}
        entries = {issue_id: item["changelog"]["histories"] for issue_id, item in whole.items()}
        return {
            issue_id: parse.transitions(entries.get(issue_id, ()), self._wanted)[0]
            for issue_id in ids
            if issue_id not in lost
        }

    def visible(self, ids: Sequence[str]) -> set[str]:
        """Return those an unvalidated search by id still finds; a validated one refuses ids that are gone."""
        pages = parallel(lambda value: self._by_id(value, ["updated"]), chunks(ids, LOOK_PAGE), self._workers)
        return {issue_id for page in pages for issue_id in page}

    def matching(self, jql: str, ids: Sequence[str]) -> set[str]:
        """Return those that the same search finds with the JQL beside the ids."""
        pages = parallel(lambda value: self._by_id(value, ["updated"], jql=jql), chunks(ids, LOOK_PAGE), self._workers)
        return {issue_id for page in pages for issue_id in page}

    def versions(self, project: str, key: str) -> list[Version]:
        """Return all versions of a project: one request."""
        return read_versions(self._client, API, project, key)

    def zone(self) -> str:
        """Return the account's zone: one request, none for the anonymous."""
        return read_zone(self._client, API)

    def _listed(self, query: str, place: "_Place", size: int) -> Listing:
        """Return the page of a list by offsets that begins at a place."""

        def read(page: Any) -> Listing:
            listed, offset = _read_offsets(page, start=place.start, size=size, looked=place.looked, before=place.total)
            last = (listed[-1].get("fields") or {}).get("created") if listed else place.last
            known = replace(place, last=last, total=page["total"])
            after = None if offset.start is None else self._next_place(known, offset)
            updates = dict(rows(listed, read_update, "issues"))
            return Listing(updates, after, read_keys(listed), offset.unshown, is_warned(page, "warningMessages"))

        body = {"jql": query, "fields": SHORT, "maxResults": size, "startAt": place.start}
        control = Control(
            {**body, "jql": f"id in ({UNKNOWN_ID})", "maxResults": 1, "startAt": 0, "validateQuery": False}
        )
        return self._client.post(f"{API}/search", body, read=read, control=control)

    def _passed(self, query: str, place: "_Place", error: UnansweredError) -> Listing:
        """Return the page behind a place whose issue Jira cannot list. Raise the error if that one is not answered
        either, because then no single issue is at fault.
        """
        try:
            behind = self._listed(query, replace(place, start=place.start + 1), 1)
        except UnansweredError:
            raise error from error.__cause__
        log.warning("an issue cannot be listed", extra={"start": place.start, "why": str(error)})
        self.sizes.pop("ids", None)  # it is not the size of the page
        return replace(behind, unshown=behind.unshown + 1)

    def _next_place(self, place: "_Place", offset: Offset) -> dict[str, Any]:
        """Return where the list continues: at the offset, or in a new list where a page there would reach the wall."""
        start = offset.start or 0
        if start + self._page <= self._wall:
            return asdict(replace(place, start=start, looked=offset.looked))
        return asdict(_Place(_beyond(place.last, place.since)))

    def _attempt(
        self, ids: Sequence[str], fields: list[str] | None = None
    ) -> tuple[dict[str, dict[str, Any]], Failed | None]:
        """Return (id → issue with its whole history, what has to be asked for again)."""
        try:
            return self._by_id(ids, fields or self._wanted.fields, expand=["changelog"]), None
        except UnansweredError as error:
            return {}, Failed("issues", tuple(ids), str(error))

    def _by_id(
        self, ids: Sequence[str], fields: list[str], *, jql: str = "", expand: list[str] | None = None
    ) -> dict[str, dict[str, Any]]:
        """Return id → issue of those ids that are found, over as many pages as the server makes of them."""
        question: dict[str, Any] = {"fields": fields, "maxResults": len(ids), "validateQuery": False}
        question |= {"expand": expand} if expand else {}
        control = Control(question | _NOTHING, is_batch=True)
        question["jql"] = combined(jql, f"id in ({','.join(ids)})", ORDER)
        issues: dict[str, dict[str, Any]] = {}
        place = Offset(0)
        while place.start is not None:
            read = partial(_read_offsets, start=place.start, size=len(ids), looked=place.looked, whole=bool(expand))
            body = {**question, "startAt": place.start}
            listed, place = self._client.post(f"{API}/search", body, read=read, control=control)
            issues |= {str(item["id"]): item for item in listed}
        return {issue_id: issues[issue_id] for issue_id in ids if issue_id in issues}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a census stands: in a list of issues created since an instant (epoch milliseconds), at an offset.

    ``last`` is when the last listed issue was created, as Jira wrote it; ``looked`` as in ``Offset``; ``total`` that of
    the page before.
    """

    since: int = 0
    start: int = 0
    looked: bool = False
    last: Any = None
    total: int | None = None


def _read_offsets(
    page: Any, *, start: int, size: int, looked: bool, whole: bool = False, before: int | None = None
) -> tuple[list[dict[str, Any]], Offset]:
    """Return (issues of a page by offset, where the next one is); ``whole``: each has to hold its changelog."""
    listed = required(page, "issues", list)
    rows(listed, lambda value: value["id"], "issues")
    for item in listed if whole else ():
        changelog = required(item, "changelog", dict)
        required(changelog, "histories", list)
        required(changelog, "total", int)
    most = page.get("maxResults")
    step = most if isinstance(most, int) and 0 < most < size else size
    return listed, next_offset(page, start, len(listed), step, looked=looked, before=before)


def _read_total(page: Any) -> int:
    total: int = required(page, "total", int)
    return total


def _is_whole(raw: Mapping[str, Any]) -> bool:
    return len(raw["changelog"]["histories"]) >= int(raw["changelog"]["total"])


def _beyond(last: Any, since: int) -> int:
    """Return the epoch milliseconds of the last issue before the wall, where a new list begins; it lies further on."""
    try:
        created = micros(parse.moment(last)) // 1000
    except (TypeError, ValueError) as error:
        raise PageError("Jira listed an issue without an instant of creation") from error
    if created <= since:
        raise FatalError(
            "more issues were created at one instant than Jira lists of a query; narrow the JQL into several profiles"
        )
    return created
