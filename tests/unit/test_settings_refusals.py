"""Configurations that are refused, each with a message: the place, the key, what is wrong, what would be right."""

from pathlib import Path

import pytest
from refused_settings import CONNECTION, PROFILE, refusal

from worker.settings import load


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        # unknown names
        ("log_level_ = 1", "log_level_ is not a known key; did you mean log_level?"),
        ("LOG_DIR = 1", "LOG_DIR is not a known key; did you mean log_dir?"),
        ("[retention]\nyears = 1", "retention.years is not a known key; known here: runs_days, fetch_operations_days"),
        (PROFILE + 'jqls = "x"', "profiles.team.jqls is not a known key; did you mean jql?"),
        (
            PROFILE + '[profiles.team.fields]\npoint = "x"',
            "profiles.team.fields.point is not a known key; did you mean",
        ),
        (
            PROFILE + "[profiles.team.levels]\nflow_time = [1, 2, 3]",
            "profiles.team.levels.flow_time is not a known key",
        ),
        # wrong types
        ("max_age_hours = true", "max_age_hours must be a number, not true or false"),
        ("[changelog_audit]\nevery_days = 1.0", "changelog_audit.every_days must be a whole number, not a number"),
        ("timezone = 1979-05-27", "timezone must be text in quotes, not a date or time"),
        ("retention = 3", "retention must be a section with its own keys, not a whole number"),
        ("[connections]\nacme = 1", "connections.acme must be a section with its own keys, not a whole number"),
        (
            PROFILE + 'report = "a.html"\n[profiles.b]\nconnection = "acme"\njql = "x = y"\nreport = "a.html"',
            "profiles.b.report names the file of profiles.team.report; give each its own",
        ),
        (PROFILE + "store_summaries = 1", "profiles.team.store_summaries must be true or false, not a whole number"),
        (
            PROFILE + 'ignored_types = "Epic"',
            'profiles.team.ignored_types must be a list of texts, as in ["A", "B"], not',
        ),
        (PROFILE + "ignored_types = [1, 'a']", "not a list that holds a whole number and text"),
        # ranges
        ("max_age_hours = nan", "max_age_hours must lie between 0.01 and 8,760, not nan"),
        ("[retention]\nlogs_days = 0", "retention.logs_days must lie between 1 and 3,650, not 0"),
        (CONNECTION + "requests = 0", "connections.acme.requests must lie between 1 and 1,000,000, not 0"),
        (CONNECTION + "per_seconds = 0", "connections.acme.per_seconds must lie between 0.001 and"),
        (CONNECTION + "concurrency = 65", "connections.acme.concurrency must lie between 1 and 64, not 65"),
        (CONNECTION + "overlap_minutes = -1", "connections.acme.overlap_minutes must lie between 0 and 10,080, not -1"),
        (CONNECTION + "timeout_seconds = inf", "connections.acme.timeout_seconds must lie between 1 and 120, not inf"),
        (PROFILE + "time_period_days = 3651", "profiles.team.time_period_days must lie between 1 and 3,650, not 3,651"),
        (PROFILE + "history_weeks = 521", "profiles.team.history_weeks must lie between 0 and 520, not 521"),
        (PROFILE + "[profiles.team.service_level]\npercent = 85", "profiles.team.service_level.days is missing"),
        (
            PROFILE + "[profiles.team.service_level]\ndays = 0",
            "service_level.days must be a finite number over 0, not 0",
        ),
        (PROFILE + "[profiles.team.service_level]\ndays = inf", "service_level.days must be a finite number over 0"),
        (PROFILE + "[profiles.team.service_level]\ndays = nan", "service_level.days must be a finite number over 0"),
        (
            PROFILE + "[profiles.team.service_level]\ndays = 1\npercent = 100.5",
            "service_level.percent must be a number over 0, up to 100, not 100.5",
        ),
        (
            PROFILE + "[profiles.team.service_level]\ndays = 1\npercent = 0.0",
            "service_level.percent must be a number over 0, up to 100, not 0.0",
        ),
        # the flag, whose history is of the whole field
        (
            PROFILE + '[profiles.team.fields]\nflagged = "customfield_10021.value"',
            "profiles.team.fields.flagged must name a field and no path below it; write customfield_10021",
        ),
        (PROFILE + "[profiles.team.blocked]", "profiles.team.blocked.statuses is missing"),
        # choices, time
        ('log_level = "WARN"', "log_level must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL; did you mean WARNING?"),
        (CONNECTION + 'flavour = "server"', "connections.acme.flavour must be one of cloud, datacenter"),
        ('timezone = "europe/zagreb"', "timezone is not a time zone of the IANA list; did you mean Europe/Zagreb?"),
        ('timezone = "Europe"', "timezone is not a time zone of the IANA list"),
        ('timezone = ""', "timezone is not a time zone of the IANA list; write for example Europe/Zagreb"),
        (PROFILE + 'timezone = "Mars"', "profiles.team.timezone is not a time zone of the IANA list"),
        (
            PROFILE + 'schedule = "0 2 * *"',
            "profiles.team.schedule is not a schedule of five fields; write minute, hour",
        ),
        (PROFILE + 'schedule = "@daily"', "profiles.team.schedule is not a schedule of five fields"),
        (
            PROFILE + 'schedule = "61 * * * *"',
            "profiles.team.schedule is not a schedule (Bad minute); write",
        ),
        (
            PROFILE + 'schedule = "0 0 31 2 *"',
            "profiles.team.schedule is not a schedule (Bad day-of-month",
        ),
        (PROFILE + 'schedule = "a b c d e"', "profiles.team.schedule is not a schedule (Bad minute"),
        # texts and lists
        (CONNECTION + '[profiles.p]\nconnection = "acme"\njql = " "', "profiles.p.jql must not be empty; give the JQL"),
        (PROFILE + '[profiles.team.fields]\npoints = ""', "profiles.team.fields.points must not be empty"),
        ('log_dir = ""', "log_dir must not be empty"),
        ('log_dir = "~nobody-of-that-name/logs"', "log_dir begins with ~, but the home folder is unknown"),
        (PROFILE + 'ignored_types = ["Epic", "EPIC"]', "profiles.team.ignored_types names 'EPIC' twice"),
        (PROFILE + 'ignored_types = [" "]', "profiles.team.ignored_types must not hold an empty text"),
        (PROFILE + "[profiles.team.incidents]\ntypes = []", "profiles.team.incidents.types must not be an empty list"),
        (PROFILE + '[profiles.team.fields]\npoints = ["A b", "a\u00a0B"]', "points names 'a\\xa0B' twice"),
        (PROFILE + "[profiles.team.fields]\npoints = []", "profiles.team.fields.points must not be an empty list"),
        (PROFILE + "[profiles.team.fields]\npoints = 3", "points must be text in quotes, or a list of texts"),
        (PROFILE + '[profiles.team.fields]\ncommitted_at = ["A"]', "committed_at must be text in quotes, not a list"),
        (PROFILE + 'gone_issues = "keep"', "gone_issues must be one of drop, keep_done; did you mean keep_done?"),
        (PROFILE + 'excluded_status = ["A"]', "excluded_status is not a known key; did you mean excluded_statuses?"),
        # missing
        ("[connections.acme]", "connections.acme.base_url is missing"),
        (CONNECTION + "[profiles.p]\nconnection = 'acme'", "profiles.p.jql is missing"),
        (PROFILE + "[profiles.team.deployments]", "profiles.team.deployments.source is missing"),
        (PROFILE + "[profiles.team.incidents]", "profiles.team.incidents.types is missing"),
        # names
        (
            "[connections.Acme]\nbase_url='http://a'\n[connections.acme]\nbase_url='http://b'",
            "connections has two sections",
        ),
        (
            "[connections.a-b]\nbase_url='http://a'\n[connections.a_b]\nbase_url='http://b'",
            "connections has two sections",
        ),
        ('[connections."a b"]\nbase_url = "http://a"', "connections.a b has no usable name; take letters"),
        ("[connections.a-_b]\nbase_url = 'http://a'", "connections.a-_b has no usable name"),
        ('[connections."a\\u001b[31m\\n"]\nbase_url = "http://a"', "connections.a\\x1b[31m\\n has no usable name"),
    ],
)
def test_a_wrong_key_or_value_is_named_with_what_would_be_right(tmp_path: Path, text: str, sentence: str) -> None:
    """One line, which names the file first and then the dotted key."""
    message = refusal(tmp_path, text)

    assert message.startswith("flowbeat.toml: ")
    assert sentence in message
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize(
    ("key", "url", "sentence"),
    [
        ("base_url", "acme.atlassian.net", "must be Jira's address with http or https"),
        ("base_url", "ftp://acme.example", "must be Jira's address with http or https"),
        ("base_url", "https://", "must be Jira's address with http or https"),
        ("base_url", "https://acme example", "must be Jira's address with http or https"),
        ("base_url", "https://bot:hunter2@acme.example", "must hold no user or password"),
        ("base_url", "https://acme.example/?os_password=hunter2", "must hold no query and no fragment"),
        ("base_url", "https://acme.example/#hunter2", "must hold no query and no fragment"),
        ("base_url", "https://acme.example/rest/api/3", "must end before /rest"),
        ("base_url", "https://acme.example:hunter2", "is not a URL whose host and port can be read"),
        ("base_url", "https://[hunter2", "is not a URL whose host and port can be read"),
        ("base_url", " https://acme.example", "must hold no line end, and no space around it"),
        ("database_url", "mysql://bot:hunter2@h/d", "must begin with sqlite:/// or postgresql://"),
        ("database_url", "sqlite://", "must name a file, which all workers share"),
        ("database_url", "sqlite:///:memory:", "must name a file, which all workers share"),
        ("database_url", "sqlite://flowbeat.db", "must name a file, which all workers share"),
        ("database_url", "sqlite:///~/flowbeat.db", "must hold the whole path of the file"),
        (
            "database_url",
            "postgresql://bot:hunter2@h/d",
            "must hold no password here; set the whole URL as FLOWBEAT_DATABASE",
        ),
        ("database_url", "postgresql://h/d?password=hunter2", "must hold no password here"),
        ("redis_url", "http://:hunter2@h", "must begin with redis://, rediss://"),
        ("redis_url", "redis://", "must name a host or a socket"),
        (
            "redis_url",
            "redis://:hunter2@h:6379/0",
            "must hold no password here; set the whole URL as FLOWBEAT_REDIS_URL",
        ),
        ("redis_url", "redis://:hun/ter2@h", "is not a URL whose host and port can be read"),
    ],
)
def test_a_wrong_address_is_refused_without_repeating_it(tmp_path: Path, key: str, url: str, sentence: str) -> None:
    """Any address may contain a password."""
    text = f'[connections.acme]\nbase_url = "{url}"' if key == "base_url" else f'{key} = "{url}"'
    message = refusal(tmp_path, text)

    assert f"{key} {sentence}" in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    "key", ["token", "password", "api_token", "api-key", "apikey", "pat", "jira_pat", "client_secret", "Bearer"]
)
def test_a_secret_in_the_file_is_refused_with_advice_and_not_shown(tmp_path: Path, key: str) -> None:
    """People share and commit the file."""
    message = refusal(tmp_path, f'{CONNECTION}{key} = "hunter2"')

    assert f"connections.acme.{key} must not stand in this file" in message
    assert "token_env" in message
    assert "token_file" in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    "token", ["ATATT3xFfGF0abc", "MTIzNDU2Nzg5MDEyOn5QkzGWv0s8aBcDeFgHiJkLmNoP", "a-token", "x" * 65]
)
def test_a_token_in_place_of_its_variable_is_refused_and_not_shown(tmp_path: Path, token: str) -> None:
    """A likely mistake is the token itself as token_env."""
    message = refusal(tmp_path, f'{CONNECTION}token_env = "{token}"')

    assert "connections.acme.token_env must be the name of an environment variable" in message
    assert token not in message


