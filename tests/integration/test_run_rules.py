"""A run has one set of rules, even if the configuration changes between its steps."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fetch_world import NAME, World, open_world
from sqlalchemy import text

from models.database_faults import OutdatedFactsError
from models.metrics.rules import rules_hash
from models.records import METRIC_TYPES, MetricResult, Rules, Run
from models.store import dataset, results, runs
from tasks import calculate, calculating, run_rules
from tasks.fetch.task import work
from worker import runtime, view
from worker.errors import MixedConfigurationsError
from worker.runtime import Runtime

OLD = {"waiting": ("In Review", "Blocked")}
NEW = {"waiting": ("In Review",), "active": ("Blocked",)}


@pytest.fixture
def world(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a world with the old workflow of the profile."""
    with open_world(tmp_path, database_url, redis_url) as opened:
        opened.profile(rules=replace(_rules(opened.current), workflow=OLD))
        yield opened


@pytest.fixture
def restarted(world: World) -> Iterator[Runtime]:
    """Yield a worker with the same database that started after a change of the workflow."""
    profile = world.current.settings.profiles[NAME]
    changed = replace(profile, rules=replace(profile.rules, workflow=NEW))
    settings = replace(world.current.settings, profiles={NAME: changed})
    opened = Runtime(settings, world.clock, world.current.open_session, node="new@host")
    yield opened
    opened.close()


def test_a_run_stores_the_rules_its_facts_were_made_with(world: World) -> None:
    """It also stores the worker that made them; before the facts it has neither."""
    world.current.node = "old@host"
    run = world.request()
    work(world.current, run)
    assert world.latest(run).rules_hash is None
    calculate.work(world.current, world.latest(run))
    latest = world.latest(run)
    assert (latest.rules_hash, latest.worker) == (_hash(world.current), "old@host")


def test_a_metric_step_of_other_rules_returns_to_the_facts(world: World, restarted: Runtime) -> None:
    """Otherwise it would store numbers of the old facts under the new rules."""
    run = _with_facts(world)
    with world.current.sessions.begin() as session:
        assert runs.claim(session, run.run_id, 1, ("deployment_frequency",), world.clock()) is not None
    assert calculate.metric_step(restarted, world.latest(run)) == 2
    latest = world.latest(run)
    assert (latest.step, latest.state, latest.attempt, latest.rules_hash) == ("facts", "queued", 2, None)
    assert _results(world) == []
    _finish(restarted, world, run)
    assert {row.rules_hash for row in _results(world)} == {_hash(restarted)}
    assert _efficiency(world) == _efficiency_of_a_full_calculation(world, restarted)


def test_the_change_of_rules_changes_the_number(world: World, restarted: Runtime) -> None:
    """Without a difference the test above could not fail."""
    _finish(world.current, world, _with_facts(world))
    old = _efficiency(world)
    assert old != _efficiency_of_a_full_calculation(world, restarted)


def test_metrics_that_were_stored_before_the_change_are_calculated_again(world: World, restarted: Runtime) -> None:
    """A run has the metrics of only one configuration."""
    run = _with_facts(world)
    for _ in range(4):
        calculate.metric_step(world.current, world.latest(run))
    assert calculate.metric_step(restarted, world.latest(run)) == 2
    _finish(restarted, world, run)
    new = [row for row in _results(world) if row.rules_hash == _hash(restarted)]
    assert {row.metric_type for row in new} == {*METRIC_TYPES}
    assert world.latest(run).cursor["misses"] == len(world.issue_keys())


def test_a_run_returns_to_the_facts_even_if_only_rules_of_results_differ(world: World) -> None:
    """The facts of another period are the same, but all rows of a calculation must have the same rules."""
    run = _with_facts(world)
    calculate.metric_step(world.current, world.latest(run))
    world.profile(rules=replace(_rules(world.current), time_period_days=7))
    restarted = Runtime(world.current.settings, world.clock, world.current.open_session)
    assert calculate.metric_step(restarted, world.latest(run)) == 2
    calculate.work(restarted, world.latest(run))
    assert world.latest(run).cursor["misses"] == 0
    restarted.close()


def test_workers_of_two_configurations_do_not_alternate_for_ever(world: World, restarted: Runtime) -> None:
    """The run fails after a few rounds, and names the workers."""
    world.current.node = "old@host"
    run = _with_facts(world)
    for _ in range(run_rules.MAX_CHANGES):
        assert calculate.metric_step(restarted, world.latest(run)) is not None
        calculate.work(world.current, world.latest(run))
    with pytest.raises(MixedConfigurationsError, match="new@host and old@host"):
        calculate.metric_step(restarted, world.latest(run))


