"""What explaining reads of the store: deployments and incidents as far as they say why one failed, and odd issues."""

from store_rows import PROFILE, T0, after, facts_found, issue

from models import store
from models.database import Sessions
from models.metrics.evidence import LinkedIncident, StoredDeployment
from models.records import Deployment, Incident, TableDeployment, Timeline, Version, micros

TIMELINE: Timeline = ((micros(T0), "todo"),)


def test_deployments_and_incidents_are_read_with_what_they_name(sessions: Sessions) -> None:
    """Of one source each; of no other profile."""
    entry = Deployment("1.7.0", "status", "PAY-1", micros(after(1)), issue_ids=("1",), linked_ids=("2", "3"))
    release = Deployment("1", "issues", "PAY-1", None, micros(T0), TIMELINE, failed=True, version_ids=("10",))
    incident = Incident("1", "PAY-1", TIMELINE, version_ids=("10",), linked_ids=("3",))
    with sessions.begin() as session:
        store.save_issues(session, PROFILE, [issue(1)])
        store.save_facts(
            session,
            PROFILE,
            "rules",
            {"1": "hash"},
            facts_found(incidents=[incident], deployments=[("1", entry), ("1", release)]),
        )
    with sessions() as session:
        assert store.load_stored_deployments(session, PROFILE, "status") == [
            StoredDeployment("1.7.0", micros(after(1)), issue_ids=frozenset("1"), linked_ids=frozenset("23"))
        ]
        assert store.load_stored_deployments(session, PROFILE, "issues") == [
            StoredDeployment("1", None, failed=True, version_ids=frozenset({"10"}))
        ]
        assert store.load_linked_incidents(session, PROFILE) == [
            LinkedIncident("1", "PAY-1", micros(T0), frozenset({"10"}), frozenset("3"))
        ]
        assert (
            store.load_linked_incidents(session, "billing")
            == store.load_stored_deployments(session, "billing", "issues")
            == []
        )


def test_a_row_of_the_table_names_versions_by_name_or_id(sessions: Sessions) -> None:
    """A name that two projects share names both."""
    row = TableDeployment("b", "build", after(1), versions=("2.4", "77"))
    versions = [Version(number, "PAY", "2.4", released=True, release_date=None, archived=False) for number in "12"]
    with sessions.begin() as session:
        store.save_versions(session, PROFILE, versions)
        store.save_table_deployments(session, PROFILE, [row])
        (found,) = store.load_stored_deployments(session, PROFILE, "table")
    assert found == StoredDeployment("b", micros(after(1)), version_ids=frozenset({"1", "2", "77"}))


def test_odd_issues_are_named_by_key_once_a_reason(sessions: Sessions) -> None:
    """One that could not be stored by its id; gone ones not at all; in the order of their numbers."""
    with sessions.begin() as session:
        store.save_issues(session, PROFILE, [issue(10), issue(2), issue(3)])
        store.save_findings(session, PROFILE, "facts", {key: {"broken_chain": 1} for key in ("10", "2", "3")})
        store.save_findings(session, PROFILE, "changelog", {"2": {"broken_chain": 4}, "99": {"unreadable_issue": 1}})
        store.mark_issues(session, PROFILE, ["3"], "looked for")
        store.mark_gone(session, PROFILE, "looked for", "deleted", after(3))
    with sessions() as session:
        assert store.keys_with_findings(session, PROFILE) == {
            "broken_chain": ["PAY-2", "PAY-10"],
            "unreadable_issue": ["99"],
        }


def test_a_copy_knows_nothing_before_its_first_issue(sessions: Sessions) -> None:
    """A gone one does not count, and an empty copy knows nothing at all."""
    with sessions.begin() as session:
        assert store.first_created(session, PROFILE) is None
        store.save_issues(session, PROFILE, [issue(1), issue(2, created=after(2)), issue(3, created=after(5))])
        store.mark_issues(session, PROFILE, ["1"], "looked for")
        store.mark_gone(session, PROFILE, "looked for", "deleted", after(9))
        assert store.first_created(session, PROFILE) == after(2)
