"""Recordings of older Jiras, of single issues, and odd ones: served whole, or refused with a message."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.adapter import SandboxAdapter
from sandbox.api import Jira
from sandbox.recorded import load
from sandbox.site import Site
from sandbox.team import EMAIL, TOKEN
from worker.jira import parse

BASE = "https://acme.example/rest/api/3"
POINTS = "customfield_10016"


def change(number: int, field: str, fieldtype: str | None = "jira", **more: Any) -> dict[str, Any]:
    """Return a history of Jira 7, which has the name of the field but no id."""
    item = {"field": field, "fieldtype": fieldtype, "from": "1", "fromString": "a", "to": "3", "toString": "b"}
    return {"id": str(number), "created": f"2026-11-{number:02}T08:00:00.000+0000", "items": [{**item, **more}]}


def recorded(number: int = 10001, histories: object = (), **fields: Any) -> dict[str, Any]:
    """Return an issue as `issue/{key}?expand=changelog` returns it."""
    usual = {
        "project": {"id": "1", "key": "ZED", "name": "Zed"},
        "issuetype": {"id": "3", "name": "Task", "subtask": False},
        "status": {"id": "5", "name": "Finished", "statusCategory": None},
        "created": "2026-11-01T08:00:00.000+0000",
        "updated": "2026-11-20T08:00:00.000+0000",
    }
    log = {"startAt": 0, "histories": list(histories) if isinstance(histories, tuple) else histories}
    return {"id": str(number), "key": f"ZED-{number}", "fields": {**usual, **fields}, "changelog": log}


def site(folder: Path, **contents: Any) -> Site:
    """Return the Cloud site of a folder with these files."""
    for name, body in contents.items():
        (folder / f"{name}.json").write_text(json.dumps(body), "utf-8")
    served = load(folder, "cloud")
    served.advance(2**41)
    return served


def bulk(served: Site, *fields: str) -> list[dict[str, Any]]:
    """Return the histories of issue 10001 from the bulk changelog."""
    with requests.Session() as session:
        session.auth = (EMAIL, TOKEN)
        session.mount("https://acme.example", SandboxAdapter(Jira(served)))
        body = {"issueIdsOrKeys": ["10001"], "fieldIds": list(fields)}
        logs = session.post(f"{BASE}/changelog/bulkfetch", json=body).json()["issueChangeLogs"]
    return [history for log in logs for history in log["changeHistories"]]


def test_items_without_a_field_id_are_filtered_by_the_names_that_the_parser_knows(tmp_path: Path) -> None:
    """The parser reads the same from the filtered histories as from all of them."""
    histories = (
        change(2, "status"),
        change(3, "Fix Version"),
        change(4, "Story Points", "custom"),
        change(5, "Status", "custom"),
        change(6, "assignee"),
        change(7, "Resolution", None),
        change(8, "status", fieldId="status"),
    )
    names = {POINTS: "Story Points"}
    fields: dict[str, Any] = {POINTS: 3, "fixVersions": [], "resolution": None}
    issue = {**recorded(histories=histories, **fields), "names": names}
    wanted = parse.Wanted(names)
    kept = bulk(site(tmp_path, issue=issue), *wanted.tracked)
    assert [history["id"] for history in kept] == ["2", "3", "4", "7", "8"]
    of_all = [change for change in histories if change["id"] != "5"]  # the custom field that is called Status
    assert parse.transitions(kept, wanted) == parse.transitions(of_all, wanted)
    assert len(bulk(site(tmp_path, issue=issue))) == len(histories)


@pytest.mark.parametrize("changelog", [None, {}, {"histories": None, "total": 0}])
def test_an_issue_recorded_without_its_histories_has_none(tmp_path: Path, changelog: object) -> None:
    """Jira sends `changelog: null` if none was requested."""
    served = site(tmp_path, search={"issues": [{**recorded(), "changelog": changelog}]})
    assert bulk(served) == []
    assert [issue.key for issue in served.indexed] == ["ZED-10001"]
    assert served.notes == ["ZED-10001: recorded without histories. Record them with expand=changelog."]


def test_a_changelog_may_be_a_page_of_histories(tmp_path: Path) -> None:
    """Jira calls the list `values` there; an empty list is one too."""
    page = {**recorded(1), "changelog": {"values": [change(2, "status")], "total": 1}}
    served = site(tmp_path, search={"issues": [page, recorded(2)]})
    assert [len(served.issues[number].histories()) for number in (1, 2)] == [1, 0]
    assert served.notes == []


def test_a_folder_of_single_issues_is_served(tmp_path: Path) -> None:
    """One response in each file, a list of issues, and separate histories. The later recording of an issue wins."""
    older = recorded(1, (change(2, "status"),), updated="2026-11-02T00:00:00.000+0000", summary="old", labels=["x"])
    newer = recorded(1, (change(2, "status"), change(3, "status")), summary="new")
    contents = {
        "zed_1": newer,
        "zed_1_before": older,
        "zed_2": recorded(2),
        "more": [recorded(3)],
        "changelog_issue_2": {"values": [change(4, "status")]},
    }
    served = site(tmp_path, **contents)
    assert sorted(served.issues) == [1, 2, 3]
    assert served.issues[1].fields["summary"] == "new"
    assert served.issues[1].fields["labels"] == ["x"]
    assert [len(served.issues[number].histories()) for number in (1, 2, 3)] == [2, 1, 0]
    assert served.notes == []


def test_damaged_histories_are_served_as_they_were_recorded(tmp_path: Path) -> None:
    """A reader must be able to notice the damage, so nothing is left out and the sandbox does not fail."""
    odd: list[dict[str, Any]] = [
        {"id": "7", "created": "soon", "items": [{"fieldId": "status", "to": "5"}]},
        {"created": "2026-11-02T08:00:00.000+0000", "items": [None]},
        {"id": "9", "created": 1_793_000_000_000, "items": None},
    ]
    kept = bulk(site(tmp_path, issue=recorded(histories=odd)), "status")
    assert [(history.get("id"), history["created"]) for history in kept] == [("7", "soon"), (None, 1_793_606_400_000)]
    assert len(bulk(site(tmp_path, issue=recorded(histories=odd)))) == 3


def test_what_is_not_served_is_said(tmp_path: Path) -> None:
    """Histories that the recording cut off, and files of unknown content."""
    cut = recorded()
    cut["changelog"] = {"total": 57, "histories": [change(2, "status")]}
    served = site(tmp_path, search={"issues": [cut]}, board={"id": 1}, people=[{"id": 1, "name": "x"}], empty=[])
    histories, files = served.notes
    assert "ZED-10001" in histories
    assert "changelog_issue_" in histories
    assert files.endswith("board.json, empty.json, people.json.")


def test_lists_are_known_by_their_entries_or_by_the_file(tmp_path: Path) -> None:
    """Versions, resolutions and priorities without an issue belong to the site too."""
    version = {"id": "4", "name": "1.0", "released": True, "projectId": 1}
    resolutions, priorities = [{"id": "9", "name": "Erledigt"}], [{"id": "2", "name": "Hoch"}]
    lists = {"versions": [version], "resolutions": resolutions, "priorities": priorities}
    served = site(tmp_path, issue=recorded(), **lists)
    assert (served.catalogue.resolutions, served.catalogue.priorities) == (resolutions, priorities)
    assert served.versions_of({"key": "ZED"}) == [version]
    assert served.notes == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"issues": None}, "'issues' is not a list"),
        ({"issues": [None]}, "issue 1 is not an object"),
        ({"issues": [{**recorded(), "id": "x"}]}, "numeric 'id'"),
        ({"issues": [{**recorded(), "key": None}]}, "'key' such as"),
        ({"issues": [{**recorded(), "fields": None}]}, r"issue 1 \(ZED-10001\): 'fields' is not an object"),
        (
            {"issues": [{**recorded(), "changelog": []}, {**recorded(), "changelog": [1]}]},
            "issue 2 .*'changelog' is not",
        ),
        (recorded(histories=[None]), "a history is not an object"),
        (recorded(histories={"1": 2}), "the list of histories is not a list"),
        (recorded(status="Done"), "'status' is not an object"),
        (recorded(project={"id": "x"}), "'project' needs a numeric"),
        (recorded(fixVersions=[{"id": "1"}]), "'fixVersions' needs an 'id' and a 'name'"),
    ],
)
def test_what_no_jira_sends_is_refused_by_file_issue_and_cause(tmp_path: Path, body: object, words: str) -> None:
    """In a sentence, because a traceback names neither the file nor what to do."""
    with pytest.raises(ValueError, match=rf"^search\.json.*{words}"):
        site(tmp_path, search=body)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """The error is not reported as a port in use."""
    (tmp_path / "search.json").mkdir()
    with pytest.raises(ValueError, match=r"search\.json cannot be read: Is a directory"):
        load(tmp_path, "cloud")


def test_an_issue_recorded_without_its_project_belongs_to_the_one_its_key_names(tmp_path: Path) -> None:
    """A recording with few fields is served too."""
    bare = {"id": "10001", "key": "ZED-10001", "fields": {"summary": "s"}}
    served = site(tmp_path, issue=bare)
    assert [issue.key for issue in served.indexed] == ["ZED-10001"]
    assert served.projects() == [{"id": "0", "key": "ZED", "name": "ZED"}]
