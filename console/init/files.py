"""Writes the configuration and the token's file: whole or not at all, and never over a file that exists."""

import os
import tempfile
from pathlib import Path
from typing import Final

from console.init.connecting import Login
from worker.errors import FatalError
from worker.settings import CONFIG_VARIABLE, load

_OWNER_ONLY: Final = 0o600


def require_place(file: Path) -> None:
    """Raise FatalError if the configuration exists, or its folder cannot be written; before anything is asked."""
    if file.exists():
        raise _exists(file)
    try:
        tempfile.TemporaryFile(dir=file.parent).close()
    except OSError as error:
        raise _cannot_be_written(file, error) from error


def write_config(file: Path, text: str) -> None:
    """Write a configuration that the settings accept; raise FatalError if the file exists or cannot be written."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    except OSError as error:
        raise _cannot_be_written(file, error) from error
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as config:
            config.write(text)
        draft.chmod(0o666 & ~_umask())
        load(draft, {})
        _publish(draft, file, text)
    except FileExistsError as error:
        raise _exists(file) from error
    except OSError as error:
        raise _cannot_be_written(file, error) from error
    finally:
        draft.unlink(missing_ok=True)


def write_token(login: Login) -> bool:
    """Write a typed token into its file, readable by this user only; return whether a file was written."""
    file = login.token_file
    if file is None or login.token is None or file.exists():
        return False
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
        with os.fdopen(handle, "w", encoding="utf-8") as text:
            text.write(f"{login.token}\n")
    except OSError as error:
        raise FatalError(f"{file} cannot be written: {error.strerror}") from error
    return True


def _publish(draft: Path, file: Path, text: str) -> None:
    """Give the draft its name, if no file has it."""
    try:
        os.link(draft, file)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        with file.open("x", encoding="utf-8") as config:
            config.write(text)


def _exists(file: Path) -> FatalError:
    return FatalError(f"{file} already exists and was not changed; edit it, or move it away first{_variable()}")


def _cannot_be_written(file: Path, error: OSError) -> FatalError:
    return FatalError(f"{file} cannot be written: {error.strerror}{_variable()}")


def _variable() -> str:
    """Return what to do where the environment names the file; empty where it does not."""
    is_named = bool(os.environ.get(CONFIG_VARIABLE, "").strip())
    return f"; to write one into this folder, first run: unset {CONFIG_VARIABLE}" if is_named else ""


def _umask() -> int:
    """Return the permissions that new files of this process do not get."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
