"""Jira Cloud, REST v3: ids by census, issues by bulk fetch, histories by bulk changelog.

Issues are read before their histories: an edit between the two leaves ``updated`` older than the history, so that the
next fetch reads the issue again. The other way round a change could be missed for ever.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from models.configured import Kind
from models.records import Field, Issue, Status, Transition, Version
from worker.errors import FatalError, RetryableError
from worker.jira import parse
from worker.jira.client import Client
from worker.jira.faults import LoginError, MissingError, RefusedError
from worker.jira.jql import combined, instant
from worker.jira.pages import next_token, required, rows
from worker.jira.reader import INCOMPLETE, LISTS, Batch, Listing, chunks, parallel

log = logging.getLogger(__name__)

API: Final = "/rest/api/3"
IDS_PAGE: Final = 5_000
ISSUES_PAGE: Final = 100
MATCHING_IDS: Final = 500
CHANGELOG_ISSUES: Final = 1_000
CHANGELOG_PAGE: Final = 10_000
CHANGELOG_PAGES: Final = 500  # of one question: beyond it something is wrong, and half a history is none


class Cloud:
    """Reads a Jira Cloud site through one client."""

    lists_updates = False

    def __init__(
        self, client: Client, wanted: parse.Wanted, *, zone: str | None = None, changelog_page: int = CHANGELOG_PAGE
    ) -> None:
        """Bind the client, what to ask of every issue, and how instants are written (``jql.instant``)."""
        self._zone = zone
        self._changelog_page = changelog_page
        self._client = client
        self._wanted = wanted
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

    def census(self, jql: str, position: str | None) -> Listing:
        """Return a page of up to 5,000 ids and keys; with any other field a page would hold 100."""
        return self._search(combined(jql), ["key"], IDS_PAGE, position)

    def changed(self, jql: str, since: datetime, position: str | None) -> Listing:
        """A page of up to 100 (id, updated), oldest change first."""
        clause = f"updated >= {instant(since, self._zone)}"
        return self._search(combined(jql, clause, "updated ASC, key ASC"), ["updated"], ISSUES_PAGE, position)

    def issues(self, ids: Sequence[str]) -> Batch:
        """100 issues a request, several requests at a time, then the histories of all of them."""
        pages = parallel(self._bulk, chunks(ids, ISSUES_PAGE), self._workers)
        raw = {issue_id: each for page in pages for issue_id, each in page.items()}
        histories = self._histories(list(raw))
        batch = build({key: each for key, each in raw.items() if key in histories}, self._wanted, histories)
        return Batch(batch.issues, {**batch.broken, **dict.fromkeys(raw.keys() - histories.keys(), INCOMPLETE)})

    def histories(self, ids: Sequence[str]) -> dict[str, tuple[Transition, ...]]:
        """1,000 issues a request; one each for the anonymous."""
        found = self._histories(ids)
        return {issue_id: parse.transitions(found.get(issue_id, ()), self._wanted)[0] for issue_id in ids}

    def visible(self, ids: Sequence[str]) -> set[str]:
        """Those a bulk fetch still returns; it reads the database, not the search index."""
        pages = parallel(lambda some: self._bulk(some, ["updated"]), chunks(ids, ISSUES_PAGE), self._workers)
        return {issue_id for page in pages for issue_id in page}

    def matching(self, jql: str, ids: Sequence[str]) -> set[str]:
        """Up to 500 ids a request."""
        pages = parallel(lambda some: self._matching(jql, some), chunks(ids, MATCHING_IDS), self._workers)
        return {issue_id for page in pages for issue_id in page}

    def versions(self, project: str, key: str) -> list[Version]:
        """All versions of a project: one request."""
        return read_versions(self._client, API, project, key)

    def zone(self) -> str:
        """One request, none for the anonymous."""
        return read_zone(self._client, API)

    def _search(self, jql: str, fields: list[str], size: int, position: str | None) -> Listing:
        body = {"jql": jql, "fields": fields, "maxResults": size}
        page = self._client.post(f"{API}/search/jql", body | ({"nextPageToken": position} if position else {}))
        found = required(page, "issues", list)
        token = next_token(page, {position or ""}, empty=not found)
        return Listing(dict(rows(found, read_update, "issues")), token, read_keys(found))

    def _matching(self, jql: str, ids: Sequence[str]) -> Mapping[str, Any]:
        try:
            return self._search(combined(jql, f"id in ({','.join(ids)})"), ["id"], IDS_PAGE, None).updates
        except RefusedError as error:  # an id that is gone meanwhile is refused; the next look leaves it out
            raise RetryableError("an issue disappeared from Jira while it was looked at") from error

    def _bulk(self, ids: Sequence[str], fields: list[str] | None = None) -> dict[str, dict[str, Any]]:
        """Id → issue, of those asked for: nothing else is wanted, whatever comes."""
        body = {"issueIdsOrKeys": list(ids), "fields": fields or self._wanted.fields}
        page = self._client.post(f"{API}/issue/bulkfetch", body)
        found = rows(required(page, "issues", list), lambda each: (str(each["id"]), each), "issues")
        faults = page.get("issueErrors") or ()
        if faults:
            raise RetryableError(f"Jira could not read {len(faults)} of {len(ids)} issues just now")
        wanted = set(ids)
        return {issue_id: each for issue_id, each in found if issue_id in wanted}

    def _histories(self, ids: Sequence[str]) -> dict[str, list[Any]]:
        """Id → histories; one that came with fewer than its own ``total``, or is gone, is left out."""
        if self._client.anonymous:  # the bulk changelog has no anonymous access
            pages = zip(ids, parallel(self._history_of, ids, self._workers), strict=True)
            return {issue_id: histories for issue_id, histories in pages if histories is not None}
        found: dict[str, list[Any]] = {issue_id: [] for issue_id in ids}
        for part in parallel(self._bulk_histories, chunks(ids, CHANGELOG_ISSUES), self._workers):
            for issue_id, histories in part:
                found.setdefault(issue_id, []).extend(histories)
        return found

    def _bulk_histories(self, ids: Sequence[str]) -> list[tuple[str, list[Any]]]:
        """One issue's histories may be spread over pages, and a page may repeat the last entry of the one before."""
        body = {
            "issueIdsOrKeys": list(ids),
            "fieldIds": self._wanted.tracked,
            "maxResults": self._changelog_page,
        }
        found: list[tuple[str, list[Any]]] = []
        seen: set[str] = set()
        for _ in range(CHANGELOG_PAGES):
            page = self._changelogs(body)
            logs = required(page, "issueChangeLogs", list)
            found.extend(
                rows(logs, lambda each: (str(each["issueId"]), required(each, "changeHistories", list)), "logs")
            )
            token = next_token(page, seen, empty=not logs)
            if token is None:
                return found
            seen.add(token)
            body = body | {"nextPageToken": token}
        raise RetryableError(f"Jira's changelog did not end after {CHANGELOG_PAGES} pages")

    def _changelogs(self, body: Mapping[str, Any]) -> dict[str, Any]:
        try:
            page: dict[str, Any] = self._client.post(f"{API}/changelog/bulkfetch", body)
        except RefusedError as error:
            if "nextPageToken" not in body:
                raise
            raise RetryableError("Jira refused the token it gave for the next page of a changelog") from error
        return page

    def _history_of(self, issue_id: str) -> list[Any] | None:
        try:
            return self._paged_history(issue_id)
        except MissingError:  # it disappeared since it was listed; the next fetch looks for it
            return None

    def _paged_history(self, issue_id: str) -> list[Any] | None:
        found: list[Any] = []
        while True:
            page = self._client.get(f"{API}/issue/{issue_id}/changelog", {"startAt": len(found), "maxResults": 100})
            values = required(page, "values", list)
            found.extend(values)
            if len(found) >= required(page, "total", int):
                return found
            if page.get("isLast") is True:
                log.warning("history is incomplete", extra={"issue_id": issue_id, "total": page["total"]})
                return None
            if not values:
                raise RetryableError(f"Jira sent an empty changelog page at {len(found)} of {page['total']}")


