"""One profile a night has its facts and results made again from issues and transitions, and compared."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fetch_world import NAME, NOW, World, begun_world, open_world
from sqlalchemy import text

from models.metrics.columns import Chunk
from models.metrics.compared import described
from models.records import METRIC_TYPES, Run, RunOptions
from models.store import caches, columns, quality, recomputed, runs
from sandbox.api import Jira
from sandbox.shapes import Flavour
from sandbox.site import Clock
from sandbox.team import generate
from tasks import calculate, recompute, steps
from tasks.fetch.task import work as fetch_work
from worker import view

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SCHEDULE = "0 2 * * *"


@pytest.fixture
def world(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a Jira of about sixty issues, and a profile with a schedule that was refreshed by it once."""
    with begun_world(tmp_path, database_url, redis_url, _first_night) as opened:
        opened.profile(schedule=SCHEDULE)
        yield opened


def _first_night(world: World) -> None:
    """Let the schedule refresh once, and a day pass."""
    world.profile(schedule=SCHEDULE)
    _night(world)
    world.clock.advance(timedelta(days=1))


def _calculated(world: World) -> Run:
    """Return a scheduled run whose metrics are all calculated."""
    world.clock.advance(timedelta(seconds=1))
    rules = view.configured_rules_hash(world.current, NAME)
    run, _ = steps.request(
        world.current.sessions, NAME, "refresh", world.clock(), options=RunOptions(), rules=rules, due_at=world.clock()
    )
    assert fetch_work(world.current, run) == "facts"
    return _up_to_the_end(world, run)


def _up_to_the_end(world: World, run: Run) -> Run:
    """Take a run from its facts to the step before its end; return it."""
    while (run := world.latest(run)).step != "finish":
        if run.step == "facts":
            calculate.work(world.current, run)
        else:
            calculate.metric_step(world.current, run)
    return run


def _finish(world: World, run: Run, seconds: float = 60.0) -> Run:
    """Return an ended run, whose facts and results were made again if it was its turn."""
    if recompute.is_due(world.current, run):
        recompute.begin(world.current, run)
        step, attempt = "recompute", 1
        while step == "recompute":
            step, attempt = recompute.work(world.current, world.latest(run), seconds, 25)
        assert (step, attempt) == ("finish", world.latest(run).attempt)
    calculate.finish_step(world.current, world.latest(run))
    ended = world.latest(run)
    assert ended.state == "completed"
    return ended


def _night(world: World) -> Run:
    return _finish(world, _calculated(world))


def _rows(world: World, table: str) -> list[Any]:
    query = f"SELECT * FROM {table} WHERE profile = :profile"  # noqa: S608 - constants
    with world.current.engine.connect() as connection:
        return sorted(map(repr, connection.execute(text(query), {"profile": NAME}).all()))


def _stored(world: World) -> dict[str, Any]:
    """Return all facts and the results, without when and by which run these were calculated."""
    with world.current.reads() as session:
        chunk = columns.load_columns(session, NAME)
    numbers = "metric_type, window_kind, window_start, value, state, n_used, n_excluded"
    with world.current.engine.connect() as connection:
        values = connection.execute(text(f"SELECT {numbers} FROM latest_results ORDER BY 1, 2, 3")).all()  # noqa: S608 - constants
    tables = {name: _rows(world, name) for name in ("work_items", "incidents", "deployments")}
    return {**tables, "columns": _described(chunk), "results": values}


def _described(chunk: Chunk) -> list[Any]:
    return [sorted(described(part, part.ids).items()) for part in (chunk.items, chunk.others)]


def _found(world: World) -> tuple[int, dict[str, int]]:
    with world.current.reads() as session:
        return quality.load_recomputed(session, NAME)


def _recomputed_at(world: World) -> Any:
    with world.current.reads() as session:
        return recomputed.instants(session)[NAME][1]


def test_undamaged_facts_and_results_are_found_equal(world: World) -> None:
    """Nothing is written but when it was; no row of facts, column or result is another."""
    run = _calculated(world)
    before = _stored(world)
    _finish(world, run)
    assert _stored(world) == before
    assert _found(world) == (0, {})
    assert _recomputed_at(world) == world.clock()
    assert world.latest(run).attempt == 1


