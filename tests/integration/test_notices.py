"""Notices of failed, overdue and mended refreshes: each change of state is sent once, to a real command or webhook."""

import json
import os
import shlex
import stat
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from fetch_world import NAME, World, open_world
from kombu import Queue
from redis import Redis
from webhooks import SECRET, Receiver, receiving

import celeryconfig
from models.store import notices, runs
from models.store.notices import Verdict
from tasks import maintain
from tasks import notices as sending
from worker import notify, runtime, settings, sweeping
from worker.notify import NotSentError
from worker.settings import Notify

pytestmark = pytest.mark.usefixtures("redis_client")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Yield a webhook."""
    with receiving() as started:
        yield started


@pytest.fixture
def world(tmp_path: Path, database_url: str, redis_url: str, receiver: Receiver) -> Iterator[World]:
    """Yield a world whose profile is due each night at 02:00, and whose operator has that webhook."""
    with open_world(tmp_path, database_url, redis_url) as opened:
        opened.profile(schedule="0 2 * * *")
        (tmp_path / "webhook").write_text(f"{receiver.url}\n", encoding="utf-8")
        configured(opened, webhook_file=tmp_path / "webhook")
        runtime.adopt(opened.current)
        yield opened
        runtime.forget()


def configured(world: World, **keys: Any) -> None:
    """Configure how the operator is notified."""
    notify_keys = Notify(**{"timeout_seconds": 5.0, **keys})
    world.current.settings = replace(world.current.settings, notify=notify_keys)


def night(world: World, *, error: str | None = None, scheduled: bool = True) -> None:
    """Let a refresh end, well or not."""
    run = world.request(due_at=world.clock()) if scheduled else world.request()
    world.clock.advance(timedelta(minutes=1))
    with world.current.sessions.begin() as session:
        runs.end(session, run.run_id, run.attempt, world.clock(), error=error, error_kind=error and "login")


def look(world: World) -> int:
    """Look as the workers do, a few minutes later."""
    world.clock.advance(timedelta(minutes=5))
    return int(maintain.notify.apply().get())


def test_each_change_of_state_is_sent_once(world: World, receiver: Receiver) -> None:
    """Well at first, two failed nights, then a good one; every change is looked at more than once."""
    night(world)
    assert [look(world), look(world)] == [0, 0]
    night(world, error="the login was refused; check the token")
    assert [look(world), look(world)] == [1, 0]
    night(world, error="the login was refused; check the token")
    assert look(world) == 0
    night(world)
    assert [look(world), look(world)] == [1, 0]
    failed, mended = receiver.received
    assert (failed["event"], failed["before"], failed["profile"]) == ("failed", "ok", NAME)
    assert failed["text"] == (
        f"Flowbeat: the scheduled refresh of {NAME} failed: the login was refused; check the token"
    )
    with world.current.reads() as session:
        assert runs.load(session, failed["run_id"]) is not None
    assert (mended["event"], mended["before"]) == ("mended", "failed")
    assert mended["text"] == f"Flowbeat: {NAME} is refreshed again (it was failed)"
    assert (failed["path"], failed["login"]) == (f"/services/{SECRET}", None)


def test_a_refresh_by_hand_mends_and_does_not_fail(world: World, receiver: Receiver) -> None:
    """The person saw the error; and fresh data are fresh, also when a person asked for them."""
    night(world, error="a typing error", scheduled=False)
    assert look(world) == 0
    night(world, error="no login")
    look(world)
    night(world, error="still no login", scheduled=False)
    assert look(world) == 0
    night(world, scheduled=False)
    look(world)
    assert receiver.events == ["failed", "mended"]


def test_a_night_that_nothing_answers_is_overdue_after_an_hour(world: World, receiver: Receiver) -> None:
    """Not before, not for a night before the profile was watched, and no longer once a run answers it."""
    night(world)
    look(world)  # at 09:36, after the instant of this day
    world.clock.advance(timedelta(hours=17))
    due = world.clock().replace(hour=2, minute=0, second=0, microsecond=0)
    assert world.clock() - due < timedelta(minutes=60)
    look(world)
    assert receiver.events == []
    world.clock.advance(timedelta(minutes=30))
    look(world)
    assert receiver.events == ["overdue"]
    assert f"it was due on {due:%Y-%m-%d} 02:00 (UTC)" in receiver.received[0]["text"]
    run = world.request(due_at=due)
    look(world)
    assert receiver.events == ["overdue"]  # a live run has not mended anything yet
    world.end_early(run)
    look(world)
    assert receiver.events == ["overdue", "mended"]


@pytest.mark.parametrize(("error", "events"), [(None, []), ("no login", ["overdue"])])
def test_a_refresh_that_is_live_at_the_instant_takes_its_place_unless_it_fails(
    world: World, receiver: Receiver, error: str | None, events: list[str]
) -> None:
    """A person had asked for it, and it takes two hours."""
    look(world)
    world.clock.advance(timedelta(hours=16))
    run = world.request()
    world.clock.advance(timedelta(hours=2))
    assert (look(world), receiver.events) == (0, [])
    with world.current.sessions.begin() as session:
        runs.end(session, run.run_id, run.attempt, world.clock(), error=error, error_kind=error and "login")
    look(world)
    assert receiver.events == events


def test_a_profile_without_a_schedule_is_not_watched(world: World, receiver: Receiver) -> None:
    """A person refreshes it."""
    world.profile(schedule=None)
    night(world, error="no login")
    look(world)
    world.clock.advance(timedelta(days=3))
    assert (look(world), receiver.events) == (0, [])


def test_of_two_workers_that_look_at_once_one_sends(world: World, receiver: Receiver) -> None:
    """Both see the change; the row decides."""
    look(world)
    night(world, error="no login")
    barrier = threading.Barrier(2)

    def worker() -> None:
        barrier.wait()
        sending.look(world.current)

    threads = [threading.Thread(target=worker) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert receiver.events == ["failed"]


def test_what_two_workers_have_read_only_one_can_change_or_take(world: World) -> None:
    """The second finds another state, or another number of tries."""
    now = world.clock()
    with world.current.sessions.begin() as session:
        before = notices.watch(session, NAME, now)
        assert notices.turn(session, before, Verdict("failed", "no login"), now)
        assert not notices.turn(session, before, Verdict("failed", "no login"), now)
        (notice,) = notices.unsent(session, now)
        until = now + timedelta(seconds=sending.RETRY_SECONDS)
        assert notices.claim(session, notice, until)
        assert not notices.claim(session, notice, until)
        notices.close(session, notice, now)
        assert not notices.claim(session, replace(notice, tries=1), until)
        failed = notices.watch(session, NAME, now)
        later = now + timedelta(minutes=1)
        assert notices.turn(session, failed, Verdict(notices.OK), later)
        notices.close(session, failed, later)  # a late sender of the failure does not withhold the mending
        assert [unsent.state for unsent in notices.unsent(session, later)] == [notices.OK]


def test_a_notice_survives_a_worker_that_was_killed_while_it_sent(world: World, receiver: Receiver) -> None:
    """Its claim ends after two minutes, and another worker sends it."""
    look(world)
    with world.current.sessions.begin() as session:
        now = world.clock()
        notices.turn(session, notices.watch(session, NAME, now), Verdict("failed", "no login"), now)
        (notice,) = notices.unsent(session, now)
        assert notices.claim(session, notice, now + timedelta(seconds=sending.RETRY_SECONDS))
    assert sending._send_all(world.current) == 0
    world.clock.advance(timedelta(seconds=sending.RETRY_SECONDS + 1))
    assert sending._send_all(world.current) == 1
    assert receiver.events == ["failed"]


@pytest.mark.parametrize(("status", "why"), [(500, "answered with 500"), (302, "answered with 302")])
def test_a_notice_that_is_refused_is_tried_five_times_and_logged_without_the_address(
    world: World, receiver: Receiver, caplog: pytest.LogCaptureFixture, status: int, why: str
) -> None:
    """A redirect is not followed. The run and the sweep go well all the same."""
    receiver.status = status
    night(world, error="no login")
    for _ in range(7):
        assert look(world) == 0
    assert receiver.events == ["failed"] * 5
    lines = [record for record in caplog.records if record.message == "operator not notified"]
    assert [vars(line)["given_up"] for line in lines] == [False] * 4 + [True]
    assert why in vars(lines[0])["why"]
    assert SECRET not in " ".join(str(vars(line)) for line in lines)
    receiver.status = 200
    night(world)
    assert look(world) == 1


def test_a_webhook_that_does_not_answer_costs_its_time_out(world: World, receiver: Receiver) -> None:
    """A worker is not held up for longer."""
    receiver.seconds = 5.0
    configured(world, webhook_file=world.current.settings.notify.webhook_file, timeout_seconds=1.0)
    night(world, error="no login")
    before = time.monotonic()
    assert look(world) == 0
    assert time.monotonic() - before < 4


def test_a_secret_in_the_reason_is_not_sent(world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a configured token nor anything that looks like one, nor the address of the webhook."""
    monkeypatch.setenv("WEBHOOK", receiver.url)
    configured(world, webhook_env="WEBHOOK")
    token = world.current.settings.connections["sandbox"].token({})
    night(world, error=f"refused {token} of ada@example.com, see {receiver.url}")
    assert look(world) == 1
    text = receiver.received[0]["text"]
    assert "refused [redacted]" in text
    for secret in (str(token), "ada@example.com", SECRET):
        assert secret not in text


