"""The section [defaults]: laid under each profile, key by key; messages say which value came from there."""

import re
from pathlib import Path
from typing import Any

import pytest

from models.metrics.rules import rules_hash
from models.records import DEFAULT_CATEGORIES
from worker.errors import ConfigError
from worker.settings import Profile, Settings, fingerprint, load

CONNECTION = '[connections.acme]\nbase_url = "https://acme.atlassian.net"\n'
PROFILE = '[profiles.team]\nconnection = "acme"\njql = "project = PAY"\n'
DOCS = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")


def _load(folder: Path, text: str, **environ: str) -> Settings:
    path = folder / "flowbeat.toml"
    path.write_text(CONNECTION + text, encoding="utf-8")
    return load(path, environ)


def _profile(folder: Path, text: str, **environ: str) -> Profile:
    return _load(folder, text, **environ).profiles["team"]


def _refusal(folder: Path, text: str, **environ: str) -> list[str]:
    """Return the lines of the message, without the folder."""
    with pytest.raises(ConfigError) as caught:
        _load(folder, text, **environ)
    return str(caught.value).replace(f"{folder}/", "").splitlines()


# Every key that one profile can have at a time, as it is written in a section.
SHARED = """
connection = "acme"
jql = "project = PAY"
schedule = "0 2 * * *"
timezone = "Europe/Zagreb"
time_period_days = 14
history_weeks = 12
store_summaries = false
report = "page.html"
ignored_types = ["Epic"]
excluded_statuses = ["Rejected"]
excluded_resolutions = ["Obsolete"]
failure_values = ["bad"]
gone_issues = "keep_done"
[{0}.fields]
points = ["Story Points", "Estimate"]
flagged = "Flagged"
[{0}.workflow]
waiting = ["In Review"]
[{0}.categories]
defect = ["Fault"]
[{0}.levels]
cfr = [1, 2, 3]
[{0}.deployments]
source = "issues"
types = ["Deployment"]
[{0}.incidents]
types = ["Incident"]
priorities = ["High"]
[{0}.blocked]
statuses = ["Blocked"]
[{0}.service_level]
days = 10
"""


def test_every_key_means_in_the_defaults_what_it_means_in_a_profile(tmp_path: Path) -> None:
    """The hashes are equal too, so that moving a key computes and fetches nothing again."""
    own = _load(tmp_path, f"[profiles.team]\n{SHARED.format('profiles.team')}")
    shared = _load(tmp_path, f"[defaults]\n{SHARED.format('defaults')}\n[profiles.team]")
    assert shared.profiles == own.profiles
    assert rules_hash(shared.profiles["team"].rules) == rules_hash(own.profiles["team"].rules)
    assert fingerprint(shared) == fingerprint(own)


def test_a_default_that_changes_a_value_changes_the_hash(tmp_path: Path) -> None:
    """Results of other rules are not shown as those of the new rules."""
    before = _profile(tmp_path, PROFILE)
    after = _profile(tmp_path, f"{PROFILE}[defaults]\ntime_period_days = 7")
    assert rules_hash(before.rules) != rules_hash(after.rules)


@pytest.mark.parametrize(
    ("defaults", "own", "attribute", "value"),
    [
        ("[defaults]\ntime_period_days = 7", "time_period_days = 14", "time_period_days", 14),
        ("[defaults]\nignored_types = ['Epic']", "ignored_types = []", "ignored_types", ()),
        ("[defaults]\ntimezone = 'Asia/Tokyo'", "", "timezone", "Asia/Tokyo"),
        (
            "[defaults.fields]\npoints = 'A'\nflagged = 'F'",
            "[profiles.team.fields]\npoints = 'B'",
            "fields",
            {"points": "B", "flagged": "F"},
        ),
        (
            "[defaults.workflow]\nwaiting = ['In Review', 'Blocked']\ntodo = ['Open']",
            "[profiles.team.workflow]\nactive = ['IN REVIEW']",
            "workflow",
            {"waiting": ("Blocked",), "todo": ("Open",), "active": ("IN REVIEW",)},
        ),
        (
            "[defaults.categories]\nfeature = ['Story']\ndefect = ['Bug', 'Fault']",
            "[profiles.team.categories]\ndebt = ['Fault']",
            "categories",
            {**DEFAULT_CATEGORIES, "feature": ("Story",), "defect": ("Bug",), "debt": ("Fault",)},
        ),
    ],
)
def test_a_profile_wins_key_by_key(tmp_path: Path, defaults: str, own: str, attribute: str, value: Any) -> None:
    """Lists are replaced; a name that the profile puts elsewhere leaves the lists of the defaults."""
    rules = _profile(tmp_path, f"{defaults}\n{PROFILE}{own}").rules
    assert getattr(rules, attribute) == value


