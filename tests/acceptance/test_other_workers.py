"""Workers that must be restarted: with an older configuration, or of another database on the same Redis."""

from collections.abc import Callable

from queued_wait import explanation
from world import World, eventually


def test_a_calculation_by_a_worker_of_an_older_configuration_is_not_a_success(make_world: Callable[..., World]) -> None:
    """The command exits with code 1 and names the worker; `results` recommends a restart, not a calculation."""
    world = make_world()
    worker = world.start("worker", "-c", "1", "-n", "old@host")
    eventually(lambda: "1 answer: old@host" in world.run("check").stdout)
    assert world.run("refresh").returncode == 0
    first = efficiency(world)
    config = world.folder / "flowbeat.toml"
    config.write_text(config.read_text().replace('waiting = ["In Review", "Blocked"]', 'waiting = ["Blocked"]'))
    assert "To update, run: flowbeat calculate payments" in folded(world, "results")
    done = world.run("calculate")
    assert done.returncode == 1
    assert "restart old@host, which works with another configuration, then run: flowbeat calculate" in done.stderr
    for words in (("results",), ("explain", "payments", "flow_efficiency")):
        assert "restart old@host, which works with another configuration, then run: flowbeat" in folded(world, *words)
    assert efficiency(world) == first
    worker.terminate()
    worker.wait(30)
    assert world.run("calculate").returncode == 0
    assert efficiency(world) != first
    assert "Note: " not in folded(world, "results")


def test_a_worker_of_another_database_is_named_and_not_waited_for(make_world: Callable[..., World]) -> None:
    """Check fails, a run that stays queued says why, and refresh works with its own worker."""
    world = make_world()
    world.start("worker", "-c", "1", "-n", "stranger@host")
    eventually(lambda: "1 answer: stranger@host" in world.run("check").stdout)
    config = world.folder / "flowbeat.toml"
    config.write_text(f'database_url = "sqlite:///other.db"\n{config.read_text()}')
    check = world.run("check")
    assert check.returncode == 1
    assert "stranger@host works with another database" in " ".join(check.stdout.split())
    asked = world.run("refresh", "--no-wait")
    assert "stranger@host works with another database" in asked.stderr
    assert "No worker is running. To start one, run: flowbeat worker" in asked.stderr
    said = explanation(world, asked.stdout.strip())
    assert "payments: still queued: stranger@host works with another database than database_url names" in said
    assert "give each installation its own redis_url" in said
    done = world.run("refresh")
    assert done.returncode == 0, done.stderr
    assert "stranger@host works with another database" in " ".join(done.stderr.split())
    assert "payments: waiting for a worker" in done.stderr


def efficiency(world: World) -> str:
    """Return the value that the change of the workflow changes."""
    (line,) = [line for line in world.run("results").stdout.splitlines() if line.startswith("flow_efficiency")]
    return line.split()[1]


def folded(world: World, *words: str) -> str:
    """Return what a command printed, with single spaces between the words."""
    return " ".join(world.run(*words).stdout.split())
