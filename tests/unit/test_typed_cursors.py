"""Stored JSON of a run or a copy is read into its types, and stored again without a change."""

import ast
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from models.records import (
    CalculationCursor,
    CopyCursor,
    CopyIdentity,
    FailedGroup,
    FetchCursor,
    LearnedSize,
    ListedNames,
    Retries,
    RunOptions,
    RunProgress,
    Verification,
    without_retries,
)

ROOT = Path(__file__).parents[2]
ROOMS = ("console", "models", "report", "scheduler", "tasks", "worker")
BAGS = {"cursor", "progress", "options"}
NOW = datetime(2026, 10, 14, 12, tzinfo=UTC)


def readings_by_key(source: str) -> Iterator[tuple[int, str]]:
    """Yield (line, attribute) of every `x.cursor["key"]`, `x.cursor.get("key")` and `"key" in x.cursor`."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case (
                ast.Subscript(value=ast.Attribute(attr=name), slice=ast.Constant(value=str()))
                | ast.Call(
                    func=ast.Attribute(value=ast.Attribute(attr=name), attr="get" | "pop" | "setdefault"),
                    args=[ast.Constant(value=str()), *_],
                )
                | ast.Compare(left=ast.Constant(value=str()), comparators=[ast.Attribute(attr=name)])
            ) if name in BAGS:
                yield node.lineno, name


@pytest.mark.parametrize("room", ROOMS)
def test_no_module_reads_stored_json_by_a_key(room: str) -> None:
    """Only the records that define a part read it from JSON. Other modules use its fields."""
    readings = {
        str(path.relative_to(ROOT)): list(readings_by_key(path.read_text())) for path in (ROOT / room).rglob("*.py")
    }
    assert readings
    assert not {name: listed for name, listed in readings.items() if listed}


@pytest.mark.parametrize(
    "source",
    ['run.cursor["a"]', 'run.progress.get("a")', 'a.run.options.get("a", 0)', '"a" not in c.cursor', 'f().cursor["a"]'],
)
def test_every_kind_of_reading_is_seen(source: str) -> None:
    """One example of each."""
    assert list(readings_by_key(source))


def test_a_field_or_a_local_is_no_reading() -> None:
    """The attribute of a typed record, an index, another mapping."""
    assert not list(readings_by_key('run.cursor.misses\nrun.cursor[0]\nsizes["a"]\nrows.cursor.get(name)'))


COPY = {
    "base_url": "https://acme.example",
    "address": None,
    "source": "s",
    "summaries": True,
    "mapped": {"customfield_1": "Points"},
    "flagged": "customfield_2",
    "resolved": {"points": ["customfield_1", "customfield_3"], "flagged": "customfield_2"},
    "watermark": "2026-10-14T12:00:00.000000Z",
    "zone": None,
    "unshown": 3,
    "is_warned": True,
    "sizes": {"ids": {"size": 9, "since": "2026-10-14T12:00:00.000000Z"}},
    "listed": {"priority": {"asked_at": "2026-10-14T12:00:00.000000Z", "names": ["High"]}},
}


def test_the_cursor_of_a_copy_is_stored_in_one_flat_object() -> None:
    """Its keys are those of existing databases. JSON has lists where the record has tuples."""
    identity = CopyIdentity(
        base_url="https://acme.example",
        source="s",
        summaries=True,
        mapped={"customfield_1": "Points"},
        flagged="customfield_2",
        resolved={"points": ("customfield_1", "customfield_3"), "flagged": "customfield_2"},
    )
    lists = {"priority": ListedNames("2026-10-14T12:00:00.000000Z", ("High",))}
    cursor = CopyCursor(
        identity, "2026-10-14T12:00:00.000000Z", None, 3, {"ids": LearnedSize(9, NOW)}, lists, is_warned=True
    )
    assert CopyCursor.from_json(COPY) == cursor
    stored = cursor.to_json()
    assert CopyCursor.from_json(stored) == cursor
    assert stored.keys() == COPY.keys()
    assert (stored["sizes"], stored["listed"], stored["mapped"]) == (COPY["sizes"], COPY["listed"], COPY["mapped"])


def test_a_part_that_was_not_stored_is_unknown() -> None:
    """The first program stored fewer parts: its copy has no known source and no refused version."""
    assert CopyCursor.from_json({}) == CopyCursor()
    assert CopyCursor().identity.summaries is None


@pytest.mark.parametrize(
    ("part", "stored"),
    [
        (RunOptions(), {}),
        (RunOptions(verify=True), {"verify": True}),
        (RunOptions(full=True), {"full": True}),
        (RunProgress(), {}),
        (RunProgress(0, None, 0), {"done": 0, "total": None, "read": 0}),
        (RunProgress(5, 9), {"done": 5, "total": 9}),
        (
            Retries(2, 1.5, NOW, "busy"),
            {"trouble": {"tries": 2, "seconds": 1.5, "since": "2026-10-14T12:00:00.000000Z", "why": "busy"}},
        ),
        (
            Verification(9, 1, (("PAY-1", ("status_id",)),)),
            {"verified": 9, "differ": 1, "differences": [["PAY-1", ["status_id"]]]},
        ),
        (CalculationCursor(), {"misses": 0}),
        (CalculationCursor(4, ("cfr",), 2), {"misses": 4, "failed": ["cfr"], "rules_changes": 2}),
    ],
)
def test_a_part_of_a_run_comes_back_as_it_was_stored(part: Any, stored: dict[str, Any]) -> None:
    """The keys are fixed too, because a run may outlive the program that began it."""
    assert part.to_json() == stored
    assert type(part).from_json(stored) == part


def test_parts_of_one_cursor_leave_each_other_alone() -> None:
    """A run's cursor holds its fetch, its calculation and its retries side by side."""
    cursor = {"stage": "end", "misses": 3, "failed": ["cfr"], "rules_changes": 1, **Retries(1).to_json()}
    assert without_retries(cursor) == {"stage": "end", "misses": 3, "failed": ["cfr"], "rules_changes": 1}
    assert CalculationCursor(rules_changes=2).replaced_in({"stage": "end", "misses": 3, "failed": ["cfr"]}) == {
        "stage": "end",
        "misses": 0,
        "rules_changes": 2,
    }
    assert Verification.from_json(cursor) is None
    assert Retries.from_json({}) == Retries()


