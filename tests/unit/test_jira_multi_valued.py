"""Which fields are asked for apart, and when the search index is not believed that an issue has no value in them."""

from datetime import UTC, datetime, timedelta

import pytest

from models.records import Field, Issue, Transition
from worker.jira.multi_valued import has_value, is_doubtful, searchable

ALWAYS = {"fixVersions": "fixVersion", "versions": "affectedVersion", "issuelinks": "issueLinkType"}
OWN = "com.atlassian.jira.plugin.system.customfieldtypes:"
RECENT = datetime(2026, 3, 2, 9, tzinfo=UTC)
BEFORE = RECENT - timedelta(days=1)


def custom(schema: str, module: str = f"{OWN}multiselect") -> Field:
    """Return a custom field of the id 7."""
    return Field("customfield_7", "Teams", schema, "option" if schema == "array" else "", module)


@pytest.mark.parametrize(
    ("field", "more"),
    [
        (custom("number"), {}),
        (custom("option", "com.example.app:picker"), {}),
        (custom("array"), {"customfield_7": "cf[7]"}),
        (custom("array", "com.pyxis.greenhopper.jira:gh-sprint"), {"customfield_7": "cf[7]"}),
        (Field("labels", "Labels", "array", "string"), {"labels": "labels"}),
        (Field("components", "Components", "array", "component"), {"components": "component"}),
        (Field("versions", "Affects versions", "array", "version"), {}),
    ],
)
def test_a_list_that_jira_itself_searches_is_asked_for_apart(field: Field, more: dict[str, str]) -> None:
    """A field with one value is asked for with the others, by whichever app."""
    assert searchable([field.field_id], [field]) == ALWAYS | more


@pytest.mark.parametrize(
    "field",
    [
        custom("array", "com.example.app:list"),
        custom("any"),
        custom(""),
        Field("attachment", "Attachment", "array", "attachment"),
        Field("comment", "Comment", "comments-page", ""),
        Field("customfield_8", "Another", "number", ""),
    ],
)
def test_a_field_that_the_index_may_not_find_makes_every_issue_be_read_whole(field: Field) -> None:
    """A list of an app, a type that may hold anything, and a field that the site does not list."""
    assert (
        searchable(["customfield_7" if field.custom else field.field_id], [field] if field.name != "Another" else [])
        == {}
    )


def test_the_clause_finds_any_value_and_recent_changes() -> None:
    """It stands in parentheses, because a profile's JQL is combined with it."""
    clause = has_value({"fixVersions": "fixVersion", "customfield_7": "cf[7]"}, "5")
    assert clause == "(fixVersion is not EMPTY OR cf[7] is not EMPTY OR updated >= 5)"


def change(field: str, old: str | None, new: str | None, at: datetime = BEFORE) -> Transition:
    """Return an item of a history."""
    return Transition(at, 1, 0, field, "1", old, old, new, new)


def issue(*transitions: Transition, updated: datetime = BEFORE) -> Issue:
    """Return an issue with a history."""
    return Issue(
        issue_id="1",
        key="PAY-1",
        project="PAY",
        type="Story",
        status_id="3",
        created=BEFORE,
        updated=updated,
        resolution=None,
        resolved=None,
        summary=None,
        fields={},
        transitions=transitions,
        findings={},
    )


@pytest.mark.parametrize(
    ("read", "is_so"),
    [
        (issue(), False),
        (issue(updated=RECENT), True),
        (issue(updated=RECENT - timedelta(seconds=1)), False),
        (issue(change("status", "1", "3", RECENT)), True),
        (issue(change("status", "1", "3")), False),
        (issue(change("fixVersions", None, "7")), True),
        (issue(change("fixVersions", None, "7"), change("fixVersions", "7", None)), False),
        (issue(change("fixVersions", None, "7"), change("fixVersions", "7", "8")), True),
        (
            issue(change("fixVersions", None, "7"), change("fixVersions", None, "8"), change("fixVersions", "8", "")),
            True,
        ),
        (issue(change("customfield_7", "", "a b"), change("customfield_7", "a b", "")), False),
        (issue(change("customfield_9", None, "a")), False),
    ],
)
def test_the_index_is_doubted_after_a_recent_change_and_where_the_history_left_a_value(
    read: Issue, *, is_so: bool
) -> None:
    """A silent change has a history, and does not move ``updated``."""
    assert is_doubtful(read, {"fixVersions", "customfield_7"}, RECENT) is is_so