@on_sqlite
def test_seven_nights_of_a_living_jira_have_no_difference(
    flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    """Facts of unchanged issues are kept from night to night, and equal those made again."""
    clock = Clock(NOW)
    jira = Jira(generate(7, 160, NOW - timedelta(weeks=12), flavour=flavour, per_week=60), clock)
    with open_world(tmp_path, database_url, redis_url, flavour=flavour, jira=jira) as world:
        world.profile(schedule=SCHEDULE)
        for _ in range(7):
            world.clock.advance(timedelta(days=1))
            _night(world)
            assert _recomputed_at(world) == world.clock()
            assert _found(world) == (0, {})


DAMAGES = {
    "a work item": "UPDATE work_items SET active_seconds = active_seconds + 1000 WHERE issue_id = :it",
    "a lost work item": "DELETE FROM work_items WHERE issue_id = :it",
    "a timeline": "UPDATE work_items SET timeline = '[]' WHERE issue_id = :it",
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_facts_are_found_and_made_right(world: World, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """The rows are as before, the finding names the issue, and the log too."""
    run = _calculated(world)
    before = _stored(world)
    with world.current.engine.begin() as connection:
        issue_id = connection.execute(text("SELECT min(issue_id) FROM work_items WHERE done_at IS NOT NULL")).scalar()
        assert connection.execute(text(DAMAGES[name]), {"it": issue_id}).rowcount == 1
    with caplog.at_level(logging.WARNING):
        _finish(world, run)
    assert _stored(world) == before
    assert _found(world) == (1, {})
    (line,) = [entry for entry in caplog.records if entry.message == "stored facts differed from those made again"]
    assert line.__dict__["issue_ids"] == [issue_id]


def _damage_columns(world: World) -> None:
    """Store columns in which every item was done a day earlier, as a calculation would read them."""
    with world.current.sessions.begin() as session:
        chunk = columns.load_columns(session, NAME)
        changed = chunk.items.at - 86_400_000_000
        damaged = replace(chunk, items=replace(chunk.items, at=changed))
        (rules,) = {rules for rules, _ in columns._made_by(session, NAME)}
        columns.append_columns(session, NAME, damaged, rules)


def test_results_of_damaged_columns_are_found_and_made_right(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """A night calculated from them; the same night replaces what it stored, and names the metrics."""
    undamaged = _stored(world)
    _damage_columns(world)
    run = _calculated(world)
    wrong = _stored(world)
    assert wrong["results"] != undamaged["results"]
    with caplog.at_level(logging.WARNING):
        ended = _finish(world, run)
    facts, metrics = _found(world)
    assert facts > len(undamaged["work_items"]) / 2  # the others changed in Jira meanwhile
    assert {"flow_load", "lead_time"} & metrics.keys()
    assert _stored(world)["columns"] == _fresh(world)["columns"]
    assert _stored(world)["results"] == _fresh(world)["results"]
    assert ended.attempt == 2  # other processes have loaded the wrong ones
    assert "stored results differed from those made again" in {record.message for record in caplog.records}
    world.clock.advance(timedelta(days=1))
    _night(world)
    assert _found(world) == (0, {})


def _fresh(world: World) -> dict[str, Any]:
    """Return what a calculation of the same instant stores where nothing was stored before."""
    with world.current.engine.begin() as connection:
        for table in ("work_item_columns", "work_items", "metric_results"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - constants
    run, _ = steps.request(
        world.current.sessions,
        NAME,
        "calculate",
        world.clock(),
        rules=view.configured_rules_hash(world.current, NAME),
    )
    assert fetch_work(world.current, run) == "facts"
    calculate.finish_step(world.current, _up_to_the_end(world, run))
    return _stored(world)


@pytest.mark.parametrize("damage", ["00", "504b0304"])
def test_columns_that_cannot_be_read_are_made_again_at_any_step(world: World, damage: str) -> None:
    """A damaged archive would end each later run with an error; the run returns to the facts instead."""
    run = _calculated(world)
    before = _stored(world)
    recompute.begin(world.current, run)
    _overwrite_archives(world, damage)
    step, attempt = recompute.work(world.current, world.latest(run))
    assert (step, attempt) == ("facts", 2)
    latest = _up_to_the_end(world, run)
    assert _stored(world) == before
    assert _found(world) == (1, {})
    calculate.finish_step(world.current, latest)


def _overwrite_archives(world: World, damage: str) -> None:
    with world.current.engine.begin() as connection:
        connection.execute(text("UPDATE work_item_columns SET archive = :archive"), {"archive": bytes.fromhex(damage)})


@on_sqlite
def test_a_refresh_heals_columns_that_cannot_be_read(world: World) -> None:
    """Before it appends to them, or when its first metric loads them."""
    _overwrite_archives(world, "00")
    run = _calculated(world)
    calculate.finish_step(world.current, run)
    assert _stored(world)["results"] == _fresh(world)["results"]


@on_sqlite
def test_damaged_results_are_found_and_made_right(world: World) -> None:
    """Changed after the calculation: the value and its whole span are replaced, and the metric is named."""
    run = _calculated(world)
    before = _stored(world)
    with world.current.engine.begin() as connection:
        statement = "UPDATE metric_results SET value = 77 WHERE metric_type = 'flow_time' AND window_kind = 'period'"
        assert connection.execute(text(statement)).rowcount > 0
        assert connection.execute(text("DELETE FROM metric_results WHERE metric_type = 'cfr'")).rowcount > 1
    _finish(world, run)
    assert _stored(world)["results"] == before["results"]
    facts, metrics = _found(world)
    assert (facts, set(metrics)) == (0, {"flow_time", "cfr"})


@on_sqlite
@pytest.mark.parametrize("gone_issues", ["keep_done", "drop"])
def test_what_gone_issues_were_is_made_again_too(world: World, gone_issues: Any) -> None:
    """With `keep_done` their facts count; without it no number has them, and what they were is still said."""
    rules = world.current.settings.profiles[NAME].rules
    world.profile(rules=replace(rules, gone_issues=gone_issues))
    done = next(
        issue for issue in world.shown() if issue.fields["status"]["statusCategory"]["key"] == "done" and issue.shown
    )
    world.happen(done, ("shown", False), touches=False)
    run = _calculated(world)
    before = _stored(world), _rows(world, "issues")
    with world.current.engine.begin() as connection:
        statement = "UPDATE issues SET gone_done_at = NULL WHERE gone_at IS NOT NULL AND gone_delivered"
        assert connection.execute(text(statement)).rowcount == 1
    _finish(world, run)
    assert (_stored(world), _rows(world, "issues")) == before
    assert _found(world) == (1, {})


@on_sqlite
def test_facts_of_issues_that_are_not_there_are_removed(world: World) -> None:
    """A number could count them."""
    run = _calculated(world)
    before = _stored(world)
    with world.current.engine.begin() as connection:
        names = [column for column in _columns(connection) if column != "issue_id"]
        listed = ", ".join(names)
        connection.execute(
            text(f"INSERT INTO work_items (issue_id, {listed}) SELECT '99999999', {listed} FROM work_items LIMIT 1")  # noqa: S608 - constants
        )
    _finish(world, run)
    assert _stored(world) == before
    assert _found(world)[0] == 1


def _columns(connection: Any) -> list[str]:
    return [row[1] for row in connection.execute(text("PRAGMA table_info(work_items)"))]


@on_sqlite
def test_a_recomputation_in_many_slices_or_killed_ends_the_same(world: World) -> None:
    """Each slice continues behind the last committed batch; a difference is counted once."""
    run = _calculated(world)
    before = _stored(world)
    with world.current.engine.begin() as connection:
        connection.execute(text("UPDATE work_items SET active_seconds = active_seconds + 1000"))
        count = connection.execute(text("SELECT count(*) FROM work_items")).scalar()
    recompute.begin(world.current, run)
    assert recompute.work(world.current, world.latest(run), 0, 10) == ("recompute", 1)
    with world.current.sessions.begin() as session:  # its worker was killed, another one takes it
        assert runs.requeue(session, world.latest(run), world.clock()) is not None
    slices = 1
    while (latest := world.latest(run)).step == "recompute":
        recompute.work(world.current, latest, 0, 10)
        slices += 1
    assert slices > 4
    calculate.finish_step(world.current, latest)
    assert _stored(world) == before
    assert _found(world) == (count, {})


@on_sqlite
def test_only_scheduled_runs_recompute_one_profile_a_night_the_oldest_first(world: World) -> None:
    """Profiles take turns; one whose copy is old, or that has no schedule, does not hold up the others."""
    run = _calculated(world)
    assert recompute.is_due(world.current, run)
    assert not recompute.is_due(world.current, replace(run, due_at=None))
    mine = world.current.settings.profiles[NAME]
    _add_profile(world, "other", completed=world.clock() - timedelta(hours=1), recomputed_at=None)
    assert recompute.is_due(world.current, run)  # no schedule
    world.current.settings = replace(
        world.current.settings, profiles={NAME: mine, "other": replace(mine, name="other")}
    )
    other = replace(run, profile="other")
    assert [recompute.is_due(world.current, night) for night in (run, other)] == [False, True]
    _set_profile(world, "other", world.clock() - timedelta(hours=1), world.clock() - timedelta(hours=2))
    assert [recompute.is_due(world.current, night) for night in (run, other)] == [
        False,
        False,
    ]  # this night had its own
    _set_profile(world, "other", world.clock() - timedelta(days=3), None)
    assert [recompute.is_due(world.current, night) for night in (run, other)] == [True, False]
    _finish(world, run)


def _add_profile(world: World, name: str, *, completed: Any, recomputed_at: Any) -> None:
    with world.current.sessions.begin() as session:
        cache = caches.find(session, NAME)
        assert cache is not None
        caches.save(session, replace(cache, profile=name))
    _set_profile(world, name, completed, recomputed_at)


def _set_profile(world: World, name: str, completed: Any, recomputed_at: Any) -> None:
    with world.current.engine.begin() as connection:
        at = None if recomputed_at is None else f"{recomputed_at:%Y-%m-%d %H:%M:%S.%f}"
        connection.execute(
            text("UPDATE cache_metadata SET creation_timestamp = :made, recomputed_at = :at WHERE profile = :name"),
            {"made": f"{completed:%Y-%m-%d %H:%M:%S.%f}", "at": at, "name": name},
        )


@on_sqlite
def test_a_metric_that_raised_stays_an_error_and_is_not_compared(world: World) -> None:
    """Its rows say why; all others are compared."""
    run = _calculated(world)
    with world.current.sessions.begin() as session:
        runs.heartbeat(session, run.run_id, run.attempt, world.clock(), cursor={**run.cursor, "failed": ["cfr"]})
    with world.current.engine.begin() as connection:
        connection.execute(text("UPDATE metric_results SET state = 'calculation_error' WHERE metric_type = 'cfr'"))
    _finish(world, world.latest(run))
    assert _found(world) == (0, {})
    assert len(METRIC_TYPES) > 1
