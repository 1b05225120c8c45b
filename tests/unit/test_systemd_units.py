"""The systemd units of docs/systemd: systemd accepts them, they fit the program, and they are locked in."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import celeryconfig
from console.cli import TABLE
from worker import settings

UNITS = Path(__file__).parents[2] / "docs" / "systemd"
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
LONG_RUNNING = ("flowbeat-beat.service", "flowbeat-worker.service")
SYSTEMD = shutil.which("systemd-analyze")
EXPOSURE = 2.0  # of 10; systemd calls less than 3 OK


def values(name: str, key: str) -> list[str]:
    """Return the values of a key of a unit, in order."""
    return re.findall(rf"^{key}=(.*)$", (UNITS / name).read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_runs_a_command_with_settings_that_exist(name: str) -> None:
    """Its variables are loaded as Flowbeat would."""
    (command,) = values(name, "ExecStart")
    program, word = command.split()[:2]
    if program.endswith("/flowbeat"):
        assert word in {command for group in TABLE.values() for command in group}
    environ = dict(text.split("=", 1) for text in values(name, "Environment"))
    environ.pop("FLOWBEAT_CONFIG", None)
    assert settings.load(None, environ).state_dir == Path(environ.get("FLOWBEAT_STATE_DIR", Path.cwd() / ".flowbeat"))


def test_a_worker_gets_more_time_to_stop_than_its_soft_shutdown_takes() -> None:
    """Otherwise systemd would kill it during a slice."""
    for name in LONG_RUNNING:
        (seconds,) = values(name, "TimeoutStopSec")
        assert int(seconds) > celeryconfig.worker_soft_shutdown_timeout


def test_the_probe_restarts_what_it_probes() -> None:
    """The names of the units lead to each other."""
    (after,) = values("flowbeat-alive@.service", "OnFailure")
    assert after == "flowbeat-restart@%i.service"
    assert values(after.replace("%i", ""), "ExecStart") == ["systemctl restart flowbeat-%i.service"]
    assert (UNITS / "flowbeat-alive@.timer").exists()
    assert {f"flowbeat-{kind}.service" for kind in ("worker", "beat")} == set(LONG_RUNNING)


@pytest.mark.skipif(SYSTEMD is None, reason="no systemd on this machine; the tests above need none")
def test_systemd_accepts_the_units_and_calls_them_locked_in(tmp_path: Path) -> None:
    """Without a warning about a misspelt key. The program is replaced by one that this machine has."""
    for path in UNITS.iterdir():
        text = path.read_text(encoding="utf-8").replace("/opt/flowbeat/bin/flowbeat", "/bin/true")
        (tmp_path / path.name).write_text(text.replace("User=flowbeat\n", ""), encoding="utf-8")
    assert SYSTEMD is not None
    files = [f"./{name}" for name in (*LONG_RUNNING, "flowbeat-alive@.timer")]
    done = subprocess.run([SYSTEMD, "verify", *files], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if "/flowbeat-" in line] == []
    for name in LONG_RUNNING:
        command = [SYSTEMD, "security", "--offline=true", f"./{name}"]
        said = subprocess.run(command, cwd=UNITS, capture_output=True, text=True, check=False).stdout
        exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
        assert exposure is not None
        assert float(exposure[1]) <= EXPOSURE
