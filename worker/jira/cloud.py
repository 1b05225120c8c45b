"""Jira Cloud, REST v3: ids by census, issues by bulk fetch, histories by bulk changelog.

Issues are read before their histories: an edit between the two leaves ``updated`` older than the history, so that the
next fetch reads the issue again. The other way round a change could be missed for ever.
"""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from models.configured import Kind
from models.records import Field, Issue, Status, Transition, Version
from worker.errors import FatalError, UnansweredError
from worker.jira import parse
from worker.jira.bulk_issues import BulkIssues
from worker.jira.client import SERVER_INFO, Client, Control
from worker.jira.faults import AstrayError, ForbiddenError, LoginError, MissingError, RefusedError
from worker.jira.jql import combined, instant, without_order
from worker.jira.multi_valued import has_value, is_doubtful
from worker.jira.pages import PageError, is_warned, next_position, required, rows
from worker.jira.reader import (
    INCOMPLETE,
    LISTS,
    UNKNOWN_ID,
    Batch,
    Failed,
    Listing,
    PageSizes,
    Plain,
    chunks,
    parallel,
    settled,
    shrinking,
    size_of,
)

log = logging.getLogger(__name__)

API: Final = "/rest/api/3"
IDS_PAGE: Final = 5_000
CHANGED_PAGE: Final = 100
MATCHING_IDS: Final = 500
CHANGELOG_ISSUES: Final = 1_000
CHANGELOG_PAGE: Final = 10_000
SINGLE_CHANGELOG_PAGE: Final = 1_000
_PAGES: Final = PageSizes()
CHANGELOG_PAGES: Final = 500  # of one question: beyond it something is wrong, and half a history is none


