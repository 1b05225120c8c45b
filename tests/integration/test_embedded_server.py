"""The embedded server as a real process: one per state folder, with its data, as long as a process uses it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from console.shared import errors
from worker import embedded
from worker.errors import ConfigError, FatalError

ROOT = Path(__file__).parents[2]


def info(handle: embedded.Handle) -> dict[str, str | int]:
    """Return the answer of the server's INFO command."""
    with Redis.from_url(handle.client_url) as client:
        information: dict[str, str | int] = client.info()
    return information


def answers(handle: embedded.Handle) -> bool:
    """Return whether the server answers."""
    with Redis.from_url(handle.client_url) as client:
        try:
            return bool(client.ping())
        except RedisConnectionError:
            return False


def kill(handle: embedded.Handle) -> None:
    """Kill the server with SIGKILL and wait until its process is gone."""
    number = int(info(handle)["process_id"])
    os.kill(number, signal.SIGKILL)
    until = time.monotonic() + 5.0
    while answers(handle):
        assert time.monotonic() < until


def socket_of(handle: embedded.Handle) -> Path:
    """Return the path of the server's socket."""
    return Path(handle.client_url.removeprefix("unix://"))


@pytest.fixture
def handle(tmp_path: Path) -> Iterator[embedded.Handle]:
    """Yield a running server on a fresh state folder."""
    made = embedded.ensure(tmp_path)
    yield made
    made.close()


