"""Both readers over the stand-in Jira: lists by pages, whole histories, odd data, and issues that are gone."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from jira_gate import Gate
from site_copies import made_up

from sandbox.adapter import SandboxAdapter
from sandbox.api import Jira
from sandbox.faults import Fault, asked_ids, half_json, named_in_errors
from sandbox.shapes import Flavour, Json, millis
from sandbox.site import Bounds, Clock, Event, Issue, Item
from sandbox.team import EMAIL, TOKEN
from sandbox.wire import Response, refusal
from worker.errors import FatalError, RetryableError, UnansweredError
from worker.jira.client import Client, open_session
from worker.jira.cloud import Cloud
from worker.jira.datacenter import DataCenter
from worker.jira.faults import MissingError, RefusedError
from worker.jira.parse import Wanted
from worker.jira.reader import Listing, Reader
from worker.jira.site import identify, reader
from worker.settings import Connection

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
JQL = "project in (PAY, OPS) ORDER BY rank"
WANTED = Wanted({"customfield_10016": "Story point estimate"})
STATUS = Item("status", "jira", "status", "10000", "To Do", "3", "In Progress")


def jira_of(flavour: Flavour, issues: int = 150, **more: Any) -> Jira:
    """Return a team's site with ``issues`` issues at NOW."""
    site = made_up(3, issues, NOW - timedelta(weeks=20), flavour=flavour, per_week=issues / 20)
    jira = Jira(site, Clock(NOW), **more)
    site.advance(millis(NOW))
    return jira


def client_of(jira: Jira, *, token: str | None = TOKEN, flavour: Flavour | None = None) -> Client:
    """Return a client of a Jira in this process; it does not sleep."""
    base = f"https://acme.example{jira.context}"
    session = open_session(4)
    session.mount("https://acme.example", SandboxAdapter(jira))
    connection = Connection("acme", base, email=EMAIL if token else None, flavour=flavour, concurrency=4)
    return Client(connection, token, Gate(), session=session, sleep=lambda _: None)


@pytest.fixture(params=["cloud", "datacenter"])
def flavour(request: pytest.FixtureRequest) -> Flavour:
    """Return each flavour of Jira."""
    requested: Flavour = request.param
    return requested


@pytest.fixture
def jira(flavour: Flavour) -> Jira:
    """Return a site of 150 issues."""
    return jira_of(flavour)


def reader_of(jira: Jira, **more: Any) -> Reader:
    """Return the reader of the Jira's flavour."""
    return reader(client_of(jira, **more), jira.site.flavour, WANTED)


def listed(source: Reader, jql: str = JQL) -> list[Listing]:
    """Return all pages of a census."""
    pages = [source.census(jql, None)]
    while pages[-1].after is not None:
        pages.append(source.census(jql, pages[-1].after))
    return pages


def ids(pages: Iterable[Listing]) -> list[str]:
    """Return the ids of pages, in their order."""
    return [issue_id for page in pages for issue_id in page.updates]


def shown(jira: Jira) -> list[Issue]:
    """Return the issues that Jira shows now."""
    return jira.site.indexed


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


def answering(endpoint: str, body: object, times: int = 1, ids: Sequence[str] = ()) -> Fault:
    """Return a fault that answers with ``body``; with ``ids`` only if exactly these issues are requested."""
    when = (lambda asked: asked_ids(asked) == list(ids)) if ids else None
    return Fault(endpoint, times, instead=Response(200, json_bytes(body)), when=when)


def json_bytes(body: object) -> bytes:
    """Return a body as it is sent."""
    return json.dumps(body).encode()


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


def touch(jira: Jira, issue: Issue, *sets: tuple[str, Any], items: tuple[Item, ...] = ()) -> None:
    """Change an issue a second from now."""
    clock = jira.clock
    assert isinstance(clock, Clock)
    clock.advance(timedelta(seconds=1))
    number = 9_000_000 + len(jira.log) * 1000 + len(issue.events)
    jira.site.happen(issue, Event(millis(clock()), number, sets, items))
    jira.site.advance(millis(clock()))


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


# --- issues ---------------------------------------------------------------------------------------------------------


def test_issues_come_with_their_whole_history(jira: Jira) -> None:
    """In as many pages as needed, without a broken one."""
    wanted = [str(issue.id) for issue in shown(jira)]
    batch = reader_of(jira).issues(wanted)
    assert [issue.issue_id for issue in batch.issues] == wanted
    assert batch.broken == {}
    tracked = {"status", "resolution", "issuetype", "Fix Version", "Story point estimate"}
    for issue, read_issue in zip(shown(jira), batch.issues, strict=True):
        items = [item for event in issue.histories() for item in event.items if item.field in tracked]
        assert len(read_issue.transitions) == len(items)


