"""The browse command against a started Datasette: reading only, on this machine only, always the newest rows."""

import json
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import console_world as world
import pytest

from console.browse import documents

pytestmark = pytest.mark.xdist_group("console browse")  # one process makes what all tests here read

QUERIES = {query.name: query for query in documents.parse_queries(documents.read("sql.md"))}
WORDS = {"profile": "", "metric": "flow_time", "week": "2026-W40", "month": "2026-09", "since": "2026-10-01"}
STARTED = re.compile(r"http://127\.0\.0\.1:(\d+) ")


@dataclass(frozen=True, slots=True)
class Site:
    """A started ``flowbeat browse``: its folder, its port, and its process."""

    folder: Path
    port: int
    process: "subprocess.Popen[str]"

    @property
    def database(self) -> Path:
        """The file that it reads."""
        return self.folder / "flowbeat.db"

    def get(self, path: str, *, host: str = "", method: str = "GET") -> tuple[int, str]:
        """Return the status and the body of an answer."""
        request = Request(f"http://127.0.0.1:{self.port}{path}", method=method, headers={"Host": host} if host else {})
        try:
            with urlopen(request, timeout=60) as answer:  # noqa: S310 - the same
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def select(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows that a statement of the reader gives."""
        status, body = self.get(f"/flowbeat.json?_shape=array&sql={quote(sql)}")
        assert status == 200, body
        rows: list[dict[str, Any]] = json.loads(body)
        return rows


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Yield a refreshed profile whose database is being browsed; it is ended as by Ctrl-C."""
    place = tmp_path_factory.mktemp("browse") / "a #folder? 100%20"  # a name that would mean something in a URI
    place.mkdir()
    with world.refreshed(place) as folder, _start(folder) as process:
        try:
            yield Site(folder, _port(process), process)
        finally:
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors.splitlines()[-1]) == (0, "Stopped.")
    assert "Traceback" not in errors


