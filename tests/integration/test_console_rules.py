"""Notes about a configuration that changed since the last fetch, compared with what the next fetch does."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import console_world as world
import pytest

from console.refresh import command
from models.records import RunOptions
from models.store import caches, operations
from report import staleness
from worker import settings


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, None),
        ({"FLOWBEAT_PROFILES__PAYMENTS__JQL": "project = PAY AND type = Bug"}, None),
        ({"FLOWBEAT_PROFILES__PAYMENTS__FIELDS__POINTS": "customfield_10016"}, None),  # the same field by its id
        ({"FLOWBEAT_PROFILES__PAYMENTS__FIELDS__DETECTED_AT": "duedate"}, "flowbeat.toml maps a field never fetched"),
        ({"FLOWBEAT_PROFILES__PAYMENTS__STORE_SUMMARIES": "false"}, "store_summaries was changed"),
        ({"FLOWBEAT_CONNECTIONS__SANDBOX__BASE_URL": world.BASE_URL.upper()}, "the copy is of another Jira"),
    ],
)
def test_a_full_fetch_is_announced(tmp_path: Path, change: dict[str, str], says: str | None) -> None:
    """The note has the reason and the number of issues, and is shown only if the next fetch is a full one."""
    file = world.configure(tmp_path)
    with world.world(tmp_path, issues=30) as current:
        world.refresh(current)
        with current.reads() as session:
            cache = caches.find(session, "payments")
        assert cache is not None
        other = world.InProcess(settings.load(file, change), current.now, jira=current.jira)
        said = staleness.full_refetch_reason(other, "payments", cache)
        run = world.refresh(other)
        with other.reads() as session:
            operation = operations.fetch_of(session, run.run_id)
        other.close()
    assert operation is not None
    assert (operation.kind == "full") is bool(said)
    if says:
        assert str(said).startswith(says)
        assert str(said).endswith(f" all {cache.issue_count:,} issues are read from Jira again, once")


@pytest.mark.parametrize("words", [("calculate",), ("refresh",)])
def test_commands_that_request_a_run_announce_it_first(tmp_path: Path, words: tuple[str, ...]) -> None:
    """A new mapped field needs more than a calculation."""
    world.configure(tmp_path)
    with world.world(tmp_path, issues=30) as current:
        world.refresh(current)
    change = {"FLOWBEAT_PROFILES__PAYMENTS__FIELDS__DETECTED_AT": "Detected"}
    said = " ".join(world.say_apart(tmp_path, *words, "--no-wait", **change).err.split())
    assert "payments: flowbeat.toml maps a field never fetched by that name; unless it was renamed, all " in said
    assert "are read from Jira again, once." in said


def test_a_live_run_of_other_rules_does_not_replace_a_calculation(tmp_path: Path) -> None:
    """The run was requested or made its facts before flowbeat.toml changed, or its rules are not stored."""
    file = world.configure(tmp_path)
    change = {"FLOWBEAT_PROFILES__PAYMENTS__TIME_PERIOD_DAYS": "7"}
    wish = command.RunRequest("calculate", ("payments",), {}, RunOptions())
    with world.world(tmp_path, issues=30) as current:
        world.refresh(current)
        run = world.request(current, "refresh")
        other = world.InProcess(settings.load(file, change), current.now, jira=current.jira)
        replaces = [command._stands_for(now, run, wish) for now in (current, other)]
        replaces.append(command._stands_for(current, replace(run, requested_rules_hash=None), wish))
        for made_by in (current, other):
            with made_by.reads() as session:
                known = caches.find(session, "payments")
            made = replace(run, rules_hash=staleness.hash_of_now(made_by, "payments", known))
            replaces += [command._stands_for(current, made, wish)]
        other.close()
    assert replaces == [True, False, False, True, False]


def test_the_advice_for_old_results_names_a_worker_of_older_rules(tmp_path: Path) -> None:
    """It does so only if the last run was requested with the present rules; otherwise a calculation is enough."""
    file = world.configure(tmp_path)
    with world.world(tmp_path, issues=30) as current:
        world.refresh(current)
        change = {"FLOWBEAT_PROFILES__PAYMENTS__TIME_PERIOD_DAYS": "7"}
        changed = world.InProcess(settings.load(file, change), current.now, jira=current.jira)
        with current.reads() as session:
            before = [staleness.how_to_update(now, session, "payments") for now in (current, changed)]
        later = world.NOW + timedelta(hours=1)
        old = world.InProcess(current.settings, lambda: later, node="old@host", jira=current.jira)
        world.carry_out(old, world.request(changed, "calculate"))
        old.close()
        with current.reads() as session:
            after = staleness.how_to_update(changed, session, "payments", " --as-of 2026-10-01")
        changed.close()
    assert before == ["run: flowbeat calculate payments"] * 2
    assert after == (
        "restart old@host, which works with another configuration, then"
        " run: flowbeat calculate payments --as-of 2026-10-01"
    )
