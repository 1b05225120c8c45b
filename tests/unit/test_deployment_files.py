"""docker-compose.yml and the image, checked as data: no Docker engine is needed to see that they fit the program."""

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

from worker import settings

ROOT = Path(__file__).parents[2]


def compose() -> Any:
    """Return the compose file as Docker reads it."""
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def test_the_compose_file_runs_the_processes_an_installation_needs() -> None:
    """A worker, one beat, Flower, and the two servers they share."""
    services = compose()["services"]
    assert set(services) == {"worker", "beat", "flower", "redis", "postgres"}
    assert {name: services[name]["command"][0] for name in ("worker", "beat", "flower")} == {
        "worker": "worker",
        "beat": "beat",
        "flower": "flower",
    }


def test_every_flowbeat_variable_of_the_compose_file_is_a_setting() -> None:
    """The configuration refuses an unknown variable: it is given just these."""
    password = "pw"
    for name in ("worker", "beat", "flower"):
        given = compose()["services"][name]["environment"]
        environment = {key: re.sub(r"\$\{[^}]*\}", password, value) for key, value in given.items()}
        ours = {key: value for key, value in environment.items() if key.startswith("FLOWBEAT_")}
        configured = settings.load(None, ours)
        assert configured.database_url == "postgresql://flowbeat:pw@postgres:5432/flowbeat"
        assert configured.redis_url == "redis://redis:6379/0"


def test_flower_is_reached_from_this_machine_only_and_with_a_password() -> None:
    """It listens on every address inside its container; outside, only loopback leads there."""
    flower = compose()["services"]["flower"]
    assert flower["ports"] == ["127.0.0.1:5555:5555"]
    assert "FLOWER_BASIC_AUTH" in flower["environment"]


def test_redis_keeps_the_queue_and_never_evicts() -> None:
    """The two settings without which messages are lost."""
    command = compose()["services"]["redis"]["command"]
    assert command[command.index("--appendonly") + 1] == "yes"
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"


def test_a_worker_gets_more_time_to_stop_than_its_soft_shutdown_takes() -> None:
    """Else Docker would kill it in the middle of a slice."""
    import celeryconfig  # noqa: PLC0415 - the constants under test

    grace = int(compose()["services"]["worker"]["stop_grace_period"].removesuffix("s"))
    assert grace > celeryconfig.worker_soft_shutdown_timeout


def test_the_image_holds_every_package_of_the_wheel() -> None:
    """What pyproject.toml packs is what the Dockerfile copies and .dockerignore lets through."""
    packed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    dockerfile = (ROOT / "Dockerfile").read_text()
    let_through = (ROOT / ".dockerignore").read_text().splitlines()
    for name in packed["only-include"]:
        assert re.search(rf"^COPY .*\b{re.escape(name)}\b", dockerfile, re.MULTILINE), name
        assert f"!{name}" in let_through, name


def test_constraints_pin_every_dependency_and_hold_no_address() -> None:
    """An address would be the registry of whoever wrote the file."""
    text = (ROOT / "constraints.txt").read_text()
    assert "://" not in text
    assert " @ " not in text
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in text.splitlines() if "==" in line}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    for requirement in wanted:
        name = re.split(r"[^\w.-]", requirement)[0].lower().replace("_", "-")
        assert name in pinned, name
