"""Histories as Jira sends them become transitions in their true order."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import permutations
from typing import Any

import pytest
from raw_issues import WANTED, raw_issue

from worker.jira import parse

# --- histories ------------------------------------------------------------------------------------------------------


def history(number: int, minute: int, *items: object, **more: Any) -> dict[str, Any]:
    """Return a history entry at a minute of 2 March."""
    return {"id": str(number), "created": f"2026-03-02T10:{minute:02}:00.000+0000", "items": list(items), **more}


def item(to: str, was: str = "1", **more: Any) -> dict[str, Any]:
    """Return a status change."""
    return {"field": "status", "fieldId": "status", "from": was, "fromString": "A", "to": to, "toString": "B", **more}


def test_the_order_is_by_instant_then_history_number_then_position() -> None:
    """Jira's order does not matter. Numbers compare as numbers."""
    histories = [history(10, 5, item("a"), item("b")), history(9, 5, item("c")), history(11, 1, item("d"))]
    for shuffled in permutations(histories):
        changes, findings = parse.transitions(shuffled, WANTED)
        assert [t.to_id for t in changes] == ["d", "c", "a", "b"]
        assert [t.position for t in changes] == [0, 0, 0, 1]
        assert findings == {}


def test_a_repeated_history_counts_once() -> None:
    """JRACLOUD-94906: a page may repeat the last entry of the one before."""
    changes, _ = parse.transitions([history(1, 0, item("a"), item("b"))] * 2 + [history(2, 0, item("c"))], WANTED)
    assert [t.to_id for t in changes] == ["a", "b", "c"]


def test_asking_for_fewer_fields_changes_no_position() -> None:
    """A position counts the items of the same field in a history."""
    other = {"field": "Rank", "fieldId": "customfield_9", "from": "", "to": ""}
    with_others, _ = parse.transitions([history(1, 0, other, item("a"), other, item("b"))], WANTED)
    alone, _ = parse.transitions([history(1, 0, item("a"), item("b"))], WANTED)
    assert with_others == alone


@pytest.mark.parametrize(
    ("name", "field_id"),
    [
        ("status", "status"),
        ("Fix Version", "fixVersions"),
        ("resolution", "resolution"),
        ("issuetype", "issuetype"),
        ("STORY point ESTIMATE", "customfield_1"),
    ],
)
def test_an_item_without_a_field_id_is_known_by_its_name(name: str, field_id: str) -> None:
    """Data Center sends no id. Upper and lower case are the same."""
    raw = item("a") | {"field": name}
    del raw["fieldId"]
    assert [t.field for t in parse.transitions([history(1, 0, raw)], WANTED)[0]] == [field_id]


@pytest.mark.parametrize("name", ["Status", "status", "Resolution", "issuetype", "Fix Version"])
def test_a_custom_field_called_like_one_of_jiras_own_is_not_that_field(name: str) -> None:
    """Data Center's history has the same name for both and distinguishes them by the type."""
    raw = item("10501", "10500", fieldtype="custom") | {"field": name}
    del raw["fieldId"]
    assert parse.transitions([history(1, 0, raw)], WANTED) == ((), {})
    mapped = parse.Wanted({"customfield_7": name})
    assert [t.field for t in parse.transitions([history(1, 0, raw)], mapped)[0]] == ["customfield_7"]
    own = raw | {"fieldtype": "jira"}
    (change,), _ = parse.transitions([history(1, 0, own)], mapped)
    assert change.field in parse.TRACKED


def test_a_custom_fields_name_is_not_one_of_jiras_own() -> None:
    """A mapped field of Jira itself is named by its id in Data Center's histories."""
    wanted = parse.Wanted({"customfield_7": "Due date", "duedate": "Due date"})
    histories = [
        history(1, 0, {"field": "duedate", "fieldtype": "jira", "from": None, "to": "2026-03-02"}),
        history(2, 0, {"field": "Due date", "fieldtype": "custom", "from": None, "to": "2026-03-03"}),
        history(3, 0, {"field": "Due\u00a0date", "from": None, "to": "2026-03-04"}),
    ]
    changes, _ = parse.transitions(histories, wanted)
    assert [(t.field, t.to_id) for t in changes] == [
        ("duedate", "2026-03-02"),
        ("customfield_7", "2026-03-03"),
        ("duedate", "2026-03-04"),
    ]


