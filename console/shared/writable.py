"""The configured places that Flowbeat cannot write to: one sentence for each."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from report.reading import database_file
from worker.errors import FatalError
from worker.settings import Settings


@dataclass(frozen=True, slots=True)
class Closed:
    """A place that cannot be written, with the settings that name it, and what to do."""

    settings: tuple[str, ...]
    message: str
    advice: str


def closed(settings: Settings) -> list[Closed]:
    """Return the places that cannot be written, one for each reason; nothing is created."""
    by_reason: dict[tuple[Path, str], dict[str, Path]] = {}
    for name, path in _places(settings):
        trouble = _trouble(path, is_file=name == "database_url")
        if trouble is not None:
            by_reason.setdefault(trouble, {})[name] = path
    return [_told(where, why, held) for (where, why), held in by_reason.items()]


def require(settings: Settings, *names: str) -> None:
    """Raise FatalError if one of the named settings has a place that cannot be written."""
    entries = [entry for entry in closed(settings) if not set(names).isdisjoint(entry.settings)]
    if entries:
        raise FatalError("\n".join(f"{item.message}; {item.advice}" for item in entries))


def _places(settings: Settings) -> Iterator[tuple[str, Path]]:
    file = database_file(settings)
    if file is not None:
        yield "database_url", file
    if settings.redis_url is None:
        yield "state_dir", settings.state_dir
    yield "log_dir", settings.log_dir


def _trouble(path: Path, *, is_file: bool) -> tuple[Path, str] | None:
    """Return the path that prevents writing there, itself or a parent, and the reason."""
    where = path
    try:
        while not where.exists():
            where = where.parent
        if is_file and where == path:
            # Not tried by opening it: closing it again would drop the locks that SQLite holds in this process.
            if where.is_dir():
                return where, "Is a directory"
            if not os.access(where, os.W_OK):
                return where, "Permission denied"
            where = where.parent  # SQLite writes beside its file too
        with tempfile.TemporaryFile(dir=where):
            return None
    except OSError as error:
        return where, error.strerror or type(error).__name__


def _told(where: Path, why: str, held: dict[str, Path]) -> Closed:
    message = f"{where} cannot be written ({why})"
    if any(path != where for path in held.values()):
        message += f", where {_listed([path.name for path in held.values()])} should be"
    return Closed(tuple(held), message, f"make it writable, or set {_listed(list(held))}")


def _listed(words: list[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last
