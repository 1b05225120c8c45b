"""A fetch without a valid login is refused and never taken for an empty Jira, on both flavours."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fetch_world import BASE_URL, NAME, NOW, World, open_world

from models.records import CacheMetadata
from models.store import caches
from sandbox.api import Jira
from sandbox.faults import Fault, captcha, failing, login_page, redirect
from sandbox.shapes import Flavour
from sandbox.site import Clock
from sandbox.team import generate
from sandbox.wire import Request, Response, refusal
from tasks.fetch.task import work
from worker.errors import FatalError
from worker.jira.faults import LoginError

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
GATEWAY = "/ex/jira/0f0f0f0f-1111-2222-3333-444455556666"
ALL = "issuetype is not EMPTY"


class Proxied(Jira):
    """A Jira behind a proxy that may drop the login of a request, and drops the answer's header with the account."""

    drops = False

    def handle(self, request: Request) -> Response:
        """Answer a request as the proxy forwards it."""
        if not self.drops:
            return super().handle(request)
        kept = {name: value for name, value in request.headers.items() if name.lower() != "authorization"}
        answer = super().handle(replace(request, headers=kept))
        headers_left = {name: value for name, value in answer.headers.items() if name != "X-AUSERNAME"}
        return replace(answer, headers=headers_left)


