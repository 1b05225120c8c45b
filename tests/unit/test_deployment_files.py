"""docker-compose.yml and the Dockerfile, read as data: they must fit the program. No Docker engine is needed."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from redis import Redis
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as RedisConnectionError
from world import eventually

import celeryconfig
from console.monitor.command import metrics
from worker import settings
from worker.embedded import server_binary

ROOT = Path(__file__).parents[2]


def compose() -> Any:
    """Return the compose file as Docker reads it."""
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


WORKERS = {"fetch": "fetch", "calculate": "calculate", "maintain": "maintain"}
OURS = (*WORKERS, "beat", "flower")


def test_the_compose_file_is_one_by_its_specification() -> None:
    """Compose would refuse it otherwise, or ignore a misspelt key."""
    program = Path(sys.executable).with_name("check-jsonschema")
    command = [str(program), "--builtin-schema", "vendor.compose-spec", str(ROOT / "docker-compose.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_compose_file_runs_the_processes_an_installation_needs() -> None:
    """A worker for each queue, a scheduler, Flower and the two servers. Further services need their profile."""
    services = compose()["services"]
    optional = {name: service["profiles"] for name, service in services.items() if "profiles" in service}
    assert optional == {"metrics": ["monitoring"], "reader": ["pictures"], "grafana": ["pictures"]}
    assert set(services) - set(optional) == {*OURS, "redis", "postgres"}
    assert services["beat"]["command"] == ["beat"]
    for name, queue in WORKERS.items():
        command = services[name]["command"]
        assert (command[0], command[command.index("-Q") + 1]) == ("worker", queue)
    assert set(WORKERS.values()) == {queue.name for queue in celeryconfig.task_queues}


def test_every_flowbeat_variable_of_the_compose_file_is_a_setting(tmp_path: Path) -> None:
    """The configuration refuses unknown variables, so it is loaded with exactly these, and with the secrets."""
    for secret in ("postgres_password", "redis_password"):
        (tmp_path / secret).write_text("pw\n", encoding="utf-8")
    for name in OURS:
        given = compose()["services"][name]["environment"]
        ours = {key: value.replace("/run/secrets", str(tmp_path)) for key, value in given.items()}
        configured = settings.load(None, ours)
        assert configured.database_url == "postgresql://flowbeat:pw@postgres:5432/flowbeat"
        assert configured.redis_url == "redis://:pw@redis:6379/0"


def test_every_process_is_locked_in_and_watched() -> None:
    """A read-only file system, no capability that it does not need, no new rights, limits, and a health check."""
    services = compose()["services"]
    for name in (*OURS, "metrics", "redis", "postgres"):
        service = services[name]
        assert service["read_only"] is True, name
        assert service["tmpfs"], name
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL"), name
        assert {"memory", "pids"} <= set(service["deploy"]["resources"]["limits"]), name
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "cap_add" not in service or name == "postgres", name
    probes = {name: services[name]["healthcheck"]["test"] for name in (*WORKERS, "beat")}
    assert probes == {
        **{name: ["CMD", "flowbeat", "alive", "worker"] for name in WORKERS},
        "beat": ["CMD", "flowbeat", "alive", "beat"],
    }


def test_no_secret_is_in_the_environment_of_a_container() -> None:
    """Each is a file, and none of them has a default; the folder is not part of the repository."""
    document = compose()
    assert {secret["file"] for secret in document["secrets"].values()} == {
        f"./secrets/{name}" for name in ("postgres_password", "redis_password", "flower_login", "jira_token")
    }
    for name in (*OURS, "redis", "postgres"):
        service = document["services"][name]
        assert "env_file" not in service
        assert not [key for key in service.get("environment", {}) if "PASSWORD" in key and not key.endswith("_FILE")]
        mounted = {f"/run/secrets/{secret}" for secret in service["secrets"]}
        assert set(re.findall(r"/run/secrets/\w+", str(service))) <= mounted, name
    assert "/secrets/" in (ROOT / ".gitignore").read_text().splitlines()


def test_redis_takes_its_password_from_the_file(tmp_path: Path) -> None:
    """Its command runs here with a server of this machine, and the health check with the same shell."""
    (tmp_path / "redis_password").write_text("0a1b2c\n", encoding="utf-8")
    service = compose()["services"]["redis"]
    (script,) = service["command"]
    script = script.replace("$$", "$").replace("/run/secrets", str(tmp_path)).replace("/data", str(tmp_path))
    script = script.replace("valkey-server", f"{server_binary()} --port 0 --unixsocket {tmp_path}/socket")
    with subprocess.Popen([*service["entrypoint"], script], stdout=subprocess.DEVNULL) as server:
        try:
            with Redis(unix_socket_path=f"{tmp_path}/socket", password="0a1b2c") as client:
                answered = eventually(lambda: _ping(client))
            with Redis(unix_socket_path=f"{tmp_path}/socket") as stranger, pytest.raises(AuthenticationError):
                stranger.ping()
        finally:
            server.kill()
    assert answered
    assert "REDISCLI_AUTH=" in service["healthcheck"]["test"][1]


def _ping(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisConnectionError:
        return False


def test_flower_is_reached_from_this_machine_only_and_with_a_password() -> None:
    """It listens on every address in its container. Only the host's loopback address is published."""
    flower = compose()["services"]["flower"]
    assert flower["ports"] == ["127.0.0.1:5555:5555"]
    (script,) = flower["command"]
    assert script.startswith('FLOWER_BASIC_AUTH="$$(cat /run/secrets/flower_login)" exec flowbeat flower ')


def test_the_figures_are_reached_from_this_machine_only() -> None:
    """They ask nobody for a password. The published port is the one that the command takes by default."""
    service = compose()["services"]["metrics"]
    port = next(option for option in metrics.params if option.name == "port").default
    assert service["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert service["command"] == ["metrics", "--address", "0.0.0.0"]  # noqa: S104 - inside its container
    assert f"('127.0.0.1', {port})" in service["healthcheck"]["test"][-1]


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
    assert needed == set()


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
    (script,) = compose()["services"]["redis"]["command"]
    assert "--appendonly yes" in script
    assert "--maxmemory-policy noeviction" in script


def test_a_worker_gets_more_time_to_stop_than_its_soft_shutdown_takes() -> None:
    """Otherwise Docker would kill it during a slice."""
    grace = int(compose()["services"]["fetch"]["stop_grace_period"].removesuffix("s"))
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
