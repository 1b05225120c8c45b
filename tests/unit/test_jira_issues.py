"""What a reader makes of the issues and histories that Jira returns, and of those it does not."""

import json
from dataclasses import replace

import pytest
from read_sites import STATUS, WANTED, answering, client_of, jira_of, reader_of, shown, touch

from sandbox.api import Jira
from sandbox.faults import Fault, named_in_errors
from sandbox.shapes import Flavour, Json, millis
from sandbox.site import Event
from sandbox.team import TOKEN
from sandbox.wire import Response, refusal
from worker.jira.cloud import Cloud
from worker.jira.faults import RefusedError


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
