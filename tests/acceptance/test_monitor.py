"""`flowbeat metrics` as a monitor meets it: real processes, read over HTTP."""

import re
import signal
import socket
from collections.abc import Callable
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families
from world import World, eventually

from console.monitor.figures import FIGURES

STARTED = re.compile(r"http://127\.0\.0\.1:(\d+)/metrics")
SCHEDULE = '[profiles.nightly]\nconnection = "sandbox"\njql = "project = OPS"\nschedule = "0 2 * * *"\n'


def test_a_monitor_reads_every_figure_and_no_secret(make_world: Callable[..., World]) -> None:
    """Of an installation that works, with a worker and a scheduler; SIGTERM ends the command."""
    world = make_world(issues=60, more=SCHEDULE)
    world.start("worker", "-c", "1", "-n", "one@host", "--without-mingle", "--without-gossip")
    world.start("beat")
    for words in (["payments"], ["payments", "--verify"], ["nightly"]):
        assert world.run("refresh", *words).returncode == 0
    process = world.start("metrics", "--port", "0")
    port = eventually(lambda: STARTED.search((world.folder / "metrics.out").read_text()))[1]
    eventually(lambda: scraped(port).get(("flowbeat_scheduler_alive",)) == 1)
    result = scraped(port)
    assert {name for name, *_ in result} == set(FIGURES)
    assert result["flowbeat_workers_alive",] == 1
    assert result["flowbeat_runs", "completed"] == 3
    assert result["flowbeat_verify_differences", "payments"] == 0
    assert ("flowbeat_verify_differences", "nightly") not in result
    assert result["flowbeat_data_overdue_seconds", "nightly"] == 0
    text = page(port)
    for secret in (world.token, "project =", "PAY", "OPS", *titles(world)):
        assert secret not in text
    assert page_at_other_address(port) is False
    process.terminate()
    assert process.wait(20) in (128 + signal.SIGTERM, -signal.SIGTERM)  # coverage has a handler of its own


def test_a_port_that_is_taken_is_one_sentence(make_world: Callable[..., World]) -> None:
    """It names the option."""
    world = make_world(issues=10)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = world.run("metrics", "--port", port)
    assert done.returncode == 2
    assert f"flowbeat: --port {port} at 127.0.0.1: Address already in use; choose another" in done.stderr


def page(port: str) -> str:
    """Return what a monitor reads."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        body: bytes = answer.read()
    return body.decode()


def scraped(port: str) -> dict[tuple[str, ...], float]:
    """Return (name, labels…) → value, as the library of Prometheus reads it."""
    families = text_string_to_metric_families(page(port))
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def titles(world: World) -> list[str]:
    """Return titles of stored issues."""
    return [title for (title,) in world.rows("select summary from issues where summary <> '' limit 5")]


def page_at_other_address(port: str) -> bool:
    """Return whether the port answers at another address of this machine's loopback than the one that was chosen."""
    try:
        socket.create_connection(("127.0.0.2", int(port)), timeout=2).close()
    except OSError:
        return False
    return True
