"""Changes that a team makes while its Jira is read appear when they are due, and as on a real site."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sandbox import catalogue as c
from sandbox import living, render
from sandbox.jql import JqlError
from sandbox.query import search
from sandbox.shapes import millis
from sandbox.site import Asker, Issue, Item, Site
from sandbox.team import generate

START = datetime(2025, 1, 6, tzinfo=UTC)
NOW = START + timedelta(weeks=10)
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def site() -> Site:
    """Return the site of a team that did nothing since its tenth week."""
    made = generate(1, 60, START)
    made.advance(millis(NOW))
    for issue in made.issues.values():
        del issue.events[issue.seen :]
    return made


def advance(site: Site, to: datetime) -> None:
    """Move the site's clock."""
    site.advance(millis(to))


def find(site: Site, jql: str) -> list[int]:
    """Return the ids that a JQL finds."""
    return [issue.id for issue in search(site, jql, Asker(ZoneInfo("UTC"), site.now, None)).issues]


def items(issue: Issue) -> tuple[Item, ...]:
    """Return the items of the newest history."""
    return issue.histories()[-1].items


def field(issue: Issue, name: str) -> Any:
    """Return a field of an issue as shown now."""
    return issue.fields.get(name)


def test_an_issue_is_created_and_lives(site: Site) -> None:
    """New, in progress, done: each change at its instant, in one chain."""
    issue = living.create(site, LATER, project="PAY", kind="Bug", labels=["legal"])
    living.transition(site, issue, "In Progress", LATER + timedelta(minutes=5))
    living.transition(site, issue, "Done", LATER + timedelta(hours=2), resolution="Won't Do")
    assert site.find(issue.key) is None
    advance(site, LATER + timedelta(hours=1))
    assert find(site, f"key = {issue.key} AND status = 'In Progress' AND labels = legal") == [issue.id]
    advance(site, LATER + timedelta(hours=3))
    assert field(issue, "resolution")["name"] == "Won't Do"
    assert items(issue)[0][3:] == ("3", "In Progress", "10001", "Done")
    living.transition(site, issue, "To Do", LATER + timedelta(hours=4))
    advance(site, LATER + timedelta(hours=4))
    assert (field(issue, "resolution"), field(issue, "resolutiondate")) == (None, None)
    assert items(issue)[1][3:] == ("10001", "Won't Do", None, None)


def test_a_new_key_is_free_for_ever() -> None:
    """No later issue has it."""
    made = generate(1, 100, START)
    made.advance(millis(NOW))
    issue = living.create(made, NOW, project="PAY")
    assert issue.id == 10_101
    assert issue.key == "PAY-101"
    assert living.create(made, NOW, project="OPS").key == "OPS-102"


def test_an_edit_moves_updated_and_a_silent_one_does_not(site: Site) -> None:
    """Both add a history."""
    issue = site.indexed[0]
    updated, many = issue.updated, len(issue.histories())
    living.edit(site, issue, c.POINTS, 8.0, LATER, silent=True)
    advance(site, LATER)
    assert (issue.updated, len(issue.histories()), field(issue, c.POINTS)) == (updated, many + 1, 8.0)
    living.edit(site, issue, "priority", c.PRIORITIES["Low"], LATER)
    living.edit(site, issue, "labels", ["a", "b"], LATER)
    advance(site, LATER + timedelta(minutes=1))
    assert issue.updated == millis(LATER)
    assert items(issue)[0][:3] == ("Labels", "jira", "labels")
    assert items(issue)[0].new_text == "a b"


def test_what_is_dated_back_stands_in_its_place(site: Site) -> None:
    """A history from before the issue's creation is its first one and does not change `updated`."""
    issue = site.indexed[0]
    updated = issue.updated
    living.edit(site, issue, "summary", "From before", START - timedelta(days=400))
    advance(site, LATER)
    assert issue.histories()[0].items[0].new_text == "From before"
    assert issue.updated == updated


def test_a_comment_touches_without_a_history(site: Site) -> None:
    """Only `updated` changes."""
    issue = site.indexed[0]
    many = len(issue.histories())
    living.comment(site, issue, LATER)
    advance(site, LATER)
    assert (issue.updated, len(issue.histories())) == (millis(LATER), many)


def test_a_deleted_issue_is_gone_and_its_id_refused(site: Site) -> None:
    """Search, bulk fetch and `id in` no longer find it. A hidden issue can come back."""
    issue = site.indexed[0]
    living.delete(site, issue, LATER)
    assert find(site, f"id = {issue.id}") == [issue.id]
    advance(site, LATER)
    assert issue.id not in find(site, "id > 0")
    assert site.find(str(issue.id)) is None
    with pytest.raises(JqlError, match="does not exist for the field 'id'"):
        find(site, f"id in ({issue.id})")
    living.reveal(site, issue, LATER + timedelta(hours=1))
    advance(site, LATER + timedelta(hours=1))
    assert find(site, f"id = {issue.id}") == [issue.id]


