"""The stored departures of gone issues: which are missing, when the issues were done, and which still count."""

from store_rows import PROFILE, after, facts_found, issue

from models.database import Sessions
from models.records import Departure, micros
from models.store import census, departures, facts, issues, quality


def _gone(sessions: Sessions, *numbers: int, reason: str = "hidden") -> None:
    with sessions.begin() as session:
        issues.save(session, PROFILE, [issue(number) for number in numbers])
        census.mark(session, PROFILE, [str(number) for number in numbers], reason)
        census.mark_gone(session, PROFILE, reason, reason, after(9))


def test_a_gone_issue_is_stale_until_its_departure_is_stored(sessions: Sessions) -> None:
    """It is stale again when it is gone a second time; a present issue is not stale."""
    _gone(sessions, 1, 2)
    with sessions.begin() as session:
        issues.save(session, PROFILE, [issue(3)])
        stale = departures.stale(session, PROFILE, 10)
        assert list(stale) == ["1", "2"]
        assert list(departures.stale(session, PROFILE, 1)) == ["1"]
        assert list(facts.stale(session, PROFILE, 10)) == ["3"]
        facts.save(session, PROFILE, "rules", stale, facts_found())
        assert departures.stale(session, PROFILE, 10) == {}
        issues.save(session, PROFILE, [issue(1)])
    _gone(sessions, 1)
    with sessions.begin() as session:
        assert list(departures.stale(session, PROFILE, 10)) == ["1"]


def test_departures_are_counted_by_reason_and_by_whether_they_count(sessions: Sessions) -> None:
    """Issues delivered in a half-open span are counted; rows that are stored again replace earlier ones."""
    _gone(sessions, 1, 2, 3, 4)
    _gone(sessions, 5, reason="moved")
    departed = {str(number): Departure(micros(after(number)), delivered=number != 3) for number in (1, 2, 3, 5)}
    with sessions.begin() as session:
        departures.save(session, PROFILE, ["1", "2", "3", "4", "5"], departed, {"2", "5"})
        everything = departures.count(session, PROFILE, after(1), after(6))
        assert everything == {("hidden", False): 1, ("hidden", True): 1, ("moved", True): 1}
        assert departures.count(session, PROFILE, after(1), after(2)) == {("hidden", False): 1}
        assert departures.count_kept(session, PROFILE) == 2
        departures.save(session, PROFILE, ["2", "5"], {}, set())
        assert departures.count(session, PROFILE, after(1), after(6)) == {("hidden", False): 1}
        assert departures.count_kept(session, PROFILE) == 0


def test_findings_of_issues_that_count_are_listed(sessions: Sessions) -> None:
    """Findings of a gone issue are listed only if it is kept."""
    _gone(sessions, 1, 2)
    with sessions.begin() as session:
        departures.save(session, PROFILE, ["1", "2"], {"2": Departure(micros(after(1)))}, {"2"})
        quality.save_findings(session, PROFILE, "facts", {"1": {"broken_chain": 1}, "2": {"broken_chain": 1}})
        assert quality.count_findings(session, PROFILE) == {"broken_chain": 1}
        assert quality.keys_with_findings(session, PROFILE) == {"broken_chain": ["PAY-2"]}
        assert issues.first_created(session, PROFILE) == issue(2).created
