"""Deployments from a CSV file: what each cell may hold, and every mistake with its line."""

import textwrap
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from console.deployments_csv import parse_file
from models.records import TableDeployment

ZAGREB = ZoneInfo("Europe/Zagreb")
HEADER = "deployed_at,name,failed,issue_keys,versions,deployment_id\n"


def _read(text: str, zone: ZoneInfo = ZAGREB) -> tuple[list[TableDeployment], list[str]]:
    parsed = parse_file(text, zone)
    return list(parsed.deployments), list(parsed.mistakes)


def _one(cells: str, header: str = HEADER) -> TableDeployment:
    deployments, mistakes = _read(header + cells)
    assert mistakes == []
    (deployment,) = deployments
    return deployment


def _wrong(cells: str, header: str = HEADER) -> list[str]:
    return _read(header + cells)[1]


def test_a_whole_row_is_read() -> None:
    """14:03 at +01:00 is 13:03 in UTC."""
    deployment = _one("2026-11-20T14:03:00+01:00,build 4711,yes,PAY-12 PAY-15,2.4,b-4711\n")
    at = datetime(2026, 11, 20, 13, 3, tzinfo=UTC)
    assert deployment == TableDeployment("b-4711", "build 4711", at, True, ("PAY-12", "PAY-15"), ("2.4",))  # noqa: FBT003 - a record's fields in order


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("2026-11-20", datetime(2026, 11, 20, 22, 59, 59, tzinfo=UTC)),  # winter: UTC+1
        ("2026-07-01", datetime(2026, 7, 1, 21, 59, 59, tzinfo=UTC)),  # summer: UTC+2
        ("2026-10-25", datetime(2026, 10, 25, 22, 59, 59, tzinfo=UTC)),  # a day of 25 hours
    ],
)
def test_a_day_is_its_last_second_in_the_zone(text: str, second: datetime) -> None:
    """So a change of the same day never has a negative lead time."""
    assert _one(f"{text},n\n", "deployed_at,name\n").deployed_at == second


@pytest.mark.parametrize(
    ("word", "failed"),
    [("yes", True), ("TRUE", True), ("1", True), ("no", False), ("False", False), ("0", False), ("", None)],
)
def test_a_mark_is_one_of_a_few_words(word: str, *, failed: bool | None) -> None:
    """An empty cell means unknown, not "did not fail"."""
    assert _one(f"2026-11-20,n,{word}\n", "deployed_at,name,failed\n").failed is failed
    assert _one(f"2026-11-20,n,{word}\n", "deployed_at,name,rework\n").rework is failed


def test_without_the_column_nobody_knows_whether_it_failed() -> None:
    """It is unknown whether a deployment failed, and incidents decide."""
    assert _one("2026-11-20,n\n", "deployed_at,name\n").failed is None
    assert _one("2026-11-20,n\n", "deployed_at,name\n").rework is None


@pytest.mark.parametrize(
    "cell", ["PAY-1 PAY-2", "PAY-1;PAY-2", '"PAY-1, PAY-2"', "pay-1 ; pay-2 PAY-1", '"PAY-1\nPAY-2"']
)
def test_issue_keys_are_parted_by_spaces_commas_semicolons_or_lines(cell: str) -> None:
    """Each key once, in upper case."""
    assert _one(f"2026-11-20,n,{cell}\n", "deployed_at,name,issue_keys\n").issue_keys == ("PAY-1", "PAY-2")


def test_a_version_name_may_hold_spaces() -> None:
    """Only commas, semicolons and line ends separate version names."""
    deployment = _one('2026-11-20,n,"Release 2.4; 2.5,  Big  Bang;"\n', "deployed_at,name,versions\n")
    assert deployment.versions == ("Release 2.4", "2.5", "Big Bang")


def test_the_columns_stand_in_any_order_and_case() -> None:
    """Spaces around a cell are ignored."""
    deployment = _one(" build , 2026-11-20T10:00Z\n", "Name, DEPLOYED_AT\n")
    assert (deployment.name, deployment.deployed_at) == ("build", datetime(2026, 11, 20, 10, tzinfo=UTC))


def test_without_an_id_the_same_instant_and_name_are_the_same_deployment() -> None:
    """However the offset is written. The id of a date without a time does not depend on the zone."""
    header = "deployed_at,name\n"
    ids = {_one(f"{when},n\n", header).deployment_id for when in ("2026-11-20T14:00:00+01:00", "2026-11-20 13:00Z")}
    assert ids == {"2026-11-20T13:00:00.000000Z n"}
    assert _read(header + "2026-11-20,n\n", ZoneInfo("UTC"))[0][0].deployment_id == "2026-11-20 n"
    assert _one("2026-11-20,n\n", header).deployment_id == "2026-11-20 n"


