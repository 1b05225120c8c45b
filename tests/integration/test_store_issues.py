"""Issues in the store: written if they differ, loaded as written, marked by a census, gone and revived."""

from dataclasses import fields, replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text
from store_rows import PROFILE, T0, after, facts_found, issue, transition

from models.database import Sessions
from models.records import Issue, Status, Version
from models.store import catalogue, census, columns, facts, quality
from models.store import issues as stored_issues


def _save(sessions: Sessions, *issues: Issue) -> int:
    with sessions.begin() as session:
        return stored_issues.save(session, PROFILE, issues)


def _load(sessions: Sessions, *ids: str) -> list[Issue]:
    with sessions() as session:
        return stored_issues.load(session, PROFILE, ids)


def test_an_issue_is_loaded_as_it_was_stored(sessions: Sessions) -> None:
    """Text of any script, instants to the microsecond, JSON of any shape and the order of the history are equal."""
    values = {"priority": None, "customfield_1": {"value": "Ja", "child": [1, 2.5, True, None]}, "links": ["2"]}
    histories = (transition(1), transition(2, at=after(1.000001), position=0), transition(2, position=1, at=after(2)))
    wanted = issue(7, summary="退款 – naïve 🚀", fields=values, transitions=histories, resolved=after(3.3))
    wanted = replace(wanted, resolution="Done", hierarchy_level=-1, subtask=True, project_id="9", parent="8")
    unset = [field.name for field in fields(Issue) if field.name != "findings" and not getattr(wanted, field.name)]
    assert unset == [], f"give the issue of this test a value of {unset}"
    _save(sessions, wanted)
    assert _load(sessions, "7") == [wanted]
    assert _load(sessions, "7")[0].content_hash() == wanted.content_hash()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_server_west_of_utc_returns_the_first_instant(sessions: Sessions, engine: Engine) -> None:
    """In the server's time zone it would be before the year 1, which a datetime cannot be."""
    with engine.begin() as connection:
        connection.execute(text(f"ALTER DATABASE {engine.url.database} SET timezone = 'America/Los_Angeles'"))
    engine.dispose()
    first = issue(1, created=datetime(1, 1, 1, tzinfo=UTC))
    _save(sessions, first)
    assert _load(sessions, "1") == [first]


def test_issues_are_loaded_in_the_requested_order(sessions: Sessions) -> None:
    """Unknown ids are left out."""
    _save(sessions, issue(1), issue(2), issue(10))
    assert [loaded.issue_id for loaded in _load(sessions, "10", "404", "1")] == ["10", "1"]


def test_saving_the_same_again_writes_nothing(sessions: Sessions) -> None:
    """The count is that of new and changed issues."""
    assert _save(sessions, issue(1), issue(2)) == 2
    assert _save(sessions, issue(1), issue(2, summary="Another")) == 1
    assert _save(sessions, issue(1, hierarchy_level=1), issue(2, summary="Another", subtask=False)) == 2
    assert [loaded.hierarchy_level for loaded in _load(sessions, "1", "2")] == [1, None]


def test_if_an_issue_is_given_twice_the_last_is_stored(sessions: Sessions) -> None:
    """A page may repeat an issue of the page before."""
    assert _save(sessions, issue(1, summary="old"), issue(1, summary="new")) == 1
    assert [loaded.summary for loaded in _load(sessions, "1")] == ["new"]


def test_a_shorter_history_replaces_a_longer_one(sessions: Sessions) -> None:
    """Jira may remove entries, and the copy then lacks them too."""
    _save(sessions, issue(1, transitions=(transition(1), transition(2))))
    _save(sessions, issue(1, transitions=(transition(2),)))
    assert _load(sessions, "1")[0].transitions == (transition(2),)


def test_changed_content_makes_facts_stale_and_unchanged_content_does_not(sessions: Sessions) -> None:
    """A calculation reads only changed issues."""
    _save(sessions, issue(1), issue(2))
    hashes = {n: issue(int(n)).content_hash() for n in ("1", "2")}
    with sessions.begin() as session:
        assert facts.stale(session, PROFILE, 10) == hashes
        facts.save(session, PROFILE, "rules", hashes, facts_found())
        assert facts.stale(session, PROFILE, 10) == {}
        assert columns.count_stale(session, PROFILE, "rules") == 0
        assert columns.count_stale(session, PROFILE, "other rules") == 2
    _save(sessions, issue(1), issue(2, summary="Another"))
    with sessions() as session:
        assert list(facts.stale(session, PROFILE, 10)) == ["2"]
        assert columns.count_stale(session, PROFILE, "rules") == 1


