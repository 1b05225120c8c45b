"""The settings as they are loaded: file, environment, paths, tokens, and the secrets for redaction."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from sqlalchemy import make_url

from models.records import DEFAULT_CATEGORIES, DEFAULT_LEVELS, DeploymentRules, IncidentRules, Rules, ServiceLevelRules
from worker.errors import ConfigError
from worker.settings import ChangelogAudit, Connection, Profile, Retention, Settings, load, secrets

FULL = """
timezone = "Europe/Zagreb"
log_level = "debug"
[retention]
runs_days = 10
[changelog_audit]
every_days = 3
[connections.acme]
base_url = "https://acme.atlassian.net/"
email = "metrics@acme.example"
token_env = "ACME_JIRA_TOKEN"
requests = 50
per_seconds = 5
[profiles.payments]
connection = "acme"
jql = 'project = PAY AND "Team[Team]" = 7 ORDER BY Rank'
schedule = " 0  2 * * *"
store_summaries = false
report = "reports/payments.html"
ignored_types = []
excluded_statuses = ["Rejected"]
gone_issues = "keep_done"
[profiles.payments.fields]
points = ["Story point estimate", "Story Points"]
[profiles.payments.workflow]
waiting = ["In Review", "Blocked"]
[profiles.payments.categories]
defect = ["Bug", "Flaw"]
[profiles.payments.levels]
lead_time = [2, 14, 60]
[profiles.payments.deployments]
source = "issues"
types = ["Release"]
group_by = "fixVersions"
[profiles.payments.incidents]
types = ["Incident"]
priorities = ["High"]
excluded_resolutions = ["False alarm"]
[profiles.search]
connection = "acme"
jql = "project = SEARCH"
timezone = "Asia/Tokyo"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the full example in a folder of its own."""
    path = tmp_path / "flowbeat.toml"
    path.write_text(FULL, encoding="utf-8")
    return path


def test_a_profile_arrives_with_its_rules_and_everything_else_at_its_default(config: Path) -> None:
    """A value in the file replaces a default. Categories and levels that are not given keep theirs."""
    profile = load(config, {}).profiles["payments"]

    assert profile == Profile(
        name="payments",
        connection="acme",
        jql='project = PAY AND "Team[Team]" = 7 ORDER BY Rank',
        schedule="0 2 * * *",
        store_summaries=False,
        report=config.parent / "reports" / "payments.html",
        rules=Rules(
            timezone="Europe/Zagreb",
            workflow={"waiting": ("In Review", "Blocked")},
            categories={**DEFAULT_CATEGORIES, "defect": ("Bug", "Flaw")},
            levels={**DEFAULT_LEVELS, "lead_time": (2.0, 14.0, 60.0)},
            fields={"points": ("Story point estimate", "Story Points")},
            deployments=DeploymentRules("issues", ("Release",), "fixVersions"),
            incidents=IncidentRules(("Incident",), ("High",), ("False alarm",)),
            ignored_types=(),
            excluded_statuses=("Rejected",),
            gone_issues="keep_done",
        ),
    )


def test_a_profile_without_rules_has_the_default_rules_and_its_own_zone(config: Path) -> None:
    """A profile's time zone wins over the general one."""
    profile = load(config, {}).profiles["search"]

    assert profile.rules == Rules(timezone="Asia/Tokyo")
    assert profile.schedule is None
    assert profile.store_summaries


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("Story Points", "Story Points"),
        ("Size, in points", "Size, in points"),
        ('["Story Points"]', "Story Points"),
        ('["Story Points", "Estimate"]', ("Story Points", "Estimate")),
    ],
)
def test_points_may_be_one_field_or_several_also_from_the_environment(config: Path, text: str, points: object) -> None:
    """A field's name may contain a comma. A list of one field equals that field, so that its hash is the same."""
    profile = load(config, {"FLOWBEAT_PROFILES__PAYMENTS__FIELDS__POINTS": text}).profiles["payments"]

    assert profile.rules.fields == {"points": points}
    assert profile.rules.paths("points") == ((points,) if isinstance(points, str) else points)
    assert profile.rules.paths("deployed_at") == ()


