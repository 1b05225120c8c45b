"""Begins a fetch: a cache hit ends it; otherwise the site is identified and the fetch is planned."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from models.records import (
    CACHE_VERSION,
    CacheMetadata,
    CopyCursor,
    CopyIdentity,
    FetchCursor,
    FetchKind,
    FetchOperation,
    Field,
    FieldMapping,
    LearnedSize,
    iso,
)
from models.store import caches, operations, quality
from tasks.fetch import halving
from tasks.fetch.state import Fetch, Fetched
from worker.errors import FatalError
from worker.identity import cache_key, source
from worker.jira import fields, parse
from worker.jira.multi_valued import searchable
from worker.jira.site import confirm_login, identify, reader
from worker.redact import redact
from worker.settings import Profile
from worker.timing import log_fetch


def begin(fetch: Fetch, _until: float) -> None:
    """End the fetch on a cache hit; otherwise identify the site and plan the fetch."""
    with fetch.current.reads() as session:
        cache = caches.find(session, fetch.run.profile)
    if fetch.cursor.request_id is None:
        kept = None if cache is None else _reusable_cache(fetch, cache)
        if kept is not None:
            _hit(fetch, kept)
            return
        operation = _operation(fetch)
        fetch.commit(replace(fetch.cursor, request_id=operation.request_id), lambda session: _saved(session, operation))
    site = identify(fetch.client)
    is_same_source = cache is not None and cache.cursor.identity.source == source(fetch.connection, fetch.profile)
    if not is_same_source or fetch.run.options.full:
        confirm_login(fetch.client)  # a copy that is begun without a login looks like a small one
    plan = make_plan(fetch, cache, site.flavour)
    identity = replace(plan.identity, address=site.address)
    plan = replace(plan, jira_now=iso(site.now), identity=identity, same_source=is_same_source)
    fetch.commit(plan, lambda session: _planned(session, fetch, plan.kind))


def _saved(session: Session, operation: FetchOperation) -> Fetched:
    operations.save_fetch(session, operation)
    return Fetched()


def _planned(session: Session, fetch: Fetch, kind: Any) -> Fetched:
    operation = operations.find_fetch(session, fetch.cursor.request_id or "")
    if kind == "verify":  # what the last one found has been repaired
        quality.clear_compared(session, fetch.run.profile)
    if operation is not None:
        operations.save_fetch(session, replace(operation, kind=kind))
    return Fetched()


def _reusable_cache(fetch: Fetch, cache: CacheMetadata) -> CacheMetadata | None:
    """Return the Cache Metadata to continue with if a calculation needs nothing from Jira, else None."""
    if fetch.run.kind != "calculate" or cache.state(fetch.current.now()) == "invalidated":
        return None
    past = fetch.run.as_of is not None  # a past instant needs no fresher data than there is
    if not past and cache.state(fetch.current.now()) == "expired":
        return None
    if cache.cursor.identity.summaries != fetch.profile.store_summaries:
        return None
    key = cache_key(fetch.connection, fetch.profile)
    if key == cache.cache_key:
        return cache
    mapped = _known_mapping(fetch.profile, cache)
    if mapped is None or cache.cursor.identity.source != source(fetch.connection, fetch.profile):
        return None
    identity = replace(cache.cursor.identity, resolved=mapped)
    return replace(cache, cache_key=key, config_hash=key, cursor=replace(cache.cursor, identity=identity))


def _known_mapping(profile: Profile, cache: CacheMetadata) -> dict[str, FieldMapping] | None:
    """Return the profile's mapping resolved by the stored fields; None if it names other fields or histories."""
    known = [parse.field({"id": key, "name": name}) for key, name in cache.cursor.identity.mapped.items()]
    try:
        rules = fields.resolved(profile.rules, known, profile.name)
    except FatalError:
        return None
    return dict(rules.fields) if _has_history(cache.cursor.identity, fields.flag(rules)) else None


def _has_history(old: CopyIdentity, flagged: str | None) -> bool:
    """Return whether a copy has the history of the flag. A field may be stored without its history."""
    return flagged is None or flagged in parse.Wanted(old.mapped, flagged=old.flagged).tracked