def test_carriage_returns_empty_lines_and_quoted_line_breaks_are_no_matter() -> None:
    """Spreadsheets write them. A line break in a name becomes a blank."""
    deployments, wrong = _read('deployed_at,name\r\n\r\n2026-11-20,"build\r\n4711"\r\n,\r\n2026-11-21,next')
    assert wrong == []
    assert [read.name for read in deployments] == ["build 4711", "next"]


def test_every_mistake_is_told_at_once_with_the_line_it_stands_in() -> None:
    """Also two mistakes of one row, and rows after a cell of two lines."""
    text = """
        deployed_at,name,failed,issue_keys
        2026-11-20T14:03:00,a,maybe,

        2026-11-20,"b
        b",no,PAY-1
        2026-02-30,c,,
        2026-11-20,,no,PAY_1
        2026-11-20,d,no,PAY-1,PAY-2
        0226-11-20,e,,
        """
    deployments, wrong = _read(textwrap.dedent(text).lstrip())
    assert [read.name for read in deployments] == ["b b"]
    written = "is neither a time with its offset (2026-11-20T14:03:00+01:00) nor a day (2026-11-20)"
    assert wrong == [
        f"line 2: deployed_at '2026-11-20T14:03:00' {written}",
        "line 2: failed 'maybe' is none of yes, no, true, false, 1, 0; empty means unknown",
        f"line 6: deployed_at '2026-02-30' {written}",
        "line 7: name is empty",
        "line 7: issue_keys names 'PAY_1', which is not an issue key such as PAY-12",
        "line 8: 5 cells where the header has 4; a cell with a comma needs quotes",
        "line 9: deployed_at '0226-11-20' is outside the years 1970 to 9998",
    ]


# --- one deployment in several rows -----------------------------------------------------------------------------------

PER_ISSUE = """
deployed_at,name,deployment_id,issue_keys
2026-11-18T09:30:00Z,build 1,d1,PAY-1
2026-11-18T11:00:00Z,build 2,d2,PAY-4
2026-11-18T10:30:00+01:00,build 1,d1,PAY-2
2026-11-18T09:30:00Z,build 1,d1,PAY-3 PAY-1
""".lstrip()


def test_rows_of_one_id_that_differ_in_their_keys_are_one_deployment() -> None:
    """Most exports have one row for each issue. Neither the offset of an instant nor the order of rows matters."""
    parsed = parse_file(PER_ISSUE, ZAGREB)
    assert parsed.mistakes == []
    assert [(d.deployment_id, d.issue_keys) for d in parsed.deployments] == [
        ("d1", ("PAY-1", "PAY-2", "PAY-3")),
        ("d2", ("PAY-4",)),
    ]
    assert parsed.rows == 4
    assert parsed.look_alikes == []


def test_composed_letters_and_blanks_make_no_second_deployment() -> None:
    """Two systems write the same name differently, and one of them wrote each row."""
    rows = "2026-11-20,Straße é,,PAY-1,1.0 é,b é\n2026-11-20,Straße\u00a0e\u0301,,PAY-2,1.0  e\u0301,b  e\u0301\n"
    deployment = _one(rows)
    assert (deployment.deployment_id, deployment.name) == ("b é", "Straße é")
    assert (deployment.issue_keys, deployment.versions) == (("PAY-1", "PAY-2"), ("1.0 é",))


def test_rows_of_one_id_that_differ_in_their_versions_are_one_deployment() -> None:
    """A deployment carries issue keys or versions."""
    deployment = _one("2026-11-20,a,7,1.0\n2026-11-20,a,7,1.1\n", "deployed_at,name,deployment_id,versions\n")
    assert deployment.versions == ("1.0", "1.1")


@pytest.mark.parametrize(
    ("second", "columns"),
    [
        ("2026-11-21,a,no,7,PAY-2", "deployed_at"),
        ("2026-11-20,b,no,7,PAY-2", "name"),
        ("2026-11-20,a,,7,PAY-2", "failed"),
        ("2026-11-21,b,yes,7,PAY-1", "deployed_at, name, failed"),
    ],
)
def test_rows_of_one_id_that_contradict_each_other_are_a_mistake(second: str, columns: str) -> None:
    """Either row may be right, so the message names the columns that differ."""
    header = "deployed_at,name,failed,deployment_id,issue_keys\n"
    assert _wrong(f"2026-11-20,a,no,7,PAY-1\n{second}\n", header) == [
        f"line 3: deployment '7' is in line 2 already, with another {columns}; only issue_keys and versions may differ"
    ]


def test_rows_of_one_id_with_two_marks_of_rework_are_a_mistake() -> None:
    """As for ``failed``."""
    rows = "2026-11-20,a,no,7\n2026-11-20,a,yes,7\n"
    assert _wrong(rows, "deployed_at,name,rework,deployment_id\n") == [
        "line 3: deployment '7' is in line 2 already, with another rework; only issue_keys and versions may differ"
    ]


