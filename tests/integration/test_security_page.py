"""Statements of docs/security.md that no other test holds: requests, redirects, stored JQL, file modes, deletion."""

import json
import logging
import os
import re
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import console_world
import pytest
from fakeredis import FakeRedis
from fetch_world import World, open_world
from sqlalchemy import Engine, create_engine, text

from models.tables.whole import METADATA
from report.write import write_file
from sandbox.shapes import Flavour
from worker import logs
from worker.errors import FatalError
from worker.jira.client import Client, open_session
from worker.limiter import Limiter
from worker.redact import Redactor
from worker.settings import Connection

DOCS: Final = Path(__file__).parents[2] / "docs"
(DELETION,) = re.findall(r"^```sql\n(.*?)^```$", (DOCS / "security.md").read_text(), re.MULTILINE | re.DOTALL)
OF_PROFILES: Final = [table.name for table in METADATA.sorted_tables if "profile" in table.c]
# What Jira's documentation says of these: each reads, and takes its question as a body.
READ_BY_POST: Final = {
    "search",
    "search/jql",
    "search/approximate-count",
    "issue/bulkfetch",
    "changelog/bulkfetch",
}


@pytest.fixture
def world(flavour: Flavour, tmp_path: Path, redis_url: str) -> Iterator[World]:
    """Yield a Jira of about sixty issues and an empty copy."""
    with open_world(tmp_path, f"sqlite:///{tmp_path / 'copy.db'}", redis_url, flavour=flavour) as opened:
        yield opened


def test_every_request_reads_and_is_named_on_the_page_about_tokens(world: World) -> None:
    """A full fetch, one of what changed, and a comparison, on both flavours."""
    named = set(map(_unnamed, re.findall(r"`([\w{}/-]+)`", (DOCS / "token.md").read_text(encoding="utf-8"))))
    fetches: tuple[dict[str, Any], ...] = ({}, {"verify": True}, {"full": True})
    for options in fetches:
        world.happen(world.shown()[0], ("summary", "changed"))
        world.fetch(**options)
        for seen, endpoint in zip(world.jira.log, world.endpoints, strict=True):
            assert seen.method == "GET" or (seen.method == "POST" and endpoint in READ_BY_POST), seen
            assert _unnamed(endpoint) in named, endpoint


def _unnamed(endpoint: str) -> str:
    """Return an endpoint whose places have no names."""
    return re.sub(r"\{\w+\}", "{}", endpoint)


def test_the_stored_jql_is_redacted(world: World) -> None:
    """Not the address of a person in it; the rest can be read."""
    world.profile(jql='project = PAY AND summary !~ "ana.horvat@acme.example"')
    world.fetch()
    with world.current.engine.connect() as connection:
        stored = [
            dict(row._mapping)
            for table in METADATA.tables
            for row in connection.execute(text(f"SELECT * FROM {table}"))  # noqa: S608 - our names
        ]
    content = json.dumps(stored, default=str)
    assert "project = PAY AND summary" in content
    assert "horvat" not in content


@contextmanager
def _answering(status: int, **headers: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the address of a server that gives one answer, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": "0"}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_redirect_is_not_followed() -> None:
    """Otherwise the token would go to another host."""
    limiter = Limiter(FakeRedis(), key="test", requests=1000, per_seconds=1.0, timeout=10.0)
    with (
        _answering(200) as (other, asked_of_other),
        _answering(302, Location=f"{other}/login") as (jira, asked),
        open_session(1) as session,
    ):
        client = Client(Connection("acme", jira, email="bot@acme.example"), "a-token", limiter, session=session)
        with pytest.raises(FatalError):
            client.get("/rest/api/2/serverInfo")
    assert asked == ["/rest/api/2/serverInfo"]
    assert asked_of_other == []


def test_logs_are_private_and_a_report_is_not(tmp_path: Path) -> None:
    """Whatever the umask lets others read: a page is made to be shown, a log is not."""
    handler = logs.FilesHandler(tmp_path, Redactor(), console=False)
    before = os.umask(0)
    try:
        handler.handle(logging.makeLogRecord({"name": "worker.test", "msg": "a line", "levelno": logging.ERROR}))
        write_file(tmp_path / "page.html", "a page")
    finally:
        os.umask(before)
        handler.close()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir() if path.suffix != ".lock"}
    assert modes == {"app.log": 0o640, "errors.log": 0o640, "page.html": 0o644}


def _counts(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {
            table: connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608 - our names
            for table in OF_PROFILES
        }


def test_the_sql_removes_a_profile_and_nothing_else(tmp_path: Path, database_url: str) -> None:
    """No table that has rows of a profile is forgotten; those of another name stay. Then it can be fetched again."""
    file = console_world.configure(tmp_path)
    file.write_text(f'database_url = "{database_url}"\n{file.read_text()}')
    assert set(re.findall(r"DELETE FROM (\w+)", DELETION)) == set(OF_PROFILES)
    engine = create_engine(database_url)
    with console_world.world(tmp_path) as current:
        console_world.refresh(current)
        before = _counts(engine)
        assert {table for table, count in before.items() if count} >= {
            "issues",
            "transitions",
            "metric_results",
            "runs",
        }
        for name, left in (("another", before), ("payments", dict.fromkeys(OF_PROFILES, 0))):
            with engine.begin() as connection:
                for statement in filter(str.strip, DELETION.replace("payments", name).split(";\n")):
                    connection.execute(text(statement))
            assert _counts(engine) == left
        console_world.refresh(current)
        again = _counts(engine)
        assert {table: again[table] for table in ("issues", "transitions", "metric_results")} == {
            table: before[table] for table in ("issues", "transitions", "metric_results")
        }
    engine.dispose()
