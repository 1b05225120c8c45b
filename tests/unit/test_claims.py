"""Each statement of docs/claims.md and docs/security.md names a test, and the test exists."""

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
HEADING: Final = "## Which test holds what"
PAGES: Final = ("claims.md", "security.md")


@pytest.mark.parametrize("page", PAGES)
def test_every_row_of_the_table_names_a_test_that_exists(page: str) -> None:
    """A renamed or removed test leaves its statement without a proof."""
    table = (ROOT / "docs" / page).read_text(encoding="utf-8").partition(HEADING)[2]
    rows = re.findall(r"^\| (.+) \| `(tests/\S+\.py)::(test_\w+)` \|$", table, re.MULTILINE)
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    assert len(rows) == len(lines) - 1 > 20  # the heading
    missing = [
        f"{file}::{name}"
        for _, file, name in rows
        if not (ROOT / file).exists() or f"\ndef {name}(" not in (ROOT / file).read_text(encoding="utf-8")
    ]
    assert missing == []
    assert len({statement for statement, *_ in rows}) == len(rows)
