"""Deployments as a CSV file tells them: what each cell may hold, and every mistake with its line."""

import textwrap
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from console.importing import read
from models.records import TableDeployment

ZAGREB = ZoneInfo("Europe/Zagreb")
HEADER = "deployed_at,name,failed,issue_keys,versions,deployment_id\n"


def _read(text: str) -> tuple[list[TableDeployment], list[str]]:
    return read(textwrap.dedent(text).lstrip("\n"), ZAGREB)


def _one(cells: str, header: str = HEADER) -> TableDeployment:
    found, wrong = read(header + cells, ZAGREB)
    assert wrong == []
    (deployment,) = found
    return deployment


def _wrong(cells: str, header: str = HEADER) -> list[str]:
    return read(header + cells, ZAGREB)[1]


def test_a_whole_row_is_read() -> None:
    """14:03 at +01:00 is 13:03 in UTC."""
    found = _one("2026-11-20T14:03:00+01:00,build 4711,yes,PAY-12 PAY-15,2.4,b-4711\n")
    at = datetime(2026, 11, 20, 13, 3, tzinfo=UTC)
    assert found == TableDeployment("b-4711", "build 4711", at, True, ("PAY-12", "PAY-15"), ("2.4",))  # noqa: FBT003 - a record's fields in order


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("2026-11-20", datetime(2026, 11, 20, 22, 59, 59, tzinfo=UTC)),  # winter: UTC+1
        ("2026-07-01", datetime(2026, 7, 1, 21, 59, 59, tzinfo=UTC)),  # summer: UTC+2
        ("2026-10-25", datetime(2026, 10, 25, 22, 59, 59, tzinfo=UTC)),  # a day of 25 hours
    ],
)
def test_a_day_is_its_last_second_in_the_zone(text: str, second: datetime) -> None:
    """A same-day change then never took less than nothing."""
    assert _one(f"{text},n\n", "deployed_at,name\n").deployed_at == second


@pytest.mark.parametrize(
    ("word", "failed"),
    [("yes", True), ("TRUE", True), ("1", True), ("no", False), ("False", False), ("0", False), ("", False)],
)
def test_failed_is_one_of_a_few_words(word: str, *, failed: bool) -> None:
    """Nothing means it did not fail."""
    assert _one(f"2026-11-20,n,{word}\n", "deployed_at,name,failed\n").failed is failed


@pytest.mark.parametrize(
    "cell", ["PAY-1 PAY-2", "PAY-1;PAY-2", '"PAY-1, PAY-2"', "pay-1 ; pay-2 PAY-1", '"PAY-1\nPAY-2"']
)
def test_issue_keys_are_parted_by_spaces_commas_semicolons_or_lines(cell: str) -> None:
    """Each once, in upper case."""
    assert _one(f"2026-11-20,n,{cell}\n", "deployed_at,name,issue_keys\n").issue_keys == ("PAY-1", "PAY-2")


def test_a_version_name_may_hold_spaces() -> None:
    """Only commas, semicolons and lines part them."""
    found = _one('2026-11-20,n,"Release 2.4; 2.5,  Big  Bang;"\n', "deployed_at,name,versions\n")
    assert found.versions == ("Release 2.4", "2.5", "Big Bang")


def test_the_columns_stand_in_any_order_and_case() -> None:
    """Spaces around a cell mean nothing."""
    found = _one(" build , 2026-11-20T10:00Z\n", "Name, DEPLOYED_AT\n")
    assert (found.name, found.deployed_at) == ("build", datetime(2026, 11, 20, 10, tzinfo=UTC))


def test_without_an_id_the_same_instant_and_name_are_the_same_deployment() -> None:
    """However the offset is written; and a bare date does not depend on the zone."""
    header = "deployed_at,name\n"
    ids = {_one(f"{when},n\n", header).deployment_id for when in ("2026-11-20T14:00:00+01:00", "2026-11-20 13:00Z")}
    assert ids == {"2026-11-20T13:00:00.000000Z n"}
    assert read(header + "2026-11-20,n\n", ZoneInfo("UTC"))[0][0].deployment_id == "2026-11-20 n"
    assert _one("2026-11-20,n\n", header).deployment_id == "2026-11-20 n"


def test_carriage_returns_empty_lines_and_quoted_line_breaks_are_no_matter() -> None:
    """As spreadsheets write them; a name is one line."""
    found, wrong = read('deployed_at,name\r\n\r\n2026-11-20,"build\r\n4711"\r\n,\r\n2026-11-21,next', ZAGREB)
    assert wrong == []
    assert [deployment.name for deployment in found] == ["build 4711", "next"]


def test_every_mistake_is_told_at_once_with_the_line_it_stands_in() -> None:
    """Also two of one row, and behind a cell of two lines."""
    found, wrong = _read("""
        deployed_at,name,failed,issue_keys
        2026-11-20T14:03:00,a,maybe,

        2026-11-20,"b
        b",no,PAY-1
        2026-02-30,c,,
        2026-11-20,,no,PAY_1
        2026-11-20,d,no,PAY-1,PAY-2
        0226-11-20,e,,
        """)
    assert [deployment.name for deployment in found] == ["b b"]
    written = "is neither a time with its offset (2026-11-20T14:03:00+01:00) nor a day (2026-11-20)"
    assert wrong == [
        f"line 2: deployed_at '2026-11-20T14:03:00' {written}",
        "line 2: failed 'maybe' is none of yes, no, true, false, 1, 0; empty means no",
        f"line 6: deployed_at '2026-02-30' {written}",
        "line 7: name is empty",
        "line 7: issue_keys names 'PAY_1', which is no issue key such as PAY-12",
        "line 8: 5 cells where the header has 4; a cell with a comma needs quotes",
        "line 9: deployed_at '0226-11-20' lies outside the years 1970 to 9998",
    ]


def test_a_deployment_that_stands_twice_is_a_mistake() -> None:
    """By its given id, or by instant and name."""
    header = "deployed_at,name,deployment_id\n"
    assert _wrong("2026-11-20,a,7\n2026-11-21,b,7\n", header) == [
        "line 3: deployment '7' stands in line 2 already; a deployment_id tells two apart"
    ]
    assert len(_wrong("2026-11-20,a,\n2026-11-20,a,\n", header)) == 1
    assert _wrong("2026-11-20,a,1\n2026-11-20,a,2\n", header) == []


def test_a_header_that_names_no_column_of_ours_is_refused_before_any_row() -> None:
    """With the nearest name: a misspelt ``failed`` must not mean that nothing ever failed."""
    assert _wrong("x\n", "deployed_at,naem,failed,failed\n") == [
        "line 1: unknown column 'naem'; did you mean name?",
        "line 1: column 'failed' stands there 2 times",
        "line 1: column 'name' is missing",
    ]


def test_an_empty_file_is_told_what_its_header_is() -> None:
    """Rather than counted as nothing to import."""
    (sentence,) = _wrong("", "\n\n")
    assert sentence.startswith("line 1: there is no header; it names columns, separated by commas: deployed_at, name")


def test_a_quote_that_never_ends_is_told_with_the_line_it_opens_in() -> None:
    """What comes before it is looked at, and what it swallows is said to be unread."""
    (sentence,) = _wrong('2026-11-20,a\n2026-11-21,"b\n2026-11-22,c\n', "deployed_at,name\n")
    assert sentence.startswith("line 3: cannot be read as CSV (")
