"""Which tests `make cover` measures: of a test for every kind of Jira and database one case, of random data none.

Python runs half as fast while its lines are counted. All tests run; the lines that only the other cases reach count as
not reached, so the figure is too low rather than too high.
"""

import re
from collections import defaultdict
from typing import Final
from zlib import crc32

import pytest
from hypothesis import is_hypothesis_test

READ_SOURCES: Final = {"test_english.py", "test_local_names.py"}  # and run no line of them
VARIANT: Final = re.compile("cloud|datacenter|sqlite|postgresql")


def unmeasured(items: list[pytest.Item]) -> list[pytest.Item]:
    """Return the tests whose lines need not be counted; each test leaves out another kind of Jira or database."""
    cases = defaultdict(list)
    for item in items:
        cases[f"{item.path} {VARIANT.sub('', item.name)}"].append(item)
    chosen = {tests[crc32(name.encode()) % len(tests)] for name, tests in cases.items()}
    chosen = {item for item in chosen if not is_hypothesis_test(getattr(item, "obj", None))}
    return [item for item in items if item not in chosen or item.path.name in READ_SOURCES]


def mark(session: pytest.Session) -> None:
    """Let pytest-cov pause for them, if it measures."""
    if session.config.pluginmanager.hasplugin("_cov"):
        for item in unmeasured(session.items):
            item.add_marker("no_cover")
