"""docker-compose.yml and the Dockerfile, read as data: they must fit the program. No Docker engine is needed."""

import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from worker import settings

ROOT = Path(__file__).parents[2]


def compose() -> Any:
    """Return the compose file as Docker reads it."""
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def test_the_compose_file_runs_the_processes_an_installation_needs() -> None:
    """A worker, one beat, Flower and the two servers. Further services need their profile."""
    services = compose()["services"]
    pictures = {name for name, service in services.items() if "profiles" in service}
    assert set(services) - pictures == {"worker", "beat", "flower", "redis", "postgres"}
    assert {name: services[name]["profiles"] for name in pictures} == {
        "reader": ["pictures"],
        "grafana": ["pictures"],
    }
    assert {name: services[name]["command"][0] for name in ("worker", "beat", "flower")} == {
        "worker": "worker",
        "beat": "beat",
        "flower": "flower",
    }


def test_every_flowbeat_variable_of_the_compose_file_is_a_setting() -> None:
    """The configuration refuses unknown variables, so it is loaded with exactly these."""
    password = "pw"
    for name in ("worker", "beat", "flower"):
        given = compose()["services"][name]["environment"]
        environment = {key: re.sub(r"\$\{[^}]*\}", password, value) for key, value in given.items()}
        ours = {key: value for key, value in environment.items() if key.startswith("FLOWBEAT_")}
        configured = settings.load(None, ours)
        assert configured.database_url == "postgresql://flowbeat:pw@postgres:5432/flowbeat"
        assert configured.redis_url == "redis://redis:6379/0"


def test_flower_is_reached_from_this_machine_only_and_with_a_password() -> None:
    """It listens on every address in its container. Only the host's loopback address is published."""
    flower = compose()["services"]["flower"]
    assert flower["ports"] == ["127.0.0.1:5555:5555"]
    assert "FLOWER_BASIC_AUTH" in flower["environment"]


def test_grafana_is_pinned_and_reached_from_this_machine_only() -> None:
    """The image cannot change by itself, and nothing is open without a password."""
    grafana = compose()["services"]["grafana"]
    assert re.fullmatch(r"grafana/grafana:\d+\.\d+\.\d+", grafana["image"])
    assert grafana["ports"] == ["127.0.0.1:3000:3000"]
    assert grafana["environment"]["GF_USERS_ALLOW_SIGN_UP"] == "false"
    assert "GF_AUTH_ANONYMOUS_ENABLED" not in grafana["environment"]


def test_grafana_reads_the_example_files_and_cannot_write_them() -> None:
    """The folders are those that ``make dashboards`` writes, where Grafana looks for them."""
    services = compose()["services"]
    mounts = [
        mount.split(":") for name in ("grafana", "reader") for mount in services[name]["volumes"] if "./" in mount
    ]
    assert [(target, mode) for _, target, mode in mounts] == [
        ("/etc/grafana/provisioning/datasources", "ro"),
        ("/etc/grafana/provisioning/dashboards", "ro"),
        ("/reader.sql", "ro"),
    ]
    assert all((ROOT / source).exists() for source, _, _ in mounts)
    source = yaml.safe_load((ROOT / mounts[0][0] / "flowbeat.yaml").read_text())["datasources"][0]
    assert source["url"].partition(":")[0] in services
    assert source["jsonData"]["database"] == services["postgres"]["environment"]["POSTGRES_DB"]


def test_without_the_profile_no_further_variable_is_needed() -> None:
    """Compose refuses a missing ``${NAME:?}`` of every service, also of one whose profile is not asked for."""
    text = (ROOT / "docker-compose.yml").read_text()
    needed = set(re.findall(r"(?<!\$)\$\{(\w+):\?", text))
    assert needed == {"POSTGRES_PASSWORD", "FLOWER_BASIC_AUTH"}


@pytest.mark.parametrize(
    ("service", "variable"), [("grafana", "GRAFANA_PASSWORD"), ("reader", "GRAFANA_READER_PASSWORD")]
)
def test_grafana_and_its_reader_do_not_start_without_their_password(service: str, variable: str) -> None:
    """Else Grafana's would be admin. The container's own shell refuses, with the name of what to set."""
    container = compose()["services"][service]
    (script,) = container["command"]
    command = [*container["entrypoint"], script.replace("$$", "$").replace("/run.sh", "true").replace("psql", "true")]
    for password in ("", "secret"):
        environ = {variable: password, "PATH": os.defpath}
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        assert (done.returncode == 0) == bool(password)
        assert (variable in done.stderr) == (not password)
    assert container["environment"][variable] == f"${{{variable}:-}}"


def test_redis_keeps_the_queue_and_never_evicts() -> None:
    """Without these two settings messages are lost."""
    command = compose()["services"]["redis"]["command"]
    assert command[command.index("--appendonly") + 1] == "yes"
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"


def test_a_worker_gets_more_time_to_stop_than_its_soft_shutdown_takes() -> None:
    """Otherwise Docker would kill it during a slice."""
    import celeryconfig  # noqa: PLC0415 - the constants under test

    grace = int(compose()["services"]["worker"]["stop_grace_period"].removesuffix("s"))
    assert grace > celeryconfig.worker_soft_shutdown_timeout


def test_the_image_holds_every_package_of_the_wheel() -> None:
    """What pyproject.toml packs is what the Dockerfile copies and .dockerignore lets through."""
    packed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    dockerfile = (ROOT / "Dockerfile").read_text()
    let_through = (ROOT / ".dockerignore").read_text().splitlines()
    for name in (*packed["only-include"], *packed["force-include"]):
        assert re.search(rf"^COPY .*\b{re.escape(name)}\b", dockerfile, re.MULTILINE), name
        assert f"!{name}" in let_through, name


def test_constraints_pin_every_dependency_and_hold_no_address() -> None:
    """An address would name the package registry of one machine."""
    text = (ROOT / "constraints.txt").read_text()
    assert "://" not in text
    assert " @ " not in text
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in text.splitlines() if "==" in line}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [name for names in project["optional-dependencies"].values() for name in names]
    wanted = [name for name in (*project["dependencies"], *extras) if not name.startswith("flowbeat[")]
    for requirement in wanted:
        name = re.split(r"[^\w.-]", requirement)[0].lower().replace("_", "-")
        assert name in pinned, name
