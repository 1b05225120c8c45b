"""A login that is lost is never an empty Jira: what a fetch asks, believes and refuses, on both kinds of Jira."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fetch_world import BASE_URL, NAME, NOW, World, open_world

from models.records import CacheMetadata
from models.store import operations
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
    """A Jira behind a proxy that may drop the login on the way there, and the headers that tell on the way back."""

    drops = False

    def handle(self, request: Request) -> Response:
        """Answer what comes through."""
        if not self.drops:
            return super().handle(request)
        kept = {name: value for name, value in request.headers.items() if name.lower() != "authorization"}
        answer = super().handle(replace(request, headers=kept))
        told = {name: value for name, value in answer.headers.items() if name != "X-AUSERNAME"}
        return replace(answer, headers=told)


@pytest.fixture
def world(flavour: Flavour, tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a site that publishes all its projects except one, read with a login; nothing is stored yet."""
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
    """Assert that the fetch is refused in these words and that the copy is unchanged."""
    before = world.copy()
    run = world.request("refresh", **options)
    with pytest.raises(kind, match=words):
        work(world.current, run)
    world.end(run)
    assert world.copy() == before


def _cache(world: World) -> CacheMetadata | None:
    with world.current.reads() as session:
        return operations.find_cache(session, NAME)


# --- a login that is lost -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"full": True}, {"verify": True}])
def test_an_expired_token_is_refused_where_jira_serves_it_as_the_anonymous(
    world: World, options: dict[str, bool]
) -> None:
    """200 with the public issues alone: a header of the first answer tells. Cloud Basic, Data Center Bearer."""
    if world.jira.site.flavour == "datacenter":
        world.connection(email=None)
    world.fetch()
    assert {key.partition("-")[0] for key in world.issue_keys()} == {"PAY", "OPS"}
    _token(world, "expired")
    told = "AUTHENTICATED_FAILED" if world.jira.site.flavour == "cloud" else "X-AUSERNAME: anonymous"
    _refusal(world, LoginError, f"refused the login .*{told}.*check email and token of connection 'sandbox'", **options)
    assert world.endpoints == ["serverInfo"]


@pytest.mark.parametrize("options", [{}, {"full": True}])
def test_a_login_that_is_dropped_without_a_word_is_missed_before_anything_is_marked(
    world: World, options: dict[str, bool]
) -> None:
    """No header tells; some issues are missing, and Jira is asked who we are."""
    world.fetch()
    _proxied(world)
    _refusal(world, LoginError, r"/myself refused the login \(401", **options)
    assert world.endpoints.count("myself") == 1
    _proxied(world, drops=False)
    assert world.fetch().issues_gone == 0


def test_a_verification_without_its_login_finds_no_difference(world: World) -> None:
    """On Cloud the histories are refused first, on Data Center it is missed as by any refresh."""
    world.fetch()
    _proxied(world)
    _refusal(world, LoginError, r"refused the login \(401", verify=True)


def test_a_first_fetch_without_its_login_stores_nothing(world: World) -> None:
    """It would look like a small Jira."""
    _proxied(world)
    _refusal(world, LoginError, r"/myself refused the login \(401")
    assert (world.issue_keys(), _cache(world)) == (set(), None)


def test_a_copy_of_another_jql_is_begun_with_a_login(world: World) -> None:
    """Nothing goes, and what comes is less than it should be."""
    world.profile(jql="project = PAY")
    world.fetch()
    _proxied(world)
    world.profile(jql=ALL)
    _refusal(world, LoginError, r"/myself refused the login \(401")


def test_a_project_that_is_not_there_may_mean_that_the_login_is_not(world: World) -> None:
    """Jira refuses the JQL, and the JQL is right: the login is what a person must mend."""
    world.profile(jql="project in (PAY, OPS)")
    world.fetch()
    _proxied(world)
    _refusal(world, LoginError, r"/myself refused the login \(401")
    _proxied(world, drops=False)
    world.profile(jql="project in (PAY, NOPE)")
    world.current.settings = replace(world.current.settings, profiles=dict(world.current.settings.profiles))
    _refusal(world, FatalError, "'NOPE' does not exist for the field 'project'; correct profiles.payments.jql")


@pytest.mark.parametrize("status", [401, 403])
def test_who_we_are_may_not_be_refused(world: World, status: int) -> None:
    """Both mean that Jira knows no one."""
    world.jira.faults.append(failing(status, endpoint="myself"))
    _refusal(world, LoginError, rf"/myself refused the login \({status}\)")


def test_jira_is_asked_once_who_we_are_and_only_where_it_matters(world: World) -> None:
    """At the first fetch, before issues are marked gone, and at no other refresh."""
    world.fetch()
    assert world.endpoints.count("myself") == 1
    world.fetch()
    assert "myself" not in world.endpoints
    world.happen(world.shown()[0], ("shown", False))
    assert world.fetch().issues_gone == 1
    assert world.endpoints.count("myself") == 1


