"""The changes that a team makes to its Jira at random: rules of state machines, and plain methods for other drivers."""

from datetime import datetime, timedelta
from typing import Any, Final

from fetch_world import World
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from sandbox import catalogue, living
from sandbox.shapes import millis
from sandbox.site import Issue, Site

SILENT_STEPS: Final = {"To Do": "In Progress", "In Progress": "In Review", "In Review": "Done"}
pick = st.integers(0, 10_000)


class LivingTeam:
    """A team whose Jira is that of ``world``."""

    world: World

    @property
    def site(self) -> Site:
        """Return the Jira that changes."""
        return self.world.jira.site

    def _issue(self, number: int) -> Issue:
        visible = [issue for _, issue in sorted(self.site.issues.items()) if issue.exists and issue.shown]
        return visible[number % len(visible)]

    def _now(self) -> datetime:
        """Return a later instant, because no two changes have the same."""
        self.world.clock.advance(timedelta(seconds=7))
        return self.world.clock()

    def _happens(self) -> None:
        self.site.advance(millis(self.world.clock()))

    @rule(project=st.sampled_from(["PAY", "OPS"]), kind=st.sampled_from(["Story", "Bug"]))
    def create(self, project: str, kind: str) -> None:
        """Create an issue, in the JQL or outside it."""
        living.create(self.site, self._now(), project=project, kind=kind)
        self._happens()

    @rule(number=pick, points=st.one_of(st.none(), st.integers(0, 9).map(float)))
    def estimate(self, number: int, points: float | None) -> None:
        """Change a tracked field."""
        living.edit(self.site, self._issue(number), catalogue.POINTS, points, self._now())
        self._happens()

    @rule(number=pick, kind=st.sampled_from(["Story", "Bug", "Incident"]))
    def retype(self, number: int, kind: str) -> None:
        """Change a type, so that the issue enters or leaves the JQL."""
        living.edit(
            self.site, self._issue(number), "issuetype", catalogue.type_of(kind, self.site.flavour), self._now()
        )
        self._happens()

    @rule(number=pick, status=st.sampled_from(["To Do", "In Progress", "Done"]))
    def transition(self, number: int, status: str) -> None:
        """Move an issue to a status, with a resolution if it is Done."""
        target = next(
            listed for listed in self.site.catalogue.statuses if listed["id"] == catalogue.STATUSES[status]["id"]
        )
        resolution = "Done" if status == "Done" else None
        living.transition(self.site, self._issue(number), target["id"], self._now(), resolution=resolution)
        self._happens()

    @rule(number=pick)
    def comment(self, number: int) -> None:
        """Change `updated` and nothing else."""
        living.comment(self.site, self._issue(number), self._now())
        self._happens()

    @rule(number=pick)
    @precondition(lambda self: sum(issue.shown for issue in self.site.issues.values()) > 8)
    def hide(self, number: int) -> None:
        """Hide an issue, which looks like a deletion."""
        living.delete(self.site, self._issue(number), self._now())
        self._happens()

    @rule()
    def reveal(self) -> None:
        """Show all hidden issues again, unchanged."""
        for issue in list(self.site.issues.values()):
            if issue.exists and not issue.shown:
                living.reveal(self.site, issue, self._now())
        self._happens()

    @rule(number=pick, project=st.sampled_from(["PAY", "OPS"]))
    def move(self, number: int, project: str) -> None:
        """Move an issue, which gets another key and keeps its id."""
        living.move(self.site, self._issue(number), project, self._now())
        self._happens()

    @rule(key=st.sampled_from(["PAY", "BILL", "CASH"]))
    def rename_project(self, key: str) -> None:
        """Change a project's key, and no issue's `updated`."""
        now = next(project["key"] for project in self.site.catalogue.projects if project["id"] == catalogue.PAY["id"])
        if key != now:
            living.rename_project(self.site, now, key)

    @rule(number=pick)
    def migrate_silently(self, number: int) -> None:
        """Give an open issue another status and a history, but keep `updated`."""
        issue = self._issue(number)
        if issue.fields["status"]["statusCategory"]["key"] != "done":
            living.migrate(self.site, [issue], self._now(), self._next_status(issue))
            self._happens()

    def _next_status(self, issue: Issue) -> dict[str, str]:
        """Return the present name of an issue's status → the id of the next one."""
        names = {listed["id"]: listed["name"] for listed in self.site.catalogue.statuses}
        steps = {catalogue.STATUSES[old]["id"]: catalogue.STATUSES[new] for old, new in SILENT_STEPS.items()}
        here = issue.fields["status"]["id"]
        return {names[here]: str(steps.get(here, catalogue.STATUSES["In Progress"])["id"])}

    @rule(number=pick, day=st.sampled_from([None, "2026-02-27", "2026-03-01"]))
    def plan_and_release(self, number: int, day: str | None) -> None:
        """Add an open issue to a version and release it, without a change of `updated`, as a merge does."""
        issue = self._issue(number)
        version = living.plan_version(self.site, issue.fields["project"]["key"], f"v{number}", self._now())
        self._happens()
        silent = issue.fields["status"]["statusCategory"]["key"] != "done"
        living.set_fix_version(self.site, issue, version, self._now(), silent=silent)
        living.release(self.site, version, self._now(), day)
        self._happens()

    @rule(number=pick, other=pick)
    def link(self, number: int, other: int) -> None:
        """Link two issues, which both then have a value in a multi-valued field without a tracked history."""
        cause, incident = self._issue(number), self._issue(other)
        if cause is not incident:
            living.link(self.site, cause, incident, self._now())
            self._happens()

    @rule(number=pick, flags=st.booleans(), silent=st.booleans())
    def flag(self, number: int, *, flags: bool, silent: bool) -> None:
        """Set or clear a custom field of several values; an empty one is null. An open issue may keep `updated`."""
        issue = self._issue(number)
        is_open = issue.fields["status"]["statusCategory"]["key"] != "done"
        value = [{"id": "10019", "value": "Impediment"}] if flags else None
        living.edit(self.site, issue, catalogue.FLAGGED, value, self._now(), silent=silent and is_open)
        self._happens()

    @rule(number=pick)
    def drop_versions(self, number: int) -> None:
        """Remove an issue from all versions."""
        living.edit(self.site, self._issue(number), "fixVersions", [], self._now())
        self._happens()

    @rule(name=st.sampled_from(["Under way", "Doing"]), category=st.sampled_from([catalogue.NEW, catalogue.MOVING]))
    def rename_and_recategorise(self, name: str, category: Any) -> None:
        """Change a definition and no issue."""
        number = catalogue.STATUSES["In Progress"]["id"]
        living.rename_status(self.site, number, name)
        living.recategorise_status(self.site, number, category)

    @rule(minutes=st.sampled_from([1, 11, 30, 60, 47 * 60]))
    def wait(self, minutes: int) -> None:
        """Advance the clock, possibly over a clock change."""
        self.world.clock.advance(timedelta(minutes=minutes))
        self._happens()


def end_planned_lives(site: Site) -> None:
    """Let only the rules change the site from here on."""
    site._due.clear()
    for issue in site.issues.values():
        del issue.events[issue.seen :]
    site.issues = {number: issue for number, issue in site.issues.items() if issue.exists}
    for version in site.versions:
        del version.changes[version.seen :]
