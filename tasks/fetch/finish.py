"""Completes a fetch: the present statuses and versions, and the Cache Metadata."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from models.records import CACHE_VERSION, CacheMetadata, CopyCursor, CopyIdentity, ListedNames
from models.store import caches, catalogue, issues, operations, quality
from models.wording import format_count
from tasks.fetch import halving, named_lists, versions
from tasks.fetch.state import Fetch, Fetched
from worker.errors import AnswerError, FatalError
from worker.identity import cache_key, source
from worker.jira.site import confirm_login
from worker.redact import redact
from worker.timing import log_fetch


def refresh_catalogue(fetch: Fetch, _until: float) -> None:
    """Store the present statuses and versions and the Cache Metadata, which completes the fetch."""
    profile, request_id = fetch.run.profile, fetch.cursor.request_id or ""
    with fetch.current.reads() as session:
        projects = issues.known_projects(session, profile) if versions.needs_versions(fetch.profile) else {}
    _refuse_empty(fetch)
    statuses = fetch.reader.statuses()
    if not statuses:
        raise AnswerError("Jira sent an empty list of statuses")
    answer = versions.read_versions(fetch.reader, projects, fetch.connection.concurrency)
    if answer.is_refused:
        confirm_login(fetch.client)  # to the anonymous every private project is closed
    listed = _listed_names(fetch)

    def rows(session: Session) -> Fetched:
        catalogue.save_statuses(session, profile, statuses)
        versions.save_versions(session, profile, answer)
        if not fetch.profile.store_summaries:
            issues.clear_summaries(session, profile)
        quality.forget_unread(session, profile, fetch.cursor.unreadable)
        caches.save(session, _cache(session, fetch, listed))
        operations.complete_fetch(session, request_id, fetch.current.clock(session))
        return Fetched()

    fetch.commit(replace(fetch.cursor, stage="end"), rows, to="facts")
    with fetch.current.reads() as session:
        operation = operations.find_fetch(session, request_id)
    if operation is not None:
        log_fetch(operation)


def _refuse_empty(fetch: Fetch) -> None:
    """Raise if Jira returned none of the issues it lists: a copy without an issue would look like an empty Jira."""
    unreadable = len(fetch.cursor.unreadable)
    with fetch.current.reads() as session:
        is_empty = unreadable > 0 and issues.count(session, fetch.run.profile) == 0
    if is_empty:
        raise FatalError(
            f"Jira lists {format_count(unreadable, 'issue')} and returns none of them. Read why:"
            " flowbeat logs --level WARNING, and ask Jira's administrator"
        )


def _listed_names(fetch: Fetch) -> dict[str, ListedNames]:
    """Return the lists of names to store. A fetch without a list of changed issues reads one more."""
    with fetch.current.reads() as session:
        cache = caches.find(session, fetch.run.profile)
    is_same = cache is not None and cache.cursor.identity.base_url == fetch.connection.base_url
    kept = cache.cursor.listed if cache is not None and is_same else {}
    most = 1 if fetch.cursor.kind == "incremental" else 2
    return named_lists.refreshed(fetch.reader, fetch.profile.rules, kept, fetch.cursor.jira_now, most)


def _cache(session: Session, fetch: Fetch, listed: Mapping[str, ListedNames]) -> CacheMetadata:
    now, run = fetch.current.now(), fetch.run
    began = fetch.cursor.jira_now
    newest = max(fetch.cursor.newest, fetch.cursor.watermark or "")
    key = cache_key(fetch.connection, fetch.profile)
    return CacheMetadata(
        cache_key=key,
        creation_timestamp=now,
        expiration_timestamp=now + timedelta(hours=fetch.current.settings.max_age_hours),
        data_size_bytes=issues.data_size(session, run.profile),
        version_identifier=CACHE_VERSION,
        config_hash=key,
        issue_count=issues.count(session, run.profile),
        jql_query=str(redact(fetch.profile.jql)),
        profile=run.profile,
        data_as_of=datetime.fromisoformat(began),
        cursor=CopyCursor(
            identity=_identity(fetch),
            watermark=min(newest, began) or None,  # an issue edited while we read must be seen again
            zone=fetch.cursor.zone,
            unshown=fetch.cursor.unshown,
            is_warned=fetch.cursor.is_warned,
            sizes=halving.remember_sizes(fetch.cursor.remembered, fetch.reader.sizes, now),
            listed=listed,
        ),
    )


def _identity(fetch: Fetch) -> CopyIdentity:
    return replace(
        fetch.cursor.identity,
        base_url=fetch.connection.base_url,
        source=source(fetch.connection, fetch.profile),
        summaries=fetch.profile.store_summaries,
    )
