"""The limiter's rules on fakeredis: who gets a slot, when it is free again, and how long a waiter must wait."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fakeredis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker import limiter as limiter_module
from worker.errors import ConfigError, RetryableError
from worker.limiter import Limiter, LimiterState, limiter_key

WINDOW = 1000.0  # seconds, much longer than a test takes
TIMEOUT = 500.0
LEASE = WINDOW + TIMEOUT
LATE = 1.0  # a waiter that misses its turn by more is dead
PARTS = ("flying", "cooling", "queue", "tickets", "pause")


class World:
    """The limiter's script on a Redis of its own. Time passes by moving every stored instant into the past."""

    def __init__(self, requests: int) -> None:
        self.server = fakeredis.FakeServer()
        self.client = fakeredis.FakeRedis(server=self.server)
        self.requests = requests
        self.keys = [f"{{k}}:{part}" for part in PARTS]
        source = Path(limiter_module.__file__).with_suffix(".lua").read_text(encoding="utf-8")
        self.script = self.client.register_script(source)

    def call(self, verb: str, token: str = "", span: float = 0.0) -> Any:
        limits = [self.requests, int(WINDOW * 1e6), int(LEASE * 1e6)]
        return self.script(keys=self.keys, args=[verb, *limits, token, int(span * 1e6)])

    def take(self, token: str, span: float = 0.0) -> float:
        """Return the seconds that the script asks to wait; 0.0 is a slot."""
        wait: int = self.call("take", token, span)[0]
        return wait / 1e6

    def release(self, token: str) -> None:
        self.call("release", token)

    def counts(self) -> list[int]:
        """Return how many slots are in flight and cooling, and how many callers wait."""
        return [int(count) for count in self.call("state")[:3]]

    def age(self, seconds: float) -> None:
        """Let this many seconds pass."""
        for key in self.keys:
            if self.client.type(key) == b"string":
                self.client.incrby(key, -int(seconds * 1e6))
            elif not key.endswith("queue"):  # its scores are ticket numbers
                for member in self.client.zrange(key, 0, -1):
                    assert isinstance(member, bytes)
                    self.client.zincrby(key, -seconds * 1e6, member)


def about(seconds: float) -> Any:
    """Return the figure with a tolerance for the time that a test takes."""
    return pytest.approx(seconds, abs=3.0)


@pytest.fixture
def world() -> World:
    """Return a quota of two requests in a window."""
    return World(requests=2)


def test_a_full_quota_refuses_and_holds_nothing(world: World) -> None:
    """Two callers get slots. The third gets the time to wait and changes nothing."""
    assert [world.take("a"), world.take("b")] == [0.0, 0.0]
    assert world.take("c") == about(WINDOW)
    assert world.counts() == [2, 0, 0]


def test_a_slot_is_free_one_window_after_its_answer(world: World) -> None:
    """Taken at 0, answered at 300: free at 1300, not at 1000."""
    world.take("a")
    world.take("b")
    world.age(300)
    world.release("a")
    world.age(WINDOW - 10)
    assert world.take("c") == about(10)
    world.age(10)
    assert world.take("c") == 0.0
    assert world.take("d") > 0


def test_a_holder_that_dies_frees_its_slot_after_the_lease(world: World) -> None:
    """Never released: time-out + window later the slot is given to another."""
    world.take("a")
    world.take("b")
    world.age(LEASE - 10)
    assert world.take("c") == about(10)
    world.age(10)
    assert world.take("c") == 0.0


def test_waiters_are_served_in_the_order_they_came(world: World) -> None:
    """With one slot free, the second waiter and a later caller both wait for the first."""
    for token in "ab":
        world.take(token)
    world.release("a")
    world.release("b")
    world.age(1)
    assert world.take("first", 2 * LEASE) == about(WINDOW)
    assert world.take("second", 2 * LEASE) == about(WINDOW)
    world.age(WINDOW - 1)
    assert world.take("late", 0.0) > 0.0
    assert world.take("second", LEASE) == 0.0
    assert world.take("late", 0.0) > 0.0
    assert world.take("first", LEASE) == 0.0
    assert world.counts() == [2, 0, 0]


def test_one_free_slot_is_kept_for_the_first_waiter(world: World) -> None:
    """One slot becomes free. Every waiter but the first must wait for the next one."""
    world.take("a")
    world.release("a")
    world.age(400)
    world.take("b")
    world.release("b")
    world.take("first", WINDOW)
    world.take("second", WINDOW)
    world.age(WINDOW - 400)
    assert world.take("second", WINDOW) == about(400)
    assert world.take("first", WINDOW) == 0.0


def test_a_waiter_that_dies_blocks_the_queue_for_a_second_at_most(world: World) -> None:
    """If the first waiter is late, the second takes its place."""
    world.take("a")
    world.release("a")
    world.age(400)
    world.take("b")
    world.release("b")
    world.take("dead", WINDOW)
    world.take("second", WINDOW)
    world.age(WINDOW - 400 + LATE + 0.1)
    assert world.take("second", WINDOW) == 0.0


