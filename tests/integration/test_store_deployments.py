"""The table of deployments that users fill: rows are written by id, read as written, and may have unknown names."""

from dataclasses import replace
from typing import Final

from sqlalchemy import text
from store_rows import PROFILE, after, issue

from models.database import Sessions
from models.records import Deployment, TableDeployment, Version, micros
from models.store import catalogue, census, dataset, deployments, facts, issues

BUILD: Final = TableDeployment("b-1", "build 1", after(1), failed=True, issue_keys=("PAY-1",), versions=("2.4", "10"))


def _stored(sessions: Sessions, profile: str = PROFILE) -> list[TableDeployment]:
    with sessions() as session:
        return list(deployments.load_table(session, profile).values())


def test_a_row_is_read_as_it_was_written_and_replaced_by_its_id(sessions: Sessions) -> None:
    """The same id in another profile is another deployment."""
    later = replace(BUILD, deployed_at=after(2), failed=False, issue_keys=(), versions=(), rework=True)
    with sessions.begin() as session:
        deployments.save_table(session, PROFILE, [BUILD])
        deployments.save_table(session, "billing", [BUILD])
    assert _stored(sessions) == [BUILD]
    with sessions.begin() as session:
        deployments.save_table(session, PROFILE, [later])
        deployments.save_table(session, PROFILE, [])
    assert (_stored(sessions), _stored(sessions, "billing")) == ([later], [BUILD])


def test_deployments_from_jira_are_not_rows_of_the_table(sessions: Sessions) -> None:
    """Replacing them keeps the rows of the table."""
    with sessions.begin() as session:
        deployments.save_table(session, PROFILE, [BUILD])
        released = Deployment("10", "versions", "2.4", micros(after(3)), version_ids=("10",))
        facts.replace_version_deployments(session, PROFILE, [released])
    assert _stored(sessions) == [BUILD]


def test_a_gone_issue_is_as_unknown_as_one_that_never_existed(sessions: Sessions) -> None:
    """Each unknown key is listed once, in the order of the rows."""
    with sessions.begin() as session:
        issues.save(session, PROFILE, [issue(1), issue(2)])
        census.mark(session, PROFILE, ["2"], "looked for")
        assert census.mark_gone(session, PROFILE, "looked for", "deleted", after(3)) == 1
        assert deployments.unknown_keys(session, PROFILE, ["PAY-9", "PAY-1", "PAY-2", "PAY-9"]) == ["PAY-9", "PAY-2"]
        assert deployments.unknown_keys(session, "billing", ["PAY-1"]) == ["PAY-1"]


def test_keys_and_versions_of_a_row_are_compared_like_names(sessions: Sessions) -> None:
    """Case, blanks and the composition of letters do not matter; a single number and damage are not errors."""
    composed, decomposed = "Größe 2.4", "gro\u0308ße\u00a0 2.4"
    with sessions.begin() as session:
        issues.save(session, PROFILE, [issue(1), issue(2)])
        catalogue.save_versions(session, PROFILE, [_version("10", composed), _version("11", "7")])
        row = replace(BUILD, issue_keys=("pay-1", " PAY-2 ", "PAY-9"), versions=(decomposed, "12"))
        deployments.save_table(session, PROFILE, [row])
        damaged = "INSERT INTO deployments (profile, deployment_id, name, deployed_at, issue_keys, versions) VALUES "
        damaged += f"('{PROFILE}', 'z', 'z', '2026-01-01 00:00:00', '\"PAY-1\"', '[7, null, true, [\"x\"]]')"
        session.execute(text(damaged))
        assert deployments.unknown_keys(session, PROFILE, row.issue_keys) == ["PAY-9"]
        assert deployments.unknown_versions(session, PROFILE, row.versions) == ["12"]
        read, odd = sorted(dataset.load(session, PROFILE, "table").deployments, key=lambda d: d.deployment_id)
        assert deployments.load_table(session, PROFILE)["z"].issue_keys == ("PAY-1",)
    assert (read.issue_ids, read.version_ids) == (("1", "2"), ("10", "12"))
    assert (odd.issue_ids, odd.version_ids) == (("1",), ("11",))


def test_a_key_that_two_issues_have_had_is_that_of_the_present_one(sessions: Sessions) -> None:
    """The other issue is gone; a row still names a gone issue if no other issue has the key."""
    gone, present = replace(issue(1), key="PAY-5"), replace(issue(2), key="PAY-5")
    with sessions.begin() as session:
        issues.save(session, PROFILE, [gone, present, issue(3)])
        census.mark(session, PROFILE, ["1", "3"], "looked for")
        census.mark_gone(session, PROFILE, "looked for", "deleted", after(3))
        deployments.save_table(session, PROFILE, [replace(BUILD, issue_keys=("PAY-5", "PAY-3"), versions=())])
        (read,) = dataset.load(session, PROFILE, "table").deployments
    assert read.issue_ids == ("2", "3")


def _version(version_id: str, name: str) -> Version:
    return Version(version_id, "PAY", name, released=False, release_date=None, archived=False)


def test_versions_are_known_by_name_and_by_id(sessions: Sessions) -> None:
    """Metrics resolve them in the same way."""
    with sessions.begin() as session:
        catalogue.save_versions(session, PROFILE, [Version("10", "PAY", "2.4", False, None, False)])  # noqa: FBT003 - a record's fields in order
        assert deployments.unknown_versions(session, PROFILE, ["2.4", "10", "2.5", "2.5"]) == ["2.5"]
