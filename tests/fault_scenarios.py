"""Pieces of work that are interrupted at each of their operations: what each begins with, does, and ends with."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from console_world import carry_out, found, said_here
from databases import begin_with_schema
from fault_seams import TrappedJira
from fault_trap import Trap
from fetch_world import BASE_URL, NAME, PROFILE, QuickRuntime, settings_of
from kombu.exceptions import OperationalError as QueueError
from living_team import end_planned_lives
from message_worker import Worker
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from models.records import DeploymentRules, RunOptions
from sandbox import living
from sandbox.api import Jira
from sandbox.shapes import Flavour, millis
from sandbox.site import Bounds, Clock
from sandbox.team import generate
from tasks import calculate as calculation
from tasks import recompute, steps
from worker.jira.client import open_session
from worker.jira.reader import PageSizes
from worker.runtime import Runtime
from worker.settings import ChangelogAudit

BEFORE: Final = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)  # of the first copy
NOW: Final = BEFORE + timedelta(hours=1)  # of the work that is interrupted
LATER: Final = BEFORE + timedelta(hours=12)  # of the work after it, when all pauses are over
PAGES: Final = PageSizes(whole=4, plain=8, few=3)
TRIES: Final = 3
RULES: Final = replace(PROFILE.rules, history_weeks=4, fields={**PROFILE.rules.fields, "flagged": "Flagged"})
CSV: Final = (
    "deployed_at,name,failed,issue_keys\n2026-02-20T10:00:00Z,one,no,PAY-1 PAY-3\n2026-02-25T10:00:00Z,two,yes,PAY-2\n"
)
CONFIG: Final = """
database_url = "{url}"
[connections.sandbox]
base_url = "https://acme.example"
[profiles.payments]
connection = "sandbox"
jql = "project in (PAY, OPS)"
[profiles.payments.deployments]
source = "table"
"""


@dataclass(eq=False)
class Place:
    """A folder with a database and a Jira, of which each has a clock of its own: where a worker waits, Jira stands."""

    folder: Path
    jira: Jira
    jira_clock: Clock
    clock: Clock
    current: Runtime
    trap: Trap

    def move_to(self, now: datetime) -> None:
        """Set both clocks; back, too, because nothing is due in Jira."""
        self.clock.now = self.jira_clock.now = now
        self.jira.site.now = millis(now)

    def configure(self, **changes: Any) -> None:
        """Change the profile's rules."""
        profile = self.current.settings.profiles[NAME]
        rules = replace(profile.rules, **changes)
        self.current.settings = replace(self.current.settings, profiles={NAME: replace(profile, rules=rules)})

    def settle(self) -> None:
        """Let Jira show what has happened."""
        self.jira.site.advance(millis(self.jira_clock()))


@dataclass(frozen=True, slots=True)
class Scenario:
    """``prepare`` changes the place after the first copy; ``begin`` starts the work; ``again`` is the work after it.

    A scheduled work is promised: its instant is sent a second time (``remind``), as the scheduler does. A command that
    is killed may have requested nothing.
    """

    prepare: Callable[[Place], None]
    begin: Callable[[Place, Worker], None]
    again: Callable[[Place], None]
    has_copy: bool = True

    @property
    def is_promised(self) -> bool:
        """Return whether the work is scheduled."""
        return self.begin is nightly

    def remind(self, place: Place, worker: Worker) -> None:
        """Send what the scheduler sends again after ten minutes."""
        if self.is_promised:
            nightly(place, worker)


def open_place(folder: Path, database_url: str, redis_url: str, flavour: Flavour = "cloud") -> Place:
    """Return a place with a Jira of some thirty issues and an empty database."""
    site = generate(5, 40, BEFORE - timedelta(weeks=5), flavour=flavour, per_week=7)
    site.bounds = Bounds(
        page_of_ids=20, page_with_fields=8, page_of_search=20, bulk_issues=PAGES.whole, bulk_plain_issues=PAGES.plain
    )
    site.advance(millis(BEFORE))
    end_planned_lives(site)
    audit, profile = ChangelogAudit(every_days=30), replace(PROFILE, rules=RULES)
    settings = settings_of(folder, database_url, redis_url, concurrency=1, profile=profile, changelog_audit=audit)
    trap, jira_clock, clock = Trap("none", "none", 0), Clock(BEFORE), Clock(BEFORE)
    jira = Jira(site, jira_clock)

    def to_jira(_: int) -> Any:
        session = open_session(1)
        session.mount(BASE_URL, TrappedJira(jira, trap))
        return session

    begin_with_schema(database_url)
    current = QuickRuntime(settings, clock, to_jira, pages=PAGES)
    return Place(folder, jira, jira_clock, clock, current, trap)


