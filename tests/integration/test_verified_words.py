"""What people and programs read about the proof of a copy: up to when, of how many issues, in how many nights."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fetch_world import NAME, World, open_world
from sqlalchemy import text

from console.check import local
from models.store import quality
from report.overview import load_glance
from report.verified import Verified, load_verified
from worker.settings import ChangelogAudit

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def world(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a Jira of about sixty issues that was fetched at 2026-03-02 09:30 UTC; its profile has a schedule."""
    with open_world(tmp_path, database_url, redis_url) as opened:
        opened.profile(schedule="0 2 * * *")
        opened.fetch()
        yield opened


def _load(world: World) -> Verified:
    with world.current.reads() as session:
        return load_verified(world.current, session, NAME)


def _forget(world: World, keep: int) -> None:
    """Make all but some issues those of a copy that nothing was ever compared of."""
    with world.current.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE issues SET verified_at = NULL WHERE key NOT IN (SELECT key FROM issues ORDER BY key LIMIT :n)"
            ),
            {"n": keep},
        )


def _lines(world: World) -> list[tuple[str, str]]:
    return [(line.state, line.message) for line in local.data(world.current, NAME)]


def test_the_words_say_what_was_compared(world: World) -> None:
    """The instant is in the profile's zone; without one for every issue, the words say how many have one."""
    number = len(world.shown())
    assert _load(world).words == "verified up to 2026-03-02 09:30"
    with world.current.reads() as session:
        assert load_glance(world.current, session, NAME).verified_up_to == world.clock()
    _forget(world, 20)
    assert _load(world).words == f"not yet verified: 20 of {number} issues read again"
    with world.current.reads() as session:
        assert load_glance(world.current, session, NAME).verified_up_to is None


def test_an_issue_that_jira_cannot_answer_for_has_its_own_finding(world: World) -> None:
    """It does not hold back the proof of the others for ever."""
    _forget(world, len(world.shown()) - 1)
    with world.current.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO data_quality (profile, issue_id, origin, reason, count) SELECT profile, issue_id,"
                " 'changelog', 'unreadable_issue', 1 FROM issues WHERE verified_at IS NULL"
            )
        )
    assert _load(world).words == "verified up to 2026-03-02 09:30"


def test_a_budget_that_is_too_small_is_named_with_what_would_do(world: World) -> None:
    """Check warns too, and results repeat the note."""
    world.current.settings = replace(world.current.settings, changelog_audit=ChangelogAudit(issues_per_run=3))
    wanted = -(-len(world.shown()) // 7)
    verified = _load(world)
    assert verified.nights == -(-len(world.shown()) // 3)
    takes = f"comparing every issue with Jira takes at least {verified.nights} nights and not 7"
    assert verified.notes == (f"Note: {takes}; set issues_per_run = {wanted} under [changelog_audit].",)
    assert ("warning", f"{verified.words}; a turn takes at least {verified.nights} nights") in _lines(world)


def test_check_warns_once_two_turns_have_left_an_issue_out(world: World) -> None:
    """Where no schedule compares anything, it says so too."""
    words = _load(world).words
    assert ("ok", words) in _lines(world)
    world.clock.advance(timedelta(days=15))
    assert ("warning", words) in _lines(world)
    world.profile(schedule=None)
    assert ("warning", f"{words}; no scheduled refresh compares it") in _lines(world)


def test_differences_that_a_comparison_repaired_are_not_called_odd_histories(world: World) -> None:
    """They are about the copy, and check says so in a line of its own."""
    with world.current.sessions.begin() as session:
        differing = {"differed_history": 1, "differed_type": 1}
        quality.save_findings(session, NAME, "verify", {"10001": differing, "10002": {"not_stored": 1}})
        quality.save_findings(session, NAME, "facts", {"10003": {"moved_backwards": 1}})
    lines = [words for _, words in _lines(world)]
    counts = "history in 1, type in 1, not stored in 1"
    assert f"differed from Jira when it was last compared, and was repaired: {counts}" in lines
    (odd,) = [words for words in lines if words.startswith("odd histories")]
    assert "moved backwards" in odd
    assert "history in" not in odd.removeprefix("odd histories")


def test_what_a_recomputation_replaced_is_said(world: World) -> None:
    """In results, on the page and by check: somebody may have read the wrong number."""
    with world.current.sessions.begin() as session:
        quality.add_recomputed(session, NAME, ["10001", "10002"], {"lead_time": 3, "cfr": 1})
    note = (
        "stored facts of 2 issues and results of cfr, lead_time were wrong, and were replaced when they were made again"
    )
    assert _load(world).notes == (f"Note: {note}.",)
    assert ("warning", note) in _lines(world)


def test_without_a_schedule_or_a_budget_no_turn_is_promised(world: World) -> None:
    """The words still tell what was read."""
    world.current.settings = replace(world.current.settings, changelog_audit=ChangelogAudit(issues_per_run=0))
    assert (_load(world).nights, _load(world).notes) == (None, ())
    world.profile(schedule=None)
    assert _load(world).nights is None
    assert _load(world).words == "verified up to 2026-03-02 09:30"