@pytest.fixture
def world(flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a site with one private project that is read with a login; nothing is stored yet."""
    with _opened(flavour, tmp_path, database_url, redis_url) as opened:
        yield opened


@contextmanager
def _opened(flavour: Flavour, folder: Path, database_url: str, redis_url: str, *, context: str = "") -> Iterator[World]:
    site = generate(7, 24, NOW - timedelta(weeks=12), flavour=flavour, per_week=1)
    site.private_projects.add("OPS")
    jira = Proxied(site, Clock(NOW), anonymous=True, context=context)
    with open_world(folder, database_url, redis_url, flavour=flavour, jira=jira) as opened:
        opened.profile(jql=ALL)
        yield opened


def _proxied(world: World, *, drops: bool = True) -> None:
    assert isinstance(world.jira, Proxied)
    world.jira.drops = drops


def _token(world: World, token: str) -> None:
    (world.current.settings.state_dir.parent / "token").write_text(token)


def _refusal(world: World, kind: type[FatalError], words: str, **options: bool) -> None:
    """Assert that the fetch is refused with a message and that the copy is unchanged."""
    before = world.copy()
    run = world.request("refresh", **options)
    with pytest.raises(kind, match=words):
        work(world.current, run)
    world.end(run)
    assert world.copy() == before


def _cache(world: World) -> CacheMetadata | None:
    with world.current.reads() as session:
        return caches.find(session, NAME)


# --- lost logins ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"full": True}, {"verify": True}])
def test_an_expired_token_is_refused_if_jira_answers_it_as_anonymous(world: World, options: dict[str, bool]) -> None:
    """Jira answers 200 with only the public issues: a header of the first answer shows it, for Basic and Bearer."""
    if world.jira.site.flavour == "datacenter":
        world.connection(email=None)
    world.fetch()
    assert {key.partition("-")[0] for key in world.issue_keys()} == {"PAY", "OPS"}
    _token(world, "expired")
    sign = "AUTHENTICATED_FAILED" if world.jira.site.flavour == "cloud" else "X-AUSERNAME: anonymous"
    _refusal(world, LoginError, f"refused the login .*{sign}.*check email and token of connection 'sandbox'", **options)
    assert world.endpoints == ["serverInfo"]


@pytest.mark.parametrize("options", [{}, {"full": True}])
def test_a_login_dropped_without_a_sign_is_detected_before_issues_are_marked(
    world: World, options: dict[str, bool]
) -> None:
    """No header shows it; some issues are missing, so the fetch requests `myself`."""
    world.fetch()
    _proxied(world)
    _refusal(world, LoginError, r"/myself refused the login \(401", **options)
    assert world.endpoints.count("myself") == 1
    _proxied(world, drops=False)
    assert world.fetch().issues_gone == 0


def test_a_verification_without_its_login_finds_no_difference(world: World) -> None:
    """On Cloud the histories are refused first; on Data Center it is detected as in any refresh."""
    world.fetch()
    _proxied(world)
    _refusal(world, LoginError, r"refused the login \(401", verify=True)


def test_a_first_fetch_without_its_login_stores_nothing(world: World) -> None:
    """Its copy would look like that of a small Jira."""
    _proxied(world)
    _refusal(world, LoginError, r"/myself refused the login \(401")
    assert (world.issue_keys(), _cache(world)) == (set(), None)


def test_a_fetch_for_another_jql_checks_the_login(world: World) -> None:
    """No issue is gone, but the new JQL would find fewer issues than it should."""
    world.profile(jql="project = PAY")
    world.fetch()
    _proxied(world)
    world.profile(jql=ALL)
    _refusal(world, LoginError, r"/myself refused the login \(401")


def test_an_unknown_project_may_mean_a_lost_login(world: World) -> None:
    """Jira refuses a correct JQL, and the error names the login."""
    world.profile(jql="project in (PAY, OPS)")
    world.fetch()
    _proxied(world)
    _refusal(world, LoginError, r"/myself refused the login \(401")
    _proxied(world, drops=False)
    world.profile(jql="project in (PAY, NOPE)")
    world.current.settings = replace(world.current.settings, profiles=dict(world.current.settings.profiles))
    _refusal(world, FatalError, "'NOPE' does not exist for the field 'project'; correct profiles.payments.jql")


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_myself_fails_the_fetch(world: World, status: int) -> None:
    """Both codes mean that Jira recognizes no account."""
    world.jira.faults.append(failing(status, endpoint="myself"))
    _refusal(world, LoginError, rf"/myself refused the login \({status}\)")


def test_myself_is_requested_once_and_only_if_needed(world: World) -> None:
    """It is requested in the first fetch, and before issues are marked gone; other refreshes do not need it."""
    world.fetch()
    assert world.endpoints.count("myself") == 1
    world.fetch()
    assert "myself" not in world.endpoints
    world.happen(world.shown()[0], ("shown", False))
    assert world.fetch().issues_gone == 1
    assert world.endpoints.count("myself") == 1


def test_a_site_without_myself_is_read(world: World) -> None:
    """A proxy may forward only some endpoints; whole projects are not marked as gone there either."""
    world.jira.faults.append(Fault("myself", 99, instead=refusal(404, "null for uri: /myself")))
    world.fetch()
    world.happen(world.shown()[0], ("shown", False))
    assert world.fetch().issues_gone == 1
    world.jira.site.closed_projects.add("OPS")
    world.jira.site.renew()
    _refusal(world, FatalError, "of project OPS are no longer visible")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (captcha(), r"\(403: .*AUTHENTICATION_DENIED; CAPTCHA_CHALLENGE; login-url=.*log in once with a browser"),
        (redirect("https://sso.acme.example/saml?RelayState=x"), "with a redirect to sso.acme.example; check base_url"),
        (login_page("Anmelden - Acme"), "a login or error page with the title 'Anmelden - Acme', not with JSON"),
        (failing(407), r"a proxy on the way to \S+ wants a login \(407\).*; check HTTPS_PROXY"),
    ],
    ids=["captcha", "redirect", "page", "proxy"],
)
def test_an_obstacle_is_named_at_once(world: World, fault: Fault, words: str) -> None:
    """The request is sent once, even during a fetch: a repeated login changes nothing and may lock the account."""
    world.fetch()
    for endpoint in ("serverInfo", "search"):
        struck = replace(fault, endpoint=endpoint, hits=0)
        world.jira.faults[:] = [struck]
        _refusal(world, FatalError, words)
        assert struck.hits == 1
        assert endpoint in world.jira.log[-1].endpoint


# --- lost permissions -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("projects", [["OPS"], ["PAY", "OPS"]])
def test_a_project_that_is_gone_as_a_whole_is_refused_until_full(world: World, projects: list[str]) -> None:
    """The number of its issues does not matter; the message names the project and the command to run."""
    world.fetch()
    world.jira.site.closed_projects.update(projects)
    world.jira.site.renew()
    of = "issues of project OPS" if len(projects) == 1 else "issues"
    words = rf"all \d+ stored {of} are no longer visible; .*Nothing was marked gone.*flowbeat refresh payments --full$"
    _refusal(world, FatalError, words)
    _refusal(world, FatalError, words, verify=True)
    assert world.fetch(full=True).issues_gone > 0
    assert {key.partition("-")[0] for key in world.issue_keys()} == {"PAY", "OPS"} - set(projects)
    assert world.fetch().issues_gone == 0


def test_the_only_issue_of_a_profile_is_marked_gone_with_full(world: World) -> None:
    """Flowbeat cannot distinguish its deletion from a lost permission; the operator can."""
    issue = world.shown()[3]
    world.profile(jql=f"id = {issue.id}")
    world.fetch()
    world.profile(jql=f"id >= {issue.id} AND id <= {issue.id}")  # finds nothing; a single id would be refused
    world.fetch()
    world.happen(issue, ("shown", False))
    _refusal(world, FatalError, "the only stored issue is no longer visible; .*flowbeat refresh payments --full")
    assert world.fetch(full=True).issues_gone == 1
    assert world.issue_keys() == set()


def test_a_whole_project_may_leave_the_jql_if_it_is_visible(world: World) -> None:
    """Jira returns its issues by their ids, so no permission was lost; the other issues are kept."""
    issues = [candidate for candidate in world.shown() if candidate.key.startswith("OPS")]
    world.profile(jql='summary !~ "left"')
    world.fetch()
    for issue in issues:
        world.happen(issue, ("summary", "left"))
    assert world.fetch().issues_gone == len(issues)


def test_an_unchanged_jql_that_finds_nothing_is_refused_until_full(world: World) -> None:
    """A renamed label or a changed filter would make every number 0, as if the team had stopped work."""
    world.profile(jql='summary !~ "left"')
    world.fetch()
    for issue in world.shown():
        world.happen(issue, ("summary", "left"))
    _refusal(world, FatalError, r"the JQL no longer finds \d+ of \d+ stored issues, so that none would be left")
    assert world.fetch(full=True).issues_gone > 0


def test_a_changed_jql_may_leave_out_all_stored_issues(world: World) -> None:
    """A change of the JQL is intended."""
    world.profile(jql="project = OPS")
    world.fetch()
    world.profile(jql="project = PAY")
    assert world.fetch().issues_gone > 0
    assert {key.partition("-")[0] for key in world.issue_keys()} == {"PAY"}


# --- restricted sites, gateways, languages --------------------------------------------------------------------------


def test_a_data_center_without_a_server_time_is_read_by_the_date_of_its_answers(
    tmp_path: Path, database_url: str, redis_url: str
) -> None:
    """An anonymous reader gets no server time; a refresh still finds what was edited since the fetch.

    The clock of this machine is three days ahead.
    """
    with _opened("datacenter", tmp_path, database_url, redis_url) as world:
        world.connection(email=None, token_file=None)
        world.current.now = lambda: world.clock() + timedelta(days=3)
        world.fetch()
        cache = _cache(world)
        assert cache is not None
        assert cache.data_as_of == NOW
        issue = next(candidate for candidate in world.shown() if candidate.key.startswith("PAY"))
        world.happen(issue, ("summary", "Edited"))
        assert world.fetch().issues_changed == 1
        assert "myself" not in world.endpoints


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_closed_server_info_is_not_needed_if_the_flavour_is_configured(world: World, status: int) -> None:
    """The time comes from another answer; without a configured flavour the message says what to set."""
    world.jira.faults.append(Fault("serverInfo", 99, instead=refusal(status)))
    hint = "if only this is closed, set flavour" if status != 404 else "check base_url"  # probably a wrong address
    _refusal(world, FatalError, f"{status}.*{hint} of connection 'sandbox'$")
    world.connection(flavour=world.jira.site.flavour)
    world.fetch()
    cache = _cache(world)
    assert cache is not None
    assert cache.data_as_of == NOW
    assert len(world.issue_keys()) == len(world.shown())


@pytest.mark.parametrize("email", ["metrics@acme.example", None])
def test_a_scoped_token_reads_through_the_gateway(
    tmp_path: Path, database_url: str, redis_url: str, email: str | None
) -> None:
    """Basic and Bearer logins work; links have the site's address, because the gateway serves no pages."""
    with _opened("cloud", tmp_path, database_url, redis_url, context=GATEWAY) as world:
        site = world.jira.site
        scopes = frozenset({"read:jira-work", "read:jira-user"})
        site.accounts[0] = replace(site.accounts[0], scopes=scopes)
        world.connection(base_url=f"{BASE_URL}{GATEWAY}", email=email)
        world.fetch()
        assert len(world.issue_keys()) == len(world.shown())
        world.happen(world.shown()[0], ("summary", "Edited"))
        assert world.fetch().issues_changed == 1
        cache = _cache(world)
        assert cache is not None
        assert (cache.cursor.identity.base_url, cache.cursor.identity.address) == (
            f"{BASE_URL}{GATEWAY}",
            site.base_url,
        )


@pytest.mark.parametrize("missing", ["read:jira-work", "read:jira-user"])
def test_a_scope_that_is_missing_is_named(tmp_path: Path, database_url: str, redis_url: str, missing: str) -> None:
    """The error has the gateway's words and the scopes that a token needs."""
    with _opened("cloud", tmp_path, database_url, redis_url, context=GATEWAY) as world:
        site = world.jira.site
        scopes = frozenset({"read:jira-work", "read:jira-user"} - {missing})
        site.accounts[0] = replace(site.accounts[0], scopes=scopes)
        world.connection(base_url=f"{BASE_URL}{GATEWAY}")
        words = (
            "scope does not match.*give the token of connection 'sandbox' the scopes read:jira-work and read:jira-user"
        )
        _refusal(world, LoginError, words)


def test_the_language_of_the_account_changes_nothing(world: World) -> None:
    """Types, priorities, resolutions and statuses have the names of flowbeat.toml."""
    world.fetch()
    before = world.copy()
    site = world.jira.site
    site.accounts[0] = replace(site.accounts[0], locale="de_DE")
    assert world.fetch(full=True).issues_changed == 0
    assert world.copy() == before
