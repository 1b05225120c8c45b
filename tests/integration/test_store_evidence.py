"""Notes with the numbers: issues with findings, and the beginning of the copy."""

from sqlalchemy import text
from store_rows import PROFILE, after, issue

from models.database import Sessions
from models.store import census, issues, quality


def test_issues_with_findings_are_named_by_key_once_per_reason(sessions: Sessions) -> None:
    """They are sorted by number; an issue that was never stored has its id, and gone ones are left out."""
    with sessions.begin() as session:
        issues.save(session, PROFILE, [issue(10), issue(2), issue(3)])
        quality.save_findings(session, PROFILE, "facts", {key: {"broken_chain": 1} for key in ("10", "2", "3")})
        quality.save_findings(session, PROFILE, "changelog", {"2": {"broken_chain": 4}, "99": {"unreadable_issue": 1}})
        census.mark(session, PROFILE, ["3"], "looked for")
        census.mark_gone(session, PROFILE, "looked for", "deleted", after(3))
    with sessions() as session:
        assert quality.keys_with_findings(session, PROFILE) == {
            "broken_chain": ["PAY-2", "PAY-10"],
            "unreadable_issue": ["id 99, never read"],
        }


def test_findings_about_a_profile_are_not_findings_about_an_issue(sessions: Sessions) -> None:
    """They are replaced together, and only those of the same origin and profile."""
    with sessions.begin() as session:
        quality.save_profile_findings(session, PROFILE, "versions", {"released_without_date": 3})
        quality.save_profile_findings(session, "billing", "versions", {"released_without_date": 1})
        quality.save_profile_findings(session, PROFILE, "versions", {"released_in_future": 2})
        assert not quality.count_findings(session, PROFILE)
        assert not quality.keys_with_findings(session, PROFILE)
        rows = session.execute(text("SELECT profile, issue_id, reason, count FROM data_quality ORDER BY profile"))
        assert [tuple(row) for row in rows] == [
            ("billing", "", "released_without_date", 1),
            (PROFILE, "", "released_in_future", 2),
        ]


def test_a_copy_begins_with_its_first_issue(sessions: Sessions) -> None:
    """A gone issue does not count, and an empty copy has no beginning."""
    with sessions.begin() as session:
        assert issues.first_created(session, PROFILE) is None
        issues.save(session, PROFILE, [issue(1), issue(2, created=after(2)), issue(3, created=after(5))])
        census.mark(session, PROFILE, ["1"], "looked for")
        census.mark_gone(session, PROFILE, "looked for", "deleted", after(9))
        assert issues.first_created(session, PROFILE) == after(2)
