"""Every module has at most 400 lines, because a longer one does two jobs."""

from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
ROOMS: Final = ("benchmarks", "console", "models", "report", "sandbox", "scheduler", "tasks", "tests", "worker")
LONGEST: Final = 400


@pytest.mark.parametrize("room", ROOMS)
def test_no_module_is_longer_than_400_lines(room: str) -> None:
    """Migrations aside, which list columns and are never changed."""
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in (ROOT / room).rglob("*.py")
        if "versions" not in path.parts
    }
    assert lengths
    assert not {name: lines for name, lines in lengths.items() if lines > LONGEST}