def user(state_dir: Path) -> subprocess.Popen[str]:
    """Return another process that ensures the server, prints its process id, and keeps it until it reads a line."""
    return subprocess.Popen(
        [sys.executable, __file__, str(state_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_it_listens_only_on_a_private_socket_and_keeps_its_data(handle: embedded.Handle) -> None:
    """It has no TCP port, writes its append-only file every second, evicts nothing, and only this user may read it."""
    with Redis.from_url(handle.client_url) as client:
        wanted = ("port", "appendonly", "appendfsync", "maxmemory-policy")
        assert client.config_get(*wanted) == {
            "port": "0",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
        }
    assert socket_of(handle).parent.stat().st_mode & 0o777 == 0o700
    assert handle.url == f"redis+socket://{socket_of(handle)}"


def test_its_data_is_in_the_state_folder_for_only_this_user(handle: embedded.Handle, tmp_path: Path) -> None:
    """The folder `redis` has the log that the documentation names."""
    assert answers(handle)
    assert (tmp_path / "redis").stat().st_mode & 0o777 == 0o700
    assert "Ready to accept connections" in (tmp_path / "redis" / "server.log").read_text(encoding="utf-8")


def test_it_runs_in_a_separate_session(handle: embedded.Handle) -> None:
    """Ctrl-C reaches the terminal's process group; the server is in another session and is not a child."""
    number = int(info(handle)["process_id"])
    assert os.getsid(number) != os.getsid(0)
    with pytest.raises(ChildProcessError):
        os.waitpid(number, os.WNOHANG)


def test_a_second_user_gets_the_same_server_and_the_last_one_stops_it(tmp_path: Path) -> None:
    """It survives the first close, stops at the second, and leaves no file in the temporary folder."""
    first, second = embedded.ensure(tmp_path), embedded.ensure(tmp_path)
    assert info(first)["process_id"] == info(second)["process_id"]
    first.close()
    first.close()
    assert answers(second)
    second.close()
    assert not answers(second)
    assert not socket_of(second).parent.exists()


def test_processes_that_start_at_once_start_one_server(tmp_path: Path) -> None:
    """Four processes get one server, which is gone when all have exited."""
    users = [user(tmp_path) for _ in range(4)]
    seen = {process.stdout.readline() for process in users if process.stdout is not None}
    assert len(seen) == 1
    for process in users:
        process.communicate("leave\n", timeout=20)
    assert [process.returncode for process in users] == [0, 0, 0, 0]
    later = embedded.ensure(tmp_path)
    assert str(info(later)["process_id"]) not in {line.strip() for line in seen}
    later.close()


def test_users_that_start_and_stop_at_once_always_have_a_server(tmp_path: Path) -> None:
    """Four users start and stop without pause, so that one is often the last while another is the first."""

    def come_and_go(_: int) -> bool:
        handle = embedded.ensure(tmp_path)
        answered = answers(handle)
        handle.close()
        return answered

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(come_and_go, range(60))) == [True] * 60


def test_a_server_left_by_a_crash_is_reused_and_stopped_by_its_last_user(tmp_path: Path) -> None:
    """Its only user is killed: the server keeps running, the next user reuses it, and its close stops it."""
    with user(tmp_path) as crashed:
        assert crashed.stdout is not None
        number = int(crashed.stdout.readline())
        crashed.kill()
    handle = embedded.ensure(tmp_path)
    assert info(handle)["process_id"] == number
    handle.close()
    assert not answers(handle)


def test_a_killed_server_is_started_again_with_its_data(handle: embedded.Handle, tmp_path: Path) -> None:
    """Its stale socket file does not prevent the start; data written more than a second ago is kept."""
    with Redis.from_url(handle.client_url) as client:
        client.set("kept", "yes")
    time.sleep(1.2)
    kill(handle)
    assert socket_of(handle).exists()
    again = embedded.ensure(tmp_path)
    with Redis.from_url(again.client_url) as client:
        assert client.get("kept") == b"yes"
    again.close()
    assert answers(handle)


def test_a_watched_server_is_restarted(handle: embedded.Handle) -> None:
    """A long-running user watches it: killed twice, it is restarted with the same address, as another process."""
    handle.watch()
    handle.watch()  # a second call changes nothing
    seen = {info(handle)["process_id"]}
    for _ in range(2):
        kill(handle)
        until = time.monotonic() + 20.0
        while not answers(handle):
            assert time.monotonic() < until
            time.sleep(0.05)
        seen.add(info(handle)["process_id"])
    assert len(seen) == 3


def test_a_watched_server_that_cannot_be_restarted_is_logged_once(
    handle: embedded.Handle, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The error names the server's own log, and is not repeated every second."""
    next((tmp_path / "redis" / "appendonlydir").glob("*.manifest")).write_text("no manifest")
    handle.watch()
    kill(handle)
    time.sleep(6)
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 1
    assert str(tmp_path / "redis" / "server.log") in errors[0].__dict__["why"]


def test_data_outlives_an_orderly_stop(tmp_path: Path) -> None:
    """A queue written just before the last user stopped is there for the next user."""
    first = embedded.ensure(tmp_path)
    with Redis.from_url(first.client_url) as client:
        client.rpush("celery", "message")
    first.close()
    second = embedded.ensure(tmp_path)
    with Redis.from_url(second.client_url) as client:
        assert client.lrange("celery", 0, -1) == [b"message"]
    second.close()


def test_a_server_that_is_loading_is_waited_for(tmp_path: Path) -> None:
    """It first answers that it is loading; the user gets a server that works."""
    first = embedded.ensure(tmp_path)
    with Redis.from_url(first.client_url) as client:
        client.eval("for i = 1, 400000 do redis.call('SET', i, i) end", 0)
    first.close()
    second = embedded.ensure(tmp_path)
    with Redis.from_url(second.client_url) as client:
        assert client.dbsize() == 400_000
    second.close()


def test_a_program_started_by_a_user_does_not_keep_the_server_alive(tmp_path: Path) -> None:
    """A child process does not inherit the locks of its parent."""
    handle = embedded.ensure(tmp_path)
    with subprocess.Popen(["sleep", "60"], close_fds=False) as child:
        handle.close()
        assert not answers(handle)
        child.kill()


def test_a_forked_child_cannot_close_its_parents_hold(tmp_path: Path) -> None:
    """A pool process that exits must not stop the server that others use."""
    script = """
import os, pathlib, sys
from redis import Redis
from console.shared import errors
from worker import embedded
handle = embedded.ensure(pathlib.Path(sys.argv[1]))
child = os.fork()
if child == 0:
    handle.close()
    os._exit(0)
os.waitpid(child, 0)
print(Redis.from_url(handle.client_url).ping())
handle.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert done.stdout == "True\n"


def test_no_second_server_is_started_if_the_first_cannot_be_reached(handle: embedded.Handle, tmp_path: Path) -> None:
    """Its socket file is gone: a second server would damage the data, so `ensure` raises an error."""
    path = socket_of(handle)
    aside = path.with_name("aside.sock")
    path.rename(aside)
    with pytest.raises(FatalError, match=r"does not answer at .*redis\.sock"):
        embedded.ensure(tmp_path)
    aside.rename(path)
    assert answers(handle)


def test_a_folder_that_is_open_to_others_is_refused(tmp_path: Path) -> None:
    """Another user who can write to the socket's folder could put another server there."""
    first = embedded.ensure(tmp_path)
    folder = socket_of(first).parent
    first.close()
    folder.mkdir(mode=0o755)
    try:
        with pytest.raises(ConfigError, match="not a folder of this user alone"):
            embedded.ensure(tmp_path)
    finally:
        folder.rmdir()


def test_damaged_data_is_reported_with_the_place_of_the_log(tmp_path: Path) -> None:
    """A server that exits while it starts is an error at once, without a wait."""
    healthy = embedded.ensure(tmp_path)
    healthy.close()
    (manifest,) = (tmp_path / "redis").glob("*/*.manifest")
    manifest.write_text("nonsense\n", encoding="utf-8")
    started = time.monotonic()
    with pytest.raises(FatalError, match=r"did not start .*server\.log"):
        embedded.ensure(tmp_path)
    assert time.monotonic() - started < 4.0
    shutil.rmtree(socket_of(healthy).parent)


def test_a_damaged_append_only_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    """The runs are in the database, so moving the queue's file away loses only messages; then the server starts."""
    healthy = embedded.ensure(tmp_path)
    with Redis.from_url(healthy.client_url) as client:
        for number in range(100):
            client.set(f"key-{number}", "value")
    healthy.close()
    folder = tmp_path / "redis" / "appendonlydir"
    (commands,) = folder.glob("*.incr.aof")
    content = commands.read_bytes()
    commands.write_bytes(content[:200] + b"\x00damage\xff" * 10 + content[300:])
    with pytest.raises(FatalError, match=r"append-only file is damaged. Move .*appendonlydir away"):
        embedded.ensure(tmp_path)
    folder.rename(tmp_path / "aside")
    restarted = embedded.ensure(tmp_path)
    assert answers(restarted)
    restarted.close()


def test_a_server_that_cannot_write_its_file_is_used_and_says_so(handle: embedded.Handle, tmp_path: Path) -> None:
    """It answers. A client that writes learns that the disk is full, not that another server is in the way."""
    (tmp_path / "redis" / "dump.rdb").mkdir()  # where a snapshot would be written
    with Redis.from_url(handle.client_url) as client:
        client.config_set("save", "3600 1")
        client.set("key", "value")
        client.bgsave()
        until = time.monotonic() + 10.0
        error = ""
        while not error:
            assert time.monotonic() < until
            try:
                client.set("key", "value")
            except ResponseError as refused:
                error = str(refused)
        embedded.ensure(tmp_path).close()
        client.config_set("save", "")
    assert error.startswith(embedded.CANNOT_WRITE)
    assert "free some space there" in errors.sentence(ResponseError(error))


def test_a_temporary_folder_with_too_long_a_name_is_a_configuration_error(tmp_path: Path) -> None:
    """The system would cut or refuse the path of the socket; the message says what to set."""
    long = tmp_path / ("x" * 100)
    long.mkdir()
    done = subprocess.run(
        [sys.executable, __file__, str(tmp_path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(long)},
        check=False,
    )
    assert "ConfigError" in done.stderr
    assert "set TMPDIR to a shorter folder" in done.stderr


def test_a_state_folder_that_cannot_be_made_is_a_configuration_error(tmp_path: Path) -> None:
    """A file has the path of the folder."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"state_dir .*file cannot be used"):
        embedded.ensure(tmp_path / "file")


def _main(state_dir: str) -> None:
    handle = embedded.ensure(Path(state_dir))
    sys.stdout.write(f"{info(handle)['process_id']}\n")
    sys.stdout.flush()
    sys.stdin.readline()
    handle.close()


if __name__ == "__main__":
    _main(sys.argv[1])
