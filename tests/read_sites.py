"""A Jira that a reader reads in one process, and what the tests make it answer."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from jira_gate import Gate
from site_copies import made_up

from sandbox.adapter import SandboxAdapter
from sandbox.api import Jira
from sandbox.faults import Fault, asked_ids
from sandbox.shapes import Flavour, millis
from sandbox.site import Clock, Event, Issue, Item
from sandbox.team import EMAIL, TOKEN
from sandbox.wire import Response
from worker.jira.client import Client, open_session
from worker.jira.parse import Wanted
from worker.jira.reader import Listing, Reader
from worker.jira.site import reader
from worker.settings import Connection

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
JQL = "project in (PAY, OPS) ORDER BY rank"
WANTED = Wanted({"customfield_10016": "Story point estimate"})
STATUS = Item("status", "jira", "status", "10000", "To Do", "3", "In Progress")


def jira_of(flavour: Flavour, issues: int = 150, **more: Any) -> Jira:
    """Return a team's site with ``issues`` issues at NOW."""
    site = made_up(3, issues, NOW - timedelta(weeks=20), flavour=flavour, per_week=issues / 20)
    jira = Jira(site, Clock(NOW), **more)
    site.advance(millis(NOW))
    return jira


def client_of(jira: Jira, *, token: str | None = TOKEN, flavour: Flavour | None = None) -> Client:
    """Return a client of a Jira in this process; it does not sleep."""
    base = f"https://acme.example{jira.context}"
    session = open_session(4)
    session.mount("https://acme.example", SandboxAdapter(jira))
    connection = Connection("acme", base, email=EMAIL if token else None, flavour=flavour, concurrency=4)
    return Client(connection, token, Gate(), session=session, sleep=lambda _: None)


def reader_of(jira: Jira, **more: Any) -> Reader:
    """Return the reader of the Jira's flavour."""
    return reader(client_of(jira, **more), jira.site.flavour, WANTED)


def listed(source: Reader, jql: str = JQL) -> list[Listing]:
    """Return all pages of a census."""
    pages = [source.census(jql, None)]
    while pages[-1].after is not None:
        pages.append(source.census(jql, pages[-1].after))
    return pages


def ids(pages: Iterable[Listing]) -> list[str]:
    """Return the ids of pages, in their order."""
    return [issue_id for page in pages for issue_id in page.updates]


def shown(jira: Jira) -> list[Issue]:
    """Return the issues that Jira shows now."""
    return jira.site.indexed


def answering(endpoint: str, body: object, times: int = 1, ids: Sequence[str] = ()) -> Fault:
    """Return a fault that answers with ``body``; with ``ids`` only if exactly these issues are requested."""
    when = (lambda asked: asked_ids(asked) == list(ids)) if ids else None
    return Fault(endpoint, times, instead=Response(200, json_bytes(body)), when=when)


def json_bytes(body: object) -> bytes:
    """Return a body as it is sent."""
    return json.dumps(body).encode()


def touch(jira: Jira, issue: Issue, *sets: tuple[str, Any], items: tuple[Item, ...] = ()) -> None:
    """Change an issue a second from now."""
    clock = jira.clock
    assert isinstance(clock, Clock)
    clock.advance(timedelta(seconds=1))
    number = 9_000_000 + len(jira.log) * 1000 + len(issue.events)
    jira.site.happen(issue, Event(millis(clock()), number, sets, items))
    jira.site.advance(millis(clock()))