def test_slices_of_facts_by_two_configurations_do_not_alternate_for_ever(world: World, restarted: Runtime) -> None:
    """Each makes the facts of the other stale, so that the step would never be completed."""
    run = world.request()
    work(world.current, run)
    for slices in range(run_rules.MAX_CHANGES + 1):
        current = restarted if slices % 2 else world.current
        assert calculate.work(current, world.latest(run), seconds=0.0) == "facts"
    with pytest.raises(MixedConfigurationsError):
        calculate.work(world.current, world.latest(run), seconds=0.0)


def test_facts_of_another_version_are_computed_again(world: World) -> None:
    """After an upgrade the metric step does not read an archive of the old version."""
    run = _with_facts(world)
    with world.current.engine.begin() as connection:
        connection.execute(text("UPDATE work_item_columns SET format = 'another'"))
    assert calculate.metric_step(world.current, world.latest(run)) == 2
    with (
        world.current.reads() as session,
        pytest.raises(OutdatedFactsError, match="flowbeat calculate payments"),
    ):
        dataset.load(session, NAME, None)
    _finish(world.current, world, run)
    assert "calculation_error" not in {row.state for row in _results(world)}
    assert "success" in {row.state for row in _results(world)}


def test_a_run_whose_metrics_all_raised_has_failed(world: World) -> None:
    """Every row is a `calculation_error`, so the run is not a success."""
    run = _with_facts(world)
    for _ in METRIC_TYPES:
        calculate.record_error(world.current, world.latest(run), ZeroDivisionError())
    latest = world.latest(run)
    assert (latest.step, latest.cursor["failed"]) == ("finish", list(METRIC_TYPES))
    runtime.adopt(world.current)
    calculating.finish.apply((run.run_id, 1))
    runtime.forget()
    ended = world.latest(run)
    assert (ended.state, ended.error_kind) == ("failed", "calculation_error")
    assert "flowbeat logs --level ERROR" in str(ended.error)


def test_a_run_with_one_metric_that_raised_is_completed_and_names_it(world: World) -> None:
    """The other metrics are right."""
    run = _with_facts(world)
    calculate.record_error(world.current, world.latest(run), ZeroDivisionError())
    _finish(world.current, world, run)
    runtime.adopt(world.current)
    calculating.finish.apply((run.run_id, 1))
    runtime.forget()
    ended = world.latest(run)
    assert (ended.state, ended.cursor["failed"]) == ("completed", [METRIC_TYPES[0]])


def _rules(current: Runtime) -> Rules:
    return current.settings.profiles[NAME].rules


def _hash(current: Runtime) -> str:
    """Return the rules_hash of a calculation by a runtime, with the fields that the copy resolved."""
    with current.reads() as session:
        return rules_hash(view.load_view(current, session, NAME, None).rules)


def _with_facts(world: World) -> Run:
    """Return a run of the old rules before its first metric."""
    run = world.request()
    work(world.current, run)
    assert calculate.work(world.current, world.latest(run)) == METRIC_TYPES[0]
    return world.latest(run)


def _finish(current: Runtime, world: World, run: Run) -> None:
    """Work all steps to the end of the run, in a process with one configuration."""
    if world.latest(run).step == "facts":
        calculate.work(current, world.latest(run))
    while world.latest(run).step != "finish":
        assert calculate.metric_step(current, world.latest(run)) is None


def _results(world: World) -> list[MetricResult]:
    with world.current.reads() as session:
        return results.load(session, profile=NAME)


def _efficiency(world: World) -> float | None:
    (row,) = [row for row in _newest(world) if row.metric_type == "flow_efficiency"]
    return row.value


def _newest(world: World) -> list[MetricResult]:
    rows = {row.metric_type: row for row in sorted(_results(world), key=lambda row: row.calculated_at)}
    return list(rows.values())


def _efficiency_of_a_full_calculation(world: World, restarted: Runtime) -> float | None:
    """Return the value of a run with the same data that has the new rules from its beginning."""
    for row in _live_runs(world):
        world.end_early(row)
    world.clock.advance(timedelta(seconds=1))
    run = world.request("calculate")
    work(restarted, run)
    _finish(restarted, world, run)
    return _efficiency(world)


def _live_runs(world: World) -> list[Run]:
    """Return the runs that have not ended."""
    with world.current.reads() as session:
        return runs.live(session)
