"""Parts of the configuration that other people could use: files with secrets, plain http, Redis without a login."""

import ipaddress
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from console.check.local import Line
from report import reading
from worker.settings import Connection, Settings

_OTHERS: Final = stat.S_IROTH | stat.S_IWOTH
_NOT_OWNER: Final = _OTHERS | stat.S_IRGRP | stat.S_IWGRP


def look(settings: Settings) -> Iterator[Line]:
    """Yield a warning for each of them."""
    for connection in settings.connections.values():
        yield from _of_connection(connection)
    file = reading.database_file(settings)
    if file is not None and _is_open(file, _OTHERS):
        message = f"every user of this machine can read {file}"
        yield Line("database", "warning", message, f"chmod 640 {file}")
    for what, secret in (("database", settings.database_password_file), ("Redis", settings.redis_password_file)):
        if secret is not None and _is_open(secret, _OTHERS):
            yield Line(what, "warning", f"every user of this machine can read {secret}", f"chmod 640 {secret}")
    file = settings.notify.webhook_file
    if file is not None and _is_open(file, _NOT_OWNER):
        message = f"other users of this machine can read the webhook's address in {file}"
        yield Line("notify", "warning", message, f"chmod 600 {file}")
    yield from _of_redis(settings.redis_url)


def _of_connection(connection: Connection) -> Iterator[Line]:
    what = f"Jira {connection.name}"
    file = connection.token_file
    if file is not None and _is_open(file, _NOT_OWNER):
        yield Line(what, "warning", f"other users of this machine can read its token in {file}", f"chmod 600 {file}")
    address = urlsplit(connection.base_url)
    if address.scheme == "http" and not _is_here(address.hostname):
        message = "its base_url begins with http, so the token crosses the network unencrypted"
        yield Line(what, "warning", message, "use https")


def _of_redis(url: str | None) -> Iterator[Line]:
    address = urlsplit(url or "")
    if address.scheme in {"redis", "rediss"} and not address.password and not _is_here(address.hostname):
        message = "redis_url has no password and is not on this machine: everyone who reaches it can send tasks"
        yield Line("Redis", "warning", message, "set a password there, and redis_password_file")


def _is_open(file: Path, bits: int) -> bool:
    try:
        return bool(file.stat().st_mode & bits)
    except OSError:  # another line of the check says that it cannot be read
        return False


def _is_here(host: str | None) -> bool:
    """Return whether a host is this machine, by its name or address."""
    if host is None or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
