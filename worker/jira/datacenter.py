"""Jira Data Center, REST v2: (id, updated) by pages below the wall, changed issues with embedded histories.

Jira Server answers the same.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from models.records import Field, Status, Version
from worker.errors import RetryableError
from worker.jira import parse
from worker.jira.client import Client
from worker.jira.cloud import build, read_versions
from worker.jira.jql import combined
from worker.jira.pages import next_start, required
from worker.jira.reader import Batch, Listing, chunks, parallel

API: Final = "/rest/api/2"
IDS_PAGE: Final = 1_000
ISSUES_PAGE: Final = 50  # with whole histories: small pages spare the server's memory
WALL: Final = 10_000  # a deeper startAt is an error on newer platforms


class DataCenter:
    """Reads a Data Center or Server site through one client."""

    lists_updates = True

    def __init__(self, client: Client, wanted: parse.Wanted) -> None:
        """Bind the client and what to ask of every issue."""
        self._client = client
        self._wanted = wanted
        self._workers = client.connection.concurrency

    def fields(self) -> list[Field]:
        """The fields the site lists: one request."""
        return [parse.field(each) for each in self._client.get(f"{API}/field")]

    def statuses(self) -> list[Status]:
        """The statuses the site lists: one request."""
        return [parse.status(each) for each in self._client.get(f"{API}/status")]

    def census(self, jql: str, position: list[Any] | None) -> Listing:
        """A page of up to 1,000 (id, updated); a position is [least id, startAt], begun anew below the wall."""
        above, start = position or ("", 0)
        page = self._search(combined(jql, f"id > {above}" if above else ""), ["updated"], IDS_PAGE, start)
        found = required(page, "issues", list)
        after = next_start(page, start, len(found))
        updates = {str(each["id"]): parse.moment(each["fields"]["updated"]) for each in found}
        if after is None:
            return Listing(updates, None)
        # The next page would cross the wall: begin again above the last id.
        return Listing(updates, [above, after] if after + IDS_PAGE <= WALL else [str(found[-1]["id"]), 0])

    def changed(self, jql: str, since: datetime, position: Any | None) -> Listing:
        """Never asked: the census of Data Center tells ``updated`` of every issue."""
        message = f"the census of Data Center tells what changed since {since}; {jql!r} at {position} was not needed"
        raise AssertionError(message)

    def issues(self, ids: Sequence[str]) -> Batch:
        """50 issues a request with their whole histories, several requests at a time."""
        pages = parallel(self._whole, chunks(ids, ISSUES_PAGE), self._workers)
        raw = {str(each["id"]): each for page in pages for each in page}
        histories = {issue_id: each["changelog"]["histories"] for issue_id, each in raw.items()}
        return build(raw, self._wanted, histories)

    def visible(self, ids: Sequence[str]) -> set[str]:
        """Those an unvalidated search by id still finds; a validated one refuses ids that are gone."""
        pages = parallel(lambda some: self._by_id(some, ["updated"]), chunks(ids, ISSUES_PAGE), self._workers)
        return {str(each["id"]) for page in pages for each in page}

    def versions(self, project: str) -> list[Version]:
        """All versions of a project: one request."""
        return read_versions(self._client, API, project)

    def _whole(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        found = self._by_id(ids, self._wanted.fields, expand=["changelog"])
        for each in found:
            changelog = required(each, "changelog", dict)
            got, total = len(required(changelog, "histories", list)), required(changelog, "total", int)
            if got < total:
                raise RetryableError(f"Jira sent {got} of {total} history entries of issue {each['id']}")
        return found

    def _by_id(self, ids: Sequence[str], fields: list[str], expand: list[str] | None = None) -> list[dict[str, Any]]:
        """All of the ids, over as many pages as the server makes of them."""
        jql = f"id in ({','.join(ids)}) ORDER BY id ASC"
        found: list[dict[str, Any]] = []
        start: int | None = 0
        while start is not None:
            page = self._search(jql, fields, len(ids), start, expand)
            issues = required(page, "issues", list)
            found.extend(issues)
            start = next_start(page, start, len(issues))
        return found

    def _search(
        self, jql: str, fields: list[str], size: int, start: int, expand: list[str] | None = None
    ) -> dict[str, Any]:
        body: dict[str, Any] = {"jql": jql, "fields": fields, "maxResults": size, "startAt": start}
        if jql.startswith("id in"):
            body["validateQuery"] = False
        page: dict[str, Any] = self._client.post(f"{API}/search", body | ({"expand": expand} if expand else {}))
        return page
