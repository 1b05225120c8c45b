"""Logins at the stand-in Jira: what it serves to which login, and what its headers say about that."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from site_copies import made_up

from sandbox.adapter import SandboxAdapter
from sandbox.api import Jira
from sandbox.language import GERMAN
from sandbox.shapes import Flavour
from sandbox.site import Clock
from sandbox.team import EMAIL, TOKEN

START = datetime(2025, 1, 6, tzinfo=UTC)
SITE = "https://acme.example"
GATEWAY = "/ex/jira/0f0f0f0f-1111-2222-3333-444455556666"


def basic(user: str, secret: str) -> str:
    """Return an `Authorization` header of Basic."""
    return "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()


def jira(flavour: Flavour = "cloud", **more: Any) -> Jira:
    """Return a site of fifty issues in two projects."""
    return Jira(made_up(1, 50, START, flavour=flavour), Clock(START + timedelta(weeks=6)), **more)


def ask(site: Jira, path: str, authorization: str | None = None, **headers: str) -> requests.Response:
    """Return the answer to a GET, or to a POST for the endpoints that need one."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    given |= {"Authorization": authorization} if authorization else {}
    bodies = {"search": {"jql": "id > 0", "maxResults": 100}, "bulkfetch": {"issueIdsOrKeys": ["10001"]}}
    body = next((body for part, body in bodies.items() if part in path), None)
    with requests.Session() as session:
        session.mount(SITE, SandboxAdapter(site))
        session.trust_env = False
        return session.request("POST" if body else "GET", f"{SITE}{path}", json=body, headers=given)


@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        (None, None),
        (basic(EMAIL, "wrong"), "AUTHENTICATED_FAILED"),
        (basic("nobody@acme.example", TOKEN), "AUTHENTICATED_FAILED"),
        (basic("", TOKEN), None),
        ("Basic !", None),
        ("Basic /w==", None),
        ("Digest x", None),
    ],
)
def test_cloud_serves_a_login_it_does_not_accept_as_the_anonymous(
    authorization: str | None, reason: str | None
) -> None:
    """200 with published issues, none on a private site. A header names the reason, and only some endpoints refuse."""
    for site, number in ((jira(anonymous=True), 50), (jira(), 0)):
        answered = ask(site, "/rest/api/3/search/jql", authorization)
        assert (answered.status_code, len(answered.json()["issues"])) == (200, number)
        assert answered.headers.get("X-Seraph-LoginReason") == reason
        for closed in ("/rest/api/3/myself", "/rest/api/3/changelog/bulkfetch"):
            answer = ask(site, closed, authorization)
            assert (answer.status_code, answer.text) == (
                401,
                "Client must be authenticated to access this resource.",
            )
            assert answer.headers["Content-Type"].startswith("text/html")
        assert ask(site, "/rest/api/2/serverInfo", authorization).json()["serverTime"]


def test_some_projects_of_a_published_site_may_be_private() -> None:
    """Anonymous callers find none of their issues, by JQL or by id; a login finds them."""
    site = jira(anonymous=True)
    site.site.private_projects.add("PAY")
    listed = ask(site, "/rest/api/3/search/jql").json()["issues"]
    assert {issue["id"] for issue in listed} == {
        str(issue.id) for issue in site.site.indexed if issue.fields["project"]["key"] == "OPS"
    }
    assert ask(site, "/rest/api/3/issue/10001").status_code == 404
    assert ask(site, "/rest/api/3/issue/10001/changelog").status_code == 404
    assert ask(site, "/rest/api/3/issue/10001", basic(EMAIL, TOKEN)).status_code == 200


def test_a_bearer_token_that_cloud_cannot_read_is_refused_everywhere() -> None:
    """Even where anonymous callers may read, because it is read as a session token of an app."""
    for path in ("/rest/api/2/serverInfo", "/rest/api/3/search/jql", "/rest/api/3/myself"):
        answer = ask(jira(anonymous=True), path, "Bearer wrong")
        assert (answer.status_code, answer.json()) == (403, {"error": "Failed to parse Connect Session Auth Token"})


