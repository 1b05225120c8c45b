"""The browse command: Datasette on this machine only, over the SQLite file opened for reading."""

import asyncio
import os
import socket
from pathlib import Path
from typing import Any, Final

import click
import rich

from console.browse.metadata import SETTINGS, build_metadata
from report import reading
from worker import settings
from worker.database import Stored
from worker.errors import ConfigError, FatalError

HOST: Final = "127.0.0.1"
_GRACE_SECONDS: Final = 5  # for a query that runs at Ctrl-C


@click.command()
@click.option("--port", type=click.IntRange(0, 65_535), default=8001, show_default=True, help="0: any free one.")
def browse(port: int) -> None:
    """Browse the tables in a web browser, for reading only, on this machine only; ends with Ctrl-C.

    It needs a SQLite database, and Datasette: pip install 'flowbeat[browse]'. It offers the queries of
    https://github.com/flowbeat/flowbeat/blob/main/docs/sql.md

    Example: flowbeat browse --port 0
    """
    file = _database_file()
    datasette = _datasette()
    with _listen(port) as listening:
        address = f"http://{HOST}:{listening.getsockname()[1]}"
        # Datasette makes a URI of the path without escaping it, so that only the name may be in it.
        os.chdir(file.parent)
        instance = datasette([file.name], metadata=build_metadata(file.stem), settings=SETTINGS)
        click.echo(f"{file} is at {address} (reading only, on this machine only). Ctrl-C ends it.")
        try:
            asyncio.run(_serve(instance, listening))
        except KeyboardInterrupt:
            click.echo("Stopped.", err=True)


COMMANDS: tuple[click.Command, ...] = (browse,)


def _database_file() -> Path:
    """Return the SQLite file; raises ConfigError where there is none, FatalError without Flowbeat's schema in it."""
    current = Stored(settings.load(None, os.environ))
    file = reading.database_file(current.settings)
    if file is None:
        raise ConfigError("browse reads a SQLite file; for PostgreSQL, use psql or Grafana")
    try:
        reading.require_schema(current)
    finally:
        current.close()
    if set(file.name) & set("?#%"):
        raise ConfigError(f"Datasette cannot open {file.name!r}, because of its ?, # or %; rename the file")
    return file.absolute()


def _datasette() -> Any:
    """Return the class; raises FatalError where the extra is not installed."""
    try:
        from datasette.app import Datasette  # noqa: PLC0415 - an extra that nothing else needs
    except ModuleNotFoundError as error:
        raise FatalError("browse needs Datasette; to install it, run: pip install 'flowbeat[browse]'") from error
    return Datasette


def _listen(port: int) -> socket.socket:
    """Return a socket on this machine's own address; raises ConfigError where the port is not free."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise ConfigError(f"--port {port}: {error.strerror}; choose another, or 0 for any free") from error
    return listening


async def _serve(instance: Any, listening: socket.socket) -> None:
    """Answer requests until a signal; a request that hides where it wants to go is refused (see ``_LocalOnly``)."""
    from uvicorn import Config, Server  # noqa: PLC0415 - it comes with Datasette

    rich.reconfigure(quiet=True)  # Datasette would print a traceback for every statement that it refuses
    await instance.invoke_startup()
    config = Config(_LocalOnly(instance.app()), log_level="warning", timeout_graceful_shutdown=_GRACE_SECONDS)
    await Server(config).serve(sockets=[listening])


class _LocalOnly:
    """Refuse a request whose Host is not this machine: a page from elsewhere could otherwise read the answers.

    Such a page lets its own name lead to 127.0.0.1 (DNS rebinding), and the browser then sends that name as Host.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on, or answer 403."""
        if scope["type"] == "http" and _host(scope) not in (HOST, "localhost"):
            headers = [(b"content-type", b"text/plain; charset=utf-8")]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": f"Open http://{HOST} or http://localhost.\n".encode()})
            return
        await self._app(scope, receive, send)


def _host(scope: Any) -> str:
    values = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    return values[0].rpartition(":")[0] or values[0] if len(values) == 1 else ""