def test_a_profile_with_a_source_of_its_own_takes_nothing_of_the_defaults_section(tmp_path: Path) -> None:
    """Without a source its other keys join those of the defaults."""
    defaults = "[defaults.deployments]\nsource = 'issues'\ntypes = ['Deployment']\n"
    own = _profile(tmp_path, f"{defaults}{PROFILE}[profiles.team.deployments]\nsource = 'versions'").rules.deployments
    assert own is not None
    assert (own.source, own.types) == ("versions", ())
    joined = _profile(
        tmp_path, f"{defaults}{PROFILE}[profiles.team.deployments]\ntypes = ['Release']"
    ).rules.deployments
    assert joined is not None
    assert (joined.source, joined.types) == ("issues", ("Release",))


def test_a_section_may_be_half_in_the_defaults(tmp_path: Path) -> None:
    """What a section cannot do without may be in either place."""
    defaults = "[defaults.service_level]\npercent = 90\n"
    level = _profile(tmp_path, f"{defaults}{PROFILE}[profiles.team.service_level]\ndays = 5").rules.service_level
    assert level is not None
    assert (level.days, level.percent) == (5.0, 90.0)
    sentence = "flowbeat.toml: profiles.team.service_level.days is missing; this section cannot do without it"
    assert _refusal(tmp_path, defaults + PROFILE) == [sentence]


def test_defaults_alone_are_no_profile(tmp_path: Path) -> None:
    """They may lack what a profile cannot do without."""
    assert _load(tmp_path, "[defaults]\ntime_period_days = 7").profiles == {}


def test_a_variable_may_set_a_default(tmp_path: Path) -> None:
    """The profile's own key still wins, in the file or by its variable."""
    variables = {"FLOWBEAT_DEFAULTS__TIME_PERIOD_DAYS": "7"}
    assert _profile(tmp_path, PROFILE, **variables).rules.time_period_days == 7
    assert _profile(tmp_path, f"{PROFILE}time_period_days = 14", **variables).rules.time_period_days == 14
    variables["FLOWBEAT_PROFILES__TEAM__TIME_PERIOD_DAYS"] = "21"
    assert _profile(tmp_path, PROFILE, **variables).rules.time_period_days == 21


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"[defaults]\ntime_period_day = 7\n{PROFILE}", "defaults.time_period_day is not a known key; did you mean"),
        (
            f"[defaults]\ntime_period_days = 0\n{PROFILE}",
            "defaults.time_period_days must lie between 1 and 3,650",
        ),
        (
            "[defaults]\nconnection = 'acmee'\n[profiles.team]\njql = 'x = y'",
            "profiles.team.connection (from defaults.connection) names 'acmee', which is not a connection in this file",
        ),
        ("[defaults]\njql = ''\nconnection = 'acme'\n[profiles.team]", "defaults.jql must not be empty; give the JQL"),
        (
            f"[defaults.deployments]\nsource = 'versions'\n{PROFILE}[profiles.team.deployments]\ntypes = ['D']",
            "profiles.team.deployments.types means nothing for source 'versions', which takes no other key",
        ),
        (
            f"[defaults.workflow]\nwaiting = ['A']\nactive = ['a']\n{PROFILE}",
            "profiles.team.workflow.active (from defaults.workflow.active) names 'a', as waiting does; keep it in one",
        ),
        (
            f"[defaults]\nreport = 'a.html'\n{PROFILE}[profiles.b]\nconnection = 'acme'\njql = 'x = y'",
            "profiles.b.report (from defaults.report) names the file of profiles.team.report; give each its own",
        ),
        ("[[defaults]]", "defaults must be a section with its own keys, not a list"),
    ],
)
def test_a_message_says_where_the_value_came_from(tmp_path: Path, text: str, sentence: str) -> None:
    """A wrong value of the defaults is reported once; one that is wrong beside a profile's names both places."""
    (line,) = _refusal(tmp_path, text)
    assert line.startswith(f"flowbeat.toml: {sentence}")


def test_a_variable_is_named_as_the_source_of_a_default(tmp_path: Path) -> None:
    """So that a person looks at the environment, not at the file."""
    lines = _refusal(tmp_path, "[profiles.team]\njql = 'x = y'", FLOWBEAT_DEFAULTS__CONNECTION="acmee")
    assert lines[0].startswith("environment variable FLOWBEAT_DEFAULTS__CONNECTION: profiles.team.connection (from def")


def test_the_example_of_the_docs_means_what_it_says(tmp_path: Path) -> None:
    """Two profiles of one connection, the second with a workflow and deployments of its own."""
    (example,) = re.findall(r"```toml\n(\[defaults\]\n.*?)```", DOCS, re.DOTALL)
    profiles = _load(tmp_path, example).profiles
    payments, search = profiles["payments"].rules, profiles["search"].rules
    assert payments.workflow == {"waiting": ("In Review", "Blocked")}
    assert search.workflow == {"waiting": ("Blocked",), "active": ("In Review",)}
    assert payments.deployments is not None
    assert payments.deployments.source == "versions"
    assert search.deployments is not None
    assert (search.deployments.source, search.deployments.statuses) == ("status", ("Released",))
    assert (payments.time_period_days, search.time_period_days) == (30, 14)
    assert {profile.schedule for profile in profiles.values()} == {"0 2 * * *"}