def refresh(place: Place, worker: Worker, *, kind: str = "refresh", **options: bool) -> None:
    """Request a run as a command does, again where that failed: the person has seen it."""
    for _ in range(TRIES):
        with suppress(SQLAlchemyError, RedisError, QueueError):
            wanted = RunOptions(**options)
            run, is_new = steps.request(place.current.sessions, NAME, kind, place.current.now(), options=wanted)
            if is_new:
                steps.enqueue(worker.app, run, run.step)
            return


def calculate(place: Place, worker: Worker) -> None:
    """Request a calculation."""
    refresh(place, worker, kind="calculate")


def verify(place: Place, worker: Worker) -> None:
    """Request a verification."""
    refresh(place, worker, verify=True)


def refresh_again(place: Place, *, kind: str = "refresh", **options: bool) -> None:
    """Carry a whole run out without messages: nothing interrupts it."""
    sessions, wanted = place.current.sessions, RunOptions(**options)
    run, is_new = steps.request(sessions, NAME, kind, place.current.now(), options=wanted)
    if not is_new:
        raise AssertionError("an earlier run is live")
    carry_out(place.current, run)


def calculate_again(place: Place) -> None:
    """Calculate undisturbed."""
    refresh_again(place, kind="calculate")


def verify_again(place: Place) -> None:
    """Verify undisturbed."""
    refresh_again(place, verify=True)


def night_again(place: Place) -> None:
    """Carry a scheduled refresh out without messages, with its comparison, and its recomputation if that is due."""
    current, now = place.current, place.current.now()
    run, is_new = steps.request(current.sessions, NAME, "refresh", now, due_at=now)
    if not is_new:
        raise AssertionError("an earlier run is live")
    run = carry_out(current, run, ends=False)
    if recompute.is_due(current, run):
        recompute.begin(current, run)
        recompute.work(current, found(current, run))
    calculation.finish_step(current, found(current, run))


def nightly(_: Place, worker: Worker) -> None:
    """Send what the schedule sends, again where that failed."""
    for _try in range(TRIES):
        with suppress(RedisError, QueueError):
            worker.app.send_task("tasks.maintain.nightly", (NAME, NOW.isoformat()))
            return


def _nothing(_: Place) -> None:
    return


def _issues(place: Place) -> list[Any]:
    return [issue for _, issue in sorted(place.jira.site.issues.items()) if issue.exists and issue.shown]


def _work_on(place: Place) -> None:
    """Let the team work: new, moved, changed and deleted issues, and a release."""
    site, issues, at = place.jira.site, _issues(place), NOW - timedelta(minutes=20)
    for number, project in enumerate(("PAY", "PAY", "OPS")):
        living.create(site, at + timedelta(seconds=number), project=project)
    for number in (1, 4, 7, 9, 12):
        living.comment(site, issues[number], at + timedelta(minutes=1, seconds=number))
    for number in (2, 5):
        living.transition(site, issues[number], "Done", at + timedelta(minutes=2, seconds=number), resolution="Done")
    living.move(site, issues[3], "OPS", at + timedelta(minutes=3))
    living.delete(site, issues[6], at + timedelta(minutes=4))
    version = living.plan_version(site, "PAY", "later", at)
    living.set_fix_version(site, issues[2], version, at + timedelta(minutes=5))
    living.release(site, version, at + timedelta(minutes=6), "2026-03-01")


def _migrate_silently(place: Place) -> None:
    """Change histories and no `updated`, which only the audit of changelogs sees; it is due for all issues."""
    is_open = [issue for issue in _issues(place) if issue.fields["status"]["statusCategory"]["key"] != "done"]
    living.migrate(place.jira.site, is_open[:6], NOW - timedelta(minutes=20))
    place.current.settings = replace(place.current.settings, changelog_audit=ChangelogAudit(every_days=0))


