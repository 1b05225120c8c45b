"""Estimates what a refresh would cost: a few counts in place of the lists and the issues themselves."""

import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from models.configured import own_kinds
from models.records import FetchKind, Run, RunOptions, iso
from models.store import caches, census, issues
from tasks.fetch.plan import make_plan
from tasks.fetch.reading import RECENT_DAYS
from tasks.fetch.state import Fetch
from tasks.fetch.versions import needs_versions
from worker.errors import UnansweredError
from worker.identity import source
from worker.jira import cloud, datacenter
from worker.jira.client import Client
from worker.jira.faults import RefusedError
from worker.jira.reader import size_of
from worker.jira.site import identify
from worker.runtime import Runtime

PROCESSOR_SECONDS: Final = 0.0003  # that an issue takes beside its requests


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a refresh of a profile would do now, as far as a few counts tell.

    ``issues`` are those of the JQL, ``read`` those to be read, ``multi_valued`` those of them that need requests of
    their own (None: not counted). ``projects`` whose versions are read; None: not known before there is a copy.
    ``spent`` requests made this estimate.
    """

    profile: str
    kind: FetchKind
    issues: int
    read: int
    multi_valued: int | None
    projects: int | None
    requests: int
    seconds: float
    spent: int


@dataclass(frozen=True, slots=True)
class _Requests:
    """Requests by how they are sent: one after the other, or several at a time."""

    alone: int
    together: int


def estimate(current: Runtime, profile: str, options: RunOptions, client: Client | None = None) -> Estimate:
    """Return the estimate for a refresh with these options; at most five requests, and nothing is stored."""
    now = current.now()
    run = Run("", profile, "refresh", "queued", "fetch", 1, now, now, options=options)
    fetch = Fetch(current, run, client)
    with current.reads() as session:
        cache = caches.find(session, profile)
        known = issues.known_projects(session, profile)
    began = time.monotonic()
    site = identify(fetch.client)
    fetch.cursor = replace(make_plan(fetch, cache, site.flavour), jira_now=iso(site.now))
    is_same = cache is not None and cache.cursor.identity.source == source(fetch.connection, fetch.profile)
    fetch.cursor = replace(fetch.cursor, same_source=is_same)
    total, read, multi_valued = _counts(fetch)
    took = time.monotonic() - began
    spent, _ = fetch.client.traffic.take()
    projects = (len(known) or None) if needs_versions(fetch.profile) else 0
    requests = _requests(fetch, total, read, multi_valued, projects or 0)
    return Estimate(
        profile=profile,
        kind=fetch.cursor.kind or "full",
        issues=total,
        read=read,
        multi_valued=multi_valued,
        projects=projects,
        requests=requests.alone + requests.together,
        seconds=round(_seconds(fetch, requests, took / max(spent, 1)) + read * PROCESSOR_SECONDS, 1),
        spent=spent,
    )


def _since(fetch: Fetch) -> datetime | None:
    """Return from when on changed issues are read; None where all are."""
    if fetch.full or not fetch.cursor.watermark:
        return None
    return datetime.fromisoformat(fetch.cursor.watermark) - timedelta(minutes=fetch.connection.overlap_minutes)


def _counts(fetch: Fetch) -> tuple[int, int, int | None]:
    """Return (issues of the JQL, how many of them are read, how many of these have multi-valued fields)."""
    jql, since = fetch.profile.jql, _since(fetch)
    total = fetch.reader.count(jql)
    read = total if since is None else min(total, fetch.reader.count(jql, since))
    if not fetch.cursor.multi_valued or (since is not None and read <= fetch.current.pages.few):
        return total, read, None
    try:
        return total, read, min(read, fetch.reader.count(jql, since, recent=fetch.recent))
    except (RefusedError, UnansweredError):
        return total, read, None


def _requests(fetch: Fetch, total: int, read: int, multi_valued: int | None, projects: int) -> _Requests:
    is_listed = fetch.cursor.kind == "incremental"
    audited = _audited(fetch) if is_listed else 0
    kinds = [kind for kind in own_kinds(fetch.profile.rules) if kind != "status"]
    asks_login = not fetch.client.anonymous and (fetch.run.options.full or not fetch.cursor.same_source)
    fixed = 2 + bool(fetch.profile.rules.fields) + asks_login + min(len(kinds), 1 if is_listed else 2)
    if fetch.cursor.flavour == "datacenter":
        pages = ceil(read / datacenter.ISSUES_PAGE) + ceil(audited / datacenter.ISSUES_PAGE)
        return _Requests(fixed + _pages(total, datacenter.IDS_PAGE), pages + projects)
    lists = _pages(total, cloud.IDS_PAGE) + (_pages(read, cloud.CHANGED_PAGE) if is_listed else 0)
    lists += 0 if multi_valued is None else _pages(multi_valued, cloud.IDS_PAGE)
    together = _bulk_fetches(fetch, read, multi_valued) + projects
    if fetch.client.anonymous:
        return _Requests(fixed + lists, together + read + audited)
    batch = fetch.batch if multi_valued is None else max(fetch.batch, cloud.CHANGELOG_ISSUES)
    histories = ceil(read / batch) + ceil(audited / cloud.CHANGELOG_ISSUES)
    return _Requests(fixed + lists + histories, together)


def _bulk_fetches(fetch: Fetch, read: int, multi_valued: int | None) -> int:
    pages = fetch.current.pages
    whole = read if multi_valued is None else multi_valued
    size = size_of(fetch.reader.sizes, "issues", pages.whole)
    return ceil(whole / size) + ceil((read - whole) / size_of(fetch.reader.sizes, "plain", pages.plain))


def _audited(fetch: Fetch) -> int:
    """Return how many histories the changelog audit would read."""
    rules = fetch.current.settings.changelog_audit
    before, lately = (fetch.started_at - timedelta(days=days) for days in (rules.every_days, RECENT_DAYS))
    with fetch.current.reads() as session:
        return len(census.due_histories(session, fetch.run.profile, before, lately, rules.issues_per_run))


def _pages(number: int, size: int) -> int:
    """Return the pages of a list, which has at least one."""
    return max(1, ceil(number / size))


def _seconds(fetch: Fetch, requests: _Requests, latency: float) -> float:
    """Return how long the requests take at this latency (seconds), or as long as the limit makes them."""
    limit = fetch.connection
    rounds = requests.alone + ceil(requests.together / limit.concurrency)
    beyond = max(0, requests.alone + requests.together - limit.requests)
    return max(rounds * latency, beyond / limit.requests * limit.per_seconds)
