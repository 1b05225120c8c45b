"""Jira's JSON into records: every shape of instants, definitions and issues. A broken part loses only itself."""

from datetime import UTC, datetime
from typing import Any

import pytest
from raw_issues import WANTED, raw_issue

from models.records import Field, Issue, Status, Version
from worker.jira import parse


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2025-11-09T14:30:45.123+0000", datetime(2025, 11, 9, 14, 30, 45, 123_000, UTC)),
        ("2025-11-09T14:30:45.123+05:30", datetime(2025, 11, 9, 9, 0, 45, 123_000, UTC)),
        ("2025-11-09T14:30:45.123-0800", datetime(2025, 11, 9, 22, 30, 45, 123_000, UTC)),
        ("2025-11-09T14:30:45Z", datetime(2025, 11, 9, 14, 30, 45, 0, UTC)),
        ("2012-04-12T14:26+0200", datetime(2012, 4, 12, 12, 26, tzinfo=UTC)),
        (1_759_080_993_142, datetime(2025, 9, 28, 17, 36, 33, 142_000, UTC)),
        ("1759080993142", datetime(2025, 9, 28, 17, 36, 33, 142_000, UTC)),
        (1_492_070_429, datetime(2017, 4, 13, 8, 0, 29, tzinfo=UTC)),
        (-1, datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("1961-01-01T00:00:00.000+0000", datetime(1961, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999+0000", datetime(9999, 12, 31, 23, 59, 59, 999_000, UTC)),
    ],
)
def test_an_instant_is_read_in_every_form_jira_writes(value: object, expected: datetime) -> None:
    """ISO 8601 with any offset, whole seconds or milliseconds since 1970, text or number."""
    assert parse.moment(value) == expected
    assert parse.moment(value).tzinfo is UTC


@pytest.mark.parametrize(
    ("kind", "level", "subtask"),
    [
        ({"name": "Epos", "subtask": False, "hierarchyLevel": 1}, 1, False),
        ({"name": "Unteraufgabe", "subtask": True, "hierarchyLevel": -1}, -1, True),
        ({"name": "Story", "subtask": False, "hierarchyLevel": 0}, 0, False),
        ({"name": "Story", "subtask": True}, None, True),
        ({"name": "Story", "hierarchyLevel": None}, None, None),
        ({"name": "Story", "hierarchyLevel": "1", "subtask": "yes"}, None, None),
        ({"name": "Story", "hierarchyLevel": True}, None, None),
    ],
)
def test_the_level_of_an_issues_own_type_is_kept_where_jira_sends_one(
    kind: dict[str, Any], level: int | None, subtask: object
) -> None:
    """Two types of one name may have two levels. Data Center has no levels, whatever it sends."""
    issue = parse.issue(raw_issue(issuetype=kind), WANTED, [])
    assert (issue.hierarchy_level, issue.subtask) == (level, subtask)
    issue = parse.issue(raw_issue(issuetype=kind), parse.Wanted(levels=False), [])
    assert (issue.hierarchy_level, issue.subtask) == (None, subtask)


@pytest.mark.parametrize(
    "value",
    [
        "2025-11-09T14:30:45.123",
        "2025-11-09",
        "yesterday",
        "",
        "-",
        "²",
        None,
        True,
        1.5,
        [],
        "9999-12-31T23:59:59.999-1200",
        "0001-01-01T00:00:00.000+0200",
        10**18,
        "1" * 400,
    ],
)
def test_what_is_no_instant_is_a_value_error(value: object) -> None:
    """Also an instant outside the years 1 to 9999, and one without an offset."""
    with pytest.raises(ValueError, match=r".+"):
        parse.moment(value)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            {"id": "3", "name": "进行中", "statusCategory": {"id": 4, "key": "indeterminate"}},
            Status("3", "进行中", "indeterminate"),
        ),
        ({"id": 10, "name": "Odd"}, Status("10", "Odd", "undefined")),
        ({"id": "1", "name": "Old", "statusCategory": None}, Status("1", "Old", "undefined")),
        ({"id": "1", "name": "N\x00UL"}, Status("1", "NUL", "undefined")),
        ({"id": "1"}, Status("1", "1", "undefined")),
    ],
)
def test_a_status_has_its_category_key(raw: dict[str, Any], expected: Status) -> None:
    """The key, never the translated name."""
    assert parse.status(raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            {"id": "customfield_1", "name": "Points", "schema": {"type": "number"}},
            Field("customfield_1", "Points", "number", ""),
        ),
        (
            {"id": "f", "name": "Owners", "schema": {"type": "array", "items": "user"}},
            Field("f", "Owners", "array", "user"),
        ),
        ({"id": "issuekey", "name": "Key"}, Field("issuekey", "Key", "", "")),
        ({"id": "thumbnail"}, Field("thumbnail", "thumbnail", "", "")),
    ],
)
def test_a_field_may_have_no_schema(raw: dict[str, Any], expected: Field) -> None:
    """4 of 74 recorded ones have none."""
    assert parse.field(raw) == expected