def read_versions(client: Client, api: str, project: str, key: str) -> list[Version]:
    """Return the versions of a project, a plain list on both flavours."""
    path = f"{api}/project/{quote(project, safe='')}/versions"
    return rows(client.get(path), lambda each: parse.version(each, key), "versions")


def read_zone(client: Client, api: str) -> str:
    """The account's time zone, empty where Jira does not tell it to this login."""
    if client.anonymous:
        return ""
    try:
        account = client.get(f"{api}/myself")
    except LoginError:  # nothing that is read with it is what the account sees
        raise
    except FatalError:
        return ""
    return str(account.get("timeZone") or "") if isinstance(account, dict) else ""


def build(
    raw: Mapping[str, Mapping[str, Any]],
    wanted: parse.Wanted,
    histories: Mapping[str, Iterable[Any]],
) -> Batch:
    """Issues from what Jira sent; one that cannot be read is named and costs only itself."""
    issues: list[Issue] = []
    broken: dict[str, str] = {}
    for issue_id, each in raw.items():
        try:
            issues.append(parse.issue(each, wanted, histories.get(issue_id, ())))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            broken[issue_id] = f"{type(error).__name__}: {error}"
            log.warning("issue cannot be read", extra={"issue_id": issue_id, "why": broken[issue_id]})
    for found in issues:
        if found.findings:
            log.warning("history is damaged", extra={"key": found.key, "found": dict(found.findings)})
    return Batch(tuple(issues), broken)


def read_update(raw: Mapping[str, Any]) -> tuple[str, datetime | None]:
    """(id, ``updated``) of a listed issue; an instant that cannot be read costs only itself."""
    value = (raw.get("fields") or {}).get("updated")
    try:
        return str(raw["id"]), None if value is None else parse.moment(value)
    except ValueError:
        return str(raw["id"]), None


def read_keys(listed: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return id → key of listed issues, those without a key left out."""
    keys = ((str(raw["id"]), parse.text(raw.get("key"))) for raw in listed)
    return {issue_id: key for issue_id, key in keys if key}
