"""The text that `flowbeat init` writes: valid TOML that the settings accept, whatever a Jira calls things."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.init.addresses import base_url, profile_name
from console.init.records import Proposal
from console.init.template import TEMPLATE
from console.init.written import CONNECTION, PROFILE, Entry, entries_of, fill, toml_value
from worker.settings import load

PROPOSALS = (
    Proposal("", "excluded_resolutions", ("Won't Do", "Obsolete"), ("Obsolete: by its name",)),
    Proposal("fields", "points", ("Story Points", "Estimate"), ("filled in 2 of 3 issues",)),
    Proposal("workflow", "waiting", ("In Review",), ("In Review: 62 % of the time",)),
    Proposal("categories", "feature", None, ("without a category: Spike",)),
    Proposal("deployments", "source", "issues", ("type Deployment: 3 of 9 issues",)),
    Proposal("deployments", "types", ("Deployment",), ()),
    Proposal("incidents", "types", ("Incident",), ("Incident: none in the sample",), is_on=False),
    Proposal("service_level", "days", 25.0, ("85 % took at most 24.9 days",), is_on=False),
)


def test_the_settings_accept_proposals_and_answers(tmp_path: Path) -> None:
    """Active lines count, suggestions do not; the profile has its name in every section."""
    answers = {
        (CONNECTION, "base_url"): Entry("https://acme.atlassian.net"),
        (CONNECTION, "email"): Entry(is_on=False),
        (CONNECTION, "token_env"): Entry(is_on=False),
        (CONNECTION, "token_file"): Entry("jira.token"),
        (PROFILE, "jql"): Entry('project = "PAY"'),
    }
    file = tmp_path / "flowbeat.toml"
    file.write_text(fill(entries_of(PROPOSALS) | answers, "payments"), encoding="utf-8")
    settings = load(file, {})
    connection, profile = settings.connections["jira"], settings.profiles["payments"]
    assert (connection.email, connection.token_env, connection.token_file) == (None, None, tmp_path / "jira.token")
    assert profile.jql == 'project = "PAY"'
    assert profile.rules.workflow == {"waiting": ("In Review",)}
    assert profile.rules.excluded_resolutions == ("Won't Do", "Obsolete")
    assert profile.rules.deployments is not None
    assert profile.rules.deployments.types == ("Deployment",)
    assert (profile.rules.incidents, profile.rules.service_level) == (None, None)


def test_each_reason_is_a_comment_above_its_line() -> None:
    """A suggestion is switched off, and so is its section."""
    lines = fill(entries_of(PROPOSALS), "payments").splitlines()
    assert lines[lines.index("# In Review: 62 % of the time") + 1] == 'waiting = ["In Review"]'
    assert "[profiles.payments.deployments]" in lines
    place = lines.index("#[profiles.payments.incidents]")
    assert lines[place + 1 : place + 3] == ["# Incident: none in the sample", '#types = ["Incident"]']
    assert max(map(len, lines)) <= 120
    assert not any("fill in" in line or "profiles.team" in line for line in lines)


def test_what_is_not_answered_stays_as_the_template_has_it() -> None:
    """Nothing but the name of the profile and two headings changes."""
    ours, template = fill({}, "team").splitlines(), TEMPLATE.splitlines()
    assert [line for line in ours if line not in template and not line.startswith("# ---")] == []
    assert len(ours) == len(template)


def test_an_entry_without_a_place_is_an_error() -> None:
    """A key that the template lacks would be lost silently."""
    with pytest.raises(KeyError, match="no_such"):
        fill({(PROFILE, "no_such"): Entry("x")}, "team")


@given(st.text(min_size=1, max_size=30))
def test_no_name_of_a_jira_breaks_out_of_its_value_or_its_comment(name: str) -> None:
    """Quotes, line ends and control characters stay text."""
    proposals = (Proposal("workflow", "waiting", (name,), (f"{name}: 62 %",)),)
    table = tomllib.loads(fill(entries_of(proposals), "team"))
    assert table["profiles"]["team"]["workflow"] == {"waiting": [name]}
    assert table.keys() == tomllib.loads(TEMPLATE).keys()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", '"a"'),
        ('project = "A"', "'project = \"A\"'"),
        ('it\'s "A"', '"it\'s \\"A\\""'),
        (("a", "b"), '["a", "b"]'),
        (25.0, "25"),
        ("\x7f", '"\\u007f"'),
    ],
)
def test_a_value_is_written_as_people_write_it(value: str | float | tuple[str, ...], text: str) -> None:
    """A JQL with quotes stays readable."""
    assert toml_value(value) == text
    assert tomllib.loads(f"key = {text}")["key"] == (list(value) if isinstance(value, tuple) else value)


@pytest.mark.parametrize(
    ("pasted", "address"),
    [
        ("acme.atlassian.net", "https://acme.atlassian.net"),
        ("https://acme.atlassian.net/jira/software/projects/PAY/boards/1?x=1", "https://acme.atlassian.net"),
        ("https://acme.atlassian.net/browse/PAY-1", "https://acme.atlassian.net"),
        ("https://jira.example.com/", "https://jira.example.com"),
        ("https://example.com/jira", "https://example.com/jira"),
        ("https://example.com/jira/browse/PAY-1", "https://example.com/jira"),
        ("https://example.com/jira/secure/RapidBoard.jspa?rapidView=1", "https://example.com/jira"),
        ("http://127.0.0.1:8080/projects/PAY", "http://127.0.0.1:8080"),
        ("https://api.atlassian.com/ex/jira/1234", "https://api.atlassian.com/ex/jira/1234"),
        (" https://issues.apache.org/jira ", "https://issues.apache.org/jira"),
    ],
)
def test_a_pasted_page_leads_to_the_address_of_its_jira(pasted: str, address: str) -> None:
    """A context path stays; the page below it goes."""
    assert base_url(pasted) == address


@pytest.mark.parametrize(
    ("jql", "name"),
    [
        ("project = PAY", "pay"),
        ("project in (PAY, OPS) AND type = Bug", "pay"),
        ('assignee is EMPTY AND project = "Pay_Me"', "pay_me"),
        ("filter = 12345", "team"),
        ("project = A__B-_", "a_b"),
        (f"project = {'X' * 80}", "x" * 64),
        ('project = "支付"', "team"),
    ],
)
def test_a_profile_is_named_after_its_project(jql: str, name: str) -> None:
    """A name that no key can have is not taken."""
    assert profile_name(jql) == name
