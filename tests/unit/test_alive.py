"""The probe's judgement by signs of life, and the folder where it looks for them."""

import os
import time
from pathlib import Path

import pytest

from console import alive as probe
from worker import alive, settings

NOW = 1_000_000.0
WORKER = {
    "node": "here@host",
    "pid": 7,
    "at": NOW - 2,
    "loop_at": NOW - 3,
    "redis": None,
    "queued": 0,
    "oldest_seconds": 0.0,
    "finished_at": NOW - 4_000,
    "slots": 2,
    "active": [],
}
BEAT = {"node": "celerybeat@host", "pid": 8, "at": NOW - 2, "redis": None, "unsent": []}


def task(seconds: float, silent: float | None, name: str = "tasks.fetch.slice") -> dict[str, object]:
    """Return a task at work."""
    return {"name": name, "seconds": seconds, "silent": silent}


@pytest.mark.parametrize(
    ("kind", "sign"),
    [
        ("worker", WORKER),
        ("worker", WORKER | {"active": [task(58, 2)]}),
        ("worker", WORKER | {"active": [task(20, 20)]}),
        ("worker", WORKER | {"oldest_seconds": 50.0}),
        # All are busy, or one has just ended: a message may have to wait.
        ("worker", WORKER | {"oldest_seconds": 500.0, "active": [task(50, 1), task(50, 1)]}),
        ("worker", WORKER | {"oldest_seconds": 500.0, "finished_at": NOW - 5}),
        ("worker", WORKER | {"oldest_seconds": None, "active": [task(150, None, "tasks.maintain.clean")]}),
        ("beat", BEAT),
    ],
)
def test_what_works_has_no_fault(kind: str, sign: dict[str, object]) -> None:
    """Also one that has had nothing to do for an hour."""
    assert alive.faults(kind, sign, NOW) == []


@pytest.mark.parametrize(
    ("kind", "sign", "message"),
    [
        ("worker", WORKER | {"at": NOW - 40}, "here@host runs, but has not responded for 40 s"),
        ("worker", WORKER | {"loop_at": NOW - 40}, "here@host runs, but its main loop has not responded for 40 s"),
        (
            "worker",
            WORKER | {"active": [task(45, 41)]},
            "the pool of here@host hangs: tasks.fetch.slice has not responded for 41 s",
        ),
        (
            "worker",
            WORKER | {"active": [task(250, None, "tasks.maintain.clean")]},
            "the pool of here@host hangs: tasks.maintain.clean has not responded for 250 s",
        ),
        (
            "worker",
            WORKER | {"oldest_seconds": 90.0, "finished_at": NOW - 100, "active": [task(50, 1)]},
            "here@host runs, but takes no message: the oldest message has waited 90 s, and no task ended for 100 s",
        ),
        # The cause, not its effects.
        (
            "worker",
            WORKER | {"redis": "Redis answers its writes with: MISCONF", "loop_at": NOW - 90},
            "here@host cannot work: Redis answers its writes with: MISCONF",
        ),
        ("beat", BEAT | {"at": NOW - 31}, "celerybeat@host runs, but has not responded for 31 s"),
        ("beat", BEAT | {"unsent": ["refresh payments"]}, "celerybeat@host cannot send: refresh payments"),
    ],
)
def test_each_fault_has_a_sentence_of_its_own(kind: str, sign: dict[str, object], message: str) -> None:
    """With what to do about it."""
    ((said, advice),) = alive.faults(kind, sign, NOW)
    assert said == message
    assert advice


def test_a_sign_is_found_until_its_process_ends(tmp_path: Path) -> None:
    """The file of a killed process is removed; that of another machine is left to it."""
    folder = alive.folder_of(tmp_path)
    assert alive.load(folder, "worker") == []
    alive.keep(folder, "worker", {"node": "here@host"})
    (folder / "worker-99999999@elsewhere").write_text("{}", encoding="utf-8")
    killed = folder / f"worker-99999999@{os.uname().nodename}"
    killed.write_text('{"pid": 99999999, "at": 0}', encoding="utf-8")
    (sign,) = alive.load(folder, "worker")
    assert (sign["node"], sign["pid"]) == ("here@host", os.getpid())
    assert time.time() - sign["at"] < 60
    assert not killed.exists()
    assert alive.load(folder, "beat") == []
    alive.drop(folder, "worker")
    assert [file.name for file in folder.iterdir()] == ["worker-99999999@elsewhere"]


def test_a_task_is_silent_since_its_last_sign(tmp_path: Path) -> None:
    """Another process looks at the time of its file."""
    folder = alive.folder_of(tmp_path)
    assert alive.silence_of_task(folder, os.getpid(), time.time()) is None
    alive.touch(folder)
    silence = alive.silence_of_task(folder, os.getpid(), time.time() + 40)
    assert silence is not None
    assert 35 < silence < 60


@pytest.mark.parametrize(
    ("text", "environ"),
    [
        ("", {}),
        ('state_dir = "state"', {}),
        ('state_dir = "/var/lib/flowbeat"', {}),
        ('state_dir = "~/flowbeat"', {}),
        ('state_dir = "state"', {"FLOWBEAT_STATE_DIR": "other"}),
    ],
)
def test_the_probe_looks_where_the_settings_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, environ: dict[str, str]
) -> None:
    """The probe does not read the whole configuration."""
    file = tmp_path / "flowbeat.toml"
    file.write_text(text, encoding="utf-8")
    assert probe.state_dir(environ | {"FLOWBEAT_CONFIG": str(file)}) == settings.load(file, environ).state_dir
    monkeypatch.chdir(tmp_path)
    assert probe.state_dir(environ) == settings.load(file, environ).state_dir
