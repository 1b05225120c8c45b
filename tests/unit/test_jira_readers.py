"""The readers of both kinds of Jira: who it is, its lists, and what is still there."""

from datetime import timedelta

import pytest
from read_sites import JQL, NOW, WANTED, answering, client_of, ids, jira_of, listed, reader_of, shown, touch

from sandbox.api import Jira
from sandbox.faults import half_json
from sandbox.shapes import Flavour, Json, millis
from sandbox.site import Bounds
from worker.errors import FatalError, RetryableError, UnansweredError
from worker.jira.cloud import Cloud
from worker.jira.datacenter import DataCenter
from worker.jira.faults import MissingError, RefusedError
from worker.jira.reader import Listing
from worker.jira.site import identify

# --- who is it ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("context", ["", "/jira"])
def test_a_site_says_its_flavour_and_its_clock(flavour: Flavour, context: str) -> None:
    """With one request, with or without a context path."""
    jira = jira_of(flavour, 5, context=context)
    site = identify(client_of(jira))
    assert (site.flavour, site.now) == (flavour, NOW)
    assert len(jira.log) == 1
    kinds = {"cloud": Cloud, "datacenter": DataCenter}
    assert isinstance(reader_of(jira), kinds[flavour])


def test_the_configured_flavour_wins(jira: Jira) -> None:
    """A proxy may hide the flavour of a site."""
    assert identify(client_of(jira, flavour="datacenter")).flavour == "datacenter"


def test_what_is_not_there_may_be_the_fault_of_a_flavour_that_was_set() -> None:
    """A flavour that the site reported itself is not doubted."""
    jira = jira_of("datacenter", 5)
    with pytest.raises(MissingError, match="check base_url and flavour of connection 'acme'"):
        client_of(jira, flavour="cloud").get("/rest/api/3/nowhere")
    with pytest.raises(MissingError, match="check base_url of connection 'acme'"):
        client_of(jira).get("/rest/api/3/nowhere")


def test_a_server_that_tells_no_type_is_read_as_data_center() -> None:
    """Older servers send no type. A page without Jira's fields is refused."""
    jira = jira_of("cloud", 5)
    jira.faults.append(answering("serverInfo", {"serverTime": "2026-03-02T10:30:00.000+0100"}))
    assert identify(client_of(jira)).flavour == "datacenter"
    jira.faults.append(answering("serverInfo", {"status": "ok"}, times=9))
    with pytest.raises(RetryableError, match="does not say which Jira it is"):
        identify(client_of(jira))


# --- lists ----------------------------------------------------------------------------------------------------------


def test_a_census_lists_every_id_once(jira: Jira) -> None:
    """Whatever the ORDER BY of the user's JQL."""
    assert sorted(ids(listed(reader_of(jira)))) == sorted(str(issue.id) for issue in shown(jira))


def test_a_census_over_many_pages_lists_every_id(flavour: Flavour) -> None:
    """By tokens on Cloud. On Data Center by offsets, which grow by the members that came."""
    jira = jira_of(flavour)
    jira.site.bounds = Bounds(page_of_ids=40, page_of_search=40)
    pages = listed(reader_of(jira))
    assert len(pages) >= 4
    assert sorted(ids(pages)) == sorted(str(issue.id) for issue in shown(jira))


def test_an_empty_scope_is_an_empty_page(jira: Jira) -> None:
    """Without a fault or a second page."""
    assert listed(reader_of(jira), "project = PAY AND created < 2001-01-01") == [Listing({}, None)]


def test_a_census_of_data_center_tells_updated() -> None:
    """So a second list is not needed."""
    jira = jira_of("datacenter")
    (page,) = listed(reader_of(jira))
    assert {key: millis(value) for key, value in page.updates.items() if value} == {
        str(issue.id): issue.updated for issue in shown(jira)
    }


def test_a_census_of_data_center_begins_anew_below_the_wall() -> None:
    """No startAt reaches the limit. Some issues are listed twice, and none is lost."""
    jira = jira_of("datacenter")
    jira.site.bounds = Bounds(page_of_search=10, wall=40)
    pages = listed(DataCenter(client_of(jira), WANTED, page=10, wall=40))
    assert set(ids(pages)) == {str(issue.id) for issue in shown(jira)}
    starts = [seen.asked["startAt"] for seen in jira.log]
    assert max(starts) + 10 <= 40
    assert starts.count(0) >= 4


def test_more_issues_of_one_instant_than_the_wall_allows_are_a_clear_error() -> None:
    """An import may create thousands in one millisecond. No list of Jira holds them."""
    jira = jira_of("datacenter")
    for issue in shown(jira):
        issue.fields["created"] = "2026-01-01T00:00:00.000+0000"
    jira.site.forget()
    jira.site.bounds = Bounds(page_of_search=10, wall=40)
    with pytest.raises(FatalError, match="narrow the JQL"):
        listed(DataCenter(client_of(jira), WANTED, page=10, wall=40))


