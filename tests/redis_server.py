"""A Redis-compatible server of a test's own, on a port of this machine, that can be made to fail in several ways."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from worker.embedded import server_binary


@dataclass(frozen=True, slots=True)
class RedisServer:
    """A running server; ``client`` may do everything."""

    url: str
    client: Redis
    folder: Path

    def url_of(self, user: str, *rules: str) -> str:
        """Return the URL of a new login with these ACL rules."""
        self.client.execute_command("ACL", "SETUSER", user, "on", f">{user}-password", *rules)
        return self.url.replace("redis://", f"redis://{user}:{user}-password@")


@contextmanager
def redis_server(folder: Path, *options: str) -> Iterator[RedisServer]:
    """Start a server with its data in a folder of its own, and stop it at the end."""
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    arguments = ["--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", str(folder), *options]
    with (
        subprocess.Popen([server_binary(), *arguments], stdout=subprocess.DEVNULL) as process,
        Redis(port=int(port)) as client,
    ):
        try:
            _await(client)
            yield RedisServer(f"redis://127.0.0.1:{port}/0", client, folder)
        finally:
            process.kill()  # a server that cannot save does not heed SIGTERM


def _await(client: Redis, seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            client.ping()
        except RedisError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


# --- faults: each breaks a server, and returns the repair ------------------------------------------------------------


def fail_over(server: RedisServer) -> Callable[[], object]:
    """Make it a read-only replica, as the node that a managed Redis fails over from."""
    server.client.replicaof("127.0.0.1", 1)
    return lambda: server.client.replicaof("NO", "ONE")


def fill_memory(server: RedisServer) -> Callable[[], object]:
    """Leave it no memory, so that it refuses all writes that need some."""
    server.client.config_set("maxmemory", "1")
    return lambda: server.client.config_set("maxmemory", "0")


def lose_disk(server: RedisServer) -> Callable[[], object]:
    """Take its folder away, so that it cannot save and refuses all writes."""
    server.client.config_set("save", "1 1")
    server.client.set("to be saved", "yes")
    shutil.rmtree(server.folder)
    while server.client.info("persistence")["rdb_last_bgsave_status"] == "ok":
        with suppress(ResponseError):  # one has begun by itself
            server.client.bgsave()
        time.sleep(0.05)
    return lambda: server.client.config_set("save", "")


def lose_data(server: RedisServer) -> Callable[[], object]:
    """Empty it."""
    server.client.flushall()
    return lambda: None


FAULTS: Final = {fault.__name__: fault for fault in (fail_over, fill_memory, lose_disk, lose_data)}
