"""A database of the first version: after `flowbeat migrate` every command works, and its numbers are right."""

import json
from subprocess import CompletedProcess
from typing import Any, Final

from first_schema import WRONG, replay
from sqlalchemy import text
from world import World

from models.database import newest_revision, open_engine, revision

TABLES: Final = ("issues", "transitions", "work_items", "work_item_columns", "metric_results", "runs", "cache_metadata")
# The columns that do not depend on when a calculation was made: no instants and no run. The details of a running week
# contain the instant of the calculation, and ages at it.
SAME: Final = (
    *("metric_type", "window_kind", "window_start", "window_end", "rules_hash", "value", "unit", "level", "state"),
    *("message", "n_used", "n_excluded", "exclusions", "details", "complete"),
)


def test_a_database_of_the_first_schema_serves_every_command(refreshed_copy: World, empty_url: str) -> None:
    """Old results are shown with a note until a calculation; then they equal those of a fresh full fetch."""
    world = refreshed_copy
    fresh = numbers(world)
    replay(f"sqlite:///{world.folder / 'flowbeat.db'}", empty_url)
    world.environment["FLOWBEAT_DATABASE_URL"] = empty_url
    before = counts(empty_url)
    assert all(before.values())
    assert world.run("results").returncode == 1  # an old schema is not read
    assert run(world, "migrate").returncode == 0
    assert schema(empty_url) == newest_revision()
    assert counts(empty_url) == before
    assert [row["value"] for row in numbers(world)] == [
        row["value"] if row["value"] is None else row["value"] + WRONG for row in fresh
    ]
    assert "calculated with an older configuration" in " ".join(run(world, "results").stdout.split())
    assert run(world, "status").returncode == 0
    refused = world.run("explain", "payments", "flow_time")
    assert refused.returncode == 1
    assert "were written by another version of Flowbeat; to rebuild them, run: flowbeat calculate" in refused.stderr

    calculated = run(world, "calculate")
    assert "read from Jira again, once" in " ".join(calculated.stderr.split())
    assert numbers(world) == fresh
    assert run(world, "explain", "payments", "flow_time").returncode == 0
    refreshed = run(world, "refresh")
    assert " 0 changed" in refreshed.stdout
    assert numbers(world) == fresh
    assert run(world, "check").returncode == 0


def test_a_refresh_migrates_a_database_of_the_first_schema_itself(refreshed_copy: World, empty_url: str) -> None:
    """The worker of a new version migrates the database, so a refresh alone gives the right numbers."""
    world = refreshed_copy
    fresh = numbers(world)
    replay(f"sqlite:///{world.folder / 'flowbeat.db'}", empty_url)
    world.environment["FLOWBEAT_DATABASE_URL"] = empty_url
    assert run(world, "refresh").returncode == 0
    assert schema(empty_url) == newest_revision()
    assert numbers(world) == fresh


def test_a_run_of_the_first_version_does_not_replace_a_refresh(refreshed_copy: World, empty_url: str) -> None:
    """The unfinished run ends first, with the issues read then; the numbers are those of the refresh after it."""
    world = refreshed_copy
    fresh = numbers(world)
    replay(f"sqlite:///{world.folder / 'flowbeat.db'}", empty_url)
    engine = open_engine(empty_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE issues SET facts_hash = NULL"))
        connection.execute(text("DELETE FROM work_item_columns"))
        connection.execute(text("DELETE FROM metric_results"))
        connection.execute(text("UPDATE runs SET state = 'queued', step = 'facts', ended_at = NULL"))
    engine.dispose()
    world.environment["FLOWBEAT_DATABASE_URL"] = empty_url
    done = run(world, "refresh")
    assert "has a refresh at work" in done.stderr
    assert "waiting for it first" in done.stderr
    assert numbers(world) == fresh
    states = [row["state"] for row in json.loads(run(world, "status", "--format", "json").stdout)]
    assert states == ["completed", "completed"]


def run(world: World, *words: str) -> CompletedProcess[str]:
    """Return the finished process of a command that must succeed."""
    done = world.run(*words)
    assert done.returncode == 0, done.stderr
    return done


def numbers(world: World) -> list[dict[str, Any]]:
    """Return the period and all weeks, without what differs from one calculation to the next."""
    rows = [
        row
        for window in ("period", "weeks")
        for row in json.loads(run(world, "results", "--window", window, "--format", "json").stdout)
    ]
    assert len(rows) > 100  # all metrics, of a year
    for row in rows:
        for name in () if row["complete"] else ("effective_end", "oldest_age_days"):
            row["details"].pop(name, None)
        if row["metric_type"] == "flow_age" and not row["complete"]:  # all its figures are ages at that instant
            row["value"], row["details"] = None, {}
        if not row["complete"] and row["unit"].startswith("per_"):  # a rate over the hours that are past
            row["value"] = None
    return [{name: row[name] for name in SAME} for row in rows]


def counts(url: str) -> dict[str, int]:
    """Return how many rows each table has."""
    engine = open_engine(url)
    with engine.connect() as connection:
        rows = {name: connection.scalar(text(f"SELECT count(*) FROM {name}")) or 0 for name in TABLES}  # noqa: S608
    engine.dispose()
    return rows


def schema(url: str) -> str | None:
    """Return the revision of a database."""
    engine = open_engine(url)
    current = revision(engine)
    engine.dispose()
    return current
