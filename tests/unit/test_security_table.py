"""Each statement of docs/security.md names a test, and the test exists."""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
TABLE: Final = (ROOT / "docs" / "security.md").read_text(encoding="utf-8").partition("## Which test holds what")[2]
ROWS: Final = re.findall(r"^\| (.+) \| `(tests/\S+\.py)::(test_\w+)` \|$", TABLE, re.MULTILINE)


def test_every_row_of_the_table_names_a_test_that_exists() -> None:
    """A renamed or removed test leaves its statement without a proof."""
    lines = [line for line in TABLE.splitlines() if line.startswith("| ")]
    assert len(ROWS) == len(lines) - 1  # the heading
    missing = [
        f"{file}::{name}"
        for _, file, name in ROWS
        if not (ROOT / file).exists() or f"\ndef {name}(" not in (ROOT / file).read_text(encoding="utf-8")
    ]
    assert missing == []
    assert len({statement for statement, *_ in ROWS}) == len(ROWS)