def test_profiles_have_separate_issues(sessions: Sessions) -> None:
    """Two profiles may have the same issue."""
    _save(sessions, issue(1))
    with sessions.begin() as session:
        stored_issues.save(session, "ops", [issue(1, summary="Theirs")])
        assert stored_issues.count(session, "ops") == 1
    assert _load(sessions, "1")[0].summary == "Retry refunds"


def test_more_issues_than_a_statement_may_have_values_are_stored_and_loaded(sessions: Sessions) -> None:
    """SQLite allows 32,766 bound values per statement."""
    many = [issue(number, transitions=()) for number in range(1, 5_202)]
    assert _save(sessions, *many) == len(many)
    ids = [original.issue_id for original in many]
    assert len(_load(sessions, *ids)) == len(many)
    with sessions.begin() as session:
        census.mark(session, PROFILE, ids, "run")
        assert len(census.marked(session, PROFILE, "run")) == len(many)


def _gone(sessions: Sessions, number: int) -> None:
    with sessions.begin() as session:
        census.mark(session, PROFILE, [str(number)], "run hidden")
        assert census.mark_gone(session, PROFILE, "run hidden", "deleted or no longer visible", after(5)) == 1


def test_a_gone_issue_is_kept_with_its_reason_and_no_longer_counts(sessions: Sessions, engine: Engine) -> None:
    """Its rows are not deleted, but reads of the present leave it out."""
    _save(sessions, issue(1), issue(2, project="OPS", key="OPS-2"))
    _gone(sessions, 2)
    with sessions() as session:
        assert stored_issues.count(session, PROFILE) == 1
        assert list(stored_issues.hashes(session, PROFILE)) == ["1"]
        assert stored_issues.projects(session, PROFILE) == ["PAY"]
        assert list(census.standing(session, PROFILE, ["1", "2"])) == ["1"]
        assert census.unmarked(session, PROFILE, ("other",), 9) == ["1"]
        assert list(facts.stale(session, PROFILE, 9)) == ["1"]
    with engine.connect() as connection:
        row = connection.execute(text("SELECT gone_reason FROM issues WHERE issue_id = '2'")).one()
    assert row.gone_reason == "deleted or no longer visible"


def test_a_gone_issue_that_returns_unchanged_is_revived(sessions: Sessions) -> None:
    """It counts as changed, because its facts were removed."""
    _save(sessions, issue(1))
    _gone(sessions, 1)
    assert _save(sessions, issue(1)) == 1
    with sessions() as session:
        assert stored_issues.count(session, PROFILE) == 1
        assert len(facts.stale(session, PROFILE, 9)) == 1
    assert _load(sessions, "1") == [issue(1)]


def test_marks_are_those_of_the_issues_that_a_census_listed(sessions: Sessions) -> None:
    """A run must request the issues without its mark again."""
    _save(sessions, *(issue(number) for number in range(1, 5)))
    with sessions.begin() as session:
        census.mark(session, PROFILE, ["1", "404"], "run-2")
        census.mark(session, PROFILE, ["2"], "run-1")
        census.mark(session, PROFILE, ["3"], "run-2 moved")
        assert census.unmarked(session, PROFILE, ("run-2", "run-2 moved"), 9) == ["2", "4"]
        assert census.unmarked(session, PROFILE, ("run-2",), 1) == ["2"]
        assert census.standing(session, PROFILE, ["1", "4", "404"]) == {
            "1": census.Standing(after(1), "run-2", issue(1).content_hash(), "PAY-1"),
            "4": census.Standing(after(1), None, issue(4).content_hash(), "PAY-4"),
        }