FETCH = FetchCursor(
    stage="census",
    request_id="r",
    kind="verify",
    flavour="cloud",
    jira_now="2026-10-14T12:00:00.000000Z",
    same_source=True,
    identity=CopyIdentity(mapped={"f": "Points"}, flagged="g", resolved={"points": ("f", "h")}),
    zone="UTC",
    watermark="2026-10-13",
    newest="2026-10-14",
    position={"token": "t"},
    begun_again=1,
    seen=7,
    read=6,
    unshown=2,
    expected=9,
    audited=4,
    check_size=50,
    vanished=("1",),
    unreturned=("6",),
    is_warned=True,
    unreadable=("2",),
    pending_ids=("3",),
    failed=(FailedGroup("issues", ("4", "5"), whole=True),),
    sizes={"issues": 10},
    remembered={"issues": LearnedSize(10, NOW)},
    verification=Verification(6, 1, (("PAY-1", ("status_id",)),)),
)


@pytest.mark.parametrize("cursor", [FETCH, replace(FETCH, verification=None), FetchCursor(), FetchCursor("end", "r")])
def test_a_fetch_continues_where_its_cursor_was_stored(cursor: FetchCursor) -> None:
    """JSON holds every part of it."""
    assert FetchCursor.from_json(json.loads(json.dumps(cursor.to_json()))) == cursor


def test_a_fetch_that_is_not_planned_stores_its_request_alone() -> None:
    """It begins from any cursor without a plan, as of a run that waited before its first slice."""
    assert FetchCursor("begin", "r").to_json() == {"stage": "begin", "request_id": "r"}
    assert FetchCursor.from_json(Retries(3).to_json()) == FetchCursor()
