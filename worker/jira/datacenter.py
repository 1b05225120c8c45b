"""Jira Data Center, REST v2: (id, updated) by pages below the wall, changed issues with embedded histories.

Jira Server answers the same.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from models.configured import Kind
from models.records import Field, Status, Transition, Version, instant, micros
from worker.errors import FatalError, RetryableError
from worker.jira import jql as language
from worker.jira import parse
from worker.jira.client import Client
from worker.jira.cloud import build, read_keys, read_update, read_versions, read_zone
from worker.jira.jql import combined
from worker.jira.pages import next_start, required, rows
from worker.jira.reader import INCOMPLETE, LISTS, Batch, Listing, chunks, parallel

log = logging.getLogger(__name__)

API: Final = "/rest/api/2"
IDS_PAGE: Final = 1_000
ISSUES_PAGE: Final = 50  # with whole histories: small pages spare the server's memory
LOOK_PAGE: Final = 100
WALL: Final = 10_000  # a deeper startAt is an error on newer platforms
SHORT: Final = ["created", "updated"]
ORDER: Final = "created ASC, key ASC"


class DataCenter:
    """Reads a Data Center or Server site through one client."""

    lists_updates = True

    def __init__(
        self,
        client: Client,
        wanted: parse.Wanted,
        *,
        zone: str | None = None,
        page: int = IDS_PAGE,
        wall: int = WALL,
    ) -> None:
        """Bind the client, what to ask of every issue, and how instants are written (``jql.instant``)."""
        self._zone = zone
        self._page = page
        self._wall = wall
        self._client = client
        self._wanted = replace(wanted, levels=False)
        self._workers = client.connection.concurrency

    def fields(self) -> list[Field]:
        """The fields the site lists: one request."""
        return rows(self._client.get(f"{API}/field"), parse.field, "fields")

    def statuses(self) -> list[Status]:
        """The statuses the site lists: one request."""
        return rows(self._client.get(f"{API}/status"), parse.status, "statuses")

    def names(self, kind: Kind) -> list[str]:
        """Return the names of a kind that the site lists: one request."""
        return rows(self._client.get(f"{API}/{LISTS[kind]}"), parse.name, f"{kind} names")

    def census(self, jql: str, position: list[Any] | None) -> Listing:
        """A page of up to 1,000 (id, updated); a position is [least created, startAt], begun anew below the wall.

        The order is by creation, which never changes: an edit moves no issue to another page. Ids would do as well,
        but JQL reads and sorts ``id`` as the key, project by project.
        """
        since, start = position or (0, 0)
        beyond = f"created >= {language.instant(instant(since * 1000), self._zone)}" if since else ""
        page = self._search(combined(jql, beyond, ORDER), SHORT, self._page, start)
        found = required(page, "issues", list)
        updates = dict(rows(found, read_update, "issues"))
        keys = read_keys(found)
        after = next_start(page, start, len(found))
        if after is None or after + self._page <= self._wall:
            return Listing(updates, None if after is None else [since, after], keys)
        return Listing(updates, [_beyond(found[-1], since), 0], keys)

    def changed(self, jql: str, since: datetime, position: Any | None) -> Listing:
        """Never asked: the census of Data Center tells ``updated`` of every issue."""
        message = f"the census of Data Center tells what changed since {since}; {jql!r} at {position} was not needed"
        raise AssertionError(message)

    def issues(self, ids: Sequence[str]) -> Batch:
        """50 issues a request with their whole histories, several requests at a time."""
        pages = parallel(self._whole, chunks(ids, ISSUES_PAGE), self._workers)
        raw = {issue_id: each for page in pages for issue_id, each in page.items()}
        histories = {issue_id: each["changelog"]["histories"] for issue_id, each in raw.items()}
        batch = build({key: each for key, each in raw.items() if _is_whole(each)}, self._wanted, histories)
        cut = {key: INCOMPLETE for key, each in raw.items() if not _is_whole(each)}
        for issue_id in cut:
            log.warning("history is incomplete", extra={"issue_id": issue_id})
        return Batch(batch.issues, {**batch.broken, **cut})

    def histories(self, ids: Sequence[str]) -> dict[str, tuple[Transition, ...]]:
        """50 issues a request; an issue that is gone meanwhile, or whose history came cut, has none."""
        pages = parallel(lambda some: self._whole(some, ["updated"]), chunks(ids, ISSUES_PAGE), self._workers)
        whole = {issue_id: each for page in pages for issue_id, each in page.items() if _is_whole(each)}
        histories = {issue_id: each["changelog"]["histories"] for issue_id, each in whole.items()}
        return {issue_id: parse.transitions(histories.get(issue_id, ()), self._wanted)[0] for issue_id in ids}

    def visible(self, ids: Sequence[str]) -> set[str]:
        """Those an unvalidated search by id still finds; a validated one refuses ids that are gone."""
        pages = parallel(lambda some: self._by_id(some, ["updated"]), chunks(ids, LOOK_PAGE), self._workers)
        return {issue_id for page in pages for issue_id in page}

    def matching(self, jql: str, ids: Sequence[str]) -> set[str]:
        """As ``visible``, with the JQL beside the ids."""
        pages = parallel(lambda some: self._by_id(some, ["updated"], jql=jql), chunks(ids, LOOK_PAGE), self._workers)
        return {issue_id for page in pages for issue_id in page}

    def versions(self, project: str, key: str) -> list[Version]:
        """All versions of a project: one request."""
        return read_versions(self._client, API, project, key)

    def zone(self) -> str:
        """One request, none for the anonymous."""
        return read_zone(self._client, API)

    def _whole(self, ids: Sequence[str], fields: list[str] | None = None) -> dict[str, dict[str, Any]]:
        found = self._by_id(ids, fields or self._wanted.fields, expand=["changelog"])
        for each in found.values():
            changelog = required(each, "changelog", dict)
            required(changelog, "histories", list)
            required(changelog, "total", int)
        return found

    def _by_id(
        self, ids: Sequence[str], fields: list[str], *, jql: str = "", expand: list[str] | None = None
    ) -> dict[str, dict[str, Any]]:
        """Id → issue of those ids that are found, over as many pages as the server makes of them."""
        query = combined(jql, f"id in ({','.join(ids)})", ORDER)
        found: dict[str, dict[str, Any]] = {}
        start: int | None = 0
        while start is not None:
            page = self._search(query, fields, len(ids), start, expand=expand, validateQuery=False)
            issues = rows(required(page, "issues", list), lambda each: (str(each["id"]), each), "issues")
            found.update(issues)
            start = next_start(page, start, len(issues))
        return {issue_id: found[issue_id] for issue_id in ids if issue_id in found}

    def _search(self, jql: str, fields: list[str], size: int, start: int, **more: Any) -> dict[str, Any]:
        body = {"jql": jql, "fields": fields, "maxResults": size, "startAt": start}
        more = {name: value for name, value in more.items() if value is not None}
        page: dict[str, Any] = self._client.post(f"{API}/search", body | more)
        return page


def _is_whole(raw: Mapping[str, Any]) -> bool:
    return len(raw["changelog"]["histories"]) >= int(raw["changelog"]["total"])


def _beyond(last: Mapping[str, Any], since: int) -> int:
    """Epoch milliseconds of the last issue before the wall, where the next list begins; it must lie further on."""
    try:
        created = micros(parse.moment(last["fields"]["created"])) // 1000
    except (KeyError, TypeError, ValueError) as error:
        raise RetryableError("Jira listed an issue without an instant of creation") from error
    if created <= since:
        raise FatalError(
            "more issues were created at one instant than Jira lists of a query; narrow the JQL into several profiles"
        )
    return created
