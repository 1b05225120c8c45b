"""The decisions before a fetch reads (hit or miss, full or incremental), and its errors when Jira refuses."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from fetch_world import NAME, PROFILE, RULES, World, open_world

from models.records import CacheMetadata, FetchOperation, Run
from models.store import caches, operations, runs
from sandbox.faults import failing
from sandbox.shapes import Flavour
from sandbox.site import Issue
from sandbox.team import TOKEN
from tasks.fetch import task
from tasks.fetch.task import work
from worker import runtime
from worker.errors import RetryableError
from worker.identity import cache_key

TROUBLE = {"tries": 1, "seconds": 0.5}
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def world(flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a Jira of about sixty issues and an empty copy."""
    with open_world(tmp_path, database_url, redis_url, flavour=flavour) as opened:
        yield opened


def _cache(world: World) -> CacheMetadata:
    with world.current.reads() as session:
        stored = caches.find(session, NAME)
    assert stored is not None
    return stored


# --- cache hits -----------------------------------------------------------------------------------------------------


def test_a_calculation_of_fresh_data_sends_no_request(world: World) -> None:
    """A cache hit is a Fetch Operation without a request."""
    world.fetch()
    world.clock.advance(timedelta(hours=23, minutes=59))
    operation = world.fetch("calculate")
    assert world.jira.log == []
    assert (operation.cache_hit, operation.api_calls_made, operation.state) == (True, 0, "completed")
    assert operation.duration_seconds == 0.0


def test_a_calculation_of_data_a_day_old_fetches_what_changed(world: World) -> None:
    """A copy expires 24 hours after its fetch."""
    world.fetch()
    world.clock.advance(timedelta(hours=24))
    operation = world.fetch("calculate")
    assert (operation.cache_hit, operation.kind) == (False, "incremental")
    assert _cache(world).creation_timestamp == world.clock()


def test_a_calculation_for_a_past_instant_needs_no_fresher_data(world: World) -> None:
    """An expired copy has that past just as a new one does."""
    world.fetch()
    world.clock.advance(timedelta(days=9))
    assert world.fetch("calculate", as_of=world.clock() - timedelta(days=10)).cache_hit


def test_a_refresh_never_uses_the_cache_alone(world: World) -> None:
    """A refresh always sends requests to Jira."""
    world.fetch()
    assert not world.fetch().cache_hit


@pytest.mark.parametrize("change", ["period", "fewer fields", "same field under its id", "dotted path", "spaces"])
def test_a_change_that_needs_no_new_data_keeps_the_copy_and_its_expiry(world: World, change: str) -> None:
    """With another cache key, but the same connection and JQL and stored fields, the copy is a hit of its old age."""
    world.fetch()
    before = _cache(world)
    points = replace(RULES, fields={"points": "Story point estimate"})
    changed = {
        "period": replace(PROFILE, rules=replace(RULES, time_period_days=90)),
        "fewer fields": replace(PROFILE, rules=points),
        "same field under its id": replace(PROFILE, rules=replace(points, fields={"points": "customfield_10016"})),
        "dotted path": replace(PROFILE, rules=replace(points, fields={"points": "Committed at.value"})),
        "spaces": replace(PROFILE, jql="project  in\n(PAY, OPS)"),
    }[change]
    world.profile(rules=changed.rules, jql=changed.jql)
    world.clock.advance(timedelta(hours=1))
    assert world.fetch("calculate").cache_hit
    assert world.jira.log == []
    after = _cache(world)
    assert (after.creation_timestamp, after.expiration_timestamp) == (
        before.creation_timestamp,
        before.expiration_timestamp,
    )
    assert (after.cache_key == before.cache_key) == (change == "spaces")
    assert after.config_hash == after.cache_key


def test_the_mapping_of_a_kept_copy_is_resolved_by_the_names_of_the_site(world: World) -> None:
    """A calculation reads fields by id, whichever names the profile has."""
    world.fetch()
    world.profile(rules=replace(RULES, fields={"detected_at": "story POINT estimate"}))
    world.fetch("calculate")
    assert _cache(world).cursor.identity.resolved == {"detected_at": "customfield_10016"}


@pytest.mark.parametrize(
    ("change", "kind"), [("jql", "incremental"), ("field", "full"), ("summaries", "full"), ("version", "full")]
)
def test_a_change_that_needs_more_than_is_stored_is_a_miss(world: World, change: str, kind: str) -> None:
    """Another JQL needs the issues that it newly finds; a new field needs all issues again."""
    world.fetch()
    if change == "version":
        with world.current.sessions.begin() as session:
            caches.save(session, replace(_cache(world), version_identifier="0"))
    else:
        fields = {**RULES.fields, "detected_at": "Detected at"}
        changed: dict[str, dict[str, Any]] = {
            "jql": {"jql": "project = PAY"},
            "summaries": {"store_summaries": False},
        }
        world.profile(**changed.get(change, {"rules": replace(RULES, fields=fields)}))
    operation = world.fetch("calculate")
    assert (operation.cache_hit, operation.kind) == (False, kind)
    assert world.fetch("calculate").cache_hit


