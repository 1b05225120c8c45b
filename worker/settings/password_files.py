"""Passwords of the database and of Redis that lie in files of their own, as Docker and systemd hand them over."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

from worker.errors import ConfigError
from worker.settings.configured import reason
from worker.settings.validator import Validator

URLS: Final = {"database_password_file": "database_url", "redis_password_file": "redis_url"}  # nosec B105


def check(walk: Validator, values: Mapping[str, Any]) -> None:
    """Report a file whose password would have no place."""
    for key, url_key in URLS.items():
        address = urlsplit(values.get(url_key, ""))
        if key in values and not address.hostname:
            walk.problem((key,), f"needs a server beside it; set {url_key} to its address")
        elif key in values and address.password:
            walk.problem((key,), f"is set, and {url_key} holds a password too; keep only one of them")


def fill_in(values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the URLs with the passwords of the files, and the files with their whole paths."""
    filled: dict[str, Any] = {}
    for key, url_key in URLS.items():
        if key in values:
            file = folder / values[key]
            filled |= {key: file, url_key: with_password(values[url_key], read_password(key, file))}
    return filled


def read_password(key: str, file: Path) -> str:
    """Return the only line of a file. Nothing of it is ever shown."""
    try:
        text = file.read_text(encoding="utf-8-sig").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{key}: {file} cannot be read ({reason(error)}); make it a readable file that holds only the password"
        ) from error
    if not text or "\n" in text:
        result = "holds more than one line" if text else "is empty"
        raise ConfigError(f"{key}: {file} {result}; put the password there and nothing else")
    return text


def with_password(url: str, password: str) -> str:
    """Return a URL with the password in it."""
    parts = urlsplit(url)
    user, _, place = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{place}"))