def test_a_waiter_refused_later_on_leaves_the_queue(world: World) -> None:
    """A pause while it waited makes its wait too long: it is refused and no longer in the queue."""
    for token in "ab":
        world.take(token)
        world.release(token)
    assert world.take("waiter", WINDOW) <= WINDOW
    world.call("pause", span=3 * WINDOW)
    assert world.take("waiter", WINDOW) == about(3 * WINDOW)
    assert world.counts() == [0, 2, 0]


@pytest.mark.parametrize(
    ("ahead", "expected"),
    [
        (0, 600),  # the slot answered 400 ago
        (1, 1000),  # the slot in flight: not before one window from now
        (2, 1600),  # the first slot again, one window later
        (3, 2000),
        (4, 2600),
    ],
)
def test_the_wait_told_is_the_least_that_is_possible(world: World, ahead: int, expected: float) -> None:
    """Of two slots one cools and one is in flight. Every two earlier waiters add one window."""
    world.take("a")
    world.release("a")
    world.age(400)
    world.take("b")
    for number in range(ahead):
        world.take(f"waiter {number}", 10 * WINDOW)
    assert world.take("me") == about(expected)


def test_a_pause_holds_everyone_and_the_longer_one_stands(world: World) -> None:
    """A shorter pause later does not shorten it. After the pause, slots are given again."""
    world.call("pause", span=60)
    world.call("pause", span=30)
    assert world.take("a") == about(60)
    world.age(61)
    assert world.take("a") == 0.0


def test_a_lost_answer_may_be_asked_for_again(world: World) -> None:
    """Taking the same token twice uses one slot, even the last one. Releasing it twice leaves one cooling slot."""
    assert [world.take(token) for token in "abb"] == [0.0, 0.0, 0.0]
    assert world.counts() == [2, 0, 0]
    world.release("a")
    world.release("a")
    assert world.counts() == [1, 1, 0]


def test_a_release_after_lost_data_still_counts(world: World) -> None:
    """The request was sent, so its slot cools even if Redis lost its data."""
    world.take("a")
    world.client.flushall()
    world.release("a")
    assert world.counts() == [0, 1, 0]


def test_every_key_dies_with_the_last_instant_in_it(world: World) -> None:
    """The key of flying slots expires after a lease, of cooling slots after a window, the queue with its longest
    waiter.
    """
    world.take("a")
    world.release("a")
    world.take("b")
    world.take("c", WINDOW)
    world.take("short", WINDOW)
    world.call("pause", span=60)
    lives = {key.split(":")[1]: world.client.pttl(key) / 1000 for key in world.keys}
    waits = WINDOW + LATE
    expected = {"flying": LEASE, "cooling": WINDOW, "queue": waits, "tickets": waits, "pause": 60}
    assert lives == {part: about(life) for part, life in expected.items()}


STEPS = st.lists(
    st.tuples(st.sampled_from(["take", "take", "take", "release", "pause"]), st.integers(0, 5))
    | st.tuples(st.just("age"), st.sampled_from([50, 250, 500, 1000])),
    max_size=40,
)


@settings(max_examples=150)
@given(requests=st.integers(1, 3), steps=STEPS)
def test_the_script_decides_as_the_rules_say(requests: int, steps: list[tuple[str, int]]) -> None:
    """Six callers take, come back, release, die and pause at random: a slot is given exactly when nobody paused and
    fewer wait ahead than slots are free, so never more than the quota is out within a window.
    """
    world, now, pause_until = World(requests), 0, 0
    slots: dict[str, float] = {}  # token -> instant its slot is free
    line: dict[str, float] = {}  # waiting token -> instant its waiter is dead, in the order they came
    for index, (verb, number) in enumerate(steps):
        slots = {token: free_at for token, free_at in slots.items() if free_at > now}
        line = {token: dies_at for token, dies_at in line.items() if dies_at > now}
        if verb == "age":
            world.age(number)
            now += number
        elif verb == "pause":
            world.call("pause", span=100 * number)
            pause_until = max(pause_until, now + 100 * number)
        elif verb == "release":
            for token in [token for token in slots if token.startswith(f"{number}.")][-1:]:
                world.release(token)
                slots[token] = now + WINDOW
        else:
            waiting = [token for token in line if token.startswith(f"{number}.")]
            token = waiting[0] if waiting else f"{number}.{index}"
            ahead = list(line).index(token) if waiting else len(line)
            wait = world.take(token, 2 * WINDOW)
            assert (wait == 0.0) == (pause_until <= now and ahead < requests - len(slots))
            line[token] = now + wait + LATE
            if wait == 0.0:
                slots[token] = now + LEASE
            if wait == 0.0 or wait > 2 * WINDOW:
                del line[token]


# --- The Python side ---------------------------------------------------------------------------------------------