def test_what_blocks_and_what_is_promised_become_rules(config: Path) -> None:
    """An empty list of blocked statuses is the same as no section."""
    profile = '[connections.a]\nbase_url = "https://a.example"\n[profiles.p]\nconnection = "a"\njql = "project = P"\n'
    more = """
        [profiles.p.fields]
        flagged = "Flagged"
        rework = "Unplanned. Rework"
        [profiles.p.blocked]
        statuses = ["On Hold"]
        [profiles.p.service_level]
        days = 8
        percent = 90.5
    """
    config.write_text(profile + more, encoding="utf-8")
    full = load(config, {}).profiles["p"].rules
    config.write_text(profile + "[profiles.p.blocked]\nstatuses = []\n", encoding="utf-8")
    bare = load(config, {}).profiles["p"].rules

    assert full.fields == {"flagged": "Flagged", "rework": "Unplanned. Rework"}
    assert full.blocked_statuses == ("On Hold",)
    assert full.service_level == ServiceLevelRules(8.0, 90.5)
    assert bare == Rules()


def test_a_type_that_deploys_or_is_an_incident_may_be_one_that_is_ignored_otherwise(tmp_path: Path) -> None:
    """It is never ignored, so that both lists may have it."""
    path = tmp_path / "flowbeat.toml"
    path.write_text(
        FULL.replace("ignored_types = []", 'ignored_types = ["Incident"]').replace(
            'types = ["Release"]', 'types = ["Epic"]'
        ),
        encoding="utf-8",
    )

    assert load(path, {}).profiles["payments"].rules.ignored_types == ("Incident",)


def test_a_connection_arrives_with_its_limits_and_without_the_last_slash(config: Path) -> None:
    """Paths are joined to the address later, so it ends without a slash."""
    assert load(config, {}).connections["acme"] == Connection(
        name="acme",
        base_url="https://acme.atlassian.net",
        email="metrics@acme.example",
        token_env="ACME_JIRA_TOKEN",
        requests=50,
        per_seconds=5.0,
    )


def test_general_keys_and_sections_arrive(config: Path) -> None:
    """A choice may have any case. A section with only some keys keeps the other defaults."""
    settings = load(config, {})

    assert (settings.timezone, settings.log_level, settings.path) == ("Europe/Zagreb", "DEBUG", config)
    assert settings.retention == Retention(runs_days=10)
    assert settings.changelog_audit == ChangelogAudit(every_days=3)


def test_without_a_file_the_defaults_hold_under_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many commands work before a file is written."""
    monkeypatch.chdir(tmp_path)

    assert load(None, {}) == Settings(
        database_url=f"sqlite:///{tmp_path}/flowbeat.db",
        log_dir=tmp_path / "logs",
        state_dir=tmp_path / ".flowbeat",
    )


def test_the_given_path_wins_over_the_variable_and_the_variable_over_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The place nearest to the command wins."""
    monkeypatch.chdir(tmp_path)
    for name, zone in (("flowbeat.toml", "Asia/Tokyo"), ("second.toml", "Europe/Oslo"), ("third.toml", "Africa/Cairo")):
        (tmp_path / name).write_text(f'timezone = "{zone}"', encoding="utf-8")
    environ = {"FLOWBEAT_CONFIG": "second.toml"}

    assert load(None, {}).timezone == "Asia/Tokyo"
    assert load(None, environ).timezone == "Europe/Oslo"
    assert load(Path("third.toml"), environ).timezone == "Africa/Cairo"
    assert load(None, environ).path == tmp_path / "second.toml"


