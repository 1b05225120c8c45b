"""Copies of a made-up site, so that each test has one of its own to change, and the lives of a team are drawn once."""

from copy import deepcopy
from dataclasses import fields, replace
from datetime import datetime
from functools import lru_cache
from itertools import count
from typing import Any

from sandbox.shapes import Flavour, Json
from sandbox.site import Event, Issue, Site, Version
from sandbox.team import generate

Same = dict[int, Json]  # the id of an object of the original, and the copy's


def made_up(seed: int, issues: int, start: datetime, *, flavour: Flavour = "cloud", per_week: float = 10.0) -> Site:
    """Return what `generate` returns for these arguments, as a copy that nobody else has."""
    return copy_of(_drawn(seed, issues, start, flavour, per_week))


@lru_cache(maxsize=16)
def _drawn(seed: int, issues: int, start: datetime, flavour: Flavour, per_week: float) -> Site:
    return generate(seed, issues, start, flavour=flavour, per_week=per_week)


def copy_of(site: Site) -> Site:
    """Return a copy whose life changes nothing of the original.

    What changes in place is copied: the lists of the catalogue, versions and issues. What a site only replaces
    (events, the values of fields, rendered bytes) is shared.
    """
    if site.lag or site.strays:
        raise AssertionError("late indexes and recordings are not copied")
    catalogue, same = deepcopy(site.catalogue), Same()
    for listed in fields(catalogue):
        same |= {
            id(old): new
            for old, new in zip(getattr(site.catalogue, listed.name), getattr(catalogue, listed.name), strict=True)
        }
    versions = {id(version): _version(version) for version in site.versions}
    same |= {id(version.body): versions[id(version)].body for version in site.versions}
    issues = {number: _issue(issue, same) for number, issue in site.issues.items()}
    place = next(site._ticket)
    site._ticket = count(place)
    return replace(
        site,
        catalogue=catalogue,
        accounts=list(site.accounts),
        issues=issues,
        versions=list(versions.values()),
        keys=dict(site.keys),
        notes=list(site.notes),
        history_fields=dict(site.history_fields),
        closed_projects=set(site.closed_projects),
        former_projects=dict(site.former_projects),
        veiled=set(site.veiled),
        private_projects=set(site.private_projects),
        indexed=[issues[issue.id] for issue in site.indexed],
        by_updated=[issues[issue.id] for issue in site.by_updated],
        _index={number: issues[number] for number in site._index},
        _due=[
            (at, n, issues[entry.id] if isinstance(entry, Issue) else versions[id(entry)]) for at, n, entry in site._due
        ],
        _unindexed=list(site._unindexed),
        _ticket=count(place),
    )


def _version(version: Version) -> Version:
    return replace(version, body=dict(version.body), changes=list(version.changes))


def _issue(issue: Issue, same: Same) -> Issue:
    events = [_event(event, same) for event in issue.events]
    values = {name: _value(value, same) for name, value in issue.fields.items()}
    return replace(issue, fields=values, events=events, cache=dict(issue.cache))


def _event(event: Event, same: Same) -> Event:
    for _, value in event.sets:
        if isinstance(value, (dict, list)) and _value(value, same) is not value:
            sets = tuple((name, _value(value, same)) for name, value in event.sets)
            return Event(event.at, event.id, sets, event.items, event.author, event.touches, event.raw)
    return event


def _value(value: Any, same: Same) -> Any:
    """Return a field's value with the copy's statuses, projects and versions."""
    if isinstance(value, list):
        return [same.get(id(entry), entry) for entry in value] if any(id(entry) in same for entry in value) else value
    return same.get(id(value), value)
