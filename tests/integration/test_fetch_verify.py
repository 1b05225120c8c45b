"""`refresh --verify` compares every issue with its copy; differences are named, counted and repaired."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from console_world import say
from fetch_world import NAME, KilledError, Killing, World, begun_world, open_world
from sqlalchemy import text

from console.refresh.outcome import describe
from models.records import Run
from models.store import operations, quality
from sandbox import living
from sandbox.shapes import Flavour
from tasks.fetch.task import work


@pytest.fixture
def world(flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a Jira of about sixty issues that was fetched."""
    with begun_world(tmp_path, database_url, redis_url, flavour=flavour) as opened:
        yield opened


on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def _verified(world: World) -> Run:
    """Return the run of a completed verification."""
    run = world.request(verify=True)
    assert work(world.current, run) == "facts"
    world.end(run)
    return world.latest(run)


def _change(world: World, statement: str, **values: str) -> None:
    with world.current.engine.begin() as connection:
        assert connection.execute(text(statement), values).rowcount > 0


def _findings(world: World) -> set[tuple[str, str]]:
    with world.current.engine.connect() as connection:
        rows = connection.execute(text("SELECT issue_id, reason FROM data_quality WHERE origin = 'verify'"))
        return {(issue_id, reason) for issue_id, reason in rows}


def test_an_equal_copy_verifies_without_a_difference(world: World) -> None:
    """All issues are read, none is changed, and the Fetch Operation is a verification."""
    run = _verified(world)
    with world.current.reads() as session:
        operation = operations.fetch_of(session, run.run_id)
    assert operation is not None
    assert (operation.kind, operation.state, operation.issues_changed) == ("verify", "completed", 0)
    assert operation.data_volume_fetched == len(world.shown())
    assert (run.cursor["verified"], run.cursor["differ"]) == (len(world.shown()), 0)
    assert f"payments: verified {len(world.shown())} issues: 0 differ. " in describe(world.current, run)
    assert _findings(world) == set()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_update_older_than_the_last_fetch_is_a_difference(world: World) -> None:
    """Jira was restored to an older state, which no refresh would find; the repaired issue is named."""
    issue = world.copy()["issues"][0]
    _change(
        world,
        "UPDATE issues SET content_hash = 'odd', updated = '2031-01-01 00:00:00.000000' WHERE issue_id = :it",
        it=issue.issue_id,
    )
    run = _verified(world)
    assert run.cursor["differences"] == [[issue.key, ["updated"]]]
    assert world.copy()["issues"][0] == issue


def test_every_difference_is_repaired_named_and_counted(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """There are five: a column, a field, a history, an issue that is not stored, and one that is gone from Jira."""
    before = world.copy()
    column, field, history, lost, gone = before["issues"][:5]
    column_id, field_id, history_id, lost_id, gone_id = (row.issue_id for row in (column, field, history, lost, gone))
    odd = "UPDATE issues SET content_hash = 'odd'"
    _change(world, f"{odd}, status_id = '77' WHERE issue_id = :it", it=column_id)
    _change(world, f'{odd}, fields = \'{{"priority": "Odd"}}\' WHERE issue_id = :it', it=field_id)
    _change(world, f"{odd} WHERE issue_id = :it", it=history_id)
    _change(world, "UPDATE transitions SET to_id = '77' WHERE issue_id = :it", it=history_id)
    for table in ("issues", "transitions"):
        _change(world, f"DELETE FROM {table} WHERE issue_id = :it", it=lost_id)  # noqa: S608 - constants
    world.happen(world.jira.site.issues[int(gone_id)], ("shown", False), touches=False)

    run = _verified(world)

    after = world.copy()
    assert after["issues"] == [issue for issue in before["issues"] if issue.issue_id != gone_id]
    assert after["hashes"] == {key: value for key, value in before["hashes"].items() if key != gone_id}
    named = {(issue_id, reason) for issue_id, reason in _findings(world) if issue_id != field_id}
    assert named == {
        (column_id, "differed_status_id"),
        (history_id, "differed_history"),
        (lost_id, "not_stored"),
        (gone_id, "gone_from_jira"),
    }
    assert (field_id, "differed_priority") in _findings(world)
    assert run.cursor["differ"] == 5
    assert dict(run.cursor["differences"])[column.key] == ["status_id"]
    assert {record.__dict__["key"] for record in caplog.records if record.message == "copy differed from Jira"} == {
        issue.key for issue in before["issues"][:5]
    }
    said = describe(world.current, run)
    assert "5 differ, and are repaired:" in said
    assert f"  {history.key}: history\n" in said


@on_sqlite
def test_a_change_since_the_last_fetch_is_not_a_difference(world: World) -> None:
    """Issues edited or created after the last fetch are read and stored, but are not errors of the copy."""
    world.happen(world.shown()[3], ("summary", "Edited"))
    living.create(world.jira.site, world.clock(), project="PAY")
    run = _verified(world)
    assert run.cursor["verified"] == len(world.shown())
    assert run.cursor["differ"] == 0


@on_sqlite
def test_the_next_verification_removes_the_differences_of_the_last(world: World) -> None:
    """They were repaired."""
    _change(world, "UPDATE issues SET content_hash = 'odd', status_id = '77'")
    assert _verified(world).cursor["differ"] == len(world.shown())
    assert len(_verified_differences(world)) == 0
    assert _findings(world) == set()


def _verified_differences(world: World) -> list[object]:
    return list(_verified(world).cursor["differences"])


@on_sqlite
def test_many_differences_are_all_counted_and_partly_named(
    flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    """The cursor names fifty of them, the table names all."""
    with begun_world(tmp_path, database_url, redis_url, flavour=flavour, issues=120) as world:
        _change(world, "UPDATE issues SET content_hash = 'odd', status_id = '77'")
        run = _verified(world)
        count = len(world.shown())
        assert (run.cursor["differ"], len(run.cursor["differences"])) == (count, 50)
        assert len(_findings(world)) == count
        assert f"… and {count - 50} more, in the table data_quality" in describe(world.current, run)


@on_sqlite
@pytest.mark.parametrize("step", [2, 4, 5, 6])
def test_a_verification_killed_at_a_request_counts_each_issue_once(
    flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str, step: int
) -> None:
    """A continued verification ends with the same figures."""
    killing = Killing()
    with begun_world(tmp_path, database_url, redis_url, flavour=flavour, before=killing, issues=250) as world:
        world.connection(concurrency=1)
        _change(world, "UPDATE issues SET content_hash = 'odd', status_id = '77'")
        run = world.request(verify=True)
        killing.requests_left = step
        with pytest.raises(KilledError):
            work(world.current, run)
        assert work(world.current, world.latest(run)) == "facts"
        cursor = world.latest(run).cursor
        assert (cursor["verified"], cursor["differ"]) == (len(world.shown()), len(world.shown()))


def test_full_and_verify_together_are_refused(tmp_path: Path) -> None:
    """`--full` replaces the copy and `--verify` compares it, so both are a usage error before anything is opened."""
    said = say(tmp_path, "refresh", "--full", "--verify")
    assert said.code == 2
    assert "use one of them" in said.err


@on_sqlite
def test_without_a_copy_there_is_nothing_to_verify(
    flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    """The run is a full fetch, and its output does not mention a verification."""
    with open_world(tmp_path, database_url, redis_url, flavour=flavour) as world:
        run = _verified(world)
        assert "verified" not in describe(world.current, run)
        with world.current.reads() as session:
            operation = operations.fetch_of(session, run.run_id)
            assert quality.count_findings(session, NAME) == world.copy()["findings"]
        assert operation is not None
        assert operation.kind == "full"
