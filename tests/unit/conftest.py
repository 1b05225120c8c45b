"""What the unit tests of the readers share: both kinds of Jira."""

import pytest
from read_sites import jira_of

from sandbox.api import Jira
from sandbox.shapes import Flavour


@pytest.fixture(params=["cloud", "datacenter"])
def flavour(request: pytest.FixtureRequest) -> Flavour:
    """Return each flavour of Jira."""
    requested: Flavour = request.param
    return requested


@pytest.fixture
def jira(flavour: Flavour) -> Jira:
    """Return a site of 150 issues."""
    return jira_of(flavour)