def test_a_version_has_a_day_and_an_unreadable_day_is_none() -> None:
    """The day is an ISO date. Nothing is guessed from other text."""
    raw = {"id": 7, "name": "1.0", "released": True, "releaseDate": "2026-03-02", "archived": True}
    day = datetime(2026, 3, 2, tzinfo=UTC).date()
    assert parse.version(raw, "PAY") == Version("7", "PAY", "1.0", released=True, release_date=day, archived=True)
    assert parse.version({**raw, "releaseDate": "soon"}, "PAY").release_date is None
    assert parse.version({"id": 7}, "PAY") == Version(
        "7", "PAY", "7", released=False, release_date=None, archived=False
    )


# --- issues ---------------------------------------------------------------------------------------------------------


def test_an_issue_has_what_the_metrics_read() -> None:
    """Names of type, resolution and priority; ids of status, versions and linked issues."""
    issue = parse.issue(
        raw_issue(
            resolution={"id": "1", "name": "Done"},
            resolutiondate="2026-03-02T10:59:00.000+0100",
            priority={"name": "High", "self": "https://acme.example"},
            fixVersions=[{"id": "20", "name": "b"}, {"id": "10", "name": "a"}],
            versions=[{"id": "9"}],
            issuelinks=[
                {"type": {}, "inwardIssue": {"id": "7"}},
                {"outwardIssue": {"id": "5"}},
                {"outwardIssue": {"id": "7"}},
            ],
            customfield_1=3.0,
            customfield_2="2026-03-02T09:00:00.000+0100",
            parent={"id": "10000", "key": "PAY-0", "fields": {"summary": "Refunds"}},
        ),
        WANTED,
        [],
    )
    assert issue == Issue(
        issue_id="10001",
        key="PAY-1",
        project="PAY",
        type="Story",
        status_id="3",
        created=datetime(2026, 3, 2, 9, tzinfo=UTC),
        updated=datetime(2026, 3, 2, 10, 0, 0, 123_000, UTC),
        resolution="Done",
        resolved=datetime(2026, 3, 2, 9, 59, tzinfo=UTC),
        summary="Retry refunds",
        fields={
            "priority": "High",
            "fixVersions": ["10", "20"],
            "versions": ["9"],
            "links": ["5", "7"],
            "customfield_1": 3.0,
            "customfield_2": "2026-03-02T09:00:00.000+0100",
        },
        project_id="1",
        parent="10000",
    )


def test_absent_and_null_fields_are_the_same() -> None:
    """Every field of Jira can be absent or null."""
    names = ("resolution", "resolutiondate", "priority", "fixVersions", "versions", "issuelinks", "parent")
    null = parse.issue(raw_issue(**dict.fromkeys((*names, "customfield_1"))), WANTED, [])
    assert null == parse.issue(raw_issue(), WANTED, [])
    assert null.content_hash() == parse.issue(raw_issue(), WANTED, []).content_hash()
    assert null.fields["fixVersions"] == []