def test_a_custom_field_called_status_moves_no_issue(jira: Jira) -> None:
    """The made-up team has such a field. Data Center distinguishes the two by their type alone."""
    lights = 0
    visible = shown(jira)
    batch = reader_of(jira).issues([str(issue.id) for issue in visible])
    for issue, read_issue in zip(visible, batch.issues, strict=True):
        items = [item for event in issue.histories() for item in event.items if item.field.casefold() == "status"]
        moves = [item.new for item in items if item.kind == "jira"]
        lights += len(items) - len(moves)
        assert [change.to_id for change in read_issue.transitions if change.field == "status"] == moves
    assert lights > 10


def test_a_type_has_a_level_on_cloud_alone(jira: Jira) -> None:
    """Data Center has only sub-tasks."""
    batch = reader_of(jira).issues([str(issue.id) for issue in shown(jira)])
    levels = {issue.type: (issue.hierarchy_level, issue.subtask) for issue in batch.issues}
    cloud = jira.site.flavour == "cloud"
    assert levels["Epic"] == (1 if cloud else None, False)
    assert levels["Story"] == (0 if cloud else None, False)
    assert levels["Sub-task"] == (-1 if cloud else None, True)


@pytest.mark.parametrize("count", [41, 101, 230])
@pytest.mark.parametrize("kind", ["cloud", "anonymous", "datacenter"])
def test_a_long_history_is_read_to_its_end(kind: str, count: int) -> None:
    """Longer than the 40 entries embedded on Cloud, and longer than a page of 100."""
    flavour: Flavour = "datacenter" if kind == "datacenter" else "cloud"
    jira = jira_of(flavour, 5, anonymous=kind == "anonymous")
    issue = shown(jira)[0]
    before = len([event for event in issue.histories() if any(item.field == "status" for item in event.items)])
    for _ in range(count):
        touch(jira, issue, items=(STATUS,))
    source = reader_of(jira, token=None if kind == "anonymous" else TOKEN)
    (read,) = source.issues([str(issue.id)]).issues
    assert len([change for change in read.transitions if change.field == "status"]) == before + count


def test_histories_spread_over_pages_with_repeats_are_put_together() -> None:
    """Pages go by date. Each holds parts of many issues and repeats the last entry of the page before."""
    jira = jira_of("cloud", 60)
    wanted = [str(issue.id) for issue in shown(jira)]
    whole = reader_of(jira).issues(wanted)
    jira.log.clear()
    parts = Cloud(client_of(jira), WANTED, changelog_page=7).issues(wanted)
    assert sum("changelog" in seen.endpoint for seen in jira.log) > 10
    assert parts == whole


def test_a_changelog_that_repeats_its_token_is_a_fault() -> None:
    """Neither a loop nor the end: the group is requested in halves."""
    jira = jira_of("cloud", 10)
    ids = tuple(str(issue.id) for issue in shown(jira)[:2])
    page: Json = {"issueChangeLogs": [{"issueId": "1", "changeHistories": []}], "nextPageToken": "again"}
    jira.faults.append(answering("changelog/bulkfetch", page, times=9, ids=ids))
    batch = reader_of(jira).issues(ids)
    assert batch.issues == ()
    (failure,) = batch.failed
    assert (failure.part, failure.ids, failure.whole) == ("histories", ids, True)
    assert "repeated a page token" in failure.why
    assert sum("changelog" in seen.endpoint for seen in jira.log) == 4  # a page, the next one twice, the control


def test_a_changelog_whose_token_is_refused_is_asked_for_again_in_halves() -> None:
    """Only the token can be wrong, because the page before was answered."""
    jira = jira_of("cloud", 10)
    ids = tuple(str(issue.id) for issue in shown(jira)[:2])
    page: Json = {"issueChangeLogs": [{"issueId": "1", "changeHistories": []}], "nextPageToken": "never given"}
    jira.faults.append(answering("changelog/bulkfetch", page))
    (failure,) = reader_of(jira).issues(ids).failed
    assert (failure.part, failure.ids) == ("histories", ids)
    assert {issue.issue_id for issue in reader_of(jira).issues(ids).issues} == set(ids)


