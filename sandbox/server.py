"""The stand-in Jira over HTTP on loopback, for `flowbeat sandbox` and for tests with real workers."""

import asyncio
import signal
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Final

import click
from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from sandbox import recorded, team
from sandbox.api import Jira
from sandbox.logins import GATEWAY_PATH
from sandbox.shapes import WEEK, Flavour, millis, moment
from sandbox.site import Site, wall_clock
from sandbox.wire import Request, Response

LOOPBACK: Final = "127.0.0.1"
_WEEKS_BEFORE: Final = 60
_WEEKS_AFTER: Final = 12
_USUAL_RATE: Final = 10.0
_START_SECONDS: Final = 30
_NAMED: Final = 5  # projects


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `flowbeat sandbox`.

    `issues` are created before `anchor` (default: now), over at most 60 weeks, at ten a week or as many as that
    needs; the team works for 12 more weeks after it. `start` fixes the first day instead. `latency` is in seconds.
    """

    issues: int = 600
    data: Path | None = None
    flavour: Flavour = "cloud"
    port: int = 0
    seed: int = 1
    start: datetime | None = None
    latency: float = 0.0
    anonymous: bool = False
    context: str = ""


def build(options: Options, now: datetime) -> Jira:
    """Return the Jira of these options, made-up or recorded."""
    site = recorded.load(options.data, options.flavour) if options.data else _team_site(options, now)
    return Jira(site, anonymous=options.anonymous, context=options.context)


def run(options: Options, say: Callable[[str], None] = click.echo) -> None:
    """Serve until SIGTERM or SIGINT; `say` receives the URL, the login, the content, and what is not served."""
    now = wall_clock()
    jira = build(options, now)
    jira.site.advance(millis(now))
    account = jira.site.accounts[0]

    def ready(url: str) -> None:
        login = "no login needed" if options.anonymous else f"log in with {account.email} and {account.token}"
        say(f"Jira {options.flavour} sandbox at {url}, {login}; Ctrl-C stops it.")
        say(_held(jira.site))
        for note in jira.site.notes:
            say(note)

    serve(jira, port=options.port, latency=options.latency, ready=ready)


def serve(jira: Jira, *, port: int, latency: float, ready: Callable[[str], None]) -> None:
    """Serve on loopback until SIGTERM or SIGINT; `ready` is called with the base URL. OSError if the port is taken."""
    asyncio.run(_serve_until_signal(jira, _listen(port), latency, ready))


@contextmanager
def running(jira: Jira, *, port: int = 0, latency: float = 0.0) -> Iterator[str]:
    """Serve in a thread during the block; yield the base URL. OSError if the port is taken."""
    sockets = _listen(port)
    loop, stop, urls = asyncio.new_event_loop(), asyncio.Event(), SimpleQueue[str]()
    serving = _serve(jira, sockets, latency, urls.put, stop)
    thread = threading.Thread(target=loop.run_until_complete, args=(serving,), name="sandbox", daemon=True)
    thread.start()
    try:
        yield urls.get(timeout=_START_SECONDS)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def _listen(port: int) -> list[socket.socket]:
    # Not Tornado's bind_sockets: where the port is taken it leaves an open socket behind.
    listening = socket.create_server((LOOPBACK, port), backlog=128)
    listening.settimeout(0)
    return [listening]


async def _serve_until_signal(
    jira: Jira, sockets: list[socket.socket], latency: float, ready: Callable[[str], None]
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await _serve(jira, sockets, latency, ready, stop)


async def _serve(
    jira: Jira, sockets: list[socket.socket], latency: float, ready: Callable[[str], None], stop: asyncio.Event
) -> None:
    server = HTTPServer(_application(jira, latency))
    server.add_sockets(sockets)
    url = f"http://{LOOPBACK}:{sockets[0].getsockname()[1]}{jira.context}"
    jira.site.base_url = url.partition(GATEWAY_PATH)[0]  # a site knows itself by its own address
    jira.site.forget()
    ready(url)
    await stop.wait()
    server.stop()
    await server.close_all_connections()


def _application(jira: Jira, latency: float) -> Application:
    return Application(
        [
            ("/_sandbox/health", _Health),
            ("/_sandbox/requests", _Requests, {"jira": jira}),
            (".*", _Endpoint, {"jira": jira, "latency": latency}),
        ],
        log_function=_say_nothing,
    )


def _say_nothing(_handler: RequestHandler) -> None:
    """Drop the line, because the sandbox keeps its own log of requests."""


class _Health(RequestHandler):
    def get(self) -> None:
        self.write({"status": "ok"})


class _Requests(RequestHandler):
    def initialize(self, jira: Jira) -> None:
        self._jira = jira

    def get(self) -> None:
        self.write({"requests": [asdict(seen) for seen in self._jira.log]})

    def delete(self) -> None:
        self._jira.log.clear()
        self.set_status(204)


class _Endpoint(RequestHandler):
    """Passes each request to the Jira, after the latency."""

    def initialize(self, jira: Jira, latency: float) -> None:
        self._jira = jira
        self._latency = latency

    def check_xsrf_cookie(self) -> None:
        """Do nothing: a REST API has no cookie to check."""

    def compute_etag(self) -> None:
        """Return nothing: Jira sends no ETag for these endpoints."""

    async def _answer(self) -> None:
        asked = self.request
        headers = dict(asked.headers.get_all())
        answer = self._jira.handle(Request(str(asked.method), asked.path, asked.query, headers, asked.body))
        if self._latency + answer.delay:
            await asyncio.sleep(self._latency + answer.delay)
        if answer.is_reset or answer.cut is not None:
            await self._break_off(answer)
            return
        self.set_status(answer.status)
        self.clear_header("Server")
        for name, value in answer.headers.items():
            self.set_header(name, value)
        self.finish(answer.body)

    async def _break_off(self, answer: Response) -> None:
        """Write what is left of the answer past Tornado, which would never promise more than it sends."""
        stream = self.detach()
        if answer.is_reset:
            stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            head = f"HTTP/1.1 {answer.status} OK\r\nContent-Length: {len(answer.body)}\r\n\r\n"
            await stream.write(head.encode() + answer.body[: answer.cut])
        stream.close()

    get = post = put = delete = _answer  # Tornado calls one per method


def _held(site: Site) -> str:
    """Return the projects by size, and the JQL of the largest in the form of flowbeat.toml."""
    sizes = Counter(issue.fields["project"]["key"] for issue in site.indexed).most_common()
    if not sizes:
        return "It holds no issue yet."
    named = ", ".join(f"{key} ({count:,} {'issue' if count == 1 else 'issues'})" for key, count in sizes[:_NAMED])
    more = f" and {len(sizes) - _NAMED:,} more" if len(sizes) > _NAMED else ""
    return f'It holds {named}{more}; in flowbeat.toml: jql = "project = {sizes[0][0]}"'


def _team_site(options: Options, now: datetime) -> Site:
    per_week = max(_USUAL_RATE, options.issues / _WEEKS_BEFORE)
    weeks = options.issues / per_week
    start = options.start or moment(millis(now) - round(weeks * WEEK))
    many = options.issues + round(_WEEKS_AFTER * per_week)
    return team.generate(options.seed, many, start, flavour=options.flavour, per_week=per_week)
