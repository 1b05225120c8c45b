"""Recorded Jira responses are served as they were recorded."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.adapter import SandboxAdapter
from sandbox.api import Jira
from sandbox.recorded import load
from sandbox.shapes import Flavour
from sandbox.team import EMAIL, TOKEN

BASE = "https://acme.example/rest/api"
DOING = {"id": "10045", "name": "技术开发中", "statusCategory": {"id": 4, "key": "indeterminate", "name": "进行中"}}
FIRST = {
    "id": "11",
    "created": "2021-01-05T09:00:00.000+0800",
    "items": [{"field": "Workflow", "from": None, "to": "2"}],
}
SECOND = {
    "id": "12",
    "created": "2022-01-05T09:00:00.000+0800",
    "author": {"accountId": "acct-1"},
    "items": [{"field": "状态", "fieldId": "status", "fieldtype": "jira", "from": "1", "to": "10045", "toString": "x"}],
}
ISSUE: dict[str, Any] = {
    "id": "13001",
    "key": "EE-1",
    "expand": "all",
    "fields": {
        "summary": "一",
        "project": {"id": "10003", "key": "EE", "name": "Enterprise"},
        "issuetype": {"id": "10001", "name": "故事", "subtask": False},
        "status": DOING,
        "created": "2021-01-04T09:00:00.000+0800",
        "updated": "2021-03-28T16:06:08.713+0800",
        "resolution": None,
        "fixVersions": [{"id": "7", "name": "v1", "released": True, "archived": False}],
        "customfield_10016": 3.0,
    },
    "changelog": {"startAt": 0, "maxResults": 2, "total": 2, "histories": [SECOND, FIRST]},
}
BARE = {"id": "13002", "key": "EE-2", "fields": {**ISSUE["fields"], "updated": "2021-03-27T00:00:00.000+0800"}}


def write(folder: Path) -> Path:
    """Write some small recordings and return their folder."""
    contents: dict[str, Any] = {
        "issues_cloud.json": {"startAt": 0, "total": 2, "issues": [ISSUE, BARE]},
        "statuses.json": [{"id": "1", "name": "打开", "statusCategory": {"id": 2, "key": "new", "name": "新建"}}],
        "fields.json": [
            {"id": "customfield_10016", "name": "Story Points", "clauseNames": ["cf[10016]"], "custom": True}
        ],
        "projects.json": [{"id": "10099", "key": "ZZ", "name": "Empty", "projectTypeKey": "software"}],
        "issuetypes.json": [{"id": "10001", "name": "故事", "subtask": False}],
        "changelog_issue_13002.json": {"values": [FIRST]},
        "changelog_issue_999.json": {"values": [SECOND, FIRST]},
        "board_1_configuration.json": {"id": 1, "columnConfig": {}},
    }
    for name, body in contents.items():
        (folder / name).write_text(json.dumps(body), "utf-8")
    return folder


def session_on(folder: Path, flavour: Flavour = "cloud") -> requests.Session:
    """Return a logged-in session on a recorded site."""
    session = requests.Session()
    session.auth = (EMAIL, TOKEN)
    session.mount("https://acme.example", SandboxAdapter(Jira(load(write(folder), flavour))))
    return session


def test_values_are_served_as_recorded(tmp_path: Path) -> None:
    """Fields, stamps and histories of any content. A field that an issue lacks is null."""
    with session_on(tmp_path) as session:
        body = {"jql": "project = EE ORDER BY id", "fields": ["*all"], "expand": "changelog"}
        first, second = session.post(f"{BASE}/3/search/jql", json=body).json()["issues"]
    assert {name: first["fields"][name] for name in ISSUE["fields"]} == ISSUE["fields"]
    assert first["changelog"]["histories"] == [SECOND, FIRST]
    assert second["changelog"]["histories"] == [FIRST]


def test_statuses_and_fields_of_issues_are_added_to_the_lists(tmp_path: Path) -> None:
    """The status of an issue is listed. A status that occurs only in a history is not."""
    with session_on(tmp_path) as session:
        assert [s["id"] for s in session.get(f"{BASE}/3/status").json()] == ["1", "10045"]
        fields = {field["id"]: field["name"] for field in session.get(f"{BASE}/3/field").json()}
        assert fields["customfield_10016"] == "Story Points"
        assert {"status", "summary", "fixVersions"} <= set(fields)
        projects = session.get(f"{BASE}/3/project/search").json()["values"]
        assert {project["key"] for project in projects} == {"EE", "ZZ"}
        assert [v["name"] for v in session.get(f"{BASE}/3/project/EE/versions").json()] == ["v1"]


def test_recorded_issues_are_searched_like_others(tmp_path: Path) -> None:
    """By type and status in their own language, and by old dates."""
    with session_on(tmp_path) as session:
        for jql, keys in (
            ("type = 故事 AND status = 技术开发中", {"EE-1", "EE-2"}),
            ("statusCategory = indeterminate AND cf[10016] = 3", {"EE-1", "EE-2"}),
            ("updated >= 2021-03-28", {"EE-1"}),
            ("updated > 0", {"EE-1", "EE-2"}),
            ("fixVersion = v1 AND resolution is EMPTY", {"EE-1", "EE-2"}),
        ):
            answer = session.post(f"{BASE}/3/search/jql", json={"jql": jql, "fields": ["key"]}).json()
            assert {issue["key"] for issue in answer["issues"]} == keys, jql


def test_histories_without_their_issue_are_served_alone(tmp_path: Path) -> None:
    """As the issue's changelog, oldest first. The issue itself is a 404."""
    with session_on(tmp_path) as session:
        page = session.get(f"{BASE}/3/issue/999/changelog").json()
        assert [history["id"] for history in page["values"]] == ["11", "12"]
        assert session.get(f"{BASE}/3/issue/999").status_code == 404


