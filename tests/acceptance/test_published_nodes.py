"""The entries of workers and schedulers in Redis: published again after a loss of data, removed when they exit."""

from collections.abc import Callable
from pathlib import Path

from redis_server import lose_data, redis_server
from world import World, eventually

NODES = "flowbeat:nodes"


def test_a_redis_that_lost_its_data_receives_the_nodes_again(make_world: Callable[..., World], tmp_path: Path) -> None:
    """Check still recognizes a worker of another database; without its entry, `refresh` would wait for it."""
    world = make_world(issues=60)
    with redis_server(tmp_path / "redis") as server:
        world.environment["FLOWBEAT_REDIS_URL"] = server.url
        worker, _ = world.start("worker", "-c", "1", "-n", "stranger@host"), world.start("beat")
        eventually(lambda: len(server.client.hkeys(NODES)) == 2)
        before = server.client.hgetall(NODES)
        names = [name.decode() if isinstance(name, bytes) else name for name in before]
        assert sorted(name.split("@")[0] for name in names) == ["celerybeat", "stranger"]
        lose_data(server)
        eventually(lambda: server.client.hgetall(NODES) == before)
        eventually(lambda: "1 answer: stranger@host" in world.run("check").stdout)
        check = world.run("check", FLOWBEAT_DATABASE_URL="sqlite:///other.db")
        assert check.returncode == 1
        assert "stranger@host works with another database" in " ".join(check.stdout.split())
        worker.terminate()
        assert worker.wait(30) == 0
        assert b"stranger@host" not in server.client.hkeys(NODES)