def test_saving_an_issue_keeps_its_mark(sessions: Sessions) -> None:
    """An issue that is read again after the census listed it is not absent."""
    _save(sessions, issue(1))
    with sessions.begin() as session:
        census.mark(session, PROFILE, ["1"], "run")
        stored_issues.save(session, PROFILE, [issue(1, summary="Another")])
        assert len(census.marked(session, PROFILE, "run")) == 1


def test_findings_are_replaced_by_each_reading_of_the_issue(sessions: Sessions) -> None:
    """They are replaced even if its content is the same, because they are about the last answer."""
    _save(sessions, issue(1, findings={"broken_history": 2}), issue(2))
    with sessions.begin() as session:
        unreadable = {"unreadable_issue": 1}
        quality.save_findings(session, PROFILE, "changelog", {"2": unreadable, "9": unreadable})
        quality.save_findings(session, PROFILE, "facts", {"2": {"broken_chain": 1}})
        counts = quality.count_findings(session, PROFILE)
        assert counts == {"broken_chain": 1, "broken_history": 1, "unreadable_issue": 2}
    _save(sessions, issue(1), issue(2))
    with sessions() as session:
        assert quality.count_findings(session, PROFILE) == {"broken_chain": 1, "unreadable_issue": 1}
        assert quality.findings_of(session, PROFILE, ["1", "2", "9"]) == {
            "2": ["broken_chain"],
            "9": ["unreadable_issue"],
        }


def test_findings_about_gone_issues_do_not_count(sessions: Sessions) -> None:
    """They no longer affect a number."""
    _save(sessions, issue(1, findings={"broken_history": 1}))
    _gone(sessions, 1)
    with sessions() as session:
        assert quality.count_findings(session, PROFILE) == {}


def test_summaries_can_be_removed_those_of_gone_issues_too(sessions: Sessions, engine: Engine) -> None:
    """`store_summaries = false` also removes summaries that were stored before."""
    _save(sessions, issue(1), issue(2))
    _gone(sessions, 2)
    with sessions.begin() as session:
        stored_issues.clear_summaries(session, PROFILE)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM issues WHERE summary IS NOT NULL")).scalar() == 0


def test_the_size_of_a_copy_is_that_of_its_text(sessions: Sessions) -> None:
    """Summaries and fields are counted in characters."""
    _save(sessions, issue(1, summary="four", fields={"a": "b"}))
    with sessions() as session:
        assert stored_issues.data_size(session, PROFILE) == len("four") + len('{"a":"b"}')


def test_statuses_and_versions_are_replaced_as_lists(sessions: Sessions) -> None:
    """Entries that the site no longer lists are removed; those of another profile are kept."""
    version = Version("1", "PAY", "1.0", released=True, release_date=T0.date(), archived=False)
    with sessions.begin() as session:
        catalogue.save_statuses(session, "ops", [Status("9", "Offen", "new")])
        for statuses in (
            [Status("1", "To Do", "new"), Status("3", "Doing", "indeterminate")],
            [Status("3", "打开", "new")],
        ):
            catalogue.save_statuses(session, PROFILE, statuses)
        catalogue.save_versions(session, PROFILE, [version, replace(version, version_id="2", release_date=None)])
        catalogue.save_versions(session, PROFILE, [version])
    with sessions() as session:
        assert catalogue.load_statuses(session, PROFILE) == [Status("3", "打开", "new")]
        assert catalogue.load_statuses(session, "ops") == [Status("9", "Offen", "new")]
        assert catalogue.load_versions(session, PROFILE) == [version]


def test_a_version_that_two_keys_led_to_is_stored_once(sessions: Sessions) -> None:
    """The key of a project has changed, and some issues still have the former one."""
    version = Version("1", "PAY", "1.0", released=True, release_date=T0.date(), archived=False)
    with sessions.begin() as session:
        catalogue.save_versions(session, PROFILE, [replace(version, project="OLD"), version])
    with sessions() as session:
        assert catalogue.load_versions(session, PROFILE) == [version]


def test_a_naive_instant_in_an_issue_is_refused(sessions: Sessions) -> None:
    """It is refused before an issue of its page is stored."""
    with pytest.raises(ValueError, match="without a zone"):
        _save(sessions, issue(1), issue(2, updated=after(1).replace(tzinfo=None)))
    assert _load(sessions, "1") == []