@pytest.mark.parametrize("name", ["assignee", "Workflow", "RemoteIssueLink", "Sprint", "reporter", ""])
def test_untracked_items_are_left_out(name: str) -> None:
    """Above all items that hold people."""
    raw = {"field": name, "from": "5b10", "fromString": "Ana Horvat", "to": None, "toString": None}
    assert parse.transitions([history(1, 0, raw)], WANTED) == ((), {})


def test_two_offsets_in_one_issue_are_put_in_their_true_order() -> None:
    """-0700 and -0800 around the end of daylight saving time."""
    summer = history(2, 0, item("b"), created="2026-10-25T01:30:00.000-0700")
    winter = history(1, 0, item("c"), created="2026-10-25T01:10:00.000-0800")
    changes, _ = parse.transitions([winter, summer], WANTED)
    assert [t.to_id for t in changes] == ["b", "c"]
    assert changes[1].at - changes[0].at == timedelta(minutes=40)
    assert changes[0].at == datetime(2026, 10, 25, 1, 30, tzinfo=timezone(timedelta(hours=-7)))


@pytest.mark.parametrize(
    "kind",
    [
        history(1, 0, item("a")),
        history(1, 0, item("a"), author=None),
        history(1, 0, item("a"), author={"accountId": "unknown"}),
        history(1, 0, item("a"), historyMetadata={"type": "x"}),
        history(1, 0, item("a", tmpFromAccountId="x")),
        history(1, 0, item("a"), created=1_772_445_600_000),
        history(1, 0, item("a"), created="2026-03-02T10:00+0000"),
    ],
)
def test_odd_but_right_histories_are_read(kind: dict[str, Any]) -> None:
    """No author, an unknown author, instants as integers or to the minute, unknown keys."""
    changes, findings = parse.transitions([kind], WANTED)
    assert [(t.to_id, t.at) for t in changes] == [("a", datetime(2026, 3, 2, 10, tzinfo=UTC))]
    assert findings == {}


@pytest.mark.parametrize("items", [None, [], ()])
def test_a_history_without_items_is_nothing_and_no_fault(items: object) -> None:
    """Such histories exist, for example after people's data was erased."""
    assert parse.transitions([{"id": "1", "created": "x", "items": items}], WANTED) == ((), {})


@pytest.mark.parametrize(
    "broken",
    [
        history(7, 0, item("x"), created="soon"),
        history(7, 0, item("x"), created=None),
        {**history(7, 0, item("x")), "id": "x"},
        {"items": [item("x")]},
        None,
        "text",
        history(7, 0, "not an item"),
    ],
)
def test_a_broken_history_is_counted_and_costs_only_itself(broken: Any) -> None:
    """The other histories are read, and the issue has the finding."""
    changes, findings = parse.transitions([history(1, 0, item("a")), broken, history(9, 9, item("b"))], WANTED)
    assert [t.to_id for t in changes] == ["a", "b"]
    assert findings == {"broken_history": 1}


def test_a_broken_item_does_not_take_its_neighbours_along() -> None:
    """The status change beside it is needed by the metrics."""
    changes, findings = parse.transitions([history(1, 0, None, item("a"), 5)], WANTED)
    assert [t.to_id for t in changes] == ["a"]
    assert findings == {"broken_history": 2}
    assert parse.issue(raw_issue(), WANTED, [history(1, 0, None)]).findings == {"broken_history": 1}


def test_from_and_to_may_be_null_empty_or_numbers() -> None:
    """Text and null are kept. An empty text stays empty."""
    raw = {"fieldId": "fixVersions", "field": "Fix Version", "from": None, "fromString": "", "to": 10, "toString": None}
    (change,), _ = parse.transitions([history(1, 0, raw)], WANTED)
    assert (change.from_id, change.from_name, change.to_id, change.to_name) == (None, "", "10", None)