def test_exact_twins_are_one_deployment() -> None:
    """With an id, or with the same instant and name: a file that was appended to itself doubles nothing."""
    assert _one("2026-11-20,a,7\n2026-11-20,a,7\n", "deployed_at,name,deployment_id\n").deployment_id == "7"
    rows = "2026-11-20T10:00Z,a,PAY-1\n"
    assert _one(rows * 2, "deployed_at,name,issue_keys\n").issue_keys == ("PAY-1",)


@pytest.mark.parametrize(
    "rows",
    [
        "2026-11-20,a,PAY-1\n2026-11-20,a,PAY-1\n",  # a day: perhaps two deployments of it
        "2026-11-20T10:00Z,a,PAY-1\n2026-11-20T10:00Z,a,PAY-2\n",
    ],
)
def test_without_an_id_rows_of_one_name_that_may_be_two_deployments_are_a_mistake(rows: str) -> None:
    """They are neither joined nor counted twice without a message."""
    (sentence,) = _wrong(rows, "deployed_at,name,issue_keys\n")
    assert sentence.startswith("line 3: deployment '2026-11-20")
    assert sentence.endswith(
        "is in line 2 already; give both the same deployment_id if they are one, else different ones"
    )


def test_deployments_of_one_instant_and_name_are_pointed_out() -> None:
    """If the id is made of the issue, an export has one deployment for each issue."""
    header = "deployed_at,name,deployment_id,issue_keys\n"
    rows = "".join(f"2026-11-18T09:30:00Z,build 1,d1-PAY-{n},PAY-{n}\n" for n in (1, 2, 3))
    parsed = parse_file(header + rows, ZAGREB)
    assert [d.deployment_id for d in parsed.look_alikes] == ["d1-PAY-2", "d1-PAY-3"]
    assert len(parsed.deployments) == 3


# --- what spreadsheets write ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "deployed_at;name;issue_keys\n2026-11-20;a, b;PAY-1, PAY-2\n",
        '"deployed_at";"name";"issue_keys"\r\n2026-11-20;"a, b";"PAY-1;PAY-2"\r\n',
        "sep=;\r\ndeployed_at;name;issue_keys\r\n2026-11-20;a, b;PAY-1 PAY-2\r\n",
        "deployed_at\tname\tissue_keys\n2026-11-20\ta, b\tPAY-1;PAY-2\n",
    ],
)
def test_cells_are_separated_as_the_header_is(text: str) -> None:
    """Excel writes semicolons where the comma is the decimal sign."""
    (deployment,), mistakes = _read(text)
    assert mistakes == []
    assert (deployment.name, deployment.issue_keys) == ("a, b", ("PAY-1", "PAY-2"))


def test_a_cell_too_many_is_told_with_the_delimiter_of_the_file() -> None:
    """A line that sets the delimiter counts as a line."""
    assert _wrong("2026-11-20;a;b\n2026-11-20,a\n", "sep=;\ndeployed_at;name\n") == [
        "line 3: 3 cells where the header has 2; a cell with a semicolon needs quotes",
        "line 4: 1 cell where the header has 2; a cell with a semicolon needs quotes",
    ]


@pytest.mark.parametrize(
    "text",
    ["deployed_at,name,,\n2026-11-20,a,,\n", "deployed_at,name\n2026-11-20,a,,\n", "deployed_at,name,\n2026-11-20,a\n"],
)
def test_empty_columns_at_the_end_mean_nothing(text: str) -> None:
    """In the header, in the rows, or in both."""
    (deployment,), mistakes = _read(text)
    assert (mistakes, deployment.name) == ([], "a")


def test_a_column_without_a_name_is_told_by_its_place() -> None:
    """Also if a row has more cells than the header."""
    assert _wrong("", "deployed_at,,name\n") == ["line 1: column 2 has no name"]
    (sentence,) = _wrong("2026-11-20,a,x\n", "deployed_at,name,\n")
    assert sentence.startswith("line 2: 3 cells where the header has 2")


# --- headers ----------------------------------------------------------------------------------------------------------


def test_a_header_that_names_no_column_of_ours_is_refused_before_any_row() -> None:
    """With the nearest name: a misspelt ``failed`` must not mean that nothing ever failed."""
    assert _wrong("x\n", "deployed_at,naem,failed,failed\n") == [
        "line 1: unknown column 'naem'; did you mean name?",
        "line 1: column 'failed' is there 2 times",
        "line 1: column 'name' is missing",
    ]


def test_an_empty_file_is_told_what_its_header_is() -> None:
    """An empty file is a mistake, not an import of nothing."""
    (sentence,) = _wrong("", "\n\n")
    assert sentence.startswith("line 1: the header is missing; it names the columns: deployed_at, name")


def test_a_quote_that_never_ends_is_told_with_the_line_it_opens_in() -> None:
    """The rows before it are checked. The message says that the rest was not read."""
    (sentence,) = _wrong('2026-11-20,a\n2026-11-21,"b\n2026-11-22,c\n', "deployed_at,name\n")
    assert sentence.startswith("line 3: cannot be read as CSV (")
