"""A Jira that changes at random and its copy: the copy always equals that of a full fetch.

`make soak` runs thousands of steps (hypothesis profile `soak`).
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from fetch_world import PROFILE, KilledError, World, open_world
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from living_team import LivingTeam, end_planned_lives, pick
from sqlalchemy import event

from models.records import Run
from models.store import operations, runs
from sandbox import faults
from sandbox.api import Jira
from sandbox.shapes import Flavour, millis
from sandbox.site import Bounds, Clock, Issue
from sandbox.team import generate
from tasks.fetch.task import work
from worker.errors import FatalError, RetryableError
from worker.jira.reader import PageSizes
from worker.settings import ChangelogAudit
from worker.task import StaleAttemptError

# Nearly a hundred steps, the same in every run; those of a soak differ each time.
QUICK: Final = settings(
    max_examples=3,
    stateful_step_count=15,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

JQL: Final = 'project in (PAY, OPS) AND issuetype != Bug OR summary ~ "never" ORDER BY rank'
ZONES: Final = ("Pacific/Pago_Pago", "America/New_York", "Europe/Zagreb", "Asia/Kathmandu", "Pacific/Kiritimati")
# A day without a clock change, and the hours in which the clocks of New York and Zagreb change.
STARTS: Final = (
    datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
    datetime(2026, 3, 8, 6, 30, tzinfo=UTC),
    datetime(2026, 3, 29, 0, 30, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 10, tzinfo=UTC),
    datetime(2026, 11, 1, 5, 10, tzinfo=UTC),
)
FAULTS: Final[dict[str, Callable[..., faults.Fault]]] = {
    "500": lambda **more: faults.failing(500, **more),
    "503, later": lambda **more: faults.failing(503, retry_after=600, **more),
    "429, later": lambda **more: faults.too_many(600, **more),
    "reset": faults.reset,
    "cut": faults.cut,
    "half": faults.half_json,
    "not JSON": faults.not_json,
    "repeated token": faults.repeated_token,
    "empty page": faults.empty_page,
    "no issues": lambda **more: faults.without("issues", **more),
    "no histories": lambda **more: faults.without("issueChangeLogs", **more),
}
# Requests of five issues with single-valued fields, and of two with all; a fresh copy reads all of them whole.
PLAIN: Final = PageSizes(whole=2, plain=5, few=3)
WHOLE: Final = PageSizes(whole=2, plain=2)
QUESTIONS: Final[dict[str, Callable[[Issue, int], faults.Fault]]] = {
    "an issue": lambda issue, times: faults.poisoned(issue.id, times=times),
    "an issue, cut off": lambda issue, times: faults.poisoned_cut(issue.id, times=times),
    "a history": lambda issue, times: faults.poisoned(issue.id, endpoint="changelog", times=times),
    "an issue, named": lambda issue, times: faults.named_in_errors(issue.id, times=times),
    "more than three": lambda _, times: faults.too_large(3, times=times),
    "versions": lambda issue, times: faults.closed_versions(issue.fields["project"]["id"], status=500, times=times),
    "closed versions": lambda issue, times: faults.closed_versions(issue.fields["project"]["id"], times=times),
    "no list of links": lambda _, times: faults.refused_jql("issueLinkType", times=times),
    "no thousands": lambda _, times: faults.too_large(WHOLE.whole, status=400, times=times),
    "an end": lambda _, times: faults.contradicting_end(endpoint="search", times=times),
}
RULES: Final = replace(PROFILE.rules, fields={**PROFILE.rules.fields, "flagged": "Flagged"})
LAG: Final = timedelta(minutes=10)  # shorter than the overlap


class Trap:
    """A trap that kills a fetch at the n-th possible place: before a request, before or after a commit."""

    def __init__(self) -> None:
        """Make a trap that is not armed."""
        self.left = 0

    def step(self, *_: object) -> None:
        """Count one place, and kill the fetch if it is the armed one."""
        self.left -= 1
        if self.left == 0:
            raise KilledError

    @contextmanager
    def armed(self, places: int) -> Iterator[None]:
        """Kill at a place, if the fetch reaches it."""
        self.left = places
        try:
            yield
        finally:
            self.left = 0


class LivingCopy(LivingTeam, RuleBasedStateMachine):
    """The rules: the changes that a team makes in Jira, and the errors that a fetch meets."""

    flavour: Flavour
    redis_url: str
    template: Path

    def __init__(self) -> None:
        """Make an empty folder; `begin` fills it."""
        super().__init__()
        self.stack = ExitStack()
        self.folder = Path(tempfile.mkdtemp(prefix="flowbeat-machine-"))
        self.stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.trap = Trap()
        self.run: Run | None = None

    @initialize(zone=st.sampled_from(ZONES), start=st.sampled_from(STARTS), epoch=st.booleans(), lags=st.booleans())
    def begin(self, zone: str, start: datetime, *, epoch: bool, lags: bool) -> None:
        """Start a Jira of about fourteen issues with small pages, and make a first copy."""
        born = start - timedelta(weeks=2)
        site = generate(5, 24, born, flavour=self.flavour, per_week=7, account_zone=zone)
        site.takes_epoch = epoch
        site.bounds = Bounds(
            page_of_ids=9, page_with_fields=5, page_of_search=9, bulk_issues=PLAIN.whole, bulk_plain_issues=PLAIN.plain
        )
        site.advance(millis(start))
        end_planned_lives(site)
        if lags:
            site.lag_behind(int(LAG.total_seconds() * 1000))
        self.world = self._world("copy", Jira(site, Clock(start)), PLAIN)
        event.listen(self.world.current.engine, "commit", self.trap.step)
        event.listen(self.world.current.sessions, "after_commit", self.trap.step)
        self.world.fetch()

    def _world(self, name: str, jira: Jira, pages: PageSizes) -> World:
        folder = self.folder / name
        folder.mkdir()
        file = shutil.copy(self.template, folder / "flowbeat.db")
        made = open_world(folder, f"sqlite:///{file}", self.redis_url, jira=jira, before=self.trap.step)
        world = self.stack.enter_context(made)
        world.hurry()
        world.current.pages = pages
        world.profile(jql=JQL, rules=RULES)
        world.connection(concurrency=1)
        world.current.settings = replace(world.current.settings, changelog_audit=ChangelogAudit(every_days=0))
        return world

    # --- errors that a fetch meets ----------------------------------------------------------------------------------

    @rule(options=st.sampled_from([{}, {}, {}, {"full": True}, {"verify": True}]))
    def refresh(self, options: dict[str, bool]) -> None:
        """Refresh without errors; an unfinished run is finished first."""
        self._finish()
        self._refresh(**options)

    @rule(places=st.integers(1, 60), slices=st.booleans())
    def die(self, places: int, *, slices: bool) -> None:
        """Kill a process at a place of a fetch, which another may continue later."""
        run = self._live()
        with self.trap.armed(places):
            try:
                self._work(run, slices=slices)
            except KilledError:
                return
        self._ended()

    @rule(steps=st.lists(st.booleans(), min_size=1, max_size=6))
    def alternate(self, steps: list[bool]) -> None:
        """Give the run to another process while the first one still works; the first then writes nothing."""
        first = self._live()
        if not self._slice(first):
            return
        with self.world.current.sessions.begin() as session:
            runs.requeue(session, self.world.latest(first), self.world.clock())
        for mine in steps:
            if mine and not self._slice(self.world.latest(first)):
                return
            if not mine:
                with pytest.raises(StaleAttemptError):
                    work(self.world.current, first, seconds=0)

    @rule(kind=st.sampled_from(sorted(FAULTS)), after=st.integers(0, 8), times=st.integers(1, 3))
    def fault(self, kind: str, after: int, times: int) -> None:
        """Let Jira return errors for a time during a fetch."""
        run = self._live()
        self.world.jira.faults.append(FAULTS[kind](after=after, times=times))
        self._disturbed(run)

    def _disturbed(self, run: Run) -> None:
        """Work at a run while Jira returns errors: it ends, continues later, or is failed."""
        try:
            work(self.world.current, run)
            self._ended()
        except RetryableError:
            pass
        except FatalError:
            self.give_up()
        finally:
            self.world.jira.faults.clear()
            self.world.current.redis.flushall()  # any pause is over

    @rule(number=pick, kind=st.sampled_from(sorted(QUESTIONS)), times=st.sampled_from([1, 2, 5, 99]))
    def unanswered(self, number: int, kind: str, times: int) -> None:
        """Let Jira answer some requests with errors for a time, or until the fetch ends."""
        run = self._live()
        self.world.jira.faults.append(QUESTIONS[kind](self._issue(number), times))
        self._disturbed(run)

    @rule()
    def give_up(self) -> None:
        """Fail an unfinished run; the next one continues from the last complete one."""
        run = self._live()
        with self.world.current.sessions.begin() as session:
            operations.fail_fetch_of(session, run.run_id, self.world.clock(), "given up")
            runs.end(session, run.run_id, run.attempt, self.world.clock(), error="given up")
        self.run = None

    def _slice(self, run: Run) -> bool:
        """Work a slice, and return whether the run continues."""
        try:
            if work(self.world.current, run, seconds=0) == "fetch":
                return True
        except RetryableError:
            return True
        except FatalError as error:
            self._give_up_at_loss(error)
            return False
        self._ended()
        return False

    def _live(self) -> Run:
        self.run = self.world.latest(self.run) if self.run else self.world.request()
        return self.run

    def _work(self, run: Run, *, slices: bool) -> None:
        seconds = 0 if slices else 60
        for _ in range(400):
            try:
                if work(self.world.current, self.world.latest(run), seconds) == "facts":
                    return
            except FatalError as error:
                self._confirm_loss(error)
                run = self._live()
            except RetryableError:  # a late index lists gone issues: Data Center's page is empty until it is current
                self.world.clock.advance(LAG)
        raise AssertionError("the fetch does not come to an end")

    def _confirm_loss(self, error: FatalError) -> None:
        """Assert that an empty project is refused as a lost permission until ``--full``."""
        self._give_up_at_loss(error)
        self.run = self.world.request(full=True)

    def _give_up_at_loss(self, error: FatalError) -> None:
        assert "lost a permission" in str(error)
        self.give_up()

    def _refresh(self, *, full: bool = False, verify: bool = False) -> Run:
        self.run = self.world.request(full=full, verify=verify)
        self._work(self.run, slices=False)
        return self._ended()

    def _finish(self) -> None:
        if self.run is not None:
            self._work(self.run, slices=False)
            self._ended()

    def _ended(self) -> Run:
        assert self.run is not None
        ended, self.run = self.world.latest(self.run), None
        self.world.end(ended)
        return ended

    # --- comparison -------------------------------------------------------------------------------------------------

    @rule()
    def compare(self) -> None:
        """Assert that after a refresh without errors the copy equals that of a full fetch into an empty database."""
        self._finish()
        self.world.clock.advance(LAG + timedelta(seconds=1))
        self._happens()
        self._refresh()
        fresh = self._world(f"fresh{self.site.next_number()}", self.world.jira, WHOLE)
        fresh.fetch()
        copied, expected = self.world.copy(), fresh.copy()
        for part in ("issues", "hashes", "statuses", "versions"):
            assert copied[part] == expected[part]
        assert self._refresh(verify=True).cursor["differ"] == 0

    def teardown(self) -> None:
        """End with a comparison."""
        try:
            if hasattr(self, "world"):
                self.compare()
        finally:
            self.stack.close()


@pytest.mark.timeout(3 * 3600)
@pytest.mark.parametrize("flavour", ["cloud", "datacenter"])
def test_the_copy_always_equals_that_of_a_full_fetch(flavour: Flavour, redis_url: str, migrated_file: Path) -> None:
    """The histories of a changing Jira are random, with errors, crashes and clock changes."""
    kind = type("LivingCopy", (LivingCopy,), {"flavour": flavour, "redis_url": redis_url, "template": migrated_file})
    soaks = settings.get_current_profile_name() == "soak"
    run_state_machine_as_test(kind, settings=settings.get_profile("soak") if soaks else QUICK)
