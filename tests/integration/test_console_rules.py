"""What is said of a configuration that changed since the copy was made, held against what the next fetch then does."""

from pathlib import Path

import console_world as world
import pytest

from console import rules
from models import store
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
def test_that_all_issues_will_be_read_again_is_foretold(
    tmp_path: Path, change: dict[str, str], says: str | None
) -> None:
    """Exactly where the next fetch is a full one, with the reason and the number."""
    file = world.configure(tmp_path)
    with world.world(tmp_path, issues=30) as current:
        world.refresh(current)
        with current.reads() as session:
            cache = store.find_cache(session, "payments")
        other = world.InProcess(settings.load(file, change), current.now, jira=current.jira)
        said = rules.reads_all(other, "payments", cache)
        run = world.refresh(other)
        with other.reads() as session:
            operation = store.fetch_of(session, run.run_id)
        other.close()
    assert operation is not None
    assert (operation.kind == "full") is bool(said)
    if says:
        assert str(said).startswith(says)
        assert str(said).endswith(f" all {cache.issue_count:,} issues are read from Jira again, once")


@pytest.mark.parametrize("words", [("calculate",), ("refresh",)])
def test_commands_that_make_work_say_it_before_they_begin(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Whoever maps a field may think that a calculation is all it takes."""
    world.configure(tmp_path)
    with world.world(tmp_path, issues=30) as current:
        world.refresh(current)
    change = {"FLOWBEAT_PROFILES__PAYMENTS__FIELDS__DETECTED_AT": "Detected"}
    said = " ".join(world.say_apart(tmp_path, *words, "--no-wait", **change).err.split())
    assert "payments: flowbeat.toml maps a field never fetched by that name; unless it was renamed, all " in said
    assert "are read from Jira again, once." in said