def test_a_question_that_jira_refuses_whatever_it_names_is_ours_to_mend(jira: Jira) -> None:
    """Halves would blame every issue in turn. The control is refused too, so the request is wrong."""
    endpoint = "changelog/bulkfetch" if jira.site.flavour == "cloud" else "search"
    jira.faults.append(Fault(endpoint, 99, instead=refusal(400, "fieldIds must be unique.")))
    with pytest.raises(RefusedError, match="fieldIds"):
        reader_of(jira).issues([str(issue.id) for issue in shown(jira)[:4]])
    assert jira.faults[0].hits == 2


def test_an_anonymous_reader_reads_histories_issue_by_issue() -> None:
    """The bulk changelog refuses anonymous callers. The result is the same."""
    jira = jira_of("cloud", 30, anonymous=True)
    wanted = [str(issue.id) for issue in shown(jira)]
    anonymous = reader_of(jira, token=None).issues(wanted)
    assert anonymous == reader_of(jira).issues(wanted)


def test_only_the_tracked_fields_histories_are_asked_for() -> None:
    """At most ten field ids are sent."""
    jira = jira_of("cloud", 5)
    reader_of(jira).issues([str(shown(jira)[0].id)])
    (asked,) = [seen.asked for seen in jira.log if "changelog" in seen.endpoint]
    assert asked["fieldIds"] == ["status", "resolution", "issuetype", "fixVersions", "customfield_10016"]


def test_issues_that_are_gone_or_hidden_are_missing_and_the_others_come(jira: Jira) -> None:
    """Without an error, because Jira does not name them."""
    hidden, *others = shown(jira)[:5]
    touch(jira, hidden, ("shown", False))
    batch = reader_of(jira).issues([str(hidden.id), "99999999", *(str(other.id) for other in others)])
    assert {issue.issue_id for issue in batch.issues} == {str(other.id) for other in others}


def test_a_moved_issue_is_read_by_its_id_under_its_new_key(jira: Jira) -> None:
    """A move keeps the id."""
    issue = next(listed_issue for listed_issue in shown(jira) if listed_issue.key.startswith("PAY"))
    project = next(listed for listed in jira.site.catalogue.projects if listed["key"] == "OPS")
    touch(jira, issue, ("key", "OPS-9999"), ("project", project))
    (read,) = reader_of(jira).issues([str(issue.id)]).issues
    assert (read.issue_id, read.key, read.project) == (str(issue.id), "OPS-9999", "OPS")


def test_a_broken_issue_is_named_and_costs_only_itself(jira: Jira) -> None:
    """For example an issue without a status."""
    broken, other = shown(jira)[:2]
    broken.fields["status"] = None
    jira.site.forget()
    batch = reader_of(jira).issues([str(broken.id), str(other.id)])
    assert [issue.issue_id for issue in batch.issues] == [str(other.id)]
    assert list(batch.broken) == [str(broken.id)]


def test_a_history_before_the_creation_or_without_an_author_is_read(jira: Jira) -> None:
    """Imported and cloned issues have earlier entries. Entries of automation have no author."""
    issue = shown(jira)[0]
    early = Event(issue.born - 86_400_000, 8_000_000, (), (STATUS,))
    issue.events.insert(0, early)
    issue.seen += 1
    jira.site.forget()
    (read,) = reader_of(jira).issues([str(issue.id)]).issues
    assert millis(read.transitions[0].at) == early.at
    assert read.transitions[0].at < read.created


def test_a_changelog_that_comes_incomplete_is_not_stored_as_whole(caplog: pytest.LogCaptureFixture) -> None:
    """Data Center sends a total. If fewer entries came, the log names the issue."""
    jira = jira_of("datacenter", 10)
    first, second = (str(issue.id) for issue in shown(jira)[:2])

    def damage(answer: Response) -> Response:
        body = json.loads(answer.body)
        body["issues"][0]["changelog"]["histories"].pop()
        return replace(answer, body=json.dumps(body).encode())

    jira.faults.append(Fault("search", damage=damage))
    batch = reader_of(jira).issues([first, second])
    assert ([issue.issue_id for issue in batch.issues], list(batch.broken)) == ([second], [first])
    assert [getattr(line, "issue_id", None) for line in caplog.records] == [first]