def test_relative_paths_count_from_the_folder_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker started in another folder uses the same database, logs, state and token."""
    folder = tmp_path / "conf"
    folder.mkdir()
    (folder / "flowbeat.toml").write_text(
        'database_url = "sqlite:///data/x.db?timeout=5"\nlog_dir = "l"\nstate_dir = "/var/flowbeat"\n'
        '[connections.a]\nbase_url = "http://jira"\ntoken_file = "t"',
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    settings = load(Path("conf/flowbeat.toml"), {})

    assert settings.database_url == f"sqlite:///{folder}/data/x.db?timeout=5"
    assert settings.log_dir == folder / "l"
    assert settings.state_dir == Path("/var/flowbeat")
    assert settings.connections["a"].token_file == folder / "t"


def test_a_path_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder named ~ beside the file is never meant."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    path = tmp_path / "flowbeat.toml"
    path.write_text('log_dir = "~/logs"', encoding="utf-8")

    assert load(path, {}).log_dir == tmp_path / "home" / "logs"


def test_a_folder_with_url_signs_in_its_name_still_leads_to_the_right_database(tmp_path: Path) -> None:
    """SQLAlchemy decodes percent signs and cuts at a question mark. The database must be beside the settings."""
    folder = tmp_path / "50%20 done? yes"
    folder.mkdir()
    path = folder / "flowbeat.toml"
    path.write_text("", encoding="utf-8")

    assert make_url(load(path, {}).database_url).database == str(folder / "flowbeat.db")


@pytest.mark.parametrize(
    "url", ["sqlite:////srv/my data/f.db", "postgresql://u@h:5432/flowbeat", "postgresql+psycopg://h/f"]
)
def test_a_whole_database_url_stays_as_it_is(config: Path, url: str) -> None:
    """Only the path of a relative SQLite file is changed."""
    assert load(config, {"FLOWBEAT_DATABASE_URL": url}).database_url == url


def test_the_short_name_of_postgresql_in_an_address_is_taken(config: Path) -> None:
    """Many database hosts give out postgres://, which SQLAlchemy refuses."""
    assert load(config, {"FLOWBEAT_DATABASE_URL": "postgres://u@h:5432/f"}).database_url == "postgresql://u@h:5432/f"


@pytest.mark.parametrize("url", ["redis://h:6379/0", "rediss://h", "redis+socket:///run/r.sock", "unix:///run/r.sock"])
def test_every_form_of_a_redis_address_is_taken(config: Path, url: str) -> None:
    """TCP, TLS, and a socket in both spellings."""
    assert load(config, {"FLOWBEAT_REDIS_URL": url}).redis_url == url


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    """Some editors write one."""
    path = tmp_path / "flowbeat.toml"
    path.write_text('timezone = "Asia/Tokyo"', encoding="utf-8-sig")

    assert load(path, {}).timezone == "Asia/Tokyo"


# --- the environment ------------------------------------------------------------------------------------------------


def test_variables_win_over_the_file_and_become_what_the_key_is(config: Path) -> None:
    """Whole numbers, numbers, flags, lists and lists of numbers are read from text."""
    settings = load(
        config,
        {
            "FLOWBEAT_MAX_AGE_HOURS": "1.5",
            "FLOWBEAT_LOG_DIR": "/var/log/flowbeat",
            "FLOWBEAT_CHANGELOG_AUDIT__EVERY_DAYS": "14",
            "FLOWBEAT_CONNECTIONS__ACME__REQUESTS": "7",
            "FLOWBEAT_PROFILES__PAYMENTS__JQL": "project = X",
            "FLOWBEAT_PROFILES__PAYMENTS__STORE_SUMMARIES": "True",
            "FLOWBEAT_PROFILES__PAYMENTS__IGNORED_TYPES": "Epic, Theme",
            "FLOWBEAT_PROFILES__PAYMENTS__FAILURE_VALUES": '["oh, no"]',
            "FLOWBEAT_PROFILES__PAYMENTS__LEVELS__MTTR": "2, 24, 48.5",
        },
    )
    profile = settings.profiles["payments"]

    assert (settings.max_age_hours, settings.log_dir, settings.changelog_audit.every_days) == (
        1.5,
        Path("/var/log/flowbeat"),
        14,
    )
    assert (settings.connections["acme"].requests, profile.jql, profile.store_summaries) == (7, "project = X", True)
    assert profile.rules.ignored_types == ("Epic", "Theme")
    assert profile.rules.failure_values == ("oh, no",)
    assert profile.rules.levels["mttr"] == (2.0, 24.0, 48.5)


def test_a_variable_names_a_profile_in_any_case_and_with_underscores(tmp_path: Path) -> None:
    """The name of a shell variable cannot have a hyphen."""
    path = tmp_path / "flowbeat.toml"
    path.write_text('[connections.My-Jira]\nbase_url = "http://jira"', encoding="utf-8")

    assert load(path, {"flowbeat_connections__my_jira__requests": "3"}).connections["My-Jira"].requests == 3