def test_another_jql_reads_only_the_issues_that_it_newly_finds(world: World) -> None:
    """Issues that only the old JQL finds are gone, new ones are read, and issues of both are not read."""
    world.profile(jql="project = PAY AND issuetype != Bug")
    world.fetch()
    stored = world.issue_keys()
    world.profile(jql="project = PAY AND issuetype != Story")
    operation = world.fetch()
    expected = {issue.key for issue in world.shown() if issue.key.startswith("PAY") and _type(issue) != "Story"}
    assert world.issue_keys() == expected
    assert operation.issues_changed == len(expected - stored)
    assert operation.issues_gone == len(stored - expected)


def _type(issue: Issue) -> str:
    return str(issue.fields["issuetype"]["name"])


def test_the_cache_key_depends_on_connection_jql_fields_and_period(world: World) -> None:
    """The key has 32 hex digits; the order of keys and the blanks do not matter, but e-mail and period do."""
    connection = world.current.settings.connections["sandbox"]
    key = cache_key(connection, PROFILE)
    turned = replace(PROFILE, rules=replace(RULES, fields=dict(reversed(list(RULES.fields.items())))))
    assert len(key) == 32
    assert cache_key(connection, turned) == key
    assert cache_key(replace(connection, requests=5), PROFILE) == key
    others = [
        cache_key(replace(connection, email="b@acme.example"), PROFILE),
        cache_key(replace(connection, base_url="https://b.example"), PROFILE),
        cache_key(connection, replace(PROFILE, jql="project = PAY")),
        cache_key(connection, replace(PROFILE, jql='project = "a  b"')),
        cache_key(connection, replace(PROFILE, jql='project = "a b"')),
        cache_key(connection, replace(PROFILE, rules=replace(RULES, time_period_days=7))),
    ]
    assert len({key, *others}) == 7


# --- requests -------------------------------------------------------------------------------------------------------


def _bound(world: World, changed: int, gone: int = 0) -> int:
    """Return the bound of the design: 6 + P + ⌈N/5000⌉ + 2⌈Δ/100⌉ + ⌈G/100⌉, on Data Center ⌈N/1000⌉."""
    page = 5000 if world.jira.site.flavour == "cloud" else 1000
    issues = len(world.shown())
    return 6 + 2 + ceil(issues / page) + 2 * ceil(changed / 100) + ceil(gone / 100)


def test_a_full_fetch_stays_within_the_bound_of_requests(
    tmp_path: Path, database_url: str, redis_url: str, flavour: Flavour
) -> None:
    """1,300 issues need more than one page, except for ids."""
    with open_world(tmp_path, database_url, redis_url, flavour=flavour, issues=1300) as world:
        operation = world.fetch()
        assert operation.issues_changed == len(world.shown()) > 1000
        assert len(world.jira.log) <= _bound(world, operation.issues_changed)


def test_an_unchanged_copy_costs_few_requests(world: World) -> None:
    """The requests are server info, fields, changed issues, ids, statuses, and the versions of two projects."""
    world.fetch()
    world.clock.advance(timedelta(minutes=1))
    operation = world.fetch()
    assert (operation.issues_changed, operation.data_volume_fetched) == (0, 0)
    assert len(world.jira.log) <= _bound(world, 0) - 1
    assert not any(endpoint in seen.endpoint for seen in world.jira.log for endpoint in ("bulkfetch", "changelog"))


def test_one_changed_issue_costs_one_page_more(world: World) -> None:
    """Only the changed issue is read, and no history of another one."""
    world.fetch()
    world.happen(world.shown()[3], ("summary", "Changed"))
    operation = world.fetch()
    assert (operation.issues_changed, operation.data_volume_fetched) == (1, 1)
    assert len(world.jira.log) <= _bound(world, 1)


def test_only_mapped_and_needed_fields_are_requested(world: World) -> None:
    """No request has `*all` or a field with a person."""
    world.fetch()
    asked = {field for seen in world.jira.log for field in seen.asked.get("fields", [])}
    assert {"customfield_10016", "customfield_10032", "status", "updated"} <= asked
    assert not asked & {"*all", "*navigable", "assignee", "reporter", "creator", "comment", "description"}


# --- refusals -------------------------------------------------------------------------------------------------------