@pytest.mark.parametrize("bounds", ["[1, 7]", "[7, 1, 30]", "[1, 1, 2]", "[-1, 2, 3]", "[1, 2, inf]", "[nan, 1, 2]"])
def test_levels_out_of_order_are_refused(tmp_path: Path, bounds: str) -> None:
    """Three different finite bounds, in the direction of the metric."""
    message = refusal(tmp_path, f"{PROFILE}[profiles.team.levels]\nlead_time = {bounds}")

    assert "profiles.team.levels.lead_time must be the bounds of elite, high and medium, smallest first" in message


def test_levels_of_deployment_frequency_run_the_other_way(tmp_path: Path) -> None:
    """A higher frequency is better."""
    message = refusal(tmp_path, f"{PROFILE}[profiles.team.levels]\ndeployment_frequency = [0.1, 0.5, 1]")

    assert "largest first, as in [1, 0.143, 0.0333]" in message


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ('source = "issues"', "types is missing; source 'issues' needs it"),
        ('source = "status"', "statuses is missing; source 'status' needs it"),
        ('source = "versions"\ntypes = ["A"]', "types means nothing for source 'versions', which takes no other key"),
        ('source = "table"\nstatuses = ["A"]', "statuses means nothing for source 'table', which takes no other key"),
        ('source = "issues"\ntypes = ["A"]\nstatuses = ["B"]', "which takes group_by, types"),
        ('source = "status"\nstatuses = ["B"]\ngroup_by = "fixVersions"', "group_by means nothing for source 'status'"),
        ('source = "issues"\ntypes = "A"', "types must be a list of texts"),
        ('source = "issue"', "source must be one of issues, versions, status, table; did you mean issues?"),
        ('source = "issues"\ntypes = ["A"]\ngroup_by = "versions"', "group_by must be one of fixVersions"),
    ],
)
def test_a_source_of_deployments_takes_exactly_its_own_keys(tmp_path: Path, section: str, sentence: str) -> None:
    """A key without effect would mislead."""
    message = refusal(tmp_path, f"{PROFILE}[profiles.team.deployments]\n{section}")

    assert sentence in message
    assert message.startswith("flowbeat.toml: profiles.team.deployments.")
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize(
    ("lists", "sentence"),
    [
        (
            "workflow]\nactive = ['Review']\nwaiting = ['REVIEW']",
            "workflow.waiting names 'REVIEW', as active does; keep it",
        ),
        (
            "categories]\nrisk = ['X']\ndebt = ['x']",
            "categories.debt names 'x', as risk does; keep it in one list only",
        ),
        ("categories]\nfeature = ['bug']", "categories.feature names 'bug', as defect does by default; keep it"),
        (
            "workflow]\nactive = ['In\u00a0Review']\nwaiting = ['in  review']",
            "waiting names 'in  review', as active does",
        ),
    ],
)
def test_a_word_in_two_lists_is_refused(tmp_path: Path, lists: str, sentence: str) -> None:
    """A status has one stage and a type one category."""
    assert sentence in refusal(tmp_path, f"{PROFILE}[profiles.team.{lists}")