def test_a_site_without_that_question_is_read_all_the_same(world: World) -> None:
    """A proxy may let only some endpoints through; whole projects are not believed to be gone there either."""
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
    ],
    ids=["captcha", "redirect", "page"],
)
def test_what_stands_in_the_way_is_named_at_once(world: World, fault: Fault, words: str) -> None:
    """In the middle of a fetch too: asked once, because asking again changes nothing and may lock the account."""
    world.fetch()
    for endpoint in ("serverInfo", "search"):
        struck = replace(fault, endpoint=endpoint, hits=0)
        world.jira.faults[:] = [struck]
        _refusal(world, FatalError, words)
        assert struck.hits == 1
        assert endpoint in world.jira.log[-1].endpoint


# --- a permission that is lost --------------------------------------------------------------------------------------


@pytest.mark.parametrize("projects", [["OPS"], ["PAY", "OPS"]])
def test_a_project_that_is_gone_as_a_whole_is_refused_until_full(world: World, projects: list[str]) -> None:
    """However few its issues are; the message names it and what to run."""
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


def test_the_only_issue_of_a_profile_is_believed_to_be_gone_with_full(world: World) -> None:
    """Nobody can tell its deletion from a permission that was lost; a person can."""
    issue = world.shown()[3]
    world.profile(jql=f"id = {issue.id}")
    world.fetch()
    world.profile(jql=f"id >= {issue.id} AND id <= {issue.id}")  # finds nothing, where an id alone would be refused
    world.fetch()
    world.happen(issue, ("shown", False))
    _refusal(world, FatalError, "the only stored issue is no longer visible; .*flowbeat refresh payments --full")
    assert world.fetch(full=True).issues_gone == 1
    assert world.issue_keys() == set()


def test_a_whole_project_may_leave_the_jql_in_plain_sight(world: World) -> None:
    """Jira shows its issues by their ids: no permission was lost, and the others stay."""
    issues = [one for one in world.shown() if one.key.startswith("OPS")]
    world.profile(jql='summary !~ "left"')
    world.fetch()
    for issue in issues:
        world.happen(issue, ("summary", "left"))
    assert world.fetch().issues_gone == len(issues)


def test_a_copy_of_which_an_unchanged_jql_leaves_nothing_is_refused_until_full(world: World) -> None:
    """A label was renamed, a filter changed: zeros everywhere would be taken for news of the team."""
    world.profile(jql='summary !~ "left"')
    world.fetch()
    for issue in world.shown():
        world.happen(issue, ("summary", "left"))
    _refusal(world, FatalError, r"the JQL no longer finds \d+ of \d+ stored issues, so that none would be left")
    assert world.fetch(full=True).issues_gone > 0


def test_a_changed_jql_may_leave_all_that_is_stored(world: World) -> None:
    """The person who changed it knows."""
    world.profile(jql="project = OPS")
    world.fetch()
    world.profile(jql="project = PAY")
    assert world.fetch().issues_gone > 0
    assert {key.partition("-")[0] for key in world.issue_keys()} == {"PAY"}


# --- sites that tell little, gateways, languages --------------------------------------------------------------------


def test_a_data_center_that_tells_the_anonymous_no_time_is_read_by_the_date_of_its_answers(
    tmp_path: Path, database_url: str, redis_url: str
) -> None:
    """A refresh builds on it too: what is edited between the two is found."""
    with _opened("datacenter", tmp_path, database_url, redis_url) as world:
        world.connection(email=None, token_file=None)
        world.fetch()
        cache = _cache(world)
        assert cache is not None
        assert cache.data_as_of == NOW
        issue = next(one for one in world.shown() if one.key.startswith("PAY"))
        world.happen(issue, ("summary", "Edited"))
        assert world.fetch().issues_changed == 1
        assert "myself" not in world.endpoints


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_closed_server_info_is_done_without_where_the_flavour_is_configured(world: World, status: int) -> None:
    """The time is that of another answer; without the flavour the message says what to set."""
    world.jira.faults.append(Fault("serverInfo", 99, instead=refusal(status)))
    hint = "if only this is closed, set flavour" if status != 404 else "check base_url"  # a wrong address, most likely
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
    """Basic and Bearer; refreshed as any other. Links lead to the site, because the gateway serves no pages."""
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
    """In the gateway's words, with the scopes a token needs."""
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
    """Types, priorities, resolutions and statuses keep the names that flowbeat.toml has."""
    world.fetch()
    before = world.copy()
    site = world.jira.site
    site.accounts[0] = replace(site.accounts[0], locale="de_DE")
    assert world.fetch(full=True).issues_changed == 0
    assert world.copy() == before