def _hit(fetch: Fetch, cache: CacheMetadata) -> None:
    asked = _operation(fetch)
    operation = replace(asked, state="completed", end_time=asked.start_time, duration_seconds=0.0, cache_hit=True)

    def rows(session: Session) -> Fetched:
        operations.save_fetch(session, operation)
        caches.save(session, cache)
        return Fetched()

    fetch.commit(replace(fetch.cursor, stage="end"), rows, to="facts")
    log_fetch(operation)


def make_plan(fetch: Fetch, cache: CacheMetadata | None, flavour: str) -> FetchCursor:
    """Return full if requested or without a usable copy (none, another site, a field never fetched)."""
    known = fetch_fields(fetch, flavour)
    rules = fields.resolved(fetch.profile.rules, known, fetch.profile.name)
    names = {field.field_id: field.name for field in known}
    mapped = {key: names[key] for key in fields.roots(rules)}
    old = cache.cursor if cache is not None and cache.version_identifier == CACHE_VERSION else CopyCursor()
    identity = old.identity
    same_site = identity.base_url == fetch.connection.base_url
    flagged = fields.flag(rules)
    same_fields = (
        mapped.keys() <= identity.mapped.keys()
        and _has_history(identity, flagged)
        and identity.summaries == fetch.profile.store_summaries
    )
    grown = same_site and same_fields and not fetch.run.options.full
    kind: FetchKind = "full" if not grown else "verify" if fetch.run.options.verify else "incremental"
    if grown:  # what is stored stays mapped, under the name the site has for it now
        mapped = {key: names.get(key, name) for key, name in identity.mapped.items()}
        flagged = identity.flagged  # the same histories are kept as before
    watermark = old.watermark if grown else None
    remembered = _remembered(fetch, cache)
    sizes = halving.starting_sizes(remembered, fetch.current.now())
    multi_valued = _multi_valued(fetch, flavour, mapped, known, sizes)
    return replace(
        fetch.cursor,
        kind=kind,
        flavour=flavour,
        zone=_zone(fetch, flavour, old) if same_site else None,
        identity=CopyIdentity(mapped=mapped, flagged=flagged, resolved=dict(rules.fields)),
        watermark=watermark,
        stage=_first_stage(kind, flavour, watermark, multi_valued),
        multi_valued=multi_valued,
        expected=cache.issue_count if cache is not None else None,
        remembered=remembered,
        sizes=sizes,
    )


def _first_stage(kind: FetchKind, flavour: str, watermark: str | None, multi_valued: Mapping[str, str]) -> str:
    if kind == "incremental":
        return "list_changed" if flavour == "cloud" and watermark else "census"
    return "list_multi_valued" if multi_valued else "census"


def _multi_valued(
    fetch: Fetch, flavour: str, mapped: Mapping[str, str], known: Iterable[Field], sizes: Mapping[str, int]
) -> dict[str, str]:
    """Return the fields to ask for apart; none where the site does not return more issues without them."""
    pages = fetch.current.pages
    if flavour != "cloud" or sizes.get("plain", pages.plain) <= pages.whole:
        return {}
    return searchable(mapped, known)


def _remembered(fetch: Fetch, cache: CacheMetadata | None) -> Mapping[str, LearnedSize]:
    """Return the sizes that the last fetch learned for this site."""
    known = cache.cursor if cache is not None else CopyCursor()
    return known.sizes if known.identity.base_url == fetch.connection.base_url else {}


def _zone(fetch: Fetch, flavour: str, old: CopyCursor) -> str | None:
    """Return the account's present zone, if this site has refused epoch milliseconds before."""
    return None if old.zone is None else reader(fetch.client, flavour, parse.Wanted()).zone()


def fetch_fields(fetch: Fetch, flavour: str) -> list[Any]:
    """Return the site's fields, read only if the profile maps one."""
    if not fetch.profile.rules.fields:
        return []
    return reader(fetch.client, flavour, parse.Wanted()).fields()


def _operation(fetch: Fetch) -> FetchOperation:
    return FetchOperation(
        request_id=str(uuid.uuid4()),
        jql_query=str(redact(fetch.profile.jql)),
        start_time=fetch.current.run_time(),
        run_id=fetch.run.run_id,
        profile=fetch.run.profile,
    )