# --- a command ------------------------------------------------------------------------------------------------------


def program(folder: Path, *lines: str) -> tuple[str, ...]:
    """Return a command: a script in the language of the tests."""
    file = folder / "notify"
    body = "\n".join(("import json, os, sys, time", f"folder = {str(folder)!r}", *lines))
    file.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c {shlex.quote(body)} "$@"\n', encoding="utf-8")
    file.chmod(stat.S_IRWXU)
    return (str(file), "two words", "$HOME; exit 3")


def test_a_command_reads_the_notice_and_has_no_secret(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its arguments pass no shell. A variable of its own reaches it, those with secrets do not."""
    for name in ("JIRA_TOKEN", "FLOWBEAT_DATABASE_URL", "PAGER"):
        monkeypatch.setenv(name, f"value of {name}")
    world.connection(token_env="JIRA_TOKEN", token_file=None)
    write = "json.dump([json.load(sys.stdin), sys.argv[1:], dict(os.environ)], open(folder + '/out', 'w'))"
    configured(world, command=program(tmp_path, write))
    night(world, error="no login")
    assert look(world) == 1
    document, arguments, environment = json.loads((tmp_path / "out").read_text())
    assert document["event"] == "failed"
    assert arguments == ["two words", "$HOME; exit 3"]
    assert environment["PAGER"] == "value of PAGER"
    assert not {"JIRA_TOKEN", "FLOWBEAT_DATABASE_URL"} & environment.keys()


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (("sys.exit(3)",), "ended with exit code 3"),
        (("open(folder + '/pid', 'w').write(str(os.getpid()))", "time.sleep(60)"), "has not ended within 2 s"),
    ],
)
def test_a_command_that_fails_is_named(world: World, tmp_path: Path, lines: tuple[str, ...], why: str) -> None:
    """One that hangs is killed."""
    configured(world, command=program(tmp_path, *lines), timeout_seconds=2.0)
    with pytest.raises(NotSentError, match=why):
        notify.send(world.current.settings, os.environ, {"event": "failed"})
    if (tmp_path / "pid").exists():
        with pytest.raises(ProcessLookupError):
            os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_command_that_does_not_exist_and_a_webhook_without_an_address_are_named(world: World, tmp_path: Path) -> None:
    """The sentence names the key or the place."""
    configured(world, command=(str(tmp_path / "none"),))
    with pytest.raises(NotSentError, match=r"notify\.command cannot be started: No such file"):
        notify.send(world.current.settings, {}, {})
    configured(world, webhook_env="WEBHOOK")
    with pytest.raises(NotSentError, match="the environment variable WEBHOOK does not hold an address"):
        notify.send(world.current.settings, {"WEBHOOK": SECRET}, {})


# --- who looks ------------------------------------------------------------------------------------------------------


def test_the_workers_own_sweep_sends_the_task_only_where_somebody_is_to_be_notified(
    world: World, redis_client: Redis
) -> None:
    """One message for each interval, which no installation without [notify] has to handle."""
    broker = str(world.current.settings.redis_url).replace("unix://", "redis+socket://")
    app = Celery("tests", broker=broker)
    app.conf.update(task_default_queue="maintain")
    assert sweeping.send_sweep(app, 15)
    assert names(redis_client) == [sweeping.NOTIFY, sweeping.SWEEP]
    redis_client.flushall()
    world.current.settings = replace(world.current.settings, notify=Notify())
    assert sweeping.send_sweep(app, 15)
    assert names(redis_client) == [sweeping.SWEEP]
    app.close()


def test_a_worker_without_the_queue_maintain_sweeps_in_its_own_unless_another_has_it(
    world: World, redis_client: Redis
) -> None:
    """In its own queue the sweep waits behind other work, so a worker with `maintain` comes first."""
    broker = str(world.current.settings.redis_url).replace("unix://", "redis+socket://")
    app = Celery("tests", broker=broker)
    app.conf.update(task_default_queue="maintain", task_queues=celeryconfig.task_queues)
    for taken, queue in ((["calculate", "fetch"], "fetch"), (["calculate"], "calculate")):
        redis_client.flushall()
        app.amqp.queues.select(taken)
        assert sweeping.send_sweep(app, 15)
        assert names(redis_client, queue) == [sweeping.NOTIFY, sweeping.SWEEP]
    redis_client.flushall()
    app.amqp.queues.select(["fetch", "maintain"])
    assert sweeping.send_sweep(app, 15)
    assert names(redis_client) == [sweeping.NOTIFY, sweeping.SWEEP]
    redis_client.delete("flowbeat:sweep")
    app.amqp.queues.select(["fetch"])
    assert not sweeping.send_sweep(app, 15)
    redis_client.flushall()
    app.amqp.queues.add(Queue("elsewhere"))
    app.amqp.queues.select(["elsewhere"])
    assert not sweeping.send_sweep(app, 15)
    app.close()


def names(redis_client: Redis, queue: str = "maintain") -> list[str]:
    """Return the names of the tasks in a queue."""
    texts: Any = redis_client.lrange(queue, 0, -1)
    return [json.loads(text)["headers"]["task"] for text in texts]


def test_the_address_is_read_from_its_place_and_is_a_secret(tmp_path: Path) -> None:
    """From TOML to the logs: the file names a variable, and what that holds is redacted."""
    file = tmp_path / "flowbeat.toml"
    file.write_text('[notify]\nwebhook_env = "FLOWBEAT_HOOK"\noverdue_minutes = 5\n', encoding="utf-8")
    environ = {"FLOWBEAT_HOOK": f"https://hooks.example/services/{SECRET}"}
    loaded = settings.load(file, environ)
    assert (loaded.notify.is_configured, loaded.notify.overdue_minutes) == (True, 5)
    assert loaded.notify.webhook(environ) == environ["FLOWBEAT_HOOK"]
    assert {environ["FLOWBEAT_HOOK"], f"services/{SECRET}"} <= set(settings.secrets(loaded, environ))
