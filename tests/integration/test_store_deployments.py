"""The table of deployments that users fill: written by id, read as written, and what its rows name that is unknown."""

from dataclasses import replace
from typing import Final

from store_rows import PROFILE, after, issue

from models import store
from models.database import Sessions
from models.records import Deployment, TableDeployment, Version, micros

BUILD: Final = TableDeployment("b-1", "build 1", after(1), failed=True, issue_keys=("PAY-1",), versions=("2.4", "10"))


def _stored(sessions: Sessions, profile: str = PROFILE) -> list[TableDeployment]:
    with sessions() as session:
        return list(store.load_table_deployments(session, profile).values())


def test_a_row_is_read_as_it_was_written_and_replaced_by_its_id(sessions: Sessions) -> None:
    """Of another profile, the same id is another deployment."""
    later = replace(BUILD, deployed_at=after(2), failed=False, issue_keys=(), versions=())
    with sessions.begin() as session:
        store.save_table_deployments(session, PROFILE, [BUILD])
        store.save_table_deployments(session, "billing", [BUILD])
    assert _stored(sessions) == [BUILD]
    with sessions.begin() as session:
        store.save_table_deployments(session, PROFILE, [later])
        store.save_table_deployments(session, PROFILE, [])
    assert (_stored(sessions), _stored(sessions, "billing")) == ([later], [BUILD])


def test_what_comes_from_jira_is_no_row_of_the_table(sessions: Sessions) -> None:
    """And making it anew leaves the table's rows."""
    with sessions.begin() as session:
        store.save_table_deployments(session, PROFILE, [BUILD])
        released = Deployment("10", "versions", "2.4", micros(after(3)), version_ids=("10",))
        store.replace_version_deployments(session, PROFILE, [released])
    assert _stored(sessions) == [BUILD]


def test_an_issue_that_is_gone_is_as_unknown_as_one_that_never_was(sessions: Sessions) -> None:
    """Each unknown key once, in the order of the rows."""
    with sessions.begin() as session:
        store.save_issues(session, PROFILE, [issue(1), issue(2)])
        store.mark_issues(session, PROFILE, ["2"], "looked for")
        assert store.mark_gone(session, PROFILE, "looked for", "deleted", after(3)) == 1
        assert store.unknown_keys(session, PROFILE, ["PAY-9", "PAY-1", "PAY-2", "PAY-9"]) == ["PAY-9", "PAY-2"]
        assert store.unknown_keys(session, "billing", ["PAY-1"]) == ["PAY-1"]


def test_versions_are_known_by_name_and_by_id(sessions: Sessions) -> None:
    """As the metrics resolve them."""
    with sessions.begin() as session:
        store.save_versions(session, PROFILE, [Version("10", "PAY", "2.4", False, None, False)])  # noqa: FBT003 - a record's fields in order
        assert store.unknown_versions(session, PROFILE, ["2.4", "10", "2.5", "2.5"]) == ["2.5"]