class Cloud:
    """Reads a Jira Cloud site through one client."""

    lists_updates = False

    def __init__(
        self,
        client: Client,
        wanted: parse.Wanted,
        *,
        zone: str | None = None,
        sizes: Mapping[str, int] | None = None,
        pages: PageSizes = _PAGES,
        changelog_page: int = CHANGELOG_PAGE,
    ) -> None:
        """Bind the client, what to ask of every issue, how instants are written (``jql.instant``), and the sizes."""
        self.sizes = dict(sizes or {})
        self._zone = zone
        self._bulk = BulkIssues(client, wanted, self.sizes, pages)
        self._changelog_page = changelog_page
        self._client = client
        self._wanted = wanted
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
        """Return a page of up to 5,000 ids and keys; with any other field a page would hold 100."""
        return self._search(combined(jql), ["key"], IDS_PAGE, position)

    def changed(self, jql: str, since: datetime, position: Mapping[str, Any] | None) -> Listing:
        """Return a page of up to 100 (id, updated), oldest change first."""
        clause = f"updated >= {instant(since, self._zone)}"
        return self._search(combined(jql, clause, "updated ASC, key ASC"), ["updated"], CHANGED_PAGE, position)

    def multi_valued(self, jql: str, recent: datetime, since: datetime | None, position: Any | None) -> Listing:
        """Return a page of up to 5,000 ids."""
        return self._search(combined(jql, self._clause(since, recent)), ["id"], IDS_PAGE, position)

    def count(self, jql: str, since: datetime | None = None, *, recent: datetime | None = None) -> int:
        """Return Jira's approximate count: one request."""
        return self._counted(combined(jql, self._clause(since, recent)))

    def _counted(self, jql: str) -> int:
        return self._client.post(f"{API}/search/approximate-count", {"jql": without_order(jql)}, read=_read_count)

    def _clause(self, since: datetime | None, recent: datetime | None) -> str:
        lately = [f"updated >= {instant(since, self._zone)}"] if since else []
        values = [has_value(self._wanted.multi_valued, instant(recent, self._zone))] if recent else []
        return " AND ".join([*lately, *values])

    def issues(self, *groups: Sequence[str], plain: Plain | None = None) -> Batch:
        """Return issues: 100 or 1,000 a request, several requests at a time, then the histories of each group."""
        raw, lean, failures = self._bulk.read(groups, plain.ids if plain else ())
        present = [[issue_id for issue_id in group if issue_id in raw] for group in groups]
        histories, failed = self._histories([group for group in present if group])
        lost = {issue_id for failure in failed for issue_id in failure.ids}
        batch = build({key: item for key, item in raw.items() if key in histories}, self._wanted, histories)
        incomplete = dict.fromkeys(raw.keys() - histories.keys() - lost, INCOMPLETE)
        kept, doubtful = self._doubted(batch.issues, lean, plain)
        whole = Batch(kept, {**batch.broken, **incomplete}, doubtful=doubtful)
        return settled(whole, [*failures, *failed])

    def _doubted(
        self, issues: tuple[Issue, ...], lean: Collection[str], plain: Plain | None
    ) -> tuple[tuple[Issue, ...], frozenset[str]]:
        """Return (the issues less the doubtful ones, the ids of these): what was asked of them may be too little."""
        if plain is None or not lean:
            return issues, frozenset()
        fields = self._wanted.multi_valued.keys()
        doubtful = frozenset(
            issue.issue_id for issue in issues if issue.issue_id in lean and is_doubtful(issue, fields, plain.recent)
        )
        return tuple(issue for issue in issues if issue.issue_id not in doubtful), doubtful

    def histories(self, ids: Sequence[str]) -> dict[str, tuple[Transition, ...]]:
        """Return histories: 1,000 issues a request; one each for the anonymous."""
        answered, failed = self._histories([ids])
        lost = {issue_id for failure in failed for issue_id in failure.ids}
        return {
            issue_id: parse.transitions(answered.get(issue_id, ()), self._wanted)[0]
            for issue_id in ids
            if issue_id not in lost
        }

    def visible(self, ids: Sequence[str]) -> set[str]:
        """Return those a bulk fetch returns or fails to load: 1,000 a request; it reads the database."""
        return self._bulk.visible(ids)

    def matching(self, jql: str, ids: Sequence[str]) -> set[str]:
        """Return those that are found, of up to 500 ids a request."""
        pages = parallel(lambda value: self._matching(jql, value), chunks(ids, MATCHING_IDS), self._workers)
        return {issue_id for page in pages for issue_id in page}

    def versions(self, project: str, key: str) -> list[Version]:
        """Return all versions of a project: one request."""
        return read_versions(self._client, API, project, key)

    def zone(self) -> str:
        """Return the account's zone: one request, none for the anonymous."""
        return read_zone(self._client, API)

    def _search(self, jql: str, fields: list[str], most: int, position: Mapping[str, Any] | None) -> Listing:
        def read(page: Any) -> Listing:
            listed = required(page, "issues", list)
            after = next_position(page, position, len(listed))
            updates = dict(rows(listed, read_update, "issues"))
            is_cut = after is None and page.get("isLast") is False
            warned = is_warned(page, "warnings") or (is_cut and self._is_short(jql, position, len(listed)))
            return Listing(updates, after, read_keys(listed), is_warned=warned)

        def ask(size: int) -> Listing:
            body = {"jql": jql, "fields": fields, "maxResults": size}
            token = {"nextPageToken": position["token"]} if position else {}
            control = Control({**body, "jql": f"id in ({UNKNOWN_ID})", "maxResults": 1})
            return self._client.post(f"{API}/search/jql", body | token, read=read, control=control)

        try:
            return shrinking(ask, self.sizes, most)
        except (RefusedError, UnansweredError) as error:
            if position is None or not self._has_ended(jql, position, error):
                raise
            log.info("a list ended, though its last page gave a token", extra={"why": str(error)})
            return Listing({}, None)

    def _is_short(self, jql: str, position: Mapping[str, Any] | None, got: int) -> bool:
        """Return whether a list ended, on a page that is not the last by its own word, before all that Jira counts."""
        came, count = got + (position["count"] if position else 0), self._counted(jql)
        if came < count:
            log.warning("a list ended too early", extra={"came": came, "count": count})
        return came < count

    def _has_ended(self, jql: str, position: Mapping[str, Any], error: FatalError) -> bool:
        """Return whether nothing can follow a token that leads nowhere: the page said so, or all that Jira counts has
        come.
        """
        if position["is_last"] and isinstance(error, RefusedError):
            return True
        try:
            count = self._counted(jql)
        except FatalError:
            return False
        return bool(position["count"] >= count)

    def _matching(self, jql: str, ids: Sequence[str]) -> Mapping[str, Any]:
        try:
            return self._search(combined(jql, f"id in ({','.join(ids)})"), ["id"], IDS_PAGE, None).updates
        except RefusedError as error:  # an id that is gone meanwhile is refused, and with it the whole question
            raise UnansweredError(f"an issue disappeared from Jira while it was looked at: {error}") from error

    def _histories(self, groups: Sequence[Sequence[str]]) -> tuple[dict[str, list[Any]], list[Failed]]:
        """Return (id → histories, what failed); an issue that is gone, or whose histories came cut, is in neither."""
        ids = [issue_id for group in groups for issue_id in group]
        if self._client.anonymous:  # the bulk changelog has no anonymous access
            read = parallel(self._history_of, ids, self._workers)
            return {key: value for key, value in zip(ids, read, strict=True) if isinstance(value, list)}, [
                value for value in read if isinstance(value, Failed)
            ]
        size = size_of(self.sizes, "histories", CHANGELOG_ISSUES)
        questions = [part for group in groups for part in chunks(group, size)]
        histories: dict[str, list[Any]] = {}
        failed: list[Failed] = []
        for part, answer in zip(questions, parallel(self._bulk_part, questions, self._workers), strict=True):
            if isinstance(answer, Failed):
                failed.append(answer)
                continue
            histories |= {issue_id: [] for issue_id in part}
            for issue_id, entries in answer:
                histories.setdefault(issue_id, []).extend(entries)
        return histories, failed

    def _bulk_part(self, ids: Sequence[str]) -> list[tuple[str, list[Any]]] | Failed:
        try:
            return self._bulk_histories(ids)
        except UnansweredError as error:
            return Failed("histories", tuple(ids), str(error))

    def _bulk_histories(self, ids: Sequence[str]) -> list[tuple[str, list[Any]]]:
        """Return (id, histories) by pages: one issue's are spread over them, and a page may repeat an entry.

        A single issue that has many is asked for in smaller pages.
        """
        size = self._changelog_page if len(ids) > 1 else min(self._changelog_page, SINGLE_CHANGELOG_PAGE)
        body = {"issueIdsOrKeys": list(ids), "fieldIds": self._wanted.tracked, "maxResults": size}
        control = Control({**body, "issueIdsOrKeys": [UNKNOWN_ID]}, is_batch=True)
        logs: list[tuple[str, list[Any]]] = []
        position: Any | None = None
        for _ in range(CHANGELOG_PAGES):
            token = {"nextPageToken": position["token"]} if position else {}
            read = partial(_read_logs, position=position)
            more, position = self._client.post(f"{API}/changelog/bulkfetch", body | token, read=read, control=control)
            logs += more
            if position is None:
                return logs
        raise UnansweredError(f"Jira's changelog did not end after {CHANGELOG_PAGES} pages")

    def _history_of(self, issue_id: str) -> list[Any] | Failed | None:
        """Return the histories of one issue; None where they came incomplete, or it disappeared since it was listed."""
        try:
            return self._paged_history(issue_id)
        except MissingError:
            return None
        except (UnansweredError, RefusedError, ForbiddenError, LoginError, AstrayError) as error:
            return Failed("histories", (issue_id,), str(error))

    def _paged_history(self, issue_id: str) -> list[Any] | None:
        entries: list[Any] = []
        path = f"{API}/issue/{issue_id}/changelog"
        control = Control(path=f"{API}/issue/{UNKNOWN_ID}/changelog")
        while True:
            start = len(entries)
            asked = {"startAt": start, "maxResults": 100}
            read = partial(_read_changelog, start=start)
            values, total, is_last = self._client.get(path, asked, read=read, control=control)
            entries += values
            if len(entries) >= total:
                return entries
            if is_last:
                log.warning("history is incomplete", extra={"issue_id": issue_id, "total": total})
                return None


