"""What issues were when they left Jira: those that were done go on counting where a profile wants it."""

from metric_rows import STATUSES, at, issue

from models.metrics.departures import Departure, departures
from models.metrics.issues import Batch, read
from models.metrics.rules import Context
from models.records import IncidentRules, Rules


def test_every_issue_that_was_done_has_a_departure_whatever_it_is_to_the_metrics() -> None:
    """Also an incident of a priority that the profile leaves out: what is odd about it is still reported."""
    rules = Rules(incidents=IncidentRules(("Incident",), priorities=("High",)))
    issues = (
        issue(1, "10-01 → 1", "10-02 → 2", "10-05 → 4"),
        issue(2, "10-01 → 1", "10-02 → 2"),
        issue(3, "10-01 → 1", "10-06 → 4", type="Incident", priority="Low"),
        issue(4, "10-01 → 1", "10-07 → 4", type="Incident", priority="High"),
        issue(5, "10-01 → 1", "10-08 → 4", resolution="Duplicate"),
        issue(6, "10-01 → 1", "10-09 → 4", type="Epic"),
    )
    assert departures(read(Batch.of(issues), Context.of(rules, STATUSES))) == {
        "1": Departure(at("10-05"), delivered=True),
        "3": Departure(at("10-06")),
        "4": Departure(at("10-07")),
        "5": Departure(at("10-08")),
    }