def test_a_default_list_that_was_replaced_lays_no_claim_any_more(tmp_path: Path) -> None:
    """A profile may make Bug a feature if its own list of defect leaves Bug out."""
    path = tmp_path / "flowbeat.toml"
    path.write_text(f"{PROFILE}[profiles.team.categories]\nfeature = ['Bug']\ndefect = []", encoding="utf-8")

    assert load(path, {}).profiles["team"].rules.categories["feature"] == ("Bug",)


@pytest.mark.parametrize(
    ("name", "advice"), [("acmee", "did you mean acme?"), ("zzz", "add a section [connections.zzz]")]
)
def test_a_connection_that_is_not_there_is_named_with_the_nearest(tmp_path: Path, name: str, advice: str) -> None:
    """With the nearest name, or else the section to add."""
    message = refusal(tmp_path, f"{CONNECTION}[profiles.team]\nconnection = '{name}'\njql = 'a = 1'")

    assert (
        message
        == f"flowbeat.toml: profiles.team.connection names '{name}', which is not a connection in this file; {advice}"
    )


def test_two_places_for_one_token_are_refused(tmp_path: Path) -> None:
    """It would be unclear which one counts."""
    message = refusal(tmp_path, f'{CONNECTION}token_env = "A"\ntoken_file = "b"')

    assert "connections.acme.token_file is set together with token_env" in message


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (
            'webhook_env = "A"\nwebhook_file = "b"',
            "notify.webhook_file is set together with webhook_env; keep only one of them",
        ),
        ('command = ["a"]\nwebhook_env = "A"', "notify.webhook_env is set together with command"),
        ("command = []", "notify.command must name a program first"),
        ('command = ["", "a"]', "notify.command must name a program first"),
        ('command = "page me"', "notify.command must be a list of texts"),
        ('webhook_env = "https://hooks.example/hunter2"', "notify.webhook_env must be the name of an environment"),
        ('webhook = "https://hooks.example/hunter2"', "notify.webhook is not a known key; did you mean webhook_"),
        ("timeout_seconds = 31", "notify.timeout_seconds must lie between 1 and 30"),
        ("overdue_minutes = 0", "notify.overdue_minutes must lie between 1 and 10,080"),
    ],
)
def test_a_way_to_notify_that_cannot_work_is_refused(tmp_path: Path, lines: str, sentence: str) -> None:
    """An address, which may be a secret, is not repeated."""
    message = refusal(tmp_path, f"[notify]\n{lines}")
    assert sentence in message
    assert "hunter2" not in message


def test_an_email_without_a_token_is_refused(tmp_path: Path) -> None:
    """Requests would be anonymous, though the user expects a login."""
    assert "connections.acme.email needs a token beside it" in refusal(tmp_path, f'{CONNECTION}email = "a@b.example"')


def test_all_mistakes_are_told_at_once_each_in_its_line(tmp_path: Path) -> None:
    """Otherwise five mistakes would take five runs."""
    message = refusal(
        tmp_path,
        'timezone = 1\nlogdir = "x"\n[connections.acme]\n[profiles.team]\nconnection = "acne"\njql = ""\n',
        FLOWBEAT_MAX_AGE_HOURS="soon",
    )
    places = [line.split(": ")[1].split()[0] for line in message.splitlines()]

    assert sorted(places) == [
        "connections.acme.base_url",
        "logdir",
        "max_age_hours",
        "profiles.team.connection",
        "profiles.team.jql",
        "timezone",
    ]