def test_an_unasked_summary_is_not_kept() -> None:
    """With ``store_summaries = false``, even if Jira sends it."""
    wanted = parse.Wanted({}, summaries=False)
    assert "summary" not in wanted.fields
    assert parse.issue(raw_issue(), wanted, []).summary is None


@pytest.mark.parametrize("name", ["issuetype", "status", "created", "updated"])
def test_an_issue_without_what_makes_it_one_is_refused(name: str) -> None:
    """The caller counts it and continues."""
    raw = raw_issue()
    del raw["fields"][name]
    with pytest.raises((KeyError, ValueError)):
        parse.issue(raw, WANTED, [])


@pytest.mark.parametrize(
    "raw",
    [
        {"id": "x", "key": "A-1"},
        {"id": "-1", "key": "A-1"},
        {"id": str(2**63), "key": "A-1"},
        {"key": "A-1"},
        {"id": "1"},
        {"id": "1", "key": ""},
    ],
)
def test_an_issue_without_a_numeric_id_or_a_key_is_refused(raw: dict[str, Any]) -> None:
    """The numeric id is the identity of an issue."""
    with pytest.raises((KeyError, ValueError)):
        parse.issue({**raw, "fields": raw_issue()["fields"]}, WANTED, [])


def test_a_project_without_a_key_is_the_one_of_the_issue_key() -> None:
    """The project's key is the part before the last dash."""
    assert parse.issue(raw_issue(project=None), WANTED, []).project == "PAY"


def test_people_in_a_mapped_field_are_left_behind_wherever_they_stand() -> None:
    """User objects of Cloud and Data Center, alone, in a list, below a key. The rest of the value stays."""
    cloud = {"self": "u", "accountId": "5b10", "displayName": "Ana Horvat", "active": True}
    server = {"self": "u", "name": "ana", "key": "JIRAUSER1", "emailAddress": "ana@acme.example", "displayName": "Ana"}
    assert parse.without_people(cloud) is None
    assert parse.without_people([server, {"value": "Yes", "self": "x"}]) == [None, {"value": "Yes"}]
    assert parse.without_people({"approver": cloud, "child": {"who": [server], "n": 1}}) == {
        "approver": None,
        "child": {"who": [None], "n": 1},
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a\x00b", "ab"), ("\ud800x", "?x"), ("naïve 🚀", "naïve 🚀"), (float("nan"), None), (float("inf"), None), (2, 2)],
)
def test_a_value_is_kept_as_every_database_takes_it(value: object, expected: object) -> None:
    """Without NUL, half of a surrogate pair, NaN or infinity."""
    assert parse.without_people({"v": [value]}) == {"v": [expected]}
    assert parse.issue(raw_issue(customfield_1=value), WANTED, []).fields["customfield_1"] == expected


def test_at_most_ten_fields_have_their_history_asked_for() -> None:
    """The bulk changelog refuses an eleventh field. Six mapped fields and four of Jira are ten."""
    wanted = parse.Wanted({f"customfield_{n}": str(n) for n in range(9)} | {"status": "Status"})
    assert wanted.tracked[:4] == ["status", "resolution", "issuetype", "fixVersions"]
    assert len(wanted.tracked) == len(set(wanted.tracked)) == 10


def test_the_history_of_the_flag_goes_before_that_of_every_other_field() -> None:
    """However many fields are mapped. A flag among Jira's own tracked fields takes no second place."""
    mapped = {f"customfield_{n}": str(n) for n in range(9)}
    assert parse.Wanted(mapped, flagged="customfield_8").tracked == [
        *("status", "customfield_8", "resolution", "issuetype", "fixVersions"),
        *(f"customfield_{n}" for n in range(5)),
    ]
    own = parse.Wanted({"fixVersions": "Fix versions"}, flagged="fixVersions")
    assert own.tracked == ["status", "fixVersions", "resolution", "issuetype"]
