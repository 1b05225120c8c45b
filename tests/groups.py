"""The groups of `xdist_group`: the tests of each run in one process, which makes once what they share."""

import os
from itertools import count, groupby
from typing import Final

import pytest

# xdist counts the tests of all groups after each test: with a group per test, for 10 s of processor time.
NEIGHBOURS: Final = 25


@pytest.hookimpl(trylast=True)  # after all marks were added
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Append the group to the id of each test, because xdist sends tests with the same end to the same process.

    xdist 3.8 appends it in a way that pytest 9.2 ignores: without an error the groups would be spread.
    """
    if not config.getoption("loadgroup", default=False):
        return
    for _, tests in groupby(items, key=lambda item: item.path):
        number = count()
        for item in tests:
            mark = item.get_closest_marker("xdist_group")
            group = mark.args[0] if mark else f"{item.path.parent.name} {item.path.stem} {next(number) // NEIGHBOURS}"
            if not item.nodeid.endswith(f"@{group}"):
                item._id = item.id.parse(f"{item.nodeid}@{group}")


@pytest.hookimpl(tryfirst=True)  # so that the output and `--last-failed` have the test's own id
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Name a test without its group, in the process that collects the reports; xdist compares ids in the others."""
    path, separator, name = report.nodeid.partition("::")
    if "PYTEST_XDIST_WORKER" not in os.environ and name.rfind("@") > name.rfind("]"):
        report.nodeid = f"{path}{separator}{name.rpartition('@')[0]}"