def _read_count(page: Any) -> int:
    count: int = required(page, "count", int)
    return count


def _read_logs(page: Any, position: Any | None) -> tuple[list[tuple[str, list[Any]]], Any | None]:
    """Return ((id, histories) of each issue of a page of the bulk changelog, where the next page is)."""
    logs = required(page, "issueChangeLogs", list)
    read = rows(logs, lambda value: (str(value["issueId"]), required(value, "changeHistories", list)), "logs")
    return read, next_position(page, position, len(logs))


def _read_changelog(page: Any, start: int) -> tuple[list[Any], int, bool]:
    """Return (histories, how many there are in all, whether the page says it is the last) of one issue's changelog."""
    values, total = required(page, "values", list), required(page, "total", int)
    is_last = page.get("isLast") is True
    if not values and not is_last and start < total:
        raise PageError(f"Jira sent an empty changelog page at {start} of {total}")
    return values, total, is_last


def read_versions(client: Client, api: str, project: str, key: str) -> list[Version]:
    """Return the versions of a project, a plain list on both flavours."""
    path = f"{api}/project/{quote(project, safe='')}/versions"
    return client.get(
        path,
        read=lambda body: rows(body, lambda value: parse.version(value, key), "versions"),
        control=Control(path=SERVER_INFO),
    )


def read_zone(client: Client, api: str) -> str:
    """Return the account's time zone, empty where Jira does not tell it to this login."""
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
    """Return issues from what Jira sent; one that cannot be read is named and costs only itself."""
    issues: list[Issue] = []
    broken: dict[str, str] = {}
    for issue_id, item in raw.items():
        try:
            issues.append(parse.issue(item, wanted, histories.get(issue_id, ())))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            broken[issue_id] = f"{type(error).__name__}: {error}"
            log.warning("issue cannot be read", extra={"issue_id": issue_id, "why": broken[issue_id]})
    for issue in issues:
        if issue.findings:
            log.warning("history is damaged", extra={"key": issue.key, "found": dict(issue.findings)})
    return Batch(tuple(issues), broken)


def read_update(raw: Mapping[str, Any]) -> tuple[str, datetime | None]:
    """Return (id, ``updated``) of a listed issue; an instant that cannot be read costs only itself."""
    value = (raw.get("fields") or {}).get("updated")
    try:
        return str(raw["id"]), None if value is None else parse.moment(value)
    except ValueError:
        return str(raw["id"]), None


def read_keys(listed: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return id → key of listed issues, those without a key left out."""
    keys = ((str(raw["id"]), parse.text(raw.get("key"))) for raw in listed)
    return {issue_id: key for issue_id, key in keys if key}
