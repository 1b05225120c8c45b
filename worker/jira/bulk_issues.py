"""Issues of Jira Cloud by bulk fetch: 100 with all their fields in a request, or 1,000 with fields of one value.

The limits are those of Jira's OpenAPI text of October 2026. A site that refuses more than 100 is asked for 100 from
then on, and ``sizes`` says so.
"""

import logging
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from worker.errors import AnswerError, UnansweredError
from worker.jira.client import Client, Control
from worker.jira.faults import RefusedError
from worker.jira.pages import required, rows
from worker.jira.parse import Wanted
from worker.jira.reader import UNKNOWN_ID, Failed, PageSizes, chunks, parallel, size_of

log = logging.getLogger(__name__)

PATH: Final = "/rest/api/3/issue/bulkfetch"
Raw = dict[str, dict[str, Any]]
# (id → issue, what has to be asked for again); None where the site refuses that number of issues.
Page = tuple[Raw, Failed | None]


class BulkIssues:
    """The bulk fetch of one site; ``sizes`` are the reader's, and learn what the site refuses."""

    def __init__(self, client: Client, wanted: Wanted, sizes: dict[str, int], pages: PageSizes) -> None:
        """Bind the client, what to ask of every issue, and how many at a time."""
        self._client = client
        self._wanted = wanted
        self._sizes = sizes
        self._pages = pages
        self._workers = client.connection.concurrency

    def read(self, groups: Sequence[Sequence[str]], plain: Collection[str]) -> tuple[Raw, set[str], list[Failed]]:
        """Return (id → issue, the ids whose multi-valued fields were not asked for, what has to be asked for again)."""
        lean, whole = self._parted(groups, plain)
        lean_pages = parallel(self._plain_page, lean, self._workers)
        refused = [list(ids) for ids, page in zip(lean, lean_pages, strict=True) if page is None]
        lean_raw, failed = _joined(page for page in lean_pages if page is not None)
        size = size_of(self._sizes, "issues", self._pages.whole)
        questions = [part for ids in (*whole, *refused) for part in chunks(ids, size)]
        raw, more = _joined(parallel(self._page, questions, self._workers))
        return lean_raw | raw, set(lean_raw), [*failed, *more]

    def visible(self, ids: Sequence[str]) -> set[str]:
        """Return those a bulk fetch returns or fails to load; it reads the database, not the search index."""
        answers = parallel(self._visible, chunks(ids, self.plain_size or self._pages.whole), self._workers)
        return {issue_id for answer in answers for issue_id in answer}

    @property
    def plain_size(self) -> int:
        """Return how many issues a request may name if their fields have one value; 0 if no more than others."""
        size = size_of(self._sizes, "plain", self._pages.plain)
        return size if size > self._pages.whole else 0

    def _parted(
        self, groups: Sequence[Sequence[str]], plain: Collection[str]
    ) -> tuple[list[Sequence[str]], list[Sequence[str]]]:
        """Return (pages of plain issues, the others of each group). What fits into a page of whole ones is whole."""
        lean: list[Sequence[str]] = []
        whole: list[Sequence[str]] = []
        for group in groups:
            few = [issue_id for issue_id in group if issue_id in plain] if self.plain_size else []
            if len(few) <= self._pages.whole:
                whole.append(group)
                continue
            lean += chunks(few, self.plain_size)
            whole.append([issue_id for issue_id in group if issue_id not in plain])
        return lean, whole

    def _page(self, ids: Sequence[str]) -> Page:
        try:
            came, named = self._bulk(ids, self._wanted.fields)
        except UnansweredError as error:
            return {}, Failed("issues", tuple(ids), str(error))
        return came, _named(named)

    def _plain_page(self, ids: Sequence[str]) -> Page | None:
        try:
            came, named = self._bulk(ids, self._wanted.plain_fields)
        except (RefusedError, UnansweredError) as error:
            if self._is_refused(error):
                return None
            return {}, Failed("plain", tuple(ids), str(error))
        return came, _named(named)

    def _visible(self, ids: Sequence[str]) -> set[str]:
        try:
            came, named = self._bulk(ids, ["updated"])
        except (RefusedError, UnansweredError) as error:
            if len(ids) <= self._pages.whole or not self._is_refused(error):
                raise
            return self.visible(ids)
        return {*came, *named}

    def _is_refused(self, error: Exception) -> bool:
        """Return whether the site refuses a request (400) for its number of issues, and note the size to ask for."""
        if not isinstance(error, RefusedError) and not isinstance(error.__cause__, RefusedError):
            return False
        log.info("a bulk fetch is limited to a hundred issues", extra={"why": str(error)})
        self._sizes["plain"] = self._pages.whole
        return True

    def _bulk(self, ids: Sequence[str], fields: list[str]) -> tuple[Raw, list[str]]:
        """Return (id → issue, ids that Jira could not load), both only of those asked for, whatever comes."""
        asked = set(ids)

        def read(page: Any) -> tuple[Raw, list[str]]:
            issues = dict(rows(required(page, "issues", list), lambda item: (str(item["id"]), item), "issues"))
            came = {issue_id: issue for issue_id, issue in issues.items() if issue_id in asked}
            errors = set(rows(page.get("issueErrors") or [], lambda value: str(value["id"]), "issue errors"))
            missing = [issue_id for issue_id in ids if issue_id not in came]
            named = [issue_id for issue_id in missing if issue_id in errors] or missing if errors else []
            if named and len(ids) == 1:
                raise AnswerError("Jira could not load the issue and named it among issueErrors")
            return came, named

        body: dict[str, Any] = {"issueIdsOrKeys": list(ids), "fields": fields}
        control = Control({**body, "issueIdsOrKeys": [UNKNOWN_ID]}, is_batch=True)
        return self._client.post(PATH, body, read=read, control=control)


def _named(ids: Sequence[str]) -> Failed | None:
    return Failed("issues", tuple(ids), "Jira named it among issueErrors", whole=False) if ids else None


def _joined(pages: Iterable[Page]) -> tuple[Raw, list[Failed]]:
    raw: Raw = {}
    failed: list[Failed] = []
    for page, failure in pages:
        raw |= page
        failed += [failure] if failure else []
    return raw, failed