def test_a_login_that_is_accepted_is_named_in_the_headers() -> None:
    """By its account id on Cloud, by its name on Data Center."""
    assert ask(jira(), "/rest/api/3/field", basic(EMAIL.upper(), TOKEN)).headers["X-AACCOUNTID"] == "557058:00000099"
    for authorization in (basic(EMAIL, TOKEN), basic("metrics.reader", TOKEN), f"Bearer {TOKEN}"):
        headers = ask(jira("datacenter"), "/rest/api/2/field", authorization).headers
        assert (headers["X-AUSERNAME"], headers["X-Seraph-LoginReason"]) == ("metrics.reader", "OK")


def test_data_center_refuses_a_wrong_password_and_serves_an_expired_token_as_the_anonymous() -> None:
    """The first answer is an HTML page. The second has a header with the name."""
    site = jira("datacenter", anonymous=True)
    refused = ask(site, "/rest/api/2/serverInfo", basic("metrics.reader", "wrong"))
    assert (refused.status_code, refused.headers["X-Seraph-LoginReason"]) == (401, "AUTHENTICATED_FAILED")
    assert "<title>Unauthorized (401)</title>" in refused.text
    served = ask(site, "/rest/api/2/search", "Bearer expired")
    assert (served.status_code, served.headers["X-AUSERNAME"]) == (200, "anonymous")
    assert len(served.json()["issues"]) == 50
    assert ask(site, "/rest/api/2/myself", "Bearer expired").status_code == 401


def test_data_center_tells_the_anonymous_no_time() -> None:
    """Its serverInfo has fewer fields for them. Every answer has the `Date` header."""
    site = jira("datacenter", anonymous=True)
    of_login, of_anonymous = (ask(site, "/rest/api/2/serverInfo", login) for login in (f"Bearer {TOKEN}", None))
    assert set(of_login.json()) - set(of_anonymous.json()) == {"serverTime", "serverTimeZone"}
    assert of_anonymous.headers["Date"] == "Mon, 17 Feb 2025 00:00:00 GMT"


@pytest.mark.parametrize("authorization", [basic(EMAIL, TOKEN), f"Bearer {TOKEN}"])
def test_a_scoped_token_is_taken_by_the_gateway_alone_and_for_its_scopes(authorization: str) -> None:
    """The site itself refuses it. The gateway says which scope is missing and serves no anonymous caller."""
    site = jira(context=GATEWAY, anonymous=True)
    site.site.accounts[0] = replace(site.site.accounts[0], scopes=frozenset({"read:jira-work"}))
    assert ask(site, f"{GATEWAY}/rest/api/3/field", authorization).status_code == 200
    for login, message in ((authorization, "Unauthorized; scope does not match"), (None, "Unauthorized")):
        answer = ask(site, f"{GATEWAY}/rest/api/3/myself", login)
        assert (answer.status_code, answer.json()) == (401, {"code": 401, "message": message})
    at_home = Jira(site.site, site.clock)
    assert ask(at_home, "/rest/api/3/myself", authorization).status_code in (401, 403)


@pytest.mark.parametrize("flavour", ["cloud", "datacenter"])
def test_names_of_jiras_own_lists_are_in_the_accounts_language_unless_english_is_insisted_on(flavour: Flavour) -> None:
    """Each has the original name too. Histories, fields and projects keep their names."""
    site = jira(flavour)
    site.site.accounts[0] = replace(site.site.accounts[0], locale="de_DE")
    api, login = f"/rest/api/{3 if flavour == 'cloud' else 2}", basic(EMAIL, TOKEN)
    english = {"Accept_Language": "en", "X_Force_Accept_Language": "true"}
    for path in ("issue/10001?expand=changelog", "status", "issuetype", "priority", "resolution", "field"):
        plain = ask(site, f"{api}/{path}", login, **english).json()
        for half in ({}, {"Accept_Language": "en"}, {"X_Force_Accept_Language": "true"}):
            assert _untranslated(ask(site, f"{api}/{path}", login, **half).json()) == plain
    kinds = ask(site, f"{api}/issuetype", login).json()
    assert {kind["name"] for kind in kinds} >= {"Fehler", "Anforderung"}
    assert ask(site, f"{api}/myself", login).json()["locale"] == "de_DE"


def _untranslated(node: Any) -> Any:
    """Return the node with its original names."""
    if isinstance(node, list):
        return [_untranslated(member) for member in node]
    if not isinstance(node, dict):
        return node
    original_names = {key: _untranslated(value) for key, value in node.items()}
    original = original_names.pop("untranslatedName", None)
    assert original is None or original_names["name"] == GERMAN[original]
    return original_names if original is None else {**original_names, "name": original}