def test_a_moved_issue_keeps_its_id_and_its_old_key(site: Site) -> None:
    """The JQL of its old project no longer finds it."""
    issue = next(listed for listed in site.indexed if listed.key.startswith("PAY"))
    old = issue.key
    new = living.move(site, issue, "OPS", LATER)
    advance(site, LATER)
    assert issue.key == new
    assert site.find(old) is site.find(new) is issue
    assert issue.id not in find(site, "project = PAY")
    assert [item.new_text for item in items(issue)] == [new, "Operations"]


def test_a_migration_leaves_updated_alone_even_where_it_changes_statuses(site: Site) -> None:
    """Each issue gets a Workflow item, and a status item if its status was replaced."""
    before = {issue.id: issue.updated for issue in site.indexed}
    replaced = [issue for issue in site.indexed if field(issue, "status")["name"] == "Closed"]
    assert replaced
    living.migrate(site, site.indexed, LATER, {"Closed": "Done"})
    advance(site, LATER)
    assert {issue.id: issue.updated for issue in site.indexed} == before
    assert all(items(issue)[0].field == "Workflow" for issue in site.indexed)
    assert find(site, "status = Closed") == []
    assert [len(items(issue)) for issue in replaced] == [2] * len(replaced)


def test_a_version_is_released_silently(site: Site) -> None:
    """Its issues show it without a new `updated`. The day can change later."""
    issue = site.indexed[-1]
    version = living.plan_version(site, "PAY", "Autumn", LATER)
    living.set_fix_version(site, issue, version, LATER, silent=True)
    updated = issue.updated
    living.release(site, version, LATER + timedelta(hours=1), "2025-03-17")
    advance(site, LATER)
    before = render.issue(site, issue, ("fixVersions",))
    assert find(site, "fixVersion = Autumn") == [issue.id]
    advance(site, LATER + timedelta(hours=1))
    after = render.issue(site, issue, ("fixVersions",))
    assert (b'"released":true' in before, b'"released":true' in after) == (False, True)
    living.release(site, version, LATER + timedelta(hours=2), "2025-03-18")
    advance(site, LATER + timedelta(hours=2))
    assert version.body["releaseDate"] == "2025-03-18"
    assert issue.updated == updated


def test_a_link_shows_on_both_sides(site: Site) -> None:
    """With the name of each direction."""
    cause, incident = site.indexed[0], site.indexed[1]
    living.link(site, cause, incident, LATER)
    advance(site, LATER)
    assert field(cause, "issuelinks")[-1]["outwardIssue"]["key"] == incident.key
    assert field(incident, "issuelinks")[-1]["inwardIssue"]["key"] == cause.key
    assert items(incident)[0].new_text == f"This issue is caused by {cause.key}"


def test_definitions_change_without_any_issue_event(site: Site) -> None:
    """A status gets another name and category, a field another name: no history, no new `updated`."""
    many = {issue.id: (issue.updated, issue.seen) for issue in site.indexed}
    done = find(site, "status = Done")
    living.rename_status(site, "Done", "Fertig")
    assert find(site, "status = Fertig") == done
    living.recategorise_status(site, "In Review", c.FINISHED)
    assert set(find(site, "statusCategory = Done")) > set(done)
    living.rename_field(site, c.POINTS, "Effort")
    assert find(site, "Effort is not EMPTY") == find(site, "cf[10016] is not EMPTY")
    assert {issue.id: (issue.updated, issue.seen) for issue in site.indexed} == many
    assert c.STATUSES["Done"]["name"] == "Done", "another site's statuses are its own"


def test_a_lost_permission_takes_a_whole_project_away(site: Site) -> None:
    """Its issues are left out without a message, a JQL that names it is refused, and all comes back later."""
    payments, every = find(site, "project = PAY"), find(site, "id > 0")
    living.lose_project(site, "PAY")
    assert find(site, "id > 0") == [number for number in every if number not in payments]
    with pytest.raises(JqlError, match="The value 'PAY' does not exist for the field 'project'"):
        find(site, "project = PAY")
    assert site.find(str(payments[0])) is None
    living.regain_project(site, "PAY")
    assert find(site, "id > 0") == every


def test_a_lagging_index_finds_what_was(site: Site) -> None:
    """The search follows five minutes later. Issues themselves are always present, and deleted ones are not shown."""
    site.lag_behind(5 * 60_000)
    changed, gone = site.issues[10_001], site.issues[10_002]
    living.transition(site, changed, "Blocked", LATER)
    living.delete(site, gone, LATER)
    new = living.create(site, LATER, project="PAY")
    since = f"updated >= {millis(LATER)}"
    advance(site, LATER + timedelta(minutes=4))
    assert find(site, since) == []
    assert gone.id in find(site, "id > 0")
    assert field(changed, "status")["name"] == "Blocked"
    assert (site.find(new.key), site.find(str(gone.id))) == (new, None)
    advance(site, LATER + timedelta(minutes=5))
    assert sorted(find(site, since)) == sorted([changed.id, new.id])
    assert gone.id not in find(site, "id > 0")