def make(world: World, requests: int = 2, per_seconds: float = WINDOW) -> Limiter:
    """Return a limiter on the world's Redis, with the same keys."""
    return Limiter(world.client, key="k", requests=requests, per_seconds=per_seconds, timeout=TIMEOUT)


def test_a_slot_is_in_flight_inside_the_block_and_cools_after_it(world: World) -> None:
    """It counts as in flight and used, then only as used."""
    limiter = make(world)
    with limiter.slot() as slot:
        assert slot.delay == 0.0
        assert limiter.state() == LimiterState(in_flight=1, used=1, waiting=0, paused_for=0.0)
    assert limiter.state() == LimiterState(in_flight=0, used=1, waiting=0, paused_for=0.0)


def test_a_block_that_fails_still_used_its_slot(world: World) -> None:
    """The request may have been sent before the error, so its slot cools like any other."""
    limiter = make(world)
    with pytest.raises(KeyError), limiter.slot():
        raise KeyError
    assert limiter.state() == LimiterState(in_flight=0, used=1, waiting=0, paused_for=0.0)


def test_too_long_a_wait_is_refused_with_the_time_to_come_back(world: World) -> None:
    """The error has the wait and names the limit. Nothing is held or queued."""
    limiter = make(world)
    for _ in range(2):
        with limiter.slot():
            pass
    with pytest.raises(RetryableError, match=r"the limit of 2 requests per 1000 s is used up") as caught:
        limiter.slot(max_wait=2.0).__enter__()
    assert caught.value.retry_after == about(WINDOW)
    assert limiter.state() == LimiterState(in_flight=0, used=2, waiting=0, paused_for=0.0)


def test_a_pause_is_named_in_the_refusal_and_in_the_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """The refusal says that Jira asked for the pause, and the log says why."""
    limiter = make(world)
    limiter.pause(60, "jira-quota-global-based")
    with pytest.raises(RetryableError, match="Jira asked for a pause") as caught:
        limiter.slot().__enter__()
    assert caught.value.retry_after == about(60)
    assert limiter.state().paused_for == about(60)
    assert vars(caplog.records[0])["reason"] == "jira-quota-global-based"


def test_a_short_wait_is_slept_and_reported() -> None:
    """In a window of 0.1 s the second request waits, and its slot has the delay."""
    limiter = make(World(1), requests=1, per_seconds=0.1)
    with limiter.slot():
        pass
    with limiter.slot() as slot:
        assert 0.09 <= slot.delay < 1.0


def test_without_redis_no_request_is_sent(world: World) -> None:
    """Each operation raises a retryable error, and none lets a request pass."""
    limiter = make(world)
    world.server.connected = False
    endpoints: list[Callable[[], object]] = [limiter.slot().__enter__, limiter.state, lambda: limiter.pause(1)]
    for endpoint in endpoints:
        with pytest.raises(RetryableError, match="Redis did not answer"):
            endpoint()


def test_an_answer_is_not_lost_because_its_slot_cannot_be_given_back(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Redis stops during the request: the block ends well, the lease ends the slot, and the log has a warning."""
    limiter = make(world)
    with caplog.at_level(logging.WARNING), limiter.slot():
        world.server.connected = False
    world.server.connected = True
    assert [record.message for record in caplog.records] == ["slot not given back"]
    assert limiter.state().in_flight == 1


@pytest.mark.parametrize(
    ("requests", "per_seconds"),
    [(0, 10.0), (-1, 10.0), (100, 0.0), (100, -1.0), (100, float("nan")), (100, float("inf"))],
)
def test_a_quota_that_lets_nothing_through_is_a_configuration_error(
    world: World, requests: int, per_seconds: float
) -> None:
    """It is refused at once. Otherwise every request would wait forever."""
    with pytest.raises(ConfigError, match="requests and per_seconds"):
        make(world, requests, per_seconds)


@pytest.mark.parametrize(
    "same",
    ["https://acme.atlassian.net", "https://ACME.atlassian.net/", "https://acme.atlassian.net:443"],
)
def test_one_jira_and_credential_share_one_key(same: str) -> None:
    """However the address is spelt."""
    assert limiter_key(same, "me@acme.example:secret") == limiter_key(
        "https://acme.atlassian.net", "me@acme.example:secret"
    )


def test_other_jiras_and_credentials_have_other_keys_that_hold_no_secret() -> None:
    """Host, port, context path and credential all count; neither secret nor user is in the key."""
    pairs = [
        ("https://acme.atlassian.net", "s3cret"),
        ("https://acme.atlassian.net", "other"),
        ("https://acme.atlassian.net", ""),
        ("https://user:s3cret@jira.example:8443/jira", "s3cret"),
        ("https://jira.example:8443/jira2", "s3cret"),
        ("https://jira.example/jira", "s3cret"),
    ]
    keys = [limiter_key(*pair) for pair in pairs]
    assert len(set(keys)) == len(keys)
    assert not [key for key in keys if "s3cret" in key or "user" in key]
