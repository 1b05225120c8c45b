"""Backups, an upgrade by a worker and the move to PostgreSQL with real processes, as docs/operations.md says it."""

import json
import os
import re
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from databases import empty_postgres
from first_schema import FIRST, replay
from sqlalchemy import Engine, text
from world import PROGRAM, World, eventually, kill_group

from models.database import newest_revision, open_engine, revision
from sandbox import living
from worker import embedded

PAGE: Final = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()


def blocks(heading: str) -> str:
    """Return the commands of a section of the page."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return "".join(re.findall(r"^```\n(.*?)^```$", section, re.MULTILINE | re.DOTALL))


def shell(world: World, commands: str) -> None:
    """Run commands one after the other, up to the first that fails."""
    path = f"{Path(PROGRAM[0]).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-ec", commands],
        cwd=world.folder,
        env=world.environment | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def results(world: World) -> list[dict[str, Any]]:
    """Return the metrics of the period."""
    rows: list[dict[str, Any]] = json.loads(world.run("results", "--format", "json").stdout)
    assert rows
    return rows


def test_a_backup_is_made_and_restored_as_written(refreshed_copy: World) -> None:
    """The restored copy has the results of the backup, and `check` finds nothing wrong."""
    world, saved = refreshed_copy, refreshed_copy.folder / "backups"
    saved.mkdir()
    before = results(world)
    make, restore = blocks("Backup and restore").replace("/backups", str(saved)).split("\n", 1)
    assert make.startswith("flowbeat backup ")
    shell(world, make)
    world.execute("DELETE FROM metric_results")
    shell(world, restore)
    assert results(world) == before


def test_an_upgrade_and_the_way_back_work_as_written(refreshed_copy: World) -> None:
    """`flowbeat migrate` leaves the database of the older program beside the new one."""
    world = refreshed_copy
    file = world.folder / "flowbeat.db"
    present = world.folder / "present.db"
    file.rename(present)
    replay(f"sqlite:///{present}", f"sqlite:///{file}")
    shell(world, blocks("Upgrade and the way back"))
    kept = file.with_name(f"{file.name}.before-{newest_revision()}")
    assert kept.name in PAGE
    assert (schema(kept), schema(file)) == (FIRST, newest_revision())


def test_a_worker_keeps_the_database_before_it_updates_it(refreshed_copy: World) -> None:
    """The log says where."""
    world = refreshed_copy
    file = world.folder / "flowbeat.db"
    present = world.folder / "present.db"
    file.rename(present)
    replay(f"sqlite:///{present}", f"sqlite:///{file}")
    world.start("worker", "-c", "1")
    kept = file.with_name(f"{file.name}.before-{newest_revision()}")
    lines = eventually(lambda: [line for line in world.log_lines() if "backup written" in line["message"]])
    assert [line["context"]["file"] for line in lines] == [str(kept)]
    assert schema(kept) == FIRST
    eventually(lambda: schema(file) == newest_revision())


def test_the_move_works_as_written(refreshed_copy: World, postgres: Engine) -> None:
    """All results are in PostgreSQL; check, and an incremental refresh after a change in Jira, succeed there."""
    world = refreshed_copy
    before = results(world)
    move, after = blocks("Move to PostgreSQL").split("\n", 1)
    assert move.startswith("flowbeat move postgresql://flowbeat@db.example/flowbeat --password-file db-password")
    with empty_postgres(postgres) as url:
        shell(world, f"flowbeat move '{url}'")  # that PostgreSQL wants no password
        world.environment["FLOWBEAT_DATABASE_URL"] = url
        assert results(world) == before
        issue = next(issue for issue in world.jira.site.indexed if issue.fields["project"]["key"] == "PAY")
        living.edit(world.jira.site, issue, "summary", "Changed", world.jira.clock())
        shell(world, after)
        engine = open_engine(url)
        with engine.connect() as connection:
            kinds = connection.execute(
                text("SELECT kind, issues_changed > 0 FROM fetch_operations ORDER BY start_time")
            )
            assert list(map(tuple, kinds)) == [("full", True), ("incremental", True)]
        engine.dispose()
        assert len(results(world)) == len(before)


@pytest.mark.parametrize("place", ["here", "elsewhere"])
def test_a_worker_that_answers_refuses_the_move(refreshed_copy: World, postgres: Engine, place: str) -> None:
    """One of this machine by its sign of life, another by its answer over Redis."""
    world = refreshed_copy
    with closing(embedded.ensure(world.folder / "queue")) as server, empty_postgres(postgres) as url:
        world.environment["FLOWBEAT_REDIS_URL"] = server.client_url
        if place == "elsewhere":
            world.environment["FLOWBEAT_STATE_DIR"] = str(world.folder / "other")
        worker = world.start("worker", "-c", "1", "-n", "old@host")
        eventually(lambda: "1 answer: old@host" in world.run("check", "--local").stdout)
        world.environment.pop("FLOWBEAT_STATE_DIR", None)
        refused = world.run("move", url)
        assert refused.returncode == 1
        assert "a worker serves this database (old@host); stop workers and scheduler first" in refused.stderr
        kill_group(worker)
        assert world.run("move", url).returncode == 0


def schema(file: Path) -> str | None:
    """Return the revision of a SQLite file."""
    engine = open_engine(f"sqlite:///{file}")
    result = revision(engine)
    engine.dispose()
    return result
