"""A worker refuses a database that it cannot use, and messages that Flowbeat has not sent."""

import json
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from forked import Process
from redis import Redis
from world import World, eventually

from worker import embedded

QUEUE = "fetch"
UNACKNOWLEDGED = "unacked"


def test_a_worker_refuses_the_schema_of_a_newer_program(refreshed_copy: World) -> None:
    """The worker exits at once with one sentence; commands print the same, and the database is not changed."""
    world = refreshed_copy
    world.execute("UPDATE alembic_version SET version_num = '9999'")
    sentence = "schema is 9999"
    worker = world.start("worker", "-c", "1")
    assert worker.wait(60) == 1
    printed = (world.folder / "worker.out").read_text()
    assert sentence in printed
    assert "Traceback" not in printed
    assert any(sentence in line["context"].get("why", "") for line in world.log_lines())
    for words in (["refresh"], ["results"], ["migrate"], ["check"]):
        ended = world.run(*words)
        assert ended.returncode == 1, words
        said = " ".join((ended.stdout + ended.stderr).split())  # however long the paths are that break the lines
        assert sentence.removeprefix("schema is ") in said
        assert "pdate Flowbeat on this machine" in said
        assert "Traceback" not in said
    assert world.rows("SELECT version_num FROM alembic_version") == [("9999",)]


def test_a_worker_whose_database_does_not_answer_ends_and_says_so(make_world: Callable[..., World]) -> None:
    """A service manager restarts it; a worker that failed each task would look healthy."""
    world = make_world()
    world.environment["FLOWBEAT_DATABASE_URL"] = "postgresql+psycopg://nobody:secret-of-pg@127.0.0.1:9/none"
    worker = world.start("worker", "-c", "1")
    assert worker.wait(60) == 1
    printed = (world.folder / "worker.out").read_text()
    assert "the database cannot be used" in printed
    assert "secret-of-pg" not in printed + json.dumps(world.log_lines())


def envelope(**changes: Any) -> dict[str, Any]:
    """Return a message that a worker expects, with some keys changed or removed."""
    sound = {
        "body": json.dumps([["no-such-run", 1], {}, {}]),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"lang": "py", "task": "tasks.fetch.slice", "id": str(uuid.uuid4()), "retries": 0},
        "properties": {
            "delivery_tag": str(uuid.uuid4()),
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": QUEUE},
        },
    }
    return {name: value for name, value in (sound | changes).items() if value is not ...}


def headers(**changes: Any) -> dict[str, Any]:
    """Return a message with other headers."""
    sound: dict[str, Any] = envelope()["headers"]
    return envelope(headers={name: value for name, value in (sound | changes).items() if value is not ...})


def body(value: Any) -> dict[str, Any]:
    """Return a message with this body."""
    return envelope(body=value if isinstance(value, str) else json.dumps(value))


MALFORMED: dict[str, Any] = {
    "not JSON": "hello",
    "bytes": b"\x80\x00\xff",
    "half of a message": json.dumps(envelope())[:40],
    "nothing": "",
    "null": "null",
    "a number": "7",
    "a list": [1, 2, 3],
    "an empty object": {},
    "deeply nested": "[" * 100_000,
    "without properties": envelope(properties=...),
    "properties of another type": envelope(properties=["a"]),
    "without a delivery tag": envelope(properties={"delivery_info": {"exchange": "", "routing_key": QUEUE}}),
    "without a route": envelope(properties={"delivery_tag": "a-tag"}),
    "a route of another type": envelope(properties={"delivery_tag": "tag", "delivery_info": "flowbeat"}),
    "without headers": envelope(headers=...),
    "headers null": envelope(headers=None),
    "headers a list": envelope(headers=["task"]),
    "without a task": headers(task=...),
    "a task of another type": headers(task=["tasks.fetch.slice"]),
    "another's task": headers(task="celery_app.tasks.send_mail"),
    "without an id": headers(id=...),
    "an id of another type": headers(id={}),
    "an eta that is none": headers(eta="tomorrow"),
    "an expiry that is none": headers(expires={"in": 3}),
    "time limits of another shape": headers(timelimit="soon"),
    "retries of another type": headers(retries="many"),
    "without a body": envelope(body=...),
    "a body that is not JSON": body("hello"),
    "a body that is a number": body(7),
    "a body without options": body([["run", 1]]),
    "arguments of another type": body([[{"a": 1}, "x"], {}, {}]),
    "too few arguments": body([["run"], {}, {}]),
    "too many arguments": body([["run", 1, 2], {}, {}]),
    "named arguments": body([[], {"run_id": "run", "attempt": 1}, {}]),
    "a body not in its encoding": envelope(
        properties={
            "body_encoding": "base64",
            "delivery_tag": "another-tag",
            "delivery_info": {"exchange": "", "routing_key": QUEUE},
        },
        body="***",
    ),
    "pickle": envelope(**{"content-type": "application/x-python-serialize"}),
    "an old protocol's": envelope(headers={}, body=json.dumps({"task": "tasks.fetch.slice", "args": 3})),
    "a nightly refresh of no profile": envelope(
        headers={"lang": "py", "task": "tasks.maintain.nightly", "id": "an-id"}, body=json.dumps([[None], {}, {}])
    ),
}


def _is_refused_or_exited(world: World, worker: Process, expected: int) -> bool:
    return refused(world) == expected or worker.poll() is not None


def test_malformed_messages_are_refused_and_the_worker_keeps_running(make_world: Callable[..., World]) -> None:
    """Each is logged with the reason and not delivered again, and the worker serves later messages."""
    world = make_world()
    worker = world.start("worker", "-c", "1", "--without-mingle", "--without-gossip")
    eventually(lambda: any("ready." in line["message"] for line in world.log_lines()))
    server = embedded.ensure(world.folder / ".flowbeat")
    redis = Redis.from_url(server.client_url)
    try:
        for name, shape in MALFORMED.items():
            expected = refused(world) + 1
            redis.lpush(QUEUE, shape if isinstance(shape, str | bytes) else json.dumps(shape))
            eventually(partial(_is_refused_or_exited, world, worker, expected), 20)
            assert worker.poll() is None, name
        assert redis.llen(QUEUE) == 0
        assert redis.hlen(UNACKNOWLEDGED) == 0
        assert world.run("refresh").returncode == 0
        assert worker.poll() is None
    finally:
        redis.close()
        server.close()
    assert "Traceback" not in json.dumps([line for line in world.log_lines() if line["level"] != "INFO"])


def refused(world: World) -> int:
    """Return the number of refused messages in the log."""
    return sum(line["message"] == "message refused" for line in world.log_lines())
