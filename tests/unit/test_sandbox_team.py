"""The sandbox's team is the same for the same seed, depends only on the clock, and resembles a real team."""

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sandbox import catalogue, render
from sandbox.shapes import Flavour, Json, millis, parse_stamp, stamp
from sandbox.site import Issue, Site
from sandbox.team import generate

START = datetime(2025, 1, 6, tzinfo=UTC)


def shown(site: Site, issue: Issue) -> bytes:
    """Return everything that an issue shows, as bytes."""
    fields = tuple(field["id"] for field in site.catalogue.fields)
    histories = [render.history(site, event) for event in issue.histories()]
    return render.issue(site, issue, fields, render.EXPANDS) + render.dumps(histories)


def lived(site: Site, weeks: float) -> Site:
    """Return the site some weeks after its start."""
    site.advance(millis(START + timedelta(weeks=weeks)))
    return site


@pytest.mark.parametrize("flavour", ["cloud", "datacenter"])
def test_the_same_seed_gives_the_same_bytes(flavour: Flavour) -> None:
    """In either flavour. Another seed gives another team."""
    first, second, other = (lived(generate(seed, 120, START, flavour=flavour), 20) for seed in (3, 3, 4))
    pictures = [[shown(site, issue) for issue in site.indexed] for site in (first, second, other)]
    assert pictures[0] == pictures[1]
    assert pictures[0] != pictures[2]
    assert [v.body for v in first.versions] == [v.body for v in second.versions]


def test_an_issues_life_does_not_depend_on_how_many_there_are() -> None:
    """Issue k of 100 equals issue k of 400 at any instant. So do the versions of that instant."""
    few, many = generate(3, 100, START), generate(3, 400, START)
    for weeks in (5, 12, 60):
        lived(few, weeks), lived(many, weeks)
        for number, issue in few.issues.items():
            if issue.exists:
                assert shown(few, issue) == shown(many, many.issues[number])
    assert few.versions_of(few.catalogue.projects[0])[:100] == many.versions_of(many.catalogue.projects[0])[:100]


def test_a_site_reached_in_small_steps_equals_one_reached_at_once() -> None:
    """Only the clock decides what has happened."""
    at_once, stepwise = lived(generate(5, 150, START), 12), generate(5, 150, START)
    for day in range(12 * 7 + 1):
        stepwise.advance(millis(START + timedelta(days=day)))
    assert [shown(at_once, issue) for issue in at_once.indexed] == [
        shown(stepwise, issue) for issue in stepwise.indexed
    ]
    assert [issue.id for issue in at_once.by_updated] == [issue.id for issue in stepwise.by_updated]


def test_nothing_later_than_the_clock_exists() -> None:
    """No issue, history or released version is in the future, and `updated` is the newest event that sets it."""
    site = lived(generate(5, 200, START), 10)
    assert 0 < len(site.indexed) < 200
    for issue in site.indexed:
        assert issue.born <= site.now
        touching = [event.at for event in issue.events[: issue.seen] if event.touches]
        assert issue.updated == max([issue.born, *touching]) <= site.now
        assert issue.fields["updated"] == stamp(issue.updated, site.zone)
    released = [v for v in site.versions if v.body["released"]]
    assert released
    assert all(v.changes[0][0] <= site.now for v in released)


def test_a_released_version_shows_in_its_issues_without_touching_them() -> None:
    """Issues show the version's own state."""
    site = generate(5, 200, START)
    waiting = None
    for day in range(1, 70):
        lived(site, day / 7)
        waiting = next((issue for issue in site.indexed if _unreleased(issue)), None)
        if waiting:
            break
    assert waiting is not None
    body = waiting.fields["fixVersions"][0]
    release = next(v for v in site.versions if v.body is body).changes[0][0]
    site.advance(release - 1)
    before, updated = shown(site, waiting), waiting.updated
    site.advance(release)
    assert shown(site, waiting) != before
    assert waiting.fields["fixVersions"][0]["released"] is True
    assert waiting.updated == updated


def _unreleased(issue: Issue) -> bool:
    versions = issue.fields["fixVersions"]
    return bool(versions) and not versions[0]["released"]


def test_a_team_of_a_year_has_everything_a_metric_reads() -> None:
    """Types, re-openings, moves back, creations in progress, long histories, refusals, moved issues, Workflow items."""
    site = lived(generate(1, 700, START), 62)
    kinds = Counter(issue.fields["issuetype"]["name"] for issue in site.indexed)
    assert set(kinds) == {
        *("Epic", "Story", "Task", "Sub-task", "Bug", "Incident", "Technical Debt", "Security", "Deployment"),
    }
    changes = Counter(
        (item.old_text, item.new_text)
        for issue in site.indexed
        for event in issue.histories()
        for item in event.items
        if item.field_id == "status"
    )
    for pair in (
        *(("Done", "In Progress"), ("In Progress", "To Do"), ("Done", "Closed"), ("To Do", "Done")),
        *(("In Progress", "Blocked"), ("In Review", "In Progress")),
    ):
        assert changes[pair] > 0, pair
    lengths = [len(issue.histories()) for issue in site.indexed]
    assert sum(length > 40 for length in lengths) > 10
    assert sum(length > 100 for length in lengths) > 1
    resolutions = {issue.fields["resolution"]["name"] for issue in site.indexed if issue.fields.get("resolution")}
    assert resolutions == {"Done", "Won't Do", "Duplicate", "Cannot Reproduce"}
    assert any(issue.histories() and issue.histories()[-1].at > issue.updated for issue in site.indexed)
    assert any(event.author is None for issue in site.indexed for event in issue.histories())
    assert any(issue.histories()[0].at < issue.born for issue in site.indexed if issue.histories())
    assert any(issue.key.startswith("OPS") and site.keys.get(f"PAY-{issue.id - 10_000}") for issue in site.indexed)