def test_a_variable_can_open_a_section_that_the_file_leaves_out(config: Path) -> None:
    """The file must have the profile, but not the section."""
    environ = {"FLOWBEAT_PROFILES__SEARCH__DEPLOYMENTS__SOURCE": "versions"}

    assert load(config, environ).profiles["search"].rules.deployments == DeploymentRules("versions")


def test_an_empty_variable_counts_as_not_set(config: Path) -> None:
    """Compose files pass on variables that are not set."""
    assert load(config, {"FLOWBEAT_REDIS_URL": "", "FLOWBEAT_CONFIG": "", "FLOWBEAT_NONSENSE": " "}).redis_url is None


def test_a_token_variable_may_begin_like_a_setting(config: Path) -> None:
    """FLOWBEAT_JIRA_TOKEN is a natural name for a token, also if the environment chooses it."""
    environ = {"FLOWBEAT_CONNECTIONS__ACME__TOKEN_ENV": "FLOWBEAT_JIRA_TOKEN", "FLOWBEAT_JIRA_TOKEN": "s3cret"}

    assert load(config, environ).connections["acme"].token(environ) == "s3cret"


# --- tokens and secrets ---------------------------------------------------------------------------------------------


def test_a_token_is_read_when_asked_and_never_shown(config: Path) -> None:
    """The settings hold where the token is. Their repr has no token, no password and no e-mail address."""
    environ = {
        "ACME_JIRA_TOKEN": " s3cret\n",
        "FLOWBEAT_REDIS_URL": "redis://:p4ss@h/0",
        "FLOWBEAT_DATABASE_URL": "postgresql://u:w0rd@h/f",
    }
    settings = load(config, environ)

    assert settings.connections["acme"].token(environ) == "s3cret"
    for secret in ("s3cret", "p4ss", "w0rd", "metrics@acme.example"):
        assert secret not in repr(settings)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_token_file_is_read_without_what_editors_add(tmp_path: Path, encoding: str) -> None:
    """Editors add a newline at the end, and some a byte order mark at the beginning."""
    (tmp_path / "token").write_text("s3cret\n", encoding=encoding)

    assert Connection("a", "http://jira", token_file=tmp_path / "token").token({}) == "s3cret"


def test_a_connection_that_names_no_token_is_anonymous() -> None:
    """Without a place for the token, requests have no login."""
    assert Connection("a", "http://jira").token({"TOKEN": "x"}) is None


@pytest.mark.parametrize("environ", [{}, {"T": ""}, {"T": " \n"}, {"T": "two words"}])
def test_a_variable_without_a_token_is_refused_by_name_and_without_its_value(environ: Mapping[str, str]) -> None:
    """The message names the variable to set, and the log has no value."""
    with pytest.raises(
        ConfigError, match=r"connections\.a: the environment variable T (is not set|holds more)"
    ) as caught:
        Connection("a", "http://jira", token_env="T").token(environ)
    assert "two" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00"])
def test_a_token_file_that_gives_none_is_refused_by_name(tmp_path: Path, content: bytes | None) -> None:
    """It is missing, empty or not text."""
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=f"connections.a.*{file}"):
        Connection("a", "http://jira", token_file=file).token({})


def test_all_secrets_that_are_present_are_named_for_redaction(config: Path) -> None:
    """Tokens and the passwords of both URLs, as written and decoded, each once."""
    environ = {
        "ACME_JIRA_TOKEN": "s3cret",
        "FLOWBEAT_REDIS_URL": "redis://:p%40ss@h/0",
        "FLOWBEAT_DATABASE_URL": "postgresql://u:w0rd@h/f?sslpassword=k3y",
    }

    assert secrets(load(config, environ), environ) == ("s3cret", "w0rd", "k3y", "p%40ss", "p@ss")


def test_a_token_that_is_not_there_is_no_secret(config: Path) -> None:
    """Logging is configured before the token is needed."""
    assert secrets(load(config, {}), {}) == ()
