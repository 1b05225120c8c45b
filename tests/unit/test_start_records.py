"""`models.records` imports a module when one of its names is first used; all of its names are there."""

import subprocess
import sys

import pytest

from models import records

PROGRAM = """
import sys
from models.records import Run
print(*(name for name in sys.modules if name.startswith("models.records.")))
"""


@pytest.mark.parametrize("name", records.__all__)
def test_every_name_is_there(name: str) -> None:
    """Each name leads to what its module defines."""
    assert getattr(records, name) is not None


def test_another_name_is_an_attribute_error() -> None:
    """As of any other module."""
    with pytest.raises(AttributeError, match="has no attribute 'Nobody'"):
        _ = records.Nobody  # type: ignore[attr-defined]


def test_a_run_needs_neither_issues_nor_results() -> None:
    """Only the modules that the dataclass itself needs are imported."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {"models.records.instants", "models.records.run_parts", "models.records.runs"}