def test_status_chains_are_whole() -> None:
    """Each change begins with the status that the one before set, and the last sets the present one."""
    site = lived(generate(2, 300, START), 40)
    for issue in site.indexed:
        items = [item for event in issue.histories() for item in event.items if item.field_id == "status"]
        for before, after in itertools.pairwise(items):
            assert before.new == after.old
        if items:
            assert items[-1].new == issue.fields["status"]["id"]


def test_incidents_name_a_version_and_are_linked_to_their_cause_on_both_sides() -> None:
    """About one version in ten fails, and the incident is created after its release."""
    site = lived(generate(1, 600, START), 58)
    released = [v for v in site.versions if v.project == "PAY" and v.body["released"]]
    incidents = [issue for issue in site.indexed if issue.fields["versions"]]
    failed = {issue.fields["versions"][0]["id"] for issue in incidents}
    assert 5 <= 100 * len(failed) / len(released) <= 20
    linked = 0
    for incident in incidents:
        version = next(v for v in released if v.body["id"] == incident.fields["versions"][0]["id"])
        assert incident.born > version.changes[0][0]
        for link in incident.fields["issuelinks"]:
            cause = site.issues[int(link["inwardIssue"]["id"])]
            assert cause.fields["fixVersions"][0]["id"] == version.body["id"]
            assert cause.fields["issuelinks"][0]["outwardIssue"]["id"] == str(incident.id)
            linked += 1
    assert linked > len(incidents) / 2


def test_every_version_of_operations_has_its_deployment() -> None:
    """With instant, day, failure option and owner, and done at its release."""
    site = lived(generate(1, 600, START), 58)
    ids = {field["name"]: field["id"] for field in site.catalogue.fields}
    deployments = [deployment for deployment in site.indexed if deployment.fields["issuetype"]["name"] == "Deployment"]
    assert len(deployments) > 40
    for deployment in deployments:
        at = parse_stamp(deployment.fields[ids["Deployed at"]])
        assert at is not None
        assert deployment.fields["fixVersions"][0]["released"] is True
        assert deployment.fields["status"]["name"] == "Done"
        assert deployment.fields[ids["Deployed on"]] == stamp(at, site.zone)[:10]
    values = Counter(deployment.fields[ids["Change failure"]]["value"] for deployment in deployments)
    assert 0 < values["Yes"] < values["No"] / 4


def test_stamps_are_written_in_the_sites_zone_with_its_summer_time() -> None:
    """One issue may have two offsets, without colons."""
    site = lived(generate(1, 300, START, site_zone="Europe/Zagreb"), 30)
    offsets = {issue.fields["updated"][-5:] for issue in site.indexed}
    assert offsets == {"+0100", "+0200"}
    assert stamp(1762698645123, ZoneInfo("Asia/Shanghai")) == "2025-11-09T22:30:45.123+0800"


def test_people_have_made_up_names_of_a_reserved_domain() -> None:
    """So tests of privacy can search for them in every place where Jira has people."""
    site = lived(generate(1, 100, START), 8)
    text = b"".join(shown(site, issue) for issue in site.indexed).decode()
    assert "@acme.example" in text
    assert "displayName" in text
    people: list[Json] = [event.author for issue in site.indexed for event in issue.histories() if event.author]
    assert all(person["emailAddress"].endswith("@acme.example") for person in people)


def test_flags_are_set_and_cleared_as_jira_writes_them() -> None:
    """A history has the option's id in a list, and the field has the value of its last change."""
    team = lived(generate(7, 400, START, per_week=20), 60)
    raised = ("[10019]", "Impediment")
    kinds = set()
    for issue in team.indexed:
        items = [item for event in issue.histories() for item in event.items if item.field == "Flagged"]
        sides = [((item.old, item.old_text), (item.new, item.new_text)) for item in items]
        assert all(before[1] == after[0] for before, after in itertools.pairwise(sides))
        kinds |= set(sides)
        is_set = bool(sides) and sides[-1][1] == raised
        assert issue.fields.get(catalogue.FLAGGED) == ([{"id": "10019", "value": "Impediment"}] if is_set else None)
    assert kinds == {((None, None), raised), (raised, ("", "")), (("", ""), raised)}