def test_an_edit_while_a_census_is_read_loses_no_issue(flavour: Flavour) -> None:
    """The list is ordered by a value that never changes."""
    jira = jira_of(flavour)
    jira.site.bounds = Bounds(page_of_ids=40, page_of_search=40)
    source = reader_of(jira)
    first = source.census(JQL, None)
    for issue in shown(jira)[:20]:
        touch(jira, issue)
    pages = [first]
    while pages[-1].after is not None:
        pages.append(source.census(JQL, pages[-1].after))
    assert set(ids(pages)) == {str(issue.id) for issue in shown(jira)}


def test_what_changed_since_an_instant_is_listed_oldest_first() -> None:
    """In epoch milliseconds, so that the time zone does not matter."""
    jira = jira_of("cloud")
    since = NOW - timedelta(days=9)
    page = reader_of(jira).changed("project = PAY OR project = OPS", since, None)
    expected = sorted((issue.updated, str(issue.id)) for issue in shown(jira) if issue.updated >= millis(since))
    assert len(expected) > 10
    assert [(millis(value), key) for key, value in page.updates.items() if value] == expected
    assert f"updated >= {millis(since)}" in jira.log[-1].asked["jql"]


def test_an_updated_that_cannot_be_read_costs_only_itself(jira: Jira) -> None:
    """The id is listed without an instant, so the fetch reads the issue."""
    broken = shown(jira)[3]
    broken.fields["updated"] = "soon"
    jira.site.forget()
    source = reader_of(jira)
    page = source.census(JQL, None) if source.lists_updates else source.changed(JQL, NOW - timedelta(weeks=30), None)
    assert page.updates.get(str(broken.id), "absent") is None


# --- what is still there --------------------------------------------------------------------------------------------


def test_visible_are_those_jira_shows_whatever_the_jql(jira: Jira) -> None:
    """Ids that are gone do not make Jira refuse the question."""
    hidden, *others = shown(jira)[:120]
    touch(jira, hidden, ("shown", False))
    asked = [str(issue.id) for issue in (hidden, *others)]
    assert reader_of(jira).visible([*asked, "99999999"]) == set(asked[1:])


def test_matching_are_those_the_jql_finds(jira: Jira) -> None:
    """All of the ids are visible."""
    asked = [str(issue.id) for issue in shown(jira)]
    matching = reader_of(jira).matching("project = OPS OR key is EMPTY ORDER BY key", asked)
    assert matching == {str(issue.id) for issue in shown(jira) if issue.key.startswith("OPS")}
    assert matching


def test_an_issue_that_disappears_between_two_looks_is_looked_at_in_smaller_groups() -> None:
    """Cloud refuses the whole question if one id is gone. That is not a refusal of the JQL."""
    jira = jira_of("cloud", 10)
    with pytest.raises(UnansweredError, match="disappeared"):
        reader_of(jira).matching(JQL, ["99999999"])


# --- lists of the site ----------------------------------------------------------------------------------------------


def test_fields_statuses_and_versions_are_one_request_each(jira: Jira) -> None:
    """The reader returns records."""
    source = reader_of(jira)
    assert "Story point estimate" in {field.name for field in source.fields()}
    assert {status.category for status in source.statuses()} == {"new", "indeterminate", "done"}
    assert {version.project for version in source.versions("10000", "PAY")} == {"PAY"}
    assert len(jira.log) == 3
    with pytest.raises(MissingError, match="No project could be found"):
        source.versions("GONE", "GONE")


@pytest.mark.parametrize("body", [{}, None, [{"name": "without an id"}], [5]])
def test_a_list_that_is_none_is_a_fault_and_not_an_empty_list(jira: Jira, body: object) -> None:
    """Without a status list every status would be unknown. The next answer may be right."""
    jira.faults.append(answering("status", body))
    assert len(reader_of(jira).statuses()) > 3
    jira.faults.append(answering("status", body, times=99))
    with pytest.raises(RetryableError, match="list of statuses"):
        reader_of(jira).statuses()


@pytest.mark.parametrize("body", [{}, {"issues": None}, {"issues": [{}], "total": 1}])
def test_a_page_without_what_it_must_hold_is_no_end_of_the_list(jira: Jira, body: Json) -> None:
    """It is requested again at once. The same page twice is a lasting fault if another search is answered."""
    jira.faults.append(answering("search", body))
    assert len(ids(listed(reader_of(jira)))) == len(shown(jira))
    jira.faults.append(answering("search", body, times=2))
    with pytest.raises(UnansweredError, match="Jira sent"):
        reader_of(jira).census(JQL, None)


def test_half_a_page_is_asked_for_again(jira: Jira) -> None:
    """The client repeats the request at once."""
    jira.faults.append(half_json(endpoint="search"))
    assert len(ids(listed(reader_of(jira)))) == len(shown(jira))


def test_a_jql_that_jira_refuses_is_told_in_its_words(jira: Jira) -> None:
    """A 400 is never an empty scope."""
    with pytest.raises(RefusedError, match="The value 'NOPE' does not exist for the field 'project'"):
        reader_of(jira).census("project = NOPE", None)