def test_a_paged_changelog_that_ends_before_its_total_is_not_stored_as_whole(caplog: pytest.LogCaptureFixture) -> None:
    """Cloud sends a total for each issue. The issue is named, and the other one is read."""
    jira = jira_of("cloud", 10, anonymous=True)
    first, second = (str(issue.id) for issue in shown(jira)[:2])

    def damage(answer: Response) -> Response:
        body = json.loads(answer.body)
        body["total"] += 1
        return replace(answer, body=json.dumps(body).encode())

    jira.faults.append(Fault("/changelog", damage=damage, times=2))
    reader = reader_of(jira, token=None)
    batch = reader.issues([first])
    assert (batch.issues, dict(batch.broken)) == ((), {first: "its changelog came incomplete"})
    assert [line.__dict__["issue_id"] for line in caplog.records if line.message == "history is incomplete"] == [first]
    assert reader.histories([first]) == {first: ()}
    assert len(reader.issues([first, second]).issues) == 2


def test_an_issue_that_is_gone_when_its_history_is_asked_for_costs_only_itself() -> None:
    """Anonymous callers receive a 404."""
    jira = jira_of("cloud", 10, anonymous=True)
    first, second = (str(issue.id) for issue in shown(jira)[:2])
    jira.site.issues[int(first)].shown = False
    histories = reader_of(jira, token=None).histories([first, second])
    assert histories[first] == ()
    assert histories[second]


def test_a_damaged_history_is_counted_and_named_in_the_log(jira: Jira, caplog: pytest.LogCaptureFixture) -> None:
    """The rest of the issue is read."""
    issue = shown(jira)[0]

    def damage(answer: Response) -> Response:
        body = json.loads(answer.body)
        logs = body.get("issueChangeLogs") or [{"changeHistories": body["issues"][0]["changelog"]["histories"]}]
        logs[0]["changeHistories"][0]["items"].append("not an item")
        return replace(answer, body=json.dumps(body).encode())

    jira.faults.append(Fault("changelog" if jira.site.flavour == "cloud" else "search", damage=damage))
    (read,) = reader_of(jira).issues([str(issue.id)]).issues
    assert read.findings == {"broken_history": 1}
    (line,) = [record for record in caplog.records if record.message == "history is damaged"]
    assert (line.__dict__["key"], line.__dict__["found"]) == (issue.key, {"broken_history": 1})


def test_histories_are_those_of_the_issues_read_whole(jira: Jira) -> None:
    """An audit compares them with the copy."""
    wanted = [str(issue.id) for issue in shown(jira)[:120]]
    batch = reader_of(jira).issues(wanted)
    assert reader_of(jira).histories(wanted) == {issue.issue_id: issue.transitions for issue in batch.issues}


def test_an_issue_nobody_asked_for_is_left_out() -> None:
    """A bulk fetch may return further issues."""
    jira = jira_of("cloud", 10)
    first, second = (str(issue.id) for issue in shown(jira)[:2])
    asked = reader_of(jira)
    whole: Json = {"issues": [{"id": first, "fields": {}}, {"id": second, "fields": {}}], "issueErrors": []}
    jira.faults.append(answering("issue/bulkfetch", whole))
    assert asked.visible([first]) == {first}


def test_issues_jira_could_not_read_just_now_are_to_be_asked_for_again() -> None:
    """``issueErrors`` names passing faults. Issues that are neither named nor returned are gone or hidden."""
    jira = jira_of("cloud", 10)
    jira.faults.append(answering("issue/bulkfetch", {"issues": [], "issueErrors": [{"id": "1"}]}))
    (failure,) = reader_of(jira).issues(["1", "2"]).failed
    assert (failure.part, failure.ids, failure.whole) == ("issues", ("1",), False)


def test_errors_that_name_no_issue_that_was_asked_for_are_about_all_that_did_not_come() -> None:
    """Otherwise an unread issue would count as gone."""
    jira = jira_of("cloud", 10)
    first, second = (str(issue.id) for issue in shown(jira)[:2])
    body: Json = {"issues": [{"id": first, "fields": {}}], "issueErrors": [{"id": "PAY-2"}]}
    jira.faults.append(answering("issue/bulkfetch", body))
    (failure,) = reader_of(jira).issues([first, second]).failed
    assert failure.ids == (second,)


def test_an_issue_named_in_issue_errors_is_visible() -> None:
    """Jira does not name issues there that are gone or hidden."""
    jira = jira_of("cloud", 10)
    first, second = (str(issue.id) for issue in shown(jira)[:2])
    jira.faults.append(named_in_errors(int(first)))
    assert reader_of(jira).visible([first, second, "99999999"]) == {first, second}


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
