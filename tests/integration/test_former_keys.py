"""Former keys: a deployment that names issues keeps them when they move or their project is renamed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fetch_world import NAME, RULES, World, open_world
from metric_rows import issue, time

from models.database import Sessions
from models.records import METRIC_TYPES, DeploymentRules, Issue, TableDeployment, WindowKind
from models.store import census, dataset, deployments, results
from models.store import issues as stored_issues
from models.store.catalogue import ids_of_keys
from sandbox import living
from tasks import calculate
from tasks.fetch.task import work

WINDOW_KINDS: tuple[WindowKind, ...] = ("period", "week")
Values = dict[tuple[str, str, object], tuple[object, ...]]


@pytest.fixture
def world(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a copy of a Jira with a deployment a day in the table, each with the keys of three issues of PAY."""
    with open_world(tmp_path, database_url, redis_url) as opened:
        opened.profile(rules=replace(RULES, deployments=DeploymentRules("table")))
        opened.fetch()
        keys = sorted(key for key in opened.issue_keys() if key.startswith("PAY-"))
        triples = [tuple(keys[start : start + 3]) for start in range(0, len(keys), 3)]
        rows = [
            TableDeployment(f"build-{day}", f"build {day}", opened.clock() - timedelta(days=day + 1), None, issues)
            for day, issues in enumerate(triples)
        ]
        with opened.current.sessions.begin() as session:
            deployments.save_table(session, NAME, rows)
        yield opened


def _carried(world: World) -> dict[str, tuple[str, ...]]:
    """Return deployment → ids of the issues that it carries."""
    with world.current.reads() as session:
        return {row.deployment_id: row.issue_ids for row in dataset.load(session, NAME, "table").deployments}


def _values(world: World) -> Values:
    """Return (metric, window) → the value and the number of parts that a calculation of the copy stores."""
    run = world.request("calculate")
    work(world.current, run)
    calculate.work(world.current, world.latest(run))
    for _ in METRIC_TYPES:
        calculate.metric_step(world.current, world.latest(run))
    calculate.finish_step(world.current, world.latest(run))
    with world.current.reads() as session:
        rows = [row for kind in WINDOW_KINDS for row in results.load(session, kind=kind)]
    return {(row.metric_type, row.window_kind, row.window_start): (row.value, row.state, row.n_used) for row in rows}


def test_a_renamed_project_keeps_the_issues_of_its_deployments(world: World) -> None:
    """After the rename an incremental and a full fetch have the same issues and values as before."""
    before = _carried(world), _values(world)
    assert any(before[0].values())
    assert any(count for (metric, _, _), (_, _, count) in before[1].items() if metric == "lead_time")
    living.rename_project(world.jira.site, "PAY", "BILL")
    assert world.fetch().kind == "incremental"
    assert not any(key.startswith("PAY-") for key in world.issue_keys())
    incremental = _carried(world), _values(world)
    assert world.fetch(full=True).kind == "full"
    assert (_carried(world), _values(world)) == incremental == before
    with world.current.reads() as session:
        assert deployments.unknown_keys(session, NAME, ["PAY-1", "pay-1", "BILL-1", "PAY-999"]) == ["PAY-999"]


MOVED = issue(1, "10-01 → 1")


def _named(sessions: Sessions, *keys: str) -> dict[str, str]:
    with sessions() as session:
        return ids_of_keys(session, NAME, keys)


def _save(sessions: Sessions, *issues: Issue) -> None:
    with sessions.begin() as session:
        stored_issues.save(session, NAME, issues)


def test_every_former_key_leads_to_its_issue(sessions: Sessions) -> None:
    """An issue that moved twice is found by each of its keys, in upper or lower case."""
    for key in ("OLD-7", "NEW-3", "LAST-1"):
        _save(sessions, replace(MOVED, key=key))
    assert _named(sessions, "OLD-7", "new-3", "LAST-1", "NEW-4") == {"old-7": "1", "new-3": "1", "last-1": "1"}


def test_the_issue_that_has_a_key_precedes_one_that_had_it(sessions: Sessions) -> None:
    """A project may get the old key of another one, or its own old key again."""
    _save(sessions, replace(MOVED, key="PAY-1"))
    _save(sessions, replace(MOVED, key="BILL-1"))
    assert _named(sessions, "PAY-1") == {"pay-1": "1"}
    _save(sessions, replace(MOVED, issue_id="2", key="PAY-1"))
    assert _named(sessions, "PAY-1", "BILL-1") == {"pay-1": "2", "bill-1": "1"}


def test_a_gone_issue_is_not_found_by_its_former_key_either(sessions: Sessions) -> None:
    """The import command warns of such a key."""
    _save(sessions, replace(MOVED, key="PAY-1"))
    _save(sessions, replace(MOVED, key="BILL-1"))
    with sessions.begin() as session:
        census.mark(session, NAME, ["1"], "hidden")
        census.mark_gone(session, NAME, "hidden", "hidden", time("11-01"))
        assert deployments.unknown_keys(session, NAME, ["PAY-1"]) == ["PAY-1"]


def test_ids_of_another_jira_have_no_former_keys(sessions: Sessions) -> None:
    """The instant of creation never changes, so another instant with the same id is another issue."""
    _save(sessions, replace(MOVED, key="PAY-1"))
    _save(sessions, replace(MOVED, key="BILL-1"))
    _save(sessions, replace(MOVED, key="OPS-1", created=time("10-02")))
    assert _named(sessions, "PAY-1", "BILL-1", "OPS-1") == {"ops-1": "1"}