def _failed(world: World) -> tuple[Run, FetchOperation]:
    """Return the run and its Fetch Operation after the task has met the error."""
    run = world.request()
    runtime.adopt(world.current)
    try:
        task.fetch_slice(run.run_id, run.attempt)
    finally:
        runtime.forget()
    with world.current.reads() as session:
        operation = operations.fetch_of(session, run.run_id)
    assert operation is not None
    return world.latest(run), operation


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ("login", "X-Seraph-LoginReason: AUTHENTICATED_FAILED); check email and token of connection 'sandbox'"),
        ("jql", "The value 'NOPE' does not exist for the field 'project'"),
        ("unknown field", "this Jira has no field 'Story point estimat'; did you mean 'Story point estimate'?"),
        ("ambiguous field", "2 fields are called 'Twin'; use one id: customfield_1, customfield_2"),
        ("user field", "'Release owner' holds people, and people are not stored"),
    ],
)
def test_a_refusal_is_one_sentence_and_changes_no_data(world: World, trouble: str, words: str) -> None:
    """Run and Fetch Operation have failed with the reason; the copy is unchanged."""
    world.fetch()
    before, cache = world.copy(), _cache(world)
    world.clock.advance(timedelta(days=3))
    if trouble == "login":
        (world.current.settings.state_dir.parent / "token").write_text("wrong-token")
    elif trouble == "jql":
        world.profile(jql="project = NOPE")
    else:
        twin = {"name": "Twin", "custom": True, "schema": {"type": "string"}}
        world.jira.site.catalogue.fields.extend({"id": f"customfield_{n}", **twin} for n in (1, 2))
        name = {"unknown field": "Story point estimat", "ambiguous field": "Twin", "user field": "Release owner"}[
            trouble
        ]
        world.profile(rules=replace(RULES, fields={"points": name}))
    run, operation = _failed(world)
    assert (run.state, operation.state) == ("failed", "failed")
    assert run.error is not None
    assert words in run.error
    assert operation.error == run.error
    assert "\n" not in run.error
    assert TOKEN not in run.error
    assert operation.api_calls_made == len(world.jira.log) > 0
    assert (world.copy(), _cache(world)) == (before, cache)


def test_every_fetch_that_ended_is_a_line_of_the_performance_log(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A completed fetch, a cache hit and a failed fetch are logged with their counts, and without a secret."""
    caplog.set_level("INFO", "flowbeat.performance")
    ended = [world.fetch(), world.fetch("calculate")]
    world.profile(jql="project = NOPE")
    ended.append(_failed(world)[1])
    lines = [record for record in caplog.records if record.name == "flowbeat.performance"]
    assert [record.__dict__["request_id"] for record in lines] == [operation.request_id for operation in ended]
    assert [record.__dict__["state"] for record in lines] == ["completed", "completed", "failed"]
    assert [record.__dict__["api_calls_made"] for record in lines] == [fetch.api_calls_made for fetch in ended]
    assert TOKEN not in str([record.__dict__ for record in lines])


def test_a_first_fetch_that_is_refused_leaves_no_copy_to_calculate_from(world: World) -> None:
    """There is no Cache Metadata, so nothing counts as data."""
    world.profile(jql="project = NOPE")
    _failed(world)
    with world.current.reads() as session:
        assert caches.find(session, NAME) is None


def test_requests_of_a_stage_that_has_to_wait_are_counted_once(world: World) -> None:
    """A pause of Jira ends the slice; the stage is repeated later, and the operation counts every request."""
    world.jira.faults.append(failing(503, retry_after=600, endpoint="serverInfo"))
    run = world.request()
    with pytest.raises(RetryableError, match="answered 503") as caught:
        work(world.current, run)
    assert caught.value.retry_after == pytest.approx(600, rel=0.01)
    world.current.redis.flushall()  # the pause of ten minutes is over
    work(world.current, world.latest(run))
    operation = world.end(run)
    assert operation.api_calls_made == len(world.jira.log)
    assert operation.start_time == world.clock()


def test_a_wait_does_not_reset_the_count_of_failures(world: World) -> None:
    """The task fails after some attempts without progress, and a failed stage is not progress."""
    world.jira.faults.append(failing(503, retry_after=600, endpoint="serverInfo", times=2))
    run = world.request()
    with pytest.raises(RetryableError):
        work(world.current, run)
    with world.current.sessions.begin() as session:
        runs.heartbeat(session, run.run_id, 1, world.clock(), cursor={**world.latest(run).cursor, "trouble": TROUBLE})
    world.current.redis.flushall()
    with pytest.raises(RetryableError):
        work(world.current, world.latest(run))
    assert world.latest(run).cursor["trouble"] == TROUBLE
    world.current.redis.flushall()
