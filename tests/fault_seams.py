"""The places where faults enter: the database driver, the way to Jira, the way to Redis, and the files."""

import errno
import os
import socket
import sqlite3
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import psycopg
import requests
from fault_trap import Trap, die
from sqlalchemy import Engine, event

from sandbox import faults
from sandbox.adapter import SandboxAdapter
from sandbox.api import Jira

_JIRA_FAULTS: Final = {
    "reset": faults.reset,
    "gone": faults.reset,
    "busy": lambda: faults.failing(503, retry_after=600),
    "cut": faults.cut,
}
_FILE_EVENTS: Final = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.utime", "os.chmod")
_CHUNK: Final = 1 << 20


# --- the database ---------------------------------------------------------------------------------------------------


def watch_databases(trap: Trap) -> None:
    """Let each new connection of any engine of this process count its commits."""
    of_sqlite, of_postgresql = _sqlite_connection(trap), _postgresql_connection(trap)

    def connect(dialect: Any, _record: Any, args: list[Any], options: dict[str, Any]) -> Any:
        if dialect.name == "sqlite":
            options["factory"] = of_sqlite
            return None
        return of_postgresql.connect(*args, **options)

    event.listen(Engine, "do_connect", connect)


def _sqlite_connection(trap: Trap) -> type[sqlite3.Connection]:
    class Cursor(sqlite3.Cursor):
        def execute(self, sql: str, parameters: Any = (), /) -> Any:
            if sql == "BEGIN IMMEDIATE" and trap.strikes("begin"):
                raise _sqlite_error("database is locked", "SQLITE_BUSY")
            return super().execute(sql, parameters)

    class Connection(sqlite3.Connection):
        def cursor(self, factory: Any = None) -> Any:
            return super().cursor(factory or Cursor)

        def commit(self) -> None:
            effect = trap.strikes("commit") if self.in_transaction else None
            if effect == "killed before":
                die()
            if effect == "fails":
                raise _sqlite_error("disk I/O error", "SQLITE_IOERR_WRITE")
            super().commit()
            if effect == "killed after":
                die()
            if effect == "fails after":
                raise _sqlite_error("locking protocol", "SQLITE_PROTOCOL")

    return Connection


def _sqlite_error(message: str, name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(message)
    error.sqlite_errorname = name
    return error


def _postgresql_connection(trap: Trap) -> type[psycopg.Connection[Any]]:
    class Connection(psycopg.Connection[Any]):
        def commit(self) -> None:
            effect = trap.strikes("commit") if self.info.transaction_status else None
            if effect == "killed before":
                die()
            if effect in {"fails", "is locked"}:
                self._lose()
            super().commit()
            if effect == "killed after":
                die()
            if effect == "fails after":
                self._lose()

        def _lose(self) -> None:
            self.close()
            raise psycopg.OperationalError("consuming input failed: server closed the connection unexpectedly")

    return Connection


# --- Jira -----------------------------------------------------------------------------------------------------------


class TrappedJira(SandboxAdapter):
    """The way to the stand-in, on which answers are counted."""

    def __init__(self, jira: Jira, trap: Trap) -> None:
        """Mount over a Jira."""
        super().__init__(jira)
        self._trap = trap

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Answer, or let this answer fail, or die before or after it."""
        effect = self._trap.strikes("jira")
        if effect == "killed before":
            die()
        if effect in _JIRA_FAULTS:
            self._jira.faults[:] = [_JIRA_FAULTS[effect]()]
        try:
            return super().send(request, *args, **kwargs)
        finally:
            self._jira.faults.clear()
            if effect == "killed after":
                die()


# --- Redis ----------------------------------------------------------------------------------------------------------


class RedisProxy:
    """A socket in front of a Redis; each request that comes through it is counted."""

    def __init__(self, path: Path, server: str, trap: Trap) -> None:
        """Listen at a path for clients of the server at another, with a thread for each client."""
        self._server, self._trap = server, trap
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(client,), name="proxied", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server, suppress(OSError):
            server.connect(self._server)
            while (request := _whole_request(client)) and self._pass_on(client, server, request):
                pass

    def _pass_on(self, client: socket.socket, server: socket.socket, request: bytes) -> bool:
        """Pass one request and its answer on; return whether the connection lasts."""
        effect = self._trap.strikes("redis")
        if effect in {"closed before", "gone"}:
            return False
        if effect == "killed before":
            die()
        server.sendall(request)
        answer = _whole_answer(server, request)
        if effect == "killed after":
            die()
        if effect == "silent":
            client.recv(_CHUNK)  # until the client gives up and closes
        if effect in {"closed after", "silent"}:
            return False
        client.sendall(answer)
        return True


def _whole_request(client: socket.socket) -> bytes:
    """Return what a client sends at once, a command or several; nothing when it closes."""
    request, at = client.recv(_CHUNK), 0
    while at < len(request):
        end = _end_of_value(request, at)
        if end is None:
            request += client.recv(_CHUNK)
        else:
            at = end
    return request


def _whole_answer(server: socket.socket, request: bytes) -> bytes:
    """Return the answers to all commands of a request."""
    left, answer, at = _count(request), b"", 0
    while left:
        answer += server.recv(_CHUNK)
        while left and (end := _end_of_value(answer, at)) is not None:
            left, at = left - 1, end
    return answer


def _count(request: bytes) -> int:
    count, at = 0, 0
    while at < len(request):
        count, at = count + 1, _end_of_value(request, at) or len(request)
    return count


def _end_of_value(data: bytes, at: int) -> int | None:
    """Return where a value of Redis's protocol ends that begins at a place; None if its end has not come yet."""
    line_end = data.find(b"\r\n", at)
    if line_end < 0:
        return None
    kind, end = data[at : at + 1], line_end + 2
    if kind in b"+-:_#,(":
        return end
    length = int(data[at + 1 : line_end])
    if kind in b"$=!":
        end += length + 2 if length >= 0 else 0
        return end if end <= len(data) else None
    for _ in range(max(0, length) * (2 if kind == b"%" else 1)):
        inner = _end_of_value(data, end)
        if inner is None:
            return None
        end = inner
    return end


# --- files ----------------------------------------------------------------------------------------------------------


def watch_files(folder: Path, trap: Trap) -> None:
    """Count the file operations of this process below a folder. The hook stays until the process ends."""
    below = str(folder)

    def hook(name: str, args: tuple[Any, ...]) -> None:
        if not trap.is_armed or name not in _FILE_EVENTS or not str(args[0]).startswith(below):
            return
        effect = trap.strikes("file")
        if effect == "killed before":
            die()
        if effect is not None:
            code = errno.ENOSPC if effect == "full" else errno.EIO
            raise OSError(code, os.strerror(code), str(args[0]))

    sys.addaudithook(hook)