def _start(folder: Path, *words: str) -> "subprocess.Popen[str]":
    command = world.program("browse", "--port", "0", *words)
    environ = {**world.environment(folder), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(command, env=environ, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _port(process: "subprocess.Popen[str]") -> int:
    line = process.stdout.readline() if process.stdout else ""
    match = STARTED.search(line)
    assert match, line
    return int(match[1])


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_answers_what_the_document_says(site: Site, name: str) -> None:
    """The same rows as the SQL of docs/sql.md gives, and a page with its title and text."""
    words = "&".join(f"{key}={value}" for key, value in WORDS.items())
    status, body = site.get(f"/flowbeat/{name}.json?_shape=array&{words}")
    connection = sqlite3.connect(site.database)
    connection.row_factory = sqlite3.Row
    rows = [dict(row) for row in connection.execute(QUERIES[name].sqlite, WORDS)]
    connection.close()
    assert (status, json.loads(body)) == (200, rows)
    status, page = site.get(f"/flowbeat/{name}")
    assert (status, f">{QUERIES[name].title}</h1>" in page) == (200, True)
    assert QUERIES[name].description.partition(".")[0].replace("'", "&#39;") in page


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM runs",
        "INSERT INTO former_keys VALUES ('p', 'k', 'i')",
        "UPDATE issues SET key = 'X'",
        "DROP VIEW items",
        "ATTACH 'other.db' AS other",
        "PRAGMA journal_mode = DELETE",
        "WITH one AS (SELECT 1) DELETE FROM runs",
    ],
)
def test_a_statement_that_writes_is_refused(site: Site, statement: str) -> None:
    """Nothing changes, and nothing is printed where browse was started."""
    status, body = site.get(f"/flowbeat.json?sql={quote(statement)}")
    assert (status, json.loads(body)["ok"]) == (400, False)
    with closing(sqlite3.connect(site.database)) as connection, connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (1,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_row_is_there_as_soon_as_it_is_committed(site: Site) -> None:
    """A worker writes beside it: every read is fresh, and no write waits for a reader."""
    with closing(sqlite3.connect(site.database, timeout=5)) as connection, connection:
        for number in range(1, 11):
            connection.execute("INSERT INTO former_keys VALUES ('payments', ?, '1')", (f"OLD-{number}",))
            connection.commit()
            assert site.select("SELECT count(*) AS keys FROM former_keys") == [{"keys": number}]
        connection.execute("DELETE FROM former_keys")
    connection.close()


def test_an_issue_has_a_link_to_jira(site: Site) -> None:
    """The page makes the address of the query a link."""
    (first, *_) = site.select("SELECT url FROM items WHERE age_days IS NOT NULL ORDER BY age_days DESC")
    assert first["url"].startswith(f"{world.BASE_URL}/browse/PAY-")
    assert f'<a href="{first["url"]}">' in site.get("/flowbeat/oldest-in-progress")[1]


def test_the_pages_have_titles_and_descriptions_and_hide_what_is_not_for_people(site: Site) -> None:
    """Of a table its own columns only; a size in bytes has its unit; a page loads nothing from elsewhere."""
    page = site.get("/flowbeat/calculation_performance")[1]
    assert "How long each metric of each calculation took" in page
    assert "bytes of the rows found" in page
    assert "dataset_size_category" not in page
    assert re.search(r"[\d.]+&nbsp;kB", page)
    tables = json.loads(site.get("/flowbeat.json")[1])["tables"]
    assert {table["name"] for table in tables if table["hidden"]} == {"alembic_version", "work_item_columns"}
    loaded = re.findall(r'(?:src|<link[^>]* href)="((?:https?:)?//[^"]*)"', page)
    assert all(address.startswith(f"http://127.0.0.1:{site.port}/") for address in loaded)


def test_only_this_machine_can_read(site: Site) -> None:
    """It listens on 127.0.0.1, and refuses a request that came by a foreign name, and the whole file."""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", site.port), timeout=5)
    own = [site.get("/", host=f"{host}:{site.port}")[0] for host in ("127.0.0.1", "localhost")]
    foreign = [site.get("/", host=host)[0] for host in ("evil.example", f"evil.example:{site.port}", "127.0.0.1.evil")]
    assert (own, foreign) == ([200, 200], [403, 403, 403])
    assert site.get("/flowbeat.db")[0] == 403


def test_a_port_that_is_taken_is_reported(site: Site) -> None:
    """With what to do; exit code 2."""
    said = world.say_apart(site.folder, "browse", "--port", str(site.port))
    assert (said.code, said.out) == (2, "")
    assert f"--port {site.port}: Address already in use; choose another, or 0 for any free" in said.err


def test_without_the_extra_the_sentence_says_how_to_install_it(site: Site) -> None:
    """Exit code 1, in a Python that has no Datasette."""
    code = "import sys; sys.modules['datasette'] = None; from console.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "browse"],
        env=world.environment(site.folder), cwd=site.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip().splitlines() == [
        "flowbeat: browse needs Datasette; to install it, run: pip install 'flowbeat[browse]'"
    ]


def test_postgresql_is_refused_and_says_what_to_use(tmp_path: Path) -> None:
    """Exit code 2, without a connection."""
    world.configure(tmp_path)
    said = world.say(tmp_path, "browse", FLOWBEAT_DATABASE_URL="postgresql://nobody@192.0.2.1/flowbeat")
    assert (said.code, said.out) == (2, "")
    assert "browse reads a SQLite file; for PostgreSQL, use psql or Grafana" in said.err


def test_a_file_name_that_datasette_cannot_open_is_refused(site: Site, tmp_path: Path) -> None:
    """In its URI a # would end the path, and another file would be read."""
    file = shutil.copy(site.database, tmp_path / "flow#beat.db")
    said = world.say(site.folder, "browse", FLOWBEAT_DATABASE_URL=f"sqlite:///{file}")
    assert (said.code, said.out) == (2, "")
    assert "rename the file" in said.err


def test_without_a_database_none_is_made(tmp_path: Path) -> None:
    """The sentence says which command makes it."""
    world.configure(tmp_path)
    said = world.say(tmp_path, "browse")
    assert (said.code, "flowbeat refresh" in said.err) == (1, True)
    assert not (tmp_path / "flowbeat.db").exists()