def test_bulk_changelogs_of_recorded_histories_have_milliseconds(tmp_path: Path) -> None:
    """The endpoint sets the form of `created`. The field filter works on recorded items too."""
    with session_on(tmp_path) as session:
        body = {"issueIdsOrKeys": ["13001", "EE-2"], "fieldIds": ["status"]}
        (log,) = session.post(f"{BASE}/3/changelog/bulkfetch", json=body).json()["issueChangeLogs"]
    (history,) = log["changeHistories"]
    assert history == {**SECOND, "created": 1641344400000}


def test_recordings_can_be_served_by_data_centers_endpoints(tmp_path: Path) -> None:
    """With the oldest history first."""
    with session_on(tmp_path, "datacenter") as session:
        page = session.get(f"{BASE}/2/search", params={"jql": "key = EE-1", "expand": "changelog"}).json()
    assert page["issues"][0]["changelog"]["histories"] == [FIRST, SECOND]


def test_a_folder_without_a_search_result_is_refused(tmp_path: Path) -> None:
    """The message says what is missing, and where."""
    with pytest.raises(ValueError, match=r"No recorded issue .* in .*nothing"):
        load(tmp_path / "nothing", "cloud")


def test_a_folder_of_folders_is_refused_with_those_that_hold_recordings(tmp_path: Path) -> None:
    """The message names folders with recordings, and not those with other JSON."""
    for name in ("cloud", "server", "other"):
        (tmp_path / name).mkdir()
        write(tmp_path / name)
    (tmp_path / "other" / "issues_cloud.json").unlink()
    below = f"{tmp_path / 'cloud'}, {tmp_path / 'server'}"
    with pytest.raises(ValueError, match=rf" in {tmp_path}; name one of {below}\.$"):
        load(tmp_path, "cloud")


def test_a_file_that_is_no_json_is_named(tmp_path: Path) -> None:
    """An incomplete recording is not served as a whole one."""
    (write(tmp_path) / "issues_cloud.json").write_text('{"issues": [', "utf-8")
    with pytest.raises(ValueError, match=r"issues_cloud\.json is not JSON"):
        load(tmp_path, "cloud")