def _damage(place: Place) -> None:
    """Let the copy differ from Jira as no change explains."""
    with place.current.sessions.begin() as session:
        for sql in (
            "update issues set type = 'Incident', content_hash = 'x' where key in ('PAY-1', 'PAY-4')",
            "delete from transitions where issue_id = (select issue_id from issues where key = 'PAY-3')",
            "update issues set content_hash = 'y' where key = 'PAY-3'",
            "delete from transitions where issue_id = (select issue_id from issues where key = 'PAY-8')",
            "delete from issues where key = 'PAY-8'",
        ):
            session.execute(text(sql))


def _damage_rows(place: Place) -> None:
    """Let rows of the copy and facts differ though their hashes do not; the night compares everything."""
    with place.current.sessions.begin() as session:
        for sql in (
            "update issues set type = 'Incident' where key = 'PAY-1'",
            "update issues set summary = 'another' where key = 'PAY-7'",
            "delete from transitions where issue_id = (select issue_id from issues where key = 'PAY-3')",
            "update work_items set active_seconds = 4711 where issue_id in (select max(issue_id) from work_items)",
        ):
            session.execute(text(sql))
    settings = place.current.settings
    profile = replace(settings.profiles[NAME], schedule="30 9 * * *")
    audit = ChangelogAudit(every_days=1)
    place.current.settings = replace(settings, profiles={NAME: profile}, changelog_audit=audit)


def _change_rules(place: Place) -> None:
    """Configure another workflow, so that all facts are calculated again, and a report page."""
    place.configure(workflow={"waiting": ("In Review",)})
    settings = place.current.settings
    profile = replace(settings.profiles[NAME], report=place.folder / "report" / "payments.html")
    place.current.settings = replace(settings, profiles={NAME: profile})


def _take_deployments_from_table(place: Place) -> None:
    """Write what the import reads, and a deployment by SQL."""
    place.configure(deployments=DeploymentRules("table"))
    (place.folder / "deployments.csv").write_text(CSV)
    url = place.current.settings.database_url
    (place.folder / "flowbeat.toml").write_text(CONFIG.format(url=url))
    with place.current.sessions.begin() as session:
        session.execute(
            text(
                "insert into deployments (profile, source, deployment_id, name, deployed_at, issue_keys)"
                " values ('payments', 'table', 'three', 'three', '2026-02-26 10:00:00.000', '[\"PAY-5\"]')"
            )
        )


def _import(place: Place, worker: Worker) -> None:
    """Import the file and calculate."""
    _import_file(place)
    calculate(place, worker)


def _import_again(place: Place) -> None:
    """Import the file, because a person whose import was killed does so, and calculate undisturbed."""
    _import_file(place)
    calculate_again(place)


def _import_file(place: Place) -> None:
    """Import the file, again where that failed."""
    environment = {"FLOWBEAT_CONFIG": str(place.folder / "flowbeat.toml"), "COLUMNS": "80"}
    for _ in range(TRIES):
        said = said_here(place.folder, environment, "import", "deployments", "deployments.csv")
        if said.code == 0:
            return
    raise AssertionError(said.err)


SCENARIOS: Final = {
    "full": Scenario(_nothing, nightly, refresh_again, has_copy=False),
    "incremental": Scenario(_work_on, nightly, refresh_again),
    "audit": Scenario(_migrate_silently, nightly, refresh_again),
    "verify": Scenario(_damage, verify, verify_again),
    "night": Scenario(_damage_rows, nightly, night_again),
    "calculate": Scenario(_change_rules, calculate, calculate_again),
    "import": Scenario(_take_deployments_from_table, _import, _import_again),
}


def _spoil(place: Place, worker: Worker) -> None:
    """Calculate, but change a result afterwards, and leave a lock without an end, unless nothing is to fail."""
    calculate(place, worker)
    worker.until_quiet()
    if place.trap.number == 0:
        return
    with place.current.sessions.begin() as session:
        session.execute(text("update metric_results set value = 4711 where metric_type = 'flow_load'"))
    worker.direct.set("flowbeat:lock", "")


# What must be found, or nothing is.
SPOILED: Final = {"spoiled": Scenario(_change_rules, _spoil, calculate_again)}
